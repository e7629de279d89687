package evade

import "fmt"

// secrets are A7: a card number cut everywhere.
func secrets() (all []Attempt) {
	add := func(name string, app App, message func(number string) string, s ...step) {
		all = append(all, Attempt{Row: "A7", Name: name, Families: Both, App: app, Secret: true, steps: append(append(steps(func(t *talk) {
			number := card
			if t.text.Twin {
				number = cardTwin
			}
			t.text.Real = []byte(message(number))
			t.text.Decoy = t.text.Real
		}, start), s...), finish)})
	}
	plain := func(n string) string { return "pay with " + n + " now, please" }
	for at := 9; at < 9+16; at += 3 {
		add(fmt.Sprintf("cut behind digit %d", at-9), Plain, plain, real(0, at), acked(at), real(at, 36))
	}
	add("a digit at a time", Plain, plain, inPieces(1, nil))
	add("in chunks of a digit", HTTP, func(n string) string {
		return "POST / HTTP/1.1\r\nHost: www.example.org\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(plain(n), 1, "")
	})
	add("in a compressed body", HTTP, func(n string) string {
		return "POST / HTTP/1.1\r\nHost: www.example.org\r\n" + coded(codings["gzip"], plain(n))
	})
	return all
}
