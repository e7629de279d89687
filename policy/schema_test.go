package policy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds got against the file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says; run go test ./policy -update and read the difference", name)
	}
}

// patterns are the types that read themselves, as text.
var patterns = map[reflect.Type]*jsonschema.Schema{
	reflect.TypeFor[Size]():          oneOf(`^[0-9]+ *(B|KiB|MiB|GiB|TiB)?$`),
	reflect.TypeFor[Duration]():      text(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`),
	reflect.TypeFor[time.Duration](): text(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`),
	reflect.TypeFor[Network]():       text(`^[0-9a-fA-F.:]+(/[0-9]+)?$`),
	reflect.TypeFor[Ports]():         oneOf(`^[0-9]+(-[0-9]+)?$`),
	reflect.TypeFor[Queues]():        oneOf(`^[0-9]+(-[0-9]+)?$`),
	reflect.TypeFor[Protocol]():      oneOf(`^[a-z0-9-]+$`),
	reflect.TypeFor[Interface]():     text(`^[^ /:]{1,15}$`),
	reflect.TypeFor[Mask]():          oneOf(`^0x[0-9a-fA-F]{1,8}$`),
	reflect.TypeFor[yaml.Node]():     {Type: "object"},
	reflect.TypeFor[Target]():        text(`^(stdout|/.*|unix:/.*|unixgram:/.*)$`),
}

func text(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern}
}

func oneOf(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "integer", Minimum: "0"}, text(pattern)}}
}

func reflector(t *testing.T) *jsonschema.Reflector {
	r := &jsonschema.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, DoNotReference: true, ExpandedStruct: true,
		Mapper: func(typ reflect.Type) *jsonschema.Schema {
			if s, ok := patterns[typ]; ok {
				c := *s
				return &c
			}
			if w, ok := reflect.Zero(typ).Interface().(worded); ok {
				s := &jsonschema.Schema{Type: "string"}
				for _, word := range w.Words() {
					s.Enum = append(s.Enum, word)
				}
				return s
			}
			return nil
		},
	}
	for _, dir := range append([]string{"policy"}, roomDirs()...) {
		// The library joins the two into the name of the package.
		if err := r.AddGoComments("github.com/weir-project/weir/policy", "../"+dir, jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	for key, comment := range r.CommentMap { // however it is wrapped
		r.CommentMap[key] = strings.Join(strings.Fields(comment), " ")
	}
	return r
}

func roomDirs() []string {
	var dirs []string
	for _, r := range rooms {
		dirs = append(dirs, strings.TrimPrefix(r.config.PkgPath(), "github.com/weir-project/weir/"))
	}
	return dirs
}

// generate makes the schema from the Go types.
func generate(t *testing.T) *jsonschema.Schema {
	r := reflector(t)
	s := r.Reflect(Document{})
	s.ID = jsonschema.ID(SchemaURL)
	s.Title = "weir.yaml"
	s.Description = "The policy of Weir. Every key may be left out."
	inspectors := jsonschema.NewProperties()
	for _, room := range rooms {
		c := r.ReflectFromType(room.config)
		c.Version, c.ID = "", ""
		describeAll(c, room.config, r.CommentMap)
		numbersAreTexts(c)
		c.Properties.Set("mode", &jsonschema.Schema{Type: "string", Enum: []any{"monitor", "prevent"}, Description: "monitor: this inspector only says what it would do. Left out: the mode of the policy."})
		inspectors.Set(room.name, c)
	}
	block, _ := s.Properties.Get("inspect")
	block.Properties, block.AdditionalProperties = inspectors, jsonschema.FalseSchema
	finish(s, reflect.TypeFor[Document](), defaults(t))
	nullable(s)
	return s
}

// numbersAreTexts lets whole numbers stand where an inspector takes any text: a port, a code point.
func numbersAreTexts(s *jsonschema.Schema) {
	if s.Type == "string" && s.Enum == nil && s.Pattern == "" && s.Format == "" {
		s.Type, s.Extras = "", map[string]any{"type": []string{"string", "integer"}}
	}
	if s.Items != nil {
		numbersAreTexts(s.Items)
	}
	if s.Properties != nil {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			numbersAreTexts(p.Value)
		}
	}
}

// describeAll gives keys without a comment of their own the one of the group of fields that they
// stand in, of the same key elsewhere in the room (shape.rate is as police.rate), or of their type.
func describeAll(s *jsonschema.Schema, typ reflect.Type, comments map[string]string) {
	seen := map[string]string{"name": "What events call it."}
	for range 2 { // what is described later may be as a key before it
		var walk func(s *jsonschema.Schema, typ reflect.Type)
		walk = func(s *jsonschema.Schema, typ reflect.Type) {
			group := ""
			for _, f := range fieldsOf(typ) {
				p, ok := s.Properties.Get(f.name)
				if !ok {
					continue
				}
				of := elem(f.kind)
				if p.Description == "" {
					p.Description = cmp.Or(seen[f.name], group, comments[of.PkgPath()+"."+of.Name()])
				}
				if p.Description != "" {
					seen[f.name] = cmp.Or(seen[f.name], p.Description)
				}
				group = p.Description
				if block := blockOf(p); block.Properties != nil {
					walk(block, of)
				}
			}
		}
		walk(s, typ)
	}
}

// elem returns what lists and pointers of a type are made of.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// blockOf returns the schema of a list's items, and any other schema itself.
func blockOf(s *jsonschema.Schema) *jsonschema.Schema {
	for s.Items != nil {
		s = s.Items
	}
	return s
}

func defaults(t *testing.T) map[string]any {
	d := Default()
	printed, err := render(d)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := yaml.Load([]byte(printed), &out); err != nil {
		t.Fatal(err)
	}
	delete(out["outcomes"].(map[string]any), "overload") // depends on the mode
	return out
}

// finish adds what the reflector does not know: defaults and bounds.
func finish(s *jsonschema.Schema, typ reflect.Type, def map[string]any) {
	for _, f := range fieldsOf(typ) {
		p, ok := s.Properties.Get(f.name)
		if !ok {
			continue
		}
		d := def[f.name]
		switch {
		case f.kind.Kind() == reflect.Struct && p.Properties != nil:
			inner, _ := d.(map[string]any)
			finish(p, f.kind, inner)
			continue
		case f.kind == reflect.TypeFor[[]EVE]():
			first := d.([]any)[0].(map[string]any)
			finish(p.Items, f.kind.Elem(), map[string]any{"rotate": first["rotate"]})
		case f.kind.Kind() == reflect.Slice && f.kind.Elem().Kind() == reflect.Struct && p.Items.Properties != nil:
			finish(p.Items, f.kind.Elem(), nil)
		}
		if d != nil && f.name != "inspect" {
			p.Default = d
		}
		if f.within != (bounds{}) {
			if p.Type == "integer" {
				p.Minimum, p.Maximum = json.Number(f.within.low), json.Number(f.within.high)
			}
			p.Description += fmt.Sprintf(" From %s to %s.", f.within.low, f.within.high)
		}
	}
}

// nullable lets a block be empty, as it is when all its keys are commented out.
func nullable(s *jsonschema.Schema) {
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		block := blockOf(p.Value)
		if block.Properties != nil {
			nullable(block)
			if block == p.Value {
				block.Type, block.Extras = "", map[string]any{"type": []string{"object", "null"}}
			}
		}
	}
}

func TestSchemaIsWhatTheCodeSays(t *testing.T) {
	b, err := json.MarshalIndent(generate(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "weir.schema.json", append(b, '\n'))
	if !*update && !bytes.Equal(Schema(), append(b, '\n')) {
		t.Error("Schema returns something else")
	}
}

// TestEveryKeyIsDocumented wants a description of each key, inspectors' keys included.
func TestEveryKeyIsDocumented(t *testing.T) {
	keys := 0
	var walk func(path string, s *jsonschema.Schema)
	walk = func(path string, s *jsonschema.Schema) {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			keys++
			here := join(path, p.Key)
			if p.Value.Description == "" && strings.Count(here, ".") != 1 {
				t.Errorf("%s: the field has no comment", here)
			}
			block := blockOf(p.Value)
			if block.Properties != nil {
				walk(here, block)
			}
		}
	}
	walk("", generate(t))
	if keys < 60 {
		t.Errorf("only %d keys were seen", keys)
	}
}

func compile(t *testing.T) *validator.Schema {
	t.Helper()
	b, err := json.Marshal(generate(t)) // what Schema returns, as TestSchemaIsWhatTheCodeSays has it
	if err != nil {
		t.Fatal(err)
	}
	doc, err := validator.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource(SchemaURL, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaURL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds a policy against the schema as an editor does.
func validate(t *testing.T, s *validator.Schema, src []byte) error {
	t.Helper()
	var value any
	if err := yaml.Load(src, &value); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	value, err = validator.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

func TestSchemaTakesGoodPolicies(t *testing.T) {
	s := compile(t)
	for name, src := range goodPolicies(t) {
		if err := validate(t, s, src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefusesBadPolicies(t *testing.T) {
	s := compile(t)
	for _, src := range []string{
		"mod: monitor", "mode: observe", "mode: 3", "divert: []", "divert: {queues: -1}", "divert: {select: [{port: [80]}]}",
		"outcomes: {limit: maybe}", "limits: {flows: 3}", "limits: {held: 3 MB}", "limits: {timeouts: {tcp_closing: 10}}",
		"events: {eve: [{to: eve.json}]}", "management: 192.0.2.1", "refuse: [tcp]", "inspect: {antivirus: {}}",
		"inspect: {dlp: {detector: []}}", "inspect: {dlp: {mode: off}}",
	} {
		if validate(t, s, []byte(src)) == nil {
			t.Errorf("the schema takes %s", src)
		}
	}
}

// goodPolicies are the examples, what weir init writes, and what Text prints of them.
func goodPolicies(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	out := map[string][]byte{"init": []byte(InitText(Host{})), "null blocks": []byte("mode: monitor\ndivert:\nlimits:\n  timeouts:\n")}
	for _, f := range files {
		if out[f], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	for name, src := range out {
		p, err := loadText(t, string(src))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.HasSuffix(name, " printed") {
			out[name+" printed"] = []byte(p.Text())
		}
	}
	return out
}
