package dns

import (
	"encoding/binary"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

// Reasons for which Repair refuses edits.
const (
	badEdit   packet.Reason = "dns-edit-not-a-record" // changes the length, but is not a whole answer record
	badRecord packet.Reason = "dns-edit-bad-record"   // New is no sequence of records, or points at or behind what it replaces
	breaks    packet.Reason = "dns-edit-breaks-message"
	signed    packet.Reason = "dns-signed" // TSIG or SIG(0) covers the message
	tooLong   packet.Reason = "dns-too-long"
)

// Repair makes two kinds of edits. One whose span is a whole answer record replaces it by New: no, one or
// several records in wire format, whose names are uncompressed or point to offsets (in the original
// message, its length prefix not counted) before the replaced record. Any other edit must keep the
// length, and must leave every question and record where it is.
//
// The count of answers is put right. Compression pointers behind the edit, also those in the RDATA of
// the types that may have them, are moved; where the bytes that one led to are gone, the name is
// written out. The AD bit is cleared in a response, for nobody has validated the new data (RFC
// 4035 §3.2.3). A datagram that would grow beyond MaxUDP is sent with the TC bit, its questions
// and OPT only (RFC 2181 §9, RFC 6891 §7), which makes the client ask over TCP.
//
// A message signed as a whole cannot be edited: "dns-signed".
func (g *Grammar) Repair(dst []byte, m *field.Message, edits []field.Edit) ([]byte, packet.Reason) {
	base := int(m.Detail)
	msg := m.Unit[base:]
	if why := g.layout.read(msg, g.maxRecords()); why != "" {
		return dst, why
	}
	if g.layout.signed(msg) {
		return dst, signed
	}
	msg, why := g.patch(msg, base, edits)
	if why != "" {
		return dst, why
	}
	b := &g.rebuild
	b.begin(append(dst, m.Unit[:base]...), msg)
	if why := g.replace(b, edits, base); why != "" {
		return dst, why
	}
	if why := g.finish(b, base); why != "" {
		return dst, why
	}
	return b.take(), ""
}

// finish puts right what depends on the whole message.
func (g *Grammar) finish(b *rebuild, base int) packet.Reason {
	response := isResponse(b.msg)
	if base == 0 && len(b.message()) > max(g.maxUDP(), len(b.msg)) {
		if !response {
			return tooLong
		}
		g.truncate(b)
	}
	out := b.message()
	if response {
		out[3] &^= flagAD
	}
	if base == 2 {
		if len(out) > 0xffff {
			return tooLong
		}
		binary.BigEndian.PutUint16(b.out[b.start-2:], uint16(len(out)))
	}
	return ""
}

func (g *Grammar) maxUDP() int {
	switch {
	case g.MaxUDP > 0:
		return g.MaxUDP
	case g.layout.opt >= 0:
		return 1232
	}
	return 512
}

// answerAt reports whether an answer record, of those from *next on, lies exactly in span. Spans are asked for in
// order.
func (l *layout) answerAt(span field.Span, base int, next *int) bool {
	for ; *next < len(l.records); *next++ {
		r := &l.records[*next]
		if r.section != answer || base+r.off >= span.Off {
			return r.section == answer && base+r.off == span.Off && base+r.end == span.End
		}
	}
	return false
}

// patch returns msg with the edits made that are not whole answer records; these keep every length.
func (g *Grammar) patch(msg []byte, base int, edits []field.Edit) ([]byte, packet.Reason) {
	g.patched = g.patched[:0]
	next := 0
	for i := range edits {
		e := &edits[i]
		if g.layout.answerAt(e.Span, base, &next) {
			continue
		}
		if e.Span.Off < base || e.Span.End > base+len(msg) || e.Span.Len() != len(e.New) {
			return nil, badEdit
		}
		if len(g.patched) == 0 {
			g.patched = append(g.patched, msg...)
		}
		copy(g.patched[e.Span.Off-base:], e.New)
	}
	if len(g.patched) == 0 {
		return msg, ""
	}
	if !g.sameLayout(g.patched) {
		return nil, breaks
	}
	return g.patched, ""
}

// sameLayout reads msg and reports whether its questions and records lie where the layout had them.
func (g *Grammar) sameLayout(msg []byte) bool {
	old := &g.layout
	l := &g.rebuild.patched
	if l.read(msg, g.maxRecords()) != "" || l.opt != old.opt ||
		len(l.questions) != len(old.questions) || len(l.records) != len(old.records) {
		return false
	}
	for i := range l.questions {
		if l.questions[i].fixed != old.questions[i].fixed {
			return false
		}
	}
	for i := range l.records {
		a, b := &l.records[i], &old.records[i]
		if a.fixed != b.fixed || a.end != b.end || a.section != b.section {
			return false
		}
	}
	*l, *old = *old, *l
	return true
}

// replace writes the message into b, with the records of the edits in place of the edited ones.
func (g *Grammar) replace(b *rebuild, edits []field.Edit, base int) packet.Reason {
	l, answers, first := &g.layout, 0, true
	for i := range l.records {
		r := &l.records[i]
		for len(edits) > 0 && edits[0].Span.Off < base+r.off {
			edits = edits[1:]
		}
		e := editOf(edits, r, base)
		if r.section == answer {
			answers++
		}
		if e == nil && first {
			continue
		}
		if first {
			if l.reaches(i) {
				return breaks
			}
			b.keep(0, r.off)
			first = false
		}
		if e == nil {
			b.record(r)
			continue
		}
		n, why := b.insert(e.New, r.off, g.maxRecords()-(total(b.msg)-1))
		if why != "" {
			return why
		}
		answers += n - 1
	}
	if first {
		b.keep(0, l.end)
	}
	if total(b.msg)-int(binary.BigEndian.Uint16(b.msg[6:]))+answers > g.maxRecords() {
		return tooMany
	}
	b.keep(l.end, len(b.msg))
	binary.BigEndian.PutUint16(b.message()[6:], uint16(answers))
	return ""
}

// reaches reports whether a name before record i has bytes in it or behind it. No name does that was not made to:
// pointers lead backwards, but what they lead to may run on through anything.
func (l *layout) reaches(i int) bool {
	at := l.records[i].off
	for _, q := range l.questions {
		if q.far > at {
			return true
		}
	}
	for j := range l.records[:i] {
		if l.records[j].far > at {
			return true
		}
	}
	return false
}

// editOf returns the first of edits if its span is r, else nil.
func editOf(edits []field.Edit, r *record, base int) *field.Edit {
	if r.section != answer || len(edits) == 0 {
		return nil
	}
	if e := &edits[0]; e.Span.Off == base+r.off && e.Span.End == base+r.end {
		return e
	}
	return nil
}

// truncate makes b's message the header, the questions and OPT, with the TC bit.
func (g *Grammar) truncate(b *rebuild) {
	l := &g.layout
	questionsEnd := headerSize
	if n := len(l.questions); n > 0 {
		questionsEnd = l.questions[n-1].fixed + 4
	}
	b.out = append(b.out[:b.start], b.msg[:questionsEnd]...)
	h := b.message()
	clear(h[6:headerSize])
	h[2] |= flagTruncated
	if l.opt >= 0 {
		h[11] = 1
		r := &l.records[l.opt]
		b.out = append(b.out, b.msg[r.off:r.end]...)
	}
}
