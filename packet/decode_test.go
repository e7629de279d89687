package packet

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDecodeTCPOverIPv4(t *testing.T) {
	p := decoded(tcp4(t))
	tcp := p.TCP()
	switch {
	case p.Malformed != WellFormed, p.Version != 4, p.Proto != TCP, p.Traits != DontFragment:
		t.Fatalf("%v, version %d, %v, traits %b", p.Malformed, p.Version, p.Proto, p.Traits)
	case !p.HasPorts(), p.SrcPort != 52208, p.DstPort != 80:
		t.Fatalf("ports %v %d %d", p.HasPorts(), p.SrcPort, p.DstPort)
	case p.TCPFlags != PSH|ACK, tcp.Seq() != 0x1000, tcp.Ack() != 0x2000, tcp.Window() != 502, tcp.Reserved() != 0:
		t.Fatalf("%v seq %#x ack %#x wnd %d", p.TCPFlags, tcp.Seq(), tcp.Ack(), tcp.Window())
	case p.SrcAddr() != netip.MustParseAddr("192.0.2.1"), p.DstAddr() != netip.MustParseAddr("198.51.100.2"):
		t.Fatalf("%v to %v", p.SrcAddr(), p.DstAddr())
	case p.TTL() != 64, p.DSCP() != 46, p.ECN() != 0, p.IPv4().ID() != 0x1234:
		t.Fatalf("TTL %d DSCP %d ECN %d ID %#x", p.TTL(), p.DSCP(), p.ECN(), p.IPv4().ID())
	case len(p.Header()) != 20, len(p.TransportHeader()) != 36, string(p.Payload()) != "hello":
		t.Fatalf("%d + %d + %q", len(p.Header()), len(p.TransportHeader()), p.Payload())
	case p.SegmentLen() != 5, !p.VerifyChecksum(), p.Fragment != Fragment{}:
		t.Fatalf("segment %d, checksum %v, %+v", p.SegmentLen(), p.VerifyChecksum(), p.Fragment)
	}
}

// The checksums that hexTCP4 and hexUDP6 write out were computed outside this package.
func TestDecodeAcceptsForeignChecksums(t *testing.T) {
	for _, text := range []string{hexTCP4, hexUDP6} {
		b := datagram(t, text)
		if p := decoded(b); p.Malformed != WellFormed || !p.VerifyChecksum() || !sumsRight(b) {
			t.Errorf("%v, checksum %v in %x", p.Malformed, p.VerifyChecksum(), b)
		}
	}
}

func TestDecodeUDPOverIPv6(t *testing.T) {
	p := decoded(udp6(t))
	switch {
	case p.Malformed != WellFormed, p.Version != 6, p.Proto != UDP, p.Traits != 0:
		t.Fatalf("%v, version %d, %v, traits %b", p.Malformed, p.Version, p.Proto, p.Traits)
	case p.SrcPort != 52208, p.DstPort != 53, string(p.Payload()) != "abc":
		t.Fatalf("ports %d %d, payload %q", p.SrcPort, p.DstPort, p.Payload())
	case p.SrcAddr() != netip.MustParseAddr("2001:db8::1"), p.DstAddr() != netip.MustParseAddr("2001:db8::2"):
		t.Fatalf("%v to %v", p.SrcAddr(), p.DstAddr())
	case p.TTL() != 64, p.DSCP() != 46, p.ECN() != 1, p.IPv6().FlowLabel() != 0x1234:
		t.Fatalf("TTL %d DSCP %d ECN %d label %#x", p.TTL(), p.DSCP(), p.ECN(), p.IPv6().FlowLabel())
	case p.TCP() != nil, p.UDP().Length() != 11, !p.VerifyChecksum():
		t.Fatalf("TCP view %v, UDP length %d, checksum %v", p.TCP(), p.UDP().Length(), p.VerifyChecksum())
	}
}

func TestDecodeEcho(t *testing.T) {
	for _, b := range [][]byte{ping4(t), ping6(t)} {
		p := decoded(b)
		id, ok := p.EchoID()
		if p.Malformed != WellFormed || !ok || id != 0xbeef || p.HasPorts() || string(p.Payload()) != "data" || !p.VerifyChecksum() {
			t.Errorf("version %d: %v, id %#x %v, payload %q, checksum %v",
				p.Version, p.Malformed, id, ok, p.Payload(), p.VerifyChecksum())
		}
		// The other version's ICMP is nobody's ICMP.
		if p.Version == 4 {
			b[9] = byte(ICMPv6)
		} else {
			b[6] = byte(ICMP)
		}
		p = decoded(fixed(b))
		if _, ok := p.EchoID(); ok || p.ICMP() != nil || p.Malformed != WellFormed {
			t.Errorf("version %d: foreign ICMP was read: %v", p.Version, p.Malformed)
		}
	}
}

// edit is a datagram with one thing wrong.
type edit func(b []byte) []byte

func put(at int, v ...byte) edit {
	return func(b []byte) []byte { copy(b[at:], v); return b }
}

// sealed is put with the IPv4 header checksum made right again.
func sealed(at int, v ...byte) edit {
	return func(b []byte) []byte {
		copy(b[at:], v)
		wire.PutUint16(b[10:], 0)
		wire.PutUint16(b[10:], ^sum16(b[:int(b[0]&15)*4]))
		return b
	}
}

func cut(n int) edit { return func(b []byte) []byte { return b[:n] } }

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name string
		of   []byte
		edit edit
		want Malformed
	}{
		{"nothing", tcp4(t), cut(0), ShortHeader},
		{"IPv4 header cut", tcp4(t), cut(19), ShortHeader},
		{"IPv6 header cut", udp6(t), cut(39), ShortHeader},
		{"version 0", tcp4(t), put(0, 0x05), BadVersion},
		{"version 5", tcp4(t), put(0, 0x55), BadVersion},
		{"IHL 4", tcp4(t), put(0, 0x44), BadIHL},
		{"IHL 0", tcp4(t), put(0, 0x40), BadIHL},
		{"IHL beyond the bytes", tcp4(t), func(b []byte) []byte { b[0] = 0x46; return b[:23] }, BadIHL},
		{"total length 0", tcp4(t), sealed(2, 0, 0), BadTotalLength},
		{"total length below IHL", tcp4(t), sealed(2, 0, 19), BadTotalLength},
		{"total length beyond the bytes", tcp4(t), sealed(2, 0, 62), BadTotalLength},
		{"payload length beyond the bytes", udp6(t), put(4, 0, 12), BadTotalLength},
		{"header checksum", tcp4(t), put(8, 63), BadHeaderChecksum},
		{"TCP header cut", tcp4(t), sealed(2, 0, 39), ShortHeader},
		{"no TCP header at all", tcp4(t), sealed(2, 0, 20), ShortHeader},
		{"TCP header cut in v6", tcp6(t), put(4, 0, 19), ShortHeader},
		{"UDP header cut", udp4(t), sealed(2, 0, 27), ShortHeader},
		{"ICMP header cut", ping4(t), sealed(2, 0, 27), ShortHeader},
		{"ICMPv6 header cut", ping6(t), put(4, 0, 3), ShortHeader},
		{"data offset 4", tcp4(t), put(32, 0x40), BadTCPDataOffset},
		{"data offset beyond the end", tcp4(t), put(32, 0xb0), BadTCPDataOffset},
		{"UDP length 0 in v4", udp4(t), put(24, 0, 0), BadUDPLength},
		{"UDP length 0 in v6", udp6(t), put(44, 0, 0), BadUDPLength},
		{"UDP length 7", udp6(t), put(44, 0, 7), BadUDPLength},
		{"UDP length beyond the end", udp6(t), put(44, 0, 12), BadUDPLength},
		{"jumbogram", udp6(t), put(4, 0, 0, 0), BadTotalLength},
		{"fragment not a multiple of 8", tcp4(t), sealed(6, 0x20, 0), BadFragment},
		{"fragment beyond 64 KiB", tcp4(t), sealed(6, 0x1f, 0xff), BadFragment},
		{"empty fragment", tcp4(t), func(b []byte) []byte { return sealed(2, 0, 20, 0, 1, 0, 1)(b)[:20] }, BadFragment},
	} {
		p := decoded(c.edit(c.of))
		if p.Malformed != c.want {
			t.Errorf("%s: %v, want %v", c.name, p.Malformed, c.want)
		}
		if p.Malformed.Reason() != Reason(c.want.String()) {
			t.Errorf("%s: reason %q", c.name, p.Malformed.Reason())
		}
	}
}

func TestHeaderSumAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Bytes of all ones and zeros make carries at every place.
		some := rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 0xff}))
		h := [20]byte(rapid.SliceOfN(some, 20, 20).Draw(t, "h"))
		h[0] = 0x45
		if rapid.Bool().Draw(t, "right") {
			wire.PutUint16(h[10:], 0)
			wire.PutUint16(h[10:], ^sum16(h[:]))
		}
		if got, want := headerSumValid(&h), sum16(h[:]) == 0xffff; got != want {
			t.Fatalf("% x: %v", h, got)
		}
	})
}

// A malformed packet still names its conversation where the bytes can be read.
func TestMalformedKeepsWhatCanBeRead(t *testing.T) {
	for _, e := range []edit{put(8, 63), put(32, 0x40), sealed(2, 0, 62), sealed(2, 0, 28)} {
		p := decoded(e(tcp4(t)))
		if p.Malformed == WellFormed || !p.HasPorts() || p.SrcPort != 52208 || p.DstPort != 80 || !p.SrcAddr().Is4() {
			t.Errorf("%v: ports %v %d %d", p.Malformed, p.HasPorts(), p.SrcPort, p.DstPort)
		}
	}
}

func TestMalformedNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{"": true, "invalid": true}
	for m := range Malformed(MalformedCount) {
		if seen[m.String()] {
			t.Errorf("%d: name %q is empty or taken", m, m)
		}
		seen[m.String()] = true
	}
	if WellFormed.Reason() != "" {
		t.Errorf("a well-formed packet has the reason %q", WellFormed.Reason())
	}
}

func TestTrailingBytesAreNotPayload(t *testing.T) {
	for _, b := range [][]byte{tcp4(t), tcp6(t), udp4(t), udp6(t)} {
		want := string(decoded(b).Payload())
		p := decoded(append(b, "padding"...))
		if p.Malformed != WellFormed || !p.Traits.Has(TrailingBytes) || string(p.Payload()) != want || !p.VerifyChecksum() {
			t.Errorf("%v, payload %q, want %q", p.Malformed, p.Payload(), want)
		}
		if !p.Trim() || len(p.Bytes()) != len(b) || p.Truncated() || !p.Changed() || p.Trim() {
			t.Errorf("trimmed to %d bytes, want %d", len(p.Bytes()), len(b))
		}
	}
}

func TestUDPSurplusIsNotPayload(t *testing.T) {
	b := udp6(t)
	b[45]-- // UDP length 10
	p := decoded(b)
	if p.Malformed != WellFormed || !p.Traits.Has(UDPSurplus) || string(p.Payload()) != "ab" {
		t.Fatalf("%v, payload %q", p.Malformed, p.Payload())
	}
}

// What the kernel did not copy is not the sender's fault.
func TestTruncatedIsNotBadLength(t *testing.T) {
	for _, whole := range [][]byte{tcp4(t), udp6(t)} {
		p := new(Packet)
		p.Set(whole[:len(whole)-1])
		p.Meta.OrigLen = len(whole)
		p.Decode()
		if p.Malformed != Truncated || !p.Truncated() || !p.HasPorts() || !p.VerifyChecksum() {
			t.Errorf("%v, ports %v", p.Malformed, p.HasPorts())
		}
	}
}

func TestOffloadPacketBeyond64KiB(t *testing.T) {
	for _, b := range [][]byte{tcp4(t), tcp6(t)} {
		b = append(b, make([]byte, 70000)...)
		if b[0]>>4 == 4 {
			b = sealed(2, 0, 0)(b)
		} else {
			b[4], b[5] = 0, 0
		}
		p := new(Packet)
		p.Set(b)
		p.Meta.GSO = true
		p.Decode()
		if p.Malformed != WellFormed || len(p.Payload()) != 70005 {
			t.Errorf("version %d: %v, payload %d bytes", p.Version, p.Malformed, len(p.Payload()))
		}
	}
}

func TestOptionsAndFlagsOfIPv4(t *testing.T) {
	withOptions := func(options ...byte) []byte {
		b := append(append(tcp4(t)[:20:20], options...), tcp4(t)[20:]...)
		b[0] = 0x45 + byte(len(options)/4)
		return fixed(b)
	}
	route := []byte{131, 7, 4, 203, 0, 113, 9, 0} // loose source route, one address to go
	for _, c := range []struct {
		name   string
		b      []byte
		want   Malformed
		traits Traits
	}{
		{"reserved bit", sealed(6, 0x80, 0)(tcp4(t)), WellFormed, ReservedBit},
		{"record route", withOptions(7, 7, 4, 0, 0, 0, 0, 0), WellFormed, DontFragment | IPOptions},
		{"source route", withOptions(route...), WellFormed, DontFragment | IPOptions | SourceRoute},
		{"behind the end of options", withOptions(1, 0, 131, 255), WellFormed, DontFragment | IPOptions},
		{"length 0", withOptions(7, 0, 0, 0), BadIPOption, DontFragment | IPOptions},
		{"length 1", withOptions(7, 1, 0, 0), BadIPOption, DontFragment | IPOptions},
		{"length beyond the header", withOptions(7, 5, 0, 0), BadIPOption, DontFragment | IPOptions},
		{"no length", withOptions(1, 1, 1, 7), BadIPOption, DontFragment | IPOptions},
	} {
		p := decoded(c.b)
		if p.Malformed != c.want || p.Traits != c.traits || string(p.Payload()) != "hello" {
			t.Errorf("%s: %v, traits %b, payload %q", c.name, p.Malformed, p.Traits, p.Payload())
		}
		if c.want == WellFormed && p.Traits.Has(IPOptions) {
			if !p.ClearOptions() || p.ClearOptions() {
				t.Errorf("%s: options not cleared once", c.name)
			}
			p.Repair()
			if q := decoded(p.Bytes()); q.Malformed != WellFormed || q.Traits.Has(SourceRoute) || len(q.Bytes()) != len(c.b) {
				t.Errorf("%s: cleared to %v, traits %b", c.name, q.Malformed, q.Traits)
			}
		}
	}
}

// The destination in the pseudo-header is the last one of a source route.
func TestChecksumBehindSourceRoute(t *testing.T) {
	b := append(tcp4(t)[:20:20], 131, 7, 4, 198, 51, 100, 2, 0)
	b = append(b, tcp4(t)[20:]...)
	b[0], b[3] = 0x47, b[3]+8
	b = sealed(16, 203, 0, 113, 9)(b) // the first hop; 198.51.100.2 comes last
	if p := decoded(b); p.Malformed != WellFormed || !p.VerifyChecksum() {
		t.Errorf("loose source route: %v, checksum refused", p.Malformed)
	}
	b = sealed(22, 8)(b) // route used up: now 203.0.113.9 is the end
	if p := decoded(b); p.Malformed != WellFormed || p.VerifyChecksum() {
		t.Errorf("route used up: %v, checksum accepted", p.Malformed)
	}
}

func TestVerifyChecksumHonoursTheKernel(t *testing.T) {
	for _, b := range [][]byte{tcp4(t), tcp6(t), udp4(t), udp6(t), ping4(t), ping6(t)} {
		if p := decoded(b); !p.VerifyChecksum() {
			t.Errorf("version %d %v: right checksum refused", p.Version, p.Proto)
		}
		b[len(b)-1] ^= 1
		p := decoded(b)
		if p.VerifyChecksum() {
			t.Errorf("version %d %v: wrong checksum accepted", p.Version, p.Proto)
		}
		p.Meta.Checksum = ChecksumPartial
		if !p.VerifyChecksum() {
			t.Errorf("%v: partial checksum called bad", p.Proto)
		}
		p.Meta.Checksum = ChecksumVerified
		if !p.VerifyChecksum() {
			t.Errorf("%v: verified checksum called bad", p.Proto)
		}
	}
}

func TestUDPWithoutChecksum(t *testing.T) {
	if p := decoded(put(26, 0, 0)(udp4(t))); !p.VerifyChecksum() {
		t.Error("zero refused over IPv4")
	}
	if p := decoded(put(46, 0, 0)(udp6(t))); p.VerifyChecksum() {
		t.Error("zero accepted over IPv6")
	}
}

func TestSetForgets(t *testing.T) {
	p := decoded(tcp4(t))
	p.Verdict, p.Reason, p.Meta.Captured = Drop, "x", time.Second
	p.SetTTL(1)
	p.Set(nil)
	p.Decode()
	if p.Changed() || p.Verdict != Pass || p.Reason != "" || p.HasPorts() || p.TCP() != nil || len(p.Header()) != 0 {
		t.Fatalf("%+v", p)
	}
	if src, dst := p.Addrs(); src != nil || dst != nil || p.SrcAddr().IsValid() || p.TTL() != 0 || p.DSCP() != 0 {
		t.Fatal("an empty packet has addresses")
	}
}

func TestTCPOptions(t *testing.T) {
	p := decoded(tcp4(t))
	opts := p.TCP().Options()
	o, ok := opts.Next()
	if mss, is := o.MSS(); !ok || !is || mss != 1460 || o.At != 0 {
		t.Fatalf("first option %+v", o)
	}
	o, ok = opts.Next()
	if shift, is := o.WindowScale(); !ok || !is || shift != 7 || o.At != 5 {
		t.Fatalf("second option %+v", o)
	}
	if o, ok = opts.Find(OptionSACKPermitted); !ok || len(o.Data) != 0 || o.At != 8 {
		t.Fatalf("third option %+v", o)
	}
	if o, ok = opts.Next(); ok || opts.Malformed() {
		t.Fatalf("a fourth option %+v, malformed %v", o, opts.Malformed())
	}
}

func TestTCPOptionsSACKAndTimestamps(t *testing.T) {
	h := TCPHeader(append(make([]byte, 20), datagram(t, `
		01 01 08 0a 00 00 00 07 00 00 00 09                         # timestamps 7, 9
		01 01 05 12 00 00 00 01 00 00 00 02 ff ff ff ff 00 00 00 01 # SACK 1-2, ffffffff-1
	`)...))
	opts := h.Options()
	o, _ := opts.Next()
	if val, echo, ok := o.Timestamps(); !ok || val != 7 || echo != 9 {
		t.Fatalf("%+v", o)
	}
	o, _ = opts.Next()
	if o.SACKBlocks() != 2 {
		t.Fatalf("%+v", o)
	}
	if left, right := o.SACKBlock(1); left != 0xffffffff || right != 1 {
		t.Fatalf("block %#x-%#x", left, right)
	}
}

func TestTCPOptionsMalformed(t *testing.T) {
	for _, bad := range [][]byte{{1, 2}, {2, 0}, {2, 1, 0}, {2, 4, 5}, {1, 1, 1, 8, 10, 0}} {
		opts := TCPHeader(append(make([]byte, 20), bad...)).Options()
		if o, ok := opts.Next(); ok || !opts.Malformed() {
			t.Errorf("% x: %+v, malformed %v", bad, o, opts.Malformed())
		}
	}
	// The right kind with another length is not that option.
	for _, o := range []TCPOption{{Kind: OptionMSS, Data: make([]byte, 3)}, {Kind: OptionWindowScale}, {Kind: OptionTimestamps, Data: make([]byte, 7)}, {Kind: OptionSACK, Data: make([]byte, 9)}} {
		_, mss := o.MSS()
		_, scale := o.WindowScale()
		_, _, stamps := o.Timestamps()
		if mss || scale || stamps || o.SACKBlocks() != 0 {
			t.Errorf("%+v was read", o)
		}
	}
}

func TestTCPFlagNames(t *testing.T) {
	if got := (SYN | ACK | AE).String(); got != "SYN|ACK|AE" {
		t.Error(got)
	}
	if got := TCPFlags(0).String(); got != "none" {
		t.Error(got)
	}
	if ICMPv6.String() != "icmpv6" || Proto(200).String() != "200" {
		t.Error(ICMPv6.String(), Proto(200).String())
	}
}

// TestTunnels names datagrams in datagrams, and does not enter them.
func TestTunnels(t *testing.T) {
	for proto, want := range map[Proto]Traits{IPIP: Tunnel, IPv6InIP: Tunnel, GRE: Tunnel, ESP: 0, UDP: 0} {
		for _, v6 := range []bool{false, true} {
			b := make([]byte, 20+28)
			b[0], b[3], b[8], b[9] = 0x45, byte(len(b)), 64, byte(proto)
			if v6 {
				b = make([]byte, 40+28)
				b[0], b[5], b[6], b[7] = 0x60, 28, byte(proto), 64
			}
			var p Packet
			p.Set(b)
			p.Decode()
			if p.Traits != want || p.Proto != proto {
				t.Errorf("%v, v6 %v: traits %b, want %b, and %v", proto, v6, p.Traits, want, p.Proto)
			}
		}
	}
}
