package eve

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weir-project/weir/event"
)

// An object appends members to JSON objects, of which the outermost is open. Names of
// members are written as they stand between two members, such as `,"proto":`.
type object struct{ b []byte }

func (o *object) key(name string) {
	if o.b[len(o.b)-1] == '{' { // the first member; texts end in a quote
		name = name[1:]
	}
	o.b = append(o.b, name...)
}

// open starts an object as a member.
func (o *object) open(name string) {
	o.key(name)
	o.b = append(o.b, '{')
}

func (o *object) close() { o.b = append(o.b, '}') }

func (o *object) uint(name string, n uint64) {
	o.key(name)
	o.b = strconv.AppendUint(o.b, n, 10)
}

func (o *object) int(name string, n int64) {
	o.key(name)
	o.b = appendInt(o.b, n)
}

func (o *object) text(name, s string) {
	o.key(name)
	o.b = appendText(o.b, s)
}

// some is text, unless s is empty.
func (o *object) some(name, s string) {
	if s != "" {
		o.text(name, s)
	}
}

// plain writes text that needs no escaping.
func (o *object) plain(name, s string) {
	o.key(name)
	b := append(o.b, '"')
	b = append(b, s...)
	o.b = append(b, '"')
}

// yes writes true, or nothing.
func (o *object) yes(name string, v bool) {
	if v {
		o.key(name)
		o.b = append(o.b, "true"...)
	}
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

const hexDigits = "0123456789abcdef"

// clean holds the bytes that stand for themselves in a JSON string.
var clean = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendText appends s as a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if !clean[s[i]] {
			return appendEscaped(b, s, i)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendEscaped is appendText for a string that is clean up to i.
func appendEscaped(b []byte, s string, i int) []byte {
	b = append(b, '"')
	start := 0
	for i < len(s) {
		c := s[i]
		if clean[c] {
			i++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
			if !risky(r, n) {
				i += n
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, r)
		i += n
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// risky reports whether a decoded rune is to be escaped: invalid UTF-8, a C1 control,
// or a line break to JavaScript.
func risky(r rune, n int) bool {
	return r == utf8.RuneError && n == 1 || r < 0xa0 || r == 0x2028 || r == 0x2029
}

func appendEscape(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// taken reports whether a detail's key was written before. Keys that differ only in
// bytes that are no UTF-8 are written alike, so those compare as written.
func taken(key string, earlier []event.Pair, reserved string) bool {
	for reserved != "" {
		var word string
		word, reserved, _ = strings.Cut(reserved, " ")
		if key == word {
			return true
		}
	}
	for i := range earlier {
		if sameText(key, earlier[i].Key) {
			return true
		}
	}
	return false
}

// sameText reports whether two strings read the same once they are valid UTF-8.
func sameText(s, t string) bool {
	if s == t {
		return true
	}
	for s != "" && t != "" {
		a, n := utf8.DecodeRuneInString(s)
		b, m := utf8.DecodeRuneInString(t)
		if a != b {
			return false
		}
		s, t = s[n:], t[m:]
	}
	return s == t
}
