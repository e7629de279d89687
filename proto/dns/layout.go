package dns

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

// Reasons for which Parse refuses a message.
const (
	short         packet.Reason = "dns-short"            // it ends inside its header, a question or a record
	tooMany       packet.Reason = "dns-too-many-records" // more questions and records than MaxRecords, or than maxQuestions
	badPointer    packet.Reason = "dns-bad-pointer"      // forwards, into the header, or more than 128 in a chain
	badLabel      packet.Reason = "dns-bad-label"        // label types 01 and 10
	longName      packet.Reason = "dns-long-name"        // more than 255 bytes
	badRData      packet.Reason = "dns-bad-rdata"        // RDATA is not as its type has it
	badOPT        packet.Reason = "dns-bad-opt"          // several, misplaced, or options that do not add up
	headerSize                  = 12
	maxQuestions                = 16
	flagResponse                = 0x80 // in byte 2 of the header
	flagTruncated               = 0x02 // in byte 2
	flagAD                      = 0x20 // in byte 3
)

func isResponse(msg []byte) bool { return msg[2]&flagResponse != 0 }

// total is the number of questions and records that the header announces.
func total(msg []byte) int {
	n := 0
	for at := 4; at < headerSize; at += 2 {
		n += int(binary.BigEndian.Uint16(msg[at:]))
	}
	return n
}

type section uint8

const (
	answer section = iota
	authority
	additional
)

// A question is one entry of the question section; offsets count in the message.
type question struct {
	off, fixed int // name, type
	far        int // behind all bytes of its name, wherever they are
	typ, class uint16
}

// A record is one resource record; offsets count in the message.
type record struct {
	off, fixed, rdata, end int // name, type, RDATA, behind it
	far                    int // behind all bytes of its names, wherever they are
	typ, class             uint16
	section                section
}

// A layout is where everything of one message lies. It is scratch memory of a Grammar.
type layout struct {
	questions []question
	records   []record
	opt       int  // index in records; -1 iff there is none
	end       int  // behind the last record; valid iff whole
	whole     bool // the message was read to its last record
	known     *memory
}

// read finds the questions and records of msg and checks every name in them. What it found before it
// met something wrong stays in l.
func (l *layout) read(msg []byte, maxRecords int) packet.Reason {
	*l = layout{questions: l.questions[:0], records: l.records[:0], opt: -1, known: l.known}
	if l.known == nil {
		l.known = new(memory)
	}
	l.known.begin()
	if len(msg) < headerSize {
		return short
	}
	if total(msg) > maxRecords || binary.BigEndian.Uint16(msg[4:]) > maxQuestions {
		return tooMany
	}
	at := headerSize
	for range binary.BigEndian.Uint16(msg[4:]) {
		q := question{off: at}
		var why packet.Reason
		if q.fixed, why = checkName(msg, at, len(msg), l.known); why != "" {
			return why
		}
		q.far = l.known.far
		if at = q.fixed + 4; at > len(msg) {
			return short
		}
		q.typ, q.class = binary.BigEndian.Uint16(msg[q.fixed:]), binary.BigEndian.Uint16(msg[q.fixed+2:])
		l.questions = append(l.questions, q)
	}
	for s := answer; s <= additional; s++ {
		for range binary.BigEndian.Uint16(msg[6+2*int(s):]) {
			r, why := readRecord(msg, at, l.known)
			if why != "" {
				return why
			}
			r.section, at = s, r.end
			if why := l.add(msg, r); why != "" {
				return why
			}
		}
	}
	l.end, l.whole = at, true
	return ""
}

// add notes a record and holds OPT against RFC 6891 §6.1.1: one, in the additional section, of the root.
func (l *layout) add(msg []byte, r record) packet.Reason {
	if r.typ == typeOPT {
		if l.opt >= 0 || r.section != additional || msg[r.off] != 0 {
			return badOPT
		}
		l.opt = len(l.records)
	}
	l.records = append(l.records, r)
	return ""
}

// readRecord reads the record at off and checks the names in it.
func readRecord(msg []byte, off int, known *memory) (r record, why packet.Reason) {
	r.off = off
	if r.fixed, why = checkName(msg, off, len(msg), known); why != "" {
		return r, why
	}
	r.rdata, r.far = r.fixed+10, known.far
	if r.rdata > len(msg) {
		return r, short
	}
	r.typ, r.class = binary.BigEndian.Uint16(msg[r.fixed:]), binary.BigEndian.Uint16(msg[r.fixed+2:])
	r.end = r.rdata + int(binary.BigEndian.Uint16(msg[r.fixed+8:]))
	if r.end > len(msg) {
		return r, short
	}
	return r, checkRData(msg, &r, known)
}

// rcode is the response code with the upper eight bits of OPT (RFC 6891 §6.1.3).
func (l *layout) rcode(msg []byte) uint16 {
	code := uint16(msg[3] & 15)
	if l.opt >= 0 {
		code |= uint16(msg[l.records[l.opt].fixed+4]) << 4
	}
	return code
}

// signed reports whether the message as a whole is signed, so that no change would be believed: its last record
// is TSIG (RFC 8945 §5.1) or SIG(0) (RFC 2931 §3.1).
func (l *layout) signed(msg []byte) bool {
	if len(l.records) == 0 {
		return false
	}
	r := &l.records[len(l.records)-1]
	if r.typ == typeTSIG {
		return true
	}
	return r.typ == typeSIG && r.end-r.rdata >= 2 && msg[r.rdata] == 0 && msg[r.rdata+1] == 0
}
