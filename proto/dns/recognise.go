package dns

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// Recognise looks for a DNS message. On any port it takes one that reads to its very last byte, with known
// opcode and classes, and with a question or a record. On the ports of DNS, multicast DNS
// and LLMNR a sane header is enough, so that a message which was broken on purpose is refused by Parse
// with its reason and not overlooked.
func (g *Grammar) Recognise(unit []byte, from proto.Peer) proto.Match {
	if from.Transport != packet.TCP {
		return match(g.whole(unit) || hinted(unit, from.ServerPort))
	}
	unit, known := g.behind(unit, from.ServerPort)
	if known != proto.Yes {
		return known
	}
	if len(unit) < 2+headerSize {
		return g.partial(unit, from.ServerPort)
	}
	n := int(binary.BigEndian.Uint16(unit))
	msg := unit[2:]
	switch {
	case n < headerSize || !sane(msg, g.maxRecords()):
		return match(n >= headerSize && hinted(msg, from.ServerPort))
	case n <= len(msg):
		return match(g.whole(msg[:n]) || hinted(msg, from.ServerPort))
	}
	why := g.layout.read(msg, g.maxRecords())
	switch {
	case why != short:
		return match(hinted(msg, from.ServerPort))
	case len(g.layout.questions) == 0:
		return proto.Maybe
	}
	return match(g.layout.plausible())
}

// behind returns what stands behind messages that say nothing of the protocol: those too short for a header and, where
// DNS is expected, those of an opcode that is not known. Servers read on behind them, and so does the parser. Where DNS
// is not expected, protocols that begin with a length of four bytes look alike, and are not kept waiting.
func (g *Grammar) behind(unit []byte, port uint16) ([]byte, proto.Match) {
	for skipped := 0; len(unit) >= 2; skipped++ {
		n := int(binary.BigEndian.Uint16(unit))
		switch {
		case skipped == maxSkipped && !expected(port): // a stream of zeros is no stream of empty messages
			return nil, proto.No
		case n >= headerSize && (len(unit) < 2+headerSize || knownOpcode(unit[4]) || !expected(port) || !smallCounts(unit[2:])):
			return unit, proto.Yes
		case n > 0 && !expected(port) && len(unit) < 2+n+2+headerSize:
			return nil, proto.No
		case len(unit) < 2+n:
			return nil, proto.Maybe
		}
		unit = unit[2+n:]
	}
	return unit, proto.Yes
}

// maxSkipped is behind how many messages that say nothing DNS is looked for where it is not expected.
const maxSkipped = 8

// partial judges fewer bytes than a header over TCP.
func (g *Grammar) partial(unit []byte, port uint16) proto.Match {
	if len(unit) >= 5 && !knownOpcode(unit[4]) && !expected(port) {
		return proto.No
	}
	return proto.Maybe
}

func match(yes bool) proto.Match {
	if yes {
		return proto.Yes
	}
	return proto.No
}

// whole reports whether msg is a DNS message beyond doubt.
func (g *Grammar) whole(msg []byte) bool {
	return len(msg) > headerSize && sane(msg, g.maxRecords()) &&
		g.layout.read(msg, g.maxRecords()) == "" && g.layout.end == len(msg) && g.layout.plausible()
}

// plausible is the part of recognition that Parse does not insist on.
func (l *layout) plausible() bool {
	for _, q := range l.questions {
		if q.typ == 0 || !knownClass(q.class) {
			return false
		}
	}
	for _, r := range l.records {
		if r.typ == 0 || r.typ != typeOPT && !knownClass(r.class) {
			return false
		}
	}
	return len(l.questions)+len(l.records) > 0
}

// sane looks at the header alone.
func sane(msg []byte, maxRecords int) bool {
	return knownOpcode(msg[2]) && total(msg) <= maxRecords
}

// hinted takes a sane opcode and at most 255 of everything on a port where DNS is expected.
func hinted(msg []byte, port uint16) bool {
	return expected(port) && len(msg) >= headerSize && knownOpcode(msg[2]) && smallCounts(msg)
}

// smallCounts reports whether a header counts at most 255 of each section.
func smallCounts(msg []byte) bool { return msg[4]|msg[6]|msg[8]|msg[10] == 0 }

// expected reports whether a port is for DNS, multicast DNS or LLMNR.
func expected(port uint16) bool { return port == 53 || port == 5353 || port == 5355 }

// knownOpcode takes QUERY, STATUS, NOTIFY and UPDATE from the third byte of a header. Stateful
// operations (RFC 8490) have no questions and no records to read.
func knownOpcode(b byte) bool {
	switch b >> 3 & 15 {
	case 0, 2, 4, 5:
		return true
	}
	return false
}

// knownClass takes IN, CH, HS, NONE and ANY, with or without multicast DNS's top bit (RFC 6762 §18.12).
func knownClass(c uint16) bool {
	switch c & 0x7fff {
	case classIN, classCH, 4, classNONE, classANY:
		return true
	}
	return false
}
