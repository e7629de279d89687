// Package exact finds values of the operator's own, such as customers' numbers or names, by keyed hashes of them: the values themselves are in no file
// and no memory of Weir.
//
// A value is one to MaxWords words, a word letters and digits that stand together. Case, and what stands between the words, does not
// count: "4711-AB", "4711 ab" and "4711/AB" are one value, "4711ab" is another. The case of letters up to U+1FFF does not, of those whose other case is
// as long in UTF-8: of "Ödland", not of "ẞ". Letters that are put together (U+006F, U+0308) are others than those that are not. It has at least MinBytes letters and digits, or it would be found everywhere.
//
// So that a value is found whose words come one by one, the first words of values of several are in the table as well.
//
// The law: without the key, a table tells nothing of its values but how many there are, how many first words they have, and how long they are. With the key, who has the table can
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

// A Table is the hashes of a list of values. It is only read once made; lanes share it.
//
// Hashes that begin with the same bits stand together, sorted, and of each only the 40 bits behind those are kept: 5 bytes for a value, and 4 for each 4 to 8 of them. So a
// text that is none of n values is taken for one with a probability of less than 2^-36; of n from 2^26 values on, first words included, of about n / 2^62, since
// they are parted by maxBits at most.
type Table struct {
	key   Key
	bits  uint     // by which hashes are parted
	first []uint32 // by these bits: how many hashes stand before; one more at the end
	rest  []byte   // restBytes of each hash, big endian, and 3 more bytes

	lengths [MaxBytes + 1]bool // of values in canonical form
	words   int                // most of a value
	begins  int                // hashes of first words
}

const (
	restBytes = 5
	maxBits   = 22
	maxValues = 1 << 31
	padding   = 8 - restBytes // so that eight bytes can be read of each
)

// The form of a table in a file: magic; check, words, bits, count and begins in little endian; a byte for each length; first, in little endian; rest.
const (
	magic    = "weirEDM3"
	headSize = len(magic) + 5*8 + MaxBytes + 1
)

// ErrKey is the error for a table that was made with another key.
var ErrKey = errors.New("the table was made with another key")

// Read reads a table that Write has written, and refuses one that was made with another key, or is damaged. It keeps b.
func Read(b []byte, key Key) (*Table, error) {
	if len(b) < headSize || string(b[:len(magic)]) != magic {
		return nil, errors.New("no table of values: weir dlp hash writes one")
	}
	field := func(i int) uint64 { return binary.LittleEndian.Uint64(b[len(magic)+8*i:]) }
	words, n, count, begins := field(1), field(2), field(3), field(4)
	switch {
	case field(0) != key.check:
		return nil, ErrKey
	case words == 0 || words > MaxWords || n > maxBits || count > maxValues || begins > count || begins > 0 && words == 1:
		return nil, errors.New("the table is damaged: its head says what cannot be")
	case uint64(len(b)) != uint64(headSize)+4*(1<<n+1)+restBytes*count+padding:
		return nil, fmt.Errorf("the table is damaged: %d bytes for %d values", len(b), count)
	}
	t := &Table{key: key, words: int(words), begins: int(begins), bits: uint(n), first: make([]uint32, 1<<n+1)}
	for i := range t.lengths {
		t.lengths[i] = b[headSize-len(t.lengths)+i] != 0
	}
	at := headSize
	for i := range t.first {
		t.first[i] = binary.LittleEndian.Uint32(b[at:])
		if at += 4; i > 0 && t.first[i] < t.first[i-1] || t.first[i] > uint32(count) {
			return nil, errors.New("the table is damaged: it is not in order")
		}
	}
	if t.rest = b[at:]; t.first[0] != 0 || uint64(t.first[1<<n]) != count {
		return nil, errors.New("the table is damaged: values are missing")
	}
	return t, nil
}

// Write writes the table to w.
func (t *Table) Write(w io.Writer) error {
	b := append(make([]byte, 0, headSize+4*len(t.first)), magic...)
	for _, v := range []uint64{t.key.check, uint64(t.words), uint64(t.bits), uint64(t.Len() + t.begins), uint64(t.begins)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, has := range t.lengths {
		if has {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	for _, n := range t.first {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	_, err := w.Write(t.rest)
	return err
}

// Len is the number of values.
func (t *Table) Len() int { return (len(t.rest)-padding)/restBytes - t.begins }

// fill makes first and rest of sorted hashes.
func (t *Table) fill(hashes []uint64) {
	t.bits = uint(min(max(bits.Len(uint(len(hashes)))-3, 0), maxBits))
	t.first = make([]uint32, 1<<t.bits+1)
	t.rest = make([]byte, 0, restBytes*len(hashes)+padding)
	n, last := uint32(0), uint64(0)
	for i, h := range hashes {
		part, rest := t.parts(h)
		if i > 0 && h>>(64-t.bits-8*restBytes) == last {
			continue
		}
		last = h >> (64 - t.bits - 8*restBytes)
		n++
		t.first[part+1] = n
		t.rest = append(t.rest, byte(rest>>32), byte(rest>>24), byte(rest>>16), byte(rest>>8), byte(rest))
	}
	t.rest = append(t.rest, make([]byte, padding)...)
	for i := 1; i < len(t.first); i++ {
		t.first[i] = max(t.first[i], t.first[i-1])
	}
}

// parts is the bits of a hash by which it is found, and those that are kept.
func (t *Table) parts(h uint64) (part int, rest uint64) {
	return int(h >> (63 - t.bits) >> 1), h << t.bits >> (64 - 8*restBytes)
}

// goesOn reports whether a value of several words begins with the word in canonical form that is in all but the last byte.
func (t *Table) goesOn(word []byte) bool {
	if t.begins == 0 {
		return false
	}
	last := len(word) - 1
	was := word[last]
	word[last] = goesOn
	is := t.has(word)
	word[last] = was
	return is
}

// has reports whether a value in canonical form is in the table.
func (t *Table) has(value []byte) bool {
	part, rest := t.parts(t.key.hash(value))
	lo, hi := int(t.first[part]), int(t.first[part+1])
	for lo < hi {
		mid := (lo + hi) / 2
		switch got := binary.BigEndian.Uint64(t.rest[mid*restBytes:]) >> (64 - 8*restBytes); {
		case got == rest:
			return true
		case got < rest:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return false
}
