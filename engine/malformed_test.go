package engine_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// A malformation is packets some of which cannot be read, or cannot be read one way only.
type malformation struct {
	why packet.Reason
	in  []step
	bad int // packets that get the policy's outcome
}

// malformations are the kinds of HAZARDS I1 to I12 that are wrong, one or more of each.
func malformations() (list []malformation) {
	n := 400
	add := func(why packet.Reason, bad int, in ...[]byte) {
		list = append(list, malformation{why, steps(in...), bad})
	}
	four := func() []byte { n += 2; return pair(n, 9000).udp("a datagram of four") }
	six := func() []byte { n += 2; return pair(n+1, 9000).udp("a datagram of six") }
	tcp := func() []byte { n += 2; return pair(n, 9000).tcp("a segment") }

	add("short-header", 1, four()[:12])
	add("short-header", 1, six()[:30])
	add("short-header", 1, []byte{})
	add("bad-version", 1, changed(four(), 0, 0x10))
	add("bad-version", 1, changed(six(), 0, 0x90))
	add("bad-ihl", 1, changed(four(), 0, 0x01)) // 4 words
	add("bad-total-length", 1, changed(four(), 2, 0x40))
	add("bad-total-length", 1, changed(six(), 4, 0x40))
	add("bad-header-checksum", 1, changed(four(), 10, 1))
	add("bad-checksum", 1, changed(four(), 26, 1))
	add("bad-checksum", 1, changed(six(), 46, 1))
	add("bad-checksum", 1, changed(tcp(), 36, 1))
	add("bad-ip-option", 1, withOptions(four(), 7, 1, 0, 0))
	add("bad-ip-option", 1, withOptions(four(), 7, 40, 4, 0))
	add("bad-tcp-data-offset", 1, changed(tcp(), 32, 0x70))
	add("bad-udp-length", 1, changed(four(), 24, 0x40))
	add("refused-ip-option", 1, withOptions(four(), 131, 3, 4, 0)) // loose source route
	add("refused-ip-option", 1, withExtensions(six(), [6]byte{}, 43))
	add("too-many-extension-headers", 1, withExtensions(six(), [6]byte{1, 4}, 60, 60, 60, 60, 60, 60, 60, 60, 60))
	add("bad-extension-header", 1, withExtensions(six(), [6]byte{1, 4}, 60, 0)) // hop-by-hop is second

	whole4, whole6 := craft.Fragments(four(), 1, 8), craft.Fragments(six(), 2, 8)
	differs := bytes.Clone(whole4[1])
	differs[len(differs)-1] ^= 1
	add("fragment-overlap", 3, whole4[0], whole4[1], differs)
	add("fragment-of-condemned", 1, whole4[2])
	longer := craft.Fragments(six(), 2, 16)[0]
	copy(longer, whole6[0][:4])
	copy(longer[8:40], whole6[0][8:40])
	add("fragment-overlap", 2, whole6[0], longer)
	end := craft.Fragments(four(), 3, 8)
	early := fixSum(append([]byte{}, end[1]...))
	early[6] &^= 0x20
	add("fragment-bad-end", 3, end[0], end[len(end)-1], fixSum(early))
	odd := bytes.Clone(craft.Fragments(four(), 4, 16)[0])
	add("bad-fragment", 1, fixSum(shorter(odd, 3)))
	beyond := craft.Fragments(four(), 5, 8)[1]
	beyond[6], beyond[7] = 0x1f, 0xff
	add("bad-fragment", 1, fixSum(beyond))
	lonely := craft.Fragments(four(), 6, 8)[:2]
	list = append(list, malformation{"fragment-timeout", append(steps(lonely...), step{time.Minute, four()}), 2})
	return list
}

// shorter cuts n bytes off an IPv4 datagram.
func shorter(d []byte, n int) []byte {
	d = d[:len(d)-n]
	binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
	return d
}

// TestMalformedIsCountedAndFollowsPolicy tries each kind under both outcomes.
func TestMalformedIsCountedAndFollowsPolicy(t *testing.T) {
	for _, outcome := range []packet.Verdict{packet.Drop, packet.Accept} {
		text := everything
		if outcome == packet.Accept {
			text = strings.ReplaceAll(text, "malformed: drop", "malformed: pass")
		}
		p := load(t, "prevent", text)
		var before []step // of a datagram that was condemned
		for i, m := range malformations() {
			in := m.in
			if m.why == "fragment-of-condemned" {
				in = append(append([]step{}, before...), in...)
			}
			before = m.in
			r := run(t, config(t, p), in)
			dropped := 0
			for _, f := range r.out {
				dropped += map[packet.Verdict]int{packet.Drop: 1}[f.Verdict]
			}
			want := map[packet.Verdict]int{packet.Drop: m.bad, packet.Accept: 0}[outcome]
			if m.why == "fragment-of-condemned" && outcome == packet.Drop {
				want = len(in)
			}
			if dropped != want || r.counts.Anomalies[m.why] != 1 {
				t.Errorf("%d %s: %d dropped, want %d; anomalies %v", i, m.why, dropped, want, r.counts.Anomalies)
			}
			if outcome == packet.Drop && r.counts.Drops[m.why] == 0 {
				t.Errorf("%d %s: counted as %v", i, m.why, r.counts.Drops)
			}
		}
	}
}

// TestLimitsAreToldAndFollowPolicy reaches each limit under both outcomes.
func TestLimitsAreToldAndFollowPolicy(t *testing.T) {
	e := pair(0, 9000)
	var flows, pieces, sets, slow []step
	for n := range 20 {
		for k := range 3 {
			flows = append(flows, steps(pair(2*n, 9000+k).tcp("x"), pair(2*n, 9000+k).back().tcp("y"))...)
		}
		whole := craft.Fragments(pair(2*n, 9000).udp(strings.Repeat("x", 3000)), uint32(n), 1000)
		sets = append(sets, steps(whole[:2]...)...)
		slow = append(slow, steps(pair(2*n, 5070).udp(strings.Repeat("s", 1000)))...)
	}
	pieces = steps(craft.Fragments(e.udp(strings.Repeat("x", 400)), 1, 8)...)
	for _, c := range []struct {
		why   packet.Reason
		limit func(*engine.Limits)
		in    []step
	}{
		{"flow-table-full", func(l *engine.Limits) { l.Flow.Flows = 10 }, flows},
		{"fragment-too-many", func(l *engine.Limits) { l.Fragments.Pieces = 4 }, pieces},
		{"fragment-memory-full", func(l *engine.Limits) { l.Fragments.Bytes = 8000 }, sets},
		{"held-bytes-exhausted", func(l *engine.Limits) { l.HeldBytes = 4096 }, slow},
	} {
		for _, outcome := range []string{"drop", "pass"} {
			t.Run(fmt.Sprint(c.why, " ", outcome), func(t *testing.T) {
				conf := config(t, load(t, "prevent", strings.ReplaceAll(everything, "limit: drop", "limit: "+outcome)))
				c.limit(&conf.Limits)
				r := run(t, conf, c.in)
				told := 0
				for _, event := range r.events {
					if event.Name == string(c.why) {
						told++
					}
				}
				if dropped := r.counts.Drops[c.why]; (dropped > 0) != (outcome == "drop") || told == 0 || r.counts.Anomalies[c.why] == 0 {
					t.Errorf("%d dropped, %d told, anomalies %v", dropped, told, r.counts.Anomalies)
				}
			})
		}
	}
}
