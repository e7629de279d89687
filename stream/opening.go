package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// This file is the handshake (RFC 9293 §3.5). Which of several SYNs is meant is for the other end to
// say: its acknowledgement names the one that it has taken.

// maxCandidates is how many SYNs, and SYN-ACKs, with different numbers are told apart; the oldest
// gives way.
const maxCandidates = 4

// A candidate is one SYN or SYN-ACK.
type candidate struct {
	isn   seqnum.Value
	wnd   uint16
	mss   uint16
	scale uint8
	has   options
	valid bool

	unseen bool // nothing is known of it but the number

	ts, echo uint32 // valid iff hasStamps
}

// options is what a SYN proposes.
type options uint8

const (
	hasScale options = 1 << iota
	hasAuth          // RFC 2385, RFC 5925
	hasSACK
	hasStamps
)

// opening is what is remembered until the handshake is over, and of SYNs on a connection that is
// open.
type opening struct {
	syn    [2][maxCandidates]candidate // by the direction in which they were sent
	next   [2]uint8                    // place of the next one
	client candidate                   // the SYN that the server has answered; valid iff phaseHalf, or answered
	// answered says of a connection that is open that the server has answered a new SYN. Until the client agrees,
	// that may be a fake, and what was before goes on.
	answered bool
}

func (c *Conn) opening() *opening {
	if c.open == nil {
		p := c.pool
		if n := len(p.opens); n > 0 {
			c.open = p.opens[n-1]
			p.opens = p.opens[:n-1]
		} else {
			c.open = new(opening)
		}
	}
	return c.open
}

func (c *Conn) closeOpening() {
	if c.open != nil {
		*c.open = opening{}
		c.pool.opens = append(c.pool.opens, c.open)
		c.open = nil
	}
}

func (o *opening) note(dir flow.Direction, k candidate) {
	for i := range o.syn[dir] {
		if have := &o.syn[dir][i]; have.valid && have.isn == k.isn {
			*have = k
			return
		}
	}
	o.syn[dir][o.next[dir]%maxCandidates] = k
	if o.next[dir] < 255 {
		o.next[dir]++
	}
}

// find returns the candidate whose SYN an acknowledgement of ack is for.
func (o *opening) find(dir flow.Direction, ack seqnum.Value) (candidate, bool) {
	for _, k := range o.syn[dir] {
		if k.valid && k.isn.Add(1) == ack {
			return k, true
		}
	}
	return candidate{}, false
}

func readSYN(h packet.TCPHeader) candidate {
	k := candidate{isn: h.Seq(), wnd: h.Window(), valid: true}
	for opts := h.Options(); ; {
		o, ok := opts.Next()
		if !ok {
			return k
		}
		switch o.Kind {
		case packet.OptionMSS:
			k.mss, _ = o.MSS()
		case packet.OptionWindowScale:
			if scale, ok := o.WindowScale(); ok {
				k.scale = scale
				k.has |= hasScale
			}
		case packet.OptionSACKPermitted:
			k.has |= hasSACK
		case packet.OptionMD5, packet.OptionAO:
			k.has |= hasAuth
		case packet.OptionTimestamps:
			if ts, echo, ok := o.Timestamps(); ok {
				k.ts, k.echo = ts, echo
				k.has |= hasStamps
			}
		}
	}
}

// arriveSYN sees to a SYN of either side.
func (c *Conn) arriveSYN(p *packet.Packet, dir flow.Direction, s *segment) Arrival {
	if s.has(packet.ACK) {
		return c.arriveSYNACK(p, dir, s)
	}
	if dir != flow.ToServer && c.phase != phaseOpen {
		// Simultaneous open, or a split handshake: whoever called goes on calling, and is answered.
		return discard("tcp-crossing-syn")
	}
	if c.phase == phaseOpen && dir != flow.ToServer {
		return Arrival{} // a challenge for the other end to answer (RFC 5961 §4)
	}
	if c.phase != phaseOpen || s.seq != c.half[flow.ToServer].first { // else it is an old one that comes late
		c.opening().note(dir, readSYN(s.h))
	}
	c.cleanSYN(p)
	return Arrival{}
}

func (c *Conn) arriveSYNACK(p *packet.Packet, dir flow.Direction, s *segment) Arrival {
	if dir != flow.ToClient {
		return discard("tcp-crossing-syn")
	}
	up, down := &c.half[flow.ToServer], &c.half[flow.ToClient]
	if up.unsure { // met in its middle, before the server knew that the client agrees
		c.beginWith(readSYN(s.h), s.h.Ack())
		return Arrival{Moved: true}
	}
	if c.phase == phaseOpen && s.seq == down.first && s.h.Ack() == up.first {
		c.cleanSYN(p) // once more: the client's acknowledgement was lost
		return Arrival{}
	}
	syn, ok := c.opening().find(flow.ToServer, s.h.Ack())
	if !ok && (c.phase != phaseNew || c.anySYN()) && c.open.next[flow.ToServer] <= maxCandidates {
		return discard("tcp-bad-ack")
	}
	if !ok && c.mode.Successor && c.phase == phaseNew {
		c.open.client = candidate{isn: s.h.Ack().Sub(1), valid: true, unseen: true}
		c.cleanSYN(p)
		return Arrival{} // it may come late, and somebody before us may have released what came after it
	}
	if !ok { // the SYN went another way, or there were too many
		syn = candidate{isn: s.h.Ack().Sub(1), valid: true, unseen: true}
	}
	if c.phase == phaseOpen {
		c.open.answered = true
	} else {
		c.phase = phaseHalf
	}
	c.open.client = syn
	c.open.note(dir, readSYN(s.h))
	c.cleanSYN(p)
	return Arrival{}
}

// beginWith begins with a SYN-ACK that acknowledges ack, whose client has sent data already. Of the client's SYN it tells whether it
// proposed scales (RFC 7323 §2.2), and not which.
func (c *Conn) beginWith(server candidate, ack seqnum.Value) {
	up, down := &c.half[flow.ToServer], &c.half[flow.ToClient]
	up.unsure, down.seen = false, true
	up.begin(ack)
	down.begin(server.isn.Add(1))
	up.mss, up.scale, up.wnd = server.mss, server.scale, server.wnd
	up.offer(ack, seqnum.Size(server.wnd))
	up.ackSeen, up.edgeKnown = true, true
	down.edgeStale = server.has&hasScale == 0 && down.widest > 0
	c.sack = server.has&hasSACK != 0
}

// Restarts reports whether a segment is the client's agreement to a new handshake on a connection that was open:
// what was before is over for both, and Successor is the connection to go on with.
func (c *Conn) Restarts(p *packet.Packet, dir flow.Direction) bool {
	if c.open == nil || !c.open.answered || c.phase != phaseOpen || dir != flow.ToServer ||
		p.TCPFlags&(packet.SYN|packet.RST|packet.ACK) != packet.ACK || packet.Expires(p.TTL(), c.half[dir].hops) {
		return false
	}
	_, ok := c.open.find(flow.ToClient, p.TCP().Ack())
	return ok && p.TCP().Seq() == c.open.client.isn.Add(1)
}

// Successor returns a connection of which all but the client's agreement was seen.
func (c *Conn) Successor(mode Mode) *Conn {
	n := c.pool.New(mode)
	n.open, c.open = c.open, nil
	n.open.answered = false
	n.phase = phaseHalf
	for d := range n.half {
		n.half[d].hops = c.half[d].hops
	}
	return n
}

func (c *Conn) anySYN() bool {
	for _, k := range c.open.syn[flow.ToServer] {
		if k.valid {
			return true
		}
	}
	return false
}

// establish ends the handshake with the client's acknowledgement.
func (c *Conn) establish(ack seqnum.Value) bool {
	server, ok := c.open.find(flow.ToClient, ack)
	if !ok {
		return false
	}
	client := c.open.client
	up, down := &c.half[flow.ToServer], &c.half[flow.ToClient]
	up.begin(client.isn.Add(1))
	down.begin(server.isn.Add(1))
	up.mss, down.mss = server.mss, client.mss
	if client.has&server.has&hasScale != 0 {
		up.scale, down.scale = server.scale, client.scale
	}
	up.offer(up.first, seqnum.Size(server.wnd)) // windows of SYNs are not scaled
	down.offer(down.first, seqnum.Size(client.wnd))
	up.edgeKnown, down.edgeKnown = !client.unseen, !client.unseen
	if client.has&server.has&hasStamps != 0 {
		down.ts, down.echo, down.stamped = server.ts, server.echo, true // the client's own echoes nothing yet
	}
	up.seen, down.seen = true, true
	c.sack = client.has&server.has&hasSACK != 0
	c.locked = (client.has|server.has)&hasAuth != 0
	c.signed = client.has&server.has&hasAuth != 0
	c.phase = phaseOpen
	c.closeOpening()
	return true
}

// pickUp begins in the middle of a connection, with whatever this segment says.
func (c *Conn) pickUp(dir flow.Direction, s *segment) {
	h, back := &c.half[dir], &c.half[dir.Reverse()]
	h.meet(c, s.seq)
	if o := c.open; o != nil && h.unsure && dir == flow.ToServer && o.client.unseen {
		if first := o.client.isn.Add(1); first.Less(s.seq) && s.seq.Less(first.Add(1<<16)) {
			h.begin(first) // there the server was when it agreed
		}
	}
	if s.has(packet.ACK) {
		back.begin(s.h.Ack())
		back.ackSeen, back.wnd = c.mode.Successor, s.h.Window()
		back.offer(s.h.Ack(), seqnum.Size(back.wnd)<<back.scale)
	}
	h.loose, back.loose = true, true
	c.phase, c.middle = phaseOpen, true
	if c.open != nil && !c.anySYN() {
		c.closeOpening() // otherwise the handshake may yet go on: this came too early, or is a fake
	}
}

// cleanSYN takes off a SYN what would lead round us: data, which only Fast Open has the receiver
// read (RFC 7413; the sender sends it again after the handshake), further paths (RFC 8684), and,
// where bytes may be edited, the proposal to count them (RFC 9768).
func (c *Conn) cleanSYN(p *packet.Packet) {
	if c.mode.Passive {
		return
	}
	if n := len(p.Payload()); n > 0 {
		p.Splice(c.pool.buffer(), 0, n, nil)
	}
	opts := p.TCP().Options()
	for o, ok := opts.Next(); ok; o, ok = opts.Next() {
		if o.Kind == packet.OptionMPTCP {
			p.OverwriteOptions(o.At, nops[:2+len(o.Data)])
		}
	}
	if c.mode.Resizes {
		clampMSS(p)
	}
	if c.mode.Edits && p.TCPFlags&(packet.ACK|packet.AE) == packet.AE {
		p.SetTCPFlags(p.TCPFlags &^ packet.AE) // what remains proposes RFC 3168
	}
}

// growth is the room that clampMSS leaves in a segment of full size for bytes that edits add.
const growth = 128

// clampMSS has the other end send smaller segments than this one takes.
func clampMSS(p *packet.Packet) {
	opts := p.TCP().Options()
	o, ok := opts.Find(packet.OptionMSS)
	if mss, valid := o.MSS(); ok && valid && mss >= smallMSS+growth {
		mss -= growth
		p.OverwriteOptions(o.At+2, []byte{byte(mss >> 8), byte(mss)})
	}
}

var nops = func() (b [40]byte) {
	for i := range b {
		b[i] = byte(packet.OptionNop)
	}
	return b
}()
