package mime

import (
	"bytes"
	"unicode/utf8"

	"github.com/weir-project/weir/internal/ascii"
)

// This file decodes encoded words (RFC 2047).

// A charset is what bytes are in that are brought to UTF-8.
type charset uint8

const (
	unknown charset = iota // bytes stay; so they do in UTF-8 and ASCII
	latin                  // ISO 8859-1
)

func charsetOf(name []byte) charset {
	name, _, _ = bytes.Cut(name, []byte{'*'}) // a language (RFC 2231 §5)
	if ascii.EqualFold(name, "iso-8859-1") || ascii.EqualFold(name, "iso-8859-15") || ascii.EqualFold(name, "windows-1252") {
		return latin
	}
	return unknown
}

func (cs charset) append(dst []byte, c byte) []byte {
	if cs == latin && c >= 0x80 {
		return utf8.AppendRune(dst, rune(c))
	}
	return append(dst, c)
}

// appendWords appends v with its encoded words decoded. Blanks between two of them go (§6.2).
func appendWords(dst, v []byte) []byte {
	behind := -1 // where in dst the last word ended; negative once something else than blanks came
	for len(v) > 0 {
		n := bytes.Index(v, []byte("=?"))
		if n < 0 {
			break
		}
		gap := v[:n]
		w, rest, ok := cutWord(v[n:])
		if !ok {
			dst = append(dst, v[:n+2]...)
			v, behind = v[n+2:], -1
			continue
		}
		if behind < 0 || len(bytes.TrimSpace(gap)) > 0 {
			dst = append(dst, gap...)
		}
		dst = w.append(dst)
		v, behind = rest, len(dst)
	}
	return append(dst, v...)
}

// maxWord is how long an encoded word may be: longer than the 75 bytes of §2, as readers have it.
const maxWord = 1024

type word struct {
	charset charset
	base64  bool
	text    []byte
}

// cutWord takes the encoded word that b begins with.
func cutWord(b []byte) (w word, rest []byte, ok bool) {
	whole := b
	cut := len(b) - min(len(b), maxWord) // bytes of b that are not looked at
	b = b[2 : len(b)-cut]
	n := bytes.IndexByte(b, '?')
	if n < 0 || n+2 >= len(b) || b[n+2] != '?' || n > maxBoundary {
		return w, nil, false
	}
	w.charset = charsetOf(b[:n])
	switch b[n+1] {
	case 'b', 'B':
		w.base64 = true
	case 'q', 'Q':
	default:
		return w, nil, false
	}
	b = b[n+3:]
	end := bytes.Index(b, []byte("?="))
	if end < 0 {
		return w, nil, false
	}
	w.text = b[:end]
	return w, whole[len(whole)-cut-len(b[end+2:]):], true
}

func (w *word) append(dst []byte) []byte {
	if w.base64 {
		return w.appendBase64(dst)
	}
	for i := 0; i < len(w.text); i++ {
		c := w.text[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(w.text) && hex[w.text[i+1]] >= 0 && hex[w.text[i+2]] >= 0:
			c = byte(hex[w.text[i+1]]<<4 | hex[w.text[i+2]])
			i += 2
		}
		dst = w.charset.append(dst, c)
	}
	return dst
}

func (w *word) appendBase64(dst []byte) []byte {
	acc, bits := uint32(0), 0
	for _, c := range w.text {
		v := sextet[c]
		if v < 0 {
			continue
		}
		acc, bits = acc<<6|uint32(v), bits+6
		if bits >= 8 {
			bits -= 8
			dst = w.charset.append(dst, byte(acc>>bits))
		}
	}
	return dst
}

// hex is the value of a hexadecimal digit, negative for other bytes.
var hex = func() (t [256]int16) {
	for c := range t {
		t[c] = -1
	}
	for i := range 10 {
		t['0'+i] = int16(i)
	}
	for i := range 6 {
		t['A'+i], t['a'+i] = int16(10+i), int16(10+i)
	}
	return t
}()

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// sextet is the value of a byte of the base64 alphabet, negative for other bytes.
var sextet = func() (t [256]int8) {
	for c := range t {
		t[c] = -1
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = int8(i)
	}
	return t
}()
