package http_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto/all"
)

// An editor replaces the word in every body by another, however it is cut.
type editor struct{ with []byte }

func (e *editor) Name() string { return "dlp" }

func (e *editor) Fields() field.Set { return bodies }

func (e *editor) Edits() field.Set { return bodies }

func (e *editor) Resizes() field.Set {
	if len(e.with) == len(word) {
		return 0
	}
	return bodies
}

func (e *editor) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	at := 0
	for i := bytes.Index(f.Value, []byte(word)); i >= 0; i = bytes.Index(f.Value[at:], []byte(word)) {
		cx.Edit(f, at+i, at+i+len(word), e.with)
		at += i + len(word)
	}
	for n := min(len(word)-1, len(f.Value)-at); n > 0; n-- {
		if bytes.HasSuffix(f.Value, []byte(word[:n])) {
			cx.Hold(n)
			break
		}
	}
	return inspect.Decision{}
}

// A weir is a lane on a router.
type weir struct {
	lane    *engine.Lane
	socket  divert.Socket
	done    chan error
	stopped bool
}

func newWeir(t *testing.T, n *lab.Node, with string) *weir {
	t.Helper()
	w := &weir{done: make(chan error, 1)}
	opts := firewall.Options{NetNS: n.NetNS()}
	features := firewall.Detect(opts)
	plan, err := firewall.Plan(firewall.Config{
		Traffic: firewall.Forwarded, Generation: 1, Inject: true, MayGrow: true,
		Select: []firewall.Selection{{Ports: []firewall.PortRange{firewall.Port(servicePort)}}},
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
	chain, err := inspect.NewChain(1, &inspect.LabelTable{}, []inspect.Entry{{Inspector: &editor{with: []byte(with)}}})
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
		// A word must not slip through because a segment took its time.
		Limits: engine.Limits{Hold: 20 * time.Second, Edits: 20_000},
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
