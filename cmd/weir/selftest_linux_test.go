package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDivertSelftest runs it as a person would: without rules it prints them, and with those that it printed all checks pass.
func TestDivertSelftest(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a network namespace with rules of iptables")
	}
	weir := filepath.Join(t.TempDir(), "weir")
	if out, err := exec.Command("go", "build", "-o", weir, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	inNamespace := func(script string) (string, error) {
		out, err := exec.Command("unshare", "-n", "sh", "-c", "ip link set lo up\n"+script).CombinedOutput()
		return string(out), err
	}
	selftest := weir + " doctor --divert-selftest nfqueue:7"
	out, err := inNamespace(selftest)
	if err == nil || !strings.Contains(out, "nothing was diverted to nfqueue:7") {
		t.Fatalf("without rules: %v\n%s", err, out)
	}
	do, undo := selftestRules("linux", "nfqueue:7")
	for _, line := range append(do, undo...) {
		if !strings.Contains(out, line) {
			t.Errorf("%q is not among the commands:\n%s", line, out)
		}
	}
	out, err = inNamespace(strings.Join(do, " &&\n") + " &&\n" + selftest + " &&\n" + strings.Join(undo, " &&\n"))
	if err != nil || !strings.Contains(out, "13 of 13 checks passed") || !strings.Contains(out, "diverts  IPv4 out, IPv4 in, IPv6 out, IPv6 in") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Log(out)
	if out, err := inNamespace(weir + " doctor --divert-selftest nfqueue:x"); err == nil || !strings.Contains(out, "want a queue number") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSelftestRulesOfEachSystem have the port and say how to be rid of them.
func TestSelftestRulesOfEachSystem(t *testing.T) {
	for system, want := range map[string]string{
		"freebsd divert:700":    "ipfw add 47 divert 700 udp",
		"freebsd divert:700,pf": "divert-to 127.0.0.1 port 700 no state",
		"freebsd divert:700,in": "ipfw add 47 divert 700 udp",
		"openbsd divert:700":    "divert-packet port 700 no state",
		"openbsd divert:700,in": "divert-packet port 700 no state",
		"linux nfqueue:3":       "--queue-num 3",
		"linux nfqueue:3-5":     "--queue-num 3",
	} {
		system, address, _ := strings.Cut(system, " ")
		do, undo := selftestRules(system, address)
		if !strings.Contains(strings.Join(do, "\n"), want) || len(undo) == 0 {
			t.Errorf("%s, %s: %q, %q", system, address, do, undo)
		}
	}
}
