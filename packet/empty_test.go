package packet

import (
	"net/netip"
	"testing"

	"github.com/weir-project/weir/packet/seqnum"
)

// TestSegmentsOfOurOwnWhereNoneHasCome: an empty segment is enough of a template.
func TestSegmentsOfOurOwnWhereNoneHasCome(t *testing.T) {
	for _, ends := range [][2]string{{"192.0.2.1:40000", "198.51.100.1:80"}, {"[2001:db8::1]:40000", "[2001:db8:1::1]:80"}} {
		from, to := netip.MustParseAddrPort(ends[0]), netip.MustParseAddrPort(ends[1])
		var of Packet
		of.Set(AppendEmpty(nil, from, to))
		of.Decode()
		var p Packet
		p.Set(AppendSegment(nil, &of, &Segment{Seq: seqnum.Value(7), Ack: 9, Payload: []byte("again")}))
		p.Decode()
		src, dst := p.Addrs()
		if p.Malformed != WellFormed || !p.VerifyChecksum() || string(p.Payload()) != "again" || p.SrcPort != 40000 || p.DstPort != 80 ||
			string(src) != string(from.Addr().AsSlice()) || string(dst) != string(to.Addr().AsSlice()) {
			t.Errorf("%v: %v, %d bytes: template %v", ends, p.Malformed, len(p.Bytes()), of.Malformed)
		}
	}
}
