package tls

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxNameText is the length of a distinguished name as text, in bytes; a longer one has no field.
const maxNameText = 2048

// distinguished is the Name der (RFC 5280 §4.1.2.4) as text, in the order of the wire: "C=DE, O=Example,
// CN=www.example.com". nil iff it cannot be read.
func (r *Reader) distinguished(der []byte) []byte {
	if len(der) == 0 {
		return nil
	}
	from := len(r.text)
	for in := cryptobyte.String(der); len(in) > 0; {
		var set cryptobyte.String
		if !in.ReadASN1(&set, asn1.SET) || !r.relative(set, from) || len(r.text)-from > maxNameText {
			r.text = r.text[:from]
			return nil
		}
	}
	return r.since(from)
}

// relative appends the attributes of one part of a name.
func (r *Reader) relative(set cryptobyte.String, from int) bool {
	sep := ", "
	for len(set) > 0 {
		var attribute, oid, value cryptobyte.String
		var tag asn1.Tag
		if !set.ReadASN1(&attribute, asn1.SEQUENCE) || !attribute.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!attribute.ReadAnyASN1(&value, &tag) {
			return false
		}
		if len(r.text) > from {
			r.text = append(r.text, sep...)
		}
		r.attributeName(oid)
		r.text = append(r.text, '=')
		r.attributeText(value, tag)
		sep = " + "
	}
	return true
}

// attributeNames are the attributes of names with a short name (RFC 4519 §2, RFC 2985 §5.2.1), by the bytes of their
// object identifier.
var attributeNames = map[string]string{
	"\x55\x04\x03": "CN", "\x55\x04\x04": "SN", "\x55\x04\x05": "serialNumber", "\x55\x04\x06": "C", "\x55\x04\x07": "L",
	"\x55\x04\x08": "ST", "\x55\x04\x09": "street", "\x55\x04\x0a": "O", "\x55\x04\x0b": "OU", "\x55\x04\x0c": "title",
	"\x55\x04\x11": "postalCode", "\x55\x04\x2a": "GN",
	"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": "UID", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC",
	"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": "emailAddress",
}

// attributeName appends the short name of an attribute, or its object identifier with dots.
func (r *Reader) attributeName(oid []byte) {
	if s, ok := attributeNames[string(oid)]; ok {
		r.text = append(r.text, s...)
		return
	}
	arc, first := uint64(0), true
	for _, c := range oid {
		arc = arc<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		if first {
			top := min(arc/40, 2)
			r.text = append(r.text, '0'+byte(top))
			arc -= 40 * top
			first = false
		}
		r.text = strconv.AppendUint(append(r.text, '.'), arc, 10)
		arc = 0
	}
}

const bmpString = asn1.Tag(30)

// attributeText appends a value as UTF-8. Control characters, backslashes and bytes that are none of it become
// \DDD.
func (r *Reader) attributeText(value []byte, tag asn1.Tag) {
	if tag == bmpString {
		for ; len(value) >= 2; value = value[2:] {
			u := rune(value[0])<<8 | rune(value[1])
			if utf16.IsSurrogate(u) || u < ' ' {
				u = utf8.RuneError
			}
			r.text = utf8.AppendRune(r.text, u)
		}
		return
	}
	for len(value) > 0 {
		u, n := utf8.DecodeRune(value)
		if u < ' ' || u == 0x7f || u == '\\' || u == utf8.RuneError && n == 1 {
			c := value[0]
			r.text = append(r.text, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		} else {
			r.text = append(r.text, value[:n]...)
		}
		value = value[n:]
	}
}
