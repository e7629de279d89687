package dlpcorpus

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestSameSeedSameTexts(t *testing.T) {
	if !reflect.DeepEqual(Generate(7, 3), Generate(7, 3)) {
		t.Error("two corpora of one seed differ")
	}
	if reflect.DeepEqual(Generate(7, 3), Generate(8, 3)) {
		t.Error("two seeds give the same corpus")
	}
}

func TestLabelsHoldWhatTheRegexpsFind(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Generate(1, 20) {
		for _, l := range c.Labels {
			seen[l.Kind] = true
			if v := c.Text[l.Off:l.End]; v == "" || strings.TrimSpace(v) != v {
				t.Errorf("%s is labelled %q in %q", l.Kind, v, c.Text)
			}
		}
	}
	for kind, e := range PlainRegexps {
		if regexp.MustCompile(e); !seen[kind] {
			t.Errorf("no text has a value of the kind %s", kind)
		}
	}
}

// TestChecksKnowPublishedNumbers holds the checks of this package against examples that the authorities published.
func TestChecksKnowPublishedNumbers(t *testing.T) {
	for name, ok := range map[string]bool{
		"luhn": luhn("79927398713"), "nhs": nhs("9434765919"), "bsn": bsn("111222333"), "tfn": tfn("123456782"), "steuer": steuer("86095742719"),
		"cpf": cpf("529982247") == "52998224725", "verhoeff": verhoeff("2363"), "pesel": pesel("44051401359"),
		"iban": iban("GB", "WEST12345698765432") == "GB82WEST12345698765432", "codice": codice("RSSMRA85T10A562") == "S",
		"crc": crc62("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ") == "0mLq17", "nir": 97-mod97("2550814168025") == 38,
	} {
		if !ok {
			t.Errorf("%s does not know its own example", name)
		}
	}
}

func TestHardCasesAreRead(t *testing.T) {
	cases, err := Hard()
	if err != nil || len(cases) < 100 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		for _, l := range c.Labels {
			if PlainRegexps[l.Kind] == "" {
				t.Errorf("%q has a kind that does not exist: %s", c.Text, l.Kind)
			}
		}
	}
	if _, err := parseHard("a «card 1»"); err == nil {
		t.Error("a value without a kind was read")
	}
}

// TestTrafficIsMixed wants every sort in traffic, values in it, and the same of one seed.
func TestTrafficIsMixed(t *testing.T) {
	a, values := Traffic(3, 4<<20)
	b, _ := Traffic(3, 4<<20)
	if string(a) != string(b) || len(a) != 4<<20 || values < 100 || values > 300 {
		t.Errorf("%d bytes with %d values, or another text", len(a), values)
	}
	if len(parts) != len(Sorts) {
		t.Errorf("%d sorts have %d names", len(parts), len(Sorts))
	}
	for _, mark := range []string{"<div", `"uuid":`, "GET /", "\r\n", "return s.", "commit "} {
		if n := strings.Count(string(a), mark); n < 20 {
			t.Errorf("%d times %q", n, mark)
		}
	}
}
