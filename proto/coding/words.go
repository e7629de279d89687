package coding

import (
	_ "embed"
	"strings"
)

// dictionary is the words of RFC 7932 Appendix A: those of 4 bytes, those of 5, and so on. Its CRC-32 is 0x5136cb04.
//
//go:embed dictionary.bin
var dictionary string

// wordBits says how many words of each length there are: 1<<wordBits; none where it is 0.
var wordBits = [25]uint8{4: 10, 10, 11, 11, 10, 10, 10, 10, 10, 9, 9, 8, 7, 7, 8, 7, 7, 6, 6, 5, 5}

// wordsAt says where in dictionary those of each length begin.
var wordsAt = func() (at [len(wordBits) + 1]int) {
	for n, b := range wordBits {
		if at[n+1] = at[n]; b > 0 {
			at[n+1] += n << b
		}
	}
	return at
}()

// What a transformation makes of the word itself.
const (
	asItIs   = 0
	cutEnd   = 0 // + 1 to 9 bytes
	upFirst  = 10
	upAll    = 11
	cutStart = 11 // + 1 to 9 bytes
)

// transformations are those of RFC 7932 Appendix B.
var transformations = [121]struct {
	before string
	word   uint8
	behind string
}{
	{"", asItIs, ""},
	{"", asItIs, " "},
	{" ", asItIs, " "},
	{"", cutStart + 1, ""},
	{"", upFirst, " "},
	{"", asItIs, " the "},
	{" ", asItIs, ""},
	{"s ", asItIs, " "},
	{"", asItIs, " of "},
	{"", upFirst, ""},
	{"", asItIs, " and "},
	{"", cutStart + 2, ""},
	{"", cutEnd + 1, ""},
	{", ", asItIs, " "},
	{"", asItIs, ", "},
	{" ", upFirst, " "},
	{"", asItIs, " in "},
	{"", asItIs, " to "},
	{"e ", asItIs, " "},
	{"", asItIs, "\""},
	{"", asItIs, "."},
	{"", asItIs, "\">"},
	{"", asItIs, "\n"},
	{"", cutEnd + 3, ""},
	{"", asItIs, "]"},
	{"", asItIs, " for "},
	{"", cutStart + 3, ""},
	{"", cutEnd + 2, ""},
	{"", asItIs, " a "},
	{"", asItIs, " that "},
	{" ", upFirst, ""},
	{"", asItIs, ". "},
	{".", asItIs, ""},
	{" ", asItIs, ", "},
	{"", cutStart + 4, ""},
	{"", asItIs, " with "},
	{"", asItIs, "'"},
	{"", asItIs, " from "},
	{"", asItIs, " by "},
	{"", cutStart + 5, ""},
	{"", cutStart + 6, ""},
	{" the ", asItIs, ""},
	{"", cutEnd + 4, ""},
	{"", asItIs, ". The "},
	{"", upAll, ""},
	{"", asItIs, " on "},
	{"", asItIs, " as "},
	{"", asItIs, " is "},
	{"", cutEnd + 7, ""},
	{"", cutEnd + 1, "ing "},
	{"", asItIs, "\n\t"},
	{"", asItIs, ":"},
	{" ", asItIs, ". "},
	{"", asItIs, "ed "},
	{"", cutStart + 9, ""},
	{"", cutStart + 7, ""},
	{"", cutEnd + 6, ""},
	{"", asItIs, "("},
	{"", upFirst, ", "},
	{"", cutEnd + 8, ""},
	{"", asItIs, " at "},
	{"", asItIs, "ly "},
	{" the ", asItIs, " of "},
	{"", cutEnd + 5, ""},
	{"", cutEnd + 9, ""},
	{" ", upFirst, ", "},
	{"", upFirst, "\""},
	{".", asItIs, "("},
	{"", upAll, " "},
	{"", upFirst, "\">"},
	{"", asItIs, "=\""},
	{" ", asItIs, "."},
	{".com/", asItIs, ""},
	{" the ", asItIs, " of the "},
	{"", upFirst, "'"},
	{"", asItIs, ". This "},
	{"", asItIs, ","},
	{".", asItIs, " "},
	{"", upFirst, "("},
	{"", upFirst, "."},
	{"", asItIs, " not "},
	{" ", asItIs, "=\""},
	{"", asItIs, "er "},
	{" ", upAll, " "},
	{"", asItIs, "al "},
	{" ", upAll, ""},
	{"", asItIs, "='"},
	{"", upAll, "\""},
	{"", upFirst, ". "},
	{" ", asItIs, "("},
	{"", asItIs, "ful "},
	{" ", upFirst, ". "},
	{"", asItIs, "ive "},
	{"", asItIs, "less "},
	{"", upAll, "'"},
	{"", asItIs, "est "},
	{" ", upFirst, "."},
	{"", upAll, "\">"},
	{" ", asItIs, "='"},
	{"", upFirst, ","},
	{"", asItIs, "ize "},
	{"", upAll, "."},
	{"\xc2\xa0", asItIs, ""},
	{" ", asItIs, ","},
	{"", upFirst, "=\""},
	{"", upAll, "=\""},
	{"", asItIs, "ous "},
	{"", upAll, ", "},
	{"", upFirst, "='"},
	{" ", upFirst, ","},
	{" ", upAll, "=\""},
	{" ", upAll, ", "},
	{"", upAll, ","},
	{"", upAll, "("},
	{"", upAll, ". "},
	{" ", upAll, "."},
	{"", upAll, "='"},
	{" ", upAll, ". "},
	{" ", upFirst, "=\""},
	{" ", upAll, "='"},
	{" ", upFirst, "='"},
}

// appendWord appends a word, transformed (§8); ok says that there are such.
func appendWord(b []byte, length, index, how int) (_ []byte, ok bool) {
	if how >= len(transformations) {
		return b, false
	}
	t := &transformations[how]
	at := wordsAt[length] + index*length
	word := dictionary[at : at+length]
	switch {
	case t.word > cutStart:
		word = word[min(length, int(t.word-cutStart)):]
	case t.word < upFirst:
		word = word[:max(0, length-int(t.word-cutEnd))]
	}
	b = append(b, t.before...)
	from := len(b)
	b = append(b, word...)
	switch t.word {
	case upFirst:
		upper(b[from:])
	case upAll:
		for left := b[from:]; len(left) > 0; {
			left = left[upper(left):]
		}
	}
	return append(b, t.behind...), true
}

// upper makes the first character a capital, as RFC 7932 §8 has it, and returns its length.
func upper(b []byte) int {
	n, change := 1, byte(0)
	switch {
	case b[0] >= 'a' && b[0] <= 'z':
		change = 'a' - 'A'
	case b[0] >= 0xe0:
		n, change = 3, 5
	case b[0] >= 0xc0:
		n, change = 2, 32
	}
	if n > len(b) {
		return len(b)
	}
	b[n-1] ^= change
	return n
}

// contexts are what the last byte, and 256 behind it the one before, give to the context of a literal, in each mode (§7.1).
var contexts = func() (c [4][512]uint8) {
	for b := range 256 {
		c[0][b] = uint8(b & 0x3f)
		c[1][b] = uint8(b >> 2)
		c[2][b], c[2][256+b] = utf8Context(b)
		c[3][256+b] = signedContext(b)
		c[3][b] = c[3][256+b] << 3
	}
	return c
}()

// utf8Context returns Lut0 and Lut1 of §7.1.
func utf8Context(b int) (last, before uint8) {
	switch {
	case b >= 0xc0:
		last = uint8(2 + b&1)
	case b >= 0x80:
		last = uint8(b & 1)
	default:
		for class, of := range [...]string{
			1: "\t\n\r", " ", "!#$&*+-/?@\\^_`|~", "\"'", "%", "(<[{", ")>]}", ",:;", ".", "=", "0123456789",
			"AEIOU", "BCDFGHJKLMNPQRSTVWXYZ", "aeiou", "bcdfghjklmnpqrstvwxyz",
		} {
			if strings.IndexByte(of, byte(b)) >= 0 {
				last = uint8(4 * class)
			}
		}
	}
	switch {
	case b >= 0xe0 || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z':
		before = 2
	case b >= 'a' && b <= 'z':
		before = 3
	case b > ' ' && b < 0x7f:
		before = 1
	}
	return last, before
}

// signedContext returns Lut2 of §7.1.
func signedContext(b int) uint8 {
	n := uint8(0)
	for _, least := range [...]int{1, 16, 64, 128, 192, 240, 255} {
		if b >= least {
			n++
		}
	}
	return n
}
