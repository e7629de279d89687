package dlp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/canary"
	"github.com/weir-project/weir/internal/inspecttest"
)

// A passer is a lane on which bytes leave as soon as nobody has them wait.
type passer struct {
	*inspecttest.Lane
	at, seen   int // where what is shown begins, and how much of it was shown before
	kept, held int
	last       bool
	text       []byte
	told       []string
	late       string
}

func (p *passer) Keep(_ *inspect.Context, n int) bool {
	p.kept = max(p.kept, n)
	return !p.last
}

func (p *passer) Hold(_ *inspect.Context, n int) bool {
	p.held = max(p.held, n)
	return !p.last
}

func (p *passer) Emit(_ *inspect.Context, e *event.Event) {
	p.told = append(p.told, fmt.Sprintf("%s at %d", e.Name, p.at+int(e.Offset)))
}

func (p *passer) Edit(_ *inspect.Context, _ field.ID, s field.Span, with []byte) bool {
	if s.Off < p.Cx.Left {
		p.late = fmt.Sprintf("%q at %d", p.text[p.at+s.Off:p.at+s.End], p.at+s.Off)
	}
	copy(p.text[p.at+s.Off:], with)
	return true
}

// pass shows a text in parts, and returns how many bytes waited in all.
func pass(t testing.TB, text string, cuts []int, ds ...Detector) (p *passer, waited int) {
	return passBy(t, Config{Detectors: ds}, text, cuts)
}

func passBy(t testing.TB, c Config, text string, cuts []int) (p *passer, waited int) {
	c.MaxEvents = 1000
	maker, mistakes := New(c, inspect.Env{Lanes: 1})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	d := maker().(*Inspector)
	p = &passer{Lane: inspecttest.New(t, new(inspect.LabelTable), d), text: []byte(text)}
	p.Begin(inspecttest.TCP(client, server, nil))
	p.Cx.Host = p
	for i, cut := range append(slices.Clone(cuts), len(text)) {
		p.last, p.kept, p.held = i == len(cuts), 0, 0
		part := []byte(text)[p.at:cut]
		p.Cx.Seen = p.seen
		d.InspectStream(&p.Cx, part)
		p.seen = min(max(p.kept, p.held), len(part))
		p.Cx.Left = p.seen - min(p.held, p.seen)
		p.at = cut - p.seen
		if !p.last {
			waited += p.held
		}
	}
	return p, waited
}

// TestAlertsWaitForNothing: what is only told leaves at once, and is told as if the text came at once; what is masked waits, and nothing else does.
func TestAlertsWaitForNothing(t *testing.T) {
	pieces := []string{
		"4111111111111111", "4000 0000 0000 0002", "536-22-1234", "alice@corp.example", "bob.b@a.example.org", "ssn ", "IBAN DE89 3704 0044 0532 0130 00",
		"token=aB3dE5fG7hJ9kL1mN3pQ5", "0", "11", "-", " ", ".", "x", "@", "a word or two ", " Ym9iLmJAYS5leGFtcGxlLm9yZyBvciA0MDAwIDAwMDAgMDAwMCAwMDAy ",
	}
	alerts := []Detector{{Name: "email"}, {Name: "us-ssn"}, {Name: "iban"}, {Name: "secret"}, {Name: "phone"}}
	withMask := append(alerts[:len(alerts):len(alerts)], Detector{Name: "card", Action: "mask"})
	inCode := pieces[len(pieces)-1][1:57] + "4111111111111111"
	if p, _ := pass(t, inCode, []int{60}, withMask...); p.late != "" || len(p.told) != 2 {
		t.Errorf("in a code, in a text that may be an address: too late for %s; told %q", p.late, p.told)
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(rt, "text"), "")
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(text)), 0, 8).Draw(rt, "cuts")
		slices.Sort(cuts)
		for _, ds := range [][]Detector{alerts, withMask} {
			whole, _ := pass(t, text, nil, ds...)
			parts, waited := pass(t, text, cuts, ds...)
			if !slices.Equal(whole.told, parts.told) || string(whole.text) != string(parts.text) || parts.late != "" {
				rt.Fatalf("%q cut at %v: %q, at once %q; left %q, at once %q; too late for %s", text, cuts, parts.told, whole.told, parts.text, whole.text, parts.late)
			}
			if len(ds) == len(alerts) && waited > 0 {
				rt.Fatalf("%q cut at %v: %d bytes wait for an alert", text, cuts, waited)
			}
		}
	})
}

// TestMasksGoBeforeAlerts: what is only told of, or ignored, hides nothing that is masked or stopped.
func TestMasksGoBeforeAlerts(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n4000000000000002\nDE89370400440532013000\n"
	card, iban := Detector{Name: "card", Action: "mask"}, Detector{Name: "iban", Action: "mask"}
	for _, c := range []struct {
		text string
		ds   []Detector
	}{
		{key, []Detector{{Name: "private-key"}, card, iban}},
		{key, []Detector{{Name: "private-key", Action: "ignore"}, card, iban}},
		{strings.Replace(key, "MIIEvQIBADANBgkqhkiG9w0BAQEF", "4000000000000002", 1), []Detector{{Name: "private-key"}, card, iban}},
		{"api_key=4000-0000-0000-0002 ", []Detector{{Name: "secret"}, card}},
		{"it is \"4000 0000 0000 0002 ab\"@corp.example ", []Detector{{Name: "email"}, card}},
		{"pay 4000 0000 0000 0002 ", []Detector{{Name: "pay", Regex: `pay \d{4} \d{4}`}, card}},
		{"pay 4000 0000 0000 0002 ", []Detector{{Name: "pay", Keywords: []string{"pay 4000"}, Action: "ignore"}, card}},
		{"4000 0000 0000 0002 DE89370400440532013000", []Detector{{Name: "all", Regex: `4.{10,}`}, card, iban}},
	} {
		for cut := range len(c.text) + 1 {
			p, _ := pass(t, c.text, []int{cut}, c.ds...)
			if strings.Contains(string(p.text), "0002") || strings.Contains(string(p.text), "DE8937") || p.late != "" {
				t.Fatalf("%+v: %q cut at %d; told %q; too late for %s", c.ds[0], p.text, cut, p.told, p.late)
			}
		}
	}
}

// TestWhatWaits is bytes that may become what is masked or stopped.
func TestWhatWaits(t *testing.T) {
	email := Detector{Name: "email"}
	for _, c := range []struct {
		text string
		ds   []Detector
		want int
	}{
		{"write to alice", []Detector{email}, 0},
		{"write to alice", []Detector{email, {Name: "card", Action: "mask"}}, 0},
		{"pay by 4000 00", []Detector{email, {Name: "card", Action: "mask"}}, 7},
		{"pay by 4000 00", []Detector{email, {Name: "card"}}, 0},
		{"pay by 4000 00", []Detector{email, {Name: "card", Action: "page"}}, 7},
		{"pay by 4000 00", []Detector{email, {Name: "card", Action: "mask", Mode: "monitor"}}, 0},
		{"write to alice", []Detector{{Name: "email", Action: "reject"}}, 5},
		{"it is blue", []Detector{{Name: "bird", Keywords: []string{"bluebird"}, Action: "mask"}}, 4},
		{"it is blue", []Detector{{Name: "bird", Keywords: []string{"bluebird"}}}, 0},
		{"it is Blue ", []Detector{{Name: "bird", Keywords: []string{"blue bird"}, Action: "mask"}}, 5},
		{"it is blue - b", []Detector{{Name: "bird", Keywords: []string{"blue bird"}, Action: "reject"}}, 8},
		{"it is red - b", []Detector{{Name: "bird", Keywords: []string{"blue bird"}, Action: "reject"}}, 1},
		{"it is ACME-1", []Detector{{Name: "ticket", Regex: `ACME-\d{4}`, Action: "drop"}, email}, 6},
	} {
		if _, waited := pass(t, c.text+"?", []int{len(c.text)}, c.ds...); waited != c.want {
			t.Errorf("%q, %+v: %d bytes wait, want %d", c.text, c.ds, waited, c.want)
		}
	}
}

// TestEveryKindAtEveryCut masks one kind, alone and where all others are told of, and cuts its values at every byte: they arrive as if they came at once.
func TestEveryKindAtEveryCut(t *testing.T) {
	values := canary.Values(3, 3)
	for _, alone := range []bool{true, false} {
		for _, kind := range detect.Bundled() {
			ds := []Detector{{Name: kind.Name, Action: "mask"}}
			for _, other := range detect.Bundled() {
				if !alone && other.Name != kind.Name {
					ds = append(ds, Detector{Name: other.Name})
				}
			}
			for _, v := range values {
				if v.Kind == kind.Name {
					cutEverywhere(t, v.Line+" ok ", ds)
				}
			}
		}
	}
}

func cutEverywhere(t *testing.T, text string, ds []Detector) {
	t.Helper()
	whole, _ := pass(t, text, nil, ds...)
	if string(whole.text) == text {
		t.Errorf("%s is not masked: %q", ds[0].Name, text)
	}
	for at := 1; at < len(text); at++ {
		if parts, _ := pass(t, text, []int{at}, ds...); string(parts.text) != string(whole.text) || parts.late != "" {
			t.Errorf("%s, of %d kinds: %q | %q leaves as %q; too late for %s", ds[0].Name, len(ds), text[:at], text[at:], parts.text, parts.late)
			return
		}
	}
}

// TestWhateverStandsBehind puts escapes of all sorts behind values: they are found as if there were a space.
func TestWhateverStandsBehind(t *testing.T) {
	for _, v := range canary.Values(3, 3) {
		if _, bundled := detect.Parse(v.Kind); !bundled {
			continue
		}
		d := Detector{Name: v.Kind, Action: "mask"}
		text := v.Line[len(canary.Before):]
		if p, _ := pass(t, text+" and more of it", nil, d); len(p.told) == 0 {
			continue
		}
		for _, behind := range []string{"%20", "%0A", "%15", "%00", "%C3%A9", "%E2%82%AC", `\u00e9`, `\u0000`} {
			if p, _ := pass(t, text+behind+"and more of it", nil, d); len(p.told) == 0 {
				t.Errorf("%s in front of %s is not found: %q", v.Kind, behind, text)
			}
		}
	}
}
