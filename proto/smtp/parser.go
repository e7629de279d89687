package smtp

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/greeting"
	"github.com/weir-project/weir/proto/mime"
)

// A place is what the client is to send next.
type place uint8

const (
	inCommand place = iota
	inWait          // nothing, until the server has replied
	inAuth          // an answer to the server's challenge
	inData          // a message
	inChunk         // a chunk of one
)

// A parser reads one connection.
type parser struct {
	g       *Grammar
	queue   queue
	place   place
	half    [2]half
	server  flow.Direction // in which replies come
	known   bool           // server is
	dark    bool           // TLS has begun, or nobody wants to see anything
	stopped bool           // nobody wants to see any more
	lmtp    bool
	chunked bool   // the server offers CHUNKING
	rcpts   uint16 // recipients that were accepted
	replied uint8  // lines of the reply so far: none or more
	code    uint16 // of it

	mail  *mime.Reader // of the message; nil if nobody wants to see it, or none has begun
	scan  scan
	kept  []byte // of a message sent in chunks: what has left and was not shown, or is held
	due   int64  // bytes of the chunk that follow
	last  bool   // it is the last one
	fixed bool   // its size has left
	size  field.Span
}

// A half is one direction of a connection.
type half struct {
	none int // bytes at the start of what comes next in which no line ends
	gone int // bytes at the start of what comes next that have left
}

// A feed is one call of Feed. It belongs to the Grammar.
type feed struct {
	in   proto.Input
	out  proto.Sink
	at   int
	skip int64
	more bool
	why  packet.Reason
	as   proto.Trouble
	dead bool
}

func (f *feed) rest() []byte { return f.in.Bytes[f.at:] }

func (f *feed) soft() bool { return f.in.Late || f.in.End }

// refuse ends the reading of the connection.
func (f *feed) refuse(as proto.Trouble, why packet.Reason) bool {
	f.as, f.why = as, why
	return false
}

// Close implements proto.Parser.
func (p *parser) Close() {
	g := p.g
	p.drop()
	*p = parser{g: g}
	g.parsers.Put(p)
}

// drop gives back what a message holds.
func (p *parser) drop() {
	if p.mail != nil {
		p.mail.Close()
		p.mail = nil
	}
	p.g.keep(p, nil)
}

// Reframes implements proto.Reframer.
func (p *parser) Reframes() bool { return p.mail != nil && p.mail.Encodes() }

// maxSteps is how many lines and parts are read in one call, unless time is up.
const maxSteps = 2048

// Feed implements proto.Parser.
func (p *parser) Feed(in proto.Input, out proto.Sink) proto.Progress {
	f, h := &p.g.feed, &p.half[in.Dir]
	*f = feed{in: in, out: out}
	p.dark = p.dark || in.Want&p.g.Fields() == 0
	if !p.known {
		p.known, p.server = true, flow.ToClient
		if client(in.Bytes) == proto.Yes {
			p.server = in.Dir.Reverse()
		} else if greeting.Match(in.Bytes, greeting.Mail, false) == proto.Yes {
			p.server = in.Dir
		}
	}
	for steps := 0; p.step(h, f); steps++ {
		if steps == maxSteps && f.at < len(in.Bytes) && !f.soft() {
			f.more = true
			break
		}
	}
	h.gone = max(0, h.gone-f.at)
	if f.soft() {
		h.gone = len(in.Bytes) - f.at
	}
	f.in.Bytes, f.out = nil, nil
	dead := f.dead || f.why != "" && p.Reframes()
	return proto.Progress{N: f.at, Skip: f.skip, More: f.more, Why: f.why, As: f.as, Broken: dead}
}

// step reads what comes next, and reports whether there may be more to read.
func (p *parser) step(h *half, f *feed) bool {
	switch {
	case p.dark || p.stopped && !p.Reframes():
		f.at, f.skip = len(f.in.Bytes), proto.Forever
		return false
	case f.in.Dir == p.server:
		return p.readReply(h, f)
	case p.place == inData:
		return p.readData(h, f)
	case p.place == inChunk:
		return p.readChunk(h, f)
	}
	return p.readCommand(h, f)
}

// line returns the next line without its end, once it is whole: then n is its size with that.
func (p *parser) line(h *half, f *feed) (line []byte, n int) {
	b := f.rest()
	i := bytes.IndexByte(b[h.none:], '\n')
	switch {
	case i < 0 && len(b) > maxLine, h.none+i >= maxLine:
		f.refuse(proto.Beyond, lineTooLong)
		return nil, 0
	case i < 0:
		h.none = len(b)
		return nil, 0
	}
	n = h.none + i + 1
	line = b[:n-1]
	if n < 2 || line[n-2] != '\r' || bytes.IndexByte(line[:n-2], '\r') >= 0 {
		f.refuse(proto.Unreadable, bareLineEnd)
		return nil, 0
	}
	if bytes.IndexByte(line, 0) >= 0 {
		f.refuse(proto.Unreadable, controlByte)
		return nil, 0
	}
	h.none = 0
	return line[:n-2], n
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
