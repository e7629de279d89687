package engine_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/packet"
)

// A writer is one end of a connection of HTTP/2, as x/net has it.
type writer struct {
	buf, block bytes.Buffer
	framer     *http2.Framer
	encoder    *hpack.Encoder
}

// newWriter has said hello as a client.
func newWriter() *writer {
	w := new(writer)
	w.framer, w.encoder = http2.NewFramer(&w.buf, nil), hpack.NewEncoder(&w.block)
	w.buf.WriteString(http2.ClientPreface)
	w.must(w.framer.WriteSettings())
	return w
}

func (w *writer) must(err error) *writer {
	if err != nil {
		panic(err)
	}
	return w
}

// post begins a stream. A name behind "!" is not to enter the table.
func (w *writer) post(id uint32, path, host string, more ...string) *writer {
	w.block.Reset()
	text := append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", host}, more...)
	for i := 0; i < len(text); i += 2 {
		name, never := strings.CutPrefix(text[i], "!")
		w.must(w.encoder.WriteField(hpack.HeaderField{Name: name, Value: text[i+1], Sensitive: never}))
	}
	return w.must(w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: w.block.Bytes(), EndHeaders: true}))
}

func (w *writer) data(id uint32, ends bool, text string) *writer {
	return w.must(w.framer.WriteData(id, ends, []byte(text)))
}

// readHTTP2 has x/net read what a client has sent: the fields and the body of each stream.
func readHTTP2(text []byte) (map[uint32]string, error) {
	f := http2.NewFramer(io.Discard, bytes.NewReader(bytes.TrimPrefix(text, []byte(http2.ClientPreface))))
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	all := map[uint32]string{}
	for {
		fr, err := f.ReadFrame()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		switch fr := fr.(type) {
		case *http2.MetaHeadersFrame:
			for _, h := range fr.Fields {
				all[fr.StreamID] += h.Name + "=" + h.Value + ";"
			}
		case *http2.DataFrame:
			all[fr.StreamID] += string(fr.Data())
		}
	}
}

// cutAnywhere is the text in two segments, for each place between them, and in single bytes.
func cutAnywhere(text string) []talk {
	talks := []talk{{segments: strings.Split(text, "")}}
	for cut := 1; cut < len(text); cut++ {
		talks = append(talks, talk{segments: []string{text[:cut], text[cut:]}})
	}
	for i := range talks {
		talks[i].e = pair(i, 8080)
	}
	return talks
}

// TestCardsInHTTP2AreMasked: cards in a path, in fields, and in bodies that are split over frames with another stream's between them leave masked,
// each told once, and all else is as it came, however segments cut it.
func TestCardsInHTTP2AreMasked(t *testing.T) {
	const card, masked = "4000 0000 0000 0002", "XXXX XXXX XXXX 0002"
	w := newWriter().post(1, "/pay?card=4000000000000002", "www.example.org", "x-card", card, "!x-again", card)
	w.data(1, false, "pay with 4000 00").post(3, "/other", "www.example.org", "x-card", card).data(3, false, "nothing, and "+card[:7])
	w.data(1, false, "00 00").must(w.framer.WritePing(false, [8]byte{})).data(3, true, card[7:]).data(1, true, "00 0002.")
	want, err := readHTTP2(w.buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for id := range want {
		want[id] = strings.NewReplacer(card, masked, "4000000000000002", "XXXXXXXXXXXX0002").Replace(want[id])
	}
	talks := cutAnywhere(w.buf.String())
	var in []step
	for i := range talks {
		for _, d := range talks[i].packets() {
			in = append(in, step{10 * time.Microsecond, d})
		}
	}
	r := run(t, config(t, load(t, "prevent", masking)), in)
	told := map[uint64]map[string]int{}
	for _, e := range r.events {
		switch e.Kind {
		case event.KindDLP:
			if told[e.FlowID] == nil {
				told[e.FlowID] = map[string]int{}
			}
			told[e.FlowID][e.Field]++
		case event.KindAnomaly, event.KindEdit, event.KindDrop:
			t.Fatalf("told %s %s", e.Name, e.Reason)
		}
	}
	if len(told) != len(talks) {
		t.Errorf("told of %d flows, want %d", len(told), len(talks))
	}
	for id, n := range told {
		// The path, two fields; the second request's reference to the first one's field was masked with that.
		if n["http2.head"] != 3 || n["http.request_body"] != 2 || len(n) != 2 {
			t.Fatalf("flow %d: told %v", id, n)
		}
	}
	for i := range talks {
		if got, err := readHTTP2(talks[i].received(t, r)); err != nil || !maps.Equal(got, want) {
			t.Fatalf("cut %d: %v: read %v, want %v", i, err, got, want)
		}
	}
}

// TestHTTP2CannotBeMasked: a card in a coded body does not arrive, and a body without one does.
func TestHTTP2CannotBeMasked(t *testing.T) {
	for _, number := range []string{"4000000000000002", "4000000000000003"} {
		body, _ := encoded(t, "gzip", "pay with "+number+", now")
		w := newWriter().post(1, "/", "www.example.org", "content-encoding", "gzip").data(1, false, body[:20]).data(1, true, body[20:])
		for i, k := range cutAnywhere(w.buf.String()) {
			r := run(t, config(t, load(t, "prevent", masking)), steps(k.packets()...))
			got := string(k.received(t, r))
			if secret := number[15] == '2'; secret == (got == w.buf.String()) {
				t.Fatalf("%s, cut %d: left %q", number, i, got)
			}
		}
	}
}

// TestHTTP2Refused: what is malformed, and a host that is blocked, on whatever stream, ends the connection, each for its reason.
func TestHTTP2Refused(t *testing.T) {
	const policy = `
divert: {queues: 0, select: [{protocols: [tcp]}]}
outcomes: {malformed: drop, limit: drop, error: drop, edit: drop}
inspect:
  urls: {lists: [{name: own, domains: [bad.example], action: reject}]}
  ids: {rules: ['drop http any any -> any any (msg:"no"; http.uri; content:"/rule"; http.request_body; content:"needle"; sid:1;)']}
`
	for name, c := range map[string]struct {
		w   *writer
		why packet.Reason
	}{
		"nothing":           {newWriter().post(1, "/", "good.example").post(3, "/", "good.example").data(3, true, "needle").data(1, true, "x"), ""},
		"blocked":           {newWriter().post(1, "/", "good.example").post(3, "/", "www.bad.example:80").data(1, true, "x"), "url-blocked"},
		"blocked by Host":   {newWriter().post(1, "/", "bad.example", "host", "BAD.example").data(1, true, "x"), "url-blocked"},
		"two hosts":         {newWriter().post(1, "/", "good.example", "host", "bad.example").data(1, true, "x"), "http2-host-differs"},
		"a rule":            {newWriter().post(1, "/rule", "good.example").post(3, "/", "good.example").data(1, true, "a needle"), "ids-rule"},
		"a rule, elsewhere": {newWriter().post(1, "/rule", "good.example").post(3, "/", "good.example").data(3, true, "a needle"), ""},
		"upper case":        {newWriter().post(1, "/", "good.example", "X-Up", "1").data(1, true, "x"), "http2-bad-header"},
	} {
		k := talk{e: pair(0, 8080), segments: strings.SplitAfter(c.w.buf.String(), "a")}
		r := run(t, config(t, load(t, "prevent", policy)), steps(k.packets()...))
		arrived := string(k.received(t, r)) == c.w.buf.String()
		if arrived != (c.why == "") {
			t.Errorf("%s: arrived %v", name, arrived)
		}
		if n := r.counts.Drops[c.why]; c.why != "" && n == 0 {
			t.Errorf("%s: dropped for %v", name, r.counts.Drops)
		}
	}
}
