// Package tidy is tests that read the source: they hold the architecture and the habits of the
// house.
package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/weir-project/weir/"

// rooms says which of our rooms each room may import, besides internal/…. A room ends at a slash:
// "inspect/" is every room below inspect. What is not listed may import nothing of ours; a room
// that is missing here fails the test.
var rooms = map[string][]string{
	"packet/checksum":     {},
	"packet/seqnum":       {},
	"packet":              {"packet/checksum", "packet/seqnum"},
	"field":               {},
	"divert":              {"packet", "packet/checksum"},
	"divert/":             {"divert", "packet"},
	"defrag":              {"packet", "packet/checksum"},
	"flow":                {"packet"},
	"stream":              {"flow", "packet", "packet/seqnum"},
	"event":               {},
	"event/":              {"event"},
	"proto":               {"field", "flow", "packet"},
	"proto/":              {"proto", "field", "flow", "packet", "proto/"},
	"inspect":             {"field", "flow", "packet", "event"},
	"inspect/ids":         {"inspect", "field", "flow", "packet", "event", "rule"},
	"inspect/dlp":         {"inspect", "field", "flow", "packet", "event", "inspect/dlp/"},
	"inspect/dlp/view":    {},
	"inspect/dlp/detect":  {},
	"inspect/dlp/exact":   {},
	"inspect/dlp/pattern": {},
	"inspect/":            {"inspect", "field", "flow", "packet", "event"},
	"rule":                {},
	"firewall":            {},
	"sandbox":             {},
	"policy":              {"inspect", "inspect/", "rule", "firewall", "event", "event/", "packet", "field", "flow", "defrag", "engine"},
	"engine":              {"divert", "defrag", "flow", "stream", "proto", "field", "inspect", "event", "packet", "packet/seqnum"},
	"journal":             {},
	"holder":              {"divert", "firewall", "sandbox", "packet", "journal"},
	"worker":              {"divert", "engine", "event", "event/", "proto", "sandbox", "journal"},
	"report":              {"event", "event/"},
	"control":             {},
	"sim":                 {"divert", "engine", "event", "field", "flow", "inspect", "packet", "packet/checksum"},
	"sim/":                {"*"},
	"evade":               {"packet", "packet/checksum"},
	"evade/":              {"*"},
	"lab":                 {"divert", "firewall", "packet"},
	"lab/":                {"*"},
	"cmd/":                {"*"},
	"examples/":           {"divert", "packet"},
	"bench":               {"divert", "packet", "lab"},
	"bench/":              {"*"},
}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Dir          string
	GoFiles      []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Dir,GoFiles", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestImports holds the table above against go list.
func TestImports(t *testing.T) {
	checked := 0
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(room, "internal/") {
			continue
		}
		allowed, known := rulesFor(room)
		if !known {
			t.Errorf("%s: no such room in the table of imports; add it, with what it may know", room)
			continue
		}
		for _, im := range p.Imports {
			other, ours := strings.CutPrefix(im, module)
			if !ours || strings.HasPrefix(other, "internal/") || allows(allowed, other) {
				continue
			}
			t.Errorf("%s imports %s: not allowed by the table of rooms", room, other)
		}
		checked++
	}
	if checked < 10 {
		t.Errorf("only %d rooms were checked", checked)
	}
}

func rulesFor(room string) ([]string, bool) {
	if a, ok := rooms[room]; ok {
		return a, true
	}
	parent := room[:strings.IndexByte(room+"/", '/')] + "/"
	a, ok := rooms[parent]
	return a, ok
}

func allows(allowed []string, other string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == "*" || a == other || strings.HasSuffix(a, "/") && strings.HasPrefix(other, a)
	})
}
