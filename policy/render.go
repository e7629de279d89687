package policy

import (
	"bytes"

	"go.yaml.in/yaml/v4"
)

// render writes a document as YAML.
func render(d Document) (string, error) {
	blocks := make(map[string]*yaml.Node, len(d.Inspect))
	for name, n := range d.Inspect {
		blocks[name] = expand(n)
	}
	d.Inspect = blocks
	var b bytes.Buffer
	dump, err := yaml.NewDumper(&b, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return "", err
	}
	if err := dump.Dump(d); err != nil {
		return "", err
	}
	err = dump.Close()
	return b.String(), err
}

// expand copies what the operator wrote without comments, anchors and style, aliases followed, so
// that what means the same prints the same. The tree was measured before.
func expand(n *yaml.Node) *yaml.Node {
	n = resolve(n)
	if isNull(n) {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
	}
	return copyOf(n)
}

func copyOf(n *yaml.Node) *yaml.Node {
	n = resolve(n)
	c := &yaml.Node{Kind: n.Kind, Tag: n.ShortTag(), Value: n.Value}
	if n.Kind == yaml.ScalarNode && c.Tag == "!!str" {
		c.Style = yaml.DoubleQuotedStyle
	}
	if n.Kind != yaml.ScalarNode && len(n.Content) == 0 {
		c.Style = yaml.FlowStyle
	}
	for i, child := range n.Content {
		k := copyOf(child)
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			k.Style = 0
		}
		c.Content = append(c.Content, k)
	}
	return c
}
