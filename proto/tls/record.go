package tls

import (
	"encoding/binary"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// Reasons for which Parse refuses a unit, and Repair an edit.
const (
	badRecord   packet.Reason = "tls-bad-record"
	tooLarge    packet.Reason = "tls-record-too-large"
	emptyPiece  packet.Reason = "tls-empty-fragment"     // a handshake record of no bytes (RFC 8446 §5.1)
	interleaved packet.Reason = "tls-interleaved-record" // another type of record within a hello (§5.1)
	helloLarge  packet.Reason = "tls-hello-too-large"
	badHello    packet.Reason = "tls-bad-hello" // lengths within it do not add up
	twice       packet.Reason = "tls-duplicate-extension"
	twoNames    packet.Reason = "tls-several-names"
	badName     packet.Reason = "tls-bad-name" // empty, over 255 bytes, or bytes outside visible ASCII
	notEditable packet.Reason = "tls-not-editable"
)

const (
	recordHeader = 5
	maxRecord    = 1 << 14 // bytes of plaintext in a record
	maxHello     = 64 << 10

	handshake   = 22
	clientHello = 1
	serverHello = 2
)

// isRecord reports whether b, of at least a header, begins with a record of a known type and version.
func isRecord(b []byte) bool { return b[0] >= 20 && b[0] <= 24 && b[1] == 3 && b[2] <= 4 }

// join returns the handshake message that unit begins with, header included, and the offset behind the record that it ends
// in. If it goes on behind the unit, msg is what there is of it and why is Incomplete. msg is a view of
// unit if one record holds it, else of g.joined.
func (g *Grammar) join(unit []byte) (msg []byte, n int, why packet.Reason) {
	g.joined = g.joined[:0]
	need := 4
	for at := 0; ; {
		piece, next, why := readPiece(unit, at)
		if why != "" && why != proto.Incomplete {
			return nil, 0, why
		}
		if at == 0 && why == "" && len(piece) >= 4 && len(piece) >= 4+size24(piece) {
			if size24(piece) > maxHello {
				return nil, 0, helloLarge
			}
			return piece[:4+size24(piece)], next, ""
		}
		g.joined = append(g.joined, piece...)
		if len(g.joined) >= 4 {
			if need = 4 + size24(g.joined); need > maxHello {
				return nil, 0, helloLarge
			}
		}
		switch {
		case len(g.joined) >= need && len(g.joined) >= 4 && why == "":
			return g.joined[:need], next, ""
		case why != "":
			return g.joined[:min(need, len(g.joined))], 0, why
		}
		at = next
	}
}

func size24(b []byte) int { return int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }

// readPiece reads the handshake record at off, and returns its content, or as much of it as there is, and the offset behind it.
func readPiece(unit []byte, off int) (piece []byte, next int, why packet.Reason) {
	b := unit[off:]
	if len(b) > 0 && b[0] != handshake {
		return nil, 0, interleaved
	}
	if len(b) < recordHeader {
		return nil, 0, proto.Incomplete
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	switch {
	case !isRecord(b):
		return nil, 0, badRecord
	case n == 0:
		return nil, 0, emptyPiece
	case n > maxRecord:
		return nil, 0, tooLarge
	case n > len(b)-recordHeader:
		return b[recordHeader:], 0, proto.Incomplete
	}
	return b[recordHeader : recordHeader+n], off + recordHeader + n, ""
}

// span returns where bytes [off, end) of the handshake message lie in unit. off < end.
func span(unit []byte, off, end int) field.Span {
	var s field.Span
	last := end - 1
	for at, before := 0, 0; ; {
		n := int(binary.BigEndian.Uint16(unit[at+3:]))
		if off >= before && off < before+n {
			s.Off = at + recordHeader + off - before
		}
		if last < before+n {
			s.End = at + recordHeader + last - before + 1
			return s
		}
		before += n
		at += recordHeader + n
	}
}
