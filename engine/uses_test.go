package engine_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// A scene is a conversation whose last packets, from some point on, meet with an inspector.
type scene struct {
	name string
	in   [][]byte
	last int                         // packets at the end that have the verdict
	want packet.Verdict              // of these
	told string                      // kind, name and verdict of an event; "" for none
	then func(in, out []byte) string // what is wrong with the last packet, "" if nothing
}

func same(in, out []byte) string {
	if !bytes.Equal(in, out) {
		return "the bytes changed"
	}
	return ""
}

func has(text string) func(in, out []byte) string {
	return func(in, out []byte) string {
		if !bytes.Contains(out, []byte(text)) || len(in) != len(out) {
			return fmt.Sprintf("%q is not in %q", text, out)
		}
		return ""
	}
}

// answers checks a DNS reply's addresses.
func answers(want ...string) func(in, out []byte) string {
	return func(_, out []byte) string {
		var p packet.Packet
		p.Set(out)
		p.Decode()
		m := new(dns.Msg)
		if err := m.Unpack(p.Payload()); err != nil {
			return err.Error()
		}
		var got []string
		for _, rr := range m.Answer {
			switch rr := rr.(type) {
			case *dns.A:
				got = append(got, rr.A.String())
			case *dns.AAAA:
				got = append(got, rr.AAAA.String())
			}
		}
		if !slices.Equal(got, want) {
			return fmt.Sprintf("answers %q, want %q", got, want)
		}
		return ""
	}
}

// scenes are all six uses over TCP and UDP, IPv4 and IPv6, whole and in fragments.
func scenes(t testing.TB) (list []scene) {
	n := 0
	add := func(name string, port int, want packet.Verdict, told string, then func(in, out []byte) string, make func(ends) ([][]byte, int)) {
		for range 2 { // one of each family
			e := pair(n, port)
			n++
			in, last := make(e)
			list = append(list, scene{name + " " + e.client, in, last, want, told, then})
		}
	}
	tcp := func(payload string) func(ends) ([][]byte, int) {
		return func(e ends) ([][]byte, int) { return append(e.handshake(), e.tcp(payload)), 1 }
	}
	udp := func(payload string) func(ends) ([][]byte, int) {
		return func(e ends) ([][]byte, int) { return [][]byte{e.udp(payload)}, 1 }
	}
	lookup := func(name string, typ uint16, addresses ...string) func(ends) ([][]byte, int) {
		q := query(name, typ)
		return func(e ends) ([][]byte, int) {
			return [][]byte{e.udp(pack(t, q)), e.back().udp(reply(t, q, addresses...))}, 1
		}
	}
	cut := func(payload string) func(ends) ([][]byte, int) {
		return func(e ends) ([][]byte, int) {
			pieces := craft.Fragments(e.udp(payload), uint32(n), 16)
			return pieces, len(pieces)
		}
	}
	accept, drop, reject := packet.Accept, packet.Drop, packet.Reject
	add("clean web", 80, accept, "", same, tcp(get("www.example.org", "")))
	add("clean tls", 443, accept, "", same, tcp(clientHello(t, "www.example.org")))
	add("clean dns", 53, accept, "", answers("192.0.2.5"), lookup("www.example.org", dns.TypeA, "192.0.2.5"))
	add("clean datagram", 9000, accept, "", same, udp("hello"))
	add("clean pieces", 9000, accept, "", nil, cut(strings.Repeat("hello ", 20)))
	add("blocked host", 80, reject, "url url-blocked reject", same, tcp(get("www.ads.example", "")))
	add("blocked server", 443, reject, "url url-blocked reject", same, tcp(clientHello(t, "cdn.ads.example")))
	add("noted host", 80, accept, "url url-listed accept", same, tcp(get("social.example", "")))
	add("alert", 9000, accept, "alert a needle accept", same, tcp("hay NEEdle hay"))
	add("rule drops", 9000, drop, "alert a pin drop", same, udp("a pin\x00"))
	add("agent", 80, accept, "alert agent accept", same, tcp(strings.Replace(get("www.example.org", ""), "room/1", "BadBot", 1)))
	add("odd name", 53, accept, "alert odd name accept", same, udp(pack(t, query("odd.example", dns.TypeA))))
	add("odd server", 443, accept, "alert odd server accept", same, tcp(clientHello(t, "odd.example")))
	add("replaced", 53, accept, "dns answer-replaced edit", answers("192.0.2.77"), lookup("nas.example", dns.TypeA, "203.0.113.9", "203.0.113.10"))
	add("replaced v6", 53, accept, "dns answer-replaced edit", answers("2001:db8::77"), lookup("nas.example", dns.TypeAAAA, "2001:db8::9"))
	add("name is gone", 53, drop, "dns dns-blocked drop", same, udp(pack(t, query("www.gone.example", dns.TypeA))))
	add("card", 9000, accept, "dlp card edit", has("pay XXXX XXXX XXXX 0002!"), tcp("pay 4000 0000 0000 0002!"))
	add("card in pieces", 9000, accept, "dlp card edit", nil, cut("here is 4000-0000-0000-0002, keep it"))
	add("ssn", 9000, accept, "dlp us-ssn edit", has("ssn XXX-XX-XXXX."), udp("ssn 512-45-6789."))
	return list
}

// play runs the scenes one after the other and says at which packet each begins.
func play(list []scene) (in []step, begin []int) {
	for _, s := range list {
		begin = append(begin, len(in))
		in = append(in, steps(s.in...)...)
	}
	return in, begin
}

// decided are the events that inspectors tell about what they decide; the others count.
func decided(events []event.Event) (names []string) {
	for _, e := range events {
		switch e.Kind {
		case event.KindAlert, event.KindURL, event.KindDNS, event.KindDLP, event.KindDrop, event.KindAnomaly:
			names = append(names, fmt.Sprintf("%d %v %s %s %s %v", e.Packet, e.Kind, e.Author, e.Name, e.Verdict, e.Pairs()))
		}
	}
	return names
}

func TestUses(t *testing.T) {
	list := scenes(t)
	in, begin := play(list)
	r := run(t, config(t, load(t, "prevent", everything)), in)
	rejected := 0
	for i, s := range list {
		end := begin[i] + len(s.in)
		for n := begin[i]; n < end; n++ {
			want := packet.Accept
			if n >= end-s.last {
				want = s.want
			}
			if f := r.by(n); f.Verdict.Final() != want.Final() {
				t.Errorf("%s: packet %d: %v, want %v", s.name, n-begin[i], f.Verdict, want)
			}
		}
		if s.then != nil {
			if wrong := s.then(in[end-1].datagram, r.by(end-1).Bytes); wrong != "" {
				t.Errorf("%s: %s", s.name, wrong)
			}
		}
		if s.want == packet.Reject {
			rejected++
		}
		told := slices.ContainsFunc(r.events, func(e event.Event) bool {
			return int(e.Packet) > begin[i] && int(e.Packet) <= end && fmt.Sprint(e.Kind, " ", e.Name, " ", e.Verdict) == s.told
		})
		if told != (s.told != "") {
			t.Errorf("%s: told %v", s.name, told)
			for _, e := range r.events {
				if int(e.Packet) > begin[i] && int(e.Packet) <= end {
					t.Logf("%v %s %s", e.Kind, e.Name, e.Verdict)
				}
			}
		}
	}
	if len(r.injected) != 2*rejected {
		t.Errorf("%d answers to %d rejected connections, want one to each side", len(r.injected), rejected)
	}
}

// TestMonitorOnlyTells runs everything under the same policy in both modes: monitoring alters
// nothing and tells the same, with would.
func TestMonitorOnlyTells(t *testing.T) {
	in, _ := play(scenes(t))
	calls, slow, less := pair(100, 5060), pair(101, 5070), pair(102, 5080)
	for range 20 {
		in = append(in, steps(calls.udp("ring"), slow.udp(strings.Repeat("s", 1000)), less.udp(strings.Repeat("l", 1000)))...)
	}
	for _, m := range malformations() {
		in = append(in, m.in...)
	}
	prevent := run(t, config(t, load(t, "prevent", everything)), in)
	monitor := run(t, config(t, load(t, "monitor", everything)), in)
	if s := prevent.counts; s.Dropped == 0 || s.Edited == 0 || s.Delayed == 0 || s.Injected == 0 {
		t.Fatalf("the policy does not do all it can: %+v", s.Counters)
	}
	for n, f := range monitor.out {
		if !untouched(f, in[f.Token.ID-1].datagram) {
			t.Errorf("packet %d: %v, rewritten %v, mark %#x", n, f.Verdict, f.Rewritten, f.Mark)
		}
	}
	if s := monitor.counts; len(monitor.injected) != 0 || s.Edits != 0 || s.Delayed != 0 {
		t.Errorf("%d datagrams injected; %d edits, %d delayed", len(monitor.injected), s.Edits, s.Delayed)
	}
	want, got := decided(prevent.events), decided(monitor.events)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("event %d of %d and %d: monitor tells %q, prevent %q", i, len(got), len(want), got[i:min(i+3, len(got))], want[i:min(i+3, len(want))])
		}
	}
	for _, e := range monitor.events {
		if final := e.Verdict == "drop" || e.Verdict == "reject" || e.Verdict == "edit"; final && e.Kind != event.KindFlow && !e.Would {
			t.Errorf("%v %s %s without would", e.Kind, e.Name, e.Verdict)
		}
	}
}

func TestClassesChangeTheHeader(t *testing.T) {
	for n := range 2 {
		e := pair(n, 5060)
		r := run(t, config(t, load(t, "prevent", everything)), steps(e.udp("ring")))
		var p packet.Packet
		p.Set(r.out[0].Bytes)
		p.Decode()
		if p.DSCP() != 46 || r.out[0].Mark != 0x1010 || !p.VerifyChecksum() {
			t.Errorf("dscp %d, mark %#x", p.DSCP(), r.out[0].Mark)
		}
	}
}
