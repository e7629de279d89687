package evade

import (
	"slices"

	"github.com/weir-project/weir/packet"
)

// A Policy says which of two copies of a byte, both of which came ahead of a gap, a Model reads.
type Policy uint8

// The policies. Receivers of all kinds exist (Novak and Sturges, "Target-Based TCP Stream Reassembly", 2007).
const (
	FirstWins Policy = iota
	LastWins
	LinuxLike // the copy of the segment that begins before; a segment that covers others replaces them

	Policies = 3
)

// A Model is a receiver of TCP and UDP in memory: strict about what no receiver takes, and of one Policy about what
// receivers differ in. It serves one conversation. Of fragments that overlap it reads those that came first, or last,
// which Linux does not: the Model is easier to deceive.
type Model struct {
	Read []byte // what its application has read; each datagram whole

	path   Path // seen from the model
	policy Policy
	open   bool
	over   bool
	irs    uint32
	iss    uint32
	kept   []keptSegment // ahead of a gap
	fin    int           // place of the FIN; -1: none
	stamps bool
	recent uint32
	answer func([]byte)
	pieces map[uint32][]keptSegment // of datagrams, by identification
	ends   map[uint32]int
}

type keptSegment struct {
	at int
	b  []byte
}

// modelRoom is the window that a Model offers, in bytes.
const modelRoom = 65535

// NewModel returns a receiver for the conversation of an attempt's path. What it answers goes to answer.
func NewModel(path Path, policy Policy, answer func([]byte)) *Model {
	return &Model{
		path: Path{Me: path.Peer, Peer: path.Me}, policy: policy, fin: -1, iss: 0x4000_0000, answer: answer,
		pieces: map[uint32][]keptSegment{}, ends: map[uint32]int{},
	}
}

// Receive takes a datagram that has come to the model's host.
func (m *Model) Receive(b []byte) {
	var p packet.Packet
	p.Set(b)
	p.Decode()
	if p.Malformed == packet.WellFormed && p.Fragment.IsFragment() && p.TTL() > shortTTL {
		if b = m.piece(&p); b == nil {
			return
		}
		p.Set(b)
		p.Decode()
	}
	if p.Malformed != packet.WellFormed || p.TTL() <= shortTTL || p.Traits.Has(packet.SourceRoute|packet.RoutingType0|packet.UnknownExtension) ||
		!p.VerifyChecksum() || p.DstPort != m.path.Me.Port() || p.SrcPort != m.path.Peer.Port() || p.SrcAddr() != m.path.Peer.Addr() {
		return
	}
	switch p.Proto {
	case packet.UDP:
		m.Read = append(m.Read, p.Payload()...)
	case packet.TCP:
		m.segment(&p)
	}
}

// piece keeps a fragment, and returns the datagram that it makes whole.
func (m *Model) piece(p *packet.Packet) []byte {
	id := p.Fragment.ID<<8 | uint32(p.Proto)
	off, b := int(p.Fragment.Offset), slices.Clone(p.FragmentPayload())
	if !p.Fragment.More {
		m.ends[id] = off + len(b)
	}
	if m.policy == LastWins {
		m.pieces[id] = append(m.pieces[id], keptSegment{off, b})
	} else {
		m.pieces[id] = slices.Insert(m.pieces[id], 0, keptSegment{off, b})
	}
	end, known := m.ends[id]
	if !known {
		return nil
	}
	whole, have := make([]byte, end), make([]bool, end)
	for _, k := range m.pieces[id] { // the last in the list is read
		for i, c := range k.b {
			if at := k.at + i; at < end {
				whole[at], have[at] = c, true
			}
		}
	}
	if slices.Contains(have, false) {
		return nil
	}
	delete(m.pieces, id)
	delete(m.ends, id)
	back := Path{Me: m.path.Peer, Peer: m.path.Me}
	return back.datagram(ip{}, p.Proto, whole)
}

func (m *Model) segment(p *packet.Packet) {
	h, f := p.TCP(), p.TCPFlags
	switch {
	case f.Has(packet.SYN) && f&(packet.ACK|packet.RST|packet.FIN) == 0 && !m.open:
		m.irs, m.open = uint32(h.Seq()), true
		opts := h.Options()
		if o, ok := opts.Find(packet.OptionTimestamps); ok {
			m.recent, _, m.stamps = 0, 0, true
			m.recent, _, _ = o.Timestamps()
		}
		m.say(packet.SYN|packet.ACK, m.iss)
		return
	case f.Has(packet.SYN) && uint32(h.Seq()) == m.irs && !f.Has(packet.ACK):
		m.say(packet.SYN|packet.ACK, m.iss)
		return
	case !m.open || m.over || f&(packet.SYN|packet.RST) != 0 || !f.Has(packet.ACK) || uint32(h.Ack()) != m.iss+1 || !m.fresh(h):
		return
	}
	at, b := int(int32(uint32(h.Seq())-m.irs-1)), p.Payload()
	if at+len(b) > len(m.Read)+modelRoom || at+len(b) < len(m.Read)-modelRoom {
		m.say(packet.ACK, m.iss+1)
		return
	}
	if f.Has(packet.FIN) && m.fin < 0 && at >= len(m.Read) {
		m.fin = at + len(b)
	}
	if len(b) > 0 {
		m.take(at, slices.Clone(b))
	}
	if len(b) > 0 || f.Has(packet.FIN) {
		m.over = m.fin == len(m.Read)
		m.say(packet.ACK, m.iss+1)
	}
}

// fresh reports whether a segment's options are such that it is taken (RFC 7323 §5.3, RFC 2385).
func (m *Model) fresh(h packet.TCPHeader) bool {
	opts := h.Options()
	for o, ok := opts.Next(); ok; o, ok = opts.Next() {
		if o.Kind == packet.OptionMD5 {
			return false
		}
		if ts, _, ok := o.Timestamps(); ok && o.Kind == packet.OptionTimestamps && m.stamps {
			if int32(m.recent-ts) > 1 {
				return false
			}
			m.recent = ts
		}
	}
	return true
}

// take keeps the bytes at a place, and reads what is in order.
func (m *Model) take(at int, b []byte) {
	if at+len(b) <= len(m.Read) {
		return
	}
	m.keep(keptSegment{at, b})
	for len(m.kept) > 0 && m.kept[0].at <= len(m.Read) {
		k := m.kept[0]
		m.kept = m.kept[1:]
		if skip := len(m.Read) - k.at; skip < len(k.b) {
			m.Read = append(m.Read, k.b[skip:]...)
		}
	}
}

// keep files a segment so that of each byte the first in the list is read.
func (m *Model) keep(k keptSegment) {
	switch m.policy {
	case LinuxLike:
		if slices.ContainsFunc(m.kept, func(o keptSegment) bool { return o.at <= k.at && k.at+len(k.b) <= o.at+len(o.b) }) {
			return
		}
		m.kept = slices.DeleteFunc(m.kept, func(o keptSegment) bool { return k.at <= o.at && o.at+len(o.b) <= k.at+len(k.b) })
		m.kept = append(m.kept, k)
	default: // byte by byte
		for i := range k.b {
			one := keptSegment{k.at + i, k.b[i : i+1]}
			n := slices.IndexFunc(m.kept, func(o keptSegment) bool { return o.at == one.at })
			switch {
			case n < 0:
				m.kept = append(m.kept, one)
			case m.policy == LastWins:
				m.kept[n] = one
			}
		}
	}
	slices.SortStableFunc(m.kept, func(a, b keptSegment) int { return a.at - b.at })
}

// say answers.
func (m *Model) say(flags packet.TCPFlags, seq uint32) {
	n := len(m.Read)
	if m.over {
		n++
	}
	s := segment{seq: seq, ack: m.irs + 1 + uint32(n), flags: flags, window: modelRoom}
	if m.stamps {
		t := talk{stamp: 1 << 20, echo: m.recent}
		s.options = t.timestamps(0)
	}
	m.answer(m.path.datagram(ip{}, packet.TCP, m.path.tcp(s)))
}
