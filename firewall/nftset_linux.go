package firewall

import (
	"encoding/binary"

	"github.com/google/nftables"
)

// One netlink attribute holds at most 65535 bytes; 500 IPv6 elements of about 44 bytes
// stay well below.
const elementsPerMessage = 500

func (s Set) nft(t *nftables.Table) *nftables.Set {
	set := &nftables.Set{Table: t, Name: s.Name, Interval: true, KeyType: nftables.TypeInetService}
	switch s.Family {
	case V4:
		set.KeyType = nftables.TypeIPAddr
	case V6:
		set.KeyType = nftables.TypeIP6Addr
	}
	return set
}

// elements returns the set's intervals as the kernel wants them: each start, and each
// end (exclusive) unless it lies behind the last key. An end that is the next
// interval's start is left out with it.
func (s Set) elements() []nftables.SetElement {
	var out []nftables.SetElement
	add := func(start, end []byte) {
		if n := len(out); n > 0 && out[n-1].IntervalEnd && string(out[n-1].Key) == string(start) {
			out = out[:n-1]
		} else {
			out = append(out, nftables.SetElement{Key: start})
		}
		if end != nil {
			out = append(out, nftables.SetElement{Key: end, IntervalEnd: true})
		}
	}
	for _, p := range s.Prefixes {
		var end []byte
		if next := lastAddr(p).Next(); next.IsValid() {
			end = next.AsSlice()
		}
		add(p.Masked().Addr().AsSlice(), end)
	}
	for _, r := range s.Ports {
		var end []byte
		if r.Last != 65535 {
			end = binary.BigEndian.AppendUint16(nil, r.Last+1)
		}
		add(binary.BigEndian.AppendUint16(nil, r.First), end)
	}
	return out
}
