package packet

import (
	"bytes"
	"testing"
)

func seeds(f *testing.F) [][]byte {
	b := [][]byte{tcp4(f), tcp6(f), udp4(f), udp6(f), ping4(f), ping6(f), {}, {0x45}, {0x60, 0}}
	b = append(b, chain6(tcp6(f), HopByHop, []byte{
		60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 44, 2, 0, 1,
		0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 6, 0, 0, 1, 9, 9, 9, 9,
	}))
	b = append(b, sealed(2, 0, 60, 0x12, 0x34, 0x20, 0)(tcp4(f)[:60]))
	return append(b, append(tcp4(f), 0, 0, 0))
}

// checkOffsets holds the invariants that every accessor stands on.
func checkOffsets(t *testing.T, p *Packet) {
	t.Helper()
	if !(0 <= p.l4 && p.l4 <= p.payload && p.payload <= p.upper && p.upper <= p.end && int(p.end) <= len(p.data)) {
		t.Fatalf("offsets %d %d %d %d of %d", p.l4, p.payload, p.upper, p.end, len(p.data))
	}
	if p.Version == 0 && p.Malformed == WellFormed || p.Version == 4 && p.l4 < 20 || p.Version == 6 && p.l4 < 40 {
		t.Fatalf("version %d, %v, header of %d bytes", p.Version, p.Malformed, p.l4)
	}
	if !p.HasPorts() && p.SrcPort|p.DstPort != 0 {
		t.Fatalf("ports %d %d, and there are none", p.SrcPort, p.DstPort)
	}
}

// readAll calls every accessor.
func readAll(p *Packet) {
	p.Addrs()
	p.SrcAddr()
	p.DstAddr()
	p.TTL()
	p.DSCP()
	p.ECN()
	p.Header()
	p.TransportHeader()
	p.Payload()
	p.FragmentPayload()
	p.EchoID()
	p.SegmentLen()
	p.VerifyChecksum()
	if h := p.IPv4(); h != nil {
		h.ID()
		h.Options()
	}
	if h := p.IPv6(); h != nil {
		h.Extensions()
	}
	if h := p.UDP(); h != nil {
		h.Checksum()
	}
	if h := p.ICMP(); h != nil {
		h.Checksum()
	}
	if h := p.TCP(); h != nil {
		opts := h.Options()
		for o, ok := opts.Next(); ok; o, ok = opts.Next() {
			o.MSS()
			o.WindowScale()
			o.Timestamps()
			for i := range o.SACKBlocks() {
				o.SACKBlock(i)
			}
		}
	}
}

// header is what Decode fills.
type header struct {
	Version                 uint8
	Proto                   Proto
	Malformed               Malformed
	Traits                  Traits
	TCPFlags                TCPFlags
	Fragment                Fragment
	SrcPort, DstPort        uint16
	l4, payload, upper, end int32
}

func headerOf(p *Packet) header {
	return header{p.Version, p.Proto, p.Malformed, p.Traits, p.TCPFlags, p.Fragment, p.SrcPort, p.DstPort, p.l4, p.payload, p.upper, p.end}
}

func FuzzDecode(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, uint16(0), uint8(0))
		f.Add(b, uint16(9), uint8(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, missing uint16, meta uint8) {
		p := new(Packet)
		p.Set(append([]byte(nil), b...)) // its capacity may exceed its length: reads beyond must still not be
		p.data = p.data[:len(p.data):len(p.data)]
		p.Meta.OrigLen += int(missing)
		p.Meta.GSO = meta&1 != 0
		p.Meta.Checksum = ChecksumState(meta >> 1 % 3)
		p.Decode()
		checkOffsets(t, p)
		readAll(p)
		if !bytes.Equal(p.Bytes(), b) || p.Changed() {
			t.Fatal("decoding changed the packet")
		}
		Reset(nil, p)
		ResetReceiver(nil, p)
		Unreachable(nil, p)
		repairTwice(t, p)
	})
}

// repairTwice marks p dirty and repairs it: a second time must change nothing, and what
// was well formed must decode to the same again, with a right checksum.
func repairTwice(t *testing.T, p *Packet) {
	p.MarkDirty()
	p.Repair()
	once, was := append([]byte{}, p.Bytes()...), headerOf(p)
	p.Repair()
	p.MarkDirty()
	p.Repair()
	if !bytes.Equal(once, p.Bytes()) {
		t.Fatalf("repaired once %x\ntwice %x", once, p.Bytes())
	}
	q := new(Packet)
	q.Set(once)
	q.Meta.OrigLen = p.Meta.OrigLen
	q.Meta.GSO = p.Meta.GSO
	q.Decode()
	if headerOf(q) != was {
		t.Fatalf("decoded %+v, was %+v", headerOf(q), was)
	}
	if was.Malformed == WellFormed && !q.VerifyChecksum() {
		t.Fatalf("wrong checksum after repair: %x", once)
	}
}

func FuzzEdit(f *testing.F) {
	for i, b := range seeds(f) {
		f.Add(b, i, i+3, []byte("edited"), uint8(i), uint8(i*9))
	}
	f.Fuzz(func(t *testing.T, b []byte, off, end int, with []byte, ttl, dscp uint8) {
		p := decoded(b)
		sound := p.VerifyChecksum()
		before, was := append([]byte{}, p.Payload()...), p.Malformed
		done := p.Splice(make([]byte, 66000), off, end, with)
		checkOffsets(t, p)
		p.SetTTL(ttl)
		p.SetDSCP(dscp)
		p.SetSeq(7)
		p.Repair()
		checkOffsets(t, p)
		if !done {
			if !bytes.Equal(p.Payload(), before) {
				t.Fatal("refused, and changed the payload")
			}
			return
		}
		q := decoded(p.Bytes())
		want := append(append(append([]byte{}, before[:off]...), with...), before[end:]...)
		if was != WellFormed || q.Malformed != WellFormed || !bytes.Equal(q.Payload(), want) {
			t.Fatalf("%v became %v, payload %x, want %x", was, q.Malformed, q.Payload(), want)
		}
		if sound && !q.VerifyChecksum() {
			t.Fatalf("wrong checksum after edit: %x", p.Bytes())
		}
	})
}

func FuzzRewrite(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := new(Packet)
		p.Rewrite(append([]byte(nil), b...))
		checkOffsets(t, p)
		p.Repair()
		checkOffsets(t, p)
		if len(p.Bytes()) != len(b) || p.Malformed == WellFormed && !p.VerifyChecksum() {
			t.Fatalf("%v: %x", p.Malformed, p.Bytes())
		}
	})
}
