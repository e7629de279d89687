package dns

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	wiredns "github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	grammar "github.com/weir-project/weir/proto/dns"
)

const client, server = "192.0.2.1:40000", "198.51.100.53:53"

func lane(t testing.TB, c Config) *inspecttest.Lane {
	t.Helper()
	maker, mistakes := New(c, inspect.Env{Lanes: 1})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return inspecttest.New(t, new(inspect.LabelTable), maker())
}

func load(t testing.TB, text string) *inspecttest.Lane {
	t.Helper()
	return lane(t, inspecttest.Load[Config](t, text))
}

// message packs a response to a question for name with the given answers.
func message(t testing.TB, name string, typ uint16, answers ...string) []byte {
	t.Helper()
	m := new(wiredns.Msg)
	m.SetQuestion(name, typ)
	m.Response = len(answers) > 0
	m.Compress = true
	for _, text := range answers {
		rr, err := wiredns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func parse(t testing.TB, unit []byte, transport packet.Proto) *field.Message {
	t.Helper()
	g, m := grammar.New(), new(field.Message)
	if n, why := g.Parse(m, unit, proto.Peer{Transport: transport, Dir: flow.ToClient}, g.Fields()); n != len(unit) {
		t.Fatalf("%d of %d bytes: %s", n, len(unit), why)
	}
	return m
}

// answers runs a response through l and the grammar's repair and returns the answers that the client reads.
func answers(t testing.TB, l *inspecttest.Lane, unit []byte) ([]string, inspect.Decision) {
	t.Helper()
	m := parse(t, unit, packet.UDP)
	d := l.Message(inspecttest.UDP(server, client, unit), m, inspect.MessageWhole)
	var edits []field.Edit
	for _, e := range l.Edits {
		edits = append(edits, field.Edit{Span: e.Span, New: e.New, Field: e.Field})
	}
	l.Edits = nil
	out, why := grammar.New().Repair(nil, m, edits)
	if why != "" {
		t.Fatal(why)
	}
	msg := new(wiredns.Msg)
	if err := msg.Unpack(out); err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, rr := range msg.Answer {
		got = append(got, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	return got, d
}

const www = "www.example.com. 300 IN A 198.51.100.7"

func TestReadmeExamples(t *testing.T) {
	cs := inspecttest.Examples[Config](t, "README.md")
	l := lane(t, cs[0])
	got, _ := answers(t, l, message(t, "www.example.com.", wiredns.TypeA, www, "www.example.com. 300 IN A 198.51.100.8"))
	if d := cmp.Diff([]string{"www.example.com. 60 IN A 192.0.2.10", "www.example.com. 60 IN A 192.0.2.11"}, got); d != "" {
		t.Error(d)
	}
	got, _ = answers(t, l, message(t, "a.example.org.", wiredns.TypeAAAA, "a.example.org. 1 IN AAAA 2001:db8::7"))
	if d := cmp.Diff([]string{}, got); d != "" {
		t.Error(d)
	}
	query := message(t, "x.example.net.", wiredns.TypeA)
	if d := l.Message(inspecttest.UDP(client, server, query), parse(t, query, packet.UDP), inspect.MessageWhole); d != inspect.Drop(inspect.ScopePacket, Blocked) {
		t.Errorf("%+v", d)
	}

	l = lane(t, cs[1])
	got, _ = answers(t, l, message(t, "www.example.com.", wiredns.TypeA, www))
	if d := cmp.Diff([]string{www}, got); d != "" {
		t.Error(d)
	}
	if es := l.TakeEvents(); len(es) != 1 || !es[0].Would || es[0].Name != "answer-replaced" {
		t.Errorf("%+v", es)
	}
	answers(t, l, message(t, "example.org.", wiredns.TypeHTTPS, "example.org. 1 IN HTTPS 1 . alpn=h2"))
	if es := l.TakeEvents(); len(es) != 1 || es[0].Would || es[0].Name != "dns-listed" {
		t.Errorf("%+v", es)
	}
}

func TestReplace(t *testing.T) {
	for _, c := range []struct {
		name, rules, question string
		answers, want         []string
	}{
		{
			"case and TTL of the old record", "[{name: WWW.example.com, replace: [192.0.2.1]}]", "wWw.eXample.com.",
			[]string{"wWw.eXample.com. 300 IN A 198.51.100.7"},
			[]string{"wWw.eXample.com. 300 IN A 192.0.2.1"},
		},
		{
			"ttl 0", "[{name: www.example.com, replace: [192.0.2.1], ttl: 0}]", "www.example.com.",
			[]string{www},
			[]string{"www.example.com. 0 IN A 192.0.2.1"},
		},
		{"another name", "[{name: example.com, replace: [192.0.2.1]}]", "www.example.com.", []string{www}, []string{www}},
		{"star is below only", "[{name: '*.www.example.com', replace: [192.0.2.1]}]", "www.example.com.", []string{www}, []string{www}},
		{
			"star two labels up", "[{name: '*.com', replace: [192.0.2.1]}]", "www.example.com.",
			[]string{www},
			[]string{"www.example.com. 300 IN A 192.0.2.1"},
		},
		{
			"the first rule wins", "[{name: .example.com, replace: [192.0.2.1]}, {name: www.example.com, replace: [192.0.2.2]}]",
			"www.example.com.",
			[]string{www},
			[]string{"www.example.com. 300 IN A 192.0.2.1"},
		},
		{
			"the family without an address stays", "[{name: www.example.com, replace: [192.0.2.1]}]", "www.example.com.",
			[]string{"www.example.com. 9 IN AAAA 2001:db8::7"},
			[]string{"www.example.com. 9 IN AAAA 2001:db8::7"},
		},
		{
			"six", "[{name: www.example.com, replace: ['2001:db8::1', '2001:db8::2']}]", "www.example.com.",
			[]string{"www.example.com. 9 IN AAAA 2001:db8::7"},
			[]string{"www.example.com. 9 IN AAAA 2001:db8::1", "www.example.com. 9 IN AAAA 2001:db8::2"},
		},
		{
			"alias, by the name asked for", "[{name: www.example.com, replace: [192.0.2.1]}]", "www.example.com.",
			[]string{"www.example.com. 9 IN CNAME cdn.example.net.", "cdn.example.net. 9 IN A 198.51.100.1", "cdn.example.net. 9 IN A 198.51.100.2"},
			[]string{"www.example.com. 9 IN CNAME cdn.example.net.", "cdn.example.net. 9 IN A 192.0.2.1"},
		},
		{
			"alias, by the owner", "[{name: cdn.example.net, replace: [192.0.2.1, 192.0.2.2]}]", "www.example.com.",
			[]string{"www.example.com. 9 IN CNAME cdn.example.net.", "cdn.example.net. 9 IN A 198.51.100.1"},
			[]string{"www.example.com. 9 IN CNAME cdn.example.net.", "cdn.example.net. 9 IN A 192.0.2.1", "cdn.example.net. 9 IN A 192.0.2.2"},
		},
		{
			"the signature goes", "[{name: www.example.com, replace: [192.0.2.1]}]", "www.example.com.",
			[]string{www, "www.example.com. 300 IN RRSIG A 8 3 300 20300101000000 20200101000000 1 example.com. AAAA"},
			[]string{"www.example.com. 300 IN A 192.0.2.1"},
		},
		{
			"the signature of another type stays", "[{name: www.example.com, replace: [192.0.2.1]}]", "www.example.com.",
			[]string{"www.example.com. 300 IN RRSIG AAAA 8 3 300 20300101000000 20200101000000 1 example.com. AAAA"},
			[]string{"www.example.com. 300 IN RRSIG AAAA 8 3 300 20300101000000 20200101000000 1 example.com. AAAA"},
		},
		{"remove without a type", "[{name: www.example.com, action: remove}]", "www.example.com.", []string{www}, []string{}},
		{
			"other classes are not ours", "[{name: www.example.com, replace: [192.0.2.1]}]", "www.example.com.",
			[]string{"www.example.com. 9 CH TXT \"x\"", www},
			[]string{"www.example.com. 9 CH TXT \"x\"", "www.example.com. 300 IN A 192.0.2.1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := load(t, "answers: "+c.rules)
			got, d := answers(t, l, message(t, c.question, wiredns.TypeA, c.answers...))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if d != (inspect.Decision{}) {
				t.Error(d)
			}
			if wantEvents := map[bool]int{true: 0, false: 1}[slices.Equal(c.answers, c.want)]; len(l.Events) != wantEvents {
				t.Errorf("%d events, want %d", len(l.Events), wantEvents)
			}
		})
	}
}

func TestEventNamesBothAddresses(t *testing.T) {
	l := load(t, "answers: [{name: .example.com, replace: [192.0.2.1]}]")
	answers(t, l, message(t, "www.example.com.", wiredns.TypeA, www))
	e := &l.Events[0]
	got := fmt.Sprint(inspecttest.Pair(e, "query").Text, " ", inspecttest.Pair(e, "rule").Text, " ", inspecttest.Pair(e, "was").Text, " ", inspecttest.Pair(e, "now").Text)
	if got != "www.example.com .example.com 198.51.100.7 192.0.2.1" || e.Verdict != "edit" {
		t.Errorf("%s, %s", got, e.Verdict)
	}
}

func TestDropBothWays(t *testing.T) {
	l := load(t, "answers: [{name: example.com, type: A, action: drop}]")
	for _, c := range []struct {
		unit []byte
		want inspect.Decision
	}{
		{message(t, "example.com.", wiredns.TypeA), inspect.Drop(inspect.ScopePacket, Blocked)},
		{message(t, "example.com.", wiredns.TypeA, "example.com. 1 IN A 198.51.100.7"), inspect.Drop(inspect.ScopePacket, Blocked)},
		{message(t, "example.com.", wiredns.TypeAAAA), inspect.Decision{}},
		{message(t, "www.example.com.", wiredns.TypeA), inspect.Decision{}},
	} {
		if d := l.Message(inspecttest.UDP(client, server, c.unit), parse(t, c.unit, packet.UDP), inspect.MessageWhole); d != c.want {
			t.Errorf("%v, want %v", d, c.want)
		}
	}
}

// TestOverTCP holds that answers are replaced in a stream too, in any length, and that what cannot be read goes as unable
// says.
func TestOverTCP(t *testing.T) {
	wire := message(t, "www.example.com.", wiredns.TypeA, www)
	unit := append([]byte{byte(len(wire) >> 8), byte(len(wire))}, wire...)
	unread := inspect.Anomaly{Layer: inspect.LayerApp, Reason: "dns-bad-pointer"}
	for _, c := range []struct {
		rules   string
		edits   int
		resizes bool
		unread  inspect.Decision
	}{
		{"answers: [{name: www.example.com, replace: [192.0.2.1]}]", 1, true, inspect.Decision{}},
		{"answers: [{name: www.example.com, replace: [192.0.2.1, 192.0.2.2]}]", 1, true, inspect.Decision{}},
		{"{unable: drop, answers: [{name: www.example.com, action: remove}]}", 1, true, inspect.Drop(inspect.ScopePacket, unread.Reason)},
		{"answers: [{name: www.example.com, action: alert}]", 0, false, inspect.Decision{}},
	} {
		l := load(t, c.rules)
		d := l.Message(inspecttest.TCP(server, client, unit), parse(t, unit, packet.TCP), inspect.MessageWhole)
		if l.Edited != c.edits || d != (inspect.Decision{}) || len(l.Events) != 1 {
			t.Errorf("%s: %d edits, %v, %d events", c.rules, l.Edited, d, len(l.Events))
		}
		if (l.Chain.Resize != 0) != c.resizes {
			t.Errorf("%s: resizes %v", c.rules, l.Chain.Resize)
		}
		in := l.Chain.Entries[0].Inspector.(inspect.AnomalyInspector)
		l.Cx.Flow = new(flow.Flow)
		if d := in.InspectAnomaly(&l.Cx, unread); d != c.unread {
			t.Errorf("%s: unread %v", c.rules, d)
		}
		if d := in.InspectAnomaly(&l.Cx, inspect.Anomaly{Layer: inspect.LayerApp, Reason: "http-bad-length"}); d != (inspect.Decision{}) {
			t.Errorf("%s: %v for another grammar", c.rules, d)
		}
	}
}

func TestMonitoringChangesNothing(t *testing.T) {
	l := load(t, "{unable: drop, answers: [{name: www.example.com, replace: [192.0.2.1]}]}")
	l.Cx.Monitor = true
	got, d := answers(t, l, message(t, "www.example.com.", wiredns.TypeA, www))
	if diff := cmp.Diff([]string{www}, got); diff != "" || d != (inspect.Decision{}) || l.Events[0].Name != "answer-replaced" {
		t.Errorf("%s %v %+v", diff, d, l.Events)
	}
}

// TestRandomAnswers compares with an obvious twin that works on parsed records.
func TestRandomAnswers(t *testing.T) {
	names := []string{"www.example.com.", "example.com.", "a.b.example.com.", "example.org."}
	rapid.Check(t, func(rt *rapid.T) {
		question := rapid.SampledFrom(names).Draw(rt, "question")
		records := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) string {
			owner := rapid.SampledFrom(names).Draw(rt, "owner")
			if rapid.Bool().Draw(rt, "v4") {
				return owner + " 9 IN A 198.51.100." + fmt.Sprint(rapid.IntRange(1, 9).Draw(rt, "host"))
			}
			return owner + " 9 IN AAAA 2001:db8::" + fmt.Sprint(rapid.IntRange(1, 9).Draw(rt, "host"))
		}), 1, 8).Draw(rt, "answers")
		var want []string
		isDone := false
		for _, r := range records {
			hit := strings.Contains(r, " A ") && (strings.HasPrefix(r, "www.example.com.") || strings.HasPrefix(r, "a.b.example.com.") ||
				question == "www.example.com." || question == "a.b.example.com.")
			switch {
			case !hit:
				want = append(want, r)
			case !isDone:
				isDone = true
				owner, _, _ := strings.Cut(r, " ")
				want = append(want, owner+" 5 IN A 192.0.2.1", owner+" 5 IN A 192.0.2.2")
			}
		}
		l := load(t, "answers: [{name: '*.example.com', type: A, replace: [192.0.2.1, 192.0.2.2], ttl: 5}]")
		got, _ := answers(t, l, message(t, question, wiredns.TypeA, records...))
		if d := cmp.Diff(want, got); d != "" && len(want)+len(got) > 0 {
			rt.Fatal(d)
		}
	})
}

func TestHostileNames(t *testing.T) {
	for _, c := range []struct{ why, wire string }{
		{"a pointer to itself", "\xc0\x00"},
		{"a pointer to the end", "\xc0\xff"},
		{"half a pointer", "\xc0"},
		{"an unknown label type", "\x80a\x00"},
		{"a label that is too long for the message", "\x3fa"},
		{"a dot in a label", "\x03a.b\x00"},
		{"no end", "\x01a"},
		{"256 bytes", strings.Repeat("\x0fabcdefghijklmno", 16) + "\x00"},
	} {
		if name, _, ok := readName([]byte(c.wire), 0, make([]byte, 0, maxName)); ok {
			t.Errorf("%s: read as %q", c.why, name)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(message(f, "www.example.com.", wiredns.TypeA, www, "www.example.com. 1 IN A 198.51.100.9"))
	f.Add(message(f, "www.example.com.", wiredns.TypeA, "www.example.com. 9 IN CNAME a.example.com.", "a.example.com. 9 IN A 198.51.100.1"))
	f.Add(message(f, "example.com.", wiredns.TypeA))
	f.Fuzz(func(t *testing.T, unit []byte) {
		if len(unit) > 4096 {
			return
		}
		g, m := grammar.New(), new(field.Message)
		if n, _ := g.Parse(m, unit, proto.Peer{Transport: packet.UDP, Dir: flow.ToClient}, g.Fields()); n == 0 {
			return
		}
		l := load(t, "answers: [{name: '*.example.com', replace: [192.0.2.1, 192.0.2.2]}, {name: example.com, action: remove}]")
		l.Message(inspecttest.UDP(server, client, unit), m, inspect.MessageWhole)
		l.Apply(unit) // fails on edits that overlap or leave the unit
	})
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ yaml, path string }{
		{"{}", "answers"},
		{"answers: [{name: 'a b', replace: [192.0.2.1]}]", "answers[0].name"},
		{"answers: [{name: '*example.com', replace: [192.0.2.1]}]", "answers[0].name"},
		{"answers: [{name: a..b, replace: [192.0.2.1]}]", "answers[0].name"},
		{"answers: [{replace: [192.0.2.1]}]", "answers[0].name"},
		{"answers: [{name: a.test, type: FOO, action: drop}]", "answers[0].type"},
		{"answers: [{name: a.test, type: MX, replace: [192.0.2.1]}]", "answers[0].type"},
		{"answers: [{name: a.test, action: explode}]", "answers[0].action"},
		{"answers: [{name: a.test}]", "answers[0].replace"},
		{"answers: [{name: a.test, action: drop, replace: [192.0.2.1]}]", "answers[0].replace"},
		{"answers: [{name: a.test, replace: [nonsense]}]", "answers[0].replace[0]"},
		{"answers: [{name: a.test, type: A, replace: ['2001:db8::1']}]", "answers[0].replace[0]"},
		{"answers: [{name: a.test, type: AAAA, replace: [192.0.2.1]}]", "answers[0].replace[0]"},
		{"answers: [{name: a.test, ttl: 4000000000, replace: [192.0.2.1]}]", "answers[0].ttl"},
		{"answers: [{name: a.test, mode: quiet, replace: [192.0.2.1]}]", "answers[0].mode"},
		{"{unable: cry, answers: [{name: a.test, replace: [192.0.2.1]}]}", "unable"},
		{"answers: [{name: a.test, replace: [" + strings.TrimSuffix(strings.Repeat("192.0.2.1,", MaxAddresses+1), ",") + "]}]", "answers[0].replace"},
	} {
		maker, m := New(inspecttest.Load[Config](t, c.yaml), inspect.Env{Lanes: 1})
		found := slices.ContainsFunc(m, func(x inspect.Mistake) bool { return x.Path == c.path && x.Hint != "" })
		if maker != nil || !found || c.path != "answers[0].action" && len(m) != 1 {
			t.Errorf("%s: %+v", c.yaml, m)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	l := load(t, "answers: [{name: '*.example.com', replace: [192.0.2.1, 192.0.2.2]}, {name: example.org, type: TYPE65280, action: drop}]")
	l.Quiet = true
	unit := message(t, "www.example.com.", 65280, www, "www.example.com. 9 IN A 198.51.100.9")
	m, p := parse(t, unit, packet.UDP), inspecttest.UDP(server, client, unit)
	if n := testing.AllocsPerRun(100, func() { l.Message(p, m, inspect.MessageWhole) }); n != 0 {
		t.Errorf("%v allocations per message", n)
	}
	if l.Edited == 0 || l.Emitted == 0 {
		t.Error("nothing was done")
	}
}
