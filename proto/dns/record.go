package dns

import (
	"encoding/binary"

	"github.com/weir-project/weir/field"
)

// A Record is one resource record as it lies on the wire. Its slices are read-only views of the unit.
type Record struct {
	Owner []byte // name on the wire; labels, a compression pointer, or both
	Type  uint16
	Class uint16
	TTL   uint32 // seconds
	RData []byte // may hold names with pointers into its message
	// TTLOff is the offset of the four bytes of TTL in the record: an equal-length edit may
	// replace them alone.
	TTLOff int
}

// ParseRecord returns the record in the span of a DNSAnswer field of the message in unit. It does not look outside the
// span. ok is false iff the span holds no record.
func ParseRecord(unit []byte, span field.Span) (r Record, ok bool) {
	if span.Off < 0 || span.End > len(unit) || span.Off > span.End {
		return r, false
	}
	b := unit[span.Off:span.End]
	at, _ := ownPart(b)
	if at < 0 || at+10 > len(b) || at+10+int(binary.BigEndian.Uint16(b[at+8:])) != len(b) {
		return r, false
	}
	return Record{
		Owner: b[:at:at], Type: binary.BigEndian.Uint16(b[at:]), Class: binary.BigEndian.Uint16(b[at+2:]),
		TTL: binary.BigEndian.Uint32(b[at+4:]), RData: b[at+10:], TTLOff: at + 4,
	}, true
}

// ownPart is the size of the name that b begins with, up to its root label or its pointer, and which of the
// two it is; -1 iff it does not end.
func ownPart(b []byte) (size int, pointer bool) {
	for at := 0; at < len(b); {
		c := int(b[at])
		switch {
		case c == 0:
			return at + 1, false
		case c >= 0xc0 && at+2 <= len(b):
			return at + 2, true
		case c >= 0x40:
			return -1, false
		}
		at += 1 + c
	}
	return -1, false
}

// QuestionName is the owner of records that answer the first question: a pointer to its name, which
// always lies behind the header.
var QuestionName = []byte{0xc0, headerSize}

// AppendRecord appends a record in wire format. owner is a name on the wire: without compression, a Record's own
// Owner, or QuestionName. ttl is in seconds. It panics iff rdata is longer than 65535 bytes.
func AppendRecord(dst, owner []byte, typ, class uint16, ttl uint32, rdata []byte) []byte {
	if len(rdata) > 0xffff {
		panic("dns: RDATA over 65535 bytes")
	}
	dst = append(dst, owner...)
	dst = binary.BigEndian.AppendUint16(dst, typ)
	dst = binary.BigEndian.AppendUint16(dst, class)
	dst = binary.BigEndian.AppendUint32(dst, ttl)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(rdata)))
	return append(dst, rdata...)
}
