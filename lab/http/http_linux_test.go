// Package http_test edits HTTP between real clients and servers: a lane on the router replaces a word in bodies by others of any length,
// and what the applications read is compared byte for byte.
package http_test

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
)

func TestMain(m *testing.M) { labtest.Main(m) }

const (
	word        = "needle"
	servicePort = 7007
	publicPort  = 8080
)

var bodies = field.SetOf(field.HTTPRequestBody, field.HTTPResponseBody)

// A setting is a network, and what the word becomes on its router.
type setting struct {
	name     string
	topology lab.Topology
	with     string
	v6, dnat bool
}

var settings = []setting{
	{name: "longer", with: "a much longer word"},
	{name: "longer v6", with: "a much longer word", v6: true},
	{name: "shorter, plain packets", with: "pin", topology: lab.Topology{PlainPackets: true}},
	{name: "gone v6, plain packets", with: "", v6: true, topology: lab.Topology{PlainPackets: true}},
	{name: "same length", with: "NEEDLE"},
	{name: "longer, masquerade", with: "needles and pins", topology: lab.Topology{Masquerade: true}},
	{name: "longer, masquerade v6", with: "needles and pins", v6: true, topology: lab.Topology{Masquerade: true}},
	{name: "longer, redirected", with: "needles and pins", dnat: true},
	{name: "shorter, redirected v6", with: "pin", v6: true, dnat: true},
	{name: "longer, loss, plain packets", with: "needles and pins", topology: lab.Topology{Loss: 0.01, PlainPackets: true}},
}

// A network is a lab in which the router edits.
type network struct {
	*lab.Lab
	lane *lane.Lane
	setting
	real, dial netip.AddrPort // of the server, and as clients name it
	slipped    atomic.Int64   // words that came as they were; see differs
}

// each runs do in every setting, and wants nothing to be wrong in any.
func each(t *testing.T, do func(t *testing.T, n *network)) {
	labtest.Together(t, settings, func(s *setting) string { return s.name }, func(t *testing.T, s *setting) {
		n := newNetwork(t, *s)
		do(t, n)
		if err := n.lane.End(); err != nil {
			t.Error(err)
		}
		c := n.lane.Snapshot()
		t.Logf("%d packets, %d edits, dropped %v, anomalies %v, %+v", c.Packets, c.Edits, c.Drops, c.Anomalies, c.Streams)
		if c.Edits == 0 {
			t.Error("nothing was edited: the test does not test it")
		}
		if told := c.Anomalies["edit-too-late"] + c.Anomalies["http-edit-too-late"]; n.slipped.Load() != int64(told) {
			t.Errorf("%d words slipped through, and %d were told of", n.slipped.Load(), told)
		}
		if s.topology.Loss == 0 && len(c.Anomalies) > 0 {
			t.Errorf("anomalies %v", c.Anomalies)
		}
	})
}

func newNetwork(t *testing.T, s setting) *network {
	t.Helper()
	n := newLab(t, s)
	if err := n.Router().Sysctl("net.netfilter.nf_conntrack_tcp_be_liberal", "1"); err != nil {
		t.Log(err)
	}
	n.lane = newWeir(t, n.Router(), s.with)
	return n
}

// newLab is a network in which nobody edits yet.
func newLab(t *testing.T, s setting) *network {
	t.Helper()
	l := labtest.New(t, lab.Topology{})
	if s.v6 && !l.IPv6 {
		t.Skip("SKIPPED: this kernel has no IPv6")
	}
	n := &network{setting: s, real: netip.AddrPortFrom(l.Server().In.Addr(s.v6), servicePort)}
	if n.dial = n.real; s.dnat {
		n.dial = netip.AddrPortFrom(l.Router().In.Addr(s.v6), publicPort)
		s.topology.Redirects = []lab.Redirect{{From: n.dial, To: n.real}}
	}
	n.Lab = labtest.New(t, s.topology)
	return n
}
