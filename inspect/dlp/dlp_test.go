package dlp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
	"github.com/weir-project/weir/packet"
)

const client, server = "192.0.2.1:40000", "198.51.100.1:80"

func lane(t testing.TB, c Config) *inspecttest.Lane {
	t.Helper()
	maker, mistakes := New(c, inspect.Env{Lanes: 1})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return inspecttest.New(t, new(inspect.LabelTable), maker())
}

func detecting(name, action string) Config {
	return Config{Detectors: []Detector{{Name: name, Action: action}}}
}

func TestReadmeExamples(t *testing.T) {
	const text = "pay with 4000 0000 0000 0002, I am 536-22-1234, mail a.b@corp.de; blue-bird, ACME-12345"
	for i, want := range []struct {
		out     string
		verdict packet.Verdict
		events  int
	}{
		{"pay with XXXX XXXX XXXX 0002, I am 536-22-1234, mail a.b@corp.de; blue-bird, ACME-12345", packet.Pass, 3},
		{text, packet.Reject, 2},
		{text, packet.Pass, 0},
		{"pay with CARD, I am (removed)XX, mail a.b@corp.de; blue-bird, ACME-12345", packet.Pass, 2},
		{"pay with 4000 0000 0000 0002, I am 536-22-1234, mail a.b@corp.de; blue-bird, XXXX-XXX45", packet.Reject, 2},
		{text, packet.Pass, 0},
	} {
		c := inspecttest.Examples[Config](t, "README.md")[i]
		l := lane(t, c)
		d := l.Stream(inspecttest.UDP(client, server, []byte(text)))
		got := string(l.Apply([]byte(text)))
		if strings.Contains(want.out, "CARD") { // a pseudonym
			got = regexp.MustCompile(`\d{4} \d{4} \d{4} 0002`).ReplaceAllString(got, "CARD")
		}
		if got != want.out || d.Verdict != want.verdict || len(l.Events) != want.events {
			t.Errorf("example %d: %q, %v, %d events", i, got, d, len(l.Events))
		}
	}
}

func TestMaskKeepsLengthAndSeparators(t *testing.T) {
	c := Config{Detectors: []Detector{{Name: "card", Action: "mask", Keep: 4, Char: "*"}, {Name: "us-ssn", Action: "mask"}}}
	for _, p := range []*packet.Packet{
		inspecttest.UDP(client, server, []byte("a 4111-1111-1111-1111 b 536-22-1234 c")),
		inspecttest.TCP("[2001:db8::1]:40000", "[2001:db8::2]:80", []byte("a 4111-1111-1111-1111 b 536-22-1234 c")),
	} {
		l := lane(t, c)
		l.Stream(p)
		if got := string(l.Apply(p.Payload())); got != "a ****-****-****-1111 b XXX-XX-XXXX c" {
			t.Errorf("%s", got)
		}
	}
}

func TestBlock(t *testing.T) {
	for action, want := range map[string]inspect.Decision{
		"alert":  {},
		"drop":   inspect.Drop(inspect.ScopeFlow, Blocked),
		"reject": inspect.Reject(inspect.ScopeFlow, Blocked),
	} {
		l := lane(t, detecting("card", action))
		if d := l.Stream(inspecttest.TCP(client, server, []byte("4111111111111111"))); d != want {
			t.Errorf("%s: %v", action, d)
		}
		if len(l.Events) != 1 || l.Events[0].Kind != event.KindDLP || l.Events[0].Name != "card" {
			t.Errorf("%s: %+v", action, l.Events)
		}
	}
}

func TestMonitoredDetectorChangesNothing(t *testing.T) {
	c := Config{Detectors: []Detector{{Name: "card", Action: "mask", Mode: "monitor"}, {Name: "us-ssn", Action: "drop", Mode: "monitor"}}}
	l := lane(t, c)
	d := l.Stream(inspecttest.TCP(client, server, []byte("4111111111111111 536-22-1234")))
	if !d.Monitor || d.Verdict != packet.Drop || l.Edited != 0 || len(l.Events) != 2 || !l.Events[0].Would || !l.Events[1].Would {
		t.Errorf("%v, %d edits, %+v", d, l.Edited, l.Events)
	}
}

func TestDirection(t *testing.T) {
	c := detecting("card", "alert")
	c.Direction = "to-client"
	l := lane(t, c)
	l.Stream(inspecttest.UDP(client, server, []byte("4111111111111111")))
	if len(l.Events) != 0 {
		t.Error("looked at what the client sent")
	}
	l.Stream(inspecttest.UDP(server, client, []byte("4111111111111111")))
	if len(l.Events) != 1 {
		t.Error("did not look at what the server sent")
	}
}

func TestAllow(t *testing.T) {
	c := detecting("card", "mask")
	c.Allow = []string{"test-cards", "4000-0000-0000-0002"}
	l := lane(t, c)
	l.Stream(inspecttest.UDP(client, server, []byte("4111 1111 1111 1111 4000000000000002 5500000000000004")))
	if got := string(l.Apply([]byte("4111 1111 1111 1111 4000000000000002 5500000000000004"))); got != "4111 1111 1111 1111 4000000000000002 XXXXXXXXXXXXXXXX" {
		t.Error(got)
	}
}

func TestTestCardsAreCards(t *testing.T) {
	for _, n := range testCards {
		l := lane(t, detecting("card", "mask"))
		text := []byte("card number: " + n)
		l.Stream(inspecttest.UDP(client, server, text))
		if got := string(l.Apply(text)); strings.Trim(got, "X") != "card number: " {
			t.Error(got)
		}
	}
}

// TestManyValuesNeedFewEdits fills a payload with cards: all are masked, by a bounded number of edits and events.
func TestManyValuesNeedFewEdits(t *testing.T) {
	text := strings.Repeat("4111111111111111,", 1000)
	l := lane(t, detecting("card", "mask"))
	l.Stream(inspecttest.UDP(client, server, []byte(text)))
	if l.Edited != maxEdits+1 || len(l.Events) != 17 {
		t.Errorf("%d edits, %d events", l.Edited, len(l.Events))
	}
	if n := inspecttest.Pair(&l.Events[16], "count").Num; n != 1000-16 {
		t.Errorf("the last event counts %d", n)
	}
	if got := string(l.Apply([]byte(text))); got != strings.Repeat("XXXXXXXXXXXXXXXX,", 1000) {
		t.Error("not all were masked")
	}
}

func TestUnableToMask(t *testing.T) {
	for _, unable := range []string{"", "drop", "pass"} {
		c := detecting("card", "mask")
		c.Unable = unable
		l := lane(t, c)
		l.Refuse = true
		want := inspect.Drop(inspect.ScopePacket, MaskFailed)
		if unable == "pass" {
			want = inspect.Decision{}
		}
		if d := l.Stream(inspecttest.UDP(client, server, []byte("4111111111111111"))); d != want {
			t.Errorf("unable: %q gives %v", unable, d)
		}
		l.Cx.Monitor = true
		if d := l.Stream(inspecttest.UDP(client, server, []byte("4111111111111111"))); d != (inspect.Decision{}) {
			t.Errorf("monitoring, it decides %v", d)
		}
	}
}

// TestNoSecretInEvents sends canaries through every action and reads every byte of every event.
func TestNoSecretInEvents(t *testing.T) {
	const text = "4111 1111 2222 3332 and 4929123456789012 and SSN 536-22-1234, ssn 536221235, 5500000000000004"
	secrets := []string{"411111112222", "4111 1111", "4929123", "9123456789", "536-22", "22-1234", "1234", "536221235", "1235", "55000000"}
	for _, action := range actionNames {
		c := Config{FingerprintKey: "0123456789abcdef", MaxEvents: 3, Detectors: []Detector{{Name: "card", Action: action}, {Name: "us-ssn", Action: action}}}
		l := lane(t, c)
		l.Stream(inspecttest.UDP(client, server, []byte(text)))
		if action == "ignore" {
			if len(l.Events) > 0 {
				t.Errorf("ignored values are told: %+v", l.Events)
			}
			continue
		}
		if len(l.Events) < 3 {
			t.Fatalf("%s: only %d events", action, len(l.Events))
		}
		for i := range l.Events {
			e := &l.Events[i]
			print := inspecttest.Pair(e, "fingerprint").Text
			shown := strings.ReplaceAll(fmt.Sprintf("%+v", e.Pairs())+e.Name+e.Reason, print, "")
			for _, s := range secrets {
				if strings.Contains(shown, s) {
					t.Errorf("%s: event shows %q: %s", action, s, shown)
				}
			}
		}
	}
}

func TestEventSays(t *testing.T) {
	c := Config{FingerprintKey: "0123456789abcdef", Detectors: []Detector{{Name: "card"}}}
	l := lane(t, c)
	l.Stream(inspecttest.UDP(client, server, []byte("x 4111 1111 1111 1111")))
	mac := hmac.New(sha256.New, []byte("0123456789abcdef"))
	mac.Write([]byte("4111111111111111"))
	e := &l.Events[0]
	if got := inspecttest.Pair(e, "fingerprint").Text; got != hex.EncodeToString(mac.Sum(nil)[:8]) {
		t.Errorf("fingerprint %s", got)
	}
	if got := inspecttest.Pair(e, "sample").Text; got != "XXXX XXXX XXXX 1111" {
		t.Errorf("sample %s", got)
	}
	if e.Offset != 2 || e.Length != 19 || e.Field != "payload" || e.Severity != event.High {
		t.Errorf("%+v", e)
	}
}

func TestLongFingerprintKey(t *testing.T) {
	secret := strings.Repeat("k", 100)
	key := newPrintKey(secret)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("123456789"))
	if got := string(first(key.appendPrint(nil, nil, []byte("123456789")))); got != hex.EncodeToString(mac.Sum(nil)[:8]) {
		t.Error(got)
	}
}

func first(a, _ []byte) []byte { return a }

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ yaml, path string }{
		{"{}", "detectors"},
		{"detectors: [{name: nothing}]", "detectors[0].name"},
		{"detectors: [{name: card}, {name: card}]", "detectors[1].name"},
		{"detectors: [{name: card, action: block}]", "detectors[0].action"},
		{"detectors: [{name: card, action: mask, keep: 6}]", "detectors[0].keep"},
		{"detectors: [{name: card, action: mask, char: ab}]", "detectors[0].char"},
		{"detectors: [{name: card, action: alert, keep: 4}]", "detectors[0].action"},
		{"detectors: [{name: card, mode: loud}]", "detectors[0].mode"},
		{"{direction: up, detectors: [{name: card}]}", "direction"},
		{"{unable: panic, detectors: [{name: card}]}", "unable"},
		{"{page_note: ask, detectors: [{name: card, action: reject}]}", "page_note"},
		{"{page_note: " + strings.Repeat("a", 513) + ", detectors: [{name: card, action: page}]}", "page_note"},
		{"{max_events: -1, detectors: [{name: card}]}", "max_events"},
		{"{fingerprint_key: short, detectors: [{name: card}]}", "fingerprint_key"},
		{"{allow: [test-cards, '12'], detectors: [{name: card}]}", "allow[1]"},
	} {
		maker, m := New(inspecttest.Load[Config](t, c.yaml), inspect.Env{Lanes: 1})
		if maker != nil || len(m) != 1 || m[0].Path != c.path || m[0].Hint == "" || m[0].What == "" {
			t.Errorf("%s: %+v", c.yaml, m)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	c := Config{
		FingerprintKey: "0123456789abcdef", Allow: []string{"test-cards"},
		Detectors: []Detector{{Name: "card", Action: "mask"}, {Name: "us-ssn", Action: "drop"}},
	}
	l := lane(t, c)
	l.Quiet = true
	p := inspecttest.UDP(client, server, []byte(strings.Repeat("4000000000000002 text 536-22-1234 4111111111111111\n", 25)))
	if n := testing.AllocsPerRun(100, func() { l.Stream(p) }); n != 0 {
		t.Errorf("%v allocations per payload", n)
	}
	if l.Edited == 0 || l.Emitted == 0 {
		t.Error("nothing was found")
	}
}

// TestRedact overwrites values in what others tell; what the policy allows, and other numbers, stay.
func TestRedact(t *testing.T) {
	c := Config{
		Detectors: []Detector{{Name: "card"}, {Name: "us-ssn"}, {Name: "github-token"}, {Name: "es-dni"}, {Name: "project", Keywords: []string{"blue bird"}}},
		Allow:     []string{"4242424242424242"},
	}
	maker, _ := New(c, inspect.Env{Lanes: 1})
	d := maker().(*Inspector)
	for in, want := range map[string]string{
		"4111111111111111.shop.net":         "XXXXXXXXXXXXXXXX.shop.net",
		"pay 4000-0000-0000-0002":           "pay XXXX-XXXX-XXXX-XXXX",
		"/ssn/536-22-1234/":                 "/ssn/XXX-XX-XXXX/",
		"/?ssn=536221234":                   "/?ssn=XXXXXXXXX",
		"pay-4000-0000-0000-0002.example":   "pay-XXXX-XXXX-XXXX-XXXX.example",
		"1.4111111111111111.5.example":      "1.XXXXXXXXXXXXXXXX.5.example",
		"a.536221234.example, order 7":      "a.XXXXXXXXX.example, order 7",
		"/blue-bird/plan":                   "/XXXX-XXXX/plan",
		"4242424242424242.shop.net":         "4242424242424242.shop.net",
		"/?q=%34111111111111111&b=1":        "/?q=%XXXXXXXXXXXXXXXXX&b=1",
		"x.cGF5IDQxMTExMTExMTExMTExMTEu.io": "x.cGF5IXXXXXXXXXXXXXXXXXXXXXXu.io",
		"tell.12345678Z.example":            "tell.XXXXXXXXX.example",
		"www.example.org, 192.0.2.1, 12345": "www.example.org, 192.0.2.1, 12345",
	} {
		text := []byte(in)
		if d.Redact(text); string(text) != want {
			t.Errorf("%s became %s, want %s", in, text, want)
		}
	}
	name := []byte("/?q=%34111111111111111&b=cGF5IDQxMTExMTExMTExMTExMTEu")
	text := make([]byte, len(name))
	if n := testing.AllocsPerRun(100, func() { copy(text, name); d.Redact(text) }); n != 0 {
		t.Errorf("%v allocations per name", n)
	}
}
