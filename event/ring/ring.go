// Package ring is a bounded queue of events over memory that two processes share: one
// writer (a lane of the worker, which parses hostile bytes) and one reader (the
// reporter, which does not trust the writer). The writer never waits, takes no lock,
// reads no clock and allocates nothing, and calls the system for nothing but to wake a
// reader that sleeps; an event that finds no room is counted by kind and lost.
//
// # Memory
//
// All words are native-endian and the ring is for processes of one machine.
//
//	offset  size  owner   what
//	     0     8  –       magic and layout version, written once
//	     8     8  –       capacity of the data area in bytes, a power of two
//	   128     8  writer  head: position of the first byte not yet committed
//	   256     8  reader  tail: position of the first byte not yet released
//	   384    96  writer  events lost, one counter per event.Kind
//	   512    96  reader  the part of those counters that has been reported
//	  1024     8  both    1: the reader dozes. The reader sets it, and whoever is first clears it
//	  4096     –  writer  data area
//
// Positions count bytes since the ring was made and never wrap in practice (2^64);
// position p lies at p modulo the capacity. A record takes
//
//	8  sequence number of the record
//	4  length n of the payload
//	4  zero
//	n  payload, an event.Append record, padded with zeros to a multiple of 8
//
// and may go over the end of the data area to its start.
//
// # Commit
//
// A record exists from the moment the writer stores the new head, with one atomic
// store, and not before. Whatever kill -9 leaves behind head is overwritten by the next
// writer and was never visible. The eight bytes at head always hold the next sequence
// number: the writer writes them behind each record before it commits it, and
// increments them for an event that is lost. So a writer that attaches to a used ring
// goes on where the last one stopped, and a reader sees where in the stream events are
// missing and how many. A writer killed between the two counts of a lost event (sequence
// number, counter by kind) leaves them different by one.
//
// # Delivery
//
// A reader that dies loses nothing: the next one starts at the tail. What was read but
// not released is read again, so delivery is at least once across a kill of the reader,
// and exactly once otherwise. Sequence numbers tell a repetition from news.
//
// # Trust
//
// The reader copies a record out of the shared memory once, then checks and decodes its
// copy. Positions, lengths and records that make no sense are counted as corrupt and
// stepped over, in bounded time. A writer gone bad can lose or invent events of its own
// ring, which no check could prevent; it cannot make the reader fail, read outside the
// ring or allocate more than one record. Two writers at once are a fault of whoever
// starts them: the reader stays safe, the events do not. A writer that does not strike,
// or all the time, makes its events late by what the reader sleeps at most, or the reader
// look once a millisecond. A reader gone bad can have the writer make one system call for each
// event, which does not wait.
//
// # Waking the reader
//
// It polls, less and less often. Then it may sleep: it says so in the ring (Reader.Doze), and whoever puts the next event
// there strikes a Bell, of which the reader is woken. So a writer makes one system call for the first event after
// a silence and none for those behind it, and a reader with nothing to read wakes no CPU that has packets to forward. A reader trusts the bell no more
// than the rest: it wakes by itself now and then. Without a bell the capacity has to hold what a lane says between two looks.
package ring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/weir-project/weir/event"
)

const (
	magic      = 0x0001_474e_5256_4557 // "WEVRNG", version 1
	headerSize = 4096

	offMagic    = 0
	offCapacity = 8
	offHead     = 128
	offTail     = 256
	offLost     = 384
	offReported = 512
	offDozing   = 1024

	recordHead = 16
	wordSize   = 8
	maxRecord  = (recordHead + event.MaxBytes + wordSize - 1) &^ (wordSize - 1)
)

// Capacities of the data area, in bytes. DefaultCapacity holds some 8000 events of the
// usual 250 bytes: 300,000 events/s at a reader's 25 ms without a bell.
const (
	MinCapacity     = 16 << 10
	DefaultCapacity = 2 << 20
	MaxCapacity     = 1 << 30
)

// ErrFormat says that memory holds no ring of this version, or one of another size.
var ErrFormat = errors.New("ring: memory holds no event ring of this version")

// Mem is the memory of one ring. Of all Mems over one memory, in all processes, one at
// a time may be used to write and one to read.
type Mem struct {
	b     []byte
	unmap func([]byte) error // nil iff the memory is from the Go heap
}

// NewMem returns a new ring in ordinary memory, for one process. The capacity is
// rounded up to a power of two within the limits; 0 means DefaultCapacity.
func NewMem(capacity int) *Mem {
	size := Size(capacity)
	words := make([]uint64, size/wordSize)
	m := &Mem{b: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size)}
	m.format()
	return m
}

// Size returns the bytes of memory that a ring of the given capacity takes.
func Size(capacity int) int {
	if capacity == 0 {
		capacity = DefaultCapacity
	}
	c := MinCapacity
	for c < capacity && c < MaxCapacity {
		c *= 2
	}
	return headerSize + c
}

// Close gives the mapping back. Writers and readers of m must not be used any more.
func (m *Mem) Close() error {
	b := m.b
	m.b = nil
	if b == nil || m.unmap == nil {
		return nil
	}
	return m.unmap(b)
}

func (m *Mem) format() {
	m.word(offCapacity).Store(uint64(len(m.b) - headerSize))
	m.word(offMagic).Store(magic)
}

// check compares the header with the size that the system says the memory has: what
// the header says alone is the other side's word.
func (m *Mem) check() error {
	n := len(m.b) - headerSize
	if n < MinCapacity || n > MaxCapacity || n&(n-1) != 0 {
		return fmt.Errorf("%w (%d bytes)", ErrFormat, len(m.b))
	}
	if m.word(offMagic).Load() != magic || m.word(offCapacity).Load() != uint64(n) {
		return ErrFormat
	}
	return nil
}

func (m *Mem) word(off int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&m.b[off : off+wordSize][0]))
}

func (m *Mem) counter(off int, i int) *atomic.Uint64 { return m.word(off + i*wordSize) }

// An area is the data area, addressed by position.
type area struct {
	data []byte // length is a power of two
}

func (a area) in(pos uint64, p []byte) {
	i := pos & uint64(len(a.data)-1)
	n := copy(a.data[i:], p)
	copy(a.data, p[n:])
}

func (a area) out(pos uint64, p []byte) {
	i := pos & uint64(len(a.data)-1)
	n := copy(p, a.data[i:])
	copy(p[n:], a.data)
}

// align rounds a position or length up to whole words, on both sides alike.
func align(n uint64) uint64 { return (n + wordSize - 1) &^ (wordSize - 1) }
