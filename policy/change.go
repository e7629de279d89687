package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// An Effect says what has to be done for changes to become true; several may have to.
type Effect uint8

// The effects, from the lightest.
const (
	EffectProgram  Effect = 1 << iota // lanes swap to a new engine.Program: chain, outcomes, marks
	EffectRules                       // the firewall rules are applied anew
	EffectWorker                      // a new worker process takes over; packets wait in the kernel meanwhile
	EffectQueues                      // the kernel is told what becomes of packets while a queue is full
	EffectReporter                    // a new reporter process takes over
	EffectRestart                     // Weir as a whole starts anew: queues or shared memory have another shape, or rules another writer
)

var effectNames = []string{"program", "rules", "worker", "queues", "reporter", "restart"}

// String joins the names of the effects by +.
func (e Effect) String() string {
	var on []string
	for i, name := range effectNames {
		if e&(1<<i) != 0 {
			on = append(on, name)
		}
	}
	return strings.Join(on, "+")
}

// effects says what a change of a key takes; the longest prefix of the key counts.
var effects = map[string]Effect{
	"mode":              EffectProgram,
	"divert":            EffectRules,
	"divert.backend":    EffectRestart,
	"divert.bridge":     EffectRestart,
	"divert.port":       EffectRestart,
	"divert.queues":     EffectRestart,
	"divert.rule":       EffectRestart,
	"management":        EffectRules,
	"outcomes":          EffectProgram,
	"outcomes.absent":   EffectRules,
	"outcomes.overload": EffectQueues,
	"refuse":            EffectProgram,
	"normalise":         EffectProgram,
	"limits":            EffectWorker,
	"limits.queue":      EffectRestart,
	"limits.event_ring": EffectRestart,
	"settle":            EffectRules | EffectProgram,
	"marks":             EffectRestart,
	"inspect":           EffectProgram,
	"files":             EffectProgram,
	"events":            EffectReporter,
}

// A Change is one key that two policies differ in.
type Change struct {
	Key      string // "limits.flows"; of a file "files" and its path
	Old, New string // as YAML on one line; empty where it is not there
	Effect   Effect
}

// Changes lists what differs from old to p, in the order of keys, and what it takes all together.
// An effect of 0 means that the policies are equal.
func (p *Policy) Changes(old *Policy) ([]Change, Effect) {
	was, is := old.leaves(), p.leaves()
	all := maps.Clone(was)
	maps.Copy(all, is)
	var out []Change
	var together Effect
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if was[key] != is[key] {
			c := Change{Key: key, Old: was[key], New: is[key], Effect: effectOf(key)}
			out = append(out, c)
			together |= c.Effect
		}
	}
	return out, together
}

func effectOf(key string) Effect {
	for {
		if e, ok := effects[key]; ok {
			return e
		}
		cut := strings.LastIndexByte(key, '.')
		if cut < 0 {
			return EffectRestart
		}
		key = key[:cut]
	}
}

// leaves returns what the policy says, by key, and the hashes of its files. The keys of inspectors
// end at the inspector's name.
func (p *Policy) leaves() map[string]string {
	out := make(map[string]string)
	var doc yaml.Node
	if err := yaml.Load([]byte(p.text), &doc); err != nil {
		panic("policy: what render wrote cannot be read: " + err.Error())
	}
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		if n.Kind == yaml.MappingNode && !strings.HasPrefix(path, "inspect.") {
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(n.Content[i+1], join(path, n.Content[i].Value))
			}
			return
		}
		out[path] = oneLine(n)
	}
	walk(doc.Content[0], "")
	for _, f := range p.files[1:] {
		out["files."+f.Name] = "sha256:" + hexOf(f.SHA256)
	}
	return out
}

// oneLine writes a node in flow style.
func oneLine(n *yaml.Node) string {
	var b strings.Builder
	flowText(&b, n)
	return b.String()
}

func flowText(b *strings.Builder, n *yaml.Node) {
	open, end := "[", "]"
	if n.Kind == yaml.MappingNode {
		open, end = "{", "}"
	}
	if n.Kind == yaml.ScalarNode {
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			b.WriteString(strconv.Quote(n.Value))
		} else {
			b.WriteString(n.Value)
		}
		return
	}
	b.WriteString(open)
	for i, c := range n.Content {
		switch {
		case i > 0 && n.Kind == yaml.MappingNode && i%2 == 1:
			b.WriteString(": ")
		case i > 0:
			b.WriteString(", ")
		}
		flowText(b, c)
	}
	b.WriteString(end)
}
