package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// tables returns two label tables that give the same name other bits.
func tables(t *testing.T) (before, after *inspect.LabelTable) {
	before, after = new(inspect.LabelTable), new(inspect.LabelTable)
	for table, names := range map[*inspect.LabelTable]string{before: "gone ads games", after: "games new ads"} {
		for _, name := range strings.Fields(names) {
			if _, err := table.Define(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return before, after
}

// TestReloadKeepsLabelsByName labels a flow before a reload whose policy numbers its labels
// otherwise.
func TestReloadKeepsLabelsByName(t *testing.T) {
	before, after := tables(t)
	var got []string
	label := packetFunc{"urls", func(cx *inspect.Context, _ *packet.Packet) inspect.Decision {
		for _, name := range []string{"gone", "ads"} {
			l, _ := before.Lookup(name)
			cx.Label(l)
		}
		return inspect.Decision{}
	}}
	read := packetFunc{"urls", func(cx *inspect.Context, _ *packet.Packet) inspect.Decision {
		got = slices.Collect(cx.Labels.Names(cx.Flow.Labels))
		return inspect.Decision{}
	}}
	first, err := inspect.NewChain(1, before, []inspect.Entry{{Inspector: label}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := inspect.NewChain(2, after, []inspect.Entry{{Inspector: read}})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, Config{Program: Program{Chain: first}})
	b.push(craft.UDP(client4, server4, nil))
	b.step()
	b.lane.Swap(&Program{Chain: second})
	b.push(craft.UDP(client4, server4, nil))
	b.step()
	b.run()
	if !slices.Equal(got, []string{"ads"}) {
		t.Errorf("labels %q, want ads", got)
	}
}

// TestReloadToMonitorLetsGo convicts a flow and reloads: a policy that enforces keeps the verdict,
// one that only monitors drops nothing, and tells again what it would do.
func TestReloadToMonitorLetsGo(t *testing.T) {
	for monitor, want := range map[bool]string{false: "drop drop", true: "drop accept"} {
		evil := always("ids", inspect.Drop(inspect.ScopeFlow, "evil"))
		b := newBench(t, Config{}, evil)
		b.push(craft.UDP(client4, server4, nil))
		b.step()
		b.lane.Swap(&Program{Chain: chain(t, 2, inspect.Entry{Inspector: evil}), Outcomes: Outcomes{Monitor: monitor}})
		b.push(craft.UDP(client4, server4, nil))
		b.step()
		if got := verdicts(b.run()); got != want {
			t.Errorf("monitor %v: %s, want %s", monitor, got, want)
		}
		if told := b.told(event.KindDrop); monitor && (len(told) != 2 || told[1] != "ids evil would=true") {
			t.Errorf("told %q", told)
		}
	}
}

// TestReloadTellsForNewPolicy: what an inspector of the old policy would have done does not silence
// the one that has its place in the new.
func TestReloadTellsForNewPolicy(t *testing.T) {
	c := Outcomes{Monitor: true}
	b := newBench(t, Config{Program: Program{Outcomes: c}}, always("ids", inspect.Drop(inspect.ScopeFlow, "old")))
	b.push(craft.UDP(client4, server4, nil), craft.UDP(client4, server4, nil))
	b.step()
	b.lane.Swap(&Program{Outcomes: c, Chain: chain(t, 2, inspect.Entry{Inspector: always("urls", inspect.Drop(inspect.ScopeFlow, "new"))})})
	b.push(craft.UDP(client4, server4, nil))
	b.step()
	b.run()
	if told := b.told(event.KindDrop); len(told) != 2 || told[1] != "urls new would=true" {
		t.Errorf("told %q", told)
	}
}

// TestReloadHearsTheOldOut has inspectors that are replaced tell what they counted.
func TestReloadHearsTheOldOut(t *testing.T) {
	c := &ticker{}
	b := newBench(t, Config{}, c)
	b.push(craft.UDP(client4, server4, nil))
	b.step()
	b.lane.Swap(&Program{Chain: chain(t, 2)})
	b.step()
	if c.last != 1 {
		t.Errorf("%d last calls, want 1", c.last)
	}
	b.run()
}
