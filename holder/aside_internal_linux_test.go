package holder

import (
	"errors"
	"log/slog"
	"os/exec"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/packet"
)

// A stubborn backend does not pause the first times.
type stubborn struct{ refuses, paused, applied int }

func (b *stubborn) Apply(*firewall.Ruleset) error { b.applied++; return nil }

func (b *stubborn) Pause() error {
	if b.paused++; b.paused <= b.refuses {
		return errors.New("busy")
	}
	return nil
}
func (b *stubborn) Remove() error                                           { return nil }
func (b *stubborn) Counters() (firewall.Counters, error)                    { return firewall.Counters{}, nil }
func (b *stubborn) Verify(*firewall.Ruleset) ([]firewall.Difference, error) { return nil, nil }

// aside returns a holder whose worker is gone, and whose rules are in place.
func aside(t *testing.T, b firewall.Backend) *Holder {
	t.Helper()
	bound, err := divert.Bind("nfqueue:60999")
	if err != nil {
		t.Skip("SKIPPED: no queue: ", err)
	}
	bound.Close() // it is only to be one that the kernel does not bypass
	bound.Caps = divert.Caps{Backend: "bridge"}
	return &Holder{
		config: Config{Backend: b, Log: slog.New(slog.DiscardHandler)}, bound: []*divert.Bound{bound},
		policy: &Policy{Absent: packet.Accept, Rules: &firewall.Ruleset{}}, begun: true, applied: true,
	}
}

// TestAStubbornBackend is asked to pause until it has, and the next worker begins with rules and sockets, whichever of both were taken away.
func TestAStubbornBackend(t *testing.T) {
	now := time.Now()
	for _, waits := range []int{1, 4} { // looks before there is a worker again
		b := &stubborn{refuses: 2}
		h := aside(t, b)
		for n := range waits {
			h.stepAside(now.Add(time.Duration(n) * time.Second))
			if h.applied {
				t.Fatal("the rules count as being in place, and no packet comes")
			}
		}
		if want := min(waits, b.refuses+1); b.paused != want || h.paused != (waits > b.refuses) {
			t.Errorf("asked to pause %d times, want %d; paused %v", b.paused, want, h.paused)
		}
		if err := h.begin(); err != nil || b.applied != 1 || !h.applied || h.aside || h.paused {
			t.Errorf("begun: %v, applied %d times, %+v", err, b.applied, h.state)
		}
		h.unwatch()
		h.state.Ready = true
		if h.stepAside(now.Add(time.Hour)); !h.applied {
			t.Error("steps aside before a worker that is ready")
		}
	}
}

// TestPace: only a holder that has nothing to see to looks seldom.
func TestPace(t *testing.T) {
	guard := func() *exec.Cmd { return nil }
	for _, c := range []struct {
		name string
		more func(h *Holder)
		want time.Duration
	}{
		{"all is well", func(*Holder) {}, calmEvery},
		{"no worker", func(h *Holder) { h.state.Ready = false }, tickEvery},
		{"no rules", func(h *Holder) { h.applied = false }, tickEvery},
		{"rules to be mended", func(h *Holder) { h.mendAt = time.Now() }, tickEvery},
		{"sockets to be bound", func(h *Holder) { h.unbound = errUnbound }, tickEvery},
		{"no reporter", func(h *Holder) { h.reporter = nil }, tickEvery},
		{"none to be", func(h *Holder) { h.reporter, h.config.Reporter = nil, nil }, calmEvery},
		{"one that is ending", func(h *Holder) { h.reporter.stopping = true }, tickEvery},
		{"no guard", func(h *Holder) { h.config.Guard = guard }, tickEvery},
		{"a guard", func(h *Holder) { h.config.Guard, h.guard = guard, &child{} }, calmEvery},
		{"to be confirmed", func(h *Holder) { h.confirm = firewall.NewConfirm(0, time.Hour, nil) }, tickEvery},
		{"confirmed", func(h *Holder) {
			h.confirm = firewall.NewConfirm(0, time.Hour, nil)
			_ = h.confirm.Confirm(0)
		}, calmEvery},
		{"not confirmed", func(h *Holder) { h.confirm = firewall.NewConfirm(0, time.Nanosecond, nil) }, tickEvery},
	} {
		h := aside(t, &stubborn{})
		h.epoch, h.state.Ready, h.config.Reporter, h.reporter = time.Now().Add(-time.Minute), true, guard, &child{}
		if c.more(h); h.pace() != c.want {
			t.Errorf("%s: a look every %v, want %v", c.name, h.pace(), c.want)
		}
	}
}
