package detect

import (
	"encoding/binary"
	"math/bits"
)

const (
	blockBytes = 64 // as many as an integer has bits
	slackBytes = 8  // behind a block, which are loaded with it
)

// A block is where in 64 bytes of a text something may begin.
type block struct {
	at     int    // where in the text it begins
	starts uint64 // places that are still to be looked at: literals, and first digits of rows
	digits uint64 // places with digits
	ahead  uint64 // digits of the next block, iff known
	known  bool
	inRow  bool // for the next block, iff not known: what begins with its first byte is not the first digit of a row
	end    [blockBytes + slackBytes]byte
}

// restart has the blocks begin at i. A digit there is none that a row begins with.
func (k *block) restart(i int) {
	k.at, k.starts, k.known, k.inRow, k.digits = i-blockBytes, 0, false, true, 0
}

// advance makes k the next block of b in which something may begin; false if there is none. If there are stretches, it skips what is in none.
func (k *block) advance(s *Set, b []byte, in Stretches) bool {
	for k.at += blockBytes; k.at < len(b); k.at += blockBytes {
		if in != nil && !k.skip(b, in.Stretch(k.at)) {
			return false
		}
		switch rest := b[k.at:]; {
		case len(rest) < blockBytes+slackBytes:
			k.loadEnd(s, rest)
		case blank(rest):
			k.starts, k.digits, k.known, k.inRow = 0, 0, false, false
		default:
			k.load(s, rest, len(rest))
		}
		if k.starts != 0 {
			return true
		}
	}
	return false
}

// skip has the block begin at i, which is not before it; false if that is the end of b.
func (k *block) skip(b []byte, i int) bool {
	if i > k.at {
		k.restart(i)
		k.at, k.inRow = i, isDigit(b[i-1])
	}
	return i < len(b)
}

// blank says whether the first 64 bytes are control characters, such as zeros, with which nothing begins: be their highest bit set or not, those
// below it are below a space.
func blank(b []byte) bool {
	const printed = 0x6060606060606060
	b = b[:blockBytes]
	x := uint64(0)
	for i := 0; i < blockBytes; i += 8 {
		x |= binary.LittleEndian.Uint64(b[i:])
	}
	return x&printed == 0
}

// load reads the block that b begins with, of which n bytes are of the text.
func (k *block) load(s *Set, b []byte, n int) {
	k.starts = 0
	if s.numeric {
		row := k.digits >> (blockBytes - 1)
		if k.inRow {
			row, k.inRow = 1, false
		}
		if k.digits = k.ahead; !k.known {
			k.digits = digitsIn(b)
		}
		if k.known = len(b) >= 2*blockBytes; k.known {
			k.ahead = digitsIn(b[blockBytes:])
		}
		k.starts = k.digits &^ (k.digits<<1 | row)
		if s.lonely {
			k.starts &^= k.alone(n)
		}
	}
	if !s.byDigits {
		k.starts |= s.literalsIn(b) &^ k.digits // none begins with a digit
	}
}

// alone returns which digits are rows of their own, behind which no two digits stand with a byte between, as far as that is known.
func (k *block) alone(n int) uint64 {
	known := ^uint64(0)
	next, second, third := k.digits>>1, k.digits>>2, k.digits>>3
	if k.known {
		next, second, third = next|k.ahead<<63, second|k.ahead<<62, third|k.ahead<<61
	} else {
		known = 1<<max(0, min(n, blockBytes)-3) - 1
	}
	return known &^ (next | second&third)
}

// loadEnd reads the end of a text. Of a literal that the end cuts two bytes are enough; the last byte is none.
func (k *block) loadEnd(s *Set, b []byte) {
	n := copy(k.end[:], b)
	clear(k.end[n:])
	k.load(s, k.end[:], n)
	if n <= blockBytes {
		k.starts &= 1<<(n-1) - 1 | k.digits
	}
	if i := n - 2; i >= 0 && i < blockBytes && len(s.literalsAt(b[i], b[i+1])) > 0 {
		k.starts |= 1 << i
	}
}

// first returns the first of the starts.
func (k *block) first() int { return k.at + bits.TrailingZeros64(k.starts) }

// take takes the first of the starts.
func (k *block) take() (i int, digit bool) {
	n := bits.TrailingZeros64(k.starts)
	k.starts &= k.starts - 1
	return k.at + n, k.digits>>n&1 != 0
}

// row returns which of the bytes from i on are digits, 24 of them or more; false if that is not known.
func (k *block) row(i int) (digits uint64, ok bool) {
	n := i - k.at
	if k.known {
		return k.digits>>n | k.ahead<<(blockBytes-n), true
	}
	return k.digits >> n, n+maxShape <= blockBytes
}

// digitsIn returns which of the first 64 bytes are digits, eight at a time: behind the exclusive or a digit is below 10,
// and to those seven bits 0x76 is added so that nothing is carried.
func digitsIn(b []byte) (digits uint64) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	b = b[:blockBytes]
	for i := 0; i < blockBytes; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ '0'*ones
		x = ^((x&^tops + 0x76*ones) | x) & tops
		digits |= x >> 7 * 0x0102040810204080 >> 56 << i
	}
	return digits
}

// literalsIn returns where in the first 64 bytes literals may begin. It looks at each second pair of bytes: there lie either the first two of a
// literal or its second and third; or, of a literal of one byte, it and that behind it or before it.
func (s *Set) literalsIn(b []byte) (starts uint64) {
	b = b[:blockBytes+slackBytes]
	if s.begins[b[0]] { // the pair that it may lie in is of the block before
		starts = s.triples.bit(binary.LittleEndian.Uint32(b)) | s.alone[b[0]]
	}
	for i := 0; i < blockBytes; i += 8 {
		x := binary.LittleEndian.Uint64(b[i+1:])
		if (s.pairs.bit(x)|s.pairs.bit(x>>16)|s.pairs.bit(x>>32)|s.pairs.bit(x>>48))&1 != 0 {
			starts |= s.literalsAmong(b[i:], x) << i
		}
	}
	return starts
}

// literalsAmong is literalsIn for the first eight places, and for literals of one byte also the ninth; x is the bytes from the second on.
func (s *Set) literalsAmong(b []byte, x uint64) (starts uint64) {
	b = b[:8+3]
	for k := range uint64(8) {
		starts |= s.triples.bit(binary.LittleEndian.Uint32(b[k:])) << k
	}
	for _, c := range s.singles {
		starts |= zeros(x^c) << 1
	}
	return starts
}

// zeros returns which of eight bytes are zero.
func zeros(x uint64) uint64 {
	const sevens, tops = 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	x = ^((x&sevens + sevens) | x) & tops
	return x >> 7 * 0x0102040810204080 >> 56
}

// triples is a set of three bytes each, in which case does not count and some others are that look alike.
type triples [1 << 6]uint64

func hash3(x uint32) uint32 { return (x&0xffffff | 0x202020) * 0x9e3779b1 >> 20 }

func (t *triples) add(a, b, c byte) {
	h := hash3(uint32(a) | uint32(b)<<8 | uint32(c)<<16)
	t[h>>6] |= 1 << (h & 63)
}

// bit returns 1 if the lowest three bytes of x are in the set, else 0.
func (t *triples) bit(x uint32) uint64 {
	h := hash3(x)
	return t[h>>6&(1<<6-1)] >> (h & 63) & 1
}

// pairs is a set of pairs of bytes: bit a|b<<8 for a before b.
type pairs [1 << 10]uint64

func (p *pairs) add(a, b byte) {
	w := uint(a) | uint(b)<<8
	p[w>>6] |= 1 << (w & 63)
}

// bit returns in its lowest bit whether the lowest two bytes of x are in the set; what is above it is of other pairs.
func (p *pairs) bit(x uint64) uint64 { return p[x>>6&(1<<10-1)] >> (x & 63) }
