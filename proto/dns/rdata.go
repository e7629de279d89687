package dns

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

const (
	typeA    = 1
	typeSIG  = 24
	typeOPT  = 41
	typeTSIG = 250

	classIN   = 1
	classCH   = 3
	classNONE = 254
	classANY  = 255
)

// A shape says where the names in a type's RDATA are: behind prefix bytes and so many character strings. Then
// come tail bytes, or any number if tail is anyTail.
type shape struct{ prefix, strings, names, tail uint8 }

const anyTail = 255

var opaque = shape{tail: anyTail}

// shapes are the types whose RDATA carries names. Those of RFC 1035 may be compressed, those of RFC 3597 §4
// were at times, and the later ones must not be, but readers that undo it there exist.
var shapes = [256]shape{
	typeA: {prefix: 4}, 28: {prefix: 16}, // AAAA
	2: {names: 1}, 3: {names: 1}, 4: {names: 1}, 5: {names: 1}, // NS MD MF CNAME
	6: {names: 2, tail: 20},                                     // SOA
	7: {names: 1}, 8: {names: 1}, 9: {names: 1}, 12: {names: 1}, // MB MG MR PTR
	14: {names: 2}, 15: {prefix: 2, names: 1}, 17: {names: 2}, // MINFO MX RP
	18: {prefix: 2, names: 1}, 21: {prefix: 2, names: 1}, // AFSDB RT
	23: {names: 1}, typeSIG: {prefix: 18, names: 1, tail: anyTail}, // NSAP-PTR SIG
	26: {prefix: 2, names: 2}, 30: {names: 1, tail: anyTail}, // PX NXT
	33: {prefix: 6, names: 1}, 35: {prefix: 4, strings: 3, names: 1}, // SRV NAPTR
	36: {prefix: 2, names: 1}, 39: {names: 1}, // KX DNAME
	46: {prefix: 18, names: 1, tail: anyTail}, 47: {names: 1, tail: anyTail}, // RRSIG NSEC
	58: {names: 2},                                                                     // TALINK
	64: {prefix: 2, names: 1, tail: anyTail}, 65: {prefix: 2, names: 1, tail: anyTail}, // SVCB HTTPS
	107: {prefix: 2, names: 1}, // LP
}

// classFree are the types of RFC 1035 that mean the same in every class.
const classFree = 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 1<<12 | 1<<14 | 1<<15

func shapeOf(typ, class uint16, empty bool) shape {
	class &= 0x7fff
	switch {
	case typ > 255 || empty && (class == classANY || class == classNONE): // RFC 2136 §2.4
		return opaque
	case class == classIN || class == classNONE || typ < 16 && classFree>>typ&1 != 0:
		if s := shapes[typ]; s != (shape{}) {
			return s
		}
	case class == classCH && typ == typeA:
		return shape{names: 1, tail: 2} // RFC 1035 §3.4.1 knows the Internet's only; Chaosnet's is a name and an address
	}
	return opaque
}

// firstName returns the offset of the first name in r's RDATA, or -1 iff its prefix does not fit.
func (s shape) firstName(msg []byte, r *record) int {
	at := r.rdata + int(s.prefix)
	for range s.strings {
		if at >= r.end {
			return -1
		}
		at += 1 + int(msg[at])
	}
	if at > r.end {
		return -1
	}
	return at
}

func checkRData(msg []byte, r *record, known *memory) packet.Reason {
	if r.typ == typeOPT {
		return checkOptions(msg[r.rdata:r.end])
	}
	s := shapeOf(r.typ, r.class, r.end == r.rdata)
	at := s.firstName(msg, r)
	if at < 0 {
		return badRData
	}
	for range s.names {
		end, why := checkName(msg, at, r.end, known)
		if why == short { // the record is there to its last byte, so this is no lack of bytes
			return badRData
		}
		if why != "" {
			return why
		}
		r.far = max(r.far, known.far)
		at = end
	}
	if s.tail != anyTail && r.end-at != int(s.tail) {
		return badRData
	}
	return ""
}

// checkOptions walks EDNS options (RFC 6891 §6.1.2).
func checkOptions(b []byte) packet.Reason {
	for len(b) > 0 {
		if len(b) < 4 {
			return badOPT
		}
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			return badOPT
		}
		b = b[n:]
	}
	return ""
}
