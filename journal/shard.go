package journal

import (
	"encoding/binary"
	"hash/crc32"
	"hash/maphash"
	"iter"
	"sync/atomic"
)

var table = crc32.MakeTable(crc32.Castagnoli)

// Stats counts what one Shard has seen since it was opened.
type Stats struct {
	Records int    // that are in it now
	Found   int    // that were in it when it was opened
	Torn    int    // that could not be read then, and were freed
	Stale   int    // that a later record of the same key had replaced, but for a crash
	Full    uint64 // refused by Put for want of room
	TooLong uint64 // refused by Put: key empty or too long, value too long
}

// A Shard holds records by key. It belongs to one goroutine.
type Shard struct {
	words []byte
	data  []byte
	slot  int // bytes
	value int // most bytes of a value

	seed    maphash.Seed
	index   []uint32 // open addressing, linear; slot plus one, 0 is empty
	free    []uint32
	version uint64 // of the next record
	stats   Stats
}

func newShard(b []byte, c Config) *Shard {
	n := c.Slots + 1
	size := 4
	for size < 2*n {
		size *= 2
	}
	s := &Shard{
		words: b[:c.wordBytes()], data: b[c.wordBytes():], slot: c.slotBytes(), value: c.Value,
		seed: maphash.MakeSeed(), index: make([]uint32, size), free: make([]uint32, 0, n), version: 1,
	}
	for i := n - 1; i >= 0; i-- { // the first slots are taken first
		s.adopt(uint32(i))
	}
	s.stats.Found = s.stats.Records
	return s
}

// adopt takes a slot over from the last writer.
func (s *Shard) adopt(i uint32) {
	v := s.word(i).Load()
	if v == 0 {
		s.free = append(s.free, i)
		return
	}
	key, _, ok := s.record(i, v)
	if !ok {
		s.stats.Torn++
		s.release(i)
		return
	}
	s.version = max(s.version, v+1)
	at, other := s.find(key)
	switch {
	case other == 0:
		s.index[at] = i + 1
		s.stats.Records++
	case s.word(other-1).Load() < v:
		s.stats.Stale++
		s.index[at] = i + 1
		s.release(other - 1)
	default:
		s.stats.Stale++
		s.release(i)
	}
}

// record reads a slot; ok is false for anything that Put has not written with this version.
func (s *Shard) record(i uint32, version uint64) (key, value []byte, ok bool) {
	b := s.bytes(i)
	k, v := native32(b[4:]), native64(b[8:])
	if version > maxVersion || k == 0 || k > MaxKey || v > uint64(s.value) {
		return nil, nil, false
	}
	key, value = b[keyAt:keyAt+int(k)], b[valueAt:valueAt+int(v)]
	return key, value, native32(b) == sum(b, key, value, version)
}

// sum covers the lengths, the version, and the bytes that count.
func sum(slot, key, value []byte, version uint64) uint32 {
	c := crc32.Update(uint32(version)^uint32(version>>32), table, slot[4:slotHead])
	return crc32.Update(crc32.Update(c, table, key), table, value)
}

// Put stores value under key, in place of what was there. False means that it is not stored, and
// that what was there still is: there is no room for one more key, or key or value are too long, or
// key is empty. It neither allocates nor waits.
func (s *Shard) Put(key, value []byte) bool {
	if len(key) == 0 || len(key) > MaxKey || len(value) > s.value {
		s.stats.TooLong++
		return false
	}
	at, old := s.find(key)
	// One free slot is never for a new key: a record that is replaced needs it.
	if len(s.free) == 0 || old == 0 && len(s.free) == 1 {
		s.stats.Full++
		return false
	}
	i := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	b := s.bytes(i)
	put32(b[4:], uint32(len(key)))
	put64(b[8:], uint64(len(value)))
	copy(b[keyAt:], key)
	copy(b[valueAt:], value)
	put32(b, sum(b, key, value, s.version))
	s.word(i).Store(s.version) // committed
	s.version++
	s.index[at] = i + 1
	if old == 0 {
		s.stats.Records++
		return true
	}
	s.release(old - 1)
	return true
}

// Get returns the value under key: a read-only view, valid until the next Put or Delete.
func (s *Shard) Get(key []byte) (value []byte, ok bool) {
	_, i := s.find(key)
	if i == 0 {
		return nil, false
	}
	b := s.bytes(i - 1)
	n := min(native64(b[8:]), uint64(s.value))
	return b[valueAt : valueAt+int(n)], true
}

// Delete forgets key and reports whether it was there.
func (s *Shard) Delete(key []byte) bool {
	at, i := s.find(key)
	if i == 0 {
		return false
	}
	s.release(i - 1)
	s.unindex(at)
	s.stats.Records--
	return true
}

// All yields every record, in no order: read-only views, valid until the next Put or Delete. What
// was yielded may be deleted by the loop's body.
func (s *Shard) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for i := range uint32(cap(s.free)) {
			v := s.word(i).Load()
			if v == 0 {
				continue
			}
			if key, value, ok := s.record(i, v); ok && !yield(key, value) {
				return
			}
		}
	}
}

// Stats returns the shard's counters.
func (s *Shard) Stats() Stats { return s.stats }

func (s *Shard) word(i uint32) *atomic.Uint64 { return word(s.words, 8*int(i)) }
func (s *Shard) bytes(i uint32) []byte        { return s.data[int(i)*s.slot:][:s.slot] }

func (s *Shard) release(i uint32) {
	s.word(i).Store(0)
	s.free = append(s.free, i)
}

// find returns the place of key in the index, and its slot plus one; 0 if it is not there, then the
// place is where it belongs.
func (s *Shard) find(key []byte) (at int, slot uint32) {
	for at = s.home(key); ; at = (at + 1) & (len(s.index) - 1) {
		slot = s.index[at]
		if slot == 0 || string(s.key(slot-1)) == string(key) {
			return at, slot
		}
	}
}

func (s *Shard) home(key []byte) int {
	return int(maphash.Bytes(s.seed, key) & uint64(len(s.index)-1))
}

// key of a slot that is in the index.
func (s *Shard) key(i uint32) []byte {
	b := s.bytes(i)
	return b[keyAt : keyAt+int(min(native32(b[4:]), MaxKey))]
}

// unindex empties a place, and moves what stands behind it back to where it will be found (Knuth,
// TAOCP 3, 6.4, algorithm R).
func (s *Shard) unindex(hole int) {
	mask := len(s.index) - 1
	for at := (hole + 1) & mask; s.index[at] != 0; at = (at + 1) & mask {
		home := s.home(s.key(s.index[at] - 1))
		if (at-home)&mask >= (at-hole)&mask {
			s.index[hole] = s.index[at]
			hole = at
		}
	}
	s.index[hole] = 0
}

func native32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
func native64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

func put32(b []byte, v uint32) { binary.NativeEndian.PutUint32(b, v) }
func put64(b []byte, v uint64) { binary.NativeEndian.PutUint64(b, v) }
