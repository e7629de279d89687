package main

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/packet"
)

// TestBridgeSites wants one warning for each thing that is not as a wire should be, and none for a good one.
func TestBridgeSites(t *testing.T) {
	good := func() *bridgeSite {
		return &bridgeSite{ports: []string{"eth1", "eth2"}, bridge: "br0", addresses: map[string][]netip.Addr{
			"eth1": nil, "eth2": {netip.MustParseAddr("fe80::1")}, "br0": nil,
		}, session: netip.MustParseAddr("192.0.2.1")}
	}
	server := netip.MustParseAddr("192.0.2.1")
	for _, c := range []struct {
		name   string
		absent packet.Verdict
		but    func(*bridgeSite)
		want   []string // words of each warning
	}{
		{"good", packet.Accept, func(*bridgeSite) {}, nil},
		{"good without a bridge", packet.Drop, func(s *bridgeSite) { s.bridge = "" }, nil},
		{"nobody carries", packet.Accept, func(s *bridgeSite) { s.bridge = "" }, []string{"nothing will cross"}},
		{"somebody does", packet.Drop, func(*bridgeSite) {}, []string{"take the interfaces out of it"}},
		{"a third port", packet.Accept, func(s *bridgeSite) { s.others = []string{"eth3"} }, []string{"others=eth3"}},
		{"an address", packet.Accept, func(s *bridgeSite) { s.addresses["br0"] = []netip.Addr{netip.MustParseAddr("198.51.100.1")} }, []string{"address=198.51.100.1"}},
		{"the session", packet.Accept, func(s *bridgeSite) { s.addresses["eth1"] = []netip.Addr{server} }, []string{"your SSH session", "interface=eth1 address=192.0.2.1"}},
		{"no session", packet.Accept, func(s *bridgeSite) { s.addresses["eth1"], s.session = []netip.Addr{server}, netip.Addr{} }, []string{"interface=eth1 address=192.0.2.1"}},
		{"a session upon its link-local address", packet.Accept, func(s *bridgeSite) { s.session = netip.MustParseAddr("fe80::1") }, []string{"your SSH session"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var said bytes.Buffer
			s := good()
			c.but(s)
			s.warn(slog.New(slog.NewTextHandler(&said, nil)), c.absent)
			lines := slices.Collect(strings.Lines(said.String()))
			if len(lines) != len(c.want) {
				t.Fatalf("%d warnings, want %d:\n%s", len(lines), len(c.want), said.String())
			}
			for i, words := range c.want {
				if !strings.Contains(lines[i], words) {
					t.Errorf("%q lacks %q", lines[i], words)
				}
			}
		})
	}
}
