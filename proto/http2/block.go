package http2

import (
	"encoding/binary"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

const (
	maxBlock  = 64 << 10 // bytes of a header block
	maxFrames = 64       // that it comes in

	// All lists of a direction together may be so many times as long as all that came in it, and so much is free of that. A browser's requests
	// with 4 KiB of cookies, all in the table, are 150 times as long as their blocks.
	textRatio = 200
	textSlack = 4 << 20

	headsExpand packet.Reason = "http2-heads-expand"
)

// A block is a header block with the frames that it came in: HEADERS or PUSH_PROMISE, and CONTINUATION.
type block struct {
	first      frame
	start, end uint64 // of the frames
	fixed      []byte // priority, or the number of the stream that is promised
	bytes      []byte
}

// gather puts the block together that the next frame begins. whole is false if some of it has not come.
func (p *parser) gather(h *half, f *feed, fr frame) (bl block, whole bool, why packet.Reason) {
	g, b := p.g, f.rest(h)
	bl = block{first: fr, start: h.pos}
	if fr.size > maxBlock {
		return bl, false, continued
	}
	if len(b) < frameHeader+fr.size {
		return bl, false, ""
	}
	payload := b[frameHeader : frameHeader+fr.size]
	before, behind, _, ok := fr.padding(payload)
	fixed := 0
	switch {
	case fr.kind == typePush:
		fixed = 4
	case fr.has(flagPriority):
		fixed = 5
	}
	if !ok || before+fixed+behind > fr.size {
		return bl, false, badFrame
	}
	bl.fixed, bl.bytes = payload[before:before+fixed], payload[before+fixed:fr.size-behind]
	end, whole, why := blockEnd(b, fr)
	if whole && end > frameHeader+fr.size {
		bl.bytes = g.joined(bl.bytes, b[frameHeader+fr.size:end])
	}
	bl.end = h.pos + uint64(end)
	return bl, whole, why
}

// blockEnd returns where the block that b begins with ends: behind the last frame of CONTINUATION, if it does not in its first frame.
func blockEnd(b []byte, first frame) (at int, whole bool, why packet.Reason) {
	at = frameHeader + first.size
	for n, size, fr := 1, first.size, first; !fr.has(flagEndHeaders); n++ {
		if len(b)-at < frameHeader {
			return at, false, ""
		}
		fr = frameOf(b[at:])
		switch {
		case fr.kind != typeContinuation || fr.stream != first.stream:
			return at, false, badFrame
		case n == maxFrames || size+fr.size > maxBlock:
			return at, false, continued
		case len(b)-at < frameHeader+fr.size:
			return at, false, ""
		}
		size += fr.size
		at += frameHeader + fr.size
	}
	return at, true, ""
}

// joined is a block of which first is the beginning, and the rest in whole frames behind it.
func (g *Grammar) joined(first, behind []byte) []byte {
	g.block = append(g.block[:0], first...)
	for len(behind) > 0 {
		end := frameHeader + frameOf(behind).size
		g.block = append(g.block, behind[frameHeader:end]...)
		behind = behind[end:]
	}
	return g.block
}

// readBlock reads a header block, once it is whole.
func (p *parser) readBlock(h *half, f *feed, fr frame) bool {
	g := p.g
	bl, whole, why := p.gather(h, f, fr)
	if why != "" {
		return f.refuse(troubleOf(why), why)
	}
	if !whole {
		return false
	}
	upgraded := f.in.Dir == p.server && p.last[f.in.Dir.Reverse()] == 0
	if upgraded { // the client's SETTINGS are in a field of its request (RFC 7540 §3.2.1)
		h.decoder.limit = max(h.decoder.limit, maxSize)
	}
	if why := h.decoder.read(g, bl.bytes, &g.list); why != "" {
		return f.refuse(troubleOf(why), why)
	}
	f.work += len(bl.bytes) + len(g.list.text) + headerWork*len(g.list.headers)
	h.pos = bl.end
	if h.text += uint64(len(g.list.text)); h.text > textSlack+textRatio*h.pos {
		return f.refuse(beyond, headsExpand)
	}
	if fr.kind == typePush {
		return p.promise(h, f, &bl)
	}
	s := p.find(fr.stream)
	d := f.in.Dir
	switch {
	case s == nil && upgraded && fr.stream == 1:
		return p.upgrade(h, f, &bl)
	case s == nil && p.isIdle(fr.stream):
		if d == p.server || fr.stream%2 == 0 {
			return f.unreadable(badStream)
		}
		return p.request(h, f, &bl)
	case s == nil || s.lost:
		return true // whoever has ended the stream overlooks what was on its way; the table was brought up to date
	case s.side[d].place == ended || s.side[d].place == inBody && !fr.has(flagEndStream):
		return f.unreadable(badStream)
	case s.side[d].place == inBody:
		return p.trailer(h, f, &bl, s)
	}
	return p.response(h, f, &bl, s)
}

// request reads the head that begins a stream.
func (p *parser) request(h *half, f *feed, bl *block) bool {
	g, d := p.g, f.in.Dir
	if why := g.head.read(g, &g.list, false, false); why != "" {
		return f.unreadable(why)
	}
	s, why := p.openStream(bl.first.stream)
	if why != "" {
		return f.refuse(beyond, why)
	}
	p.last[d] = s.id
	m := &g.head.method
	s.head = string(g.list.text[m.Off:m.End]) == "HEAD"
	return p.beginMessage(h, f, bl, s)
}

// upgrade reads the response to a request that was HTTP/1's: the client has asked for HTTP/2 in it (RFC 7540 §3.2).
func (p *parser) upgrade(h *half, f *feed, bl *block) bool {
	s, why := p.openStream(1)
	if why != "" {
		return f.refuse(beyond, why)
	}
	client := f.in.Dir.Reverse()
	p.last[client], s.head, s.side[client].place = 1, true, ended
	return p.response(h, f, bl, s)
}

// response reads the head of a response, or of one that comes before it (1xx).
func (p *parser) response(h *half, f *feed, bl *block, s *stream) bool {
	g, ends := p.g, bl.first.has(flagEndStream)
	if why := g.head.read(g, &g.list, true, false); why != "" {
		return f.unreadable(why)
	}
	if g.head.code >= 200 {
		p.answered++
		return p.beginMessage(h, f, bl, s)
	}
	if ends {
		return f.unreadable(badStatus)
	}
	p.showHead(h, f, bl, s.id, true)
	return true
}

// beginMessage shows a message's head, and is ready for its body.
func (p *parser) beginMessage(h *half, f *feed, bl *block, s *stream) bool {
	d, ends := f.in.Dir, bl.first.has(flagEndStream)
	hd := &p.g.head
	sd := &s.side[d]
	sd.length = hd.contentLength
	if hd.response && (s.head || hd.code == 204 || hd.code == 304) {
		sd.length = -1
	}
	if ends && sd.length > 0 {
		return f.unreadable(lengthDiffer)
	}
	if !ends {
		p.beginBody(f, &sd.body, p.bodyField(d))
	}
	p.showHead(h, f, bl, s.id, ends)
	if sd.place = inBody; ends {
		sd.place = ended
		p.closeIfOver(s)
	}
	return f.why == ""
}

// trailer reads the fields behind a body.
func (p *parser) trailer(h *half, f *feed, bl *block, s *stream) bool {
	g, d := p.g, f.in.Dir
	sd := &s.side[d]
	if why := g.head.read(g, &g.list, d == p.server, true); why != "" {
		return f.unreadable(why)
	}
	if sd.length > 0 {
		return f.unreadable(lengthDiffer)
	}
	p.readPart(h, f, s, piece{pos: bl.start}, true)
	p.markHead(h, f, bl)
	edits := p.showEnd(f, s, d, true)
	p.editHead(h, f, bl, edits)
	sd.place = ended
	g.dropBody(&sd.body)
	p.closeIfOver(s)
	return f.why == ""
}

// promise reads a request that the server makes in the client's place.
func (p *parser) promise(h *half, f *feed, bl *block) bool {
	g, d := p.g, f.in.Dir
	id := binary.BigEndian.Uint32(bl.fixed) &^ (1 << 31)
	if d != p.server || id%2 != 0 || id <= p.last[d] || bl.first.stream%2 == 0 || p.isIdle(bl.first.stream) {
		return f.unreadable(badStream)
	}
	if why := g.head.read(g, &g.list, false, false); why != "" {
		return f.unreadable(why)
	}
	s, why := p.openStream(id)
	if why != "" {
		return f.refuse(beyond, why)
	}
	p.last[d] = id
	s.side[d.Reverse()].place = ended
	p.showHead(h, f, bl, id, true)
	return true
}

// showHead shows a head, and makes the edits asked for in it.
func (p *parser) showHead(h *half, f *feed, bl *block, id uint32, whole bool) {
	g, m := p.g, &p.g.msg
	m.Reset(g.Name(), g.list.text)
	m.Response, m.Complete, m.Stream = g.head.response, whole, id
	g.head.fields(g, m, p.want(f))
	phase := field.MessageStart
	if whole {
		phase = field.MessageWhole
	}
	p.markHead(h, f, bl)
	p.editHead(h, f, bl, p.show(f, m, phase).Edits)
}

// markHead says that a block is shown, if it is as a whole.
func (p *parser) markHead(h *half, f *feed, bl *block) {
	if p.want(f).Has(field.HTTP2Head) {
		h.mark(f, bl.start, bl.end)
	}
}
