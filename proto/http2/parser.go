package http2

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// A parser reads one connection.
type parser struct {
	g        *Grammar
	half     [2]half
	streams  []*stream // those that are open, by number
	last     [2]uint32 // the highest number of a stream that each end has begun, by the direction in which it speaks
	server   flow.Direction
	known    bool   // which direction the server's is
	dark     bool   // it is no HTTP/2
	stopped  bool   // nobody wants to see any more
	told     bool   // of rapid resets
	resets   uint64 // requests that were taken back before their answer began
	answered uint64 // and those whose answer has begun
}

// A half is one direction of a connection. Places in it count its bytes from the first one on that was fed.
type half struct {
	base    uint64 // of the first byte that comes next
	pos     uint64 // up to where it was read
	gone    uint64 // up to where it has left
	greeted bool   // the preface was read
	begun   bool   // and so were the first SETTINGS

	// Of the frame that the reading stands in.
	inData bool    // the frame is DATA, and not read to its end
	data   int     // bytes of it to come
	ends   bool    // the message ends with them
	cur    *stream // whose they are; nil if that is closed
	skip   int     // bytes to come that mean nothing here
	stall  *stream // whose decoder has more text of what it was fed

	text    uint64 // bytes of lists of fields, as text
	decoder decoder
	demands demands // of who speaks in this direction
	held    []held  // by place
	lost    int     // streams with stream.lost that hold something here
	marks   []mark  // by place: of what is not done with, what was shown
}

// begin makes p a new connection's.
func (p *parser) begin() {
	g, streams := p.g, p.streams[:0]
	h0, h1 := p.half[0], p.half[1]
	*p = parser{g: g, streams: streams}
	for d, old := range []*half{&h0, &h1} {
		h := &p.half[d]
		h.held, h.marks = old.held[:0], old.marks[:0]
		h.decoder = decoder{table: table{max: defaultSize}, limit: defaultSize}
		h.demands = demands{maxFrame: minFrame, table: defaultSize}
	}
}

// Close implements proto.Parser.
func (p *parser) Close() {
	g := p.g
	p.dropAll()
	g.parsers.Put(p)
}

// dropAll gives back what the connection has.
func (p *parser) dropAll() {
	for _, s := range p.streams {
		p.g.dropStream(s)
	}
	p.streams = p.streams[:0]
	for d := range p.half {
		h := &p.half[d]
		p.g.dropStore(h.decoder.table.store)
		h.decoder.table = table{max: defaultSize}
		h.held, h.marks, h.cur, h.stall = h.held[:0], h.marks[:0], nil, nil
	}
}

// A feed is one call of Feed. It belongs to the Grammar.
type feed struct {
	in   proto.Input
	out  proto.Sink
	base uint64
	why  packet.Reason
	as   proto.Trouble
	text int // decoded
	work int // bytes of text whose reading takes as long
	more bool
}

const (
	beyond = proto.Beyond

	maxWork    = 256 << 10 // in one call
	maxLate    = 8 << 20   // and if time is up
	frameWork  = 128       // of a frame
	headerWork = 64        // of a field of a list
)

// soft reports whether all that was fed leaves now, though more may follow.
func (f *feed) soft() bool { return f.in.Late || f.in.End }

func (f *feed) end() uint64 { return f.base + uint64(len(f.in.Bytes)) }

func (f *feed) refuse(as proto.Trouble, why packet.Reason) bool {
	f.as, f.why = as, why
	return false
}

func (f *feed) unreadable(why packet.Reason) bool { return f.refuse(proto.Unreadable, why) }

// tell tells of trouble, and reports whether the connection was dropped for it.
func (f *feed) tell(t proto.Trouble, why packet.Reason) bool { return proto.Tell(f.out, t, why) }

// rest is what is to be read.
func (f *feed) rest(h *half) []byte { return f.in.Bytes[h.pos-f.base:] }

// Feed implements proto.Parser.
func (p *parser) Feed(in proto.Input, out proto.Sink) proto.Progress {
	h, f := &p.half[in.Dir], &p.g.feed
	*f = feed{in: in, out: out, base: h.base}
	p.markAgain(h, f)
	if h.lost > 0 {
		p.endLost(h, f)
	}
	for p.step(h, f) {
		if f.work < maxWork || h.pos == f.end() {
			continue
		}
		if f.more = !f.soft(); f.more {
			break
		}
		if f.work >= maxLate {
			f.tell(beyond, laborious)
			break
		}
	}
	p.readFresh(h, f)
	if f.soft() && f.why == "" {
		p.lastLook(h, f)
	}
	cut := h.pos
	if len(h.held) > 0 {
		cut = min(cut, h.held[0].pos)
	}
	if h.stall != nil { // nothing comes again where nothing is left
		cut = max(f.base, min(cut, h.pos-1))
	}
	spare := 0
	if f.soft() {
		h.gone = f.end()
	} else if h.stall == nil && h.spare(in.Dir) {
		spare = int(h.pos - cut)
		h.gone = max(h.gone, h.pos)
	}
	got := proto.Progress{N: int(cut - f.base), Spare: spare, More: f.more, Why: f.why, As: f.as}
	h.base = cut
	if p.dark || p.stopped {
		p.dropAll()
		got.N, got.Skip = len(in.Bytes), proto.Forever
	}
	*f = feed{}
	return got
}

// step reads what comes next, and reports whether there may be more to read.
func (p *parser) step(h *half, f *feed) bool {
	switch {
	case f.why != "" || p.dark || p.stopped || f.more:
		return false
	case h.stall != nil:
		return p.goOn(h, f)
	case !h.greeted:
		return p.greet(h, f)
	case h.inData:
		return p.readData(h, f)
	case h.skip > 0:
		n := min(h.skip, len(f.rest(h)))
		h.pos += uint64(n)
		h.skip -= n
		return h.skip == 0
	}
	return p.readFrame(h, f)
}

// greet reads what a connection begins with. What is no HTTP/2 after all is not read on: a server that knows none of it answers with HTTP/1,
// and a server's SETTINGS may be from the middle of a connection.
func (p *parser) greet(h *half, f *feed) bool {
	b := f.rest(h)
	if len(b) == 0 {
		return false
	}
	match := isPreface(b)
	switch {
	case match == proto.Maybe && (!p.known || f.in.Dir != p.server):
		return false
	case !p.known && match == proto.Yes:
		p.known, p.server = true, f.in.Dir.Reverse()
	case !p.known:
		p.known, p.server = true, f.in.Dir
	}
	h.greeted = true
	switch {
	case f.in.Dir == p.server:
	case match == proto.Yes:
		h.pos += uint64(len(preface))
	default:
		p.dark = true
	}
	return !p.dark
}

// readFrame reads the header of a frame, and all of it where that takes no waiting.
func (p *parser) readFrame(h *half, f *feed) bool {
	b := f.rest(h)
	if len(b) < frameHeader {
		return false
	}
	fr := frameOf(b)
	if !h.begun && (fr.kind != typeSettings || fr.has(flagAck)) {
		if p.dark = f.in.Dir == p.server && bytes.HasPrefix(b, old); p.dark {
			return false
		}
		return f.unreadable(badPreface)
	}
	if why := fr.check(); why != "" {
		return f.unreadable(why)
	}
	if fr.size > p.half[f.in.Dir.Reverse()].demands.maxFrame {
		return f.unreadable(frameTooLong)
	}
	f.work += frameWork
	switch fr.kind {
	case typeData:
		return p.beginData(h, f, fr)
	case typeHeaders, typePush:
		return p.readBlock(h, f, fr)
	case typeSettings:
		return p.readSettings(h, f, fr)
	case typeReset:
		if len(b) < frameHeader+fr.size {
			return false
		}
		h.pos += uint64(frameHeader + fr.size)
		return p.reset(h, f, fr.stream)
	}
	h.pos += frameHeader
	h.skip = fr.size
	return true
}

var old = []byte("HTTP/1.")

// readSettings reads SETTINGS, once they are whole.
func (p *parser) readSettings(h *half, f *feed, fr frame) bool {
	b := f.rest(h)
	switch {
	case fr.size > maxSettings*settingSize:
		return f.refuse(beyond, tooManySets)
	case len(b) < frameHeader+fr.size:
		return false
	}
	other := &p.half[f.in.Dir.Reverse()]
	h.begun = true
	h.pos += uint64(frameHeader + fr.size)
	if fr.has(flagAck) {
		other.demands.acknowledged()
		other.demands.heed(&h.decoder, true)
		return true
	}
	if why := h.demands.hear(b[frameHeader : frameHeader+fr.size]); why != "" {
		return f.refuse(troubleOf(why), why)
	}
	h.demands.heed(&other.decoder, false)
	return true
}

// troubleOf says which kind a reason is of.
func troubleOf(why packet.Reason) proto.Trouble {
	switch why {
	case headTooLarge, tooManyFields, tableTooLarge, tablesFull, tooManySets, tooMany, streamsFull, continued, headsExpand:
		return proto.Beyond
	}
	return proto.Unreadable
}

// want returns the fields to make.
func (p *parser) want(f *feed) field.Set {
	if p.stopped {
		return 0
	}
	return f.in.Want
}

// show shows m, unless nobody wants to see any more.
func (p *parser) show(f *feed, m *field.Message, phase field.Phase) proto.Answer {
	if p.stopped {
		return proto.Answer{}
	}
	a := f.out.Show(m, phase)
	p.stopped = a.Stop
	return a
}

// bodyField is the field of bodies that go in direction d.
func (p *parser) bodyField(d flow.Direction) field.ID {
	if d == p.server {
		return field.HTTPResponseBody
	}
	return field.HTTPRequestBody
}
