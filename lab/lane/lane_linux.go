// Package lane puts a lane of the engine on a node of a lab: firewall rules that divert, the socket at the end of the
// queue, and the loop that empties it, all in this process, so that a test can say who inspects, and read counters.
//
// Its law: what cannot be inspected does not pass, and a lane ends with what is told about it read.
//
// It is one lane without a holder: nobody starts it again when it dies, and it hands no flow back to the kernel.
package lane

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/packet"
)

// Strict has nothing pass that cannot be inspected.
var Strict = engine.Outcomes{Malformed: packet.Drop, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Drop}

// A Lane runs on a node.
type Lane struct {
	*Tap

	engine *engine.Lane
	done   chan error
	once   sync.Once
	ended  error
}

// Start runs a lane on a node. What c does not say of the socket, events, seed, clock, outcomes and mark of translated
// packets is filled in; outcomes are Strict. Nothing is diverted before Divert. The caller closes the lane.
func Start(n *lab.Node, rules firewall.Config, c engine.Config) (*Lane, error) {
	tap, err := Open(n, rules)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	c.Socket, c.Seed = tap.Socket, rand.Uint64()
	c.Clock = func() (time.Duration, time.Time) { return time.Since(begin), time.Now() }
	if c.Events == nil {
		c.Events = &event.Buffer{}
	}
	if c.Program.Outcomes == (engine.Outcomes{}) {
		c.Program.Outcomes = Strict
	}
	c.Program.Translated = tap.Plan.Translated
	l := &Lane{Tap: tap, engine: engine.New(c), done: make(chan error, 1)}
	go func() { l.done <- l.engine.Run() }()
	return l, nil
}

// Snapshot returns the lane's counters: of a moment at most a second ago, or, behind End, the last.
func (l *Lane) Snapshot() *engine.Snapshot { return l.engine.Snapshot() }

// End stops the lane and waits for it. Packets that are diverted from then on wait for ever. It may be called more than
// once.
func (l *Lane) End() error {
	l.once.Do(func() {
		l.engine.Stop()
		l.Socket.Wake()
		l.ended = <-l.done
	})
	return l.ended
}

// Close ends the lane and closes its socket.
func (l *Lane) Close() error { return errors.Join(l.End(), l.Tap.Close()) }
