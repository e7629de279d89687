package evade

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2/hpack"
)

// This file is A9: HTTP/2 in clear text (RFC 9113), in which fields are coded and bodies lie in frames between each other's.

// A h2Client is one end of a connection as it speaks.
type h2Client struct {
	out, block bytes.Buffer
	encoder    *hpack.Encoder
}

func newH2Client() *h2Client {
	c := new(h2Client)
	c.encoder = hpack.NewEncoder(&c.block)
	c.out.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	return c.frame(h2Settings, 0, 0, nil)
}

// Types of frames (RFC 9113 §6), and their flags.
const (
	h2Data, h2Headers, h2Reset, h2Settings, h2Ping, h2Continuation, h2Unknown = 0, 1, 3, 4, 6, 9, 0x77

	h2EndStream, h2EndHeaders, h2Padded = 1, 4, 8
)

// frame sends one.
func (c *h2Client) frame(kind, flags byte, id uint32, payload []byte) *h2Client {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	c.out.Write(append(binary.BigEndian.AppendUint32(append(head, flags), id), payload...))
	return c
}

// fields is a header block of names and values in turns, in the code of Huffman where that is shorter.
func (c *h2Client) fields(text ...string) []byte {
	c.block.Reset()
	for i := 0; i < len(text); i += 2 {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: text[i], Value: text[i+1]}) // into memory
	}
	return bytes.Clone(c.block.Bytes())
}

// rawFields is one that is not coded, and enters no table.
func rawFields(text ...string) (b []byte) {
	for i := 0; i < len(text); i += 2 {
		b = append(append(append(b, 0, byte(len(text[i]))), text[i]...), byte(len(text[i+1])))
		b = append(b, text[i+1]...)
	}
	return b
}

// head sends a header block in frames of a size.
func (c *h2Client) head(id uint32, ends bool, block []byte, size int) *h2Client {
	kind, flags := byte(h2Headers), byte(one(ends)*h2EndStream)
	for {
		n := min(size, len(block))
		if n == len(block) {
			return c.frame(kind, flags|h2EndHeaders, id, block)
		}
		c.frame(kind, flags, id, block[:n])
		kind, flags, block = h2Continuation, 0, block[n:]
	}
}

// data sends a body in frames of a size, with padding, and others between that do is called for.
func (c *h2Client) data(id uint32, body string, size, padding int, do func()) *h2Client {
	for len(body) > 0 {
		n := min(size, len(body))
		flags, payload := byte(one(n == len(body))*h2EndStream), []byte(body[:n])
		if padding > 0 {
			flags, payload = flags|h2Padded, append(append([]byte{byte(padding)}, payload...), make([]byte, padding)...)
		}
		c.frame(h2Data, flags, id, payload)
		if body = body[n:]; do != nil && len(body) > 0 {
			do()
		}
	}
	return c
}

// get and post are the fields of requests.
func h2Get(path, host string, more ...string) []string {
	return append([]string{":method", "GET", ":scheme", "http", ":path", path, ":authority", host}, more...)
}

func h2Post(more ...string) []string {
	return append([]string{":method", "POST", ":scheme", "http", ":path", "/in", ":authority", "www.example.org"}, more...)
}

const whole = 1 << 14 // a frame's size

// h2Requests are connections with the word somewhere.
var h2Requests = map[string]func(c *h2Client, w string){
	"HTTP/2, the path":            func(c *h2Client, w string) { c.head(1, true, c.fields(h2Get("/"+w, "www.example.org")...), whole) },
	"HTTP/2, the path, not coded": func(c *h2Client, w string) { c.head(1, true, rawFields(h2Get("/"+w, "www.example.org")...), whole) },
	"HTTP/2, the path in many frames": func(c *h2Client, w string) {
		c.head(1, true, c.fields(h2Get("/"+w, "www.example.org")...), 2)
	},
	"HTTP/2, the host": func(c *h2Client, w string) { c.head(1, true, c.fields(h2Get("/", w+"example")...), whole) },
	"HTTP/2, the host with a port, odd case": func(c *h2Client, w string) {
		c.head(1, true, c.fields(h2Get("/", w+"Example.:80")...), whole)
	},
	"HTTP/2, the host by its field": func(c *h2Client, w string) {
		c.head(1, true, c.fields(":method", "GET", ":scheme", "http", ":path", "/", "host", w+"example"), whole)
	},
	"HTTP/2, two hosts, the first": func(c *h2Client, w string) {
		c.head(1, true, c.fields(h2Get("/", w+"example", "host", "www.example.org")...), whole)
	},
	"HTTP/2, two hosts, the second": func(c *h2Client, w string) {
		c.head(1, true, c.fields(h2Get("/", "www.example.org", "host", w+"example")...), whole)
	},
	"HTTP/2, the second request, by reference": func(c *h2Client, w string) {
		c.head(1, true, c.fields(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.org", "x-later", w), whole)
		c.head(3, true, c.fields(h2Get("/"+w, "www.example.org")...), whole)
	},
	"HTTP/2, a body":                 func(c *h2Client, w string) { c.head(1, false, c.fields(h2Post()...), whole).data(1, w, whole, 0, nil) },
	"HTTP/2, a body a byte a frame":  func(c *h2Client, w string) { c.head(1, false, c.fields(h2Post()...), whole).data(1, w, 1, 0, nil) },
	"HTTP/2, a body with padding":    func(c *h2Client, w string) { c.head(1, false, c.fields(h2Post()...), whole).data(1, w, 3, 7, nil) },
	"HTTP/2, a body by gzip":         func(c *h2Client, w string) { c.codedBody("gzip", w) },
	"HTTP/2, a body by brotli":       func(c *h2Client, w string) { c.codedBody("brotli", w) },
	"HTTP/2, a body between another": func(c *h2Client, w string) { c.between(w) },
	"HTTP/2, a body between pings": func(c *h2Client, w string) {
		c.head(1, false, c.fields(h2Post()...), whole).data(1, w, 2, 0, func() { c.frame(h2Ping, 0, 0, make([]byte, 8)) })
	},
	"HTTP/2, a body between unknown frames": func(c *h2Client, w string) {
		c.head(1, false, c.fields(h2Post()...), whole).data(1, w, 2, 0, func() { c.frame(h2Unknown, 0xff, 1, []byte(Harmless)) })
	},
	"HTTP/2, behind a request that is taken back": func(c *h2Client, w string) {
		c.head(1, false, c.fields(h2Post()...), whole)
		c.frame(h2Reset, 0, 1, []byte{0, 0, 0, 8})
		c.head(3, true, c.fields(h2Get("/"+w, "www.example.org")...), whole)
	},
	"HTTP/2, a table of another size": func(c *h2Client, w string) {
		c.encoder.SetMaxDynamicTableSize(60)
		c.head(1, true, c.fields(h2Get("/one", "www.example.org", "x-a", "b")...), whole)
		c.encoder.SetMaxDynamicTableSize(300)
		c.head(3, true, c.fields(h2Get("/"+w, "www.example.org", "x-a", "b")...), whole)
	},
}

func (c *h2Client) codedBody(name, w string) {
	k := codings[name]
	c.head(1, false, c.fields(h2Post("content-encoding", k.name)...), whole).data(1, k.apply(w), 5, 0, nil)
}

// Beside is the path of requests that only lie between others: the receiving application says nothing of them, since it hears them at once with those.
const Beside = "/beside"

// between sends a body in turns with one of another stream.
func (c *h2Client) between(w string) {
	c.head(1, false, c.fields(h2Post()...), whole)
	c.head(3, false, c.fields(":method", "POST", ":scheme", "http", ":path", Beside, ":authority", "www.example.org"), whole)
	c.data(1, w, 2, 0, func() { c.frame(h2Data, 0, 3, []byte(Harmless)) })
	c.frame(h2Data, h2EndStream, 3, nil)
}

// h2Secrets are connections with the number of a card somewhere.
var h2Secrets = map[string]func(c *h2Client, n string){
	"HTTP/2, the path": func(c *h2Client, n string) { c.head(1, true, c.fields(h2Get("/"+n, "www.example.org")...), whole) },
	"HTTP/2, a body": func(c *h2Client, n string) {
		c.head(1, false, c.fields(h2Post()...), whole).data(1, "pay with "+n, whole, 0, nil)
	},
	"HTTP/2, a digit a frame": func(c *h2Client, n string) {
		c.head(1, false, c.fields(h2Post()...), whole).data(1, "pay with "+n, 1, 0, nil)
	},
	"HTTP/2, between another": func(c *h2Client, n string) { c.between("pay with " + n) },
	"HTTP/2, by gzip":         func(c *h2Client, n string) { c.codedBody("gzip", "pay with "+n) },
}

// multiplexed is A9.
func multiplexed() (all []Attempt) {
	said := func(do func(*h2Client, string)) func(string) string {
		return func(word string) string {
			c := newH2Client()
			do(c, word)
			return c.out.String()
		}
	}
	for name, do := range h2Requests {
		all = append(all, web("A9", name, said(do)))
	}
	for name, do := range h2Secrets {
		all = append(all, Attempt{
			Row: "A9", Name: name + ", a card", Families: Both, App: HTTP, Secret: true,
			steps: steps(confide(said(do)), start, finish),
		})
	}
	return all
}
