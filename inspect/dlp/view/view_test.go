package view

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// shown is every view of a text, "path: text", but for the text itself.
func shown(f *Finder, before, text string, more bool) (views []string) {
	f.Begin([]byte(before), []byte(text), more)
	for v := f.Next(); v != nil; v = f.Next() {
		if p := v.Path(); p[0] != Plain {
			views = append(views, fmt.Sprintf("%s: %s", p.Append(nil), v.Text))
		}
	}
	return views
}

func wide(s string, bigEndian bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if bigEndian {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

func coded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestViews(t *testing.T) {
	const secret = "the card is 4111 1111 1111 1111"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                {secret, nil},
		"percent signs":          {"card=4111%201111%2d1111", []string{"escapes: card=4111 1111-1111"}},
		"what is none":           {"100% of %zz and %4", nil},
		"plus signs":             {"card=4111+1111&x=a+b", []string{"escapes: card=4111 1111&x=a b"}},
		"a row of plus signs":    {"pay=+++41+11", []string{"escapes: pay=   41 11"}},
		"sums":                   {"a + b, c+d, +49 30", nil},
		"JSON":                   {`{"card":"\u0034111\/1111"}`, []string{`escapes: {"card":"4111/1111"}`}},
		"JSON in JSON":           {`{"a":"{\"b\":1}"}`, []string{`escapes: {"a":"{"b":1}"}`}},
		"a sign":                 {`\u20ac 5`, []string{"escapes: € 5"}},
		"references":             {"&#52;&#x31;11&amp;&#;&#x;", []string{"escapes: 4111&amp;&#;&#x;"}},
		"twice":                  {"%2534111", []string{"escapes: %34111", "escapes/escapes: 4111"}},
		"base64":                 {coded(secret), []string{"base64: " + secret}},
		"without padding":        {strings.TrimRight(coded(secret+"."), "="), []string{"base64: " + secret + "."}},
		"shorter than a value":   {coded("too short"), nil},
		"in JSON":                {`{"d":"` + coded(secret) + `"}`, []string{"base64: " + secret}},
		"behind other letters":   {"/a/path/" + coded(secret), []string{"base64: \xfd\xaf\xe9j\xd8\x7f" + secret}},
		"in lines":               {coded(strings.Repeat(secret, 2))[:76] + "\r\n" + coded(strings.Repeat(secret, 2))[76:], []string{"base64: " + secret + secret}},
		"in front of a word":     {coded(secret+secret+secret) + "\nbye\n", []string{"base64: " + secret + secret + secret}},
		"in front of a boundary": {coded(secret+secret+secret) + "\r\n--b0undary--\r\n", []string{"base64: " + secret + secret + secret}},
		"the URL alphabet":       {base64.RawURLEncoding.EncodeToString([]byte("??>>~~" + secret)), []string{"base64: ??>>~~" + secret}},
		"with percent signs":     {url.QueryEscape(coded("??>>~~" + secret)), []string{"escapes: " + coded("??>>~~"+secret), "escapes/base64: ??>>~~" + secret, "base64: " + secret}},
		"base64 in base64":       {coded(coded(secret)), []string{"base64: " + coded(secret), "base64/base64: " + secret}},
		"deeper than anybody":    {coded(coded(coded(coded(secret)))), []string{"base64: " + coded(coded(coded(secret))), "base64/base64: " + coded(coded(secret)), "base64/base64/base64: " + coded(secret)}},
		"UTF-16":                 {wide(secret, false), []string{"utf-16: " + secret}},
		"UTF-16, big endian":     {"\xfe\xff" + wide(secret, true), []string{"utf-16: " + secret}},
		"UTF-16 in base64":       {coded(wide(secret, false)), []string{"base64: " + wide(secret, false), "base64/utf-16: " + secret}},
		"UTF-16 behind zeros":    {"\x00\x00\x00" + wide(secret, true), []string{"utf-16: " + secret}},
		"zeros":                  {strings.Repeat("\x00", 100) + "abc\x00d", nil},
		"a hash":                 {"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", nil},
		"an identifier":          {"this_is_a_rather_long_identifier_of_a_program", nil},
		"prose":                  {strings.Repeat("In Xanadu did Kubla Khan a stately pleasure-dome decree. ", 20), nil},
		"two runs":               {coded(secret) + "," + coded("and another "+secret), []string{"base64: " + secret, "base64: and another " + secret}},
		"a run behind short one": {"QUJD " + coded(secret), []string{"base64: " + secret}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, shown(new(Finder), "", c.text, false)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCut shows what is known of a code that the end of the text cuts, and the rest with what stood before it.
func TestCut(t *testing.T) {
	var f Finder
	all := base64.RawStdEncoding.EncodeToString([]byte("the card is 4111 1111 1111 1111 or so"))
	for cut := range len(all) {
		first, second := shown(&f, "", all[:cut], true), shown(&f, all[:cut], all[cut:], false)
		if cut >= minDigits {
			want := "base64: " + "the card is 4111 1111 1111 1111 or so"[:cut/4*3]
			if diff := cmp.Diff([]string{want}, first); diff != "" {
				t.Errorf("cut at %d: %s", cut, diff)
			}
		}
		if back := min(cut, Context); back+len(all)-cut >= minDigits+4 && (len(second) != 1 || !strings.HasSuffix(second[0], "or so")) {
			t.Errorf("cut at %d: then %q", cut, second)
		}
	}
	for text, want := range map[string][]string{
		`4%31%3`:   {"escapes: 41"},
		`4%31%`:    {"escapes: 41"},
		`4%31\u00`: {"escapes: 41"},
		`4%31&#5`:  {"escapes: 41"},
	} {
		if diff := cmp.Diff(want, shown(&f, "", text, true)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// codes are ways to write a text in another; each has an inverse by the standard library.
var codes = []struct {
	name string
	in   func(string) string
	out  func(*rapid.T, string) string
}{
	{"percent", percent, func(t *rapid.T, s string) string { return must(url.PathUnescape(s))(t) }},
	{"json", escaped, func(t *rapid.T, s string) string {
		var out string
		if err := json.Unmarshal([]byte(`"`+s+`"`), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}},
	{"base64", coded, func(t *rapid.T, s string) string { return string(must(base64.StdEncoding.DecodeString(s))(t)) }},
	{"url", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }, func(t *rapid.T, s string) string { return string(must(base64.RawURLEncoding.DecodeString(s))(t)) }},
	{"utf-16", func(s string) string { return wide(s, false) }, func(_ *rapid.T, s string) string {
		return string(bytes.ReplaceAll([]byte(s), []byte{0}, nil))
	}},
}

func must[T any](v T, err error) func(*rapid.T) T {
	return func(t *rapid.T) T {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// percent writes every byte with a percent sign.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// escaped writes every byte as JSON may.
func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\u%04x`, s[i])
	}
	return b.String()
}

// TestMaskedInPlace writes a text in up to three codes, one in another, overwrites a word in the view that shows it, and wants the standard library
// to read the text with that word overwritten and nothing else changed.
func TestMaskedInPlace(t *testing.T) {
	var f Finder
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.StringMatching(`[a-z ]{8,40}`).Draw(t, "before") + "="
		after := "," + rapid.StringMatching(`[a-z ]{8,40}`).Draw(t, "after")
		secret := rapid.StringMatching(`[0-9]{4,20}`).Draw(t, "secret")
		text, plain := before+secret+after, before+secret+after
		var used []int
		for k := range rapid.IntRange(1, MaxDepth).Draw(t, "depth") {
			i := rapid.IntRange(0, len(codes)-1).Draw(t, "code")
			if k > 0 && i == used[k-1] && codes[i].name == "utf-16" {
				i = 0 // nobody writes that twice
			}
			text, used = codes[i].in(text), append(used, i)
		}
		want := before + strings.Repeat("X", len(secret)) + after

		f.Begin(nil, []byte(text), false)
		for v := f.Next(); v != nil; v = f.Next() {
			if string(v.Text) != plain {
				continue
			}
			off := len(before)
			if !v.Coded(off, off+len(secret)) {
				t.Fatal("not coded")
			}
			if !f.Rewrite(v, off, off+len(secret)) {
				t.Fatal("came from before the text")
			}
			for i := off; i < off+len(secret); i++ {
				if !f.Set(v, i, 'X') {
					t.Fatalf("byte %d cannot be overwritten", i)
				}
			}
			from, with := f.Rewritten()
			got := text[:from] + string(with) + text[from+len(with):]
			for k := len(used) - 1; k >= 0; k-- {
				got = codes[used[k]].out(t, got)
			}
			if got != want {
				t.Fatalf("%q, want %q", got, want)
			}
			return
		}
		t.Fatalf("%q: not shown in %q", plain, shown(&f, "", text, false))
	})
}

// FuzzViews has every view lie where it says: in order, and within the text and what stood before.
func FuzzViews(f *testing.F) {
	f.Add([]byte(""), []byte("a=%41%"), true)
	f.Add([]byte(coded("a text that is long enough")), []byte(coded(wide("and a second one", true))), true)
	f.Add([]byte("&#"), []byte("\x00a\x00b\x00c\x00d\x00e\x00f\x00g\x00h\x00"), false)
	var finder Finder
	f.Fuzz(func(t *testing.T, before, text []byte, more bool) {
		kept := bytes.Clone(text)
		finder.Begin(before, text, more)
		all := 0
		for v := finder.Next(); v != nil; v = finder.Next() {
			if v.Depth() > MaxDepth {
				t.Fatalf("depth %d", v.Depth())
			}
			all += len(v.Text)
			at := -Context
			for i := range v.Text {
				from, to := v.Source(i, i+1)
				if from < at || to < from || to > len(text) {
					t.Fatalf("%v: byte %d came from [%d,%d) after %d of %d", v.Path(), i, from, to, at, len(text))
				}
				at = from
				if from >= 0 && finder.Rewrite(v, i, i+1) {
					finder.Set(v, i, v.Text[i])
				}
			}
			if from, to := v.Source(len(v.Text), len(v.Text)); from != to || to > len(text) || from < at {
				t.Fatalf("%v: ends at [%d,%d)", v.Path(), from, to)
			}
		}
		if limit := (1 + maxViews) * (len(text) + Context); all > limit {
			t.Fatalf("%d bytes of views in %d of text", all, len(text))
		}
		if !bytes.Equal(text, kept) {
			t.Fatal("the text was changed")
		}
	})
}

func TestViewsAllocateNothing(t *testing.T) {
	var f Finder
	text := []byte(`{"a":"\u0034%31","b":"` + coded(wide("a text that is long enough", false)) + `"}` + strings.Repeat(" and more text", 100))
	look := func() {
		f.Begin(nil, text, true)
		for v := f.Next(); v != nil; v = f.Next() {
			if f.Rewrite(v, 1, 2) {
				f.Set(v, 1, 'X')
			}
		}
	}
	look()
	if n := testing.AllocsPerRun(100, look); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestExhausted makes every alignment of every code look like text.
func TestExhausted(t *testing.T) {
	word := coded(coded(coded(strings.Repeat("words ", 20))))
	var b strings.Builder
	for b.Len() < 60_000 {
		b.WriteString(word)
		b.WriteString("A"[:b.Len()/len(word)%2])
	}
	var f Finder
	all := 0
	for _, v := range shown(&f, "", b.String(), false) {
		all += len(v)
	}
	if !f.Exhausted || all > (maxViews+1)*b.Len() {
		t.Errorf("exhausted %v, %d bytes of views in %d", f.Exhausted, all, b.Len())
	}
}

func BenchmarkViews(b *testing.B) {
	for name, text := range map[string]string{
		"prose":  strings.Repeat("In Xanadu did Kubla Khan a stately pleasure-dome decree. ", 26)[:1460],
		"json":   strings.Repeat(`{"id":12345,"name":"a name","ok":true},`, 40)[:1460],
		"base64": strings.Repeat("iVBORw0KGgoAAAANSUhEUgAAA2YAAABQCAMAAABf9XtAAAAC", 40)[:1460],
		"form":   strings.Repeat("name=a%20name&other=some+thing&", 60)[:1460],
	} {
		b.Run(name, func(b *testing.B) {
			var f Finder
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				f.Begin(nil, []byte(text), true)
				for v := f.Next(); v != nil; v = f.Next() {
				}
			}
		})
	}
}
