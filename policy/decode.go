package policy

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// decoder fills Go values from YAML. Unlike the decoder of the YAML library it goes on after a
// mistake, names the place and the path of each, and takes no value for something else: no word for
// a list of one, no number for a word.
type decoder struct{ notes *notes }

// worded is a string of a fixed set of words.
type worded interface{ Words() []string }

// presetter is an item of a list that has defaults of its own.
type presetter interface{ preset() }

// value decodes n into v. What is null leaves v as it is: at its default.
func (d decoder) value(n *yaml.Node, path string, v reflect.Value, within bounds) {
	at := n
	n = resolve(n)
	switch {
	case v.Type() == reflect.TypeFor[*yaml.Node]():
		v.Set(reflect.ValueOf(n))
	case isNull(n):
	case n.Style&yaml.TaggedStyle != 0:
		d.notes.add(at, "leave the tag out", "%s: the tag %s means nothing here", path, n.Tag)
	case v.CanAddr() && d.self(at, n, path, v, within):
	case v.Kind() == reflect.Struct:
		d.fields(at, n, path, v)
	case v.Kind() == reflect.Slice:
		d.list(at, n, path, v, within)
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		d.pairs(at, n, path, v)
	case v.Kind() == reflect.Interface:
		if err := n.Decode(v.Addr().Interface()); err != nil {
			d.wrong(at, path, err)
		}
	case v.Kind() == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.value(at, path, p.Elem(), within)
		v.Set(p)
	default:
		d.scalar(at, n, path, v, within)
	}
}

// self decodes n into a value that knows how to read itself, and reports whether v is one.
func (d decoder) self(at, n *yaml.Node, path string, v reflect.Value, within bounds) bool {
	switch r := v.Addr().Interface().(type) {
	case yaml.Unmarshaler:
		if err := r.UnmarshalYAML(n); err != nil {
			d.wrong(at, path, err)
		}
	case encoding.TextUnmarshaler:
		if n.Kind != yaml.ScalarNode {
			d.notes.add(at, hintFor(v), "%s: want one value, not %s", path, describe(n))
			return true
		}
		before := reflect.ValueOf(v.Interface())
		d.accept(at, path, v, before, within, r.UnmarshalText([]byte(n.Value)))
	default:
		return false
	}
	return true
}

// wrong notes an error that a value of its own type, or the YAML library, returned.
func (d decoder) wrong(at *yaml.Node, path string, err error) {
	var own *valueError
	if errors.As(err, &own) {
		d.notes.add(at, own.hint, "%s: %s", path, own.what)
		return
	}
	d.notes.add(at, "", "%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
}

// fields decodes the mapping n into the struct v.
func (d decoder) fields(at, n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.notes.add(at, "write "+shapeOf(v.Type()), "%s: want keys and values, not %s", orPolicy(path), describe(n))
		return
	}
	known := fieldsOf(v.Type())
	for key, value := range d.members(n, path) {
		i := slices.IndexFunc(known, func(f yamlField) bool { return f.name == key.Value })
		if i < 0 {
			d.unknown(key, path, known)
			continue
		}
		f := known[i]
		d.value(value, join(path, f.name), v.FieldByIndex(f.index), f.within)
	}
}

// members calls yield with the keys and values of a mapping, and notes keys that are no words or
// appear twice.
func (d decoder) members(n *yaml.Node, path string) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		first := make(map[string]int)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			switch line := first[key.Value]; {
			case key.Kind != yaml.ScalarNode:
				d.notes.add(key, "write a word", "%s: a key is a word, not %s", orPolicy(path), describe(key))
			case key.ShortTag() == "!!merge":
				d.notes.add(key, "write the keys out", "%s: merge keys (<<) are not read", orPolicy(path))
			case line > 0:
				d.notes.add(key, "leave one of them", "the key %s appears twice: the first is on line %d", join(path, key.Value), line)
			default:
				first[key.Value] = max(1, key.Line)
				if !yield(key, n.Content[i+1]) {
					return
				}
			}
		}
	}
}

func (d decoder) unknown(key *yaml.Node, path string, known []yamlField) {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
	}
	hint := ""
	if len(d.notes.mistakes) < MaxMistakes { // later ones are not told
		hint = suggest(key.Value, path, names)
	}
	d.notes.add(key, hint, "%s has no key %s", orPolicy(path), quote(key.Value))
}

// suggest says what may have been meant by a key that is not there.
func suggest(key, path string, names []string) string {
	if best := nearest(key, names); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	if home := homeOf(key); home != "" && home != path {
		return fmt.Sprintf("%s belongs below %s", key, home)
	}
	return "the keys here are " + strings.Join(names, ", ")
}

// list decodes the sequence n into the slice v, whose default it replaces.
func (d decoder) list(at, n *yaml.Node, path string, v reflect.Value, within bounds) {
	if n.Kind != yaml.SequenceNode {
		hint := "write a list: [a, b]"
		if n.Kind == yaml.ScalarNode {
			hint = fmt.Sprintf("write [%s]", n.Value)
		}
		d.notes.add(at, hint, "%s: want a list, not %s", path, describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		inside := fmt.Sprintf("%s[%d]", path, i)
		if isNull(resolve(c)) {
			d.notes.add(c, "leave it out", "%s: an empty item", inside)
			continue
		}
		if p, ok := v.Index(i).Addr().Interface().(presetter); ok {
			p.preset()
		}
		d.value(c, inside, v.Index(i), within)
	}
}

// pairs decodes the mapping n into the map v, whose keys are the operator's own.
func (d decoder) pairs(at, n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.notes.add(at, "write key: value", "%s: want keys and values, not %s", path, describe(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, value := range d.members(n, path) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(value, join(path, key.Value), e, bounds{})
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), e)
	}
}

// A yamlField is a key that a struct has.
type yamlField struct {
	name   string
	index  []int
	within bounds
	kind   reflect.Type
}

// fieldsOf lists the keys of a struct as the YAML library would: by tag, those of inlined structs
// included.
func fieldsOf(t reflect.Type) []yamlField {
	var out []yamlField
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
			continue
		case strings.Contains(options, "inline") && f.Type.Kind() == reflect.Struct:
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
			continue
		case name == "":
			name = strings.ToLower(f.Name)
		}
		out = append(out, yamlField{name, []int{i}, parseBounds(f.Tag.Get("bounds")), f.Type})
	}
	return out
}

// homeOf returns the path of the block of a policy that has the key, if exactly one has.
func homeOf(key string) string {
	var homes []string
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		for _, f := range fieldsOf(t) {
			if f.name == key {
				homes = append(homes, orPolicy(path))
			}
			if f.kind.Kind() == reflect.Struct {
				walk(f.kind, join(path, f.name))
			}
		}
	}
	walk(reflect.TypeFor[Document](), "")
	if len(homes) != 1 {
		return ""
	}
	return homes[0]
}

// shapeOf shows the first keys of a struct, as an example.
func shapeOf(t reflect.Type) string {
	var names []string
	for _, f := range fieldsOf(t) {
		if len(names) == 2 {
			break
		}
		names = append(names, f.name+": …")
	}
	return "{" + strings.Join(names, ", ") + "}"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func orPolicy(path string) string {
	if path == "" {
		return "the policy"
	}
	return path
}

func isDuration(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Duration]() || t == reflect.TypeFor[Duration]()
}
