package smtp

import (
	"strconv"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/mime"
)

// open begins a message, if somebody wants to see it.
func (p *parser) open(f *feed) bool {
	p.drop()
	if f.in.Want&mime.Fields == 0 || p.stopped {
		return true
	}
	if p.mail = p.g.mails.Open(); p.mail == nil {
		return f.refuse(proto.Beyond, exhausted)
	}
	return true
}

// readData reads on in a message that DATA has begun.
func (p *parser) readData(h *half, f *feed) bool {
	b := f.rest()
	text, end, why := p.scan.look(b)
	n := text
	if p.mail != nil {
		in := p.input(f, b[:text], end > 0)
		in.Stuffed, in.Lead, in.Ending = true, max(0, h.gone-f.at), p.scan.dot
		got := p.mail.Feed(in, f.out)
		p.stopped = p.mail.Stopped()
		if n = got.N; !p.take(f, f.at, 0, &got) {
			return false
		}
	}
	if why != "" { // what came before the fault counts first
		return f.refuse(proto.Unreadable, why)
	}
	f.at += n
	p.scan.done(n, text, end)
	if end == 0 || n < text {
		return false
	}
	f.at += end - text
	p.place = inCommand
	p.drop()
	if !p.push(final) {
		return f.refuse(proto.Beyond, tooDeep)
	}
	return true
}

// input is what the message's reader is fed.
func (p *parser) input(f *feed, raw []byte, end bool) mime.Input {
	return mime.Input{
		Raw: raw, End: end, Soft: f.soft(), Want: f.in.Want, Edits: f.in.Edits.Union(f.in.Resize),
	}
}

// take does what the reader says of bytes that begin at base, behind lead others that are not in the stream.
func (p *parser) take(f *feed, base, lead int, got *mime.Progress) bool {
	if got.Why != "" {
		return f.refuse(got.As, got.Why)
	}
	f.more = f.more || got.More
	all := true
	for i := range got.Edits {
		e := &got.Edits[i]
		all = f.out.Replace(base+e.Span.Off-lead, base+e.Span.End-lead, e.New) && all
	}
	for _, s := range got.Heads {
		proto.Name(f.out, field.EmailHeaders, base+max(s.Off, lead)-lead, base+s.End-lead)
	}
	for _, s := range got.Marks {
		if s.End > lead {
			proto.Mark(f.out, base+max(s.Off, lead)-lead, base+s.End-lead)
		}
	}
	switch {
	case !all && got.Vital:
		f.dead = true
		return f.refuse(proto.Unedited, editLost)
	case !all:
		proto.Tell(f.out, proto.Unedited, editLost)
	}
	return true
}

// readChunk reads on in a chunk.
func (p *parser) readChunk(h *half, f *feed) bool {
	b := f.rest()
	n := int(min(p.due, int64(len(b))))
	if n == 0 && p.due > 0 {
		return false
	}
	if p.mail != nil {
		if n = p.feedChunk(h, f, b[:n]); n < 0 {
			return false
		}
	}
	f.at += n
	if p.due -= int64(n); p.due > 0 {
		return false
	}
	p.place = inCommand
	if p.last {
		p.drop()
	}
	return true
}

// feedChunk has the message's reader read more of a chunk, and returns how much is done with; what is left of a chunk at its end is kept. It is
// negative if the reading ends.
func (p *parser) feedChunk(h *half, f *feed, more []byte) int {
	over, lead, text := int64(len(more)) == p.due, len(p.kept), more
	if lead > 0 {
		text = p.join(more)
	}
	in := p.input(f, text, over && p.last)
	in.Lead = lead + max(0, h.gone-f.at)
	in.Fixed = p.fixed || !p.last
	in.Soft = in.Soft || over
	got := p.mail.Feed(in, f.out)
	p.stopped = p.mail.Stopped()
	if !p.resize(f, &got) || !p.take(f, f.at, lead, &got) {
		return -1
	}
	keep, n := text[got.N:got.N], got.N-lead
	switch {
	case over:
		keep, n = text[got.N:], len(more)
	case n < 0:
		keep, n = text[got.N:lead], 0
	}
	if !p.g.keep(p, keep) {
		f.refuse(proto.Beyond, exhausted)
		return -1
	}
	return n
}

// join returns what is kept with more behind it: in place, if there is room, so that many small chunks do not cost many copies.
func (p *parser) join(more []byte) []byte {
	if n := len(p.kept); n+len(more) <= cap(p.kept) {
		return append(p.kept[:n], more...)
	}
	p.g.text = append(append(p.g.text[:0], p.kept...), more...)
	return p.g.text
}

// resize puts the chunk's size right, in front of its edits.
func (p *parser) resize(f *feed, got *mime.Progress) bool {
	grows := 0
	for i := range got.Edits {
		grows += len(got.Edits[i].New) - got.Edits[i].Span.Len()
	}
	if grows == 0 {
		return true
	}
	if f.out.Replace(p.size.Off, p.size.End, strconv.AppendInt(p.g.bytes[:0], p.due+int64(grows), 10)) {
		return true
	}
	f.dead = true
	return f.refuse(proto.Unedited, editLost)
}
