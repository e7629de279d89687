package stats

import (
	"encoding/binary"
	"math/bits"
)

// A sketch finds the heaviest of many keys with a fixed number of counters: Space-Saving (Metwally, Agrawal, El Abbadi, "Efficient
// Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005), with weights. A key that finds no
// counter takes the lightest one over, with its count as the error. So the count of a key is too high by at most its
// error, no error exceeds total/len(counters), and a key heavier than that is in the sketch.
//
// Counters form a heap by count, and a hash index with linear probing finds them; nothing is allocated after newSketch.
type sketch struct {
	heap  []counter // lightest first
	n     int
	index []int32 // place in heap plus one; 0: empty. A power of two, at most half full
	seed  uint64
}

// A key is an address: IPv6, or IPv4 mapped into it.
type key [16]byte

// A counter counts one key.
type counter struct {
	key   key
	count uint64
	err   uint64 // count is too high by at most this
	slot  int32  // its place in index
}

func newSketch(counters int) *sketch {
	return &sketch{heap: make([]counter, counters), index: make([]int32, 1<<bits.Len(uint(2*counters-1))), seed: 0x9e3779b97f4a7c15}
}

// reset forgets everything.
func (s *sketch) reset() {
	s.n = 0
	clear(s.index)
}

// add adds weight to key's count.
func (s *sketch) add(k key, weight uint64) {
	slot := s.find(k)
	if at := s.index[slot]; at != 0 {
		s.heap[at-1].count += weight
		s.sink(int(at - 1))
		return
	}
	if s.n < len(s.heap) {
		s.heap[s.n] = counter{key: k, count: weight, slot: slot}
		s.index[slot] = int32(s.n + 1)
		s.n++
		s.rise(s.n - 1)
		return
	}
	lightest := &s.heap[0]
	s.remove(lightest.slot)
	slot = s.find(k)
	*lightest = counter{key: k, count: lightest.count + weight, err: lightest.count, slot: slot}
	s.index[slot] = 1
	s.sink(0)
}

// find returns the slot of k, or the empty one where it belongs.
func (s *sketch) find(k key) int32 {
	mask := int32(len(s.index) - 1)
	for i := int32(s.hash(k)) & mask; ; i = (i + 1) & mask {
		if at := s.index[i]; at == 0 || s.heap[at-1].key == k {
			return i
		}
	}
}

func (s *sketch) hash(k key) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(k[:])^s.seed, binary.LittleEndian.Uint64(k[8:])^0xe7037ed1a0b428db)
	hi, lo = bits.Mul64(hi^lo^s.seed, 0x8ebc6af09c88c6e3)
	return hi ^ lo
}

// remove empties a slot and closes the gap (Knuth vol. 3, §6.4, algorithm R).
func (s *sketch) remove(slot int32) {
	mask := int32(len(s.index) - 1)
	for i, j := slot, slot; ; {
		j = (j + 1) & mask
		at := s.index[j]
		if at == 0 {
			s.index[i] = 0
			return
		}
		home := int32(s.hash(s.heap[at-1].key)) & mask
		if (j-home)&mask >= (j-i)&mask {
			s.index[i] = at
			s.heap[at-1].slot = i
			i = j
		}
	}
}

// rise moves a counter towards the light end, sink towards the heavy one.
func (s *sketch) rise(i int) {
	for i > 0 {
		up := (i - 1) / 2
		if s.heap[up].count <= s.heap[i].count {
			return
		}
		s.swap(i, up)
		i = up
	}
}

func (s *sketch) sink(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < s.n; c++ {
			if s.heap[c].count < s.heap[least].count {
				least = c
			}
		}
		if least == i {
			return
		}
		s.swap(i, least)
		i = least
	}
}

func (s *sketch) swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	s.index[s.heap[i].slot] = int32(i + 1)
	s.index[s.heap[j].slot] = int32(j + 1)
}

// top appends the heaviest counters to dst, heaviest first, up to its capacity; equals by key, so that the order says
// nothing of the past.
func (s *sketch) top(dst []counter) []counter {
	for i := range s.heap[:s.n] {
		c := &s.heap[i]
		at := len(dst)
		for at > 0 && heavier(c, &dst[at-1]) {
			at--
		}
		if at == cap(dst) {
			continue
		}
		if len(dst) < cap(dst) {
			dst = dst[:len(dst)+1]
		}
		copy(dst[at+1:], dst[at:])
		dst[at] = *c
	}
	return dst
}

func heavier(a, b *counter) bool {
	return a.count > b.count || a.count == b.count && string(a.key[:]) < string(b.key[:])
}
