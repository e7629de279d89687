package tls

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

// Reasons for which a stream is refused, and an edit.
const (
	badRecord   packet.Reason = "tls-bad-record"
	tooLarge    packet.Reason = "tls-record-too-large"
	emptyPiece  packet.Reason = "tls-empty-fragment"     // a handshake record of no bytes (RFC 8446 §5.1)
	interleaved packet.Reason = "tls-interleaved-record" // another type of record within a message (§5.1)
	noHello     packet.Reason = "tls-no-hello"           // too many records before it
	unexpected  packet.Reason = "tls-unexpected-message" // another handshake message in the place of a hello
	helloLarge  packet.Reason = "tls-hello-too-large"
	certLarge   packet.Reason = "tls-certificate-too-large"
	exhausted   packet.Reason = "tls-buffers-exhausted"
	notEditable packet.Reason = "tls-not-editable"
)

const (
	recordHeader = 5
	maxRecord    = 1 << 14          // bytes of plaintext in a record
	maxSealed    = maxRecord + 2048 // of an encrypted one (RFC 5246 §6.2.3)
	maxHello     = 64 << 10         // of a handshake message, its header included
	maxPassed    = 16               // records before a hello

	changeCipherSpec = 20
	handshake        = 22

	helloRequest = 0
	clientHello  = 1
	serverHello  = 2
	certificate  = 11
)

// isRecord reports whether b, of at least a header, begins with a record of a known type and version.
func isRecord(b []byte) bool { return b[0] >= 20 && b[0] <= 24 && b[1] == 3 && b[2] <= 4 }

func size24(b []byte) int { return int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }

// A stage is what is looked for in a direction.
type stage uint8

const (
	atHello       stage = iota // the first hello
	behindHello                // of the client: another one, should the server ask for it
	atCertificate              // of the server, up to TLS 1.2
	finished
)

// A half is how far a direction was read. Offsets count in the bytes that are fed next.
type half struct {
	stage  stage
	kind   uint8  // of the record at hand
	left   int    // bytes of its content at at
	at     int    // what lies before was taken
	start  int    // where the message at hand begins, with the header of its record
	buf    []byte // the message at hand, as far as it has come
	passed int    // records of other types
	hellos int
}

// gather takes records of b until a handshake message is whole in h.buf; whole is false if there are no
// more bytes, or nothing is looked for any more.
func (h *half) gather(g *Grammar, b []byte) (whole bool, why packet.Reason) {
	for h.stage != finished {
		if h.left == 0 {
			if len(b)-h.at < recordHeader {
				return false, ""
			}
			if why = h.record(b[h.at:]); why != "" {
				return false, why
			}
			continue
		}
		n := min(h.left, len(b)-h.at)
		if n == 0 {
			return false, ""
		}
		if h.kind == handshake {
			if n, whole, why = h.take(g, b[h.at:h.at+n]); why != "" {
				return false, why
			}
		}
		h.at += n
		h.left -= n
		if whole {
			return true, ""
		}
	}
	return false, ""
}

// record reads the header of a record.
func (h *half) record(b []byte) packet.Reason {
	kind, n := b[0], int(binary.BigEndian.Uint16(b[3:]))
	switch {
	case len(h.buf) > 0 && kind != handshake:
		return interleaved
	case !isRecord(b):
		return badRecord
	case kind == handshake && n == 0:
		return emptyPiece
	case kind == handshake && n > maxRecord || n > maxSealed:
		return tooLarge
	case kind != handshake && h.stage == atHello:
		if h.passed++; h.passed > maxPassed {
			return noHello
		}
	case kind == changeCipherSpec && h.stage == atCertificate: // a session is resumed
		h.stage = finished
	}
	if len(h.buf) == 0 {
		h.start = h.at
	}
	h.kind, h.left = kind, n
	h.at += recordHeader
	return ""
}

// take takes content of a handshake record, at most to the end of the message.
func (h *half) take(g *Grammar, b []byte) (n int, whole bool, why packet.Reason) {
	if len(h.buf) == 0 {
		if why := h.begins(b[0]); why != "" || h.stage == finished {
			return len(b), false, why
		}
	}
	if n = min(max(0, 4-len(h.buf)), len(b)); n > 0 {
		if h.buf = g.buffers.grow(h.buf, b[:n], g.maxBytes()); h.buf == nil {
			return 0, false, exhausted
		}
	}
	if len(h.buf) < 4 {
		return n, false, ""
	}
	need := 4 + size24(h.buf)
	if need > maxHello {
		if h.buf[0] == certificate {
			return 0, false, certLarge
		}
		return 0, false, helloLarge
	}
	rest := b[n:min(len(b), n+need-len(h.buf))]
	if len(rest) > 0 {
		if h.buf = g.buffers.grow(h.buf, rest, g.maxBytes()); h.buf == nil {
			return 0, false, exhausted
		}
	}
	return n + len(rest), len(h.buf) == need, ""
}

// begins judges the type of a message.
func (h *half) begins(kind byte) packet.Reason {
	switch h.stage {
	case atHello:
		if kind != clientHello && kind != serverHello && kind != helloRequest {
			return unexpected
		}
	case behindHello:
		if kind != clientHello {
			h.stage = finished
		}
	case atCertificate:
		if kind != certificate {
			h.stage = finished
		}
	}
	return ""
}

// holdAhead is for how much of a hello its sender is made to wait: less than what it may send before
// anything is acknowledged (RFC 6928).
const holdAhead = 12 << 10

// done returns how many bytes are done with, and counts from there.
func (h *half) done() int {
	n := h.at
	waits := len(h.buf) > 0 || h.left > 0 && h.kind == handshake
	if waits && h.stage != finished && h.at-h.start <= holdAhead {
		n = h.start
	}
	h.at -= n
	h.start = max(0, h.start-n)
	return n
}

// next forgets the message at hand, which was whole.
func (h *half) next(g *Grammar) {
	h.forget(g)
	h.start = h.at
}

func (h *half) forget(g *Grammar) {
	g.buffers.put(h.buf)
	h.buf = nil
}
