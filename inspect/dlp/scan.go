package dlp

import (
	"encoding/binary"
	"math/bits"
)

// kind is what a detector looks for.
type kind uint8

const (
	card kind = iota
	ssn
	kinds
)

var kindNames = [kinds]string{card: "card", ssn: "us-ssn"}

func (k kind) String() string { return kindNames[k] }

// shown is how many of the last digits an event may show. PCI DSS 4.0, requirement 3.4.1, lets the last four of a
// card be seen; the last four of an SSN are what its holder is asked for, so none is.
func (k kind) shown() int {
	if k == card {
		return 4
	}
	return 0
}

const (
	minDigits = 9               // of the shortest value
	maxDigits = 19              // of the longest: ISO/IEC 7812-1 §4.1
	maxSpan   = 2*maxDigits - 1 // bytes of a value with separators
)

// A scanner walks over a payload once, from number to number.
//
// A number is digits in one or more groups, separated by the same single space or dash, as people and forms
// write cards and SSNs. Only where a group begins, and no digit stands before it, can a value begin. A value has at most
// 19 digits and, where it has groups, groups of three or more for cards, so the work per byte is bounded.
type scanner struct {
	b      []byte
	before []byte // what stands in front of b, as far as it is known
	kinds  [kinds]bool
	bare   bool // b is a piece of text without what stood around it: what else would tell a value from a number does not count
	at     int  // where to go on

	kind     kind // of what was found last
	off, end int  // where

	n   int // digits
	buf [maxDigits]byte

	run run
}

// digits returns the digits of what was found, without separators. View of the scanner, valid until next.
func (s *scanner) digits() []byte { return s.buf[:s.n] }

// next moves to the next value and reports whether there is one.
func (s *scanner) next() bool {
	if s.at == 0 && isDigit(s.behind(-1)) { // the number that b begins with has begun before
		for s.at < len(s.b) && isDigit(s.b[s.at]) {
			s.at++
		}
	}
	for {
		i := digitAt(s.b, s.at)
		if i+minDigits > len(s.b) {
			return false
		}
		end := i + 1
		for end < len(s.b) && isDigit(s.b[end]) {
			end++
		}
		s.at = end
		if end-i > maxDigits || s.isFraction(i) {
			continue
		}
		if s.kinds[card] && s.cardAt(i, end) || s.kinds[ssn] && s.ssnAt(i, end) {
			s.at = s.end
			return true
		}
	}
}

// isFraction says whether the number that begins at i stands behind a decimal point.
func (s *scanner) isFraction(i int) bool {
	return !s.bare && s.behind(i-1) == '.' && isDigit(s.behind(i-2))
}

// behind returns the byte at offset i, which may lie before b; 0 if it is not known.
func (s *scanner) behind(i int) byte {
	if i >= 0 {
		return s.b[i]
	}
	if i += len(s.before); i >= 0 {
		return s.before[i]
	}
	return 0
}

// read copies the digits of a value that was found.
func (s *scanner) found(k kind, off, end int) bool {
	s.kind, s.off, s.end, s.n = k, off, end, 0
	for _, c := range s.b[off:end] {
		if isDigit(c) {
			s.buf[s.n] = c
			s.n++
		}
	}
	return true
}

func isDigit(c byte) bool { return c-'0' < 10 }

// digitAt returns the index of the first digit at or after i; len(b) if there is none. It looks at eight bytes at
// a time: y has a byte below 10 exactly where x has a digit, and the lowest set bit of the classic test for that
// is exact, since borrows only run upwards (Hacker's Delight §6-1).
func digitAt(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+16 <= len(b); i += 16 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ '0'*ones
		y := binary.LittleEndian.Uint64(b[i+8:]) ^ '0'*ones
		hx := (x - 10*ones) & ^x & tops
		hy := (y - 10*ones) & ^y & tops
		if hx|hy == 0 {
			continue
		}
		if hx != 0 {
			return i + bits.TrailingZeros64(hx)/8
		}
		return i + 8 + bits.TrailingZeros64(hy)/8
	}
	for i < len(b) && !isDigit(b[i]) {
		i++
	}
	return i
}

// isSeparator says whether c may stand between the groups of a value.
func isSeparator(c byte) bool { return c == ' ' || c == '-' }
