package policy

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
)

const (
	docsFile  = "../docs/policy.md"
	docsBegin = "<!-- keys: written by go test ./policy -update -->\n"
	docsEnd   = "<!-- end of keys -->\n"
)

// TestDocsSayWhatTheCodeSays writes the tables of docs/policy.md from the schema, and holds the
// file against them.
func TestDocsSayWhatTheCodeSays(t *testing.T) {
	src, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(src), docsBegin)
	_, after, ok2 := strings.Cut(rest, docsEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has lost its marks %q and %q", docsFile, docsBegin, docsEnd)
	}
	golden(t, docsFile, []byte(before+docsBegin+tables(generate(t))+docsEnd+after))
}

// TestDocsExamplesLoad loads every YAML block of docs/policy.md that stands for itself.
func TestDocsExamplesLoad(t *testing.T) {
	src, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, rest := range strings.Split(string(src), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(rest, "```")
		blocks++
		if _, err := loadText(t, text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	if blocks < 3 {
		t.Errorf("only %d blocks", blocks)
	}
}

func tables(s *jsonschema.Schema) string {
	var b strings.Builder
	var single []row
	var blocks []func()
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		name, block := p.Key, p.Value
		switch {
		case name == "inspect":
			blocks = append(blocks, func() { inspectorTables(&b, block) })
		case block.Properties != nil:
			blocks = append(blocks, func() {
				fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", name, block.Description)
				table(&b, rowsOf("", block))
			})
		default:
			single = append(single, rowOf(name, block))
		}
	}
	b.WriteString("\n### Single keys\n\n")
	table(&b, single)
	for _, write := range blocks {
		write()
	}
	b.WriteByte('\n')
	return b.String()
}

func inspectorTables(b *strings.Builder, s *jsonschema.Schema) {
	fmt.Fprintf(b, "\n### inspect\n\n%s\n", s.Description)
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		fmt.Fprintf(b, "\n#### inspect.%s\n\n", p.Key)
		table(b, rowsOf("", p.Value))
	}
}

type row struct{ key, takes, def, means string }

func rowsOf(path string, s *jsonschema.Schema) []row {
	var out []row
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		name := join(path, p.Key)
		if p.Value.Items != nil && blockOf(p.Value).Properties != nil {
			out = append(out, rowOf(name, p.Value))
			name += "[]"
		}
		if block := blockOf(p.Value); block.Properties != nil {
			out = append(out, rowsOf(name, block)...)
			continue
		}
		out = append(out, rowOf(name, p.Value))
	}
	return out
}

func rowOf(name string, s *jsonschema.Schema) row {
	def := ""
	if s.Default != nil {
		if _, block := blockOf(s).Default.(map[string]any); !block && blockOf(s).Properties == nil {
			def = "`" + strings.NewReplacer("map[", "{", "]", "]").Replace(strings.ReplaceAll(fmt.Sprint(s.Default), " ", ", ")) + "`"
		}
	}
	return row{"`" + name + "`", takes(s), def, strings.ReplaceAll(strings.ReplaceAll(s.Description, "\n", " "), "|", `\|`)}
}

func table(b *strings.Builder, rows []row) {
	b.WriteString("| key | takes | default | meaning |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", r.key, r.takes, r.def, r.means)
	}
}

// kinds are the names of the types that read themselves.
var kinds = map[reflect.Type]string{
	reflect.TypeFor[Size]():          "size",
	reflect.TypeFor[time.Duration](): "time",
	reflect.TypeFor[Network]():       "network",
	reflect.TypeFor[Ports]():         "port or range",
	reflect.TypeFor[Protocol]():      "protocol",
	reflect.TypeFor[Interface]():     "interface",
	reflect.TypeFor[Mask]():          "mask",
	reflect.TypeFor[Target]():        "target",
}

func takes(s *jsonschema.Schema) string {
	if len(s.Enum) > 0 {
		var words []string
		for _, w := range s.Enum {
			words = append(words, "`"+fmt.Sprint(w)+"`")
		}
		return strings.Join(words, " ")
	}
	for typ, name := range kinds {
		if p := patterns[typ]; p.Pattern != "" && p.Pattern == s.Pattern || len(p.OneOf) > 0 && len(s.OneOf) > 0 && p.OneOf[1].Pattern == s.OneOf[1].Pattern {
			return name
		}
	}
	switch {
	case s.Items != nil && blockOf(s).Properties != nil:
		return "list"
	case s.Items != nil:
		return "list of " + takes(s.Items)
	case s.Type == "integer":
		return "number"
	case s.Type == "string", s.Extras["type"] != nil:
		return "text"
	case s.Type == "boolean":
		return "`true` `false`"
	case s.AdditionalProperties != nil:
		return "keys and " + takes(s.AdditionalProperties)
	}
	return s.Type
}
