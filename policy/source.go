package policy

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// Limits of a policy file. What exceeds them is a mistake.
const (
	MaxBytes = 1 << 20 // of weir.yaml itself
	MaxNodes = 100_000 // keys and values, every alias counted as what it stands for
	MaxDepth = 32      // of nesting
)

// parse reads src into the mapping at its root. It returns nil where that cannot be read at all;
// notes says why.
func parse(src []byte, s *notes) *yaml.Node {
	src, ok := readable(src, s)
	if !ok {
		return nil
	}
	dec, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxDepth))))
	if err != nil {
		panic("policy: options of the YAML loader: " + err.Error())
	}
	var doc yaml.Node
	if err := dec.Load(&doc); err != nil {
		s.syntax(src, err)
		return nil
	}
	var second yaml.Node
	if err := dec.Load(&second); err == nil {
		s.add(&second, "remove the line --- and what follows it", "a second document: a policy is one document")
	} else if !errors.Is(err, io.EOF) {
		s.syntax(src, err)
		return nil
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		s.add(&yaml.Node{}, "write at least mode: monitor, or have weir init write a policy", "the file says nothing")
		return nil
	}
	root := doc.Content[0]
	if !measure(root, s) {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		s.add(root, "begin with mode: monitor", "a policy is made of keys and values, not %s", describe(root))
		return nil
	}
	return root
}

// readable refuses what is no UTF-8 text, and takes a byte order mark off.
func readable(src []byte, s *notes) ([]byte, bool) {
	whole := &yaml.Node{}
	switch {
	case len(bytes.TrimSpace(src)) == 0:
		s.add(whole, "have weir init write a policy", "the file is empty")
		return nil, false
	case bytes.HasPrefix(src, []byte{0xff, 0xfe}), bytes.HasPrefix(src, []byte{0xfe, 0xff}):
		s.add(whole, "save it as UTF-8", "the file is UTF-16 text")
		return nil, false
	}
	if text, marked := bytes.CutPrefix(src, []byte("\xef\xbb\xbf")); marked {
		s.warn(&yaml.Node{Line: 1, Column: 1}, "save it as UTF-8 without BOM", "the file begins with a byte order mark, which is left out")
		src = text
	}
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		control := r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f
		if control || r == utf8.RuneError && n == 1 {
			s.add(placeOf(src, i), "a policy is UTF-8 text: is this the right file?", "the file is not text: byte %#02x", src[i])
			return nil, false
		}
		i += n
	}
	return src, true
}

// placeOf returns a node at byte i of src, for its place alone.
func placeOf(src []byte, i int) *yaml.Node {
	before := src[:i]
	start := bytes.LastIndexByte(before, '\n') + 1
	return &yaml.Node{Line: 1 + bytes.Count(before, []byte{'\n'}), Column: 1 + utf8.RuneCount(before[start:])}
}

// measure holds the tree below root, aliases followed, against MaxNodes and MaxDepth, so that
// whoever walks it later need not.
func measure(root *yaml.Node, s *notes) bool {
	left := MaxNodes
	var walk func(n *yaml.Node, depth int) bool
	walk = func(n *yaml.Node, depth int) bool {
		at := n
		n = resolve(n)
		if left--; left < 0 {
			s.add(at, "write fewer aliases, or put long lists into files", "more than %d keys and values, aliases followed", MaxNodes)
			return false
		}
		if depth > MaxDepth {
			s.add(at, "an anchor that contains an alias of itself?", "nested deeper than %d levels", MaxDepth)
			return false
		}
		for _, c := range n.Content {
			if !walk(c, depth+1) {
				return false
			}
		}
		return true
	}
	return walk(root, 1)
}

// resolve returns what an alias stands for, and any other node itself.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// describe says in a few words what n is, for messages.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case isNull(n):
		return "nothing"
	}
	return quote(n.Value)
}

// quote puts a value in quotes, shortened, on one line.
func quote(v string) string {
	const most = 60
	if r := []rune(v); len(r) > most {
		v = string(r[:most]) + "…"
	}
	return `"` + strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(v) + `"`
}
