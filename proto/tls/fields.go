package tls

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

// HelloFields are the fields that a Reader can make.
var HelloFields = field.SetOf(field.TLSSNI, field.TLSALPN, field.TLSVersion, field.TLSECH, field.TLSJA4)

// A Reader makes messages of hellos, whatever carried them. It belongs to one lane; the zero Reader is
// ready. Values of fields are valid until its next use.
type Reader struct {
	hello hello
	text  []byte // values of fields
	codes []uint16
	plain []byte // what is hashed
}

// Read reads msg, a whole ClientHello or ServerHello with its header of four bytes, into m, whose Proto it
// leaves. over is what carried it: TCP or UDP, which means QUIC. Spans count in msg. No field
// can be edited: the handshake is authenticated.
func (r *Reader) Read(m *field.Message, msg []byte, over packet.Proto, want field.Set) packet.Reason {
	m.Reset(m.Proto, msg)
	h := &r.hello
	if why := h.read(msg); why != "" {
		return why
	}
	m.Response, m.Complete = msg[0] == serverHello, true
	r.text = r.text[:0]
	r.fields(m, h, want)
	if want.Has(field.TLSJA4) && !m.Response {
		if v := r.ja4(h, over); v != nil {
			m.Add(field.Field{ID: field.TLSJA4, Value: v, Span: field.Span{End: len(msg)}})
		}
	}
	return ""
}

// fields adds the hello's fields in the order of the wire.
func (r *Reader) fields(m *field.Message, h *hello, want field.Set) {
	from := len(m.Fields)
	add := func(id field.ID, p part, value []byte) {
		m.Add(field.Field{ID: id, Value: value, Span: field.Span{Off: p.off, End: p.end}})
	}
	if want.Has(field.TLSVersion) {
		if v, p := h.version(); p.end > 0 {
			add(field.TLSVersion, p, r.versionText(v))
		}
	}
	if want.Has(field.TLSSNI) && h.name.end > 0 {
		add(field.TLSSNI, h.name, r.nameText(h.msg[h.name.off:h.name.end]))
	}
	if want.Has(field.TLSALPN) && h.alpn.len() > 0 {
		add(field.TLSALPN, h.alpn, r.alpnText(h.msg[h.alpn.off:h.alpn.end]))
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

func (r *Reader) versionText(v uint16) []byte {
	if n := int(v) - 0x300; n >= 0 && n < len(versionNames) {
		return versionNames[n]
	}
	from := len(r.text)
	r.text = strconv.AppendUint(append(r.text, "0x"...), uint64(v), 16)
	return r.since(from)
}

// since is what was appended to text.
func (r *Reader) since(from int) []byte { return r.text[from:len(r.text):len(r.text)] }

// nameText is a name in lower case without a final dot.
func (r *Reader) nameText(b []byte) []byte {
	from := len(r.text)
	if len(b) > 1 {
		b = bytes.TrimSuffix(b, []byte("."))
	}
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		r.text = append(r.text, c)
	}
	return r.since(from)
}

// alpnText is the list with commas. Commas, backslashes and bytes outside visible ASCII within a protocol's name become \DDD.
func (r *Reader) alpnText(b []byte) []byte {
	from := len(r.text)
	for len(b) > 0 {
		n := 1 + int(b[0])
		p := b[1:n]
		b = b[n:]
		if len(p) == 2 && grease(binary.BigEndian.Uint16(p)) {
			continue
		}
		if len(r.text) > from {
			r.text = append(r.text, ',')
		}
		for _, c := range p {
			if c <= ' ' || c > '~' || c == ',' || c == '\\' {
				r.text = append(r.text, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
				continue
			}
			r.text = append(r.text, c)
		}
	}
	return r.since(from)
}
