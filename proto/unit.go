package proto

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

// units reads streams by a grammar that knows only units: a message is read if what is fed begins
// with it, and what it lacks at the end is not waited for.
type units struct {
	Grammar
	free []*unitParser
}

// Units makes a StreamGrammar of g.
func Units(g Grammar) StreamGrammar {
	if sg, ok := g.(StreamGrammar); ok {
		return sg
	}
	return &units{Grammar: g}
}

// Open returns a parser. All are alike: they remember nothing.
func (u *units) Open() Parser {
	if n := len(u.free); n > 0 {
		p := u.free[n-1]
		u.free = u.free[:n-1]
		return p
	}
	return &unitParser{of: u}
}

type unitParser struct {
	of     *units
	msg    field.Message
	edited []byte
}

func (p *unitParser) Close() { p.of.free = append(p.of.free, p) }

// Feed reads the messages that in.Bytes begins with.
func (p *unitParser) Feed(in Input, out Sink) Progress {
	peer := Peer{Transport: packet.TCP, Dir: in.Dir}
	for at := 0; at < len(in.Bytes); {
		unit := in.Bytes[at:]
		if p.of.Recognise(unit, peer) != Yes {
			break
		}
		n, why := p.of.Parse(&p.msg, unit, peer, in.Want)
		phase := field.MessageWhole
		switch {
		case n == 0 && why != Incomplete:
			return Progress{N: len(in.Bytes), Why: why}
		case n == 0:
			n, phase = len(unit), field.MessageStart
			p.msg.Unit = unit
		}
		a := out.Show(&p.msg, phase)
		if len(a.Edits) > 0 {
			p.repair(unit[:n], at, a.Edits, out)
		}
		if a.Stop {
			break
		}
		at += n
	}
	return Progress{N: len(in.Bytes)}
}

func (p *unitParser) repair(unit []byte, at int, edits []field.Edit, out Sink) {
	if b, why := p.of.Repair(p.edited[:0], &p.msg, edits); why == "" {
		out.Replace(at, at+len(unit), b)
		p.edited = b
	}
}
