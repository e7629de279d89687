package engine

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	parser "github.com/weir-project/weir/proto/http2"
)

// A headEditor replaces a word in lists of fields.
type headEditor struct{ with string }

func (e *headEditor) Name() string      { return "dlp" }
func (e *headEditor) Fields() field.Set { return field.SetOf(field.HTTP2Head) }
func (e *headEditor) Edits() field.Set  { return e.Fields() }

func (e *headEditor) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	for at := 0; ; at++ {
		n := bytes.Index(f.Value[at:], []byte("needle"))
		if n < 0 {
			return inspect.Decision{}
		}
		at += n
		cx.Edit(f, at, at+len("needle"), []byte(e.with))
	}
}

// TestHTTP2GoesOn: a lane that finds a connection whose fields another has edited passes it on as mere bytes, and what it says by reference to
// those fields still means what was sent on.
func TestHTTP2GoesOn(t *testing.T) {
	var wire, block bytes.Buffer
	framer, encoder := http2.NewFramer(&wire, nil), hpack.NewEncoder(&block)
	request := func(id uint32) string {
		wire.Reset()
		block.Reset()
		for _, f := range []hpack.HeaderField{
			{Name: ":method", Value: "GET"},
			{Name: ":scheme", Value: "http"},
			{Name: ":path", Value: "/"},
			{Name: ":authority", Value: "a.example"},
			{Name: "x-a", Value: "a needle"},
		} {
			_ = encoder.WriteField(f) // into memory
		}
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
		return wire.String()
	}
	_ = framer.WriteSettings()
	hello := http2.ClientPreface + wire.String()
	j := memoryJournal{}
	config := Config{Grammars: []proto.Grammar{parser.New()}, Journal: j}
	in := &headEditor{with: "NEEDLE"}
	b := newBench(t, config, in)
	k := newDialogue()
	k.say(false, hello)
	k.say(false, request(1))
	k.say(false, request(3))
	b.push(k.in...)
	b.step()
	left := toServer(b.fake.Out())
	k.in = nil
	k.say(false, request(5))
	config.Grammars, config.Successor = []proto.Grammar{parser.New()}, true
	next := newBench(t, config, in)
	next.at = b.at
	next.push(k.in...)
	next.step()
	left += toServer(next.fake.Out())
	if c := next.lane.counters; c.Survived != 1 || c.Unsurvived != 0 || c.Edits != 0 || b.lane.counters.Unsaved != 0 {
		t.Errorf("%d survived, %d did not, %d edits; %d could not be saved", c.Survived, c.Unsurvived, c.Edits, b.lane.counters.Unsaved)
	}
	f := http2.NewFramer(nil, strings.NewReader(strings.TrimPrefix(left, http2.ClientPreface)))
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	heard := 0
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			break
		}
		if m, ok := fr.(*http2.MetaHeadersFrame); ok {
			if heard++; m.Fields[len(m.Fields)-1].Value != "a NEEDLE" {
				t.Errorf("request %d: %v", heard, m.Fields)
			}
		}
	}
	if heard != 3 {
		t.Errorf("%d requests in %q", heard, left)
	}
}

// toServer joins what went to the server, in order.
func toServer(out []divert.Finished) (text string) {
	for _, f := range out {
		var p packet.Packet
		p.Set(f.Bytes)
		p.Decode()
		if !f.Verdict.Final() && p.DstPort == 8080 {
			text += string(p.Payload())
		}
	}
	return text
}
