package detect

import (
	"encoding/binary"
	"math/bits"
)

func isDigit(c byte) bool { return c-'0' < 10 }

func isLetter(c byte) bool { return c|0x20-'a' < 26 }

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

// isWord says whether c may stand in a name of a program: beside it no number begins or ends.
func isWord(c byte) bool { return isAlnum(c) || c == '_' }

func isHex(c byte) bool { return isDigit(c) || c|0x20-'a' < 6 }

func isSpace(c byte) bool { return c == ' ' || c-'\t' < 5 }

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

func upper(c byte) byte {
	if c-'a' < 26 {
		return c &^ 0x20
	}
	return c
}

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
	return min(i, len(b))
}
