package quic

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/tls"
)

const (
	maxConns    = 8
	maxPackets  = 32
	maxAttempts = 64
)

// A conversation is the connections of a flow that wait for their answer.
type conversation struct {
	g      *Grammar
	conns  [maxConns]*connection
	n      int
	failed int // packets in succession that did not open, while there are any
}

// Converse implements proto.DatagramGrammar.
func (g *Grammar) Converse() proto.Conversation {
	p := &g.pool
	p.limit = g.MaxBytes
	if n := len(p.talks); n > 0 {
		t := p.talks[n-1]
		p.talks = p.talks[:n-1]
		return t
	}
	return &conversation{g: g}
}

// Close implements proto.Conversation.
func (t *conversation) Close() {
	for t.n > 0 {
		t.remove(t.n - 1)
	}
	g := t.g
	*t = conversation{g: g}
	g.pool.talks = append(g.pool.talks, t)
}

func (t *conversation) remove(i int) {
	t.g.pool.close(t.conns[i])
	t.n--
	t.conns[i], t.conns[t.n] = t.conns[t.n], nil
}

// Hear implements proto.Conversation.
func (t *conversation) Hear(datagram []byte, dir flow.Direction, want field.Set, out proto.Audience) proto.Heard {
	var h header
	var first []byte
	heard := proto.Heard{Idle: true}
	n := 0
	for w := (walker{datagram}); heard.Why == "" && w.next(&h); {
		if h.kind != initial {
			continue
		}
		if n++; n > maxPackets {
			heard.Why, heard.As = manyPackets, proto.Beyond
			break
		}
		if n == 1 {
			first = h.dcid
		} else if string(first) != string(h.dcid) {
			heard.Why, heard.Contrary = coalesced, true
			break
		}
		c, payload, why := t.open(&h, dir, n == 1)
		if payload != nil {
			heard.Idle = false
			why = t.read(c, &h, c.side(dir), payload, want, out)
		}
		heard.Why = why
	}
	for i := t.n - 1; i >= 0; i-- {
		if t.conns[i].answered {
			t.remove(i)
		}
	}
	switch heard.Why {
	case exhausted:
		heard.As, heard.Full = proto.Beyond, true
	case tooLarge, manyConns, attempts:
		heard.As = proto.Beyond
	case differs, unreadable:
		heard.Contrary = true
	}
	heard.Over = t.n == 0
	return heard
}

// open finds the connection of a packet, or begins one, and returns the packet's payload; nil iff it does not
// open. mayBegin says that keys may be derived from the packet itself.
func (t *conversation) open(h *header, dir flow.Direction, mayBegin bool) (c *connection, payload []byte, why packet.Reason) {
	known := false
	for _, c := range t.conns[:t.n] {
		if !c.concerns(h, dir) {
			continue
		}
		if b := c.open(&t.g.box, h, c.side(dir)); b != nil {
			t.failed = 0
			return c, b, ""
		}
		known = known || c.side(dir) == client
	}
	t.failed++
	switch {
	case t.failed > maxAttempts:
		return nil, nil, attempts
	case mayBegin:
		k := keysOf(h.version, h.dcid, client)
		if b, number := t.g.box.open(k, h, -1); b != nil {
			c, why := t.begin(h, dir, k)
			if c == nil {
				return nil, nil, why
			}
			c.largest[client] = number
			t.failed = 0
			return c, b, ""
		}
	}
	if known {
		return nil, nil, unreadable
	}
	return nil, nil, ""
}

// begin makes room for another connection. The one that a Retry (RFC 9000 §8.1.2) has ended goes for it: the client keeps
// its own identifier, and its hello was read.
func (t *conversation) begin(h *header, dir flow.Direction, k *keys) (*connection, packet.Reason) {
	for i := t.n - 1; i >= 0; i-- {
		if c := t.conns[i]; t.n == maxConns && c.own[client].is(h.scid) && c.stream[client].settled() {
			t.remove(i)
		}
	}
	if t.n == maxConns {
		return nil, manyConns
	}
	c := t.g.pool.connection()
	if c == nil {
		return nil, exhausted
	}
	c.begin(h, dir, k)
	t.conns[t.n] = c
	t.n++
	return c, ""
}

// read takes the handshake bytes out of a payload, and shows the hellos that become whole.
func (t *conversation) read(c *connection, h *header, from side, payload []byte, want field.Set, out proto.Audience) packet.Reason {
	s := &c.stream[from]
	for f := (frames{cursor{b: payload}}); ; {
		off, b, ok := f.next()
		if f.failed {
			return badFrame
		}
		if !ok {
			break
		}
		if why := s.put(&t.g.pool, off, b); why != "" {
			return why
		}
	}
	for {
		msg, why := s.message()
		if msg == nil || why != "" {
			return why
		}
		if why := t.show(c, h, from, msg, want, out); why != "" {
			return why
		}
	}
}

const (
	clientHello = 1
	serverHello = 2
)

// show shows a hello.
func (t *conversation) show(c *connection, h *header, from side, msg []byte, want field.Set, out proto.Audience) packet.Reason {
	g := t.g
	switch {
	case from == client && msg[0] != clientHello || from == server && msg[0] != serverHello:
		return unexpected
	case tls.IsRetry(msg):
		return ""
	}
	g.msg.Reset(g.Name(), msg)
	if why := g.reader.Read(&g.msg, msg, packet.UDP, want); why != "" {
		return why
	}
	if want.Has(field.QUICVersion) {
		g.version[0] = '0' + h.version
		g.msg.Add(field.Field{ID: field.QUICVersion, Value: g.version[:]})
	}
	out.Show(&g.msg, field.MessageWhole)
	if from == server {
		t.answer(c)
	}
	return ""
}

// answer notes that a connection has its answer, and with it those that the same client began before a Retry.
func (t *conversation) answer(c *connection) {
	c.answered = true
	for _, o := range t.conns[:t.n] {
		own := o.own[client]
		if o.from == c.from && c.own[client].is(own.b[:own.n]) && o.stream[client].settled() {
			o.answered = true
		}
	}
}
