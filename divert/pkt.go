package divert

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"github.com/weir-project/weir/packet"
)

// A Pkt is a packet of Conn.Packets, decoded. It is valid until the loop moves on; after
// that the embedded Packet is nil. Its bytes can be changed in place (Payload), or by
// the embedded Packet's methods.
type Pkt struct {
	*packet.Packet

	conn     *Conn
	print    uint64 // of the bytes as they came
	finished bool
}

// Payload returns the bytes behind the upper-layer header, to be read or changed in
// place: Reinject notices changes, and repairs checksums.
func (p *Pkt) Payload() []byte { return p.Packet.Payload() }

// SetPayload replaces the payload by one of any length. It returns false and changes
// nothing where packet.Packet.Splice would. What the length means to TCP is not cared
// for: a stream whose segments change length breaks.
func (p *Pkt) SetPayload(with []byte) bool {
	return p.ReplacePayload(make([]byte, len(p.Bytes())+len(with)), with)
}

// Drop discards the packet.
func (p *Pkt) Drop() error { return p.conn.decide(p, packet.Drop) }

// Detach takes the packet out of the loop: it returns its bytes, which the caller now
// owns, and the tag for Conn.Put or Conn.Drop. The packet stays in the kernel until
// then, or until Close. The tag of a packet that was already finished is of no use.
func (p *Pkt) Detach() ([]byte, Tag) {
	if p.Packet == nil || p.finished {
		return nil, Tag{}
	}
	p.finished = true
	d := detached{
		token: p.Token, meta: p.Meta, data: bytes.Clone(p.Bytes()), truncated: p.Truncated(),
		changed: p.Changed() || p.conn.edited(p), print: p.print,
	}
	return d.data, p.conn.hold(d)
}

// A Tag stands for a detached packet. Tags are comparable; the zero Tag stands for none.
type Tag struct{ serial uint64 }

// A detached packet waits in the kernel for Put.
type detached struct {
	token     packet.Token
	meta      packet.Meta
	data      []byte // as handed out, and perhaps changed since by its owner
	print     uint64 // of the bytes as they came
	truncated bool
	changed   bool // before it was detached
}

// packet returns d as it came.
func (d *detached) packet() *packet.Packet {
	p := new(packet.Packet)
	p.Set(d.data)
	p.Token, p.Meta = d.token, d.meta
	return p
}

// Put puts a detached packet back into the flow with these bytes: the ones that were
// handed out, changed or not, or others. Lengths and checksums are repaired if they
// differ from what came. Any goroutine may call it, once for each tag, then it returns
// ErrFinished. It keeps the bytes until they are sent.
func (c *Conn) Put(data []byte, tag Tag) error {
	if len(data) == 0 || len(data) > maxCopyRange {
		return fmt.Errorf("divert: put: a packet has 1 to %d bytes, not %d", maxCopyRange, len(data))
	}
	return c.put(tag, func(d *detached) *packet.Packet {
		p := d.packet()
		p.Verdict = packet.Accept
		if d.changed || maphash.Bytes(c.seed, data) != d.print {
			p.Rewrite(data)
			if d.truncated {
				p.Meta.OrigLen++ // still not to be written back
			}
		}
		return p
	})
}

// Drop discards a detached packet. Any goroutine may call it, once for each tag, then it
// returns ErrFinished.
func (c *Conn) Drop(tag Tag) error {
	return c.put(tag, func(d *detached) *packet.Packet {
		p := d.packet()
		p.Verdict = packet.Drop
		return p
	})
}

// put finishes a detached packet as answer says: through the loop, if one runs.
func (c *Conn) put(tag Tag, answer func(*detached) *packet.Packet) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	d, ok := c.held[tag.serial]
	if !ok {
		return ErrFinished
	}
	delete(c.held, tag.serial)
	p := answer(&d)
	if !c.looping {
		return c.Socket.Finish([]*packet.Packet{p})
	}
	c.puts = append(c.puts, p)
	c.Socket.Wake()
	return nil
}

// hold keeps a detached packet for Put.
func (c *Conn) hold(d detached) Tag {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	c.held[c.serial] = d
	return Tag{c.serial}
}

// edited reports whether the bytes are no longer those that came.
func (c *Conn) edited(p *Pkt) bool { return maphash.Bytes(c.seed, p.Bytes()) != p.print }

// decide notes the outcome of a packet of the running loop.
func (c *Conn) decide(p *Pkt, v packet.Verdict) error {
	if p.conn != c || p.Packet == nil || p.finished {
		return ErrFinished
	}
	p.finished = true
	p.Verdict = v
	if v == packet.Accept && !p.Changed() && c.edited(p) {
		p.MarkDirty()
	}
	c.done = append(c.done, p.Packet)
	return nil
}
