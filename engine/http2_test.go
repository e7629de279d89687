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
	"github.com/weir-project/weir/internal/craft"
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
		if n["http.uri"] != 1 || n["http.headers"] != 2 || n["http.request_body"] != 2 || len(n) != 3 {
			t.Fatalf("flow %d: told %v", id, n)
		}
	}
	for i := range talks {
		if got, err := readHTTP2(talks[i].received(t, r)); err != nil || !maps.Equal(got, want) {
			t.Fatalf("cut %d: %v: read %v, want %v", i, err, got, want)
		}
	}
}

// dialogue is a connection in which the client and the server speak in turns, cut at a place of all that they say.
func dialogue(e ends, cut int, said ...string) (out [][]byte) {
	out = e.handshake()
	seq := [2]uint32{1001, 5001}
	for i, text := range said {
		from, way := i%2, e
		if from == 1 {
			way = e.back()
		}
		at := min(max(cut, 0), len(text))
		cut -= len(text)
		for _, s := range []string{text[:at], text[at:]} {
			if len(s) > 0 {
				out = append(out, craft.TCP(way.client, way.server, craft.Segment{Flags: packet.ACK, Seq: seq[from], Ack: seq[1-from], Window: 60000}, []byte(s)))
				seq[from] += uint32(len(s))
			}
		}
	}
	return out
}

// TestUpgradeToHTTP2: behind an upgrade that HTTP/1 has asked for, both directions are read as HTTP/2, and the first response is the asked one's.
func TestUpgradeToHTTP2(t *testing.T) {
	const card, masked = "4000000000000002", "XXXXXXXXXXXX0002"
	ask := "GET / HTTP/1.1\r\nHost: www.example.org\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n"
	server := new(writer)
	server.framer, server.encoder = http2.NewFramer(&server.buf, nil), hpack.NewEncoder(&server.block)
	server.encoder.SetMaxDynamicTableSizeLimit(1 << 14)
	server.encoder.SetMaxDynamicTableSize(1 << 14) // as the request has allowed
	server.must(server.framer.WriteSettings()).must(server.encoder.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})).
		must(server.encoder.WriteField(hpack.HeaderField{Name: "x-card", Value: card}))
	server.must(server.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: server.block.Bytes(), EndHeaders: true}))
	server.data(1, true, "pay with "+card+".")
	agrees := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
	client := newWriter().post(3, "/"+card, "www.example.org").data(3, true, "and "+card)
	said := []string{ask, agrees + server.buf.String(), client.buf.String()}
	var in []step
	all := len(strings.Join(said, ""))
	for cut := range all {
		for _, d := range dialogue(pair(cut, 8080), cut, said...) {
			in = append(in, step{10 * time.Microsecond, d})
		}
	}
	r := run(t, config(t, load(t, "prevent", masking)), in)
	told := map[string]int{}
	for _, e := range r.events {
		switch e.Kind {
		case event.KindDLP:
			told[e.Field]++
		case event.KindAnomaly, event.KindEdit, event.KindDrop:
			t.Fatalf("told %s %s", e.Name, e.Reason)
		}
	}
	if len(told) != 4 || told["http.uri"] != all || told["http.headers"] != all || told["http.request_body"] != all || told["http.response_body"] != all {
		t.Errorf("told %v, want of %d connections", told, all)
	}
	for cut := range all {
		k := talk{e: pair(cut, 8080)}
		got, err := readHTTP2(bytes.TrimPrefix(k.received(t, r), []byte(ask)))
		if err != nil || !strings.Contains(got[3], ":path=/"+masked) || !strings.HasSuffix(got[3], "and "+masked) {
			t.Fatalf("cut %d: %v, client: %v", cut, err, got)
		}
		k.back = true
		back := k.received(t, r)
		if !bytes.HasPrefix(back, []byte(agrees)) || !bytes.Contains(back, []byte("pay with "+masked)) || bytes.Contains(back, []byte(card)) {
			t.Fatalf("cut %d: server: %q", cut, back)
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
