package ascii

import (
	"strings"
	"testing"
)

// TestTwin: like the standard library's, for words of ASCII.
func TestTwin(t *testing.T) {
	words := []string{"", "a", "A", "ab", "AB", "aB", "abc", "[", "{", "@", "`", "a-1", "A-1", "\xc1", "\xe1"}
	for _, b := range words {
		for _, word := range words {
			if word != strings.ToLower(word) || strings.ToValidUTF8(word, "") != word || strings.ToValidUTF8(b, "") != b {
				continue
			}
			if got, want := EqualFold([]byte(b), word), strings.EqualFold(b, word); got != want {
				t.Errorf("%q, %q: %v", b, word, got)
			}
			if got, want := HasPrefixFold([]byte(b), word), strings.HasPrefix(strings.ToLower(b), word); got != want {
				t.Errorf("%q begins with %q: %v", b, word, got)
			}
		}
	}
	if EqualFold([]byte{0xc1}, "\xe1") {
		t.Error("other letters than ASCII's were folded")
	}
}
