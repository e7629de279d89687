package packet

import (
	"bytes"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"
)

// traffic is a datagram as gopacket describes it.
type traffic struct {
	ip4     *layers.IPv4
	ip6     *layers.IPv6
	tcp     *layers.TCP
	udp     *layers.UDP
	icmp4   *layers.ICMPv4
	payload []byte
}

// bytes serialises, lengths and checksums computed.
func (x *traffic) bytes(t *rapid.T) []byte {
	var stack []gopacket.SerializableLayer
	var network gopacket.NetworkLayer
	if x.ip4 != nil {
		stack, network = append(stack, x.ip4), x.ip4
	} else {
		stack, network = append(stack, x.ip6), x.ip6
	}
	switch {
	case x.tcp != nil:
		_ = x.tcp.SetNetworkLayerForChecksum(network)
		stack = append(stack, x.tcp)
	case x.udp != nil:
		_ = x.udp.SetNetworkLayerForChecksum(network)
		stack = append(stack, x.udp)
	case x.icmp4 != nil:
		stack = append(stack, x.icmp4)
	}
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, append(stack, gopacket.Payload(x.payload))...); err != nil {
		t.Fatal(err)
	}
	return append([]byte{}, buf.Bytes()...)
}

func drawTraffic(t *rapid.T) *traffic {
	x := &traffic{payload: rapid.SliceOfN(rapid.Byte(), 0, 1400).Draw(t, "payload")}
	proto := rapid.SampledFrom([]layers.IPProtocol{layers.IPProtocolTCP, layers.IPProtocolUDP, layers.IPProtocolICMPv4}).Draw(t, "proto")
	ttl, class := rapid.Byte().Draw(t, "ttl"), rapid.Byte().Draw(t, "class")
	host := rapid.Byte()
	if proto == layers.IPProtocolICMPv4 || rapid.Bool().Draw(t, "v4") {
		x.ip4 = &layers.IPv4{
			Version: 4, TOS: class, TTL: ttl, Protocol: proto, Id: rapid.Uint16().Draw(t, "id"),
			SrcIP: net.IP{192, 0, 2, host.Draw(t, "src")}, DstIP: net.IP{198, 51, 100, host.Draw(t, "dst")},
		}
		if rapid.Bool().Draw(t, "df") {
			x.ip4.Flags = layers.IPv4DontFragment
		}
	} else {
		x.ip6 = &layers.IPv6{
			Version: 6, TrafficClass: class, HopLimit: ttl, NextHeader: proto,
			FlowLabel: rapid.Uint32Max(0xfffff).Draw(t, "label"),
			SrcIP:     append(net.ParseIP("2001:db8::")[:15:15], host.Draw(t, "src")),
			DstIP:     append(net.ParseIP("2001:db8:1::")[:15:15], host.Draw(t, "dst")),
		}
	}
	sport, dport := rapid.Uint16().Draw(t, "sport"), rapid.Uint16().Draw(t, "dport")
	switch proto {
	case layers.IPProtocolTCP:
		x.tcp = drawTCP(t, sport, dport)
	case layers.IPProtocolUDP:
		x.udp = &layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: layers.UDPPort(dport)}
	default:
		x.icmp4 = &layers.ICMPv4{TypeCode: layers.ICMPv4TypeCode(sport), Id: dport, Seq: sport}
	}
	return x
}

func drawTCP(t *rapid.T, sport, dport uint16) *layers.TCP {
	flags := rapid.Uint16Max(0x1ff).Draw(t, "flags")
	bit := func(i int) bool { return flags>>i&1 != 0 }
	x := &layers.TCP{
		SrcPort: layers.TCPPort(sport), DstPort: layers.TCPPort(dport),
		Seq: rapid.Uint32().Draw(t, "seq"), Ack: rapid.Uint32().Draw(t, "ack"),
		FIN: bit(0), SYN: bit(1), RST: bit(2), PSH: bit(3), ACK: bit(4), URG: bit(5), ECE: bit(6), CWR: bit(7), NS: bit(8),
		Window: rapid.Uint16().Draw(t, "window"), Urgent: rapid.Uint16().Draw(t, "urgent"),
	}
	room := 38 // one option less than the header can hold, so that padding fits
	for range rapid.IntRange(0, 4).Draw(t, "options") {
		data := rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "data")
		if room -= len(data) + 2; room < 0 {
			break
		}
		kind := layers.TCPOptionKind(rapid.ByteRange(2, 254).Draw(t, "kind"))
		x.Options = append(x.Options, layers.TCPOption{OptionType: kind, OptionLength: uint8(len(data) + 2), OptionData: data})
	}
	return x
}

func TestDecodeAgreesWithGopacket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawTraffic(t)
		p := decoded(x.bytes(t))
		if p.Malformed != WellFormed || !p.VerifyChecksum() || !bytes.Equal(p.Payload(), x.payload) {
			t.Fatalf("%v, checksum %v", p.Malformed, p.VerifyChecksum())
		}
		if x.ip4 != nil {
			src, dst := p.Addrs()
			if !x.ip4.SrcIP.Equal(src) || !x.ip4.DstIP.Equal(dst) || p.TTL() != x.ip4.TTL || p.DSCP()<<2|p.ECN() != x.ip4.TOS ||
				p.IPv4().ID() != x.ip4.Id || p.Traits.Has(DontFragment) != (x.ip4.Flags == layers.IPv4DontFragment) {
				t.Fatalf("%+v", x.ip4)
			}
		} else if p.SrcAddr().String() != x.ip6.SrcIP.String() || p.DstAddr().String() != x.ip6.DstIP.String() ||
			p.TTL() != x.ip6.HopLimit || p.DSCP()<<2|p.ECN() != x.ip6.TrafficClass || p.IPv6().FlowLabel() != x.ip6.FlowLabel {
			t.Fatalf("%+v", x.ip6)
		}
		switch {
		case x.tcp != nil:
			agreeOnTCP(t, p, x.tcp)
		case x.udp != nil:
			if p.SrcPort != uint16(x.udp.SrcPort) || p.DstPort != uint16(x.udp.DstPort) || p.UDP().Length() != x.udp.Length || p.UDP().Checksum() != x.udp.Checksum {
				t.Fatalf("%+v", x.udp)
			}
		default:
			if h := p.ICMP(); h.Type() != x.icmp4.TypeCode.Type() || h.Code() != x.icmp4.TypeCode.Code() || h.Checksum() != x.icmp4.Checksum {
				t.Fatalf("%+v", x.icmp4)
			}
		}
	})
}

func agreeOnTCP(t *rapid.T, p *Packet, x *layers.TCP) {
	h := p.TCP()
	if p.SrcPort != uint16(x.SrcPort) || p.DstPort != uint16(x.DstPort) || uint32(h.Seq()) != x.Seq || uint32(h.Ack()) != x.Ack ||
		h.Window() != x.Window || h.Urgent() != x.Urgent || h.Checksum() != x.Checksum {
		t.Fatalf("%+v", x)
	}
	for i, set := range []bool{x.FIN, x.SYN, x.RST, x.PSH, x.ACK, x.URG, x.ECE, x.CWR, x.NS} {
		if p.TCPFlags.Has(1<<i) != set {
			t.Fatalf("flag %v: want %v", TCPFlags(1<<i), set)
		}
	}
	opts := h.Options()
	for _, want := range x.Options {
		o, ok := opts.Next()
		if !ok || uint8(o.Kind) != uint8(want.OptionType) || !bytes.Equal(o.Data, want.OptionData) {
			t.Fatalf("option %+v, want %+v", o, want)
		}
	}
	if o, ok := opts.Next(); ok {
		t.Fatalf("one option too many: %+v", o)
	}
}

// After an edit and Repair the datagram is what gopacket makes of the same traffic with
// the edit in it from the start.
func TestRepairAgreesWithGopacket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawTraffic(t)
		p := decoded(x.bytes(t))
		off := rapid.IntRange(0, len(x.payload)).Draw(t, "off")
		end := rapid.IntRange(off, len(x.payload)).Draw(t, "end")
		with := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "with")
		ttl, dscp := rapid.Byte().Draw(t, "newTTL"), rapid.Uint8Max(63).Draw(t, "dscp")
		if rapid.Bool().Draw(t, "partial") {
			p.Meta.Checksum = ChecksumPartial
		}
		if !p.SetTTL(ttl) || !p.Splice(make([]byte, 2000), off, end, with) || !p.SetDSCP(dscp) {
			t.Fatal("refused")
		}
		p.Repair()
		x.payload = append(append(append([]byte{}, x.payload[:off]...), with...), x.payload[end:]...)
		if x.ip4 != nil {
			x.ip4.TTL, x.ip4.TOS = ttl, dscp<<2|x.ip4.TOS&3
		} else {
			x.ip6.HopLimit, x.ip6.TrafficClass = ttl, dscp<<2|x.ip6.TrafficClass&3
		}
		if want := x.bytes(t); !bytes.Equal(p.Bytes(), want) && !sameButZeroSum(p, want) {
			t.Fatalf("got  %x\nwant %x", p.Bytes(), want)
		}
	})
}

// sameButZeroSum allows for the two spellings of a zero checksum, 0000 and ffff.
func sameButZeroSum(p *Packet, want []byte) bool {
	at := p.sumAt()
	sum := wire.Uint16(p.data[at:])
	if other := wire.Uint16(want[at:]); sum^other != 0xffff || sum != 0 && other != 0 {
		return false
	}
	return bytes.Equal(p.data[:at], want[:at]) && bytes.Equal(p.data[at+2:], want[at+2:])
}

// What BenchmarkDecodeTCP4 stands beside.
func BenchmarkGopacketDecodeTCP4(b *testing.B) {
	var ip layers.IPv4
	var tcp layers.TCP
	var payload gopacket.Payload
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeIPv4, &ip, &tcp, &payload)
	data, found := full(tcp4(b), 1500), []gopacket.LayerType{}
	for b.Loop() {
		if err := parser.DecodeLayers(data, &found); err != nil {
			b.Fatal(err)
		}
	}
}
