package main

import (
	"bytes"
	"fmt"
	"strings"
)

// mostShown is how many bytes of a changed range are shown.
const mostShown = 160

// printable shows bytes as text; what is none, as dots.
func printable(b []byte) string {
	cut := ""
	if len(b) > mostShown {
		b, cut = b[:mostShown], "…"
	}
	var s strings.Builder
	for _, c := range b {
		if c < ' ' || c > '~' {
			s.WriteRune('·')
		} else {
			s.WriteByte(c)
		}
	}
	return s.String() + cut
}

// hexadecimal shows bytes that are no text.
func hexadecimal(b []byte) string {
	const most = mostShown / 5
	if len(b) > most {
		return fmt.Sprintf("% x …", b[:most])
	}
	return fmt.Sprintf("% x", b)
}

// asText reports whether bytes are printable ASCII with the white space of text.
func asText(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return (r < ' ' || r > '~') && r != '\r' && r != '\n' && r != '\t' })
}

// hideNumbers returns a copy of a payload in which the digits of all numbers of five and more digits are #. Beside the place
// that was masked there may be numbers that the policy only watches, or the other half of a long one. Digits that single
// separators join count as one number.
func hideNumbers(b []byte) []byte {
	const shown = 4
	out := bytes.Clone(b)
	for i := 0; i < len(b); {
		if !digit(b[i]) {
			i++
			continue
		}
		digits, end := 0, i
		for j := i; j < len(b); j++ {
			if digit(b[j]) {
				digits++
				end = j + 1
			} else if !separator(b[j]) || !digit(b[j-1]) {
				break
			}
		}
		for ; i < end; i++ {
			if digits > shown && digit(b[i]) {
				out[i] = '#'
			}
		}
	}
	return out
}

func digit(c byte) bool     { return c >= '0' && c <= '9' }
func separator(c byte) bool { return c == ' ' || c == '-' || c == '.' || c == '/' }

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// size writes bytes as people read them.
func size(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < 4 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[unit])
}
