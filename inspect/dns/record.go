package dns

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/weir-project/weir/field"
)

const (
	classIN   = 1
	typeA     = 1
	typeAAAA  = 28
	typeRRSIG = 46

	maxName  = 255 // RFC 1035 §2.3.4
	maxJumps = 128
)

// types are the record types that a policy can name without TYPEnnn (IANA, "DNS Parameters").
var types = map[string]uint16{
	"A": typeA, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": typeAAAA, "SRV": 33,
	"NAPTR": 35, "DNAME": 39, "SVCB": 64, "HTTPS": 65, "ANY": 255, "CAA": 257,
}

// typeOf returns the number of a type by its name, or of TYPEnnn (RFC 3597 §5); 0 if it is unknown.
func typeOf(name []byte) uint16 {
	if t, ok := types[string(name)]; ok {
		return t
	}
	if len(name) > 4 && string(name[:4]) == "TYPE" {
		n, err := strconv.ParseUint(string(name[4:]), 10, 16)
		if err == nil {
			return uint16(n)
		}
	}
	return 0
}

func isAddress(typ uint16) bool { return typ == typeA || typ == typeAAAA }

// A record is an answer record, as far as a new one needs it.
type record struct {
	owner []byte // as on the wire, ending in a zero byte or a pointer. View of the message
	name  []byte // lower case, without the final dot. View of the buffer given to readRecord
	ttl   uint32 // seconds
}

// readRecord reads the head of the record in f; its name goes into buf, of capacity maxName. It reports
// false for one that breaks RFC 1035's bounds.
func readRecord(m *field.Message, f *field.Field, buf []byte) (r record, ok bool) {
	base := int(m.Detail)
	if base > len(m.Unit) || f.Span.Off < base || f.Span.End > len(m.Unit) {
		return r, false
	}
	msg := m.Unit[base:]
	off := f.Span.Off - base
	var n int
	if r.name, n, ok = readName(msg, off, buf); !ok || off+n+10 > f.Span.End-base {
		return r, false
	}
	r.owner = msg[off : off+n]
	r.ttl = binary.BigEndian.Uint32(msg[off+n+4:])
	return r, true
}

// readName appends the name at off to buf as text and returns it with the number of bytes it takes at off. A name that
// cannot be told from another in this form, since a label has a dot in it, is refused: no rule can mean it.
func readName(msg []byte, off int, buf []byte) (name []byte, n int, ok bool) {
	at, jumps := off, 0
	for at < len(msg) {
		c := int(msg[at])
		switch {
		case c == 0:
			if jumps == 0 {
				n = at + 1 - off
			}
			return buf, n, true
		case c >= 0xc0:
			if at+1 >= len(msg) || jumps == maxJumps {
				return nil, 0, false
			}
			if jumps == 0 {
				n = at + 2 - off
			}
			jumps++
			at = (c&0x3f)<<8 | int(msg[at+1])
		case c > 63 || at+1+c > len(msg) || len(buf)+1+c > maxName-2:
			return nil, 0, false
		default:
			if len(buf) > 0 {
				buf = append(buf, '.')
			}
			for _, b := range msg[at+1 : at+1+c] {
				if b == '.' {
					return nil, 0, false
				}
				buf = append(buf, lower(b))
			}
			at += 1 + c
		}
	}
	return nil, 0, false
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}

// appendNew appends the records that r puts in place of old ones of typ. They have the owner as it stood on
// the wire: a pointer in it leads to before the record, so it still holds.
func (o *record) appendNew(dst []byte, r *rule, typ uint16) []byte {
	ttl := o.ttl
	if r.hasTTL {
		ttl = r.ttl
	}
	for _, a := range r.addresses(typ) {
		dst = append(dst, o.owner...)
		dst = binary.BigEndian.AppendUint16(dst, typ)
		dst = binary.BigEndian.AppendUint16(dst, classIN)
		dst = binary.BigEndian.AppendUint32(dst, ttl)
		dst = appendAddress(dst, a)
	}
	return dst
}

// appendAddress appends RDLENGTH and RDATA (RFC 1035 §3.4.1, RFC 3596 §2.2).
func appendAddress(dst []byte, a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		return append(append(dst, 0, 4), b[:]...)
	}
	b := a.As16()
	return append(append(dst, 0, 16), b[:]...)
}
