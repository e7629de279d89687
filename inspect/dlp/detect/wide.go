package detect

// Between digits people's programs put spaces that do not break and dashes that are longer: U+00A0, U+2009 and U+202F, U+2010 to U+2013.

// wide returns the space or dash of ASCII that the rune at i, beyond ASCII, is wider than; 0 if it is none of these.
func (s *Scanner) wide(i int) byte {
	switch s.byteAt(i) {
	case 0xc2:
		if s.byteAt(i+1) == 0xa0 {
			return ' '
		}
	case 0xe2:
		if s.byteAt(i+1) == 0x80 {
			return wideIn[s.byteAt(i+2)]
		}
	}
	return 0
}

// wideIn is wide by the last byte of E2 80 ...
var wideIn = [256]byte{0x89: ' ', 0xaf: ' ', 0x90: '-', 0x91: '-', 0x92: '-', 0x93: '-'}

// wideLen is the bytes of such a rune by its first.
func wideLen(first byte) int {
	if first == 0xc2 {
		return 2
	}
	return 3
}
