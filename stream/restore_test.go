package stream

import (
	"bytes"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

const (
	clientEnd = "192.0.2.1:40000"
	serverEnd = "198.51.100.1:80"
)

func decoded(t testing.TB, d []byte) *packet.Packet {
	t.Helper()
	var p packet.Packet
	p.Set(d)
	p.Decode()
	if p.Malformed != packet.WellFormed {
		t.Fatal(p.Malformed)
	}
	return &p
}

func newPool() *Pool {
	return NewPool(Limits{}, func() []byte { return make([]byte, 1<<16) })
}

// edited returns a connection on which the client has said text, of which [from, to) left as with, and
// nothing is acknowledged.
func edited(t testing.TB, p *Pool, text string, from, to int, with string) *Conn {
	t.Helper()
	c := p.New(Mode{Edits: true, Resizes: true, Journal: true})
	for _, d := range [][]byte{
		craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: packet.SYN, Seq: 99, Window: 60000}, nil),
		craft.TCP(serverEnd, clientEnd, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 499, Ack: 100, Window: 60000}, nil),
		craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: packet.ACK, Seq: 100, Ack: 500, Window: 60000}, nil),
	} {
		p := decoded(t, d)
		dir := flow.ToServer
		if p.SrcPort == 80 {
			dir = flow.ToClient
		}
		if a := c.Arrive(p, dir); a.Action != Leave {
			t.Fatal(a.Why)
		}
	}
	seg := decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: packet.ACK, Seq: 100, Ack: 500, Window: 60000}, []byte(text)))
	if a := c.Arrive(seg, flow.ToServer); a.Action != Leave || !a.Fresh {
		t.Fatal(a.Why)
	}
	b, _ := c.Unread(flow.ToServer, Payload)
	if string(b) != text || !c.Replace(flow.ToServer, Payload, from, to, []byte(with)) {
		t.Fatalf("%q", b)
	}
	c.Done(flow.ToServer, Payload, len(b))
	c.Done(flow.ToServer, Message, len(b))
	if why := c.Decide(flow.ToServer, false); why != "" || !c.Depart(seg, flow.ToServer) {
		t.Fatal(why)
	}
	if got := string(seg.Payload()); got != text[:from]+with+text[to:] {
		t.Fatalf("%q", got)
	}
	return c
}

// TestRestoredSaysTheSame has a connection be restored, and wants any part that is sent again to leave as it
// left before.
func TestRestoredSaysTheSame(t *testing.T) {
	const text = "a needle in a haystack"
	for _, with := range []string{"", "pin", "NEEDLE", "a much longer word"} {
		left := "a " + with + text[8:]
		for from := range len(text) {
			for to := from + 1; to <= len(text); to++ {
				b, ok := edited(t, newPool(), text, 2, 8, with).Save(nil)
				if !ok {
					t.Fatal("not saved")
				}
				c := newPool().Restore(b, Mode{Edits: true, Resizes: true, Journal: true}, false)
				if c == nil {
					t.Fatal("not restored")
				}
				if !c.Edited() {
					t.Error("the restored connection takes itself for one without edits")
				}
				seg := decoded(t, craft.TCP(clientEnd, serverEnd,
					craft.Segment{Flags: packet.ACK, Seq: 100 + uint32(from), Ack: 500, Window: 60000}, []byte(text[from:to])))
				if a := c.Arrive(seg, flow.ToServer); a.Action != Leave || a.Fresh {
					t.Fatalf("%+v", a)
				}
				if !c.Depart(seg, flow.ToServer) {
					t.Fatal("cannot leave")
				}
				at := int(int32(uint32(seg.TCP().Seq()) - 100))
				got := string(seg.Payload())
				if len(got) == 1 && at == -1 { // a nudge: all that it brought was deleted
					if from < 2+len(with) || to > 8 { // and so it was, or stands before it
						t.Errorf("%q %q: nothing is left", with, text[from:to])
					}
					continue
				}
				if at < 0 || at+len(got) > len(left) || left[at:at+len(got)] != got {
					t.Errorf("%q: %q left as %q at %d of %q", with, text[from:to], got, at, left)
				}
			}
		}
	}
}

// TestInsertionsAtOnePlaceAreRestored: their order is that in which they were made, and each is where it was.
func TestInsertionsAtOnePlaceAreRestored(t *testing.T) {
	k := open(t)
	k.conn.mode.Journal = true
	k.edit = func(dir flow.Direction, b []byte) {
		for _, with := range []string{"one", "two", "three"} {
			if !k.conn.Replace(dir, Payload, 4, 4, []byte(with)) {
				t.Errorf("%q cannot be inserted", with)
			}
		}
		k.conn.Replace(dir, Payload, 4, 5, []byte("_"))
		k.edit = nil
	}
	_, p := k.client(ack, clientISN+1, serverISN+1, "0123456789")
	at(t, p, clientISN+1, serverISN+1, "0123onetwothree_56789")
	b, ok := k.conn.Save(nil)
	if !ok {
		t.Fatal("not saved")
	}
	c := newPool().Restore(b, Mode{Edits: true, Resizes: true, Journal: true}, false)
	if c == nil {
		t.Fatal("not restored")
	}
	k = &talk{t: t, conn: c}
	_, p = k.client(ack, clientISN+1, serverISN+1, "0123456789")
	at(t, p, clientISN+1, serverISN+1, "0123onetwothree_56789")
	_, p = k.client(ack, clientISN+1+10, serverISN+1, "more")
	at(t, p, clientISN+1+21, serverISN+1, "more")
}

// FuzzRestore feeds anything to Restore, and segments to what comes out of it.
func FuzzRestore(f *testing.F) {
	for _, with := range []string{"", "NEEDLE", "a much longer word"} {
		b, _ := edited(f, newPool(), "a needle in a haystack", 2, 8, with).Save(nil)
		f.Add(b, uint32(100), []byte("a needle in a haystack"))
		f.Add(b[:len(b)/2], uint32(105), []byte("dle"))
	}
	f.Fuzz(func(t *testing.T, saved []byte, seq uint32, payload []byte) {
		pool := newPool()
		c := pool.Restore(bytes.Clone(saved), Mode{Edits: true, Resizes: true, Journal: true}, len(payload)%2 == 0)
		if c == nil {
			if pool.Stats.Conns != 0 || pool.bytes != 0 {
				t.Errorf("%d connections and %d bytes are left", pool.Stats.Conns, pool.bytes)
			}
			return
		}
		payload = payload[:min(len(payload), 1400)]
		for dir, ends := range [][2]string{{clientEnd, serverEnd}, {serverEnd, clientEnd}} {
			p := decoded(t, craft.TCP(ends[0], ends[1], craft.Segment{Flags: packet.ACK, Seq: seq, Ack: seq + 7, Window: 60000}, payload))
			d := flow.Direction(dir)
			if a := c.Arrive(p, d); a.Action == Leave {
				if a.Fresh {
					for r := range readers {
						b, _ := c.Unread(d, r)
						c.Done(d, r, len(b))
					}
					c.Decide(d, true)
				}
				c.Depart(p, d)
			}
			c.Save(nil)
		}
		c.Close()
		if pool.Stats.Conns != 0 || pool.bytes != 0 {
			t.Errorf("%d connections and %d bytes are left", pool.Stats.Conns, pool.bytes)
		}
	})
}
