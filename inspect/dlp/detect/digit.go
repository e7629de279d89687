package detect

import "math/bits"

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

// trailingOnes returns how many bits from the lowest on are set.
func trailingOnes(x uint64) int { return bits.TrailingZeros64(^x) }
