package names_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/urls"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto/all"
)

// A weir is a lane on a router that blocks one name.
type weir struct {
	lane    *engine.Lane
	socket  divert.Socket
	done    chan error
	stopped bool
}

func newWeir(t *testing.T, n *lab.Node, action string) *weir {
	t.Helper()
	w := &weir{done: make(chan error, 1)}
	opts := firewall.Options{NetNS: n.NetNS()}
	features := firewall.Detect(opts)
	plan, err := firewall.Plan(firewall.Config{
		Traffic: firewall.Forwarded, Generation: 1, Inject: true,
		Select: []firewall.Selection{{Ports: []firewall.PortRange{firewall.Port(port)}}},
	}, features)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := firewall.Open(plan.Backend, features, opts)
	if err != nil {
		t.Fatal(err)
	}
	err = n.Do(func() (err error) {
		w.socket, err = divert.OpenSocket("nfqueue:0", divert.WithInjectMark(firewall.DefaultMarks.Injected.Value), divert.WithUntrackedMark(plan.Translated))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	labels := new(inspect.LabelTable)
	maker, mistakes := urls.New(urls.Config{Lists: []urls.List{{Domains: []string{"blocked.example"}, Action: action}}}, inspect.Env{Lanes: 1, Labels: labels})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	chain, err := inspect.NewChain(1, labels, []inspect.Entry{{Inspector: maker()}})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	w.lane = engine.New(engine.Config{
		Socket: w.socket, Events: &event.Buffer{}, Seed: rand.Uint64(), Grammars: all.Grammars(),
		Program: engine.Program{Chain: chain, Outcomes: engine.Outcomes{
			Malformed: packet.Drop, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Drop,
		}, Translated: plan.Translated},
		Clock: func() (time.Duration, time.Time) { return time.Since(begin), time.Now() },
	})
	if err := rules.Apply(plan); err != nil {
		t.Fatal(err)
	}
	go func() { w.done <- w.lane.Run() }()
	t.Cleanup(func() {
		w.stop(t)
		w.socket.Close()
	})
	return w
}

// stop ends the lane, whose counters can be read then.
func (w *weir) stop(t *testing.T) {
	if w.stopped {
		return
	}
	w.stopped = true
	w.lane.Stop()
	w.socket.Wake()
	if err := <-w.done; err != nil {
		t.Error(err)
	}
}
