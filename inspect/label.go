package inspect

import "fmt"

// A Label is a fact about a flow that one inspector states and later ones read:
// "category=ads". It is one bit; the names live in a LabelTable, made with the policy.
type Label uint64

// MaxLabels is the number of labels a policy can name.
const MaxLabels = 64

// A LabelTable gives each label name of a policy its bit. It is filled before traffic
// flows and only read afterwards.
type LabelTable struct{ names []string }

// Define returns the label with the given name, new or not. The error says that
// MaxLabels is exhausted.
func (t *LabelTable) Define(name string) (Label, error) {
	if l, ok := t.Lookup(name); ok {
		return l, nil
	}
	if len(t.names) == MaxLabels {
		return 0, fmt.Errorf("label %q: a policy can name at most %d labels", name, MaxLabels)
	}
	t.names = append(t.names, name)
	return 1 << (len(t.names) - 1), nil
}

// Lookup returns the label with the given name.
func (t *LabelTable) Lookup(name string) (Label, bool) {
	for i, n := range t.names {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// Names calls yield with the name of each label in set.
func (t *LabelTable) Names(set uint64) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i, n := range t.names {
			if set&(1<<i) != 0 && !yield(n) {
				return
			}
		}
	}
}
