package tls

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

// Reasons for which a hello is refused.
const (
	badHello packet.Reason = "tls-bad-hello" // lengths within it do not add up
	twice    packet.Reason = "tls-duplicate-extension"
	twoNames packet.Reason = "tls-several-names"
	badName  packet.Reason = "tls-bad-name" // empty, over 255 bytes, or bytes outside visible ASCII
)

// Extensions (IANA, TLS ExtensionType Values).
const (
	extName       = 0
	extSignatures = 13
	extALPN       = 16
	extVersions   = 43
	extECH        = 0xfe0d
)

// A part is a range of a handshake message; absent iff end is 0.
type part struct{ off, end int }

func (p part) len() int { return p.end - p.off }

// A hello is a ClientHello or ServerHello taken apart.
type hello struct {
	msg []byte // with its header

	legacy     part // the version in its old place
	suites     part // of a ClientHello
	extensions part // the block, without its length
	name       part // host name
	alpn       part // list of protocols
	versions   part // list of versions, or the one chosen
	encrypted  part // ECH
	signatures part // list of signature schemes
	seen       [slots]bool
}

// The extensions that are read, each of which may come but once.
const (
	slotName = iota
	slotALPN
	slotVersions
	slotECH
	slotSignatures
	slots
)

// cursor reads lengths and skips over them; it stands beyond the end once something did not fit.
type cursor struct {
	b  []byte
	at int
}

func (c *cursor) ok() bool { return c.at <= len(c.b) }

func (c *cursor) skip(n int) { c.at += n }

// vector reads a length of size bytes and returns the range that it announces, which may lie beyond the end.
func (c *cursor) vector(size int) part {
	n := 0
	for range size {
		if c.at >= len(c.b) {
			c.at = len(c.b) + 1
			return part{}
		}
		n = n<<8 | int(c.b[c.at])
		c.at++
	}
	p := part{c.at, c.at + n}
	c.at = p.end
	return p
}

// randomOff is where a hello's random begins, behind header and version.
const randomOff = 4 + 2

// read takes the whole hello apart.
func (h *hello) read(msg []byte) packet.Reason {
	*h = hello{msg: msg}
	if len(msg) < randomOff+32 || msg[4] != 3 {
		return badHello
	}
	c := cursor{msg, 4}
	h.legacy = part{4, 6}
	c.skip(2 + 32)
	c.vector(1) // session
	if msg[0] == serverHello {
		c.skip(2 + 1) // suite, compression
	} else {
		h.suites = c.vector(2)
		c.vector(1) // compressions
	}
	if !c.ok() {
		return badHello
	}
	if c.at == len(msg) { // no extensions: TLS 1.2 and older
		return ""
	}
	if h.extensions = c.vector(2); h.extensions.end != len(msg) {
		return badHello
	}
	return h.readExtensions()
}

func (h *hello) readExtensions() packet.Reason {
	end := h.extensions.end
	c := cursor{h.msg, h.extensions.off}
	for c.at < end {
		if c.at+4 > end {
			return badHello
		}
		kind := binary.BigEndian.Uint16(h.msg[c.at:])
		c.skip(2)
		ext := c.vector(2)
		if ext.end > end {
			return badHello
		}
		if why := h.extension(kind, ext); why != "" {
			return why
		}
	}
	return ""
}

// slotOf returns the place of an extension in hello.seen, or -1 for those that are not read.
func slotOf(kind uint16) int {
	switch kind {
	case extName:
		return slotName
	case extALPN:
		return slotALPN
	case extVersions:
		return slotVersions
	case extECH:
		return slotECH
	case extSignatures:
		return slotSignatures
	}
	return -1
}

func (h *hello) extension(kind uint16, ext part) packet.Reason {
	slot := slotOf(kind)
	if slot < 0 {
		return ""
	}
	if h.seen[slot] {
		return twice
	}
	h.seen[slot] = true
	if h.msg[0] == serverHello {
		if kind == extVersions {
			if ext.len() != 2 {
				return badHello
			}
			h.versions = ext
		}
		return ""
	}
	switch kind {
	case extName:
		return h.serverName(ext)
	case extALPN:
		return h.protocols(ext)
	case extVersions:
		return h.list(ext, 1, &h.versions)
	case extSignatures:
		return h.list(ext, 2, &h.signatures)
	case extECH:
		if ext.len() == 0 {
			return badHello
		}
		h.encrypted = ext
	}
	return ""
}

// list reads an extension that is one vector of two-byte values, with a length of size bytes.
func (h *hello) list(ext part, size int, to *part) packet.Reason {
	c := cursor{h.msg[:ext.end], ext.off}
	if *to = c.vector(size); c.at != ext.end || to.len()%2 != 0 {
		return badHello
	}
	return ""
}

// serverName reads the list of RFC 6066 §3, which may have but one host name.
func (h *hello) serverName(ext part) packet.Reason {
	c := cursor{h.msg[:ext.end], ext.off}
	if list := c.vector(2); list.end != ext.end || list.off == list.end {
		return badHello
	}
	c.at = ext.off + 2
	for c.at < ext.end {
		kind := h.msg[c.at]
		c.skip(1)
		name := c.vector(2)
		if !c.ok() {
			return badHello
		}
		if kind != 0 {
			continue
		}
		if h.name.end != 0 {
			return twoNames
		}
		if !validName(h.msg[name.off:name.end]) {
			return badName
		}
		h.name = name
	}
	return ""
}

func validName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 255
}

func (h *hello) protocols(ext part) packet.Reason {
	c := cursor{h.msg[:ext.end], ext.off}
	if h.alpn = c.vector(2); h.alpn.end != ext.end {
		return badHello
	}
	c.at = h.alpn.off
	for c.at < ext.end {
		if p := c.vector(1); !c.ok() || p.off == p.end {
			return badHello
		}
	}
	return ""
}

// retry is the random of a ServerHello that asks for another ClientHello (RFC 8446 §4.1.3).
const retry = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// IsRetry reports whether msg, a whole handshake message, is a HelloRetryRequest.
func IsRetry(msg []byte) bool {
	return len(msg) >= randomOff+32 && msg[0] == serverHello && string(msg[randomOff:randomOff+32]) == retry
}

// chooses13 reports whether the ServerHello msg chooses TLS 1.3 or later, which hides the certificate.
func chooses13(msg []byte) bool {
	var h hello
	if h.read(msg) != "" {
		return true
	}
	v, _ := h.version()
	return v >= 0x0304
}
