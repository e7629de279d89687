package firewall

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The commands that documents and examples give for Linux work as they stand, in the order in which they stand.
func TestCommandsOfDocuments(t *testing.T) {
	needs(t, "nft")
	needs(t, "iptables")
	f := Detect(Options{})
	examples, _ := filepath.Glob("../examples/*/main.go")
	tried := 0
	for _, name := range append([]string{"../docs/from-divert-sockets.md"}, examples...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		ns := newNS(t)
		for line := range strings.Lines(string(text)) {
			command, _, _ := strings.Cut(strings.TrimLeft(line, "/\t "), " # ")
			command = strings.TrimSpace(command)
			tool, _, _ := strings.Cut(command, " ")
			switch {
			case tool != "nft" && tool != "iptables" && tool != "ip6tables" || !strings.Contains(command, " add ") && !strings.Contains(command, " -A "):
			case tool == "nft" && strings.Contains(command, " queue ") && !f.NativeQueue:
				t.Logf("NOT TESTED: this kernel lacks nft's queue: %s", command)
			default:
				if filepath.Base(name) == "main.go" { // which begin where the document has left off
					sh(t, ns, "nft add table inet filter; nft add chain inet filter forward '{ type filter hook forward priority filter; }'; nft add chain inet filter output '{ type filter hook output priority filter; }'")
				}
				sh(t, ns, command) // fails the test
				tried++
			}
		}
	}
	if want := map[bool]int{false: 6, true: 16}[f.NativeQueue]; tried < want {
		t.Errorf("%d commands were found, want at least %d", tried, want)
	}
}
