package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// This file is about senders that cannot learn what the path bears: a router's ICMP error quotes numbers as they leave here, and
// whose numbers are others takes it for a fake (RFC 5927 §4.1).

// narrowTries is how often a segment comes again without an answer before its length is the likely reason, as with
// Linux's net.ipv4.tcp_retries1.
const narrowTries = 3

// A stuck says how often the first segment that a receiver lacks has come again: 14 low bits of its place, and the number, at most
// narrowTries, in two bits. It is so small since all idle connections have it.
type stuck uint16

// again counts one more, and reports whether that makes narrowTries.
func (k *stuck) again(seq seqnum.Value) bool {
	place := stuck(seq) << 2
	if *k&^narrowTries != place {
		*k = place
	}
	if *k&narrowTries == narrowTries {
		return false
	}
	*k++
	return *k&narrowTries == narrowTries
}

// TooLong looks at a segment before it departs. If it is likely that it is too long for the path, and that nobody can make its
// sender believe so but us, it returns what to tell the sender that the path bears; otherwise 0. Never less than IPv6 wants of
// paths: a sender that has lost much by chance would send crumbs.
func (c *Conn) TooLong(p *packet.Packet, dir flow.Direction) (mtu uint16) {
	h := &c.half[dir]
	if c.mode.Passive || c.phase != phaseOpen || p.Meta.GSO || len(p.Payload()) == 0 {
		return 0
	}
	seq := p.TCP().Seq()
	out := h.place(seq)
	if out != h.una || !out.Less(h.sent) {
		return 0
	}
	if !c.stuck[dir].again(seq) || out == seq || len(p.Bytes()) <= minMTU {
		return 0
	}
	return minMTU
}
