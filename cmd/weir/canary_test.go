package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/canary"
	"github.com/weir-project/weir/internal/craft"
)

// TestCanaries has the commands that read traffic or files tell of a value of each detector, in every code, alone and beside one about which the policy does
// something else, and looks for them in all that they print.
func TestCanaries(t *testing.T) {
	values := canary.Values(20260305, 2)
	finder := canary.NewFinder(values)
	dir := t.TempDir()
	texts := plant(t, dir, values)
	for _, action := range []string{"alert", "mask", "drop", "reject", "some"} {
		policy := canaryPolicy(t, dir, action, values)
		for name, args := range map[string][]string{
			"scan":           {"dlp", "scan", "-p", policy, filepath.Join(dir, "texts")},
			"scan as events": {"dlp", "scan", "--json", "-p", policy, filepath.Join(dir, "texts")},
			"replay":         {"replay", filepath.Join(dir, "in.pcap"), "-p", policy, "--eve", "-", "-w", filepath.Join(dir, "out.pcap")},
		} {
			looksFor(t, finder, action+", "+name, weirSays(t, "", args...), 2*len(values))
		}
		if action == "mask" {
			masked := weirSays(t, "", "dlp", "scan", "--mask", "-p", policy, filepath.Join(dir, "texts"))
			looksFor(t, finder, "scan with masks", masked, 2*len(values))
		}
		for _, text := range texts[:len(values)] {
			looksFor(t, finder, action+", explain", weirSays(t, text, "dlp", "explain", "-p", policy, "-"), 3)
		}
	}
}

// canaryPolicy writes a policy; with the action "some" cards and the like are masked, and all else is told of.
func canaryPolicy(t *testing.T, dir, action string, values []canary.Value) string {
	t.Helper()
	yaml, hashes, err := canary.Block(strings.Replace(action, "some", "alert", 1), values)
	if err != nil {
		t.Fatal(err)
	}
	if action == "some" {
		for _, kind := range []string{"card", "email", "github-token", "own-regex"} {
			yaml = strings.Replace(yaml, "{name: "+kind+", action: alert}", "{name: "+kind+", action: mask}", 1)
		}
		yaml = strings.Replace(yaml, `\d{12}', action: alert`, `\d{12}', action: mask`, 1)
	}
	name := filepath.Join(dir, action+".yaml")
	text := "mode: prevent\ndivert: {queues: 0, select: [{protocols: [tcp, udp]}]}\ninspect:\n  urls:\n    lists: [{category: ads, domains: [.example], action: alert}]\n" +
		"  dns: {answers: [{name: .example, action: alert}]}\n" + yaml
	for file, b := range map[string][]byte{name: []byte(text), filepath.Join(dir, canary.HashFile): hashes} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// plant writes the values into a file of texts, and into a capture, and returns the texts. The first are of each value alone.
func plant(t *testing.T, dir string, values []canary.Value) (texts []string) {
	t.Helper()
	for i := range values {
		texts = append(texts, values[i].Line)
	}
	for i := range values {
		texts = append(texts, values[i].Line+" and "+values[(i+7)%len(values)].Line)
		for _, c := range canary.Codes[1:3] {
			texts = append(texts, c.In(values[i].Line)+".")
		}
	}
	o := &office{}
	for i, text := range texts {
		o.send(true, craft.UDP(fmt.Sprintf("%s:%d", client4, 30000+i), "198.51.100.3:9000", []byte(text)))
		o.talk(fmt.Sprintf("%s:%d", client4, 20000+i), "198.51.100.1:80", "POST /in HTTP/1.1\r\nHost: www.example.org\r\n"+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text))
	}
	for i := range values {
		if values[i].Named() {
			o.resolve(fmt.Sprintf("%s:%d", client4, 40000+i), "198.51.100.53:53", values[i].Text+".noted.example.", "198.51.100.7")
		}
	}
	for name, b := range map[string][]byte{"texts": []byte(strings.Join(texts, "\n\n")), "in.pcap": o.pcap()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// weirSays runs a command in this process and returns all that it prints.
func weirSays(t *testing.T, in string, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(in))
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.Bytes()
}

// looksFor wants a command to have told of so many things in so many lines, and of no value.
func looksFor(t *testing.T, finder *canary.Finder, what string, said []byte, lines int) {
	t.Helper()
	if n := bytes.Count(said, []byte("\n")); n < lines {
		t.Errorf("%s: only %d lines:\n%s", what, n, said)
	}
	for _, hit := range finder.Find(said) {
		t.Errorf("%s: %v", what, hit)
	}
}
