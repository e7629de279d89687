package inspecttest

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// Examples reads the ```yaml blocks of a README.md, each the body of one inspector's configuration C, in their
// order. A key that C does not have fails the test, as does a README without any.
func Examples[C any](t testing.TB, file string) []C {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []C
	for i, part := range strings.Split(string(text), "\n```yaml\n") {
		if i == 0 {
			continue
		}
		body, _, closed := strings.Cut(part, "\n```")
		if !closed {
			t.Fatalf("%s: example %d is not closed", file, i)
		}
		all = append(all, Load[C](t, body))
	}
	if len(all) == 0 {
		t.Fatalf("%s shows no example", file)
	}
	return all
}

// Load reads one configuration from YAML, strictly.
func Load[C any](t testing.TB, text string) C {
	t.Helper()
	var c C
	if err := yaml.Load([]byte(text), &c, yaml.WithKnownFields()); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return c
}
