package engine

import (
	"bytes"
	"testing"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestEventsOfOnePacketAreBounded has an inspector tell of every byte and then convict the flow: of
// the conviction people must hear in any case.
func TestEventsOfOnePacketAreBounded(t *testing.T) {
	b := newBench(t, Config{}, streamFunc{"ids", func(cx *inspect.Context, p []byte) inspect.Decision {
		for range p {
			cx.Emit(&event.Event{Kind: event.KindAlert, Name: "byte"})
		}
		return inspect.Drop(inspect.ScopeFlow, "evil")
	}})
	b.push(craft.UDP(client4, server4, make([]byte, 1000)), craft.UDP(client6, server6, make([]byte, 10)))
	b.run()
	counts := map[event.Kind]int{}
	for _, e := range b.events.Take() {
		counts[e.Kind]++
	}
	if s := b.lane.Snapshot(); counts[event.KindAlert] != eventsPerPacket+10 || counts[event.KindDrop] != 2 || s.EventsMuted != 1000-eventsPerPacket {
		t.Errorf("told %v, %d muted", counts, s.EventsMuted)
	}
}

// blind sees packets and overwrites every digit that others tell.
type blind struct{ packetFunc }

func (blind) Redact(text []byte) {
	for i, c := range text {
		if c >= '0' && c <= '9' {
			text[i] = 'X'
		}
	}
}

// TestSecretsLeaveNoEvent has the details of others' events redacted, and only these.
func TestSecretsLeaveNoEvent(t *testing.T) {
	tell := func(name string) packetFunc {
		return packetFunc{name, func(cx *inspect.Context, _ *packet.Packet) inspect.Decision {
			e := event.Event{Kind: event.KindURL, Name: "n1"}
			e.Text("host", "no 42")
			e.Num("count", 42)
			e.Text("empty", "")
			e.Text("more", "7")
			cx.Emit(&e)
			return inspect.Decision{}
		}}
	}
	b := newBench(t, Config{}, tell("urls"), blind{tell("dlp")})
	b.push(craft.UDP(client4, server4, nil))
	b.run()
	told := b.events.Take()
	for i, want := range [][2]string{{"no XX", "X"}, {"no 42", "7"}} {
		if p := told[i].Pairs(); p[0].Text != want[0] || p[1].Num != 42 || p[3].Text != want[1] {
			t.Errorf("event of %s: %+v", told[i].Author, p)
		}
	}
}

// TestEditsComeInTime refuses edits that nobody would make, and tells when there are too many.
func TestEditsComeInTime(t *testing.T) {
	late := lateEditor{ok: new(bool)}
	b := newBench(t, Config{Limits: Limits{Edits: 2}}, replace("dlp", "x", "y"), late)
	b.push(craft.UDP(client4, server4, []byte("axbxcxdx")))
	out := b.run()
	if !bytes.HasSuffix(out[0].Bytes, []byte("aybycxdx")) || *late.ok {
		t.Errorf("%q; late edit noted: %v", out[0].Bytes, *late.ok)
	}
	if told := b.told(event.KindAnomaly); len(told) != 2 || told[0] != "edit edit-list-full would=false" {
		t.Errorf("told %q", told)
	}
}

type lateEditor struct{ ok *bool }

func (lateEditor) Name() string { return "stats" }
func (l lateEditor) InspectOutcome(cx *inspect.Context, _ *packet.Packet, _ inspect.Decision) inspect.Decision {
	*l.ok = cx.EditPayload(0, 1, []byte("z"))
	return inspect.Decision{}
}
