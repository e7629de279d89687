package dlp

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
)

const card = "4000 0000 0000 0002"

func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// codes write a text in another; each is undone by the standard library.
var codes = map[string]struct {
	in  func(string) string
	out func(string) (string, error)
}{
	"form":   {func(s string) string { return "a=b&pay=" + url.QueryEscape(s) }, func(s string) (string, error) { return url.QueryUnescape(s[len("a=b&pay="):]) }},
	"json":   {inJSON, outOfJSON},
	"base64": {func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, func(s string) (string, error) { b, err := base64.StdEncoding.DecodeString(s); return string(b), err }},
	"utf-16": {wide, func(s string) (string, error) { return strings.ReplaceAll(s, "\x00", ""), nil }},
}

func inJSON(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\u%04x`, s[i])
	}
	return `{"pay":"` + b.String() + `"}`
}

func outOfJSON(s string) (string, error) {
	var v struct{ Pay string }
	err := json.Unmarshal([]byte(s), &v)
	return v.Pay, err
}

// TestMaskedInItsCode writes a text with a card in up to three codes, one in another, and wants it to arrive masked and otherwise as it was.
func TestMaskedInItsCode(t *testing.T) {
	names := []string{"form", "json", "base64", "utf-16"}
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.StringMatching(`[xyz ,]{20,60} `).Draw(rt, "before") + card + rapid.StringMatching(` [xyz ,]{0,40}`).Draw(rt, "after")
		text, used := plain, []string{}
		for range rapid.IntRange(0, 3).Draw(rt, "depth") {
			n := rapid.SampledFrom(names).Draw(rt, "code")
			if len(used) > 0 && n == "utf-16" {
				continue
			}
			text, used = codes[n].in(text), append(used, n)
		}
		l := lane(t, detecting("card", "mask"))
		l.Stream(inspecttest.UDP(client, server, []byte(text)))
		got := string(l.Apply([]byte(text)))
		if len(got) != len(text) {
			rt.Fatalf("%v: %d bytes became %d", used, len(text), len(got))
		}
		for i := len(used) - 1; i >= 0; i-- {
			var err error
			if got, err = codes[used[i]].out(got); err != nil {
				rt.Fatalf("%v: %v", used, err)
			}
		}
		if want := strings.Replace(plain, card, "XXXX XXXX XXXX XXXX", 1); got != want || len(l.Events) == 0 || l.Events[0].Name != "card" || slices.ContainsFunc(l.Events[1:], isCard) {
			rt.Fatalf("%v: %q arrives, want %q; %d events", used, got, want, len(l.Events))
		}
		if got := inspecttest.Pair(&l.Events[0], "code").Text; (got == "") != (len(used) == 0) {
			rt.Fatalf("%v: told of as in %q", used, got)
		}
	})
}

// isCard is for events: a text in many codes may also be told of as one that was not looked at in all of them.
func isCard(e event.Event) bool { return e.Name == "card" }

// TestSaidInAnotherCode: what says what a number is is written in a code, and the number is not.
func TestSaidInAnotherCode(t *testing.T) {
	for text, want := range map[string]string{
		"note=my+card+number%3A+4000000000000002&go=1":    "note=my+card+number%3A+XXXXXXXXXXXXXXXX&go=1",
		"4000000000000010+is+no+card%3A+4000000000000002": "XXXXXXXXXXXXXXXX+is+no+card%3A+XXXXXXXXXXXXXXXX",
		`{"note":"card:\t4000000000000002\n"}`:            `{"note":"card:\tXXXXXXXXXXXXXXXX\n"}`,
		"card 4000000000000002+and%3A+":                   "card XXXXXXXXXXXXXXXX+and%3A+",
	} {
		l := lane(t, detecting("card", "mask"))
		l.Stream(inspecttest.UDP(client, server, []byte(text)))
		if got := string(l.Apply([]byte(text))); got != want || len(l.Events) != strings.Count(want, "XXXXXXXXXXXXXXXX") {
			t.Errorf("%q arrives, want %q; %d events", got, want, len(l.Events))
		}
		for i := range l.Events {
			if code := inspecttest.Pair(&l.Events[i], "code").Text; code != "" {
				t.Errorf("%q: told of as in %q", text, code)
			}
		}
	}
}

// TestMaskedWhereCodesLieInMaskedOnes: a key in base64 has line breaks that are escapes, so it is there to be found once more in what base64 stands for, and
// may not be found as its mask.
func TestMaskedWhereCodesLieInMaskedOnes(t *testing.T) {
	const head = `-----BEGIN DSA PRIVATE KEY-----\n`
	body := strings.Repeat("f50JOKlT4OXgNvc9eV+ootVcjwKtP5nd", 2)
	for _, before := range []string{"key: ", "%41 key: ", "&#65; \\u0041 key: "} {
		var text, want string // of so many that their order is another one than that in which they were found
		for range 40 {
			text += before + base64.StdEncoding.EncodeToString([]byte(head+body)) + ".\n"
			want += before + base64.StdEncoding.EncodeToString([]byte(head+strings.Repeat("X", len(body)))) + ".\n"
		}
		l := lane(t, detecting("private-key", "mask"))
		l.Stream(inspecttest.UDP(client, server, []byte(text)))
		if got := string(l.Apply([]byte(text))); got != want {
			t.Errorf("%s: %q arrives, want %q", before, got, want)
		}
	}
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct{ yaml, text, want string }{
		{"templates: [pci]", "pay 4000000000000002, +49 30 901820", "pay XXXXXXXXXXXX0002, +49 30 901820"},
		{"{templates: [personal], detectors: [{name: phone, action: mask}]}", "4000000000000002, +49 30 901820", "4000000000000002, +XX XX XXXXXX"},
		{"{templates: [pci], detectors: [{name: card, action: ignore, servers: [198.51.100.1]}]}", "pay 4000000000000002", "pay 4000000000000002"},
		{"{templates: [pci], detectors: [{name: card, action: ignore, servers: [198.51.100.2]}]}", "pay 4000000000000002", "pay XXXXXXXXXXXX0002"},
		{"{templates: [secrets], detectors: [{name: aws-access-key, action: mask, keep: 4}]}", "key AKIAQ3EGRZ7TKPLM5XYA", "key XXXXXXXXXXXXXXXX5XYA"},
	} {
		l := lane(t, inspecttest.Load[Config](t, c.yaml))
		l.Stream(inspecttest.UDP(client, server, []byte(c.text)))
		if got := string(l.Apply([]byte(c.text))); got != c.want {
			t.Errorf("%s: %q, want %q", c.yaml, got, c.want)
		}
	}
	if _, m := New(inspecttest.Load[Config](t, "templates: [pci, pc, pci]"), inspect.Env{}); len(m) != 2 || m[0].Path != "templates[1]" || m[1].Path != "templates[2]" {
		t.Errorf("%+v", m)
	}
}

// TestScopes has a rule apply where it says.
func TestScopes(t *testing.T) {
	text := []byte("pay 4000000000000002")
	for yaml, want := range map[string]int{
		"{direction: to-server}":                          1,
		"{direction: to-client}":                          0,
		"{clients: [192.0.2.0/24]}":                       1,
		"{clients: [192.0.2.2, 2001:db8::/32]}":           0,
		"{servers: [198.51.100.1], clients: [192.0.2.1]}": 1,
		"{servers: [192.0.2.1]}":                          0,
		"{fields: [payload]}":                             1,
		"{fields: [http.request_body]}":                   0,
		"{score: 60}":                                     1,
		"{score: 100}":                                    0,
	} {
		d := inspecttest.Load[Detector](t, yaml)
		d.Name = "card"
		l := lane(t, Config{Detectors: []Detector{d}})
		l.Stream(inspecttest.TCP(client, server, text))
		if len(l.Events) != want {
			t.Errorf("%s: %d events", yaml, len(l.Events))
		}
	}
}

// TestScan reads a file larger than what is looked at at once, and knows line and column.
func TestScan(t *testing.T) {
	s, m := NewScan(Config{Templates: []string{"pci", "secrets"}})
	if len(m) > 0 {
		t.Fatal(m)
	}
	line := strings.Repeat("nothing of interest here; ", 40) + "\n"
	var text strings.Builder
	var want []string
	for n := range 1000 {
		if n%100 == 17 {
			want = append(want, fmt.Sprintf("card at %d:5", n+1))
			text.WriteString("pay 4000000000000002\n")
			continue
		}
		text.WriteString(line)
		if n%100 == 18 { // a text in the text, and much behind it
			text.WriteString(base64.StdEncoding.EncodeToString([]byte("nothing of interest here either; ")) + "; ")
		}
	}
	var got []string
	var masked bytes.Buffer
	scan := func() {
		err := s.Read(strings.NewReader(text.String()), func(e *eventOf, at Place) {
			got = append(got, fmt.Sprintf("%s at %d:%d", e.Name, at.Line, at.Col))
			if text.String()[at.Offset:][:4] != "4000" {
				t.Errorf("offset %d", at.Offset)
			}
		}, &masked)
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		got, masked = nil, bytes.Buffer{}
		if scan(); strings.Join(got, ",") != strings.Join(want, ",") || masked.String() != strings.ReplaceAll(text.String(), "4000000000000002", "XXXXXXXXXXXX0002") {
			t.Errorf("%q, want %q; %d bytes masked of %d", got, want, masked.Len(), text.Len())
		}
	}
}

// TestCompressedIsNotText: what nobody has decompressed is no text, and no false alarm.
func TestCompressedIsNotText(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for i := range 100_000 {
		fmt.Fprintf(w, "%d,", i*i)
	}
	w.Close()
	l := lane(t, Config{Templates: []string{"pci", "personal", "secrets"}})
	for text := b.Bytes(); len(text) > 1400; text = text[1400:] {
		l.Stream(inspecttest.UDP(client, server, text[:1400]))
	}
	if len(l.Events) > 0 {
		t.Errorf("%+v", l.Events[0])
	}
}
