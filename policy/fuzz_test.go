package policy

import (
	"errors"
	"strings"
	"testing"
)

// FuzzLoad wants every input to end in a policy or in mistakes with places inside the file.
func FuzzLoad(f *testing.F) {
	for _, c := range wrong {
		if len(c.src) < 1000 {
			f.Add(c.src)
		}
	}
	f.Add(full)
	f.Add(InitText(Host{}))
	f.Fuzz(func(t *testing.T, src string) {
		p, err := loadText(t, src)
		if err == nil {
			again, err := loadText(t, p.Text())
			if err != nil || again.Text() != p.Text() {
				t.Fatalf("printed policy: %v\n%s", err, p.Text())
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || len(e.Mistakes) == 0 || p != nil {
			t.Fatalf("%v", err)
		}
		lines := 1 + strings.Count(src, "\n") + strings.Count(src, "\r") + strings.Count(src, "\u0085") + strings.Count(src, "\u2028") + strings.Count(src, "\u2029")
		for _, m := range e.Mistakes {
			if m.What == "" || m.File == "weir.yaml" && m.Line > lines+1 || strings.ContainsAny(m.What+m.Hint, "\n\r") {
				t.Fatalf("%q", m.String())
			}
		}
	})
}
