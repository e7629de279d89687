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
		if p.message(rest[:n], at, from, in.Want, out) {
			return proto.Progress{N: len(in.Bytes), Skip: proto.Forever}
		}
		at += n
	}
	return proto.Progress{N: at}
}

// message reads the message in unit, which lies at offset at of the bytes fed. One that cannot be read is told of,
// and the next one is read all the same, as servers do. It reports whether nobody wants to see more.
func (p *parser) message(unit []byte, at int, from proto.Peer, want field.Set, out proto.Sink) (stop bool) {
	if _, why := p.g.Parse(&p.msg, unit, from, want); why != "" {
		trouble := proto.Unreadable
		if why == tooMany {
			trouble = proto.Beyond
		}
		return proto.Tell(out, trouble, why)
	}
	for i := range p.msg.Fields {
		f := &p.msg.Fields[i]
		proto.Name(out, f.ID, at+f.Span.Off, at+f.Span.End)
	}
	a := out.Show(&p.msg, field.MessageWhole)
	if len(a.Edits) > 0 && p.edit(unit, at, a.Edits, out) {
		return true
	}
	return a.Stop
}

// edit has a message leave with edits made. Sink.Replace tells of what cannot be done in the stream. It reports
// whether the connection was dropped for what cannot be done in the message.
func (p *parser) edit(unit []byte, at int, edits []field.Edit, out proto.Sink) (dropped bool) {
	b, why := p.g.Repair(p.out[:0], &p.msg, edits)
	if why != "" {
		return proto.Tell(out, proto.Unedited, why)
	}
	p.out = b
	out.Replace(at, at+len(unit), b)
	return false
}
