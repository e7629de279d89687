package policy

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// locate returns the node at path below root, such as "divert.select[0].ports"; where that is not
// there, the deepest one on the way to it. Of a value that is a list or a mapping it returns the
// key, whose place says more.
func locate(root *yaml.Node, path string) *yaml.Node {
	at, n := root, root
	for _, step := range steps(path) {
		var key, next *yaml.Node
		if index, err := strconv.Atoi(step); err == nil && resolve(n).Kind == yaml.SequenceNode {
			key, next = item(resolve(n), index)
		} else {
			key, next = member(resolve(n), step)
		}
		if next == nil {
			return at
		}
		n, at = next, next
		if resolve(n).Kind != yaml.ScalarNode && key != nil {
			at = key
		}
	}
	return at
}

// steps cuts "a.b[2].c" into a, b, 2, c.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

func item(list *yaml.Node, index int) (key, value *yaml.Node) {
	if index < 0 || index >= len(list.Content) {
		return nil, nil
	}
	return nil, list.Content[index]
}

// member returns the key and the value that a mapping has for name.
func member(m *yaml.Node, name string) (key, value *yaml.Node) {
	if m.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name {
			return m.Content[i], m.Content[i+1]
		}
	}
	return nil, nil
}

// without returns the mapping m less the key name, and the value that it had.
func without(m *yaml.Node, name string) (rest, value *yaml.Node) {
	c := *m
	c.Content = make([]*yaml.Node, 0, len(m.Content))
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name && value == nil {
			value = m.Content[i+1]
			continue
		}
		c.Content = append(c.Content, m.Content[i], m.Content[i+1])
	}
	return &c, value
}
