package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntaxes puts what the YAML reader says into words for people who do not write YAML every day.
// The first whose words are contained in the message counts.
var syntaxes = []struct{ says, what, hint string }{
	{"mapping values are not allowed", `": " where no key can be`, "put a value that contains it into quotes, or check the indentation of the line"},
	{"did not find expected ',' or ']'", "the list is not closed", "close it with ], and separate its items by commas"},
	{"did not find expected ',' or '}'", "the braces are not closed", "close them with }, and separate the keys by commas"},
	{"unexpected end of stream", "a quotation is not closed", "close it with the quotation mark that it began with"},
	{"did not find expected '-' indicator", "this line is no item of the list above it", "begin it with - , or indent it as the key that it belongs to"},
	{"did not find expected key", "this line fits neither what is above it nor its indentation", "indent it with as many spaces as the keys beside it"},
	{"could not find expected ':'", "a key without a colon", "write key: value"},
	{"exceeded max depth", fmt.Sprintf("nested deeper than %d levels", MaxDepth), "no policy needs that"},
	{"did not find expected <document start>", "something follows the end of the policy", "check the brackets and the indentation"},
	{"did not find expected alphabetic or numeric character", "a * or & without a name behind it", "put it into quotes if the character is meant"},
	{"unknown escape", "an unknown escape in a quotation", `write it in 'single' quotes, or double the backslash`},
}

// syntax notes an error of the YAML reader.
func (s *notes) syntax(src []byte, err error) {
	if errors.Is(err, io.EOF) {
		s.add(&yaml.Node{}, "write at least mode: monitor, or have weir init write a policy", "the file says nothing")
		return
	}
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		s.add(&yaml.Node{}, "", "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	at := &yaml.Node{Line: load.Mark.Line, Column: load.Mark.Column}
	text := lineOf(src, at.Line)
	if indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]; strings.Contains(indent, "\t") {
		at.Column = 1 + strings.IndexByte(indent, '\t')
		s.add(at, "use spaces, two for each level", "a tab indents this line, which YAML does not allow")
		return
	}
	what, hint := load.Message, "check the quotes, brackets and indentation"
	if rest, ok := strings.CutPrefix(what, "unknown anchor '"); ok {
		name := strings.TrimSuffix(rest, "' referenced")
		what, hint = "*"+name+" names an anchor that is not there", "put it into quotes if the star is meant"
	}
	if strings.Contains(what, "cannot start any token") {
		what, hint = "a value cannot begin with this character", "put the value into quotes"
	}
	misfit := strings.Contains(load.Message, "expected key") || strings.Contains(load.Message, "<document start>")
	if r := []rune(text); misfit && at.Column >= 1 && at.Column <= len(r) && strings.ContainsRune("]}", r[at.Column-1]) {
		s.add(at, "leave it out", "a bracket too many")
		return
	}
	for _, t := range syntaxes {
		if strings.Contains(load.Message, t.says) {
			what, hint = t.what, t.hint
			break
		}
	}
	if open := load.ContextMark; open.Line > 0 && open.Line < at.Line {
		what += fmt.Sprintf(" (begun at %d:%d)", open.Line, open.Column)
	}
	s.add(at, hint, "%s", what)
}

func lineOf(src []byte, line int) string {
	for range line - 1 {
		i := bytes.IndexByte(src, '\n')
		if i < 0 {
			return ""
		}
		src = src[i+1:]
	}
	if i := bytes.IndexByte(src, '\n'); i >= 0 {
		src = src[:i]
	}
	return string(src)
}
