package view

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestStretchesHoldWhatIsCoded compares with a walk over all bytes, from block to block as detectors go.
func TestStretchesHoldWhatIsCoded(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	f := new(Finder)
	parts := []string{"%41", "+", "1+1", "&#233;", "%00", `\n`, "a", "word ", "\x00", "\xff\xfe", "é", "\u2013", "\u00a0", "\xc3", "\xa9", "\U0001f600", "a rather long text without anything, "}
	for range 5000 {
		var b bytes.Buffer
		for range r.IntN(60) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		f.Begin(nil, b.Bytes(), r.IntN(2) == 0)
		f.Next()
		v := f.Next()
		if v == nil || v.Code != Escapes {
			continue
		}
		worth := worthSlowly(v)
		for i := 0; i < len(v.Text); {
			at := v.Stretch(i)
			for ; i < at; i++ {
				if worth[i] {
					t.Fatalf("%q: from %d to %d is left out", v.Text, i, at)
				}
			}
			i = at + 1 + r.IntN(70)
			if at < len(v.Text) && !v.inStretch(at) {
				t.Fatalf("%q: %d is in no stretch", v.Text, at)
			}
		}
		if got := v.Stretch(len(v.Text)); got != len(v.Text) {
			t.Fatalf("%q: %d behind the end", v.Text, got)
		}
	}
}

// isShortUTF8 reports whether the byte at i may be one of UTF-8 in two or three bytes: with the one behind it, if it begins a rune, or the one before it.
func isShortUTF8(text []byte, i int) bool {
	c := text[i]
	if c >= 0xc0 {
		return c < 0xf0 && i+1 < len(text) && text[i+1] >= 0x80 && text[i+1] < 0xc0
	}
	return c >= 0x80 && i > 0 && text[i-1] >= 0x80 && text[i-1] < 0xf0
}

// worthSlowly returns which bytes are in stretches with an escape, or in the last one.
func worthSlowly(v *View) []bool {
	worth := make([]bool, len(v.Text))
	for from := 0; from <= len(v.Text); {
		end, coded := from, false
		for end < len(v.Text) && (isText(v.Text[end]) || v.Text[end]-'\t' < 5 || v.Text[end] == 0x7f || isShortUTF8(v.Text, end)) {
			coded = coded || v.Coded(end, end+1)
			end++
		}
		for i := from; i < end && (coded && end-from >= minStretch || end == len(v.Text)); i++ {
			worth[i] = true
		}
		from = end + 1
	}
	return worth
}
