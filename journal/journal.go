// Package journal keeps small records, by key, in memory that outlives the process that wrote them: what a worker must know of
// the flows that it edits, so that the next worker can go on with them after a crash.
//
// Its law: a record that Put has returned true for is read by the next process, whole, or a later one of the same key is;
// whatever moment a kill -9 takes the writer at. A record that was being written is as if it had never been begun, and
// the one before it stands. Memory is bounded when the journal is made: a journal that is full refuses, and counts.
//
// # Memory
//
// All words are native-endian, the journal is for processes of one machine.
//
//	0     magic and layout version, slots, bytes of a value, shards; written once, 8 bytes each
//	4096  shards, one after the other, each:
//	        a commit word of 8 bytes for each slot, and one slot more; to a multiple of 4096
//	        as many slots: check sum 4, length of key 4, length of value 8, key 64, value; to a multiple of 64
//
// # Commit
//
// A slot holds a record iff its commit word is not zero; the word is the record's version, which grows with each Put of a
// shard. Put writes into a free slot, stores the word, and only then frees the slot of the key's former record:
// hence the one slot more. A writer killed between the two leaves two records of one key, and the higher version counts. The
// check sum (CRC-32C, over the version too) is for everything else that may befall memory.
//
// # Trust
//
// Open believes nothing: not the header, which must agree with the size of the file, nor a word, length or check
// sum. What is wrong is freed and counted. A worker that was taken over can of course leave well-formed lies, so whoever uses a
// value must bear any.
//
// The package does not know what values mean, does not order shards among each other, and does not survive a reboot.
package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"iter"
	"sync/atomic"
	"unsafe"
)

// Limits of a Config.
const (
	MaxKey    = 64 // bytes
	MaxValue  = 1 << 20
	MaxSlots  = 1 << 20
	MaxShards = 1 << 12
	maxBytes  = 1 << 34

	DefaultSlots = 1024
	DefaultValue = 4 << 10
)

// A Config is the shape of a journal. Zero fields mean the defaults.
type Config struct {
	Slots  int // records of a shard; default 1024
	Value  int // most bytes of a value; default 4096
	Shards int // each for one goroutine; default 1
}

// ErrFormat says that memory holds no journal of this version and shape.
var ErrFormat = errors.New("journal: memory holds no journal of this version")

const (
	magic    = 0x0001_4c4e_4a57_4557 // "WEWJNL", version 1
	pageSize = 4096
	lineSize = 64

	slotHead = 16
	keyAt    = slotHead
	valueAt  = keyAt + MaxKey

	// Versions above this were written by nobody honest: the next one must have room.
	maxVersion = 1 << 62
)

var table = crc32.MakeTable(crc32.Castagnoli)

func (c *Config) setDefaults() {
	def := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	def(&c.Slots, DefaultSlots)
	def(&c.Value, DefaultValue)
	def(&c.Shards, 1)
}

// check refuses what is out of bounds; after it no size overflows.
func (c Config) check() error {
	for _, v := range []struct {
		name   string
		n, max int
	}{{"slots", c.Slots, MaxSlots}, {"bytes of a value", c.Value, MaxValue}, {"shards", c.Shards, MaxShards}} {
		if v.n < 1 || v.n > v.max {
			return fmt.Errorf("journal: %d %s: it must be 1 to %d", v.n, v.name, v.max)
		}
	}
	if n := c.Bytes(); n > maxBytes {
		return fmt.Errorf("journal: %d bytes: at most %d", n, maxBytes)
	}
	return nil
}

func (c Config) slotBytes() int  { return up(valueAt+c.Value, lineSize) }
func (c Config) wordBytes() int  { return up(8*(c.Slots+1), pageSize) }
func (c Config) shardBytes() int { return up(c.wordBytes()+(c.Slots+1)*c.slotBytes(), pageSize) }

// Bytes is the memory that a journal of this shape takes. The system provides what has been written to.
func (c Config) Bytes() int { return pageSize + c.Shards*c.shardBytes() }

func up(n, to int) int { return (n + to - 1) / to * to }

// A Journal is the memory, opened by one process at a time.
type Journal struct {
	b      []byte
	unmap  func([]byte) error // nil iff the memory is from the Go heap
	shards []*Shard
}

// format writes the header of an empty journal.
func format(b []byte, c Config) {
	for i, v := range []int{c.Slots, c.Value, c.Shards} {
		word(b, 8+8*i).Store(uint64(v))
	}
	word(b, 0).Store(magic)
}

// open reads b, all of which may be lies.
func open(b []byte) (*Journal, error) {
	if len(b) < pageSize || word(b, 0).Load() != magic {
		return nil, ErrFormat
	}
	var c Config
	for i, n := range []*int{&c.Slots, &c.Value, &c.Shards} {
		*n = int(min(word(b, 8+8*i).Load(), maxBytes))
	}
	if err := c.check(); err != nil || c.Bytes() != len(b) {
		return nil, fmt.Errorf("%w: %d bytes for %+v", ErrFormat, len(b), c)
	}
	j := &Journal{b: b}
	for i := range c.Shards {
		at := pageSize + i*c.shardBytes()
		j.shards = append(j.shards, newShard(b[at:at+c.shardBytes()], c))
	}
	return j, nil
}

// Shard returns the part of the journal that belongs to lane i. A Shard is for one goroutine.
func (j *Journal) Shard(i int) *Shard { return j.shards[i] }

// Shards returns how many there are.
func (j *Journal) Shards() int { return len(j.shards) }

// Close gives the mapping back. Shards must not be used any more.
func (j *Journal) Close() error {
	b := j.b
	j.b, j.shards = nil, nil
	if b == nil || j.unmap == nil {
		return nil
	}
	return j.unmap(b)
}

func word(b []byte, at int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&b[at : at+8][0]))
}

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

// Put stores value under key, in place of what was there. False means that it is not stored, and that what was there
// still is: there is no room for one more key, or key or value are too long, or key is empty. It neither allocates nor waits.
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

// All yields every record, in no order: read-only views, valid until the next Put or Delete. What was yielded may
// be deleted by the loop's body.
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

// find returns the place of key in the index, and its slot plus one; 0 if it is not there, then the place is where it belongs.
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

// unindex empties a place, and moves what stands behind it back to where it will be found (Knuth, TAOCP 3, 6.4, algorithm R).
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
