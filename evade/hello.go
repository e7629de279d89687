package evade

import (
	"bytes"
	"crypto/ecdh"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
)

// This file is A4 and A5: hellos and queries.

// hello returns what a TLS client says first, without the record layer.
func hello(name string, protocols []string, max uint16) []byte {
	return helloBy(&tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protocols, MaxVersion: max})
}

// encryptedHello returns one whose true name is encrypted (RFC 9849), with the other in the open.
func encryptedHello(inner, outer string) []byte {
	key := must(ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))).PublicKey().Bytes()
	b := append([]byte{9, 0, 0x20, 0, byte(len(key))}, key...) // the receiver has no such key
	b = append(b, 0, 4, 0, 1, 0, 1, 0, byte(len(outer)))
	b = append(append(b, outer...), 0, 0)
	config := append(binary.BigEndian.AppendUint16([]byte{0xfe, 0x0d}, uint16(len(b))), b...)
	return helloBy(&tls.Config{
		ServerName: inner, MinVersion: tls.VersionTLS13,
		EncryptedClientHelloConfigList: append(binary.BigEndian.AppendUint16(nil, uint16(len(config))), config...),
	})
}

func helloBy(config *tls.Config) []byte {
	c, s := net.Pipe()
	defer s.Close()
	go func() {
		_ = tls.Client(c, config).Handshake() // nobody answers
		c.Close()
	}()
	var header [5]byte
	var said []byte
	for {
		if _, err := readFull(s, header[:]); err != nil {
			return said
		}
		b := make([]byte, binary.BigEndian.Uint16(header[3:]))
		if _, err := readFull(s, b); err != nil {
			return said
		}
		said = append(said, b...)
		if n := 4 + int(said[1])<<16 + int(said[2])<<8 + int(said[3]); len(said) >= n {
			return said
		}
	}
}

func readFull(c net.Conn, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = c.Read(b[n:])
		n += k
	}
	return n, err
}

// records cuts a handshake message into records of size bytes.
func records(message []byte, size int, version uint16) string {
	var b []byte
	for at := 0; at < len(message); at += size {
		part := message[at:min(at+size, len(message))]
		b = append(b, 22)
		b = binary.BigEndian.AppendUint16(b, version)
		b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
		b = append(b, part...)
	}
	return string(b)
}

// hellos is A4.
func hellos() (all []Attempt) {
	add := func(name string, chunk int, message func(host string) string) {
		all = append(all, Attempt{Row: "A4", Name: name, Families: Both, App: TLS, steps: steps(
			deliver(func(w string) string { return message(w + "example") }), func(t *talk) { t.chunk = chunk }, start, finish)})
	}
	const whole = 1 << 14
	for _, chunk := range []int{1, 7, 100, 1200} {
		add(fmt.Sprintf("segments of %d bytes", chunk), chunk, func(h string) string { return records(hello(h, nil, tls.VersionTLS12), whole, 0x301) })
	}
	for _, size := range []int{1, 3, 30, 200} {
		add(fmt.Sprintf("records of %d bytes", size), 400, func(h string) string { return records(hello(h, nil, tls.VersionTLS12), size, 0x301) })
	}
	add("post-quantum key shares", 1200, func(h string) string { return records(hello(h, nil, 0), whole, 0x301) })
	add("post-quantum key shares, records of 100 bytes", 1200, func(h string) string { return records(hello(h, nil, 0), 100, 0x301) })
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf("%d-%s", i, strings.Repeat("p", 240)))
	}
	add("15 KB", 1200, func(h string) string { return records(hello(h, many, 0), whole, 0x301) })
	add("15 KB, records of 1000 bytes", 1200, func(h string) string { return records(hello(h, many, 0), 1000, 0x301) })
	add("an encrypted hello within", 1200, func(h string) string { return records(encryptedHello("www.example.org", h), whole, 0x301) })
	add("an encrypted hello within, records of 100 bytes", 1200, func(h string) string { return records(encryptedHello("www.example.org", h), 100, 0x301) })
	add("an odd record version", 100, func(h string) string { return records(hello(h, nil, 0), whole, 0x303) })
	return all
}

// query returns a DNS message whose questions are the given names, in wire form.
func query(names ...string) []byte {
	b := []byte{0x12, 0x34, 1, 0, 0, byte(len(names)), 0, 0, 0, 0, 0, 0}
	for _, n := range names {
		b = append(append(b, n...), 0, 1, 0, 1)
	}
	return b
}

// labels is a name in wire form.
func labels(name string) string {
	var b strings.Builder
	for l := range strings.SplitSeq(name, ".") {
		b.WriteString(string(rune(len(l))) + l)
	}
	return b.String() + "\x00"
}

// odd20 changes the case of every second letter (draft-vixie-dnsext-dns0x20).
func odd20(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] >= 'a' && b[i] <= 'z' && i%2 == 0 {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// queries is A5.
func queries() (all []Attempt) {
	messages := map[string]func(name string) []byte{
		"plain":                       func(n string) []byte { return query(labels(n)) },
		"odd case":                    func(n string) []byte { return query(odd20(labels(n))) },
		"the second of two questions": func(n string) []byte { return query(labels("www.example.org"), labels(n)) },
		"by a pointer": func(n string) []byte {
			return query(labels("example"), strings.TrimSuffix(labels(strings.TrimSuffix(n, ".example")), "\x00")+"\xc0\x0c")
		},
		"by a pointer to a pointer": func(n string) []byte {
			return query(labels("example"), "\xc0\x0c", strings.TrimSuffix(labels(strings.TrimSuffix(n, ".example")), "\x00")+"\xc0\x19")
		},
		"by a pointer to itself": func(n string) []byte { return query(strings.TrimSuffix(labels(n), "\x00") + "\xc0\x0c") },
		"a pointer forwards":     func(n string) []byte { return query("\xc0\x12", labels(n)) },
		"bytes behind":           func(n string) []byte { return append(query(labels(n)), "behind"...) },
		"EDNS": func(n string) []byte {
			b := query(labels(n))
			b[11] = 1
			return append(b, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0)
		},
		"EDNS with padding": func(n string) []byte {
			b := query(labels(n))
			b[11] = 1
			return append(b, append([]byte{0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 24, 0, 12, 0, 20}, make([]byte, 20)...)...)
		},
		"reserved bits":               func(n string) []byte { b := query(labels(n)); b[3] |= 0x70; return b },
		"a NUL within a label before": func(n string) []byte { return query("\x03a\x00b" + labels(n)) },
		"an opcode of its own":        func(n string) []byte { b := query(labels(n)); b[2] = 0x21; return b },
		"class ANY":                   func(n string) []byte { b := query(labels(n)); b[len(b)-1] = 255; return b },
	}
	for name, message := range messages {
		all = append(all, Attempt{Row: "A5", Name: name + ", UDP", Families: Both, App: DNS, UDP: true, steps: steps(
			deliver(func(w string) string { return string(message(w + "example")) }),
			func(t *talk) {
				t.id++
				t.link.Send(t.path.datagram(ip{id: t.id}, 17, t.path.udp(t.text.Real)))
				t.listen(moment, nil)
			})})
		all = append(all, Attempt{Row: "A5", Name: name + ", TCP", Families: Both, App: DNS, steps: steps(
			deliver(func(w string) string { return framed(message(w + "example")) }), start, finish)})
	}
	all = append(all, Attempt{Row: "A5", Name: "the length cut in two, TCP", Families: Both, App: DNS, steps: steps(
		deliver(func(w string) string { return framed(query(labels(w + "example"))) }), start, real(0, 1), acked(1), real(1, 9), finish)})
	for name, before := range map[string]string{
		"an empty message before":        "\x00\x00",
		"a message of five bytes before": "\x00\x05short",
		"an unknown opcode before":       framed([]byte("\x12\x34\x48\x00\x00\x00\x00\x00\x00\x00\x00\x00")),
	} {
		all = append(all, Attempt{Row: "A5", Name: name + ", TCP", Families: Both, App: DNS, steps: steps(
			deliver(func(w string) string { return before + framed(query(labels(w+"example"))) }), start, finish)})
	}
	all = append(all, Attempt{Row: "A5", Name: "two messages in one stream, TCP", Families: Both, App: DNS, steps: steps(
		deliver(func(w string) string {
			return framed(query(labels("www.example.org"))) + framed(query(labels(w+"example")))
		}), start, finish)})
	return all
}

// framed is a message over TCP (RFC 1035 §4.2.2).
func framed(b []byte) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(b)))) + string(b)
}
