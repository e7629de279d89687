package packet

import (
	"bytes"
	"testing"
)

func TestExtensionChains(t *testing.T) {
	const tcp, hop, rt, fr, ah, dst = byte(TCP), byte(HopByHop), byte(Routing), byte(FragmentHeader), byte(AH), byte(DestinationOptions)
	options := func(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} } // PadN
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	routing := func(next, kind, left byte) []byte {
		return join([]byte{next, 2, kind, left, 0, 0, 0, 0}, tcp6(t)[24:40])
	}
	fragment := func(next byte, word uint16) []byte {
		return []byte{next, 0, byte(word >> 8), byte(word), 0xaa, 0xbb, 0xcc, 0xdd}
	}
	many := func(n int) (b []byte) {
		for range n - 1 {
			b = append(b, options(dst)...)
		}
		return append(b, options(tcp)...)
	}
	for _, c := range []struct {
		name   string
		first  Proto
		ext    []byte
		want   Malformed
		traits Traits
	}{
		{"hop-by-hop", HopByHop, options(tcp), WellFormed, Extensions},
		{"destination", DestinationOptions, options(tcp), WellFormed, Extensions},
		{"16 bytes of options", DestinationOptions, append([]byte{tcp, 1, 1, 12}, make([]byte, 12)...), WellFormed, Extensions},
		{"routing 0", Routing, routing(tcp, 0, 1), WellFormed, Extensions | RoutingHeader | RoutingType0},
		{"an option to discard", DestinationOptions, []byte{tcp, 0, 0x9e, 4, 0, 0, 0, 0}, WellFormed, Extensions | UnknownExtension},
		{"an option to discard, behind padding", DestinationOptions, []byte{tcp, 1, 0, 1, 2, 0, 0, 0, 0xde, 6, 0, 0, 0, 0, 0, 0}, WellFormed, Extensions | UnknownExtension},
		{"an option to skip", DestinationOptions, []byte{tcp, 0, 0x1e, 4, 0, 0, 0, 0}, WellFormed, Extensions},
		{"a home address", DestinationOptions, append([]byte{tcp, 2, 1, 2, 0, 0, 0xc9, 16}, make([]byte, 16)...), WellFormed, Extensions},
		{"an option at the end", DestinationOptions, []byte{tcp, 0, 1, 3, 0, 0, 0, 0xc2}, WellFormed, Extensions},
		{"an option beyond the end", DestinationOptions, []byte{tcp, 0, 5, 200, 0, 0, 0, 0}, WellFormed, Extensions},
		{"an unknown route", Routing, routing(tcp, 99, 1), WellFormed, Extensions | RoutingHeader | UnknownExtension},
		{"an unknown route that is over", Routing, routing(tcp, 99, 0), WellFormed, Extensions | RoutingHeader},
		{"segment routing", Routing, routing(tcp, 4, 0), WellFormed, Extensions | RoutingHeader},
		{"atomic fragment", FragmentHeader, fragment(tcp, 0), WellFormed, Extensions | AtomicFragment},
		{"authentication", AH, join([]byte{tcp, 4, 0, 0}, make([]byte, 20)), WellFormed, Extensions | Authenticated},
		{
			"all in their order", HopByHop, join(options(dst), options(rt), routing(fr, 2, 0), fragment(ah, 0), []byte{dst, 2}, make([]byte, 14), options(tcp)),
			WellFormed, Extensions | RoutingHeader | AtomicFragment | Authenticated,
		},
		{"eight", DestinationOptions, many(8), WellFormed, Extensions},
		{"nine", DestinationOptions, many(9), TooManyExtensionHeaders, Extensions},
		{"hop-by-hop second", DestinationOptions, join(options(hop), options(tcp)), BadExtensionHeader, Extensions},
		{"two fragment headers", FragmentHeader, join(fragment(fr, 0), fragment(tcp, 0)), BadExtensionHeader, Extensions | AtomicFragment},
		{"length beyond the end", DestinationOptions, []byte{tcp, 200, 1, 4, 0, 0, 0, 0}, BadExtensionHeader, Extensions},
		{"AH too short", AH, []byte{tcp, 0, 0, 0, 0, 0, 0, 0}, BadExtensionHeader, Extensions},
	} {
		b := chain6(tcp6(t), c.first, c.ext)
		p := decoded(b)
		if p.Malformed != c.want || p.Traits != c.traits {
			t.Errorf("%s: %v, traits %b, want %v, %b", c.name, p.Malformed, p.Traits, c.want, c.traits)
			continue
		}
		if c.want == WellFormed && (p.Proto != TCP || p.DstPort != 80 || string(p.Payload()) != "hello" || !p.VerifyChecksum() || p.Fragment != Fragment{}) {
			t.Errorf("%s: %v, port %d, payload %q, checksum %v", c.name, p.Proto, p.DstPort, p.Payload(), p.VerifyChecksum())
		}
		if c.want != WellFormed && p.HasPorts() {
			t.Errorf("%s: ports behind a broken chain", c.name)
		}
	}
}

// A chain that ends with the datagram is malformed at every length but the whole.
func TestExtensionChainCutEverywhere(t *testing.T) {
	whole := chain6(tcp6(t), HopByHop, []byte{60, 0, 1, 4, 0, 0, 0, 0, 6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	for n := 40; n < 64; n++ {
		b := append([]byte{}, whole[:n]...)
		wire.PutUint16(b[4:], uint16(n-40))
		want := BadExtensionHeader
		if n == 40 {
			want = BadTotalLength // length 0 before hop-by-hop options announces a jumbogram
		}
		if p := decoded(b); p.Malformed != want {
			t.Errorf("cut at %d: %v, want %v", n, p.Malformed, want)
		}
	}
}

func TestRoutingHeaderHidesTheDestination(t *testing.T) {
	for _, c := range []struct {
		kind  byte
		addrs []byte
	}{
		{0, append(bytes.Repeat([]byte{0x20}, 16), tcp6(t)[24:40]...)}, // last one last
		{4, append(append([]byte{}, tcp6(t)[24:40]...), bytes.Repeat([]byte{0x20}, 16)...)},
	} {
		ext := append([]byte{byte(TCP), 4, c.kind, 1, 0, 0, 0, 0}, c.addrs...)
		b := chain6(tcp6(t), Routing, ext)
		b[39] = 99 // the next hop, in the place of the destination
		if p := decoded(b); p.Malformed != WellFormed || !p.VerifyChecksum() {
			t.Errorf("type %d: %v, checksum refused", c.kind, p.Malformed)
		}
		b[43] = 0 // no segments left: the header's own destination counts
		if p := decoded(b); p.VerifyChecksum() {
			t.Errorf("type %d without segments left: checksum accepted", c.kind)
		}
	}
}

func TestFragmentsOfIPv4(t *testing.T) {
	for _, c := range []struct {
		name    string
		word    uint16
		from    int // of the 32 bytes behind the IP header
		upto    int
		want    Fragment
		flags   TCPFlags
		ports   bool
		payload int
	}{
		{"first", 0x2000, 0, 40, Fragment{ID: 0x1234, More: true}, PSH | ACK, true, 4},
		{"first, in the options", 0x2000, 0, 24, Fragment{ID: 0x1234, More: true}, PSH | ACK, true, 0},
		{"first, tiny", 0x2000, 0, 8, Fragment{ID: 0x1234, More: true}, 0, true, 0},
		{"middle", 0x2001, 8, 16, Fragment{ID: 0x1234, Offset: 8, More: true}, 0, false, 8},
		{"last, odd", 0x0002, 16, 41, Fragment{ID: 0x1234, Offset: 16}, 0, false, 25},
		{"DF with an offset", 0x4002, 16, 41, Fragment{ID: 0x1234, Offset: 16}, 0, false, 25},
	} {
		whole := tcp4(t)
		b := append(whole[:20:20], whole[20+c.from:20+c.upto]...)
		b = sealed(2, 0, byte(len(b)), 0x12, 0x34, byte(c.word>>8), byte(c.word))(b)
		p := decoded(b)
		if p.Malformed != WellFormed || p.Fragment != c.want || p.Proto != TCP {
			t.Errorf("%s: %v, %+v", c.name, p.Malformed, p.Fragment)
		}
		if p.TCPFlags != c.flags || p.HasPorts() != c.ports || len(p.Payload()) != c.payload {
			t.Errorf("%s: %v, ports %v, payload %d", c.name, p.TCPFlags, p.HasPorts(), len(p.Payload()))
		}
		if !bytes.Equal(p.FragmentPayload(), whole[20+c.from:20+c.upto]) {
			t.Errorf("%s: fragment payload % x", c.name, p.FragmentPayload())
		}
		if df := c.word&0x4000 != 0; p.Traits.Has(DontFragment) != df || !p.VerifyChecksum() || p.MutablePayload() != nil {
			t.Errorf("%s: DF %v; a fragment's checksum was judged", c.name, !df)
		}
	}
}

func TestFragmentsOfIPv6(t *testing.T) {
	whole := tcp6(t)
	ext := []byte{byte(FragmentHeader), 0, 1, 4, 0, 0, 0, 0, byte(TCP), 0, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd}
	piece := func(from, upto int, more byte) []byte {
		b := chain6(append(whole[:40:40], whole[40+from:40+upto]...), DestinationOptions, ext)
		b[51] = byte(from) | more
		return b
	}
	first, last := decoded(piece(0, 32, 1)), decoded(piece(32, 41, 0))
	if first.Malformed != WellFormed || first.Fragment != (Fragment{ID: 0xaabbccdd, More: true}) || !first.HasPorts() || !first.Fragment.IsFirst() {
		t.Errorf("first: %v, %+v", first.Malformed, first.Fragment)
	}
	if last.Malformed != WellFormed || last.Fragment != (Fragment{ID: 0xaabbccdd, Offset: 32}) || last.HasPorts() || last.TCPFlags != 0 {
		t.Errorf("last: %v, %+v", last.Malformed, last.Fragment)
	}
	if got := append(append([]byte{}, first.FragmentPayload()...), last.FragmentPayload()...); !bytes.Equal(got, whole[40:]) {
		t.Errorf("pieces give % x", got)
	}
	if at, nh, ok := last.FragmentHeader(); !ok || at != 48 || nh != 40 {
		t.Errorf("fragment header at %d, named at %d", at, nh)
	}
	if p := decoded(piece(0, 33, 1)); p.Malformed != BadFragment {
		t.Errorf("33 bytes and more: %v", p.Malformed)
	}
}
