package stream

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet/seqnum"
)

// This file carries a connection from a process that dies to the one after it: the numbers, and the edits
// that the receiver has not acknowledged. The bytes between them the sender still has, and sends
// again if they are asked for.

// saveVersion is the first byte of what Save writes.
const saveVersion = 2

// Edited reports whether the connection cannot go on without what Save tells: a length was changed, or a sender could send again
// what was edited.
func (c *Conn) Edited() bool {
	for d := range c.half {
		if h := &c.half[d]; !h.m.identity() || h.masks != nil {
			return c.phase == phaseOpen
		}
	}
	return false
}

// Adrift reports whether bytes were released of which it is not known that they follow on what the receiver has. What Save tells
// has them keep their places. There need not be such a connection: it may be made up.
func (c *Conn) Adrift() bool {
	return c.phase == phaseOpen && (c.half[0].adrift() || c.half[1].adrift())
}

// Unsaved reports whether something has happened since Save that it would tell.
func (c *Conn) Unsaved() bool { return c.unsaved }

// Save appends to dst what Restore reads, and has to be stored before the segment that departed last is
// released. It reports false if the edits cannot all be told.
func (c *Conn) Save(dst []byte) ([]byte, bool) {
	c.unsaved = false
	dst = append(dst, saveVersion, c.saveFlags())
	for d := range c.half {
		var ok bool
		if dst, ok = c.half[d].save(dst); !ok {
			return dst, false
		}
	}
	return dst, true
}

func (c *Conn) saveFlags() (f byte) {
	if c.sack {
		f |= 1
	}
	if c.locked {
		f |= 2
	}
	return f
}

func (h *half) save(dst []byte) ([]byte, bool) {
	flags := uint16(0)
	for i, is := range [...]bool{
		h.unsure, h.seen, h.loose, h.stamped, h.ackSeen, h.edgeKnown || h.edgeStale, h.finSeen, h.finSent, h.guessed, h.rewinds > 0,
		h.toldAny,
	} {
		if is {
			flags |= 1 << i
		}
	}
	dst = binary.BigEndian.AppendUint16(dst, flags)
	dst = append(dst, h.scale)
	dst = binary.BigEndian.AppendUint16(dst, h.mss)
	for _, v := range h.places() {
		dst = binary.BigEndian.AppendUint32(dst, uint32(*v))
	}
	dst = binary.BigEndian.AppendUint32(dst, h.ts)
	dst = binary.BigEndian.AppendUint32(dst, h.echo)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.m.shift))
	var masks spliceList
	if h.masks != nil {
		masks = h.masks.list
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(h.m.list)+len(masks)))
	i, j := 0, 0
	for i < len(h.m.list) || j < len(masks) {
		var s *splice
		if j == len(masks) || i < len(h.m.list) && h.m.list[i].in.LessEq(masks[j].in) { // an insertion stands before the bytes at its place
			s = &h.m.list[i]
			i++
		} else {
			s = &masks[j]
			j++
		}
		var ok bool
		if dst, ok = h.saveEdit(dst, s); !ok {
			return dst, false
		}
	}
	return dst, true
}

// places returns the places that are saved, in their order there.
func (h *half) places() [10]*seqnum.Value {
	return [...]*seqnum.Value{&h.first, &h.decided, &h.edited, &h.fin, &h.fixed, &h.offered, &h.sent, &h.una, &h.edge, &h.told}
}

// saveEdit appends an edit with the bytes that took the place of others.
func (h *half) saveEdit(dst []byte, s *splice) ([]byte, bool) {
	for _, v := range [...]uint32{uint32(s.in), uint32(s.out), uint32(s.inLen), uint32(s.outLen)} {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	if s.outLen > maxSavedEdit {
		return dst, false
	}
	n := len(dst)
	for range s.outLen {
		dst = append(dst, 0)
	}
	text := dst[n:]
	// What is acknowledged of it is not asked for again.
	if from := s.out.Max(h.una).Min(s.outEnd()); h.kept.holds(from, s.outEnd()) {
		h.kept.read(text[s.out.Size(from):], from)
		return dst, true
	}
	if h.old != nil {
		if e := h.old.find(s.in); e != nil && len(e.text) == len(text) {
			copy(text, e.text)
			return dst, true
		}
	}
	return dst, false
}

// maxSavedEdit is the longest edit that is saved.
const maxSavedEdit = 64 << 10

// masks is the edits of equal length of one direction that are not acknowledged; iff Mode.Journal.
type masks struct{ list spliceList }

// noteMask notes an edit of equal length, of which nothing else is left.
func (h *half) noteMask(p *Pool, e *edit) {
	if h.masks == nil {
		h.masks = p.newMasks()
	}
	m, ok := h.masks, true
	if len(m.list) == cap(m.list) {
		m.list, ok = p.grown(m.list)
	}
	if !ok { // with the last: what lies between is told as well
		last := &m.list[len(m.list)-1]
		last.inLen = last.in.Size(e.in.Add(e.n))
		last.outLen = last.inLen
		return
	}
	m.list = append(m.list, splice{in: e.in, out: h.m.toOutEnd(e.in), inLen: e.n, outLen: e.n})
}

func (h *half) ackedMasks(p *Pool, una seqnum.Value) {
	if m := h.masks; m != nil {
		n := 0
		for n < len(m.list) && m.list[n].outEnd().LessEq(una) {
			n++
		}
		if n == len(m.list) {
			h.dropMasks(p)
		} else if n > 0 {
			m.list = p.pruned(m.list, n)
		}
	}
	switch {
	case h.old == nil || una.Less(h.old.end):
	case una == h.old.end:
		h.old.edits = nil // what was told of room may still be unknown; see toldBefore
	default:
		h.dropOld(p)
	}
}

func (h *half) dropMasks(p *Pool) {
	if h.masks != nil {
		p.dropSplices(h.masks.list)
		h.masks.list = nil
		p.masks = append(p.masks, h.masks)
		h.masks = nil
	}
}

func (p *Pool) newMasks() *masks {
	if n := len(p.masks); n > 0 {
		m := p.masks[n-1]
		p.masks = p.masks[:n-1]
		return m
	}
	return new(masks)
}
