package evade_test

import (
	"bytes"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

var paths = map[evade.Family]evade.Path{
	evade.IPv4: {Me: netip.MustParseAddrPort("192.0.2.1:40000"), Peer: netip.MustParseAddrPort("198.51.100.1:7007"), ID: 8},
	evade.IPv6: {Me: netip.MustParseAddrPort("[2001:db8::1]:40000"), Peer: netip.MustParseAddrPort("[2001:db8::2]:7007"), ID: 8},
}

// A world is an attempt, a lane and a Model, in the attempt's own time. The lane runs; whenever it waits for packets,
// the attempt goes on.
type world struct {
	*divert.Fake
	now      time.Duration
	model    *evade.Model
	inbox    [][]byte // for the attempt
	resume   func() (time.Duration, bool)
	until    time.Duration // the attempt sleeps
	yield    func(time.Duration) bool
	diverted bool
	oneWay   bool
	inspects bool
	server   netip.Addr
}

func (w *world) Send(b []byte) { w.pass(b, w.diverted) }
func (w *world) Back(b []byte) { w.pass(b, w.diverted && !w.oneWay) }
func (w *world) Divert()       { w.diverted = w.inspects }

// pass has a datagram come to where it is inspected, or goes on.
func (w *world) pass(b []byte, inspected bool) {
	if !inspected {
		w.arrive(bytes.Clone(b))
		return
	}
	w.PushMeta(b, packet.Meta{Hook: packet.HookForward})
}

// arrive is behind the inspection.
func (w *world) arrive(b []byte) {
	var p packet.Packet
	p.Set(b)
	p.Decode()
	if p.Version == 0 || p.DstAddr() == w.server {
		w.model.Receive(b)
		return
	}
	w.inbox = append(w.inbox, b)
}

// Recv of the attempt.
func (w *attemptLink) Recv(wait time.Duration) []byte {
	if len(w.inbox) == 0 {
		w.yield(w.now + wait)
	}
	if len(w.inbox) == 0 {
		return nil
	}
	b := w.inbox[0]
	w.inbox = w.inbox[1:]
	return b
}

// An attemptLink is the world as the attempt sees it.
type attemptLink struct{ *world }

// Recv of the lane lets time pass until something arrives, or the wait is over.
func (w *world) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	wake := w.now + wait
	for {
		if n, err := w.Fake.Recv(ps, 0); n > 0 || err != nil {
			return n, err
		}
		if len(w.inbox) == 0 && w.until > w.now {
			if wake < w.until {
				w.now = wake
				return 0, nil
			}
			w.now = w.until
		}
		if !w.goOn() {
			w.End()
		}
	}
}

func (w *world) goOn() (ok bool) {
	w.until, ok = w.resume()
	return ok
}

func (w *world) Finish(ps []*packet.Packet) error {
	err := w.Fake.Finish(ps)
	for _, f := range w.Out() {
		if !f.Verdict.Final() {
			w.arrive(f.Bytes)
		}
	}
	return err
}

func (w *world) Inject(p *packet.Packet, how divert.Injection) error {
	err := w.Fake.Inject(p, how)
	for _, b := range w.Injected() {
		w.arrive(b)
	}
	return err
}

// try makes an attempt, and returns what the model's application has read.
func try(t *testing.T, a *evade.Attempt, f evade.Family, policy evade.Policy, twin, inspects bool) []byte {
	path := paths[f]
	w := &world{Fake: divert.NewFake(), inspects: inspects, diverted: inspects && !a.Late, oneWay: a.OneWay, server: path.Peer.Addr()}
	w.model = evade.NewModel(path, policy, func(b []byte) { w.pass(b, w.diverted && !w.oneWay) })
	resume, stop := iter.Pull(func(yield func(time.Duration) bool) {
		w.yield = yield
		a.Play(&attemptLink{w}, path, evade.NewText(twin))
	})
	defer stop()
	w.resume = resume
	if !inspects {
		for w.goOn() {
			if len(w.inbox) == 0 {
				w.now = w.until
			}
		}
		return w.model.Read
	}
	flows, floor := 64, uint8(0)
	if a.Floor {
		floor = 3
	}
	if a.Crowded {
		flows = evade.CrowdedFlows
	}
	chain, err := inspect.NewChain(1, &inspect.LabelTable{}, []inspect.Entry{{Inspector: guard{}}})
	if err != nil {
		t.Fatal(err)
	}
	lane := engine.New(engine.Config{
		Socket: w, Events: &event.Buffer{}, Seed: 1, Limits: engine.Limits{Flow: flow.Limits{Flows: flows}},
		Program: engine.Program{Chain: chain, Outcomes: engine.Outcomes{
			Malformed: packet.Drop, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Drop, Refuse: packet.SourceRoute | packet.RoutingType0 | packet.UnknownExtension, MinTTL: floor,
		}},
		Clock: func() (time.Duration, time.Time) { return w.now, time.Unix(0, int64(w.now)) },
	})
	if err := lane.Run(); err != nil {
		t.Fatal(err)
	}
	return w.model.Read
}

// A guard drops flows with the word.
type guard struct{}

func (guard) Name() string { return "ids" }

func (guard) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	if evade.Holds(b) {
		return inspect.Drop(inspect.ScopeFlow, "forbidden-word")
	}
	for n := min(len(evade.Forbidden)-1, len(b)); n > 0; n-- {
		if bytes.HasSuffix(b, []byte(evade.Forbidden[:n])) {
			cx.Hold(n)
			break
		}
	}
	return inspect.Decision{}
}

// TestAgainstModels makes the attempts against receivers of every policy, without a kernel: none may pass, and a twin
// that arrives where nobody inspects must arrive.
func TestAgainstModels(t *testing.T) {
	made, works, n := 0, 0, 0
	for _, a := range evade.All() {
		if a.Reverse || a.Signed || a.Tunnel || a.Row[0] == 'A' {
			continue // models are servers, know no signatures, and take nothing out of anything
		}
		if strings.HasPrefix(a.Name, "3 pieces") {
			if n++; testing.Short() && n%10 != 0 {
				continue
			}
		}
		for f := range paths {
			if a.Families&f == 0 {
				continue
			}
			for policy := range evade.Policy(evade.Policies) {
				made++
				if evade.Holds(try(t, &a, f, policy, false, false)) {
					works++
				}
				if got := try(t, &a, f, policy, false, true); evade.Holds(got) {
					t.Errorf("%s %s, %v, policy %d: PASSED", a.Row, a.Name, f, policy)
				}
				if why := twin(t, &a, f, policy); why != "" {
					t.Errorf("%s %s, %v, policy %d: %s", a.Row, a.Name, f, policy, why)
				}
			}
		}
	}
	t.Logf("%d attempts, of which %d work where nobody inspects", made, works)
	if works < made/3 {
		t.Error("too few work for the test to test anything")
	}
}

// twin says what became of an allowed twin, if it is wrong.
func twin(t *testing.T, a *evade.Attempt, f evade.Family, policy evade.Policy) string {
	if a.NoTwin != "" || a.Inline {
		return ""
	}
	without := try(t, a, f, policy, true, false)
	if !bytes.Contains(without, evade.NewText(true).Real) {
		return ""
	}
	if got := try(t, a, f, policy, true, true); !bytes.Equal(got, without) {
		return fmt.Sprintf("the twin arrived as %q, without inspection as %q", got, without)
	}
	return ""
}
