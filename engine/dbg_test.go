package engine_test
import ("testing";"fmt";"strings";"time";"net/netip")
func TestDbg(t *testing.T) {
	p := load(t, "prevent", splitting)
	for _, c := range parcels(t) {
		if c.name != "TCP: a card in base64" && c.name != "form: a card" { continue }
		fmt.Printf("%q %v\n", c.text, c.value)
		for at := 1; at < len(c.text); at++ { for _, o := range orders(2) {
			e := pair(0, 8080)
			var in []step
			for _, d := range c.packets(e, cuts(len(c.text), o, at)) { in = append(in, step{10 * time.Microsecond, d}) }
			r := run(t, config(t, p), in)
			s := heard(t, r)[netip.MustParseAddrPort(e.client)]
			if strings.Contains(s, c.secret) { fmt.Printf("%d %v leaks: %q | %q\n", at, o, c.text[:at], c.text[at:]) }
		}}
	}
}
