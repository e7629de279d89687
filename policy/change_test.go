package policy

import (
	"reflect"
	"testing"
)

// TestEffects changes one key after the other and wants each to say what it takes.
func TestEffects(t *testing.T) {
	base := mustLoad(t, "inspect: {probe: {}}\n")
	if c, e := base.Changes(base); len(c) != 0 || e != 0 {
		t.Errorf("a policy differs from itself: %+v", c)
	}
	for _, c := range []struct{ src, key, effect string }{
		{"inspect: {probe: {rate: 2}}", "inspect.probe", "program"},
		{"inspect: {probe: {mode: monitor}}", "inspect.probe", "program"},
		{"inspect: {probe: }\nmanagement: [192.0.2.1]", "management", "rules"},
		{"inspect: {probe: }\ndivert: {traffic: both}", "divert.traffic", "rules"},
		{"inspect: {probe: }\ndivert: {queues: 1}", "divert.queues", "restart"},
		{"inspect: {probe: }\ndivert: {port: 701}", "divert.port", "restart"},
		{"inspect: {probe: }\ndivert: {rule: 500}", "divert.rule", "restart"},
		{"inspect: {probe: }\ndivert: {backend: iptables}", "divert.backend", "restart"},
		{"inspect: {probe: }\noutcomes: {limit: drop}", "outcomes.limit", "program"},
		{"inspect: {probe: }\noutcomes: {absent: drop}", "outcomes.absent", "rules"},
		{"inspect: {probe: }\noutcomes: {overload: drop}", "outcomes.overload", "queues"},
		{"inspect: {probe: }\nlimits: {timeouts: {tcp_closing: 5s}}", "limits.timeouts.tcp_closing", "worker"},
		{"inspect: {probe: }\nmode: prevent\noutcomes: {overload: pass}", "mode", "program"},
		{"inspect: {probe: }\nlimits: {queue: 100}", "limits.queue", "restart"},
		{"inspect: {probe: }\nsettle: {hand_back: never}", "settle.hand_back", "program+rules"},
		{"inspect: {probe: }\nevents: {eve: []}", "events.eve", "reporter"},
	} {
		changes, effect := mustLoad(t, c.src).Changes(base)
		if len(changes) != 1 || changes[0].Key != c.key || effect.String() != c.effect {
			t.Errorf("%s: %+v, %v; want %s, %s", c.src, changes, effect, c.key, c.effect)
		}
	}
}

// TestEveryKeyHasAnEffect wants no key to fall through to a restart for want of a line in the
// table.
func TestEveryKeyHasAnEffect(t *testing.T) {
	for _, f := range fieldsOf(reflect.TypeFor[Document]()) {
		if _, ok := effects[f.name]; !ok {
			t.Errorf("the key %s has no effect", f.name)
		}
	}
}
