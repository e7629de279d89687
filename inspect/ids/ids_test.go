package ids

import (
	"fmt"
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

const client, server = "192.0.2.1:40000", "198.51.100.1:80"

func lane(t testing.TB, c Config) *inspecttest.Lane {
	t.Helper()
	maker, mistakes := New(c, inspect.Env{Lanes: 1, Labels: new(inspect.LabelTable), Files: os.DirFS(".")})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return inspecttest.New(t, new(inspect.LabelTable), maker())
}

func rules(t testing.TB, texts ...string) *inspecttest.Lane {
	t.Helper()
	return lane(t, Config{Rules: texts, Strict: true})
}

// sids are the rules told of since the last call.
func sids(l *inspecttest.Lane) []uint32 {
	out := []uint32{}
	for _, e := range l.TakeEvents() {
		out = append(out, e.Rule)
	}
	return out
}

func httpRequest(uri, agent string) *field.Message {
	return inspecttest.Message("http", false, inspecttest.Part{ID: field.HTTPMethod, Value: "GET"}, inspecttest.Part{ID: field.HTTPURI, Value: uri},
		inspecttest.Part{ID: field.HTTPHost, Value: "www.example.com"}, inspecttest.Part{ID: field.HTTPUserAgent, Value: agent})
}

func query(names ...string) *field.Message {
	var parts []inspecttest.Part
	for _, n := range names {
		parts = append(parts, inspecttest.Part{ID: field.DNSQuery, Value: n})
	}
	return inspecttest.Message("dns", false, parts...)
}

// established makes the flow of the two addresses an established one.
func established(l *inspecttest.Lane) {
	l.Begin(inspecttest.TCP(client, server, nil))
	l.Begin(inspecttest.TCP(server, client, nil))
}

func TestReadmeExamples(t *testing.T) {
	cs := inspecttest.Examples[Config](t, "README.md")
	l := lane(t, cs[0])
	established(l)
	m := httpRequest("/", "CURL/8.5")
	l.Message(inspecttest.TCP(client, server, m.Unit), m, inspect.MessageWhole)
	if e := l.Events; len(e) != 1 || e[0].Rule != 1000001 || e[0].RuleRev != 2 || e[0].Class != "policy-violation" || e[0].Severity != event.High ||
		e[0].Name != "curl at work" || e[0].Field != "http.user_agent" || inspecttest.Pair(&e[0], "gid").Num != 1 {
		t.Errorf("%+v", e)
	}
	l.TakeEvents()
	if d := l.Packet(inspecttest.TCP("192.0.2.7:1025", "198.51.100.1:23", nil)); d != inspect.Drop(inspect.ScopeFlow, Matched) {
		t.Error(d)
	}
	l.TakeEvents()
	l.Idle(false)
	l.Idle(true)
	if e := l.Events; len(e) != 1 || inspecttest.Pair(&e[0], "loaded").Num != 2 || inspecttest.Pair(&e[0], "refused").Num != 1 {
		t.Errorf("%+v", e)
	}

	l = lane(t, cs[1])
	l.Stream(inspecttest.TCP(client, server, []byte("a NEEDLE")))
	m = query("x.bad.example")
	d := l.Message(inspecttest.UDP(client, "198.51.100.53:53", m.Unit), m, inspect.MessageWhole)
	if !d.Monitor || d.Verdict != packet.Drop || len(l.Events) != 2 || !l.Events[1].Would || l.Events[0].Would {
		t.Errorf("%v %+v", d, l.Events)
	}
	l.TakeEvents()
	if l.Stream(inspecttest.TCP(client, "198.51.100.9:1", []byte("needle"))); len(l.Events) != 0 {
		t.Error("the pass rule does not pass")
	}
}

func TestHeaders(t *testing.T) {
	p := inspecttest.TCP(client, server, []byte("x"))
	six := inspecttest.UDP("[2001:db8::1]:5353", "[2001:db8::2]:53", []byte("x"))
	for _, c := range []struct {
		header string
		p      *packet.Packet
		want   bool
	}{
		{"tcp any any -> any any", p, true},
		{"udp any any -> any any", p, false},
		{"icmp any any -> any any", p, false},
		{"ip any any -> any any", six, true},
		{"udp any any -> any 53", six, true},
		{"udp any any -> any !53", six, false},
		{"udp 2001:db8::/32 any -> 2001:db8::2 any", six, true},
		{"udp 192.0.2.0/24 any -> any any", six, false},
		{"udp !192.0.2.0/24 any -> any any", six, true},
		{"tcp 192.0.2.0/24 40000: -> 198.51.100.0/24 [80,8080]", p, true},
		{"tcp [192.0.2.0/24,!192.0.2.1] any -> any any", p, false},
		{"tcp any 80 -> any any", p, false},
		{"tcp any 80 <> 192.0.2.1 any", p, true},
		{"tcp $EXTERNAL_NET any -> !$HOME_NET $HTTP_PORTS", p, true},
		{"icmp any any -> any any", inspecttest.Echo("192.0.2.1", "192.0.2.2"), true},
		{"icmp any any -> any any", inspecttest.Echo("2001:db8::1", "2001:db8::2"), true},
	} {
		l := rules(t, "alert "+c.header+" (sid:1;)")
		l.Packet(c.p)
		if got := len(l.Events) == 1; got != c.want {
			t.Errorf("%s: %v, want %v", c.header, got, c.want)
		}
	}
}

func TestPayload(t *testing.T) {
	for _, c := range []struct {
		options, payload string
		want             bool
	}{
		{`content:"abc";`, "xabcx", true},
		{`content:"abc";`, "xaBcx", false},
		{`content:"aBc"; nocase;`, "xAbCx", true},
		{`content:!"abc";`, "xabcx", false},
		{`content:!"abc";`, "x", true},
		{`content:"a|00 ff|";`, "a\x00\xff", true},
		{`content:"abc"; startswith;`, "abcd", true},
		{`content:"abc"; startswith;`, "xabc", false},
		{`content:"abc"; endswith;`, "xabc", true},
		{`content:"abc"; endswith;`, "abcabcx", false},
		{`content:"b"; offset:2;`, "ab", false},
		{`content:"b"; offset:1; depth:1;`, "ab", true},
		{`content:"b"; depth:1;`, "ab", false},
		{`content:"a"; content:"b"; distance:1; within:1;`, "a.b", true},
		{`content:"a"; content:"b"; distance:1; within:1;`, "a..b", false},
		{`content:"a"; content:"b"; distance:1; within:1;`, "a..ba.b", true},
		{`content:"a"; content:!"b"; within:1;`, "aba.", true},
		{`content:"a"; content:!"b"; within:1;`, "abab", false},
		{`content:"b"; content:"a"; distance:-2; within:1;`, "ab", true},
		{`dsize:3;`, "abc", true},
		{`dsize:>3;`, "abc", false},
		{`dsize:<4;`, "abc", true},
		{`dsize:2<>4;`, "abc", true},
		{`dsize:3<>5;`, "abc", false},
		{`content:"b"; dsize:3;`, "abc", true},
		{`content:"b"; dsize:4;`, "abc", false},
		{`content:"b"; bsize:3;`, "abc", true},
		{`bsize:>5;`, "abc", false},
	} {
		l := rules(t, "alert udp any any -> any any ("+c.options+" sid:1;)")
		p := inspecttest.UDP(client, server, []byte(c.payload))
		l.Packet(p)
		l.Stream(p)
		if got := len(l.Events) == 1; got != c.want {
			t.Errorf("%s on %q: %d alerts, want %v", c.options, c.payload, len(l.Events), c.want)
		}
	}
}

func TestFields(t *testing.T) {
	get := httpRequest("/Admin/x.php?q=1", "curl/8")
	for _, c := range []struct {
		rule string
		m    *field.Message
		want bool
	}{
		{`http any any -> any any (http.uri; content:"/Admin";`, get, true},
		{`http any any -> any any (http.uri; content:"/admin"; nocase; content:".php"; distance:0; http.method; content:"GET"; bsize:3;`, get, true},
		{`http any any -> any any (http.uri; content:"/Admin"; http.method; content:"POST";`, get, false},
		{`http any any -> any any (http.uri; content:"GET";`, get, false},
		{`http any any -> any any (content:"GET"; depth:3;`, get, true},
		{`http any any -> any any (http.uri; content:"Admin"; pkt_data; content:"curl/8|0a|"; endswith;`, get, true},
		{`tcp any any -> any any (http.host; content:"www.example.com"; bsize:15;`, get, true},
		{`http any any -> any any (content:"/Admin"; http_uri; content:"curl"; http_user_agent;`, get, true},
		{`http any any -> any any (content:"/Admin"; http_user_agent;`, get, false},
		{`http any any -> any any (http.host; dotprefix; content:".example.com"; endswith;`, get, true},
		{`http any any -> any any (http.host; dotprefix; content:".xample.com"; endswith;`, get, false},
		{`http any any -> any any (flow:to_server; http.method; content:!"POST";`, get, true},
		{`http any any -> any any (flow:to_client; http.method; content:!"POST";`, get, false},
		{`http any any -> any any (`, get, true},
		{`dns any any -> any any (`, get, false},
		{`dns any any -> any any (dns.query; content:"b.example"; bsize:9;`, query("a.example", "b.example"), true},
		{`dns any any -> any any (dns.query; content:"a.ex"; content:"b.ex";`, query("a.example", "b.example"), false},
		{
			`tls any any -> any any (tls.sni; content:"example"; fast_pattern; content:".org"; endswith;`,
			inspecttest.Message("tls", false, inspecttest.Part{ID: field.TLSSNI, Value: "example.org"}), true,
		},
	} {
		l := rules(t, "alert "+c.rule+" sid:1;)")
		l.Message(inspecttest.TCP(client, server, c.m.Unit), c.m, inspect.MessageWhole)
		if got := len(l.Events) == 1; got != c.want {
			t.Errorf("%s: %d alerts, want %v", c.rule, len(l.Events), c.want)
		}
	}
}

func TestFlowState(t *testing.T) {
	l := rules(t, `alert tcp any any -> any any (flow:established,to_client; content:"x"; sid:1;)`,
		`alert tcp any any -> any any (flow:established; sid:2;)`, `alert tcp any any -> any 80 (sid:3;)`)
	type step struct {
		from, to string
		want     []uint32
	}
	for i, s := range []step{
		{client, server, []uint32{3}},
		{server, client, []uint32{2, 1}},
		{client, server, []uint32{2}},
		{server, client, []uint32{1}},
		{client, server, []uint32{}},
	} {
		p := inspecttest.TCP(s.from, s.to, []byte("x"))
		l.Packet(p)
		for i := range l.Chain.Stream {
			l.Chain.Stream[i].I.InspectStream(&l.Cx, p.Payload())
		}
		if d := cmp.Diff(s.want, sids(l)); d != "" {
			t.Errorf("packet %d:\n%s", i, d)
		}
	}
}

func TestActionsInOrder(t *testing.T) {
	l := rules(t, `alert tcp any any -> any any (content:"x"; sid:1;)`, `reject tcp any any -> any any (content:"x"; sid:2;)`,
		`drop tcp any any -> any any (content:"xy"; sid:3;)`, `pass tcp any any -> any any (content:"xyz"; sid:4;)`)
	for _, c := range []struct {
		payload string
		want    []uint32
		d       inspect.Decision
	}{
		{"x", []uint32{2, 1}, inspect.Reject(inspect.ScopeFlow, Matched)},
		{"xy", []uint32{3, 2, 1}, inspect.Drop(inspect.ScopeFlow, Matched)},
		{"xyz", []uint32{}, inspect.Decision{}},
	} {
		d := l.Stream(inspecttest.TCP(client, server, []byte(c.payload)))
		if diff := cmp.Diff(c.want, sids(l)); diff != "" || d != c.d {
			t.Errorf("%s: %v\n%s", c.payload, d, diff)
		}
	}
}

func TestMonitoredDropDoesNotHideTheOther(t *testing.T) {
	l := lane(t, Config{Monitor: []uint32{1}, Rules: []string{`drop tcp any any -> any any (content:"x"; sid:1;)`, `reject tcp any any -> any any (content:"x"; sid:2;)`}})
	if d := l.Stream(inspecttest.TCP(client, server, []byte("x"))); d != inspect.Reject(inspect.ScopeFlow, Matched) {
		t.Error(d)
	}
}

func TestAlertsAreBounded(t *testing.T) {
	var c Config
	for i := range 100 {
		c.Rules = append(c.Rules, fmt.Sprintf(`alert tcp any any -> any any (content:"x"; sid:%d;)`, i+1))
	}
	l := lane(t, c)
	l.Stream(inspecttest.TCP(client, server, []byte("x")))
	if len(l.Events) != 15 || inspecttest.Pair(&l.Events[14], "more").Num != 85 || inspecttest.Pair(&l.Events[13], "more").Num != 0 {
		t.Errorf("%d events", len(l.Events))
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		text string
		col  int
		what string
	}{
		{`alert tcp any any -> any any (content:"x"; pcre:"/x/"; sid:1;)`, 44, "pcre"},
		{`alert smb any any -> any any (sid:1;)`, 7, "smb"},
		{`log tcp any any -> any any (sid:1;)`, 1, "log"},
		{`alert tcp $NONE any -> any any (sid:1;)`, 11, "NONE"},
		{`alert tcp any any -> any any (content:"x";)`, 1, "no sid"},
		{`alert tcp any any -> any any (nocase; sid:1;)`, 31, "no content"},
		{`alert tcp any any -> any any (http_uri; sid:1;)`, 31, "no content"},
		{`alert tcp any any -> any any (content:"x|0|"; sid:1;)`, 43, "hexadecimal"},
		{`alert tcp any any -> any any (content:"abc"; depth:2; sid:1;)`, 46, "no place"},
		{`alert tcp any any -> any any (content:"abc"; within:2; sid:1;)`, 46, "no place"},
		{`alert tcp any any -> any any (content:"abc"; distance:1; offset:2; sid:1;)`, 58, "beside"},
		{`alert tcp any any -> any any (content:"abc"; offset:2; within:9; sid:1;)`, 56, "beside"},
		{`alert tcp any any -> any any (content:"abc"; offset:x; sid:1;)`, 53, "offset"},
		{`alert tcp any any -> any any (content:"abc"; nocase:1; sid:1;)`, 53, "no value"},
		{`alert tcp any any -> any any (content:"abc"; fast_pattern:1,2; sid:1;)`, 59, "fast_pattern"},
		{`alert tcp any any -> any any (dsize:5<>6; sid:1;)`, 37, "no size"},
		{`alert tcp any any -> any any (dsize:<0; sid:1;)`, 37, "no size"},
		{`alert tcp any any -> any any (flow:only_stream; sid:1;)`, 36, "flow"},
		{`alert tcp any any -> any any (sid:1; sid:2;)`, 38, "second"},
		{`alert tcp any any -> any any (sid:x;)`, 35, "number"},
		{`alert dns any any -> any any (tls.sni; content:"x"; sid:1;)`, 7, "field of tls"},
		{`alert tcp any any -> any any (http.uri; content:"x"; tls.sni; content:"x"; sid:1;)`, 7, "field of tls"},
		{`alert quic any any -> any any (tls.sni; content:"x"; sid:1;)`, 7, "field of tls"},
		{`alert tls any any -> any any (quic.sni; content:"x"; sid:1;)`, 7, "field of quic"},
		{`alert dns any any -> any any (ja4.hash; content:"x"; sid:1;)`, 7, "field of tls or quic"},
		{`alert ip any any -> any any (quic.version; content:"x"; tls.version:1.3; sid:1;)`, 7, "field of tls"},
		{`alert tls any any -> any any (tls.version:2.0; sid:1;)`, 43, "tls.version"},
		{`alert tls any any -> any any (tls.version:0x12345; sid:1;)`, 43, "tls.version"},
		{`alert tls any any -> any any (tls.cert_subject; content:"x"; tls.sni; content:"x"; sid:1;)`, 1, "messages of their own"},
		{`alert tcp any any -> any any (file.data; content:"x"; sid:1;)`, 1, "file.data"},
		{`alert smtp any any -> any any (smtp.helo; content:"x"; file.data; content:"x"; sid:1;)`, 1, "messages of their own"},
		{`alert ftp any any -> any any (ftp.reply; content:"x"; ftp.command; content:"x"; sid:1;)`, 1, "messages of their own"},
		{`alert smtp any any -> any any (flow:to_client; file.data; content:"x"; sid:1;)`, 1, "file.data"},
		{`nonsense`, 9, "protocol"},
	} {
		_, m := New(Config{Rules: []string{c.text}, Strict: true}, inspect.Env{Lanes: 1})
		i := slices.IndexFunc(m, func(x inspect.Mistake) bool { return strings.Contains(x.What, c.what) })
		if i < 0 || m[i].Line != 1 || m[i].Col != c.col || m[i].Path != "rules[0]" || m[i].Hint == "" {
			t.Errorf("%s: %+v", c.text, m)
		}
	}
}

func TestMistakes(t *testing.T) {
	good := `alert tcp any any -> any any (sid:1;)`
	files := fstest.MapFS{"a.rules": {Data: []byte("\n" + good + "\n" + good + "\nalert x\n")}, "c": {Data: []byte("nonsense\n")}}
	for _, c := range []struct {
		c    Config
		want string
	}{
		{Config{}, "files"},
		{Config{Files: []string{"none"}}, "files[0]"},
		{Config{Rules: []string{good}, MaxAlerts: -1}, "max_alerts"},
		{Config{Rules: []string{good}, Variables: map[string]string{"X": "a b"}}, "variables.X"},
		{Config{Rules: []string{good}, Classification: "none"}, "classification"},
		{Config{Rules: []string{good}, Classification: "c"}, "classification c:1:1"},
		{Config{Rules: []string{good}, Monitor: []uint32{1, 2}}, "monitor[1]"},
		{Config{Rules: []string{"nonsense"}}, "rules rules[0]:1:9"},
		{Config{Rules: []string{"local.rules"}}, "rules[0]"}, // a file's name
		{Config{Files: []string{"a.rules"}, Strict: true}, "files[0] a.rules:4:8 files[0] a.rules:3:1"},
		{Config{Files: []string{"a.rules"}}, ""},
	} {
		_, m := New(c.c, inspect.Env{Lanes: 1, Files: files})
		var got []string
		for _, x := range m {
			s := x.Path
			if x.Line != 0 {
				s = strings.ReplaceAll(fmt.Sprintf("%s %s:%d:%d", s, x.File, x.Line, x.Col), " :", ":")
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v: %s, want %s", c.c, s, c.want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	l := rules(t, `alert tcp any any -> any any (content:"Abc"; nocase; content:"d"; distance:0; within:30; sid:1;)`,
		`alert http any any -> any any (http.host; dotprefix; content:".example.com"; nocase; http.uri; content:"x"; sid:2;)`,
		`drop tcp any any -> any any (dsize:>3; sid:3;)`, `alert ip [192.0.2.0/24,!192.0.2.9] any -> any any (sid:4;)`)
	l.Quiet = true
	p := inspecttest.TCP(client, server, []byte(strings.Repeat("ABC d ", 200)))
	m := httpRequest("/x", "curl")
	if n := testing.AllocsPerRun(100, func() {
		l.Packet(p)
		l.Stream(p)
		l.Message(p, m, inspect.MessageWhole)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if l.Emitted < 300 {
		t.Errorf("only %d events", l.Emitted)
	}
}
