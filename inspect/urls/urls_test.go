package urls

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
	"github.com/weir-project/weir/packet"
)

const client, web, tls = "192.0.2.1:40000", "198.51.100.1:80", "198.51.100.1:443"

func lane(t testing.TB, c Config) *inspecttest.Lane {
	t.Helper()
	labels := new(inspect.LabelTable)
	maker, mistakes := New(c, inspect.Env{Lanes: 1, Labels: labels, Files: os.DirFS(".")})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return inspecttest.New(t, labels, maker())
}

func request(method, target string, hosts ...string) *field.Message {
	parts := []inspecttest.Part{{ID: field.HTTPMethod, Value: method}, {ID: field.HTTPURI, Value: target}}
	for _, h := range hosts {
		parts = append(parts, inspecttest.Part{ID: field.HTTPHost, Value: h})
	}
	return inspecttest.Message("http", false, parts...)
}

func hello(name string) *field.Message {
	parts := []inspecttest.Part{{ID: field.TLSVersion, Value: "TLS 1.3"}}
	if name != "" {
		parts = append(parts, inspecttest.Part{ID: field.TLSSNI, Value: name})
	}
	return inspecttest.Message("tls", false, parts...)
}

func get(l *inspecttest.Lane, host string) inspect.Decision {
	m := request("GET", "/", host)
	return l.Message(inspecttest.TCP(client, web, m.Unit), m, inspect.MessageWhole)
}

var rejected = inspect.Reject(inspect.ScopeFlow, Blocked)

func TestReadmeExamples(t *testing.T) {
	cs := inspecttest.Examples[Config](t, "README.md")
	l := lane(t, cs[0])
	for host, want := range map[string]inspect.Decision{
		"ads.example.com": rejected, "a.ads.example.com": rejected, "good.ads.example.com": {}, "example.com": {},
		"example.net": {}, "www.example.net": rejected, "www.example.org": {},
	} {
		if d := get(l, host); d != want {
			t.Errorf("%s: %v, want %v", host, d, want)
		}
	}
	l = lane(t, cs[2])
	if d := get(l, "games.example"); d.Verdict != packet.Reject || d.Page == nil || !strings.Contains(string(d.Page.Response()), "a list of this network: games.") ||
		!strings.Contains(string(d.Page.Response()), "Ask the library.") {
		t.Errorf("%+v", d)
	}
	l = lane(t, cs[1])
	for host, want := range map[string][]string{
		"tracker.example.com": {"blocklist"}, "metrics.example.com": {"blocklist"}, "x.tracker.example.com": nil,
		"localhost": nil, "a.example.org": {"blocklist"}, "wild.example": nil, "a.wild.example": {"blocklist"},
		"both.example": {"blocklist"}, "a.both.example": {"blocklist"}, "xn--bcher-kva.example": {"blocklist"},
		"www.example.com": {"exactly this"}, "a.www.example.com": nil,
	} {
		d := get(l, host)
		var lists []string
		for _, e := range l.TakeEvents() {
			lists = append(lists, inspecttest.Pair(&e, "list").Text)
			if e.Would != (lists[len(lists)-1] == "blocklist") {
				t.Errorf("%s: would is %v", host, e.Would)
			}
		}
		if diff := cmp.Diff(want, lists); diff != "" {
			t.Errorf("%s:\n%s", host, diff)
		}
		if slices.Contains(want, "blocklist") && !d.Monitor {
			t.Errorf("%s: %v", host, d)
		}
	}
}

func TestHostForms(t *testing.T) {
	for _, value := range []string{
		"blocked.example", "BLOCKED.example", "blocked.example:8080", "blocked.example.", " blocked.example\t",
		"user@blocked.example", "ok.example@blocked.example:1", "a.b.blocked.example",
	} {
		l := lane(t, Config{Lists: []List{{Domains: []string{"blocked.example"}}}})
		if d := get(l, value); d != rejected {
			t.Errorf("%q: %v", value, d)
		}
	}
	for _, value := range []string{"", "ok.example", "notblocked.example", "blocked.example.ok", ":80", "@", "[", "[2001:db8::1", strings.Repeat("a", 300) + ".blocked.example"} {
		l := lane(t, Config{Lists: []List{{Domains: []string{"blocked.example"}}}})
		if d := get(l, value); d != (inspect.Decision{}) {
			t.Errorf("%q: %v", value, d)
		}
	}
}

func TestEveryNameOfARequestCounts(t *testing.T) {
	for _, c := range []struct {
		m    *field.Message
		want inspect.Decision
	}{
		{request("GET", "http://blocked.example/x", "ok.example"), rejected},
		{request("GET", "HTTP://user@BLOCKED.example:80?x", "ok.example"), rejected},
		{request("CONNECT", "blocked.example:443", "ok.example"), rejected},
		{request("GET", "/", "ok.example", "blocked.example"), rejected},
		{request("GET", "/", "blocked.example", "ok.example"), rejected},
		{request("GET", "/?u=http://blocked.example/", "ok.example"), inspect.Decision{}},
		{request("GET", "x?u=http://blocked.example/", "ok.example"), inspect.Decision{}},
		{request("GET", "/"), inspect.Decision{}},
	} {
		l := lane(t, Config{Lists: []List{{Domains: []string{"blocked.example"}}}, Allow: Names{Domains: []string{"ok.example"}}})
		if d := l.Message(inspecttest.TCP(client, web, c.m.Unit), c.m, inspect.MessageWhole); d != c.want {
			t.Errorf("%q: %v, want %v", c.m.Unit, d, c.want)
		}
	}
}

// TestTLSIsReleasedOnceAnswered: until then a client can be asked for another hello. A flow of QUIC is never released.
func TestTLSIsReleasedOnceAnswered(t *testing.T) {
	c := Config{Lists: []List{{Domains: []string{"blocked.example"}, Action: "drop"}, {Domains: []string{"seen.example"}, Action: "alert"}}}
	for _, over := range []string{"tls", "quic"} {
		for name, want := range map[string]inspect.Decision{"blocked.example": inspect.Drop(inspect.ScopeFlow, Blocked), "ok.example": {}, "seen.example": {}, "": {}} {
			l, m := lane(t, c), hello(name)
			m.Proto = over
			if d := l.Message(inspecttest.TCP(client, tls, m.Unit), m, inspect.MessageWhole); d != want {
				t.Errorf("%s, %q: %v, want %v", over, name, d, want)
			}
			if events := l.TakeEvents(); (len(events) == 1) != strings.HasSuffix(name, "d.example") && name != "seen.example" {
				t.Errorf("%s, %q: %d events", over, name, len(events))
			}
			m = hello("")
			m.Proto, m.Response = over, true
			if want = (inspect.Decision{}); over == "tls" {
				want = inspect.Release()
			}
			if d := l.Message(inspecttest.TCP(tls, client, m.Unit), m, inspect.MessageWhole); d != want {
				t.Errorf("%s, answered: %v, want %v", over, d, want)
			}
		}
	}
}

// TestHTTPIsReleasedWithItsLastResponse: until then there can be further requests.
func TestHTTPIsReleasedWithItsLastResponse(t *testing.T) {
	l := lane(t, Config{Lists: []List{{Domains: []string{"blocked.example"}}}})
	answer := func(last bool) inspect.Decision {
		m := new(field.Message)
		m.Reset("http", []byte("HTTP/1.1 200 OK\r\n\r\n"))
		m.Response, m.Last = true, last
		m.Add(field.Field{ID: field.HTTPStatus, Value: m.Unit[9:12]})
		return l.Message(inspecttest.TCP(web, client, m.Unit), m, inspect.MessageWhole)
	}
	if d := get(l, "ok.example"); d != (inspect.Decision{}) {
		t.Errorf("first request: %v", d)
	}
	if d := answer(false); d != (inspect.Decision{}) {
		t.Errorf("a response: %v", d)
	}
	if d := answer(true); d != inspect.Release() {
		t.Errorf("the last response: %v", d)
	}
	if d := get(l, "blocked.example"); d != rejected {
		t.Errorf("second request of the same connection: %v", d)
	}
}

func TestLabelsAndEvent(t *testing.T) {
	l := lane(t, Config{Lists: []List{
		{Category: "news", Domains: []string{"example.com"}, Action: "alert"},
		{Category: "ads", Name: "ad list", Domains: []string{"ads.example.com"}},
		{Category: "never", Domains: []string{"example.com"}},
	}})
	get(l, "ads.example.com:80")
	got := slices.Collect(l.Cx.Labels.Names(l.Cx.Flow.Labels))
	if d := cmp.Diff([]string{"category=news", "category=ads"}, got); d != "" {
		t.Error(d)
	}
	e := &l.Events[1]
	if len(l.Events) != 2 || e.Kind != event.KindURL || e.Name != "url-blocked" || e.Verdict != "reject" || e.Field != "http.host" ||
		inspecttest.Pair(e, "host").Text != "ads.example.com" || inspecttest.Pair(e, "list").Text != "ad list" || inspecttest.Pair(e, "category").Text != "ads" {
		t.Errorf("%+v", l.Events)
	}
}

func TestMistakes(t *testing.T) {
	files := fstest.MapFS{
		"bad.txt":  {Data: []byte("good.example\n\nbad domain\nalso/bad\n")},
		"many.txt": {Data: []byte(strings.Repeat("a b\n", 30))},
		"long.txt": {Data: []byte(strings.Repeat("a", maxLine+1))},
	}
	for _, c := range []struct {
		yaml, path string
		n, line    int
	}{
		{"{}", "lists", 1, 0},
		{"lists: [{}]", "lists[0]", 1, 0},
		{"lists: [{domains: [example.com], action: block}]", "lists[0].action", 1, 0},
		{"lists: [{domains: [example.com], mode: on}]", "lists[0].mode", 1, 0},
		{"lists: [{domains: [example.com, 'a b']}]", "lists[0].domains[1]", 1, 0},
		{"lists: [{domains: ['*']}]", "lists[0].domains[0]", 1, 0},
		{"lists: [{domains: [a..b]}]", "lists[0].domains[0]", 1, 0},
		{"lists: [{domains: ['*.']}]", "lists[0].domains[0]", 1, 0},
		{"lists: [{files: [none.txt]}]", "lists[0].files[0]", 1, 0},
		{"lists: [{files: [bad.txt]}]", "lists[0].files[0]", 2, 3},
		{"lists: [{files: [many.txt]}]", "lists[0].files[0]", maxMistakes + 1, 1},
		{"lists: [{files: [long.txt]}]", "lists[0].files[0]", 1, 0},
		{"{page_note: ask, lists: [{domains: [example.com]}]}", "page_note", 1, 0},
		{"{lists: [{domains: [example.com]}], allow: {files: [none.txt]}}", "allow.files[0]", 1, 0},
	} {
		maker, m := New(inspecttest.Load[Config](t, c.yaml), inspect.Env{Lanes: 1, Labels: new(inspect.LabelTable), Files: files})
		if maker != nil || len(m) != c.n || m[0].Path != c.path || m[0].Line != c.line || m[0].Hint == "" {
			t.Errorf("%s: %+v", c.yaml, m)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add("example.com\n0.0.0.0 a.example b.example # x\n*.c.example\n\xc3\xbc.example\n")
	f.Fuzz(func(t *testing.T, text string) {
		var m inspect.Mistakes
		r := reader{set: newSet(), bare: itself}
		r.file(strings.NewReader(text), "list", "files[0]", &m)
		for e := 0; e < len(r.set.arena); {
			n := int(r.set.arena[e+1])
			name := r.set.arena[e+2 : e+2+n]
			if !isDomain(name) || r.set.covers(name) != r.set.arena[e] {
				t.Fatalf("%q in the set: %d", name, r.set.covers(name))
			}
			e += 2 + n
		}
	})
}

func TestNoAllocation(t *testing.T) {
	l := lane(t, Config{Lists: []List{{Category: "ads", Domains: []string{"blocked.example"}, Action: "alert"}}})
	l.Quiet = true
	m := request("GET", "/", "WWW.blocked.example:80")
	p := inspecttest.TCP(client, web, m.Unit)
	h := hello("a.b.c.example")
	if n := testing.AllocsPerRun(100, func() {
		l.Message(p, m, inspect.MessageWhole)
		l.Message(p, h, inspect.MessageWhole)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if l.Emitted == 0 {
		t.Error("nothing was found")
	}
}

func TestGraverListDecides(t *testing.T) {
	l := lane(t, Config{Lists: []List{
		{Name: "would", Domains: []string{"example.com"}, Mode: "monitor"},
		{Name: "does", Domains: []string{"example.com"}, Action: "drop"},
	}})
	if d := get(l, "example.com"); d.Monitor || d.Verdict != packet.Drop {
		t.Errorf("a monitored list hides the one that blocks: %v", d)
	}
}
