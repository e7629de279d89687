package rule

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func mustParse(t *testing.T, text string) *Rule {
	t.Helper()
	r, err := ParseRule(text, 1)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return r
}

func TestHeader(t *testing.T) {
	r := mustParse(t, `alert tcp [192.0.2.0/24, !192.0.2.7] 1024: -> !$HOME_NET [80,443] (sid:1;)`)
	addr := netip.MustParseAddr
	want := &Rule{
		Action: Word{Text: "alert"}, Proto: Word{Text: "tcp"},
		Src: Addresses{Grouped: true, Group: []Addresses{
			{Range: AddrRange{addr("192.0.2.0"), addr("192.0.2.255")}},
			{Not: true, Range: AddrRange{addr("192.0.2.7"), addr("192.0.2.7")}},
		}},
		SrcPort: Ports{Range: PortRange{1024, 65535}},
		Dst:     Addresses{Not: true, Var: "HOME_NET"},
		DstPort: Ports{Grouped: true, Group: []Ports{{Range: PortRange{80, 80}}, {Range: PortRange{443, 443}}}},
		Options: []Option{{Name: "sid", HasValue: true, Value: "1"}},
	}
	if d := cmp.Diff(want, r, cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Error(d)
	}
}

func TestCanonicalPrint(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ALERT  tcp any any->any any (sid:1;)", ""},
		{"ALERT  TCP any any -> any any(SID : 1 ;nocase;)", "alert tcp any any -> any any (sid:1; nocase;)"},
		{"alert ip 192.0.2.9/24 any <> 192.0.2.1-192.0.2.3 any ()", "alert ip 192.0.2.0/24 any <> 192.0.2.1-192.0.2.3 any ()"},
		{"alert ip 198.51.100.0/255.255.255.128 :80 -> 2001:DB8::/32 80: ()", "alert ip 198.51.100.0/25 0:80 -> 2001:db8::/32 80:65535 ()"},
		{"alert ip [ ! $A , 192.0.2.4-192.0.2.7 ] any -> ![any] any ()", "alert ip [!$A,192.0.2.4/30] any -> ![any] any ()"},
		{"alert ip 0.0.0.0/0 any -> ::/0 any ()", "alert ip 0.0.0.0/0 any -> ::/0 any ()"},
	} {
		r, err := ParseRule(c.in, 1)
		if err != nil {
			if c.want != "" {
				t.Errorf("%s: %v", c.in, err)
			}
			continue
		}
		if got := r.String(); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	for _, c := range []struct {
		text string
		col  int
		what string
	}{
		{``, 1, "not an action"},
		{`alert`, 6, "not a protocol"},
		{`alert tcp`, 10, "nothing where"},
		{`alert tcp any any <- any any (sid:1;)`, 19, "not a direction"},
		{`alert tcp any any any any any (sid:1;)`, 19, "not a direction"},
		{`alert tcp 192.0.2.300 any -> any any (sid:1;)`, 11, "cannot read"},
		{`alert tcp 192.0.2.9-192.0.2.1 any -> any any (sid:1;)`, 11, "cannot read"},
		{`alert tcp 192.0.2.0/33 any -> any any (sid:1;)`, 11, "cannot read"},
		{`alert tcp 192.0.2.0/255.0.255.0 any -> any any (sid:1;)`, 11, "cannot read"},
		{`alert tcp ::ffff:192.0.2.1 any -> any any (sid:1;)`, 11, "cannot read"},
		{`alert tcp [192.0.2.1 any -> any any (sid:1;)`, 22, "unexpected"},
		{`alert tcp [192.0.2.1,`, 22, "nothing where"},
		{`alert tcp !any any -> any any (sid:1;)`, 11, "!any"},
		{`alert tcp $ any -> any any (sid:1;)`, 11, "not a variable"},
		{`alert tcp any 70000 -> any any (sid:1;)`, 15, "cannot read"},
		{`alert tcp any 9:1 -> any any (sid:1;)`, 15, "cannot read"},
		{`alert tcp any : -> any any (sid:1;)`, 15, "cannot read"},
		{`alert tcp any any -> any any`, 29, "no options"},
		{`alert tcp any any -> any any (`, 30, "not closed"},
		{`alert tcp any any -> any any (sid:1;`, 36, "not closed"},
		{`alert tcp any any -> any any (sid:1)`, 31, "not ended"},
		{`alert tcp any any -> any any (sid:;)`, 35, "empty value"},
		{`alert tcp any any -> any any (a b;)`, 31, "not a keyword"},
		{`alert tcp any any -> any any (;)`, 31, "not a keyword"},
		{`alert tcp any any -> any any (msg:"a\;)`, 31, "not ended"},
	} {
		_, err := ParseRule(c.text, 7)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", c.text)
			continue
		}
		if e.Pos != (Pos{7, c.col}) || !strings.Contains(e.What, c.what) || e.Hint == "" {
			t.Errorf("%s:\n got %v\nwant 7:%d: …%s…", c.text, e, c.col, c.what)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+2) + "any"
	if _, err := ParseRule("alert tcp "+deep, 1); err == nil || !strings.Contains(err.Error(), "deeper") {
		t.Error(err)
	}
	if _, err := ParseRule(strings.Repeat("a", MaxRule+1), 1); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Error(err)
	}
}

func TestContent(t *testing.T) {
	for _, c := range []struct {
		value, want string
		not         bool
		col         int // of the mistake; 0 if none
	}{
		{`"abc"`, "abc", false, 0},
		{`!"abc"`, "abc", true, 0},
		{`! "abc"`, "abc", true, 0},
		{`"a|0d 0A|b|ff|"`, "a\r\nb\xff", false, 0},
		{`"\"\;\:\\"`, `";:\`, false, 0},
		{`"|41|"`, "A", false, 0},
		{`abc`, "", false, 9},
		{`""`, "", false, 10},
		{`"a|0|"`, "", false, 13},
		{`"a|0g|"`, "", false, 13},
		{`"a|00"`, "", false, 11},
		{`"a\n"`, "", false, 11},
		{`"a"b"`, "", false, 11},
	} {
		o := Option{Name: "content", HasValue: true, Value: c.value, ValuePos: Pos{1, 9}}
		got, not, err := o.Content()
		var e *Error
		switch {
		case c.col == 0 && (err != nil || string(got) != c.want || not != c.not):
			t.Errorf("%s: %q %v %v, want %q %v", c.value, got, not, err, c.want, c.not)
		case c.col != 0 && (!errors.As(err, &e) || e.Pos.Col != c.col):
			t.Errorf("%s: %v, want a mistake in column %d", c.value, err, c.col)
		}
	}
}

func TestOptionEndsAtUnescapedSemicolon(t *testing.T) {
	r := mustParse(t, `alert tcp any any -> any any (pcre:"/["]a\;b/"; msg:"x; y:z;)`)
	var got []string
	for i := range r.Options {
		got = append(got, r.Options[i].String())
	}
	if d := cmp.Diff([]string{`pcre:"/["]a\;b/"`, `msg:"x`, `y:z`}, got); d != "" {
		t.Error(d)
	}
}

func TestText(t *testing.T) {
	r := mustParse(t, `alert tcp any any -> any any (msg:"say \"hi\"\; a\b"; classtype:misc-attack;)`)
	if got := r.Option("msg").Text(); got != `say "hi"; a\b` {
		t.Errorf("msg: %q", got)
	}
	if got := r.Option("classtype").Text(); got != "misc-attack" {
		t.Errorf("classtype: %q", got)
	}
	if r.Option("nothing") != nil {
		t.Error("found an option that is not there")
	}
}

func TestFile(t *testing.T) {
	text, err := os.ReadFile("testdata/example.rules")
	if err != nil {
		t.Fatal(err)
	}
	rules, errs := Parse(string(text))
	if len(errs) != 0 {
		t.Fatal(errs)
	}
	var sids []string
	for i := range rules {
		sids = append(sids, rules[i].Option("sid").Value)
	}
	if d := cmp.Diff([]string{"1", "2", "3", "4", "5", "7"}, sids); d != "" {
		t.Error(d)
	}
	if got := rules[2].Pos; got != (Pos{5, 1}) {
		t.Errorf("the continued rule begins at %v", got)
	}
	if got := rules[2].Option("http.uri").Pos; got != (Pos{6, 47}) {
		t.Errorf("http.uri stands at %v", got)
	}
	if got := rules[2].Option("sid").Pos; got != (Pos{7, 57}) {
		t.Errorf("sid stands at %v", got)
	}
}

func TestOneBadLineSparesTheOthers(t *testing.T) {
	rules, errs := Parse("alert tcp any any -> any any (sid:1;)\r\nnonsense\n\nalert tcp any any -> any any (sid:2;)")
	if len(rules) != 2 || len(errs) != 1 || errs[0].Pos.Line != 2 {
		t.Errorf("%d rules, %v", len(rules), errs)
	}
}

func TestSetsAlone(t *testing.T) {
	a, err := ParseAddresses(" [192.0.2.0/24, !$X] ")
	if err != nil || a.String() != "[192.0.2.0/24,!$X]" {
		t.Error(a, err)
	}
	if p, err := ParsePorts("1024:"); err != nil || p.String() != "1024:65535" {
		t.Error(p, err)
	}
	for _, text := range []string{"", "192.0.2.1 192.0.2.2", "192.0.2.1,192.0.2.2", "[192.0.2.1"} {
		if _, err := ParseAddresses(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
