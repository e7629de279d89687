package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/weir-project/weir/firewall"
)

func TestDoctorOfDivertSockets(t *testing.T) {
	for name, c := range map[string]struct {
		system  string
		uid     int
		f       firewall.Features
		backend string // "" if nothing can run
		says    string
	}{
		"OpenBSD":           {"openbsd", 0, firewall.Features{PF: true, Anchor: true}, "pf", "Policies can run here"},
		"no anchor":         {"openbsd", 0, firewall.Features{PF: true}, "", `anchor "weir"`},
		"FreeBSD, ipfw":     {"freebsd", 0, firewall.Features{IPFW: true, Missing: []string{"pf is switched off"}}, "ipfw", "note     pf"},
		"FreeBSD, nothing":  {"freebsd", 0, firewall.Features{Missing: []string{"pf is switched off", "ipfw is switched off"}}, "", "missing  ipfw"},
		"an ordinary user":  {"openbsd", 1000, firewall.Features{Missing: []string{"pf cannot be used"}}, "", "run weir as root"},
		"OpenBSD, pf's off": {"openbsd", 0, firewall.Features{Missing: []string{"ipfw is not on this system", "pf is switched off"}}, "", "missing  pf"},
	} {
		var b bytes.Buffer
		d := diagnoseSockets(c.system, c.uid, c.f)
		d.print(&b)
		if d.Backend != c.backend || d.Router != (c.backend != "") || !strings.Contains(b.String(), c.says) {
			t.Errorf("%s: backend %q, and\n%s", name, d.Backend, &b)
		}
	}
}
