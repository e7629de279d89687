package eve

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/weir-project/weir/event"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func base(k event.Kind, author, name string) event.Event {
	return event.Event{
		Kind: k, Time: noon, Author: author, Name: name, FlowID: 4711, Packet: 7, Proto: 6,
		ToServer: true,
		Src:      netip.MustParseAddrPort("192.0.2.1:40000"),
		Dst:      netip.MustParseAddrPort("198.51.100.2:80"),
	}
}

// examples has at least one event of each kind, as its author would make it.
func examples() []event.Event {
	var es []event.Event
	add := func(e event.Event, more ...func(*event.Event)) {
		for _, f := range more {
			f(&e)
		}
		es = append(es, e)
	}
	text := func(k, v string) func(*event.Event) { return func(e *event.Event) { e.Text(k, v) } }
	num := func(k string, n int64) func(*event.Event) { return func(e *event.Event) { e.Num(k, n) } }
	verdict := func(v, reason string) func(*event.Event) {
		return func(e *event.Event) { e.Verdict, e.Reason = v, reason }
	}
	rule := func(e *event.Event) {
		e.Rule, e.RuleRev, e.Class, e.AppProto = 2000001, 3, "trojan-activity", "http"
		e.Field, e.Offset, e.Length = "http.uri", 12, 8
	}
	six := func(e *event.Event) {
		e.Proto, e.FlowID, e.ToServer = 58, 0, false
		e.Src = netip.MustParseAddrPort("[2001:db8::1]:128")
		e.Dst = netip.MustParseAddrPort("[2001:db8::ff]:0")
	}
	add(base(event.KindAlert, "ids", "TEST allowed"), rule)
	add(base(event.KindAlert, "ids", "TEST \"blocked\""), rule, verdict("drop", "rule"), text("http.host", "example.org"), num("http.status", 404))
	add(base(event.KindAlert, "ids", "TEST monitored"), rule, verdict("reject", "rule"), func(e *event.Event) { e.Would, e.Severity = true, event.High })
	add(base(event.KindDLP, "dlp", "card"), verdict("edit", "dlp-mask"), func(e *event.Event) {
		e.Severity, e.AppProto, e.Field, e.Offset, e.Length = event.High, "http", "http.request_body", 0, 16
	}, text("issuer", "visa"))
	add(base(event.KindURL, "urls", "url-blocked"), verdict("reject", "url-blocked"), func(e *event.Event) { e.Would, e.AppProto = true, "tls" }, text("host", "blocked.example"), text("category", "ads"))
	add(base(event.KindDNS, "dns", "answer-rewritten"), verdict("edit", "dns-rewrite"), func(e *event.Event) { e.Proto, e.AppProto, e.ToServer = 17, "dns", false }, text("type", "answer"), num("id", 4660), text("rrname", "example.org"), text("rrtype", "A"), text("rcode", "NOERROR"))
	add(base(event.KindQoS, "qos", "policed"), verdict("drop", "class-rate"), text("class", "bulk"), num("rate_bytes_per_second", 125000))
	add(base(event.KindDrop, "urls", "flow-dropped"), verdict("drop", "url-blocked"), num("len", 1500))
	add(base(event.KindDrop, "ids", "TEST dropped"), rule, verdict("drop", "rule"))
	add(base(event.KindEdit, "dlp", "edit-not-made"), func(e *event.Event) { e.Field, e.Offset, e.Length, e.Cut = "http.host", 3, 4, true }, text("why", "overlap"))
	add(base(event.KindAnomaly, "defrag", "ipv6.frag_overlap"), six, verdict("drop", "frag-overlap"))
	add(base(event.KindAnomaly, "http", "http.header_too_long"), text("event", "is taken"), text("layer", "proto_parser"))
	add(base(event.KindFlow, "flow", "flow-ended"), num("pkts_toserver", 5), num("pkts_toclient", 4), num("bytes_toserver", 500), num("bytes_toclient", 9000), text("state", "closed"), text("reason", "timeout"))
	add(event.Event{Kind: event.KindStats, Time: noon.Add(1500 * time.Microsecond), Author: "stats"}, num("uptime", 60), num("decoder.pkts", 12345), num("offset", -3))
	add(event.Event{Kind: event.KindEngine, Time: noon, Severity: event.Medium, Author: "report", Name: "events-lost"}, num("lost", 12))
	add(event.Event{Kind: event.KindEngine})
	return es
}

func TestGolden(t *testing.T) {
	var got strings.Builder
	kinds := map[event.Kind]bool{}
	for _, e := range examples() {
		kinds[e.Kind] = true
		got.Write(append(Append(nil, &e), '\n'))
	}
	if len(kinds) != event.Kinds-1 {
		t.Errorf("examples of %d kinds", len(kinds))
	}
	path := filepath.Join("testdata", "golden.json")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := at(gotLines, i), at(wantLines, i)
		if g != w {
			t.Errorf("line %d:\ngot  %s\nwant %s", i+1, g, w)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(none)"
}

func TestPcapCount(t *testing.T) {
	e := base(event.KindAlert, "ids", "x")
	if line := string(Format{PcapCount: true}.Append(nil, &e)); !strings.Contains(line, `"pcap_cnt":7,`) {
		t.Error(line)
	}
	if line := string(Append(nil, &e)); strings.Contains(line, "pcap_cnt") {
		t.Error(line)
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000+0000"},
		{"2026-11-22T10:00:00.1234569+02:00", "2026-11-22T08:00:00.123456+0000"},
		{"0033-02-03T04:05:06.000001Z", "0033-02-03T04:05:06.000001+0000"},
		{"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+0000"},
		{"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+0000"},
	} {
		in, err := time.Parse(time.RFC3339Nano, c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendTime(nil, in)); got != `"`+c.want+`"` {
			t.Errorf("%s: %s", c.in, got)
		}
	}
	for _, out := range []time.Time{{}, time.Unix(253402300800, 0), time.Unix(-1<<55, 0)} {
		e := event.Event{Kind: event.KindStats, Time: out}
		if line := Append(nil, &e); strings.Contains(string(line), "timestamp") || !json.Valid(line) {
			t.Errorf("%v: %s", out, line)
		}
	}
}

func TestProtoNames(t *testing.T) {
	for p, want := range map[uint8]string{1: "ICMP", 6: "TCP", 17: "UDP", 58: "IPv6-ICMP", 132: "SCTP", 3: "003", 255: "255"} {
		if got := protoName(p); got != want {
			t.Errorf("%d: %s", p, got)
		}
	}
}

// TestTextReadsBack compares the encoder with the standard library's decoder, on every
// byte, every rune of interest, and pieces of runes.
func TestTextReadsBack(t *testing.T) {
	var texts []string
	for b := range 256 {
		texts = append(texts, string([]byte{byte(b)}), string([]byte{'a', byte(b), 'z'}))
	}
	for _, r := range []rune{0x7f, 0x80, 0x9f, 0xa0, 0x2027, 0x2028, 0x2029, 0xfffd, 0xffff, 0x10000, 0x10ffff} {
		texts = append(texts, string(r), "x"+string(r)[:len(string(r))-1])
	}
	texts = append(texts, "", `a"b\c/d`, "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "é\xff\xfe€")
	for _, s := range texts {
		line := appendText(nil, s)
		var got string
		if err := json.Unmarshal(line, &got); err != nil {
			t.Errorf("%q: %v in %s", s, err, line)
		}
		if want := string([]rune(s)); got != want { // both make each bad byte U+FFFD
			t.Errorf("%q reads back as %q", s, got)
		}
		for _, r := range string(line) {
			if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
				t.Errorf("%q: control in %q", s, line)
			}
		}
	}
}

func TestRepeatedKeysAreWrittenOnce(t *testing.T) {
	e := event.Event{Kind: event.KindDrop, Reason: "first"}
	e.Text("reason", "second")
	e.Num("a", 1)
	e.Num("a", 2)
	e.Num("\xff", 3)
	e.Num("\xfe", 4) // reads the same
	e.Num("ab", 5)
	want := `{"event_type":"drop","drop":{"reason":"first","a":1,"\ufffd":3,"ab":5},"weir":{"reason":"first"}}`
	if got := string(Append(nil, &e)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// worst is the event with the longest line: every byte needs six.
func worst() event.Event {
	e := base(event.KindAlert, strings.Repeat("\x01", event.MaxAuthor), strings.Repeat("\x01", event.MaxName))
	e.Class, e.Reason = strings.Repeat("\x01", event.MaxClass), strings.Repeat("\x01", event.MaxReason)
	e.Field, e.Verdict, e.Would, e.Cut = strings.Repeat("\x01", event.MaxField), strings.Repeat("\x01", event.MaxVerdict), true, true
	e.AppProto = strings.Repeat("\x01", event.MaxAppProto)
	e.FlowID, e.Packet, e.Rule, e.RuleRev = 1<<64-1, 1<<64-1, 1<<32-1, 1<<32-1
	for i := range event.MaxPairs - 1 {
		e.Num(string(rune('a'+i)), -1<<63)
	}
	e.Text("\x01", strings.Repeat("\x01", event.MaxBytes))
	return e
}

func TestMaxLine(t *testing.T) {
	e := worst()
	var cut event.Event
	if err := event.Decode(event.Append(nil, &e), &cut); err != nil {
		t.Fatal(err)
	}
	line := Append(nil, &cut)
	if len(line) >= MaxLine || len(line) < MaxLine*2/3 || !json.Valid(line) {
		t.Errorf("%d bytes, limit %d, valid %v", len(line), MaxLine, json.Valid(line))
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, MaxLine)
	for _, e := range examples() {
		if n := testing.AllocsPerRun(50, func() { buf = Append(buf[:0], &e) }); n != 0 {
			t.Errorf("%v: %v allocations", e.Kind, n)
		}
	}
}

func FuzzAppend(f *testing.F) {
	for _, e := range examples() {
		f.Add(event.Append(nil, &e), "key", "text")
	}
	e := worst()
	f.Add(event.Append(nil, &e), "\"\\\x00", "\xff\u2028")
	f.Fuzz(func(t *testing.T, rec []byte, key, text string) {
		var e event.Event
		if event.Decode(rec, &e) != nil {
			e = event.Event{Kind: event.KindEngine, Name: string(rec), Author: text}
		}
		e.Text(key, text)
		line := Append(nil, &e)
		if !json.Valid(line) || !utf8.Valid(line) {
			t.Fatalf("not JSON: %q", line)
		}
		if strings.ContainsAny(string(line), "\n\r\x00\x1b") {
			t.Fatalf("controls: %q", line)
		}
	})
}

func BenchmarkAlert(b *testing.B) {
	e, buf := examples()[1], make([]byte, 0, MaxLine)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], &e)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkFlow(b *testing.B) {
	e, buf := examples()[12], make([]byte, 0, MaxLine)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], &e)
	}
	b.SetBytes(int64(len(buf)))
}
