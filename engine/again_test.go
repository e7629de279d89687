package engine

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/stream"
)

// TestHeldBytesAreShownAgainAfterTheyLeft sends a word a byte at a time, more slowly than bytes wait for a
// decision (HAZARDS T26): the end of the word must not leave.
func TestHeldBytesAreShownAgainAfterTheyLeft(t *testing.T) {
	const word = "forbidden"
	var left []int
	guard := streamFunc{"ids", func(cx *inspect.Context, b []byte) inspect.Decision {
		if cx.Left > cx.Seen || cx.Seen > len(b) {
			t.Errorf("%d bytes, %d seen, %d left", len(b), cx.Seen, cx.Left)
		}
		left = append(left, cx.Left)
		if bytes.Contains(b, []byte(word)) {
			return inspect.Drop(inspect.ScopeFlow, "forbidden-word")
		}
		for n := min(len(word)-1, len(b)); n > 0; n-- {
			if bytes.HasSuffix(b, []byte(word[:n])) {
				cx.Hold(n)
				break
			}
		}
		return inspect.Decision{}
	}}
	b := newBench(t, Config{}, guard)
	const client, server = "192.0.2.1:40000", "198.51.100.1:80"
	b.pushAt(0, craft.TCP(client, server, craft.Segment{Flags: packet.SYN, Seq: 99}, nil))
	b.pushAt(0, craft.TCP(server, client, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 499, Ack: 100}, nil))
	text := "a " + word + " word"
	for i := range text {
		b.pushAt(time.Duration(1+i)*time.Second, craft.TCP(client, server, craft.Segment{
			Flags: packet.ACK | packet.PSH, Seq: uint32(100 + i), Ack: 500,
		}, []byte{text[i]}))
	}
	var released []byte
	for _, f := range b.run() {
		var p packet.Packet
		p.Set(f.Bytes)
		p.Decode()
		if !f.Verdict.Final() {
			released = append(released, p.Payload()...)
		}
	}
	if want := "a " + word[:len(word)-1]; string(released) != want {
		t.Errorf("%q was released, want %q", released, want)
	}
	if n := left[len(left)-1]; n != len(word)-1 {
		t.Errorf("when the word was found, %d of its bytes were known to have left, want %d", n, len(word)-1)
	}
}

// TestFakeEnd sends a FIN in the middle of a word, as one that dies before the receiver would be, and then
// the rest (HAZARDS T22).
func TestFakeEnd(t *testing.T) {
	const word = "forbidden"
	guard := streamFunc{"ids", func(cx *inspect.Context, b []byte) inspect.Decision {
		if bytes.Contains(b, []byte(word)) {
			return inspect.Drop(inspect.ScopeFlow, "forbidden-word")
		}
		if n := len(b); n < len(word) && bytes.HasPrefix([]byte(word), b) {
			cx.Hold(n)
		}
		return inspect.Decision{}
	}}
	b := newBench(t, Config{}, guard)
	const client, server = "192.0.2.1:40000", "198.51.100.1:80"
	say := func(flags packet.TCPFlags, at int, text string) {
		b.push(craft.TCP(client, server, craft.Segment{Flags: packet.ACK | flags, Seq: uint32(100 + at), Ack: 500}, []byte(text)))
	}
	b.push(craft.TCP(client, server, craft.Segment{Flags: packet.SYN, Seq: 99}, nil))
	b.push(craft.TCP(server, client, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 499, Ack: 100}, nil))
	say(packet.PSH, 0, "forb")
	say(packet.FIN, 4, "")
	say(packet.PSH, 4, "idden")
	out := b.run()
	if last := out[len(out)-1]; !last.Verdict.Final() {
		t.Errorf("the end of the word was %v", last.Verdict)
	}
}

// TestMoreIsHeldThanThereIsRoom: who holds more than the limits allow is shown it once more, and told that it leaves.
func TestMoreIsHeldThanThereIsRoom(t *testing.T) {
	var last []byte
	greedy := streamFunc{"ids", func(cx *inspect.Context, b []byte) inspect.Decision {
		if !cx.Hold(len(b)) {
			last = append(last, b[cx.Left:]...)
		}
		return inspect.Decision{}
	}}
	b := newBench(t, Config{Limits: Limits{Hold: time.Hour, Stream: stream.Limits{Window: 3000}}}, greedy)
	k := newDialogue()
	var text []byte
	for i := range 10 {
		s := bytes.Repeat([]byte{byte('a' + i)}, 1000)
		text = append(text, s...)
		k.say(false, string(s))
	}
	b.push(k.in...)
	b.step()
	if len(last) < len(text)-3000 || !bytes.HasPrefix(text, last) || !slices.Contains(b.told(event.KindAnomaly), "stream held-for-match-exhausted would=false") {
		t.Errorf("%d bytes of %d were shown as those that leave: %.10q", len(last), len(text), last)
	}
	b.run()
	if !bytes.Equal(last, text) {
		t.Errorf("at the end %d bytes of %d", len(last), len(text))
	}
}
