package http2

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// This file writes header blocks anew.

// editHead has a header block leave with the edits made. A field that is edited is written out; one that enters the table then enters the
// receiver's as it is written, and so it does here.
func (p *parser) editHead(h *half, f *feed, bl *block, edits []field.Edit) {
	g, l := p.g, &p.g.list
	edits = p.declineCodings(h, f, bl, p.split(f, edits))
	if len(edits) == 0 {
		return
	}
	g.fields = g.fields[:0]
	at, done := 0, 0 // bytes of the block that are copied, and edits that are made
	for i := range l.headers {
		hd := &l.headers[i]
		n := 0 // edits that begin in front of the field's end
		for done+n < len(edits) && edits[done+n].Span.Off < hd.value.end {
			n++
		}
		if n == 0 {
			continue
		}
		if why := p.newValue(hd, edits[done:done+n]); why != "" {
			f.tell(proto.Unedited, why)
		} else {
			g.fields = append(g.fields, bl.bytes[at:hd.wire.off]...)
			g.fields = appendField(g.fields, hd.how, l.nameOf(hd), g.value)
			at = hd.wire.end
		}
		done += n
	}
	if done < len(edits) {
		f.tell(proto.Unedited, breaks)
	}
	if at == 0 {
		return
	}
	g.fields = append(g.fields, bl.bytes[at:]...)
	g.reframe(bl)
	if !f.out.Replace(int(bl.start-f.base), int(bl.end-f.base), g.out) {
		f.tell(proto.Unedited, editLost)
		return
	}
	p.alterTable(h, edits)
}

// split makes of an edit that keeps its length and goes over several fields one for each: an inspector may ask for one edit in place of many. What it
// leaves out is told of.
func (p *parser) split(f *feed, edits []field.Edit) []field.Edit {
	g, l := p.g, &p.g.list
	g.edits = g.edits[:0]
	for i := range edits {
		e := &edits[i]
		if len(e.New) != e.Span.Len() {
			g.edits = append(g.edits, *e)
			continue
		}
		same := true // outside of values
		at := e.Span.Off
		for k := range l.headers {
			v := &l.headers[k].value
			off, end := max(v.off, e.Span.Off), min(v.end, e.Span.End)
			if off >= end {
				continue
			}
			same = same && leaves(e, l.text, at, off)
			if with := e.New[off-e.Span.Off : end-e.Span.Off]; !bytes.Equal(with, l.text[off:end]) {
				g.edits = append(g.edits, field.Edit{Span: field.Span{Off: off, End: end}, New: with})
			}
			at = end
		}
		if !same || !leaves(e, l.text, at, e.Span.End) {
			f.tell(proto.Unedited, breaks)
		}
	}
	return g.edits
}

// leaves reports whether the edit leaves text[off:end] as it is.
func leaves(e *field.Edit, text []byte, off, end int) bool {
	return bytes.Equal(e.New[off-e.Span.Off:end-e.Span.Off], text[off:end])
}

// newValue makes g.value the field's value with the edits, and says why if that must not be.
func (p *parser) newValue(hd *header, edits []field.Edit) packet.Reason {
	g, l := p.g, &p.g.list
	g.value = g.value[:0]
	at := hd.value.off
	for i := range edits {
		e := &edits[i]
		if e.Span.Off < at || e.Span.End > hd.value.end || hasControl(e.New) {
			return breaks
		}
		g.value = append(append(g.value, l.text[at:e.Span.Off]...), e.New...)
		at = e.Span.End
	}
	g.value = append(g.value, l.text[at:hd.value.end]...)
	switch name := l.nameOf(hd); {
	case hd.how == inserted && len(g.value) != hd.value.end-hd.value.off:
		return cannotResize
	case !isFree(name) || !isValue(g.value):
		return breaks
	case name[0] == ':' && (!isVisible(g.value) || !bytes.HasPrefix(g.value, slash)):
		return breaks
	}
	return ""
}

// hasControl reports whether b has bytes that some receivers take in no value (RFC 9110 §5.5).
func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

var slash = []byte{'/'}

// isFree reports whether a field's value may be another without the message becoming another.
func isFree(name []byte) bool {
	switch string(name) {
	case ":path":
		return true
	case "content-length", "content-encoding", "content-range", "host", "te":
		return false
	}
	return name[0] != ':'
}

// reframe puts g.fields into frames like those of the block, without padding.
func (g *Grammar) reframe(bl *block) {
	fr := bl.first
	fr.flags &^= flagPadded | flagEndHeaders
	g.out = g.out[:0]
	for fixed, rest := bl.fixed, g.fields; ; fixed = nil {
		n := min(len(rest), minFrame-len(fixed))
		if fr.size = len(fixed) + n; n == len(rest) {
			fr.flags |= flagEndHeaders
		}
		g.out = append(append(appendFrame(g.out, fr), fixed...), rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			return
		}
		fr.kind, fr.flags = typeContinuation, 0
	}
}

// alterTable gives the entries that the block has put into the table the values that were sent on.
func (p *parser) alterTable(h *half, edits []field.Edit) {
	l := &p.g.list
	for i := range l.headers {
		hd := &l.headers[i]
		if hd.how != inserted {
			continue
		}
		for len(edits) > 0 && edits[0].Span.Off < hd.name.off {
			edits = edits[1:]
		}
		n := 0
		for n < len(edits) && edits[n].Span.Off < hd.value.end {
			n++
		}
		if n > 0 && p.newValue(hd, edits[:n]) == "" {
			h.decoder.table.alter(hd.count, p.g.value)
		}
		edits = edits[n:]
	}
}
