package divert

import (
	"errors"
	"hash/maphash"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-project/weir/packet"
)

// ErrFinished says that a packet has been re-injected or dropped before: each is
// finished exactly once.
var ErrFinished = errors.New("divert: packet is already finished")

// ErrLooping says that Packets or Each runs already on this Conn.
var ErrLooping = errors.New("divert: another loop reads from this connection")

// A Conn is a divert socket in its small form, packet by packet. Packets and Each read
// from it, one of them at a time; Put, Drop, Stats, Err and Close may be called from
// any goroutine. The methods of the embedded Socket are for those who use neither
// Packets nor Each.
type Conn struct {
	Socket

	unfinished packet.Verdict
	seed       maphash.Seed
	forgotten  atomic.Uint64

	// The loop's own.
	batch []*packet.Packet
	next  int // of batch[:fill], the packet to show next
	fill  int
	done  []*packet.Packet // of this batch, to be finished together

	mu      sync.Mutex
	held    map[uint64]detached // by Tag.serial
	serial  uint64
	puts    []*packet.Packet // await the loop, which alone may call Finish
	looping bool
	closing bool
	closed  bool
	err     error
}

// maxDelay is for how long finished packets may wait for the others of their batch.
const maxDelay = time.Millisecond

// NewConn returns the small form of an open socket. Of the options it uses
// WithBatch and WithUnfinished.
func NewConn(s Socket, opts ...Option) *Conn {
	cfg := configure(opts)
	c := &Conn{
		Socket:     s,
		unfinished: cfg.Unfinished,
		seed:       maphash.MakeSeed(),
		batch:      make([]*packet.Packet, cfg.Batch),
		held:       make(map[uint64]detached),
	}
	for i := range c.batch {
		c.batch[i] = new(packet.Packet)
	}
	return c
}

// Packets returns a loop over the packets as they come. It ends at Close, at the end of
// a capture file and when the socket fails; Err tells which. After a break another loop
// goes on where this one stopped.
//
// A packet that the loop's body neither gives to Reinject nor drops nor detaches is
// finished as WithUnfinished says, and counted in Stats.Forgotten.
func (c *Conn) Packets() iter.Seq[*Pkt] {
	return func(yield func(*Pkt) bool) {
		if !c.beginLoop() {
			return
		}
		defer c.endLoop()
		for c.refill() {
			for start := time.Now(); c.next < c.fill; {
				more := c.show(yield)
				if !more || c.next == c.fill || time.Since(start) > maxDelay {
					c.finishDone()
				}
				if !more {
					return
				}
			}
		}
	}
}

// Each calls f for each packet as it comes, with bytes that f owns, and with the tag that
// Put or Drop wants later, once, from any goroutine. It returns what Err returns.
func (c *Conn) Each(f func(pkt []byte, tag Tag)) error {
	for pkt := range c.Packets() {
		f(pkt.Detach())
	}
	return c.Err()
}

// Reinject puts the packet back into the flow, with the changes that were made to it:
// lengths and checksums are repaired. It returns ErrFinished for a packet that was
// finished or detached, and for one that the loop has left behind.
func (c *Conn) Reinject(pkt *Pkt) error { return c.decide(pkt, packet.Accept) }

// Stats returns the socket's counts, and those of forgotten packets.
func (c *Conn) Stats() Stats {
	st := c.Socket.Stats()
	st.Forgotten += c.forgotten.Load()
	return st
}

// Err returns why the last loop ended: nil at Close and at the end of a capture.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close finishes what is outstanding, as WithUnfinished says, and closes the socket.
// While a loop runs it only tells the loop, which then does both; what goes wrong is
// returned by Err.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	if c.looping {
		c.Socket.Wake()
		return nil
	}
	return c.shut()
}

// shut closes the socket. The caller holds mu, and no loop runs.
func (c *Conn) shut() error {
	if c.closed {
		return nil
	}
	c.closed = true
	for ; c.next < c.fill; c.next++ {
		c.forget(c.batch[c.next])
	}
	for serial, d := range c.held {
		c.forget(d.packet())
		delete(c.held, serial)
	}
	err := c.Socket.Finish(c.done)
	c.done = c.done[:0]
	return errors.Join(err, c.Socket.Close())
}

// forget finishes a packet of which the caller said nothing.
func (c *Conn) forget(p *packet.Packet) {
	p.Verdict = c.unfinished
	c.done = append(c.done, p)
	c.forgotten.Add(1)
}

func (c *Conn) beginLoop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.looping:
		c.err = ErrLooping
		return false
	case c.closed:
		c.err = ErrClosed
		return false
	}
	c.looping, c.err = true, nil
	return true
}

func (c *Conn) endLoop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := errors.Join(c.Socket.Finish(c.done), c.Socket.Finish(c.puts))
	c.done, c.puts, c.looping = c.done[:0], nil, false
	if c.closing {
		err = errors.Join(err, c.shut())
	}
	if c.err == nil {
		c.err = err
	}
}

// refill receives the next batch, and finishes what Put brought meanwhile. It is false
// when there will be no more.
func (c *Conn) refill() bool {
	for c.next == c.fill {
		c.mu.Lock()
		puts, closing := c.puts, c.closing
		c.puts = nil
		c.mu.Unlock()
		err := c.Socket.Finish(puts)
		if closing {
			return false
		}
		n := 0
		if err == nil {
			n, err = c.Socket.Recv(c.batch, -1)
		}
		c.next, c.fill = 0, n
		if err != nil {
			c.fail(err)
			return false
		}
	}
	return true
}

func (c *Conn) fail(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, ErrClosed) {
		return
	}
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
}

// show gives the next packet to the loop's body, and finishes it if the body did not,
// also when it panics.
func (c *Conn) show(yield func(*Pkt) bool) bool {
	p := c.batch[c.next]
	c.next++
	p.Decode()
	pkt := &Pkt{Packet: p, conn: c, print: maphash.Bytes(c.seed, p.Bytes())}
	defer func() {
		if pkt.Packet != nil {
			pkt.Packet = nil
			if !pkt.finished {
				c.forget(p)
			}
		}
	}()
	return yield(pkt)
}

func (c *Conn) finishDone() {
	err := c.Socket.Finish(c.done)
	c.done = c.done[:0]
	if err != nil {
		c.fail(err)
	}
}
