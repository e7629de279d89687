package dlp

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/canary"
	"github.com/weir-project/weir/internal/inspecttest"
)

// datagram is what arrives of a datagram.
func datagram(t *testing.T, d Detector, text string) string {
	t.Helper()
	l := lane(t, Config{FingerprintKey: "a key of the tests", Detectors: []Detector{d}})
	l.Stream(inspecttest.UDP(client, server, []byte(text)))
	return string(l.Apply([]byte(text)))
}

// scanned is what arrives of a file, where lengths are free.
func scanned(t *testing.T, d Detector, text string) string {
	t.Helper()
	d.Action = "mask"
	s, mistakes := NewScan(Config{FingerprintKey: "a key of the tests", Detectors: []Detector{d}})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	var out strings.Builder
	if err := s.Read(strings.NewReader(text), func(*event.Event, Place) {}, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestTextInPlaceOfAValue: where the length is free the text stands there, elsewhere it is cut or filled up.
func TestTextInPlaceOfAValue(t *testing.T) {
	long := strings.Repeat("(removed)", 4)
	for _, c := range []struct{ with, free, fixed string }{
		{"(gone)", "pay (gone), now", "pay (gone)*************, now"},
		{long, "pay " + long + ", now", "pay (removed)(removed)(, now"},
	} {
		d := Detector{Name: "card", Action: "mask", With: c.with, Char: "*"}
		if got := scanned(t, d, "pay 4000 0000 0000 0002, now"); got != c.free {
			t.Errorf("%q: %q", c.with, got)
		}
		if got := datagram(t, d, "pay 4000 0000 0000 0002, now"); got != c.fixed {
			t.Errorf("%q: %q", c.with, got)
		}
	}
	coded := base64.StdEncoding.EncodeToString([]byte("I shall pay by 4000 0000 0000 0002, now"))
	got, err := base64.StdEncoding.DecodeString(scanned(t, Detector{Name: "card", With: "(gone)"}, coded))
	if string(got) != "I shall pay by (gone)XXXXXXXXXXXXX, now" {
		t.Errorf("in base64: %q, %v", got, err)
	}
}

// TestTextInPlaceOfManyValues has more values than there are edits for, and a private key, which is found in parts.
func TestTextInPlaceOfManyValues(t *testing.T) {
	many := strings.Repeat("pay 4000 0000 0000 0002, ", 40)
	if got := scanned(t, Detector{Name: "card", With: "it"}, many); got != strings.Repeat("pay it, ", 40) {
		t.Errorf("%q", got)
	}
	key := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat(strings.Repeat("MIIEpAIBAAKC", 5)+"\n", 30) + "-----END PRIVATE KEY-----\n"
	if got := scanned(t, Detector{Name: "private-key", With: "(key)"}, key); strings.Contains(got, "MIIE") || strings.Count(got, "(key)") != 1 {
		t.Errorf("%q", got)
	}
}

// TestPseudonyms: the form stays, the same value has the same pseudonym however it is written, another value or key another one.
func TestPseudonyms(t *testing.T) {
	card := Detector{Name: "card", Action: "mask", Pseudonym: true, Keep: 4}
	got := datagram(t, card, `{"pay":4000000000000002,"or":"4000 0000 0000 0002","and":"4000-0000-0000-0010"}`)
	m := regexp.MustCompile(`^\{"pay":([1-9]\d{11}0002),"or":"([\d ]{15}0002)","and":"([\d-]{15}0010)"\}$`).FindStringSubmatch(got)
	if m == nil {
		t.Fatalf("%s", got)
	}
	one, two, other := m[1], strings.ReplaceAll(m[2], " ", ""), strings.ReplaceAll(m[3], "-", "")
	if one != two || one[:12] == other[:12] || one == "4000000000000002" {
		t.Errorf("pseudonyms %s, %s, %s", one, two, other)
	}
	for _, c := range []struct {
		name, text, want string
	}{
		{"email", "mail Alice.B@corp.de now", `^mail [A-Z][a-z]{4}\.[A-Z]@[a-z]{4}\.[a-z]{2} now$`},
		{"iban", "IBAN DE89 3704 0044 0532 0130 00", `^IBAN [A-Z]{2}\d\d( \d{4}){4} \d\d$`},
	} {
		got := datagram(t, Detector{Name: c.name, Action: "mask", Pseudonym: true}, c.text)
		if ok, _ := regexp.MatchString(c.want, got); !ok || got == c.text {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	own := Detector{Name: "project", Keywords: []string{"blue bird 42"}, Action: "mask", Pseudonym: true}
	if got := datagram(t, own, "a Blue-Bird 42."); !regexp.MustCompile(`^a [A-Z][a-z]{3}-[A-Z][a-z]{3} \d\d\.$`).MatchString(got) || got == "a Blue-Bird 42." {
		t.Errorf("%q", got)
	}
}

// TestPseudonymsAreNobodysNumber draws many, of which one in ten would have a right check digit.
func TestPseudonymsAreNobodysNumber(t *testing.T) {
	text := strings.Join(cards(400), ", ")
	got := scanned(t, Detector{Name: "card", Pseudonym: true}, text)
	l := lane(t, detecting("card", "alert"))
	l.Stream(inspecttest.UDP(client, server, []byte(got)))
	if len(l.Events) > 0 || len(got) != len(text) || got == text || strings.Contains(", "+got, ", 0") {
		t.Errorf("%d are cards: %.200s", len(l.Events), got)
	}
}

// TestPseudonymsBehindACut draws many for a number whose word came in the segment before: no check digit is right, and the pseudonym is the same without a cut.
func TestPseudonymsBehindACut(t *testing.T) {
	for _, c := range []struct{ kind, before, value string }{
		{"uk-nhs", "my NHS number: ", "9434765919"}, {"ca-sin", "my SIN: ", "193456787"}, {"uk-nhs", "my%20NHS%20number:%20", "943%20476%205919"},
	} {
		for i := range 200 {
			policy := Config{FingerprintKey: fmt.Sprintf("a key of the tests %d", i), Detectors: []Detector{{Name: c.kind, Action: "mask", Pseudonym: true}}}
			whole, _ := passBy(t, policy, c.before+c.value+" ", nil)
			parts, _ := passBy(t, policy, c.before+c.value+" ", []int{len(c.before)})
			got := string(parts.text)
			if got == c.before+c.value+" " || got != string(whole.text) {
				t.Fatalf("%q, in parts %q", whole.text, got)
			}
			if p, _ := pass(t, got, nil, Detector{Name: c.kind}); len(p.told) > 0 {
				t.Fatalf("%q is somebody's", got)
			}
		}
	}
}

func TestMistakesOfMasks(t *testing.T) {
	for want, d := range map[string]Detector{
		"with: \"\\\"gone\\\"\" cannot":      {Action: "mask", With: `"gone"`},
		"with: \"\\n\" cannot":               {Action: "mask", With: "\n"},
		"with: \"" + strings.Repeat("a", 65): {Action: "mask", With: strings.Repeat("a", 65)},
		"with: with keeps nothing":           {Action: "mask", With: "gone", Keep: 4},
		"with: with keeps":                   {Action: "mask", With: "gone", Pseudonym: true},
		"pseudonym: a pseudonym":             {Action: "mask", Char: "*", Pseudonym: true},
		"action: keep, char, with":           {With: "gone"},
		"action: keep, char":                 {Action: "drop", Pseudonym: true},
		"action: keep":                       {Keep: 4},
	} {
		d.Name = "card"
		_, got := New(Config{Detectors: []Detector{d}}, inspect.Env{Lanes: 1})
		if len(got) != 1 || !strings.HasPrefix(got[0].Path+": "+got[0].What, "detectors[0]."+want) || got[0].Hint == "" {
			t.Errorf("%s: %v", want, got)
		}
	}
}

func TestMasksAllocateNothing(t *testing.T) {
	for _, d := range []Detector{{With: "(gone)"}, {Pseudonym: true}, {}} {
		d.Name, d.Action = "card", "mask"
		l := lane(t, Config{Detectors: []Detector{d}})
		l.Quiet = true
		p := inspecttest.UDP(client, server, []byte("pay 4000 0000 0000 0002, or 4000 0000 0000 0010"))
		if n := testing.AllocsPerRun(100, func() { l.Stream(p) }); n != 0 {
			t.Errorf("%+v: %v allocations", d, n)
		}
	}
}

// TestNumbersAreKnownAsSuch: each value with a check digit is one that no pseudonym may be.
func TestNumbersAreKnownAsSuch(t *testing.T) {
	var ds []Detector
	for _, k := range detect.Bundled() {
		ds = append(ds, Detector{Name: k.Name, Action: "mask"})
	}
	maker, _ := New(Config{Detectors: ds}, inspect.Env{Lanes: 1})
	d, n := maker().(*Inspector), 0
	for _, v := range canary.Values(7, 20) {
		k, bundled := detect.Parse(v.Kind)
		if !bundled || !checked[k] {
			continue
		}
		if n++; !d.isNumber([]byte(v.Text)) {
			t.Errorf("%s %s", v.Kind, v.Text)
		}
	}
	if n < 200 {
		t.Errorf("only %d numbers", n)
	}
}
