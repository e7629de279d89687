package packet

import (
	"bytes"
	"hash/maphash"
	"testing"

	"pgregory.net/rapid"
)

// everyKind returns one datagram for each protocol and IP version with a checksum.
func everyKind(t testing.TB) map[string][]byte {
	return map[string][]byte{"tcp4": tcp4(t), "tcp6": tcp6(t), "udp4": udp4(t), "udp6": udp6(t), "ping4": ping4(t), "ping6": ping6(t)}
}

func TestUnchangedIsLeftAlone(t *testing.T) {
	for name, b := range everyKind(t) {
		b[len(b)-1] ^= 1 // a wrong checksum is not ours to mend
		p := decoded(b)
		p.SetTTL(p.TTL())
		p.SetDSCP(p.DSCP())
		p.Meta.Checksum = ChecksumPartial
		p.Repair()
		if p.Changed() || !bytes.Equal(p.Bytes(), b) || p.Meta.Checksum != ChecksumPartial {
			t.Errorf("%s: changed %v", name, p.Changed())
		}
	}
}

func TestHeaderEditsKeepChecksums(t *testing.T) {
	for name, b := range everyKind(t) {
		for dscp := range uint8(64) {
			p := decoded(b)
			ecn := p.ECN()
			if !p.SetDSCP(dscp) || !p.SetTTL(dscp*3) || p.DSCP() != dscp || p.ECN() != ecn || p.TTL() != dscp*3 {
				t.Fatalf("%s: DSCP %d ECN %d TTL %d", name, p.DSCP(), p.ECN(), p.TTL())
			}
			before := append([]byte{}, p.Bytes()...)
			p.Repair()
			if !bytes.Equal(before, p.Bytes()) || !sumsRight(p.Bytes()) || !p.Changed() {
				t.Fatalf("%s: DSCP %d: wrong sums in %x", name, dscp, p.Bytes())
			}
		}
		p := decoded(b)
		if p.SetDSCP(64) || p.SetECN(4) || !p.SetECN(3) || p.ECN() != 3 || p.DSCP() != decoded(b).DSCP() {
			t.Errorf("%s: ECN %d DSCP %d", name, p.ECN(), p.DSCP())
		}
	}
}

func TestFlowLabelSurvivesDSCP(t *testing.T) {
	p := decoded(udp6(t))
	p.SetDSCP(0x2a)
	if p.IPv6().FlowLabel() != 0x1234 || p.Version != 6 || p.Bytes()[0]>>4 != 6 {
		t.Fatalf("label %#x", p.IPv6().FlowLabel())
	}
}

func TestPayloadEditIsRepaired(t *testing.T) {
	for name, b := range everyKind(t) {
		p := decoded(b)
		copy(p.MutablePayload(), "XY")
		if sumsRight(p.Bytes()) {
			t.Fatalf("%s: the edit left the checksum right by itself", name)
		}
		p.Repair()
		if !sumsRight(p.Bytes()) || string(p.Payload()[:2]) != "XY" {
			t.Errorf("%s: %x", name, p.Bytes())
		}
	}
}

// A packet whose checksum the kernel would have filled in goes back complete, whatever
// was edited.
func TestPartialIsCompletedIfChanged(t *testing.T) {
	edits := map[string]func(p *Packet) bool{
		"TTL":       func(p *Packet) bool { return p.SetTTL(9) },
		"DSCP":      func(p *Packet) bool { return p.SetDSCP(9) },
		"overwrite": func(p *Packet) bool { return p.Overwrite(1, []byte("Z")) },
		"payload":   func(p *Packet) bool { return len(p.MutablePayload()) > 0 },
		"splice":    func(p *Packet) bool { return p.Splice(make([]byte, 200), 0, 1, []byte("long")) },
	}
	for name, b := range everyKind(t) {
		for how, edit := range edits {
			p := decoded(b)
			at := p.sumAt()
			p.data[at], p.data[at+1] = 0x12, 0x34 // as good as any half-done sum
			p.Meta.Checksum = ChecksumPartial
			if !edit(p) {
				t.Fatalf("%s: %s refused", name, how)
			}
			p.Repair()
			if !sumsRight(p.Bytes()) || p.Meta.Checksum == ChecksumPartial {
				t.Errorf("%s: %s: %x", name, how, p.Bytes())
			}
		}
	}
}

func TestOverwriteNeedsNoRepair(t *testing.T) {
	kinds := everyKind(t)
	rapid.Check(t, func(t *rapid.T) {
		b := kinds[rapid.SampledFrom([]string{"tcp4", "tcp6", "udp4", "udp6", "ping4", "ping6"}).Draw(t, "kind")]
		p := decoded(b)
		n := len(p.Payload())
		off := rapid.IntRange(0, n).Draw(t, "off")
		with := rapid.SliceOfN(rapid.Byte(), 0, n-off).Draw(t, "with")
		if !p.Overwrite(off, with) || !sumsRight(p.Bytes()) || !bytes.Equal(p.Payload()[off:off+len(with)], with) {
			t.Fatalf("%x", p.Bytes())
		}
		if p.Overwrite(off+1, make([]byte, n-off)) || p.Overwrite(-1, nil) {
			t.Fatal("wrote beyond the payload")
		}
	})
}

func TestOverwriteKeepsAWrongChecksumWrong(t *testing.T) {
	for name, b := range everyKind(t) {
		p := decoded(b)
		p.data[p.sumAt()] ^= 0x40
		p.Overwrite(0, []byte("ab"))
		p.SetTTL(3)
		p.Repair()
		if sumsRight(p.Bytes()) {
			t.Errorf("%s: laundered", name)
		}
	}
}

func TestSequenceTranslation(t *testing.T) {
	for _, b := range [][]byte{tcp4(t), tcp6(t)} {
		p := decoded(b)
		if !p.SetSeq(0xfffffff0) || !p.SetAck(0x01020304) || p.TCP().Seq() != 0xfffffff0 || p.TCP().Ack() != 0x01020304 || !sumsRight(p.Bytes()) {
			t.Errorf("%x", p.Bytes())
		}
	}
	if p := decoded(udp4(t)); p.SetSeq(1) || p.Changed() {
		t.Error("UDP has a sequence number")
	}
}

// Splice against the obvious twin: cut the payload apart, put it together, and write
// the header fields by hand.
func TestSpliceAgainstTwin(t *testing.T) {
	kinds := everyKind(t)
	names := []string{"tcp4", "tcp6", "udp4", "udp6", "ping4", "ping6"}
	rapid.Check(t, func(t *rapid.T) {
		b := kinds[rapid.SampledFrom(names).Draw(t, "kind")]
		p := decoded(append(append([]byte{}, b...), rapid.SampledFrom([]string{"", "trailing"}).Draw(t, "behind")...))
		buf := make([]byte, 2000)
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			old := append([]byte{}, p.Payload()...)
			off := rapid.IntRange(0, len(old)).Draw(t, "off")
			end := rapid.IntRange(off, len(old)).Draw(t, "end")
			with := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "with")
			want := append(append(append([]byte{}, old[:off]...), with...), old[end:]...)
			if !p.Splice(buf, off, end, with) {
				t.Fatal("refused")
			}
			if !bytes.Equal(p.Payload(), want) {
				t.Fatalf("payload %x, want %x", p.Payload(), want)
			}
			p.Repair()
			q := decoded(p.Bytes())
			if q.Malformed != WellFormed || !sumsRight(p.Bytes()[:p.end]) || !bytes.Equal(q.Payload(), want) || p.Truncated() {
				t.Fatalf("%v: %x", q.Malformed, p.Bytes())
			}
			if !bytes.Equal(q.TransportHeader()[:2], b[p.l4:p.l4+2]) || q.l4 != p.l4 || q.payload != p.payload || q.upper != p.upper || q.end != p.end {
				t.Fatal("offsets differ from a fresh decode")
			}
		}
	})
}

func TestSpliceRefuses(t *testing.T) {
	big := make([]byte, 70000)
	for name, b := range everyKind(t) {
		p := decoded(b)
		head, n := len(b)-len(p.Payload()), len(p.Payload())
		for what, ok := range map[string]bool{
			"beyond 65535":       p.Splice(big, 0, 0, big[:65536-len(b)]),
			"buffer too small":   p.Splice(big[:len(b)], 0, 0, big[:1]),
			"end beyond payload": p.Splice(big, 0, n+1, nil),
			"backwards":          p.Splice(big, 1, 0, nil),
		} {
			if ok || p.Changed() || !bytes.Equal(p.Bytes(), b) {
				t.Errorf("%s: %s was done", name, what)
			}
		}
		if !p.ReplacePayload(big, make([]byte, 65535-head)) {
			t.Errorf("%s: 65535 bytes refused", name)
		}
		if p.Repair(); len(p.Bytes()) != 65535 || !sumsRight(p.Bytes()) {
			t.Errorf("%s: %d bytes, sums %v", name, len(p.Bytes()), sumsRight(p.Bytes()))
		}
	}
}

// Edits that could not be made whole are refused and leave no trace.
func TestRefusedEdits(t *testing.T) {
	ah := chain6(tcp6(t), AH, append([]byte{byte(TCP), 4, 0, 0}, make([]byte, 20)...))
	sctp := udp4(t)
	sctp[9] = byte(SCTP)
	short := decoded(tcp4(t))
	short.Meta.OrigLen = 9000
	for name, p := range map[string]*Packet{
		"malformed":      decoded(put(8, 1)(tcp4(t))),
		"truncated":      short,
		"authenticated":  decoded(ah),
		"unknown sum":    decoded(fixed(append(sctp, 0, 0, 0, 0))),
		"later fragment": decoded(sealed(6, 0, 1)(tcp4(t))),
		"nothing":        decoded(nil),
	} {
		buf, before := make([]byte, 500), append([]byte{}, p.Bytes()...)
		if p.MutablePayload() != nil || p.MutableTransportHeader() != nil || p.Overwrite(0, []byte("a")) ||
			p.Splice(buf, 0, 0, []byte("abc")) || p.SetSeq(1) {
			t.Errorf("%s: edited", name)
		}
		if p.Changed() || !bytes.Equal(p.Bytes(), before) {
			t.Errorf("%s: changed", name)
		}
	}
}

// The first piece holds the checksum, so an edit of known extent can correct it there.
func TestOverwriteOfFirstFragment(t *testing.T) {
	whole := tcp4(t)
	b := sealed(2, 0, 60, 0x12, 0x34, 0x20, 0)(append([]byte{}, whole[:60]...))
	p := decoded(b)
	if p.Malformed != WellFormed || !p.Overwrite(1, []byte("EY")) {
		t.Fatalf("%v: refused", p.Malformed)
	}
	p.SetTTL(5)
	p.Repair()
	together := fixedHeader(append(append([]byte{}, p.Bytes()...), whole[60:]...))
	if !sumsRight(together) || string(together[56:]) != "hEYlo" {
		t.Fatalf("together %x", together)
	}
	later := decoded(sealed(2, 0, 28, 0x12, 0x34, 0, 5)(append(whole[:20:20], whole[53:61]...)))
	upper := append([]byte{}, later.FragmentPayload()...)
	later.MarkDirty()
	later.Repair()
	if !bytes.Equal(later.FragmentPayload(), upper) {
		t.Error("Repair wrote into a later fragment")
	}
}

// fixedHeader makes an IPv4 header that of a whole datagram.
func fixedHeader(b []byte) []byte { return sealed(2, 0, byte(len(b)), b[4], b[5], 0, 0)(b) }

func TestUDPZeroChecksum(t *testing.T) {
	p := decoded(put(26, 0, 0)(udp4(t)))
	copy(p.MutablePayload(), "X")
	p.Overwrite(1, []byte("Y"))
	p.Repair()
	if p.UDP().Checksum() != 0 {
		t.Errorf("IPv4: none became %04x", p.UDP().Checksum())
	}
	p = decoded(put(46, 0, 0)(udp6(t)))
	copy(p.MutablePayload(), "X")
	p.Repair()
	if !sumsRight(p.Bytes()) || p.UDP().Checksum() == 0 {
		t.Error("IPv6: none was not filled in")
	}
}

// A sum that comes out as zero is written as ffff, by Repair and by Overwrite.
func TestUDPChecksumIsNeverComputedToZero(t *testing.T) {
	for _, b := range [][]byte{udp4(t), udp6(t)} {
		p := decoded(b)
		check := p.UDP().Checksum()
		word := wire.Uint16(p.Payload())
		s := uint32(word) + uint32(check) // the word that takes the whole checksum into itself
		with := wire.AppendUint16(nil, uint16(s)+uint16(s>>16))
		if !p.Overwrite(0, with) || p.UDP().Checksum() != 0xffff || !sumsRight(p.Bytes()) {
			t.Errorf("overwritten: %04x", p.UDP().Checksum())
		}
		p.MarkDirty()
		p.Repair()
		if p.UDP().Checksum() != 0xffff || !p.VerifyChecksum() {
			t.Errorf("repaired: %04x", p.UDP().Checksum())
		}
	}
}

// The hobbyist's loop: bytes changed without a word, noticed by the fingerprint.
func TestSilentEditIsNoticedAndRepaired(t *testing.T) {
	seed := maphash.MakeSeed()
	for name, b := range everyKind(t) {
		p := decoded(b)
		before := p.Fingerprint(seed)
		if p.Fingerprint(seed) != before {
			t.Fatalf("%s: fingerprint differs without an edit", name)
		}
		p.Payload()[0] ^= 0x20
		p.Bytes()[8] ^= 0x03
		if p.Fingerprint(seed) == before {
			t.Fatalf("%s: edit not noticed", name)
		}
		p.MarkDirty()
		p.Repair()
		if !sumsRight(p.Bytes()) || p.Malformed != WellFormed {
			t.Errorf("%s: %v: %x", name, p.Malformed, p.Bytes())
		}
	}
}

func TestRewriteSetsLengths(t *testing.T) {
	for name, b := range everyKind(t) {
		for _, extra := range []int{-2, 0, 1, 1000} {
			p := decoded(b)
			p.Token.ID = 7
			edited := append(append([]byte{}, b[:len(b)+min(extra, 0)]...), make([]byte, max(extra, 0))...)
			p.Rewrite(edited)
			p.Repair()
			if q := decoded(p.Bytes()); q.Malformed != WellFormed || !sumsRight(p.Bytes()) || len(p.Bytes()) != len(edited) || p.Token.ID != 7 || !p.Changed() {
				t.Errorf("%s%+d: %v", name, extra, q.Malformed)
			}
		}
	}
	p := decoded(tcp4(t))
	if p.Rewrite(append(tcp4(t), make([]byte, 65536)...)); p.Malformed != BadTotalLength {
		t.Errorf("beyond 65535 bytes: %v", p.Malformed)
	}
}

// TestChecksumThatIsLeft: what a kernel would complete, for both families, and nothing where there is no such checksum.
func TestChecksumThatIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{"TCP": {tcp4(t), true}, "TCP, IPv6": {tcp6(t), true}, "UDP": {udp4(t), true}, "UDP, IPv6": {udp6(t), true}, "echo": {ping4(t), false}, "echo, IPv6": {ping6(t), false}} {
		before := bytes.Clone(c.b)
		p := decoded(c.b)
		if got := p.LeaveChecksum(); got != c.want || got != p.PartialChecksum() || got != (p.Meta.Checksum == ChecksumPartial) {
			t.Errorf("%s: left %v, partial %v, %v; want %v", name, got, p.PartialChecksum(), p.Meta.Checksum, c.want)
		}
		if !c.want && !bytes.Equal(before, p.Bytes()) {
			t.Errorf("%s: it was changed", name)
		}
		if p.MarkDirty(); c.want {
			p.Repair()
			p.Meta.Checksum = ChecksumUnknown
			if !p.VerifyChecksum() {
				t.Errorf("%s: it cannot be completed", name)
			}
		}
	}
}
