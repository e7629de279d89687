package urls

import (
	"hash/maphash"
	"math/bits"
)

// A set holds domain names: a table of 8-byte slots with open addressing, over one arena of bytes with
// the names. A million names of 16 bytes cost about 34 MB, and the garbage collector sees two objects. It
// is built once and then only read, by any number of lanes.
//
// The seed is of this process: which names share a slot cannot be chosen from outside, and does not show
// in any answer.
type set struct {
	slots []uint64 // high half: of the hash; low half: offset in arena plus one. 0: empty
	arena []byte   // entries: one byte of coverage, one of length, the name
	names int
	seed  maphash.Seed
}

// What an entry covers; bits.
const (
	itself = 1 << iota
	below
)

const maxName = 253 // bytes of a name as text (RFC 1035 §2.3.4, less the lengths around it)

func newSet() *set {
	return &set{slots: make([]uint64, 64), seed: maphash.MakeSeed()}
}

// add puts name into the set, or adds to what it covers. name has 1 to maxName bytes. It reports false if the
// arena would exceed the 4 GiB that a slot can address.
func (s *set) add(name []byte, covers byte) bool {
	if (s.names+1)*4 > len(s.slots)*3 {
		s.grow()
	}
	h := maphash.Bytes(s.seed, name)
	i := s.probe(h, name)
	if s.slots[i] != 0 {
		s.arena[s.entry(i)] |= covers
		return true
	}
	if uint64(len(s.arena))+2+maxName >= 1<<32-1 {
		return false
	}
	s.slots[i] = h>>32<<32 | uint64(len(s.arena)+1)
	s.arena = append(append(s.arena, covers, byte(len(name))), name...)
	s.names++
	return true
}

// covers returns what the set says of exactly this name; 0 if it is not in the set.
func (s *set) covers(name []byte) byte {
	i := s.probe(maphash.Bytes(s.seed, name), name)
	if s.slots[i] == 0 {
		return 0
	}
	return s.arena[s.entry(i)]
}

// has says whether the set covers name: by itself, or by a name above it at a dot.
func (s *set) has(name []byte) bool {
	if s.names == 0 {
		return false
	}
	if s.covers(name)&itself != 0 {
		return true
	}
	for i, c := range name {
		if c == '.' && s.covers(name[i+1:])&below != 0 {
			return true
		}
	}
	return false
}

// probe returns the slot of name, or the empty one where it belongs.
func (s *set) probe(h uint64, name []byte) int {
	mask := len(s.slots) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		slot := s.slots[i]
		if slot == 0 {
			return i
		}
		if slot>>32 != h>>32 {
			continue
		}
		e := s.entry(i)
		if n := int(s.arena[e+1]); n == len(name) && string(s.arena[e+2:e+2+n]) == string(name) {
			return i
		}
	}
}

func (s *set) entry(slot int) int { return int(uint32(s.slots[slot])) - 1 }

// grow doubles the table.
func (s *set) grow() {
	old := s.slots
	s.slots = make([]uint64, 2*len(old))
	mask := len(s.slots) - 1
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		e := int(uint32(slot)) - 1
		n := int(s.arena[e+1])
		i := int(maphash.Bytes(s.seed, s.arena[e+2:e+2+n])) & mask
		for s.slots[i] != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = slot
	}
}

// trim gives back what growing left over in the arena.
func (s *set) trim() {
	if spare := cap(s.arena) - len(s.arena); bits.Len(uint(spare)) > 12 {
		s.arena = append(make([]byte, 0, len(s.arena)), s.arena...)
	}
}

// bytes is the memory of the set.
func (s *set) bytes() int { return 8*len(s.slots) + cap(s.arena) }
