package engine

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/http1"
)

// A waitingEditor edits a word in bodies, and holds what could become it.
type waitingEditor struct{ httpEditor }

func (e *waitingEditor) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	d := e.httpEditor.InspectField(cx, f)
	for n := min(len(e.old)-1, len(f.Value)); n > 0; n-- {
		if bytes.HasSuffix(f.Value, []byte(e.old[:n])) {
			cx.Hold(n)
			break
		}
	}
	return d
}

// TestAWordOfABodyThatSlips: its beginning waited in vain, and has left. That is told.
func TestAWordOfABodyThatSlips(t *testing.T) {
	in := &waitingEditor{httpEditor{old: "needle", with: "pin"}}
	b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}}, in)
	k := newDialogue()
	k.say(false, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	k.say(true, "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\na needle, a nee")
	b.push(k.in...)
	b.step()
	b.at += time.Second // more than it is held
	b.lane.now = b.at
	b.lane.advance()
	b.lane.flush()
	k.in = nil
	k.say(true, "dle")
	b.push(k.in...)
	b.step()
	b.lane.flush()
	if told := strings.Join(b.told(event.KindAnomaly), ", "); !strings.Contains(told, "edit-too-late") {
		t.Errorf("told %q; %q left", told, b.toClient(b.fake.Out()))
	}
}
