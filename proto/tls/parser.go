package tls

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// More reasons for which a stream is refused.
const (
	manyHellos packet.Reason = "tls-several-hellos" // more than a first and a second ClientHello or answer
)

// A parser reads one connection. Which side is the client's is told by the hellos.
type parser struct {
	g        *Grammar
	half     [2]half
	answered bool // the server's last hello was seen
	stopped  bool // nobody wants to see more
}

// Open implements proto.StreamGrammar.
func (g *Grammar) Open() proto.Parser {
	if n := len(g.parsers); n > 0 {
		p := g.parsers[n-1]
		g.parsers = g.parsers[:n-1]
		return p
	}
	limit := g.MaxConns
	if limit <= 0 {
		limit = 65536
	}
	if g.conns >= limit {
		return nil
	}
	g.conns++
	return &parser{g: g}
}

// Close implements proto.Parser.
func (p *parser) Close() {
	g := p.g
	p.half[0].forget(g)
	p.half[1].forget(g)
	*p = parser{g: g}
	g.parsers = append(g.parsers, p)
}

// Feed implements proto.Parser.
func (p *parser) Feed(in proto.Input, out proto.Sink) proto.Progress {
	h := &p.half[in.Dir]
	for !p.over(h) {
		whole, why := h.gather(p.g, in.Bytes)
		if why == "" && whole {
			why = p.message(h, in, out)
			h.next(p.g)
		}
		if why == badRecord && h.hellos == 0 && p.half[in.Dir.Reverse()].stage == behindHello {
			h.stage, p.answered, why = finished, true, "" // a server that speaks no TLS
		}
		if why != "" {
			h.forget(p.g)
			return proto.Progress{N: len(in.Bytes), Why: why, As: trouble(why)}
		}
		if !whole && h.stage != finished {
			return proto.Progress{N: h.done()}
		}
	}
	h.forget(p.g)
	return proto.Progress{N: len(in.Bytes), Skip: proto.Forever}
}

func trouble(why packet.Reason) proto.Trouble {
	switch why {
	case helloLarge, certLarge, exhausted, noHello:
		return proto.Beyond
	}
	return proto.Unreadable
}

// over reports whether nothing is looked for any more in a direction.
func (p *parser) over(h *half) bool {
	return p.stopped || h.stage == finished || h.stage == behindHello && p.answered
}

// message reads the message that is whole in h.buf.
func (p *parser) message(h *half, in proto.Input, out proto.Sink) (why packet.Reason) {
	switch h.buf[0] {
	case helloRequest:
		return ""
	case clientHello:
		h.stage = behindHello
	case serverHello:
		if h.hellos == 0 && IsRetry(h.buf) {
			h.hellos++
			return ""
		}
		h.stage = finished
		p.answered = true
		if in.Want&certificateFields != 0 && !chooses13(h.buf) {
			h.stage = atCertificate
		}
	case certificate:
		h.stage = finished
	}
	if h.hellos++; h.hellos > 2 && h.stage != finished {
		return manyHellos
	}
	m := &p.g.msg
	m.Reset(p.g.Name(), h.buf)
	if h.buf[0] == certificate {
		why = p.g.reader.certificate(m, h.buf, in.Want)
	} else {
		why = p.g.reader.Read(m, h.buf, packet.TCP, in.Want)
	}
	if why == "" {
		p.stopped = out.Show(m, field.MessageWhole).Stop
	}
	return why
}
