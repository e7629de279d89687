package http1

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/coding"
)

// A body is what a half remembers of the one that it is in.
type body struct {
	id      field.ID
	framing framing
	plan    plan
	wanted  bool // somebody wants to see it
	decodes bool // it leaves decoded
	open    bool // the end of the chunk that left last has not left yet
	closes  bool // what follows it must not leave: it may now end with the connection
	chunks       // of byLength and byClose only place and due

	offset int64 // of the first byte of text that was not shown, or is held
	seen   int   // bytes of text that were shown and are held

	layers  coding.Layers  // to undo; none once stream is nil and raw is set
	stream  *coding.Stream // opened when the first bytes are there
	kept    []byte         // text that is held and does not come again
	left    int            // bytes at its head that have left
	drained bool           // the stream was told that nothing follows
	stalled bool           // there was no time for all text of the bytes that the stream has taken
	ahead   int            // bytes at the head of what comes next that were decoded already
}

func bodyField(response bool) field.ID {
	if response {
		return field.HTTPResponseBody
	}
	return field.HTTPRequestBody
}

// begin makes b the body behind the head.
func (b *body) begin(h *head, fr framing, pl plan, want field.Set) {
	*b = body{id: bodyField(h.response), framing: fr, plan: pl}
	b.wanted = want.Has(b.id)
	switch fr {
	case byLength:
		b.place, b.due = inData, h.contentLength
	case byClose:
		b.place, b.due = inData, proto.Forever
	}
	if b.wanted && h.decodable() {
		b.layers = h.layers
		b.decodes = pl == free || pl == rechunk
	}
}

// decodable reports whether the body's codings are known, and all of it is there to be decoded.
func (h *head) decodable() bool {
	return h.layers.Len() > 0 && h.outcome == coding.Known && !h.part
}

// readBody reads on in a body.
func (p *parser) readBody(h *half, f *feed) bool {
	b := h.body
	if h.last {
		return p.readTrailer(h, f)
	}
	from, before := f.at, b.chunks
	f.at = min(f.at+b.ahead, len(f.in.Bytes))
	b.ahead = 0
	if b.plan == asIs && (!b.wanted || p.stopped) {
		return p.passBody(h, f)
	}
	if b.stalled {
		p.g.pieces = p.g.pieces[:0]
		return p.readCoded(h, f, from, false)
	}
	over, why := p.gather(b, f)
	more := false
	if b.layers.Len() > 0 {
		more = p.readCoded(h, f, from, over)
	} else {
		more = p.readText(h, f, from, before, over)
	}
	if b.framing == byClose && f.in.End && f.why == "" {
		p.showEnd(b, f)
	}
	switch {
	case why == "" || f.why != "" || f.more: // what came before the fault counts first
		return more
	case b.plan == asIs:
		return f.refuse(proto.Unreadable, why)
	}
	return f.broken(proto.Unreadable, why)
}

// A piece is bytes of a body that lie together in what was fed.
type piece struct {
	text int   // where they are in the text
	in   int   // and in what was fed
	n    int   // how many
	due  int64 // of the chunk or body, from the piece's start on
}

// maxPieces is how many pieces make up a part, at most.
const maxPieces = 256

// gather reads on and collects the pieces of a body. over says that they end it.
func (p *parser) gather(b *body, f *feed) (over bool, why packet.Reason) {
	g, in, text := p.g, f.in.Bytes, 0
	g.pieces = g.pieces[:0]
	if b.place == inData && b.due == 0 && b.framing == byLength {
		return true, "" // its text was too much for one call
	}
	for f.at < len(in) && len(g.pieces) < maxPieces {
		if b.place != inData {
			n, why := b.frame(in[f.at:])
			if f.at += n; why != "" {
				return false, why
			}
			if b.place == inTrailer {
				return true, ""
			}
			continue
		}
		n := int(min(b.due, int64(len(in)-f.at)))
		g.pieces = append(g.pieces, piece{text: text, in: f.at, n: n, due: b.due})
		f.at += n
		text += n
		if b.due -= int64(n); b.due == 0 && b.framing == byLength {
			return true, ""
		} else if b.due == 0 {
			b.place = inTail
		}
	}
	return false, ""
}

// back has the reading stand at offset keep of the text gathered, and returns where that is in what was fed.
func (p *parser) back(b *body, keep int) int {
	for i := len(p.g.pieces) - 1; ; i-- {
		if pc := &p.g.pieces[i]; pc.text <= keep {
			b.chunks = chunks{place: inData, due: pc.due - int64(keep-pc.text)}
			return pc.in + keep - pc.text
		}
	}
}

// passBody reads on in a body that nobody wants to see.
func (p *parser) passBody(h *half, f *feed) bool {
	b := h.body
	for {
		if b.place != inData {
			n, why := b.frame(f.rest())
			f.at += n
			switch {
			case why != "":
				return f.refuse(proto.Unreadable, why)
			case b.place == inTrailer:
				h.last = true
				return true
			case b.place != inData:
				return false
			}
		}
		n := min(b.due, int64(len(f.rest())))
		f.at += int(n)
		if b.due -= n; b.due > 0 {
			f.skip, b.due = b.due, 0
		}
		switch {
		case b.framing == byClose:
			f.skip = proto.Forever
			return false
		case b.framing == byChunks:
			b.place = inTail
		case f.skip == 0:
			return p.endMessage(h, f, nil)
		}
		if f.skip > 0 {
			return false
		}
	}
}

// readTrailer reads what follows the last chunk.
func (p *parser) readTrailer(h *half, f *feed) bool {
	b := f.rest()
	end := 0
	switch {
	case len(b) > 0 && b[0] == '\n':
		end = 1
	case len(b) > 1 && b[0] == '\r' && b[1] == '\n':
		end = 2
	default:
		end, h.none = headEnd(b, h.none)
	}
	switch {
	case end > maxHead || end == 0 && len(b) > maxHead:
		return f.refuse(proto.Beyond, headTooLarge)
	case end == 0:
		return false
	}
	if why := trailer(b[:end]); why != "" {
		return f.refuse(troubleOf(why), why)
	}
	if h.body.plan == rechunk && h.gone == 0 {
		p.g.lines = p.g.lines[:0]
		p.g.validators(b[:end], 0, false)
		proto.ReplaceAll(f.out, f.at, p.g.lines)
	}
	proto.Name(f.out, field.HTTPHeaders, f.at, f.at+end)
	f.at += end
	h.none = 0
	return p.endMessage(h, f, b[:end])
}

// endMessage ends a message, with the trailer if there is one.
func (p *parser) endMessage(h *half, f *feed, trailer []byte) bool {
	response := h.body.id == field.HTTPResponseBody
	h.in, h.last = false, false
	h.closed = h.body.closes
	p.g.drop(h)
	p.showTrailer(f, trailer, response)
	return true
}

// showEnd shows the end of a body that ends with the connection. If that was a fake, the body goes on.
func (p *parser) showEnd(b *body, f *feed) {
	if b.wanted {
		p.showPart(b, f, p.g.tail, true, false)
	}
	p.showTrailer(f, nil, b.id == field.HTTPResponseBody)
}

// showTrailer shows the end of a message.
func (p *parser) showTrailer(f *feed, trailer []byte, response bool) {
	m := &p.g.msg
	m.Reset(p.g.Name(), trailer)
	m.Complete, m.Response = true, response
	if len(trailer) > 2 && p.want(f).Has(field.HTTPHeaders) {
		s := field.Span{End: len(trailer)}
		for _, c := range "\n\r" { // the line that ends it is no part of it
			if trailer[s.End-1] == byte(c) {
				s.End--
			}
		}
		m.Add(field.Field{ID: field.HTTPHeaders, Value: trailer[:s.End:s.End], Span: s})
	}
	p.show(f, m, field.MessageEnd)
}
