package exact

import (
	"unicode"
	"unicode/utf8"
)

// wordBytes is what a byte of a word is in the canonical form; 0 for other bytes. Of those that are not ASCII see fold.
var wordBytes = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= utf8.RuneSelf:
			t[c] = byte(c)
		case c >= 'A' && c <= 'Z':
			t[c] = byte(c) | 0x20
		}
	}
	return t
}()

// folded is the end of the letters whose case does not count: Latin, Greek, Cyrillic, Armenian.
const folded = 0x2000

// letters is, by letter, the one that stands for it and all that differ from it in case only (CaseFolding.txt of Unicode, simple) and are
// as long in UTF-8.
var letters = func() (t [folded]uint16) {
	for r := range rune(folded) {
		t[r] = uint16(r)
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if other < r && utf8.RuneLen(other) == utf8.RuneLen(r) {
				t[r] = min(t[r], uint16(other))
			}
		}
	}
	return t
}()

// fold has the letters of a word that are not ASCII stand in their canonical form, in place. What is not UTF-8 stays.
func fold(word []byte) {
	for i := 0; i < len(word); {
		if word[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(word[i:])
		if r < folded {
			utf8.EncodeRune(word[i:i+n], rune(letters[r]))
		}
		i += n
	}
}
