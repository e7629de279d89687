package evade

import (
	"fmt"
	"maps"
	"slices"
)

// secrets are A7: a card number cut everywhere, and in bodies that hide it.
func secrets() (all []Attempt) {
	add := func(name string, app App, message func(number string) string, s ...step) {
		all = append(all, Attempt{Row: "A7", Name: name, Families: Both, App: app, Secret: true, steps: append(append(steps(confide(message), start), s...), finish)})
	}
	plain := func(n string) string { return "pay with " + n + " now, please" }
	for at := 9; at < 9+16; at += 3 {
		add(fmt.Sprintf("cut behind digit %d", at-9), Plain, plain, real(0, at), acked(at), real(at, 36))
	}
	add("a digit at a time", Plain, plain, inPieces(1, nil))
	bodies := map[string]func(n string) string{
		"in chunks of a digit": func(n string) string { return "Transfer-Encoding: chunked\r\n\r\n" + chunked(plain(n), 1, "") },
		"in chunks of a digit, with extensions": func(n string) string {
			return "Transfer-Encoding: chunked\r\n\r\n" + chunked(plain(n), 1, ";x=4111")
		},
		"in a compressed body":           func(n string) string { return coded(codings["gzip"], plain(n)) },
		"in a compressed body in chunks": func(n string) string { return codedInChunks(codings["gzip"], plain(n), 1) },
	}
	for _, name := range []string{"gzip, stored", "gzip twice", "deflate", "deflate without header", "brotli", "zstd"} {
		bodies["in a body by "+name+", in chunks"] = func(n string) string { return codedInChunks(codings[name], plain(n), 3) }
	}
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		body := bodies[name]
		add(name, HTTP, func(n string) string { return "POST / HTTP/1.1\r\nHost: www.example.org\r\n" + body(n) })
		a := replied("A7", name+", of a response", confide(func(n string) string { return "HTTP/1.1 200 OK\r\n" + body(n) }))
		a.Secret = true
		all = append(all, a)
	}
	return all
}
