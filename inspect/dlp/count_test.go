package dlp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
)

// cards are valid numbers, n of them distinct.
func cards(n int) []string {
	var out []string
	for i := 0; len(out) < n; i++ {
		digits := fmt.Sprintf("4532%011d", i)
		sum := 0
		for k, c := range digits {
			v := int(c - '0')
			if k%2 == 0 {
				if v *= 2; v > 9 {
					v -= 9
				}
			}
			sum += v
		}
		out = append(out, fmt.Sprintf("%s%d", digits, (10-sum%10)%10))
	}
	return out
}

// TestCounts has a rule apply from the third value on, in what it counts.
func TestCounts(t *testing.T) {
	c := cards(4)
	type sent struct {
		from string
		at   time.Duration
		text string
	}
	for _, x := range []struct {
		name, yaml string
		sent       []sent
		masked     int
	}{
		{"a message", "{count: 3}", []sent{{client, 0, strings.Join(c, ", ")}}, 2},
		{"the same value", "{count: 3}", []sent{{client, 0, strings.Repeat(c[0]+", ", 4)}}, 2},
		{"the same value, distinct", "{count: 3, distinct: true}", []sent{{client, 0, strings.Repeat(c[0]+", ", 4)}}, 0},
		{"distinct values", "{count: 3, distinct: true}", []sent{{client, 0, strings.Repeat(c[0]+", ", 4) + strings.Join(c, ", ")}}, 2},
		{"one flow", "{count: 3, per: flow}", []sent{{client, 0, c[0] + " " + c[1]}, {client, time.Hour, c[2]}}, 1},
		{"two flows", "{count: 3, per: flow}", []sent{{client, 0, c[0] + " " + c[1]}, {"192.0.2.1:40001", 0, c[2]}}, 0},
		{"one client", "{count: 3, per: client}", []sent{{client, 0, c[0] + " " + c[1]}, {"192.0.2.1:40001", time.Minute, c[2] + " " + c[3]}}, 2},
		{"two clients", "{count: 3, per: client}", []sent{{client, 0, c[0] + " " + c[1]}, {"192.0.2.9:40000", 0, c[2] + " " + c[3]}}, 0},
		{"too late", "{count: 3, per: client, within: 1m}", []sent{{client, 0, c[0] + " " + c[1]}, {client, 2 * time.Minute, c[2] + " " + c[3]}}, 0},
	} {
		d := inspecttest.Load[Detector](t, x.yaml)
		d.Name, d.Action = "card", "mask"
		l := lane(t, Config{Detectors: []Detector{d}})
		masked := 0
		for _, s := range x.sent {
			l.At(s.at)
			l.Stream(inspecttest.TCP(s.from, server, []byte(s.text)))
			masked += strings.Count(string(l.Apply([]byte(s.text))), strings.Repeat("X", 16))
		}
		if masked != x.masked || len(l.Events) != x.masked {
			t.Errorf("%s: %d masked, %d events, want %d", x.name, masked, len(l.Events), x.masked)
		}
	}
}

// TestCountsPerBody begins anew with each body.
func TestCountsPerBody(t *testing.T) {
	c := cards(2)
	l := lane(t, Config{Detectors: []Detector{{Name: "card", Count: 2}}})
	p := inspecttest.TCP(client, server, nil)
	l.Begin(p)
	body := func(offset int64, text string, more bool) {
		l.Field(p, &field.Field{ID: field.HTTPRequestBody, Value: []byte(text), Span: field.Span{End: len(text)}, Editable: true, Offset: offset, More: more})
	}
	body(0, c[0]+",", false)
	body(0, c[1]+",", false)
	if len(l.Events) != 0 {
		t.Error("values of two bodies were counted together")
	}
	body(0, c[0]+", and ", true)
	body(22, c[1]+",", false)
	if len(l.Events) != 1 {
		t.Errorf("%d events of one body with two values", len(l.Events))
	}
}

// TestManyClients has more of them than there is room for: the table does not grow.
func TestManyClients(t *testing.T) {
	l := lane(t, Config{Detectors: []Detector{{Name: "card", Action: "mask", Count: 2, Per: "client"}}})
	l.Quiet = true
	text := []byte(cards(1)[0])
	for i := range 3 * tallies {
		l.Stream(inspecttest.UDP(fmt.Sprintf("10.0.%d.%d:1", i>>8, i&255), server, text))
	}
	if l.Edited > 0 {
		t.Errorf("%d edits, though each client sent one value", l.Edited)
	}
	l.Stream(inspecttest.UDP("10.0.0.1:2", server, text))
	l.Stream(inspecttest.UDP("10.0.0.1:3", server, text))
	if l.Edited == 0 {
		t.Error("a client's second value was not counted")
	}
}

// TestCountsOfAClientStay: a client that sends value after value, each in a message and a flow of its own, does not lose its count of a day.
func TestCountsOfAClientStay(t *testing.T) {
	l := lane(t, Config{Detectors: []Detector{
		{Name: "card", Action: "mask", Count: 3, Per: "client", Within: 24 * time.Hour}, {Name: "us-ssn", Count: 2}, {Name: "iban", Count: 2, Per: "flow"},
	}})
	l.Quiet = true
	say := func(port int, text string) {
		l.Stream(inspecttest.UDP(fmt.Sprintf("192.0.2.1:%d", port), server, []byte(text)))
	}
	c := cards(3)
	say(1, c[0]+" "+c[1])
	for i := range 8 * tallies {
		l.At(time.Duration(i) * time.Second)
		say(2+i, "ssn 536-22-1234, IBAN DE89370400440532013000")
	}
	if say(1, c[2]); l.Edited != 1 {
		t.Errorf("%d masked: the third of a day is not the third", l.Edited)
	}
}

func TestMistakesOfCounts(t *testing.T) {
	for yaml, path := range map[string]string{
		"{count: 501}":                          "detectors[0].count",
		"{count: -1}":                           "detectors[0].count",
		"{distinct: true}":                      "detectors[0].count",
		"{count: 2, per: host}":                 "detectors[0].per",
		"{count: 2, per: client, within: 100h}": "detectors[0].within",
		"{count: 2, per: flow, within: 10m}":    "detectors[0].within",
	} {
		d := inspecttest.Load[Detector](t, yaml)
		d.Name = "card"
		if _, m := New(Config{Detectors: []Detector{d}}, inspect.Env{}); len(m) != 1 || m[0].Path != path {
			t.Errorf("%s: %+v", yaml, m)
		}
	}
}
