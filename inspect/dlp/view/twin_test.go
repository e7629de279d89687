package view

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/dlpcorpus"
)

// A slowView is a View that notes for each byte where it came from.
type slowView struct {
	parent       *slowView
	code         Code
	text, before []byte
	more         bool
	at           []int // Escapes, UTF16: where the parent has each byte, and what is behind the last one
	digits       []int // Base64: where the parent has the characters
}

// A slowFinder looks at every byte for every code.
type slowFinder struct {
	left      int
	exhausted bool
	views     []*slowView
}

func findSlowly(before, text []byte, more bool) *slowFinder {
	f := &slowFinder{left: maxViews*len(text) + maxViews*Context}
	f.add(&slowView{text: text, before: before[max(0, len(before)-Context):], more: more}, 0)
	return f
}

func (f *slowFinder) afford(n int) bool {
	if n > f.left {
		f.exhausted = true
		return false
	}
	f.left -= n
	return true
}

// add adds a view and those in it.
func (f *slowFinder) add(v *slowView, depth int) {
	if f.views = append(f.views, v); depth == MaxDepth {
		return
	}
	if (v.escaped() || v.stood()) && f.afford(len(v.text)) {
		f.add(v.unescaped(), depth+1)
	}
	for i := v.begin(); i < len(v.text); {
		digits, end := v.digitsFrom(i)
		begins := v.more && end == len(v.text) && len(digits) >= minBegin
		for skip := 0; skip < min(4, len(digits)) && (len(digits) >= minDigits || begins); skip++ {
			if in := v.decoded(digits[skip:], i, end); (in.readable(v) || len(digits) < minDigits && in.begins(v)) && f.afford(len(digits)-skip) {
				f.add(in, depth+1)
			}
		}
		i = max(end, i+1)
	}
	for i := 0; i < len(v.text); {
		n := v.unitsFrom(&i)
		if n >= minUnits && f.afford(n) {
			f.add(v.narrowed(i, n), depth+1)
		}
		if i += 2 * n; n == 0 {
			i++
		}
	}
}

func (v *slowView) escaped() bool {
	for i, c := range v.text {
		var b [4]byte
		if c == '+' {
			if i > 0 && (v.text[i-1] > ' ' && leads(v.text[i+1:], v.more) || i+1 < len(v.text) && isDigit(v.text[i-1]) && isDigit(v.text[i+1])) {
				return true
			}
		} else if _, width := escape(v.text[i:], v.more, &b); width != 1 {
			return true
		}
	}
	return false
}

// stood reports whether there are escapes in what stands before a text, or a plus sign where both meet that is one.
func (v *slowView) stood() bool {
	if v.parent != nil || len(v.text) == 0 || len(v.before) == 0 {
		return false
	}
	all := append(bytes.Clone(v.before), v.text...)
	for _, i := range []int{len(v.before) - 1, len(v.before)} {
		if i > 0 && all[i] == '+' && all[i-1] > ' ' && leads(all[i+1:], v.more) {
			return true
		}
	}
	return (&slowView{text: v.before}).escaped()
}

// withoutEscapes is what stands before a text, without its escapes.
func withoutEscapes(before []byte) (out []byte) {
	for i := 0; i < len(before); {
		var b [4]byte
		n, width := escape(before[i:], false, &b)
		if before[i] == '+' && (i == 0 || before[i-1] <= ' ') {
			b[0] = '+'
		}
		out, i = append(out, b[:n]...), i+width
	}
	return out
}

func (v *slowView) unescaped() *slowView {
	in := &slowView{parent: v, code: Escapes, before: withoutEscapes(v.before), more: v.more}
	all, i := append(bytes.Clone(v.before), v.text...), 0
	for i < len(v.text) {
		var b [4]byte
		n, width := escape(v.text[i:], v.more, &b)
		if width == 0 {
			break
		}
		if k := len(v.before) + i; v.text[i] == '+' && (k == 0 || all[k-1] <= ' ') {
			b[0] = '+'
		}
		for k := range n {
			in.text, in.at = append(in.text, b[k]), append(in.at, i)
		}
		i += width
	}
	in.at = append(in.at, i)
	return in
}

func (v *slowView) isDigit(i int) bool { return sextets[v.char(i)] <= 63 }

func (v *slowView) char(i int) byte {
	if i < 0 {
		return v.before[len(v.before)+i]
	}
	return v.text[i]
}

// begin is where the first run may begin: in front of the text, if that begins in the midst of one.
func (v *slowView) begin() int {
	i := 0
	if v.parent == nil && len(v.text) > 0 && v.isDigit(0) {
		for -i < len(v.before) && v.isDigit(i-1) {
			i--
		}
	}
	return i
}

// digitsFrom returns where the characters of the run are that begins at i, if one does, and where it ends.
func (v *slowView) digitsFrom(i int) (digits []int, end int) {
	line := 0
	for ; i < len(v.text); i++ {
		if v.isDigit(i) {
			digits, line = append(digits, i), line+1
			continue
		}
		next := i
		if v.text[next] == '\r' {
			next++
		}
		if line < minDigits || line%4 != 0 || next+1 >= len(v.text) || v.text[next] != '\n' || !v.isDigit(next+1) || !v.lineAt(next+1) {
			break
		}
		i, line = next, 0
	}
	return digits, i
}

// lineAt reports whether a line of base64 may begin there.
func (v *slowView) lineAt(i int) bool {
	line := v.text[i:]
	n := len(line) - len(bytes.TrimLeftFunc(line, func(r rune) bool { return r < 0x80 && sextets[r] <= 63 }))
	return !bytes.HasPrefix(line, []byte("--")) && (n >= maxLine || n%4 == 0 || n == len(line) || line[n] == '=')
}

// begins reports whether what may become a run is text so far.
func (v *slowView) begins(in *slowView) bool {
	n, bad, zeros := len(v.digits)/4*3, 0, 0
	for i := range n {
		if c := v.byteAt(in, i); c == 0 {
			zeros++
		} else if !isText(c) {
			bad++
		}
	}
	return n > 0 && 10*bad <= n && (10*(bad+zeros) <= n || 5*zeros >= 2*n && 5*zeros <= 3*n)
}

func (v *slowView) decoded(digits []int, from, end int) *slowView {
	in := &slowView{parent: v, code: Base64, digits: digits, before: v.before[:0], more: v.more && end == len(v.text)}
	in.before = v.text[max(0, from-Context):max(0, from)]
	q, bits := uint32(0), 0
	if in.more {
		digits = digits[:len(digits)/4*4]
	}
	for _, i := range digits {
		q, bits = q<<6|uint32(sextets[v.char(i)]), bits+6
		if bits >= 8 {
			bits -= 8
			in.text = append(in.text, byte(q>>bits))
		}
	}
	return in
}

func (v *slowView) readable(in *slowView) bool {
	for at := 0; at+minDigits <= len(v.digits); {
		n := min(len(v.digits)-at, window) / 4 * 3
		bad, zeros := 0, 0
		for i := at / 4 * 3; i < at/4*3+n; i++ {
			c := v.byteAt(in, i)
			if c == 0 {
				zeros++
			} else if !isText(c) {
				bad++
			}
		}
		if 10*bad <= n && (10*(bad+zeros) <= n || 5*zeros >= 2*n && 5*zeros <= 3*n) {
			return true
		}
		at += map[bool]int{true: 8, false: map[bool]int{true: 64, false: 1024}[at < 1024]}[at < 64]
	}
	return false
}

// byteAt is byte i, of which the text may lack the rest of its four characters.
func (v *slowView) byteAt(in *slowView, i int) byte {
	k := firstDigit(i)
	return byte((uint32(sextets[in.char(v.digits[k])])<<6 | uint32(sextets[in.char(v.digits[k+1])])) >> (4 - 2*(i%3)))
}

// unitsFrom moves i to where characters of UTF-16 may begin, and returns how many do.
func (v *slowView) unitsFrom(i *int) (n int) {
	k := bytes.IndexByte(v.text[*i:], 0)
	if k < 0 {
		*i = len(v.text)
		return 0
	}
	from := *i + k
	if k > 0 && isText(v.text[from-1]) {
		from--
	}
	*i = from
	low := 0
	if v.text[from] == 0 {
		low = 1
	}
	for from+1 < len(v.text) && isText(v.text[from+low]) && v.text[from+1-low] == 0 {
		from, n = from+2, n+1
	}
	if n == 0 { // a zero that is none's
		*i = max(*i, bytes.IndexByte(v.text[*i:], 0)+*i)
		if rest := bytes.TrimLeft(v.text[*i:], "\x00"); len(v.text)-len(rest)-1 > *i {
			*i = len(v.text) - len(rest) - 2 // the last zero may be the first of a character
		}
	}
	return n
}

func (v *slowView) narrowed(from, n int) *slowView {
	in := &slowView{parent: v, code: UTF16, before: v.text[max(0, from-Context):from], more: v.more && from+2*n+1 >= len(v.text)}
	for i := from; i < from+2*n; i += 2 {
		in.text, in.at = append(in.text, v.text[i]|v.text[i+1]), append(in.at, i)
	}
	in.at = append(in.at, from+2*n)
	return in
}

func (v *slowView) source(off, end int) (from, to int) {
	from, to = off, end
	for ; v.parent != nil && from >= 0; v = v.parent {
		from, to = v.span(from, to)
	}
	return from, max(from, to)
}

func (v *slowView) span(off, end int) (from, to int) {
	if v.code != Base64 {
		return v.at[off], v.at[end]
	}
	if k := firstDigit(off); k < len(v.digits) {
		from = v.digits[k]
	} else {
		from = v.digits[len(v.digits)-1] + 1
	}
	if off == end {
		return from, from
	}
	return from, v.digits[firstDigit(end-1)+1] + 1
}

// sameAsSlowly wants the same views of both finders, from the same places.
func sameAsSlowly(t *testing.T, f *Finder, before, text []byte, more bool) {
	t.Helper()
	slow := findSlowly(before, text, more)
	f.Begin(before, text, more)
	n := 0
	for v := f.Next(); v != nil; v = f.Next() {
		if n == len(slow.views) {
			t.Fatalf("%q, %q, %v: one more view: %v %q", before, text, more, v.Path(), v.Text)
		}
		want := slow.views[n]
		if v.Code != want.code || !bytes.Equal(v.Text, want.text) || !bytes.Equal(v.Before, want.before) || v.More != want.more {
			t.Fatalf("%q, %q, %v: view %d is %v %q behind %q, %v, want %v %q behind %q, %v", before, text, more, n, v.Code, v.Text, v.Before, v.More, want.code, want.text, want.before, want.more)
		}
		for off := range len(v.Text) + 1 {
			for _, end := range []int{off, min(off+1, len(v.Text)), min(off+17, len(v.Text))} {
				from, to := v.Source(off, end)
				if wantFrom, wantTo := want.source(off, end); from != wantFrom || to != wantTo {
					t.Fatalf("%q, %q, %v: view %d (%v, %q): [%d,%d) came from [%d,%d), want [%d,%d)", before, text, more, n, v.Path(), v.Text, off, end, from, to, wantFrom, wantTo)
				}
			}
		}
		n++
	}
	if n != len(slow.views) || f.Exhausted != slow.exhausted {
		t.Fatalf("%q, %q, %v: %d views, exhausted %v; want %d, %v", before, text, more, n, f.Exhausted, len(slow.views), slow.exhausted)
	}
}

// coders write a text in another.
var coders = []func(string) string{
	url.QueryEscape, percent, escaped, coded, inURL, mailLines,
	func(s string) string { return wide(s, false) }, func(s string) string { return wide(s, true) },
	func(s string) string { return strings.NewReplacer(`"`, `\"`, "\n", `\n`, "a", "&#97;").Replace(s) },
}

func inURL(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func mailLines(s string) string {
	s = coded(s)
	var b strings.Builder
	for ; len(s) > 76; s = s[76:] {
		b.WriteString(s[:76] + "\r\n")
	}
	return b.String() + s
}

// TestFinderIsLikeItsTwin looks at texts in codes, between others, and cut.
func TestFinderIsLikeItsTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	f := new(Finder)
	traffic, _ := dlpcorpus.Traffic(9, 4<<20)
	for range 4000 {
		var b bytes.Buffer
		for range 1 + r.IntN(4) {
			at := r.IntN(len(traffic) - 400)
			s := string(traffic[at : at+r.IntN(300)])
			for range r.IntN(4) {
				s = coders[r.IntN(len(coders))](s)
			}
			b.WriteString(s[min(len(s), r.IntN(9)):])
			b.WriteString([]string{"", " ", "\x00\x00", "+", "%", "\r\n", "1+1"}[r.IntN(7)])
		}
		text := b.Bytes()
		text = text[:min(len(text), 6000)]
		cut := r.IntN(len(text) + 1)
		sameAsSlowly(t, f, nil, text, false)
		sameAsSlowly(t, f, nil, text[:cut], true)
		sameAsSlowly(t, f, text[:cut], text[cut:], r.IntN(2) == 0)
	}
}

func FuzzTwin(f *testing.F) {
	f.Add([]byte(""), []byte("a=%41%"), true)
	f.Add([]byte(coded("a text that is long enough")), []byte(mailLines(wide(strings.Repeat("and a second one", 9), true))), true)
	f.Add([]byte("&#"), []byte("\x00a\x00b\x00c\x00d\x00e\x00f\x00g\x00h\x00\x00"), false)
	finder := new(Finder)
	f.Fuzz(func(t *testing.T, before, text []byte, more bool) {
		sameAsSlowly(t, finder, before, text[:min(len(text), 4000)], more)
	})
}
