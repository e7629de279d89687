package engine_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// hops sets how many hops a datagram has left.
func hops(d []byte, n byte) []byte {
	if d[0]>>4 == 6 {
		d[7] = n
		return d
	}
	d[8] = n
	return fixSum(d)
}

// TestFloorOfHops drops what the policy says cannot arrive, and tells; but nothing where it only monitors.
func TestFloorOfHops(t *testing.T) {
	floor := everything + "normalise: {min_ttl: 3}\n"
	for _, n := range []int{0, 1} {
		e := pair(n, 9000)
		for _, c := range []struct {
			name    string
			d       []byte
			dropped bool
		}{
			{"below", hops(e.udp("x"), 2), true},
			{"a segment below", hops(e.handshake()[0], 1), true},
			{"a piece below", hops(craft.Fragments(e.udp(strings.Repeat("x", 64)), 7, 16)[0], 2), true},
			{"just enough", hops(e.udp("x"), 3), false},
		} {
			r := run(t, config(t, load(t, "prevent", floor)), steps(c.d))
			if got := r.counts.Drops["ttl-below-floor"] == 1; got != c.dropped || got != (r.counts.Anomalies["ttl-below-floor"] == 1) {
				t.Errorf("%d, %s: drops %v, anomalies %v", n, c.name, r.counts.Drops, r.counts.Anomalies)
			}
			r = run(t, config(t, load(t, "monitor", floor)), steps(c.d))
			if r.counts.Drops["ttl-below-floor"] != 0 || (r.counts.Anomalies["ttl-below-floor"] == 1) != c.dropped {
				t.Errorf("%d, %s, monitor: drops %v, anomalies %v", n, c.name, r.counts.Drops, r.counts.Anomalies)
			}
			r = run(t, config(t, load(t, "prevent", everything)), steps(c.d))
			if r.counts.Anomalies["ttl-below-floor"] != 0 {
				t.Errorf("%d, %s: there is no floor unless somebody asks", n, c.name)
			}
		}
	}
}

// TestFloorSparesNeighbours lets through what has few hops in the normal course.
func TestFloorSparesNeighbours(t *testing.T) {
	for name, d := range map[string][]byte{
		"multicast":         craft.UDP("192.0.2.1:5353", "224.0.0.251:5353", []byte("x")),
		"IPv6 multicast":    craft.UDP("[2001:db8::1]:5353", "[ff02::fb]:5353", []byte("x")),
		"a neighbour":       craft.UDP("169.254.0.1:9000", "169.254.0.2:9000", []byte("x")),
		"an IPv6 neighbour": craft.UDP("[fe80::1]:9000", "[fe80::2]:9000", []byte("x")),
		"ping":              craft.IP(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1"), byte(packet.ICMP), []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}),
	} {
		r := run(t, config(t, load(t, "prevent", everything+"normalise: {min_ttl: 3}\n")), steps(hops(d, 1)))
		if r.counts.Dropped != 0 {
			t.Errorf("%s: %v", name, r.counts.Drops)
		}
	}
	for hook, want := range map[packet.Hook]bool{
		packet.HookUnknown: true, packet.HookForward: true, packet.HookInput: false, packet.HookOutput: false,
	} {
		if got := engine.BelowFloor(hops(pair(0, 9000).udp("x"), 1), 2, hook); got != want {
			t.Errorf("hook %d: %v", hook, got)
		}
	}
}

// TestExpiringSegments drops a fake before the inspectors see it, and shows what arrives (HAZARDS I7).
func TestExpiringSegments(t *testing.T) {
	for _, n := range []int{0, 1} {
		e := pair(n, 9000)
		in := append(e.handshake(), hops(e.tcp("harmless"), 2), e.tcp("a needle"))
		r := run(t, config(t, load(t, "prevent", everything)), steps(in...))
		if r.counts.Drops["tcp-low-ttl"] != 1 || !told(r, "a needle") {
			t.Errorf("%d: drops %v, and the needle is seen: %v", n, r.counts.Drops, told(r, "a needle"))
		}
		r = run(t, config(t, load(t, "monitor", everything)), steps(in...))
		if r.counts.Dropped != 0 || r.counts.Anomalies["tcp-low-ttl"] != 1 {
			t.Errorf("%d, monitor: drops %v, anomalies %v", n, r.counts.Drops, r.counts.Anomalies)
		}
	}
}

func told(r *result, name string) bool {
	for _, e := range r.events {
		if e.Name == name {
			return true
		}
	}
	return false
}
