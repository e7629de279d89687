package http2

import (
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/coding"
)

const (
	maxText = 64 << 10 // bytes of a part of decoded text
	maxFed  = 4 << 10  // coded bytes that are decoded before the work that they took is looked at
)

// A coded is the decoding of a body.
type coded struct {
	layers coding.Layers
	first  [coding.MaxMagic]byte // the first bytes, until there are enough to tell
	n      int
	opened bool
	stream *coding.Stream // nil iff not opened, or it is shown as it is
	over   bool           // the stream was told that nothing follows
}

func (g *Grammar) newCoded(l coding.Layers) *coded {
	n := len(g.coders)
	if n == 0 {
		return &coded{layers: l}
	}
	c := g.coders[n-1]
	g.coders = g.coders[:n-1]
	*c = coded{layers: l}
	return c
}

func (g *Grammar) dropCoded(c *coded) {
	if c == nil {
		return
	}
	if c.stream != nil {
		c.stream.Close()
	}
	*c = coded{}
	g.coders = append(g.coders, c)
}

// tellCoding tells of a Content-Encoding that will not be undone.
func (p *parser) tellCoding(f *feed) {
	hd := &p.g.head
	switch {
	case hd.outcome == coding.Unknown:
		f.tell(beyond, codedBody)
	case hd.outcome == coding.TooMany:
		f.tell(beyond, tooManyCoded)
	case hd.part && hd.layers.Len() > 0:
		f.tell(beyond, codedPart)
	}
}

// readCoded decodes pc, shows the text, and returns how many bytes of pc were read: all, unless that is too much for now.
func (p *parser) readCoded(h *half, f *feed, s *stream, pc piece, over bool) (took int) {
	g, b := p.g, &s.side[f.in.Dir].body
	c := b.coded
	var in []byte
	if pc.n > 0 {
		in = f.bytes(&pc)
	}
	g.text = append(g.text[:0], b.kept...)
	var why packet.Reason
	if !c.opened {
		took = copy(c.first[c.n:], in)
		if c.n += took; c.n < len(c.first) && !over {
			return took
		}
		p.open(f, c)
		_, why = p.decode(f, s, c.first[:c.n], over && took == len(in))
	}
	for took < len(in) && why == "" && h.stall == nil {
		fed := min(len(in)-took, maxFed)
		var rest int
		rest, why = p.decode(f, s, in[took:took+fed], over && took+fed == len(in))
		took += fed - rest
		if f.work >= maxWork && !f.soft() && !b.done() {
			h.stall, f.more = s, true
		}
	}
	if why != "" {
		h.stall, took = nil, len(in)
	}
	p.endPart(h, f, s, piece{pos: pc.pos, n: took}, why, over && h.stall == nil)
	return took
}

// done reports whether the decoder has no more text.
func (b *body) done() bool { return b.coded.stream == nil || b.coded.stream.Done() }

// open begins to decode, once the first bytes are there.
func (p *parser) open(f *feed, c *coded) {
	c.opened = true
	if c.n == 0 {
		return
	}
	if !c.layers.Fits(c.first[:c.n]) {
		f.tell(proto.Unreadable, notCoded)
		return
	}
	if c.stream = p.g.decoders.Open(c.layers); c.stream == nil {
		f.tell(beyond, noDecoder)
	}
}

// decode decodes in into g.text, which is shown when it is full. It returns how many bytes of in were not read, since that is too much for now.
func (p *parser) decode(f *feed, s *stream, in []byte, over bool) (rest int, why packet.Reason) {
	g, c := p.g, s.side[f.in.Dir].body.coded
	if c.stream == nil {
		for len(in) > 0 {
			n := min(len(in), cap(g.text)-len(g.text))
			g.text, in = append(g.text, in[:n]...), in[n:]
			if len(in) > 0 {
				p.textOut(f, s, false)
			}
		}
		return 0, ""
	}
	c.over = over
	c.stream.Feed(in, over)
	return p.drain(f, s)
}

// drain decodes what the stream was fed.
func (p *parser) drain(f *feed, s *stream) (rest int, why packet.Reason) {
	g, c := p.g, s.side[f.in.Dir].body.coded
	for {
		switch {
		case f.text >= maxLate:
			return 0, coding.Laborious
		case f.work >= maxWork && !f.soft() && !c.stream.Done():
			rest = c.stream.Rest()
			c.over = false
			return rest, ""
		case len(g.text) == cap(g.text):
			p.textOut(f, s, false)
		}
		before := c.stream.Work()
		n, why := c.stream.Read(g.text[len(g.text):cap(g.text)])
		g.text = g.text[:len(g.text)+n]
		work := int(c.stream.Work() - before)
		f.work += work
		f.text += work
		if why != "" || n == 0 {
			return 0, why
		}
	}
}

// goOn goes on with what a decoder was fed.
func (p *parser) goOn(h *half, f *feed) bool {
	g, s := p.g, h.stall
	b := &s.side[f.in.Dir].body
	h.stall = nil
	g.text = append(g.text[:0], b.kept...)
	_, why := p.drain(f, s)
	over := h.ends && h.data == 0
	if why == "" && f.work >= maxWork && !f.soft() && !b.done() {
		h.stall, f.more, over = s, true, false
	}
	p.endPart(h, f, s, piece{pos: h.pos}, why, over)
	return p.endData(h, f)
}

// endPart shows the text that was decoded from pc and holds what is asked for.
func (p *parser) endPart(h *half, f *feed, s *stream, pc piece, why packet.Reason, over bool) {
	g, b := p.g, &s.side[f.in.Dir].body
	c := b.coded
	if over && why == "" && c.stream != nil && !c.over {
		c.over = true
		c.stream.Feed(nil, true)
		_, why = p.drain(f, s)
	}
	if why != "" {
		as := proto.Beyond // more than we undo, or less than there should be: all that can be read was shown
		if why == coding.Bad {
			as = proto.Unreadable
		}
		f.tell(as, why)
		over = true
		defer func() { b.wanted = false }()
	}
	fresh := len(g.text) - b.seen
	p.textOut(f, s, over)
	if len(g.text) > 0 && !g.kept.Has(b.kept) {
		f.tell(beyond, heldFull)
		b.offset += int64(len(g.text))
		b.seen, g.text = 0, g.text[:0]
	}
	b.kept = g.kept.Keep(b.kept, g.text)
	p.barrier(h, f, s, pc, fresh)
}

// barrier has the bytes come again whose text is held: those of pc, of which there are fresh bytes of text, unless older ones still are.
func (p *parser) barrier(h *half, f *feed, s *stream, pc piece, fresh int) {
	b := &s.side[f.in.Dir].body
	at := pc.pos + uint64(max(0, pc.n-maxHold))
	for i := range h.held {
		if h.held[i].s == s && b.seen > fresh {
			at = min(at, h.held[i].pos)
		}
	}
	p.unhold(h, s)
	if b.seen > b.left && len(h.held) < maxPieces {
		h.hold(held{s: s, pos: at})
	}
}

// textOut shows the text decoded so far. What is held of it stays in g.text.
func (p *parser) textOut(f *feed, s *stream, over bool) {
	g, b := p.g, &s.side[f.in.Dir].body
	hold, _ := p.showPart(f, s, g.text, over)
	hold = min(hold, maxKept)
	keep := len(g.text) - hold
	b.left = max(0, b.left-keep)
	b.offset += int64(keep)
	b.seen = hold
	g.text = g.text[:copy(g.text, g.text[keep:])]
}
