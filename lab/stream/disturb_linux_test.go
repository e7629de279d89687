package stream_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/packet"
)

// A disturber is a bad link: a hop whose kernel hands it every packet, of which it loses, repeats and holds back
// some.
type disturber struct {
	loss, reorder, twice int // per mille

	socket divert.Socket
	once   sync.Once
	stop   chan struct{}
	done   chan error
	held   []late
	seen   [4]int // packets: all, lost, held back, repeated
}

// A late packet is finished when its time has come.
type late struct {
	packet packet.Packet
	until  time.Time
}

// heldBack is for how long a packet is held back at most.
const heldBack = 3 * time.Millisecond

func (d *disturber) start(t *testing.T, n *lab.Node) {
	t.Helper()
	tap, err := lane.Open(n, firewall.Config{Inject: true, Select: lane.Port(servicePort)})
	if err != nil {
		t.Fatal(err)
	}
	d.socket = tap.Socket
	if err := tap.Divert(); err != nil {
		t.Fatal(err)
	}
	d.stop, d.done = make(chan struct{}), make(chan error, 1)
	go func() { d.done <- d.run() }()
	t.Cleanup(func() { d.end(t) })
}

// end stops it. It may be called more than once.
func (d *disturber) end(t *testing.T) {
	t.Helper()
	d.once.Do(func() {
		close(d.stop)
		d.socket.Wake()
		if err := <-d.done; err != nil {
			t.Error(err)
		}
		d.socket.Close()
	})
}

func (d *disturber) run() error {
	ps := make([]*packet.Packet, 64)
	for i := range ps {
		ps[i] = new(packet.Packet)
	}
	out := make([]*packet.Packet, 0, len(ps))
	for {
		select {
		case <-d.stop:
			return d.release(time.Now().Add(time.Hour))
		default:
		}
		n, err := d.socket.Recv(ps, time.Millisecond)
		if err != nil {
			return err
		}
		now := time.Now()
		out = out[:0]
		for _, p := range ps[:n] {
			if d.disturb(p, now) {
				out = append(out, p)
			}
		}
		if err := d.socket.Finish(out); err != nil {
			return err
		}
		if err := d.release(now); err != nil {
			return err
		}
	}
}

// disturb decides about a packet, and reports whether it is to be finished now.
func (d *disturber) disturb(p *packet.Packet, now time.Time) bool {
	d.seen[0]++
	p.Verdict = packet.Accept
	switch r := rand.IntN(1000); {
	case r < d.loss:
		d.seen[1]++
		p.Verdict = packet.Drop
	case r < d.loss+d.reorder:
		d.seen[2]++
		d.held = append(d.held, late{until: now.Add(time.Duration(rand.Int64N(int64(heldBack))))})
		l := &d.held[len(d.held)-1]
		l.packet.CopyFrom(p, make([]byte, len(p.Bytes())))
		l.packet.Verdict = packet.Accept
		return false
	case r < d.loss+d.reorder+d.twice:
		d.seen[3]++
		_ = d.socket.Inject(p, divert.InjectOut)
	}
	return true
}

// release finishes what was held back for long enough.
func (d *disturber) release(now time.Time) error {
	kept := 0
	var due []*packet.Packet
	for i := range d.held {
		if now.Before(d.held[i].until) {
			d.held[kept] = d.held[i]
			kept++
			continue
		}
		p := d.held[i].packet
		due = append(due, &p)
	}
	d.held = d.held[:kept]
	return d.socket.Finish(due)
}

func (d *disturber) report(t *testing.T) {
	t.Helper()
	d.end(t)
	t.Logf("the hop has seen %d packets, lost %d, held back %d, repeated %d", d.seen[0], d.seen[1], d.seen[2], d.seen[3])
	if min(d.seen[1], d.seen[2], d.seen[3]) == 0 {
		t.Error("nothing was disturbed: the test does not test it")
	}
}
