// Package ascii compares words of protocols, whose case does not count. It knows no other letters than A to Z.
package ascii

// EqualFold reports whether b is the lower-case word.
func EqualFold(b []byte, word string) bool { return len(b) == len(word) && HasPrefixFold(b, word) }

// HasPrefixFold reports whether b begins with the lower-case word.
func HasPrefixFold(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range len(word) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
