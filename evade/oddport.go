package evade

import (
	"crypto/tls"
	"strings"
)

// This file is A8: protocols on ports that are not for them, and what may stand before.

// oddPorts is A8.
func oddPorts() (all []Attempt) {
	add := func(name string, app App, udp bool, message func(word string) string) {
		a := Attempt{Row: "A8", Name: name, Families: Both, App: app, UDP: udp, OddPort: true, steps: steps(deliver(message), start, finish)}
		if udp {
			a.steps = steps(deliver(message), func(t *talk) {
				t.id++
				t.link.Send(t.path.datagram(ip{id: t.id}, 17, t.path.udp(t.text.Real)))
				t.listen(moment, nil)
			})
		}
		all = append(all, a)
	}
	request := "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
	for name, junk := range map[string]string{
		"empty lines before": "\r\n\r\n", "a whole request before": request, "ten requests before": strings.Repeat(request, 10),
	} {
		add("HTTP on an odd port, "+name, HTTP, false, func(w string) string {
			return junk + "GET /" + w + " HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
		})
	}
	tlsHello := func(w string) []byte { return hello(w+"example", nil, tls.VersionTLS12) }
	add("TLS on an odd port", TLS, false, func(w string) string { return records(tlsHello(w), 1<<14, 0x301) })
	add("TLS on an odd port, records of 20 bytes", TLS, false, func(w string) string { return records(tlsHello(w), 20, 0x301) })
	add("TLS on an odd port, a warning before", TLS, false, func(w string) string {
		return "\x15\x03\x01\x00\x02\x01\x70" + records(tlsHello(w), 1<<14, 0x301) // unrecognized_name
	})
	asked := func(w string) []byte { return query(labels(w + "example")) }
	add("DNS on an odd port, UDP", DNS, true, func(w string) string { return string(asked(w)) })
	add("DNS on an odd port, TCP", DNS, false, func(w string) string { return framed(asked(w)) })
	add("DNS on an odd port, a question before, TCP", DNS, false, func(w string) string {
		return framed(query(labels("www.example.org"))) + framed(asked(w))
	})
	add("DNS on an odd port, an empty message before, TCP", DNS, false, func(w string) string { return "\x00\x00" + framed(asked(w)) })
	add("DNS on an odd port, a message of five bytes before, TCP", DNS, false, func(w string) string { return "\x00\x05short" + framed(asked(w)) })
	return all
}
