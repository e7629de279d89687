package quic

import (
	"github.com/weir-project/weir/flow"
)

// An id is a connection identifier.
type id struct {
	b [maxID]byte
	n uint8
}

func idOf(b []byte) (i id) {
	i.n = uint8(copy(i.b[:], b))
	return i
}

func (i *id) is(b []byte) bool { return string(i.b[:i.n]) == string(b) }

// A connection is one that waits for the server's hello.
type connection struct {
	first    id    // the destination that the client's first packet named: all keys come from it
	own      [2]id // what each side calls itself, by side
	known    bool  // own[server] was heard
	from     flow.Direction
	keys     [3][2]*keys // by version and side; nil until needed
	largest  [2]int64    // packet number that was opened, by side; -1 before
	stream   [2]stream
	answered bool
}

func (c *connection) begin(h *header, from flow.Direction, k *keys) {
	c.first, c.from = idOf(h.dcid), from
	c.own[client] = idOf(h.scid)
	c.largest = [2]int64{-1, -1}
	c.keys[h.version][client] = k
}

// side is who sends in the given direction.
func (c *connection) side(dir flow.Direction) side {
	if dir == c.from {
		return client
	}
	return server
}

// concerns reports whether a packet of that direction is meant to be of the connection.
func (c *connection) concerns(h *header, dir flow.Direction) bool {
	if c.side(dir) == server {
		return c.own[client].is(h.dcid)
	}
	return c.first.is(h.dcid) || c.known && c.own[server].is(h.dcid)
}

// open returns the payload of a packet of the connection; nil iff it is none.
func (c *connection) open(x *box, h *header, from side) []byte {
	k := &c.keys[h.version][from]
	if *k == nil {
		*k = keysOf(h.version, c.first.b[:c.first.n], from)
	}
	payload, number := x.open(*k, h, c.largest[from])
	if payload == nil {
		return nil
	}
	c.largest[from] = max(c.largest[from], number)
	if from == server && !c.known {
		c.own[server], c.known = idOf(h.scid), true
	}
	return payload
}
