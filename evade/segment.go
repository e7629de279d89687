package evade

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weir-project/weir/packet"
)

// This file is T8 to T29, but for overlaps and ends: what is done with segments.

// segments are T8, T9, T11 to T20, T23 to T29.
func segments() (all []Attempt) {
	all = append(all, splits()...)
	all = append(all, faked()...)
	all = append(all, beside()...)
	all = append(all, decorated()...)
	all = append(all, patient()...)
	return all
}

// splits is T8 and T9, and T13.
func splits() (all []Attempt) {
	add := func(row, name string, s ...step) {
		all = append(all, Attempt{Row: row, Name: name, Families: Both, steps: append(append(steps(start), s...), finish)})
		all = append(all, Attempt{Row: row, Name: name + ", from the server", Families: Both, Reverse: true, steps: append(append(steps(start), s...), finish)})
	}
	for at := 9; at < 56; at++ {
		add("T8", fmt.Sprintf("cut behind byte %d", at), real(0, at), real(at, 64))
	}
	for _, size := range []int{1, 2, 3, 7} {
		add("T8", fmt.Sprintf("segments of %d bytes", size), inPieces(size, nil))
		add("T9", fmt.Sprintf("segments of %d bytes backwards", size), inPieces(size, func(order []int) {
			for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
				order[i], order[j] = order[j], order[i]
			}
		}))
		for seed := range uint64(4) {
			add("T9", fmt.Sprintf("segments of %d bytes in any order, %d", size, seed), inPieces(size, func(order []int) {
				rand.New(rand.NewPCG(seed, uint64(size))).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}))
		}
	}
	for _, back := range []uint32{1, 2, 9, 30, 57, 65, 66} {
		isn := withISN(-back)
		all = append(all, Attempt{
			Row: "T13", Name: fmt.Sprintf("the sequence wraps %d bytes behind the SYN", back), Families: Both,
			steps: steps(isn, start, real(cut1, cut2), send(seg{from: cut2, to: 64}), real(0, cut1), finish),
		})
	}
	all = append(all, Attempt{Row: "T13", Name: "old segments from before the wrap", Families: Both, steps: steps(withISN(1<<32-20), start,
		real(0, cut1), acked(cut1), send(seg{from: cut1, to: cut2, lie: true, seq: 1 << 31}), real(cut1, cut2), finish)})
	return all
}

// inPieces sends the text in segments of size bytes, in an order.
func inPieces(size int, sort func(order []int)) step {
	return func(t *talk) {
		n := len(t.text.Real)
		order := make([]int, (n+size-1)/size)
		for i := range order {
			order[i] = i
		}
		if sort != nil {
			sort(order)
		}
		for _, i := range order {
			real(i*size, min((i+1)*size, n))(t)
		}
	}
}

// beside is T11, T12, T16, T17, T20 and T23: what is sent beside the text.
func beside() (all []Attempt) {
	add := func(a Attempt, s ...step) {
		if a.Families == 0 {
			a.Families = Both
		}
		a.steps = append(append(steps(start), s...), finish)
		all = append(all, a)
	}
	junk := []byte("junk, which is old")
	before := func(from, back int) step { // junk before, and the text from byte from
		return func(t *talk) {
			b := append(append([]byte{}, junk[:back]...), t.text.Real[from:from+16]...)
			seg{from: from, data: b, seq: uint32(-back)}.do(t)
		}
	}
	add(Attempt{Row: "T11", Name: "junk before the first byte"}, before(0, 1))
	add(Attempt{Row: "T11", Name: "more junk before the first byte"}, before(0, 16))
	add(Attempt{Row: "T11", Name: "junk left of the window, with new bytes"}, real(0, cut1), acked(cut1), before(cut1, 10))
	add(Attempt{Row: "T11", Name: "junk left of the window"}, real(0, cut1), acked(cut1), send(seg{from: cut1, data: junk, seq: uint32(1<<32 - len(junk))}))
	add(Attempt{Row: "T11", Name: "a lie in the place of what is acknowledged"}, real(0, cut1), acked(cut1), send(seg{from: 8, to: 16, lie: true}))
	add(Attempt{Row: "T11", Name: "a lie that begins in what is acknowledged"}, real(0, cut1), acked(cut1), send(seg{from: 16, to: 40, lie: true, ip: ip{ttl: shortTTL}}))
	add(Attempt{Row: "T12", Name: "far ahead, then the text"}, send(seg{from: 0, to: 64, lie: true, seq: 1 << 20}))
	add(Attempt{Row: "T12", Name: "a duplicate ACK with a lie and an old number"}, real(0, cut1), acked(cut1), send(seg{from: cut1, to: cut2, lie: true, seq: 1<<32 - 70000}))
	add(Attempt{Row: "T20", Name: "keep-alive with a byte of junk"}, real(0, cut1), acked(cut1), send(seg{from: cut1, data: []byte{'?'}, seq: 1<<32 - 1}), real(cut1, cut2))
	add(Attempt{Row: "T20", Name: "keep-alive with a byte of junk, at the beginning"}, send(seg{data: []byte{'?'}, seq: 1<<32 - 1}))
	add(Attempt{Row: "T20", Name: "keep-alive without a byte"}, real(0, cut1), acked(cut1), send(seg{from: cut1, data: []byte{}, flags: packet.ACK, seq: 1<<32 - 1}))
	add(Attempt{Row: "T23", Name: "a forged ACK above the gap"}, real(0, cut1), acked(cut1), real(cut2, 64), forgedAck(64), real(cut1, cut2))
	add(Attempt{Row: "T23", Name: "a forged ACK above the gap, and a lie within"}, real(0, cut1), acked(cut1), real(cut2, 64), forgedAck(64),
		send(seg{from: cut1, to: cut2, lie: true, spoiled: true}), real(cut1, cut2))
	add(Attempt{Row: "T23", Name: "a forged ACK before anything is sent"}, forgedAck(64))
	// Whether a receiver knows the option (RFC 5925), and ignores it or not, cannot be seen.
	add(Attempt{Row: "T17", Name: "AO option that nobody asked for", Either: true}, real(0, cut1), acked(cut1),
		send(seg{from: cut1, to: cut2, lie: true, options: []byte{byte(packet.OptionAO), 16, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}), real(cut1, cut2))
	add(Attempt{Row: "T17", Name: "a signed connection", Signed: true}, real(0, cut1), real(cut1, cut2))
	add(Attempt{Row: "T17", Name: "a signed connection, and a lie without signature", Signed: true}, real(0, cut1), acked(cut1),
		send(seg{from: cut1, to: cut2, lie: true, unsigned: true}), real(cut1, cut2))
	// Only the two ends have the key.
	add(Attempt{Row: "T17", Name: "a signed connection, and a lie with a wrong signature", Signed: true, Either: true}, real(0, cut1), acked(cut1),
		send(seg{from: cut1, to: cut2, lie: true, unsigned: true, options: md5Option}), real(cut1, cut2))
	return all
}

// forgedAck has the receiver seem to acknowledge what it has not got.
func forgedAck(n int) step {
	return func(t *talk) {
		back := Path{Me: t.path.Peer, Peer: t.path.Me}
		s := segment{seq: t.next, ack: t.place(n), flags: packet.ACK, window: 60000}
		t.link.Back(back.datagram(ip{}, packet.TCP, back.tcp(s)))
		t.listen(moment, nil)
		t.acked = min(t.acked, cut1) // it is not so
	}
}

// decorated is T18, T24 and T25: the text in segments with unusual marks.
func decorated() (all []Attempt) {
	add := func(a Attempt, s ...step) {
		a.Families = Both
		a.steps = append(append(steps(start), s...), finish)
		all = append(all, a)
	}
	like := func(s seg) step {
		return func(t *talk) {
			for at := 0; at < 64; at += chunk {
				s := s
				s.from, s.to = at, min(at+chunk, 64)
				s.do(t)
			}
			t.listen(moment, nil)
		}
	}
	const data = packet.PSH | packet.ACK
	for at := 9; at < 56; at += 6 {
		all = append(all, Attempt{Row: "T18", Name: fmt.Sprintf("an urgent byte before byte %d", at), Families: Both, Inline: true, steps: steps(start, urgentAt(at))})
	}
	add(Attempt{Row: "T18", Name: "an urgent pointer beyond all"}, send(seg{from: 0, to: cut1, flags: data | packet.URG, urgent: 60000}))
	add(Attempt{Row: "T18", Name: "an urgent pointer without the flag"}, like(seg{urgent: 5}))
	add(Attempt{Row: "T24", Name: "ECE and CWR"}, like(seg{flags: data | packet.ECE | packet.CWR}))
	add(Attempt{Row: "T24", Name: "AE"}, like(seg{flags: data | packet.AE}))
	add(Attempt{Row: "T24", Name: "reserved bits"}, like(seg{reserved: 7}))
	add(Attempt{Row: "T24", Name: "no PSH"}, like(seg{flags: packet.ACK}))
	for _, o := range []struct {
		name string
		b    []byte
	}{
		{"an unknown option", []byte{200, 4, 1, 2}},
		{"an option of length 0", []byte{200, 0, 1, 2}},
		{"an option of length 1", []byte{200, 1, 1, 2}},
		{"an option beyond the header", []byte{200, 40, 1, 2}},
		{"MSS on data", []byte{2, 4, 0, 8}},
		{"a window scale on data", []byte{1, 3, 3, 14}},
		{"timestamps that were not agreed on", []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0}},
		{"timestamps twice", []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0}},
		{"SACK blocks of what was never sent", []byte{1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9}},
		{"SACK blocks of a broken length", []byte{1, 1, 5, 6, 0, 0, 0, 1, 1, 1, 1, 1}},
		{"the end of the list, and junk behind", []byte{0, 1, 2, 200}},
		{"forty bytes of options", make([]byte, 40)},
	} {
		add(Attempt{Row: "T25", Name: o.name}, like(seg{options: o.b}))
	}
	add(Attempt{Row: "T19", Name: "a window that shuts and opens"}, real(0, cut1), send(seg{from: cut1, data: []byte{}, flags: packet.ACK, window: 1}), real(cut1, cut2))
	// Whether the receiver has made room meanwhile is known only once it says so.
	add(Attempt{Row: "T19", Name: "a receiver without room, and probes with lies", Lazy: 150 * time.Millisecond, Either: true}, behind(6000), crowdWindow)
	return all
}

// urgentAt sends the text with a byte of its own before byte at, which a receiver takes out of line: it
// reads the text. The FIN comes one byte later.
func urgentAt(at int) step {
	return func(t *talk) {
		plain := t.text.Real
		b := append(append(append([]byte{}, plain[:at]...), '!'), plain[at:]...)
		t.text.Real = b
		flags := packet.PSH | packet.ACK | packet.URG
		seg{from: 0, to: at + 1, flags: flags, urgent: uint16(at + 1)}.do(t)
		t.listen(moment, nil)
		for i := range tries {
			for from := max(t.acked, at+1); from < len(b); from += chunk {
				seg{from: from, to: min(from+chunk, len(b))}.do(t)
			}
			t.emit(t.plain(packet.FIN|packet.ACK, t.place(len(b)), nil), ip{})
			if t.listen(timeout<<i, func() bool { return t.fin }) {
				return
			}
			seg{from: 0, to: at + 1, flags: flags, urgent: uint16(at + 1)}.do(t)
		}
	}
}

// behind has the text come behind n other bytes.
func behind(n int) step {
	return func(t *talk) {
		filler := bytes.Repeat([]byte{'x'}, n)
		t.text.Real, t.text.Decoy = append(filler, t.text.Real...), append(bytes.Clone(filler), t.text.Decoy...)
		t.chunk = 40
	}
}

// crowdWindow sends more than the receiver has room for, and then probes its window with lies.
func crowdWindow(t *talk) {
	n := len(t.text.Real)
	for at := 0; at < n; at += t.chunk {
		seg{from: at, to: min(at+t.chunk, n)}.do(t)
	}
	t.listen(5*moment, nil)
	for range 5 {
		if t.acked < n {
			seg{from: t.acked, to: t.acked + 1, lie: true}.do(t)
		}
		t.listen(5*moment, nil)
	}
}

// patient is T26 to T28: what takes its time, and what the place of inspection is like.
func patient() (all []Attempt) {
	slowly := func(t *talk) {
		for at := 0; at < 56; at++ {
			real(at, at+1)(t)
			t.listen(150*time.Millisecond, nil)
		}
	}
	all = append(all,
		Attempt{Row: "T26", Name: "a byte now and then", Families: Both, Slow: true, steps: steps(start, slowly, finish)},
		Attempt{Row: "T26", Name: "half, a long pause, half", Families: Both, Slow: true, steps: steps(start, real(0, cut1), pause(4*time.Second), real(cut1, cut2), finish)},
		Attempt{Row: "T26", Name: "the end, a long pause, the beginning", Families: Both, Slow: true, steps: steps(start, real(cut1, 64), pause(4*time.Second), finish)},
		Attempt{Row: "T26", Name: "a lie with small TTL, a long pause, the truth again", Families: Both, Slow: true, steps: steps(start,
			send(seg{from: 0, to: cut2, lie: true, ip: ip{ttl: shortTTL}}), pause(4*time.Second), finish)},
		Attempt{Row: "T27", Name: "half, a flood of other flows, half", Families: Both, Slow: true, Crowded: true, steps: steps(start,
			real(0, cut1), acked(cut1), flood, real(cut1, cut2), finish)},
		Attempt{Row: "T27", Name: "a flood of other flows, then the connection", Families: Both, Slow: true, Crowded: true, steps: steps(flood, start, finish)},
		Attempt{Row: "T27", Name: "a lie with small TTL, a flood of other flows, the truth again", Families: Both, Slow: true, Crowded: true, steps: steps(start,
			send(seg{from: 0, to: cut2, lie: true, ip: ip{ttl: shortTTL}}), flood, finish)},
		Attempt{Row: "T28", Name: "one direction", Families: Both, OneWay: true, steps: steps(start, real(0, cut1), real(cut1, cut2), finish)},
		Attempt{Row: "T28", Name: "one direction, pieces backwards", Families: Both, OneWay: true, steps: steps(start, inPieces(7, func(o []int) {
			for i, j := 0, len(o)-1; i < j; i, j = i+1, j-1 {
				o[i], o[j] = o[j], o[i]
			}
		}), finish)},
		Attempt{Row: "T28", Name: "one direction, lies with a small TTL", Families: Both, OneWay: true, steps: steps(start,
			send(seg{from: 0, to: cut2, lie: true, ip: ip{ttl: shortTTL}}), real(0, cut1), finish)},
	)
	return all
}

// flood opens more flows than there is room for.
func flood(t *talk) {
	p := t.path
	for i := range 4 * CrowdedFlows {
		p.Peer = t.path.Peer
		p.Me = addPort(t.path.Me, i)
		s := segment{seq: 1, flags: packet.SYN, window: 1000}
		t.link.Send(p.datagram(ip{ttl: shortTTL}, packet.TCP, p.tcp(s)))
		if i%64 == 63 {
			t.listen(moment, nil)
		}
	}
}
