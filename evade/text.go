package evade

import (
	"bytes"
	"slices"
)

// unit is the grain in which overlapping pieces are cut: that of IP fragments.
const unit = 8

// A Text is what an attempt delivers: a unit before the word, the word, a unit behind it.
type Text struct {
	Real  []byte
	Decoy []byte // as long, other bytes in each unit, and the same Internet checksum
	Twin  bool   // the word is harmless
}

// The words. Each unit of one differs from the same unit of its decoy.
const (
	Forbidden = "smuggled-parcels-of-forbidden-words-in-transits."
	Harmless  = "ordinary-letters-from-a-friend-who-is-on-travel."
)

const (
	lead  = "Begin:1\n"
	trail = "\nEnd: 2\n"
)

// NewText returns the text with the forbidden word, or its twin.
func NewText(twin bool) Text {
	word := Forbidden
	if twin {
		word = Harmless
	}
	real := []byte(lead + word + trail)
	return Text{Real: real, Decoy: decoy(real), Twin: twin}
}

// decoy turns each unit by one 16-bit word.
func decoy(b []byte) []byte {
	d := make([]byte, 0, len(b))
	for u := range slices.Chunk(b, unit) {
		d = append(append(d, u[2:]...), u[:2]...)
	}
	return d
}

// HoldsTwin reports whether what an application has read has the harmless word in it, or the number that is no secret.
func HoldsTwin(read []byte) bool {
	return bytes.Contains(read, []byte(Harmless)) || bytes.Contains(read, []byte(cardTwin))
}

// Holds reports whether what an application has read has the forbidden word in it, or the secret.
func Holds(read []byte) bool {
	return bytes.Contains(read, []byte(Forbidden)) || bytes.Contains(read, []byte(card))
}
