package engine_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// deaf is where events go.
type deaf struct{}

func (deaf) Put(*event.Event) bool { return true }

// A feeder is a queue whose packets are made when the lane asks for them.
type feeder struct {
	*divert.Fake
	more func(push func([]byte)) bool // pushes some; false: there are no more
}

// Recv implements divert.Socket.
func (f *feeder) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	if n, err := f.Fake.Recv(ps, 0); n > 0 || err != nil {
		return n, err
	}
	if !f.more(func(b []byte) { f.Push(b) }) {
		f.End()
	}
	return f.Fake.Recv(ps, 0)
}

// TestIdleFlowsAreSmall keeps as many TCP connections as the table has room for, each read by all six inspectors and
// idle behind a request and its answer: together they take no more than 64 MiB.
func TestIdleFlowsAreSmall(t *testing.T) {
	const flows, most = 65536, 64 << 20
	request := []byte("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
	response := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	asked, told := 100+uint32(len(request)), 500+uint32(len(response))
	n, grown, before := 0, 0, 0
	var lane *engine.Lane
	f := &feeder{Fake: divert.NewFake(divert.WithQueueLen(64))}
	f.Discard()
	f.more = func(push func([]byte)) bool {
		if n == flows {
			grown = heap() - before
			return false
		}
		if n == 1 { // all that a lane has whatever its flows
			before = heap()
		}
		client, server := fmt.Sprintf("10.%d.%d.%d:40000", n>>16, n>>8&255, n&255), "198.51.100.1:80"
		n++
		push(craft.TCP(client, server, craft.Segment{Flags: packet.SYN, Seq: 99}, nil))
		push(craft.TCP(server, client, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 499, Ack: 100}, nil))
		push(craft.TCP(client, server, craft.Segment{Flags: packet.ACK, Seq: 100, Ack: 500}, request))
		push(craft.TCP(server, client, craft.Segment{Flags: packet.ACK, Seq: 500, Ack: asked}, response))
		push(craft.TCP(client, server, craft.Segment{Flags: packet.ACK, Seq: asked, Ack: told}, nil))
		return true
	}
	c := config(t, load(t, "prevent", everything))
	c.Socket, c.Events, c.Batch = f, deaf{}, 8
	c.Clock = func() (time.Duration, time.Time) { return time.Second, time.Unix(1_700_000_000, 0) }
	lane = engine.New(c)
	if err := lane.Run(); err != nil {
		t.Fatal(err)
	}
	if s := lane.Snapshot(); s.Flows.Created != flows || s.Flows.Ended != [len(s.Flows.Ended)]uint64{flow.EndShutdown: flows} {
		t.Errorf("%+v: not all flows were there at the end", s.Flows)
	}
	t.Logf("%d flows: %.1f MiB, %d bytes each", n, float64(grown)/(1<<20), grown/flows)
	if grown > most {
		t.Errorf("%d bytes, at most %d", grown, most)
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
