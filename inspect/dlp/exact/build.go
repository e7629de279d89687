package exact

import (
	"bytes"
	"fmt"
	"slices"
)

// A Builder makes a Table.
type Builder struct {
	// Least is how many letters and digits a value has at least.
	Least int

	t      Table
	hashes []uint64
	begins []uint64
	value  []byte
}

// NewBuilder returns a Builder of a table with a key, of values of MinBytes.
func NewBuilder(key Key) *Builder { return &Builder{Least: MinBytes, t: Table{key: key}} }

// Add adds a value. It says why not if the value is too short or too long to be looked for.
func (b *Builder) Add(value string) error {
	words := 0
	b.value = b.value[:0]
	for i := 0; i < len(value); {
		n, from := 0, len(b.value)
		for i+n < len(value) && wordBytes[value[i+n]] != 0 {
			b.value = append(b.value, wordBytes[value[i+n]])
			n++
		}
		if n > 0 {
			words++
			fold(b.value[from:])
			b.value = append(b.value, between)
		}
		i += n + 1
	}
	if n := len(b.value) - words; n < b.Least || len(b.value) > MaxBytes || words > MaxWords {
		return fmt.Errorf("%d words of %d letters and digits: from %d letters and digits, and up to %d words of %d bytes", words, n, b.Least, MaxWords, MaxBytes)
	}
	b.t.words = max(b.t.words, words)
	b.t.lengths[len(b.value)] = true
	b.hashes = append(b.hashes, b.t.key.hash(b.value))
	if i := bytes.IndexByte(b.value, between) + 1; i < len(b.value) {
		b.value[i] = goesOn
		b.begins = append(b.begins, b.t.key.hash(b.value[:i+1]))
	}
	return nil
}

// Table returns the table of what was added, each value once. It is called once.
func (b *Builder) Table() *Table {
	t := b.t
	slices.Sort(b.begins)
	b.begins = slices.Compact(b.begins)
	t.words, t.begins = max(t.words, 1), len(b.begins)
	b.hashes = append(b.hashes, b.begins...)
	slices.Sort(b.hashes)
	t.fill(b.hashes)
	return &t
}

// between stands behind each word in the canonical form.
const between = ' '

// goesOn stands behind a word that a value of several begins with; it is in none.
const goesOn = 0
