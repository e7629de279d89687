package canary

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/weir-project/weir/inspect/dlp/detect"
)

// TestFinds plants each value in each form among other text, and wants it, and nothing else, to be found.
func TestFinds(t *testing.T) {
	values := Values(1, 2)
	f := NewFinder(values)
	forms := map[string]func(string) string{
		"as it is":           func(s string) string { return s },
		"without separators": bare,
		"in capitals":        strings.ToUpper,
		"in base64":          func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x=" + s + ", and more")) },
		"in base64 of URLs":  func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("it is " + s)) },
		"in hexadecimal":     func(s string) string { return hex.EncodeToString([]byte(s)) },
		"in bytes":           func(s string) string { return fmt.Sprintf("% x", s) },
		"as Go prints bytes": func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
		"in a URL":           url.QueryEscape,
		"all in percent":     func(s string) string { return percent(s) },
		"in UTF-16":          wide,
		"in JSON":            func(s string) string { b, _ := json.Marshal(s); return string(b) },
	}
	for i := range values {
		v := &values[i]
		for name, in := range forms {
			text := "some words before, " + in(v.Text) + " and some behind"
			hits := f.Find([]byte(text))
			if len(hits) != 1 || hits[0].Value != v {
				t.Errorf("%s %s, %q: found %v", v.Kind, name, text, hits)
			}
		}
		if hits := f.Find(fmt.Appendf(nil, "rax    0x%x", binary.LittleEndian.Uint64([]byte(v.Text[len(v.Text)-v.Shown-wordBytes:])))); len(hits) != 1 {
			t.Errorf("%s in a register: found %v", v.Kind, hits)
		}
		hidden := len(v.Text) - v.Shown
		masked := v.Text[:v.Open] + strings.Repeat("X", hidden-v.Open) + v.Text[hidden:]
		if hits := f.Find([]byte(`{"sample":"` + masked + `","name":"` + v.Kind + `"}`)); len(hits) > 0 {
			t.Errorf("%s: what may be seen is found: %v", v.Kind, hits)
		}
	}
}

func percent(s string) (out string) {
	for i := range len(s) {
		out += fmt.Sprintf("%%%02X", s[i])
	}
	return out
}

func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// TestEveryDetectorHasValues wants two values of each kind, no two alike.
func TestEveryDetectorHasValues(t *testing.T) {
	kinds, texts := map[string]int{}, map[string]bool{}
	for _, v := range Values(7, 2) {
		kinds[v.Kind]++
		texts[v.Text] = true
		if !strings.Contains(v.Line, v.Text) {
			t.Errorf("%q is not in %q", v.Text, v.Line)
		}
	}
	for _, i := range detect.Bundled() {
		if kinds[i.Name] != 2 {
			t.Errorf("%s has %d values", i.Name, kinds[i.Name])
		}
	}
	if n := 2 * (len(detect.Bundled()) + len(Own)); len(texts) != n {
		t.Errorf("%d values, want %d", len(texts), n)
	}
}
