package tls

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/weir-project/weir/field"
)

// fields adds the hello's fields in the order of the wire.
func (g *Grammar) fields(m *field.Message, h *hello, want field.Set) {
	g.text = g.text[:0]
	from := len(m.Fields)
	add := func(id field.ID, p part, value []byte) {
		m.Add(field.Field{ID: id, Value: value, Span: span(h.unit, p.off, p.end)})
	}
	// The highest version is known only when the whole list was seen, or that there is none.
	if want.Has(field.TLSVersion) && h.legacy.end > 0 && (h.whole || h.versions.end > 0) {
		if v, p := h.version(); p.end > 0 {
			add(field.TLSVersion, p, g.versionText(v))
		}
	}
	if want.Has(field.TLSSNI) && h.name.end > 0 {
		add(field.TLSSNI, h.name, g.nameText(h.msg[h.name.off:h.name.end]))
	}
	if want.Has(field.TLSALPN) && h.alpn.end > h.alpn.off {
		add(field.TLSALPN, h.alpn, g.alpnText(h.msg[h.alpn.off:h.alpn.end]))
	}
	if want.Has(field.TLSECH) && h.encrypted.end > 0 {
		value := outer
		if h.msg[h.encrypted.off] == 1 {
			value = inner
		}
		add(field.TLSECH, h.encrypted, value)
	}
	fs := m.Fields[from:]
	for i := 1; i < len(fs); i++ { // at most four
		for j := i; j > 0 && fs[j].Span.Off < fs[j-1].Span.Off; j-- {
			fs[j], fs[j-1] = fs[j-1], fs[j]
		}
	}
}

// The types of an encrypted ClientHello (RFC 9849 §5).
var outer, inner = []byte("outer"), []byte("inner")

// version is the highest version in the list, or the one in the old place if there is no list.
func (h *hello) version() (v uint16, from part) {
	if h.versions.end == 0 {
		return binary.BigEndian.Uint16(h.msg[h.legacy.off:]), h.legacy
	}
	for b := h.msg[h.versions.off:h.versions.end]; len(b) >= 2; b = b[2:] {
		if n := binary.BigEndian.Uint16(b); !grease(n) {
			v = max(v, n)
		}
	}
	if v == 0 {
		return 0, part{}
	}
	return v, h.versions
}

// grease reports whether n is one of the sixteen values 0x0a0a to 0xfafa.
func grease(n uint16) bool { return n&0x0f0f == 0x0a0a && n>>8 == n&0xff }

var versionNames = [...][]byte{[]byte("ssl3"), []byte("1.0"), []byte("1.1"), []byte("1.2"), []byte("1.3")}

func (g *Grammar) versionText(v uint16) []byte {
	if n := int(v) - 0x300; n >= 0 && n < len(versionNames) {
		return versionNames[n]
	}
	from := len(g.text)
	g.text = strconv.AppendUint(append(g.text, "0x"...), uint64(v), 16)
	return g.text[from:len(g.text):len(g.text)]
}

// nameText is a name in lower case without a final dot.
func (g *Grammar) nameText(b []byte) []byte {
	from := len(g.text)
	if len(b) > 1 {
		b = bytes.TrimSuffix(b, []byte("."))
	}
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		g.text = append(g.text, c)
	}
	return g.text[from:len(g.text):len(g.text)]
}

// alpnText is the list with commas. Commas, backslashes and bytes outside visible ASCII within a protocol's name become \DDD.
func (g *Grammar) alpnText(b []byte) []byte {
	from := len(g.text)
	for len(b) > 0 {
		n := 1 + int(b[0])
		p := b[1:n]
		b = b[n:]
		if len(p) == 2 && grease(binary.BigEndian.Uint16(p)) {
			continue
		}
		if len(g.text) > from {
			g.text = append(g.text, ',')
		}
		for _, c := range p {
			if c <= ' ' || c > '~' || c == ',' || c == '\\' {
				g.text = append(g.text, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
				continue
			}
			g.text = append(g.text, c)
		}
	}
	return g.text[from:len(g.text):len(g.text)]
}
