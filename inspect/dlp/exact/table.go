// Package exact finds values of the operator's own, such as customers' numbers or names, by keyed hashes of them: the values themselves are in no file
// and no memory of Weir.
//
// A value is one to MaxWords words, a word letters and digits that stand together. Case, and what stands between the words, does not
// count: "4711-AB", "4711 ab" and "4711/AB" are one value, "4711ab" is another. It has at least MinBytes letters and digits, or it would be found everywhere.
//
// The law: without the key, a table tells nothing of its values but how many there are, and how long the shortest and the longest. With the key, who has the table can
// try values: of a kind of which there are few, such as telephone numbers or names, all. Keep the key as you would keep the values.
package exact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"github.com/dchest/siphash"
)

const (
	MinBytes = 5   // letters and digits of the shortest value; a byte of UTF-8 that is not ASCII is a letter
	MaxBytes = 128 // of the longest
	MaxWords = 8
)

// A Key is a secret as tables use it.
type Key struct {
	k0, k1 uint64 // of SipHash-2-4
	check  uint64 // by which a table of another key is known
}

// NewKey derives a Key from a secret of at least 16 bytes by HMAC-SHA256 (RFC 2104).
func NewKey(secret []byte) (Key, error) {
	if len(secret) < 16 {
		return Key{}, errors.New("the key is too short: at least 16 bytes that nobody can guess")
	}
	derive := func(label string) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte("weir exact match: " + label))
		return h.Sum(nil)
	}
	k, c := derive("hash"), derive("check")
	return Key{binary.LittleEndian.Uint64(k), binary.LittleEndian.Uint64(k[8:]), binary.LittleEndian.Uint64(c)}, nil
}

// hash is the hash of a value in its canonical form.
func (k *Key) hash(value []byte) uint64 { return siphash.Hash(k.k0, k.k1, value) }

// A Table is the hashes of a list of values: 8 bytes for each, and 4 MiB at most. It is only read once made; lanes share it.
type Table struct {
	key    Key
	hashes []uint64 // sorted
	first  []uint32 // by the first bits of a hash: the first hash that begins so; one more at the end
	shift  uint     // of a hash, to its first bits

	lengths [MaxBytes + 1]bool // of values in canonical form
	words   int                // most of a value
}

// The form of a table in a file: magic, check, words, count, hashes; each in little endian.
const (
	magic    = "weirEDM1"
	headSize = len(magic) + 8 + 8 + 8 + MaxBytes + 1
)

// ErrKey is the error for a table that was made with another key.
var ErrKey = errors.New("the table was made with another key")

// Read reads a table that Write has written, and refuses one that was made with another key, or changed since.
func Read(b []byte, key Key) (*Table, error) {
	if len(b) < headSize || string(b[:len(magic)]) != magic {
		return nil, errors.New("no table of values: weir dlp hash writes one")
	}
	at := len(magic)
	number := func() uint64 {
		at += 8
		return binary.LittleEndian.Uint64(b[at-8:])
	}
	check, words, n := number(), number(), number()
	t := &Table{key: key, words: int(min(words, MaxWords))}
	switch {
	case check != key.check:
		return nil, ErrKey
	case words == 0 || words > MaxWords || n > 1<<31 || uint64(len(b)-headSize) != 8*n:
		return nil, fmt.Errorf("the table is damaged: %d bytes for %d values", len(b), n)
	}
	for i := range t.lengths {
		t.lengths[i] = b[at+i] != 0
	}
	at += len(t.lengths)
	t.hashes = make([]uint64, n)
	for i := range t.hashes {
		t.hashes[i] = number()
	}
	if !slices.IsSorted(t.hashes) {
		return nil, errors.New("the table is damaged: it is not in order")
	}
	t.index()
	return t, nil
}

// Write writes the table to w.
func (t *Table) Write(w io.Writer) error {
	b := append(make([]byte, 0, headSize), magic...)
	b = binary.LittleEndian.AppendUint64(b, t.key.check)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.words))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(t.hashes)))
	for _, has := range t.lengths {
		if has {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	return binary.Write(w, binary.LittleEndian, t.hashes)
}

// Len is the number of values.
func (t *Table) Len() int { return len(t.hashes) }

// index makes first of hashes: about eight hashes to each entry, at most a million entries.
func (t *Table) index() {
	n := min(max(bits.Len(uint(len(t.hashes)))-3, 1), 20)
	t.shift = uint(64 - n)
	t.first = make([]uint32, 1<<n+1)
	for i, h := range t.hashes {
		t.first[h>>t.shift+1] = uint32(i + 1)
	}
	for i := 1; i < len(t.first); i++ {
		t.first[i] = max(t.first[i], t.first[i-1])
	}
}

// has reports whether a value in canonical form is in the table.
func (t *Table) has(value []byte) bool {
	h := t.key.hash(value)
	lo, hi := t.first[h>>t.shift], t.first[h>>t.shift+1]
	for lo < hi {
		mid := (lo + hi) / 2
		if t.hashes[mid] < h {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < t.first[h>>t.shift+1] && t.hashes[lo] == h
}
