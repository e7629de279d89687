// Package journal keeps small records, by key, in memory that outlives the process that wrote them:
// what a worker must know of the flows that it edits, so that the next worker can go on with them
// after a crash.
//
// Its law: a record that Put has returned true for is read by the next process, whole, or a later
// one of the same key is; whatever moment a kill -9 takes the writer at. A record that was being
// written is as if it had never been begun, and the one before it stands. Memory is bounded when
// the journal is made: a journal that is full refuses, and counts.
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
// A slot holds a record iff its commit word is not zero; the word is the record's version, which
// grows with each Put of a shard. Put writes into a free slot, stores the word, and only then frees
// the slot of the key's former record: hence the one slot more. A writer killed between the two
// leaves two records of one key, and the higher version counts. The check sum (CRC-32C, over the
// version too) is for everything else that may befall memory.
//
// # Trust
//
// Open believes nothing: not the header, which must agree with the size of the file, nor a word,
// length or check sum. What is wrong is freed and counted. A worker that was taken over can of
// course leave well-formed lies, so whoever uses a value must bear any.
//
// The package does not know what values mean, does not order shards among each other, and does not
// survive a reboot.
package journal

import (
	"errors"
	"fmt"
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

// Bytes is the memory that a journal of this shape takes. The system provides what has been written
// to.
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
