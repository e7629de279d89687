package http2

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // into memory
	_ = z.Close()
	return b.String()
}

// TestMessages: what is said is shown, however it is cut.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name string
		talk *talk
		want string
		why  packet.Reason
	}{
		{"get", newTalk().head(up, 1, true, get("/x")...).head(down, 1, false, ":status", "200").data(down, 1, true, "hello"), `
>1: method="GET" uri="/x" host="a.example" whole
<1: stat_code="200" body="hello" end`, ""},
		{"body in pieces", newTalk().head(up, 1, false, post("/x")...).data(up, 1, false, "he").data(up, 1, false, "").data(up, 1, false, "llo").data(up, 1, true, ""), `
>1: method="POST" uri="/x" host="a.example" body="hello" end`, ""},
		{"interleaved", newTalk().head(up, 1, false, post("/a")...).head(up, 3, false, post("/b")...).data(up, 1, false, "he").data(up, 3, false, "wo").data(up, 1, true, "llo").data(up, 3, true, "rld"), `
>1: method="POST" uri="/a" host="a.example" body="hello" end
>3: method="POST" uri="/b" host="a.example" body="world" end`, ""},
		{"responses", newTalk().head(up, 1, true, get("/a")...).head(up, 3, true, get("/b")...).head(down, 3, false, ":status", "404").head(down, 1, false, ":status", "200").data(down, 1, false, "he").data(down, 3, true, "world").data(down, 1, true, "llo"), `
>1: method="GET" uri="/a" host="a.example" whole
>3: method="GET" uri="/b" host="a.example" whole
<1: stat_code="200" body="hello" end
<3: stat_code="404" body="world" end`, ""},
		{"trailer", newTalk().head(up, 1, false, post("/x")...).data(up, 1, false, "hello").head(up, 1, true, "x-sum", "1"), `
>1: method="POST" uri="/x" host="a.example" body="hello" end`, ""},
		{"continue", newTalk().head(up, 1, false, post("/x", "expect", "100-continue")...).head(down, 1, false, ":status", "100").data(up, 1, true, "x").head(down, 1, true, ":status", "204"), `
>1: method="POST" uri="/x" host="a.example" body="x" end
<1: stat_code="100" whole stat_code="204" whole`, ""},
		{"length", newTalk().head(up, 1, false, post("/x", "content-length", "5")...).data(up, 1, false, "he").data(up, 1, true, "llo"), `
>1: method="POST" uri="/x" host="a.example" body="hello" end`, ""},
		{"length too short", newTalk().head(up, 1, false, post("/x", "content-length", "4")...).data(up, 1, false, "he").data(up, 1, true, "llo"), `
>1: method="POST" uri="/x" host="a.example"`, lengthDiffer},
		{"length too long", newTalk().head(up, 1, false, post("/x", "content-length", "6")...).data(up, 1, true, "hello"), `
>1: method="POST" uri="/x" host="a.example"`, lengthDiffer},
		{"length and no body", newTalk().head(up, 1, true, post("/x", "content-length", "6")...), ``, lengthDiffer},
		{"HEAD", newTalk().head(up, 1, true, ":method", "HEAD", ":scheme", "http", ":path", "/", ":authority", "a.example").head(down, 1, true, ":status", "200", "content-length", "9"), `
>1: method="HEAD" uri="/" host="a.example" whole
<1: stat_code="200" whole`, ""},
		{"gzip", newTalk().head(up, 1, true, get("/")...).head(down, 1, false, ":status", "200", "content-encoding", "gzip").data(down, 1, false, zipped("hello")[:7]).data(down, 1, true, zipped("hello")[7:]), `
>1: method="GET" uri="/" host="a.example" whole
<1: stat_code="200" body="hello" end`, ""},
		{"gzip, in two", newTalk().head(up, 1, false, post("/", "content-encoding", "gzip")...).head(up, 3, false, post("/", "content-encoding", "gzip")...).data(up, 1, false, zipped("hello")[:7]).data(up, 3, false, zipped("world")[:2]).data(up, 1, true, zipped("hello")[7:]).data(up, 3, true, zipped("world")[2:]), `
>1: method="POST" uri="/" host="a.example" body="hello" end
>3: method="POST" uri="/" host="a.example" body="world" end`, ""},
		{"not gzip", newTalk().head(up, 1, false, post("/", "content-encoding", "gzip")...).data(up, 1, false, "hel").data(up, 1, true, "lo"), `
>1: method="POST" uri="/" host="a.example" body="hello" end`, ""},
		{"unknown coding", newTalk().head(up, 1, false, post("/", "content-encoding", "rot13")...).data(up, 1, true, "uryyb"), `
>1: method="POST" uri="/" host="a.example" body="uryyb" end`, ""},
		{"reset", newTalk().head(up, 1, false, post("/")...).data(up, 1, false, "he").frame(up, func(f *http2.Framer) error { return f.WriteRSTStream(1, 8) }).head(up, 3, true, get("/")...), `
>1: method="POST" uri="/" host="a.example"
>3: method="GET" uri="/" host="a.example" whole`, ""},
		{"reset, and more on its way", newTalk().head(up, 1, false, post("/")...).frame(down, func(f *http2.Framer) error { return f.WriteRSTStream(1, 8) }).data(up, 1, false, "he").head(up, 1, true, "x-y", "z").head(up, 3, true, get("/", "x-y", "z")...), `
>1: method="POST" uri="/" host="a.example"
>3: method="GET" uri="/" host="a.example" whole`, ""},
		{"reset in the midst of a frame", newTalk().head(up, 1, false, post("/a")...).head(up, 3, false, post("/b")...).raw(up, "\x00\x00\x05\x00\x01\x00\x00\x00\x01he").
			frame(down, func(f *http2.Framer) error { return f.WriteRSTStream(1, 8) }).raw(up, "llo").data(up, 3, true, "world"), `
>1: method="POST" uri="/a" host="a.example"
>3: method="POST" uri="/b" host="a.example" body="world" end`, ""},
		{"connect", newTalk().head(up, 1, false, ":method", "CONNECT", ":authority", "b.example:443").data(up, 1, false, "hello"), `
>1: method="CONNECT" uri="b.example:443" host="b.example"`, ""},
		{"the same host", newTalk().head(up, 1, true, get("/", "host", "A.example.:80")...).head(up, 3, true, ":method", "GET", ":scheme", "http", ":path", "/", "host", "B.example:81"), `
>1: method="GET" uri="/" host="a.example" whole
>3: method="GET" uri="/" host="b.example" whole`, ""},
		{"websocket", newTalk().head(up, 1, false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/chat", ":authority", "b.example"), `
>1: method="CONNECT" uri="/chat" host="b.example"`, ""},
		{"push", newTalk().head(up, 1, true, get("/")...).push(1, 2, get("/style")...).head(down, 2, false, ":status", "200").data(down, 2, true, "css"), `
>1: method="GET" uri="/" host="a.example" whole
<2: method="GET" uri="/style" host="a.example" whole stat_code="200" body="css" end`, ""},
		{"upgrade", newTalk().tableOf(down, 1<<14).head(down, 1, false, ":status", "200", "content-length", "7").data(down, 1, true, "hello").
			head(down, 1, true, ":status", "404").head(up, 3, true, get("/b")...), `
>3: method="GET" uri="/b" host="a.example" whole
<1: stat_code="200" body="hello" end`, ""},
		{"larger frames and tables, once they are said", newTalk().frame(down, func(f *http2.Framer) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 20000}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 100})
		}).head(up, 1, false, post("/a")...).data(up, 1, true, strings.Repeat("x", 17000)).frame(up, func(f *http2.Framer) error { return f.WriteSettingsAck() }).
			tableOf(up, 100).head(up, 3, true, get("/b")...).frame(down, func(f *http2.Framer) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 8192})
		}).frame(down, func(f *http2.Framer) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 300})
		}).tableOf(up, 8192).head(up, 5, true, get("/c")...).frame(up, func(f *http2.Framer) error { return f.WriteSettingsAck() }).
			frame(up, func(f *http2.Framer) error { return f.WriteSettingsAck() }).tableOf(up, 300).head(up, 7, true, get("/d")...), `
>1: method="POST" uri="/a" host="a.example" body="` + strings.Repeat("x", 17000) + `" end
>3: method="GET" uri="/b" host="a.example" whole
>5: method="GET" uri="/c" host="a.example" whole
>7: method="GET" uri="/d" host="a.example" whole`, ""},
		{"others", newTalk().frame(up, func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) }).frame(up, func(f *http2.Framer) error { return f.WriteWindowUpdate(0, 9) }).
			frame(up, func(f *http2.Framer) error { return f.WriteGoAway(0, 0, []byte("bye")) }).frame(up, func(f *http2.Framer) error { return f.WriteRawFrame(0x77, 3, 9, []byte("what")) }).
			frame(up, func(f *http2.Framer) error { return f.WritePriority(1, http2.PriorityParam{StreamDep: 3}) }).head(up, 1, true, get("/")...), `
>1: method="GET" uri="/" host="a.example" whole`, ""},
		{"padding", newTalk().head(up, 1, false, post("/")...).frame(up, func(f *http2.Framer) error { return f.WriteDataPadded(1, false, []byte("hel"), make([]byte, 9)) }).
			frame(up, func(f *http2.Framer) error { return f.WriteDataPadded(1, true, []byte("lo"), nil) }), `
>1: method="POST" uri="/" host="a.example" body="hello" end`, ""},
	} {
		t.Run(c.name, func(t *testing.T) { shows(t, c.talk, strings.TrimSpace(c.want), c.why) })
	}
}

// tableOf has an encoder use a table of another size.
func (k *talk) tableOf(d flow.Direction, n uint32) *talk {
	k.side[d].encoder.SetMaxDynamicTableSizeLimit(n)
	k.side[d].encoder.SetMaxDynamicTableSize(n)
	return k
}

func (k *talk) push(id, promised uint32, text ...string) *talk {
	b := k.fields(down, text...)
	return k.frame(down, func(f *http2.Framer) error {
		return f.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: promised, BlockFragment: b, EndHeaders: true, PadLength: 3})
	})
}

// shows plays a talk in many cuts, which must all show the same and alter nothing.
func shows(t *testing.T, k *talk, want string, why packet.Reason) {
	t.Helper()
	g := New()
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 60 {
		w := newWire(t, g)
		var cuts []int
		if n > 0 {
			cuts = anyCuts(r, k.size())
		}
		var late func() bool
		if n > 40 {
			late = func() bool { return r.IntN(3) == 0 }
		}
		w.cut(k, cuts, late)
		if got := strings.TrimSpace(w.shown()); got != want || w.why != why {
			t.Fatalf("cut at %v:\n%s\n%q, want\n%s\n%q", cuts, got, w.why, want, why)
		}
		for _, d := range []int{0, 1} {
			if !bytes.Equal(w.out(up), w.in[up]) || len(w.reps[d]) > 0 {
				t.Fatal("it was altered")
			}
		}
		w.p.Close()
		g.isIdle(t)
	}
}

// idle is the bytes of large tables that are free.
func (g *Grammar) idle() (n int) {
	for _, all := range g.stores[1:] {
		for _, s := range all {
			n += s.cost()
		}
	}
	return n
}

// isIdle fails if a grammar without connections has not got back everything.
func (g *Grammar) isIdle(t testing.TB) {
	t.Helper()
	if g.opened != len(g.streams) || g.parsers.Used() > 0 || g.kept.Used() > 0 || g.decoders.Used() > 0 || g.large != g.idle() {
		t.Fatalf("not given back: streams %d of %d, parsers %d, buffers %d, %d bytes of decoders", g.opened-len(g.streams), g.opened,
			g.parsers.Used(), g.kept.Used(), g.decoders.Used())
	}
}

// TestRefused: what breaks the grammar, or a limit, is refused for its reason, however it is cut.
func TestRefused(t *testing.T) {
	request := func(text ...string) *talk { return newTalk().head(up, 1, true, text...) }
	frame := func(b string) *talk { return newTalk().raw(up, b) }
	for _, c := range []struct {
		name string
		talk *talk
		why  packet.Reason
	}{
		{"upper case", request(get("/", "X-Up", "1")...), badHeader},
		{"name with a blank", request(get("/", "x y", "1")...), badHeader},
		{"no name", request(get("/", "", "1")...), badHeader},
		{"value with a line end", request(get("/", "x", "1\r\nhost: b")...), badHeader},
		{"value with NUL", request(get("/", "x", "1\x00")...), badHeader},
		{"value behind a blank", request(get("/", "x", " 1")...), badHeader},
		{"unknown pseudo-header", request(get("/", ":x", "1")...), badPseudo},
		{"pseudo-header behind others", request(append([]string{"x", "y"}, get("/")...)...), badPseudo},
		{"twice a path", request(append(get("/"), ":path", "/b")...), badPseudo},
		{"no path", request(":method", "GET", ":scheme", "http", ":authority", "a.example"), badPseudo},
		{"empty path", request(get("")...), badPseudo},
		{"no method", request(":path", "/", ":scheme", "http", ":authority", "a.example"), badPseudo},
		{"method with a blank", request(":method", "GE T", ":path", "/", ":scheme", "http", ":authority", "a.example"), badPseudo},
		{"status of a client", request(append(get("/"), ":status", "200")...), badPseudo},
		{"path that is none", request(get("http://b.example/")...), badPath},
		{"path with a blank", request(get("/ HTTP/1.1")...), badPath},
		{"another host", request(get("/", "host", "b.example")...), hostDiffers},
		{"another port", request(get("/", "host", "a.example:8080")...), hostDiffers},
		{"two hosts", request(":method", "GET", ":scheme", "http", ":path", "/", "host", "a", "host", "a"), hostDiffers},
		{"user in a host", request(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a@b.example"), badHost},
		{"connection", request(get("/", "connection", "close")...), hopByHop},
		{"chunks", request(get("/", "transfer-encoding", "chunked")...), hopByHop},
		{"te", request(get("/", "te", "gzip")...), hopByHop},
		{"no length", request(get("/", "content-length", "+1")...), badLength},
		{"two lengths", request(get("/", "content-length", "1", "content-length", "2")...), badLength},
		{"connect with a path", request(":method", "CONNECT", ":authority", "a:1", ":path", "/", ":scheme", "http"), badPseudo},
		{"no status", request(get("/")...).head(down, 1, true, "x", "y"), badPseudo},
		{"status of two digits", request(get("/")...).head(down, 1, true, ":status", "20"), badStatus},
		{"101", request(get("/")...).head(down, 1, false, ":status", "101"), badStatus},
		{"1xx that ends", request(get("/")...).head(down, 1, true, ":status", "100"), badStatus},
		{"pseudo-header in a trailer", newTalk().head(up, 1, false, post("/")...).head(up, 1, true, ":path", "/"), badPseudo},
		{"trailer that does not end", newTalk().head(up, 1, false, post("/")...).head(up, 1, false, "x", "y"), badStream},
		{"even stream of a client", newTalk().head(up, 2, true, get("/")...), badStream},
		{"stream of a server", newTalk().head(down, 2, true, ":status", "200"), badStream},
		{"third response of an upgrade", newTalk().head(down, 3, true, ":status", "200"), badStream},
		{"twice the response of an upgrade", newTalk().head(down, 1, true, ":status", "200").head(down, 3, true, ":status", "200"), badStream},
		{"data of a stream not begun", newTalk().data(up, 1, true, "x"), badStream},
		{"data behind the end", newTalk().head(up, 1, true, get("/")...).data(up, 1, true, "x"), badStream},
		{"data before the head", newTalk().head(up, 1, true, get("/")...).data(down, 1, true, "x"), badStream},
		{"reset of a stream not begun", newTalk().frame(up, func(f *http2.Framer) error { return f.WriteRSTStream(5, 8) }), badStream},
		{"promise of a client", newTalk().head(up, 1, true, get("/")...).frame(up, func(f *http2.Framer) error {
			return f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		}), badStream},
		{"data on stream 0", frame("\x00\x00\x01\x00\x00\x00\x00\x00\x00x"), badFrame},
		{"reset of 3 bytes", frame("\x00\x00\x03\x03\x00\x00\x00\x00\x01xyz"), badFrame},
		{"settings of 5 bytes", frame("\x00\x00\x05\x04\x00\x00\x00\x00\x00vwxyz"), badFrame},
		{"settings on a stream", frame("\x00\x00\x00\x04\x00\x00\x00\x00\x01"), badFrame},
		{"acknowledgement with settings", frame("\x00\x00\x06\x04\x01\x00\x00\x00\x00uvwxyz"), badFrame},
		{"ping of 7 bytes", frame("\x00\x00\x07\x06\x00\x00\x00\x00\x00tuvwxyz"), badFrame},
		{"padding longer than the frame", newTalk().head(up, 1, false, post("/")...).raw(up, "\x00\x00\x02\x00\x08\x00\x00\x00\x01\x02x"), badFrame},
		{"continuation of nothing", frame("\x00\x00\x00\x09\x04\x00\x00\x00\x01"), badFrame},
		{"something between a block's frames", frame("\x00\x00\x00\x01\x00\x00\x00\x00\x01" + "\x00\x00\x08\x06\x00\x00\x00\x00\x00stuvwxyz"), badFrame},
		{"continuation of another stream", frame("\x00\x00\x00\x01\x00\x00\x00\x00\x01" + "\x00\x00\x00\x09\x04\x00\x00\x00\x03"), badFrame},
		{"continuations without end", frame("\x00\x00\x00\x01\x00\x00\x00\x00\x01" + strings.Repeat("\x00\x00\x00\x09\x00\x00\x00\x00\x01", 100)), continued},
		{"frame longer than allowed", frame("\x00\x40\x01\x00\x00\x00\x00\x00\x01" + strings.Repeat("x", 100)), frameTooLong},
		{"max frame of nothing", frame("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x01"), badFrame},
		{"settings that nobody acknowledges", frame(strings.Repeat("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 20)), tooManySets},
		{"block that is none", frame("\x00\x00\x01\x01\x05\x00\x00\x00\x01\x80"), badBlock},
		{"a table that was to become smaller", newTalk().head(up, 1, true, get("/")...).frame(down, func(f *http2.Framer) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		}).frame(up, func(f *http2.Framer) error { return f.WriteSettingsAck() }).head(up, 3, true, get("/")...), badBlock},
		{"a table that was allowed before", newTalk().frame(down, func(f *http2.Framer) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 8192})
		}).frame(down, func(f *http2.Framer) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 300})
		}).frame(up, func(f *http2.Framer) error { return f.WriteSettingsAck() }).frame(up, func(f *http2.Framer) error { return f.WriteSettingsAck() }).
			tableOf(up, 8192).head(up, 1, true, get("/")...), badBlock},
		{"a promise that goes back", newTalk().head(up, 1, true, get("/")...).push(1, 4, get("/")...).push(1, 2, get("/")...), badStream},
		{"what the client says on a promised stream", newTalk().head(up, 1, true, get("/")...).push(1, 2, get("/")...).data(up, 2, true, "x"), badStream},
		{"a request before", newTalk().head(up, 3, true, get("/")...).head(down, 3, true, ":status", "200").head(up, 3, true, get("/")...).head(up, 1, true, get("/", "connection", "x")...), ""},
		{"first frame", new(talk).raw(up, preface+"\x00\x00\x08\x06\x00\x00\x00\x00\x00stuvwxyz"), badPreface},
		{"first frame of a server", new(talk).raw(up, preface).raw(down, "\x00\x00\x08\x06\x00\x00\x00\x00\x00stuvwxyz"), badPreface},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			g := New()
			for n := range 20 {
				w := newWire(t, g)
				var cuts []int
				if n > 0 {
					cuts = anyCuts(r, c.talk.size())
				}
				w.cut(c.talk, cuts, nil)
				if w.why != c.why || w.as != troubleOf(c.why) {
					t.Fatalf("cut at %v: %q, %v; want %q\n%s", cuts, w.why, w.as, c.why, w.shown())
				}
				w.p.Close()
				g.isIdle(t)
			}
		})
	}
}

// TestNoHTTP2: a server that knows none answers in HTTP/1; SETTINGS without a client's preface are of something else.
func TestNoHTTP2(t *testing.T) {
	for name, k := range map[string]*talk{
		"server of HTTP/1": new(talk).raw(up, preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00").raw(down, "HTTP/1.1 400 Bad Request\r\n\r\n"),
		"middle":           new(talk).raw(down, "\x00\x00\x00\x04\x00\x00\x00\x00\x00").raw(up, "\x00\x00\x04\x08\x00\x00\x00\x00\x00abcd"),
	} {
		w := newWire(t, New())
		w.cut(k, nil, nil)
		if w.why != "" || w.skip[0] < proto.Forever/2 || w.skip[1] < proto.Forever/2 {
			t.Errorf("%s: %q, skips %v", name, w.why, w.skip)
		}
	}
}

func TestManyStreams(t *testing.T) {
	k := newTalk()
	for i := range uint32(maxStreams + 1) {
		k.head(up, 2*i+1, true, get("/")...)
	}
	w := newWire(t, New())
	w.cut(k, nil, nil)
	if w.why != tooMany || w.as != proto.Beyond {
		t.Errorf("%q", w.why)
	}
}

// TestRapidReset: requests taken back leave nothing behind, and are told of once, if nothing has answered them.
func TestRapidReset(t *testing.T) {
	for answered, want := range map[uint32]bool{0: true, 1000: false, 800: false, 300: true} { // of 1000, the first ones
		k := newTalk()
		for i := range uint32(1000) {
			k.head(up, 2*i+1, true, get("/")...)
			if i < answered {
				k.head(down, 2*i+1, false, ":status", "200")
			}
			k.frame(up, func(f *http2.Framer) error { return f.WriteRSTStream(2*i+1, 8) })
		}
		g := New()
		w := newWire(t, g)
		w.cut(k, nil, nil)
		told := len(w.told) == 1 && w.told[0] == rapidReset
		if w.why != "" || told != want || len(w.told) > 1 || g.opened != 1 {
			t.Errorf("%d answered: %q, told %v, %d streams made", answered, w.why, w.told, g.opened)
		}
	}
}

// TestRecognise: by the preface, or a server's SETTINGS, and nothing else.
func TestRecognise(t *testing.T) {
	g := New()
	for _, c := range []struct {
		text string
		from proto.Peer
		want proto.Match
	}{
		{preface, proto.Peer{Dir: up}, proto.Yes},
		{preface + "x", proto.Peer{Dir: up}, proto.Yes},
		{preface[:23], proto.Peer{Dir: up}, proto.Maybe},
		{"P", proto.Peer{Dir: up}, proto.Maybe},
		{"PRI * HTTP/2.0\r\n\r\nXX", proto.Peer{Dir: up}, proto.No},
		{"\x00\x00\x12\x04\x00\x00\x00\x00\x00", proto.Peer{Dir: down}, proto.Yes},
		{"\x00\x00\x12\x04", proto.Peer{Dir: down}, proto.Maybe},
		{"\x00\x00\x12\x04\x00\x00\x00\x00\x00", proto.Peer{Dir: up}, proto.No},
		{"\x00\x00\x12\x04\x01\x00\x00\x00\x00", proto.Peer{Dir: down}, proto.No},
		{"\x00\x00\x13\x04\x00\x00\x00\x00\x00", proto.Peer{Dir: down}, proto.No},
		{"HTTP/1.1 200 OK\r\n", proto.Peer{Dir: down}, proto.No},
	} {
		if got := g.Recognise([]byte(c.text), c.from); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
	m := new(field.Message)
	if n, why := g.Parse(m, []byte(preface), proto.Peer{}, g.Fields()); n != 0 || why != needsStream {
		t.Errorf("%d %q", n, why)
	}
}
