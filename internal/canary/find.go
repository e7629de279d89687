package canary

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// How much of a value, in bytes of its form, gives it away: any piece of that length is looked for. Of numbers, which stand everywhere,
// more is needed than of letters.
const (
	pieceBytes  = 12
	codedBytes  = 16 // in base64 and hexadecimal
	escapedEach = 8  // bytes of the value, each escaped
	wordBytes   = 8  // of a register, as a crash shows them
)

// A Hit is a value that was found.
type Hit struct {
	Value *Value
	Form  string
	Text  string // what was found, and what stands around it
}

// String says what was found, for a test's error.
func (h Hit) String() string {
	return fmt.Sprintf("%s %q %s in %q", h.Value.Kind, h.Value.Text, h.Form, h.Text)
}

// A Finder looks for values in texts.
type Finder struct {
	pieces map[string]piece
	sizes  map[int]bool      // lengths of pieces
	begins [1 << 20 / 8]byte // bit by hash of begins of pieces: most places of a text are none
}

const begin = 6 // bytes of the begin of a piece; no piece is shorter

// beginAt is the bit of a piece that begins at i.
func beginAt(s string, i int) (at uint32, bit byte) {
	h := uint32(2166136261) // FNV-1a
	for _, c := range []byte(s[i : i+begin]) {
		h = (h ^ uint32(c)) * 16777619
	}
	h = (h ^ h>>20) % (1 << 20)
	return h / 8, 1 << (h % 8)
}

type piece struct {
	of   *Value // nil: several values of a kind have it, so it is none of what is random
	form string
}

// NewFinder returns a Finder of values. Pieces that several values share, such as what all tokens of a kind begin with, are not looked
// for: there should be two of each kind.
func NewFinder(values []Value) *Finder {
	f := &Finder{pieces: map[string]piece{}, sizes: map[int]bool{}}
	for i := range values {
		f.addValue(&values[i])
	}
	return f
}

// addValue adds all forms of a value, as it stands and without separators, but for the characters that may be seen. All are in lower
// case: some outputs write names so.
func (f *Finder) addValue(v *Value) {
	hidden := v.Text[v.Open : len(v.Text)-v.Shown]
	for _, text := range []string{hidden, bare(hidden)} {
		for i := range max(0, len(text)-wordBytes+1) {
			f.add(v, "in a register", fmt.Sprintf("%x", binary.LittleEndian.Uint64([]byte(text[i:i+wordBytes]))), 2*wordBytes)
		}
		f.add(v, "as it is", strings.ToLower(text), min(pieceBytes, len(text)))
		for shift := range 3 {
			// The characters at both ends hold bits of what stands around, too.
			coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + text))
			coded = coded[(shift*4+2)/3 : len(coded)-4]
			f.add(v, "in base64", strings.ToLower(coded), min(codedBytes, len(coded)))
			url := strings.NewReplacer("+", "-", "/", "_").Replace(coded)
			f.add(v, "in base64 of URLs", strings.ToLower(url), min(codedBytes, len(url)))
		}
		h := hex.EncodeToString([]byte(text))
		f.add(v, "in hexadecimal", h, min(codedBytes, len(h)))
		for form, as := range map[string]string{"with percent signs": "%%%02x", "in bytes": "%02x ", "in numbers": "0x%02x, ", "in JSON": `\u%04x`, "in UTF-16": "%c\x00"} {
			one := len(fmt.Sprintf(as, 'x'))
			escaped := fmt.Sprintf(strings.Repeat(as, len(text)), each(text)...)
			f.add(v, form, strings.ToLower(escaped), min(escapedEach*one, len(escaped)))
		}
	}
}

func each(text string) (all []any) {
	for _, c := range []byte(text) {
		all = append(all, c)
	}
	return all
}

// bare is a text without what people put between digits.
func bare(s string) string { return separators.Replace(s) }

var separators = strings.NewReplacer(" ", "", "-", "", ".", "", "/", "")

// unescape undoes percent signs and plus signs, wherever they stand.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c, err := byte(0), error(nil); {
		case s[i] == '%' && i+2 < len(s):
			if _, err = fmt.Sscanf(s[i+1:i+3], "%02x", &c); err == nil {
				b.WriteByte(c)
				i += 2
				continue
			}
			fallthrough
		default:
			if c = s[i]; c == '+' {
				c = ' '
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// add adds the pieces of that length of a form.
func (f *Finder) add(v *Value, form, text string, size int) {
	for i := 0; size > 0 && i+size <= len(text); i++ {
		p := text[i : i+size]
		if old, ok := f.pieces[p]; ok && old.of != v {
			f.pieces[p] = piece{}
			continue
		}
		at, bit := beginAt(p, 0)
		f.begins[at] |= bit
		f.pieces[p] = piece{v, form}
		f.sizes[size] = true
	}
}

// Find returns the values in a text, each once.
func (f *Finder) Find(text []byte) (hits []Hit) {
	seen := map[*Value]bool{}
	lower := strings.ToLower(string(text))
	for _, t := range []string{lower, bare(lower), bare(unescape(lower))} {
		for i := range max(0, len(t)-begin+1) {
			if at, bit := beginAt(t, i); f.begins[at]&bit == 0 {
				continue
			}
			if p, size := f.at(t[i:]); p.of != nil && !seen[p.of] {
				seen[p.of] = true
				hits = append(hits, Hit{p.of, p.form, t[max(0, i-60):min(len(t), i+size+60)]})
			}
		}
	}
	return hits
}

// at returns a piece that a text begins with.
func (f *Finder) at(t string) (p piece, size int) {
	for size := range f.sizes {
		if size <= len(t) {
			if p, ok := f.pieces[t[:size]]; ok && p.of != nil {
				return p, size
			}
		}
	}
	return piece{}, 0
}
