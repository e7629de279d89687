package http1

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// A parser reads one connection.
type parser struct {
	g       *Grammar
	half    [2]half
	queue   queue
	server  flow.Direction // in which responses come; valid iff known
	known   bool
	dark    bool // another protocol has taken over, or a tunnel
	next    bool // and it is HTTP/2
	stopped bool // nobody wants to see any more
}

// A half is one direction of a connection.
type half struct {
	in     bool  // the middle of a message
	last   bool  // behind the last chunk, in front of the trailer
	closed bool  // the last body now ends with the connection: what follows it does not leave
	tunnel bool  // a request to CONNECT came last: what follows may be anything
	empty  int   // bytes of empty lines in front of the next message
	none   int   // bytes at the start of what comes next in which no head or trailer ends
	gone   int   // bytes at the start of what comes next that have left
	body   *body // of the message; nil unless in
}

// A feed is one call of Feed. It belongs to the Grammar.
type feed struct {
	in   proto.Input
	out  proto.Sink
	at   int // bytes done with
	skip int64
	why  packet.Reason
	as   proto.Trouble
	dead bool // Progress.Broken
	free int  // up to where bytes may leave that are not done with
	text int  // bytes decoded
	work int  // and what that took
	more bool // Progress.More
	next bool // Progress.Next
}

// soft reports whether all that was fed leaves now, though more may follow.
func (f *feed) soft() bool { return f.in.Late || f.in.End }

func (f *feed) rest() []byte { return f.in.Bytes[f.at:] }

// refuse ends the reading of the connection.
func (f *feed) refuse(as proto.Trouble, why packet.Reason) bool {
	f.as, f.why = as, why
	return false
}

// broken is refuse for a message whose framing is altered already.
func (f *feed) broken(as proto.Trouble, why packet.Reason) bool {
	f.dead = true
	return f.refuse(as, why)
}

// Close implements proto.Parser.
func (p *parser) Close() {
	for i := range p.half {
		p.g.drop(&p.half[i])
	}
	g := p.g
	*p = parser{g: g}
	g.parsers.Put(p)
}

// Reframes implements proto.Reframer.
func (p *parser) Reframes() bool {
	for i := range p.half {
		if h := &p.half[i]; h.closed || h.in && (h.body.plan == rechunk || h.body.decodes || h.body.closes) {
			return true
		}
	}
	return false
}

// Waits implements proto.Waiter.
func (p *parser) Waits() bool {
	return p.known && !p.dark && p.queue.single() && p.queue.first()&askedConnect == 0 && !p.half[p.server].in
}

// maxSteps is how many heads, parts and ends are read in one call, unless time is up: a packet may be thousands of requests.
const maxSteps = 2048

// Feed implements proto.Parser.
func (p *parser) Feed(in proto.Input, out proto.Sink) proto.Progress {
	h, f := &p.half[in.Dir], &p.g.feed
	*f = feed{in: in, out: out}
	for steps := 0; p.step(h, f); steps++ {
		if steps == maxSteps && f.at < len(in.Bytes) && !f.soft() {
			f.more = true // the rest is for the next call
			break
		}
	}
	at := min(f.at, len(in.Bytes))
	switch {
	case f.skip > 0:
		h.gone = 0
	case in.Late || in.End:
		h.gone = len(in.Bytes) - at
	default:
		h.gone = max(0, h.gone-at, f.free-at)
	}
	f.in.Bytes, f.out = nil, nil
	return proto.Progress{N: at, Spare: max(0, f.free-at), Skip: f.skip, More: f.more, Next: f.next, Why: f.why, As: f.as, Broken: f.dead}
}

// step reads what comes next, and reports whether there may be more to read.
func (p *parser) step(h *half, f *feed) bool {
	switch {
	case h.in:
		return p.readBody(h, f)
	case h.closed:
		if n := len(f.rest()); n > 0 && !f.out.Replace(f.at, f.at+n, nil) {
			return f.broken(proto.Unedited, editLost)
		}
		f.at = len(f.in.Bytes)
		return false
	case p.next && !p.stopped:
		f.next = true
		return false
	case p.dark || p.stopped:
		f.at, f.skip = len(f.in.Bytes), proto.Forever
		return false
	case f.at == len(f.in.Bytes):
		return false
	}
	return p.readHead(h, f)
}

// readHead reads a message's head, once it is whole.
func (p *parser) readHead(h *half, f *feed) bool {
	if h.none == 0 && h.empty < maxEmpty {
		n := min(emptyLines(f.rest()), maxEmpty-h.empty)
		f.at += n
		h.empty += n
	}
	if f.at == len(f.in.Bytes) {
		return false
	}
	b := f.rest()
	if h.tunnel && !p.stillHTTP(h, f, b) {
		return false
	}
	var end int
	if end, h.none = headEnd(b, h.none); end == 0 {
		if len(b) > maxHead {
			return f.refuse(proto.Beyond, headTooLarge)
		}
		return false
	}
	if end > maxHead {
		return f.refuse(proto.Beyond, headTooLarge)
	}
	hd := &p.g.head
	if why := hd.read(b[:end], 0); why != "" {
		return f.refuse(troubleOf(why), why)
	}
	if !p.known {
		p.known, p.server = true, f.in.Dir
		if !hd.response {
			p.server = f.in.Dir.Reverse()
		}
	}
	if hd.response != (f.in.Dir == p.server) {
		return f.refuse(proto.Unreadable, badStart)
	}
	return p.begin(h, f, b[:end])
}

// stillHTTP looks at what follows a request to CONNECT: another one, if the proxy will refuse it, or a tunnel.
func (p *parser) stillHTTP(h *half, f *feed, b []byte) bool {
	switch p.g.Recognise(b, proto.Peer{}) {
	case proto.Yes:
		h.tunnel = false
		return true
	case proto.No:
		f.at, f.skip = len(f.in.Bytes), proto.Forever
	}
	return false
}

func troubleOf(why packet.Reason) proto.Trouble {
	if why == headTooLarge || why == tooManyHeaders {
		return proto.Beyond
	}
	return proto.Unreadable
}

// begin reads the message whose head unit is.
func (p *parser) begin(h *half, f *feed, unit []byte) bool {
	g, hd := p.g, &p.g.head
	var ask asked
	if hd.response {
		ask = p.queue.first()
	}
	fr := hd.framing(ask)
	if fr == switches && ask&askedUpgrade == 0 && hd.code == 101 {
		return f.refuse(proto.Unreadable, unaskedUpgrade)
	}
	pl := p.plan(h, f, fr, ask)
	if pl == wait {
		return false
	}
	if !p.note(f) {
		return false
	}
	start := f.at
	f.at += len(unit)
	proto.Name(f.out, field.HTTPURI, start+hd.target.Off, start+hd.target.End)
	proto.Name(f.out, field.HTTPHeaders, start+hd.block.Off, start+hd.block.End)
	h.none, h.empty, h.tunnel = 0, 0, !hd.response && fr == switches
	m := &g.msg
	m.Reset(g.Name(), unit)
	m.Response = hd.response
	m.Complete = fr == noBody || fr == switches
	m.Last = hd.last(fr)
	if why := g.headFields(m, unit, p.want(f)); why != "" {
		return f.refuse(proto.Unreadable, why)
	}
	phase := field.MessageStart
	if m.Complete {
		phase = field.MessageWhole
	}
	p.saveEdits(p.show(f, m, phase).Edits)
	if m.Complete {
		p.dark = hd.response && fr == switches
		p.next = p.dark && hd.code == 101 && hd.h2c
		p.makeHead(f, unit, start, nil)
		return true
	}
	h.in, h.last = true, false
	h.body = p.g.newBody()
	h.body.begin(hd, fr, pl, f.in.Want)
	h.body.closes = fr == byLength && pl != asIs && hd.lastOne(ask)
	p.tellCoding(h.body, f)
	return p.startBody(h, f, unit, start)
}

// note has the queue know of the message.
func (p *parser) note(f *feed) bool {
	hd := &p.g.head
	switch {
	case hd.response:
		if hd.code >= 200 || hd.code == 101 {
			p.queue.pop()
		}
	case !p.queue.push(hd.asks(f.in.Bytes[f.at:])):
		return f.refuse(proto.Beyond, tooDeep)
	}
	return true
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
