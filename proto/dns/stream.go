package dns

import (
	"encoding/binary"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// This file reads DNS over TCP (RFC 1035 §4.2.2, RFC 7766): each message when it is whole, however it is cut. Until then
// it is left unread, so that it can be edited in any length, and its length with it.

var _ proto.StreamGrammar = (*Grammar)(nil)

// parser reads connections. It remembers nothing about them, and one serves all.
type parser struct {
	g   *Grammar
	msg field.Message
	out []byte // a repaired message
}

// Open implements proto.StreamGrammar.
func (g *Grammar) Open() proto.Parser {
	if g.parser == nil {
		g.parser = &parser{g: g}
	}
	return g.parser
}

// Close implements proto.Parser.
func (p *parser) Close() {}

// Feed implements proto.Parser.
func (p *parser) Feed(in proto.Input, out proto.Sink) proto.Progress {
	from := proto.Peer{Transport: packet.TCP, Dir: in.Dir}
	at := 0
	for {
		rest := in.Bytes[at:]
		if len(rest) < 2 {
			break
		}
		n := 2 + int(binary.BigEndian.Uint16(rest))
		if len(rest) < n {
			break
		}
		if _, why := p.g.Parse(&p.msg, rest[:n], from, in.Want); why != "" {
			return proto.Progress{N: len(in.Bytes), Why: why}
		}
		a := out.Show(&p.msg, field.MessageWhole)
		if len(a.Edits) > 0 {
			if why := p.edit(at, n, a.Edits, out); why != "" {
				return proto.Progress{N: len(in.Bytes), Why: why}
			}
		}
		if a.Stop {
			return proto.Progress{N: len(in.Bytes), Skip: proto.Forever}
		}
		at += n
	}
	return proto.Progress{N: at}
}

// edit has the message of n bytes at offset at leave with edits made. Sink.Replace tells of what cannot be done in
// the stream.
func (p *parser) edit(at, n int, edits []field.Edit, out proto.Sink) packet.Reason {
	b, why := p.g.Repair(p.out[:0], &p.msg, edits)
	if why == "" {
		p.out = b
		out.Replace(at, at+n, b)
	}
	return why
}
