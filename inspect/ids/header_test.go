package ids

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/rule"
)

// anySet draws a set over the last byte of 192.0.2.0/24, and a function that says by definition what is in it.
func anySet(t *rapid.T, depth int) (text string, has func(n int) bool) {
	inner := func() (string, func(int) bool) {
		if depth < 3 && rapid.IntRange(0, 2).Draw(t, "group?") == 0 {
			n := rapid.IntRange(1, 4).Draw(t, "members")
			text := "["
			var with, without []func(int) bool
			for i := range n {
				if i > 0 {
					text += ","
				}
				not := rapid.Bool().Draw(t, "not")
				if not {
					text += "!"
				}
				s, f := anySet(t, depth+1)
				if s[0] == '!' { // the language has no double negation
					s = "[" + s + "]"
				}
				text += s
				if not {
					without = append(without, f)
				} else {
					with = append(with, f)
				}
			}
			return text + "]", func(n int) bool {
				in := len(with) == 0
				for _, f := range with {
					in = in || f(n)
				}
				for _, f := range without {
					in = in && !f(n)
				}
				return in
			}
		}
		lo := rapid.IntRange(0, 255).Draw(t, "first")
		hi := rapid.IntRange(lo, 255).Draw(t, "last")
		a := func(n int) string { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}).String() }
		return a(lo) + "-" + a(hi), func(n int) bool { return n >= lo && n <= hi }
	}
	text, has = inner()
	if rapid.IntRange(0, 4).Draw(t, "negate") == 0 {
		f := has
		return "![" + text + "]", func(n int) bool { return !f(n) }
	}
	return text, has
}

func TestAddressSetsSameAsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, has := anySet(t, 0)
		set, err := rule.ParseAddresses(text)
		if err != nil {
			t.Fatal(text, err)
		}
		got, err := solve(&set, space4, nil, range4, 0)
		if err != nil {
			t.Fatal(text, err)
		}
		for n := range 256 {
			if in := got.has(value{0, 192<<24 | 2<<8 | uint64(n)}); in != has(n) {
				t.Fatalf("192.0.2.%d in %s: %v", n, text, in)
			}
		}
	})
}

func TestVariables(t *testing.T) {
	l := loader{}
	l.setVariables(map[string]string{"LOOP": "[$LOOP2]", "LOOP2": "$LOOP", "SIX": "2001:db8::/32", "WEB": "[80,8000:8010,!8005]"})
	for text, wantErr := range map[string]bool{"$HOME_NET": false, "!$HOME_NET": false, "$LOOP": true, "$NONE": true, "![any]": true, "$SIX": false} {
		set, err := rule.ParseAddresses(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.compiler.solver.addrsOf(&set); (err != nil) != wantErr {
			t.Errorf("%s: %v", text, err)
		}
	}
	set, _ := rule.ParsePorts("$WEB")
	p, err := l.compiler.solver.portsOf(&set)
	if err != nil || !p.has(80) || !p.has(8004) || p.has(8005) || p.has(81) {
		t.Error(err, p)
	}
	six, _ := rule.ParseAddresses("!$SIX")
	a, err := l.compiler.solver.addrsOf(&six)
	in, out := netip.MustParseAddr("2001:db8:ffff::1").As16(), netip.MustParseAddr("2001:db9::").As16()
	if err != nil || a.has(in[:]) || !a.has(out[:]) || !a.has([]byte{192, 0, 2, 1}) {
		t.Error(err, a)
	}
}
