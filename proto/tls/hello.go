package tls

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

// Extensions (IANA, TLS ExtensionType Values).
const (
	extName     = 0
	extALPN     = 16
	extVersions = 43
	extECH      = 0xfe0d
)

// A part is a range of a handshake message; absent iff end is 0.
type part struct{ off, end int }

// A hello is a ClientHello or ServerHello taken apart.
type hello struct {
	unit []byte
	msg  []byte // with its header
	cut  bool   // it goes on behind msg

	legacy    part // the version in its old place
	whole     bool // all extensions were read
	name      part // host name
	alpn      part // list of protocols
	versions  part // list of versions, or the one chosen
	encrypted part // ECH
	seen      [4]bool
}

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

// read takes the hello apart as far as it goes.
func (h *hello) read() packet.Reason {
	short := badHello // what it means to run over the end
	if h.cut {
		short = ""
	}
	if len(h.msg) < 4+2+32 {
		return short
	}
	if h.msg[4] != 3 {
		return badHello
	}
	c := cursor{h.msg, 4}
	h.legacy = part{4, 6}
	c.skip(2 + 32)
	c.vector(1) // session
	if h.msg[0] == serverHello {
		c.skip(2 + 1) // suite, compression
	} else {
		c.vector(2) // suites
		c.vector(1) // compressions
	}
	if !c.ok() {
		return short
	}
	if c.at == len(h.msg) && !h.cut { // no extensions: TLS 1.2 and older
		h.whole = true
		return ""
	}
	all := c.vector(2)
	if all.end == 0 {
		return short
	}
	if !h.cut && all.end != len(h.msg) || h.cut && 4+size24(h.msg) != all.end {
		return badHello
	}
	return h.extensions(all, short)
}

func (h *hello) extensions(all part, short packet.Reason) packet.Reason {
	c := cursor{h.msg, all.off}
	for c.at < all.end {
		if c.at+4 > all.end {
			return badHello
		}
		if c.at+4 > len(h.msg) {
			return short
		}
		kind := binary.BigEndian.Uint16(h.msg[c.at:])
		c.skip(2)
		ext := c.vector(2)
		if ext.end > all.end {
			return badHello
		}
		if ext.end > len(h.msg) {
			return short
		}
		if why := h.extension(kind, ext); why != "" {
			return why
		}
	}
	h.whole = true
	return ""
}

func (h *hello) extension(kind uint16, ext part) packet.Reason {
	var slot int
	switch kind {
	case extName:
		slot = 0
	case extALPN:
		slot = 1
	case extVersions:
		slot = 2
	case extECH:
		slot = 3
	default:
		return ""
	}
	if h.seen[slot] {
		return twice
	}
	h.seen[slot] = true
	if h.msg[0] == serverHello {
		if kind == extVersions {
			if ext.end-ext.off != 2 {
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
		c := cursor{h.msg[:ext.end], ext.off}
		if h.versions = c.vector(1); c.at != ext.end || (h.versions.end-h.versions.off)%2 != 0 {
			return badHello
		}
	case extECH:
		if ext.off == ext.end {
			return badHello
		}
		h.encrypted = ext
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
