package coding

// prefixes decode a code of prefixes: symbols by the bits of their codes, the first in the lowest place, in two levels.
type prefixes struct {
	entry []uint32
	root  uint // bits of the first level
}

// An entry is symbol<<8 | length of its code, or start<<8 | second | bits of a second level's table.
const (
	codeLength = 0x1f
	second     = 0x80
	noCode     = 0xffff<<8 | 1 // no symbol begins with this bit
	maxCode    = 15
	maxSymbols = 704 // in the largest alphabet, br's commands
)

// find returns the entry of the code that b begins with.
func (t *prefixes) find(b uint64) uint32 {
	e := t.entry[b&(1<<t.root-1)]
	if e&second != 0 {
		e = t.entry[e>>8+uint32(b>>t.root)&(1<<(e&codeLength)-1)]
	}
	return e
}

// A code is the lengths by which a code of prefixes is told (RFC 1951 §3.2.2).
//
// To make prefixes of it must not cost more than the bits that told it are worth, or bodies of nothing but codes would be the dearest
// of all: so only symbols that have a code are listed, in runs as they are told; the first level of a table has no more bits
// than the longest, and is filled by doubling. What that does not amend is counted (Stream.spend).
type code struct {
	n      int // symbols that have one
	runs   []run
	count  [maxCode + 1]int // of them, by length
	sorted [maxSymbols]uint16
}

// A run is n symbols from first on whose codes have the same length.
type run struct {
	first, n uint16
	length   uint8
}

func (c *code) clear() { c.n, c.runs, c.count = 0, c.runs[:0], [maxCode + 1]int{} }

// add gives the next n symbols that have a code its length.
func (c *code) add(first, n int, length uint8) {
	c.runs = append(c.runs, run{uint16(first), uint16(n), length})
	c.count[length] += n
	c.n += n
}

// build makes t, with at most most bits in the first level, and appends its entries to room. t is valid iff the code is complete.
func (c *code) build(t *prefixes, room []uint32, most uint) (rest []uint32, complete bool) {
	var at [maxCode + 2]int
	left, longest := 1, uint(0)
	for n := uint(1); n <= maxCode; n++ {
		left = left<<1 - c.count[n]
		if left < 0 {
			return room, false
		}
		at[n+1] = at[n] + c.count[n]
		if c.count[n] > 0 {
			longest = n
		}
	}
	if left != 0 {
		return room, false
	}
	for _, r := range c.runs {
		for i := range r.n {
			c.sorted[at[r.length]] = r.first + i
			at[r.length]++
		}
	}
	t.root = min(most, longest)
	return c.fill(t, room), true
}

// fill puts the sorted symbols into t, whose entries are appended to room.
func (c *code) fill(t *prefixes, room []uint32) []uint32 {
	start := len(room)
	room = grow(room, 1<<t.root)
	e, left := room[start:], c.count
	sorted, size := c.sorted[:c.n], 1
	n, word := uint(0), uint32(0) // word is the next code
	for ; ; sorted = sorted[1:] {
		for n < t.root && left[n] == 0 {
			copy(e[size:], e[:size])
			n, size = n+1, size<<1
		}
		if left[n] == 0 {
			break
		}
		left[n]--
		e[word] = uint32(sorted[0])<<8 | uint32(n)
		word = following(word, n)
	}
	prefix, table := ^uint32(0), []uint32(nil)
	for _, s := range sorted {
		for left[n] == 0 {
			n++
		}
		if p := word & (1<<t.root - 1); p != prefix {
			k := n - t.root
			for open := 1<<k - left[n]; open > 0; open = open<<1 - left[t.root+k] {
				k++
			}
			at := len(room) - start
			room = grow(room, 1<<k)
			e = room[start:]
			e[p] = uint32(at)<<8 | second | uint32(k)
			prefix, table = p, e[at:]
		}
		left[n]--
		for j := int(word >> t.root); j < len(table); j += 1 << (n - t.root) {
			table[j] = uint32(s)<<8 | uint32(n)
		}
		word = following(word, n)
	}
	t.entry = room[start:]
	return room
}

// following returns the code of n bits behind word, the first bit in the lowest place; behind the last, something.
func following(word uint32, n uint) uint32 {
	bit := uint32(1) << n >> 1
	for word&bit != 0 {
		bit >>= 1
	}
	return word&(bit-1) | bit
}

// grow returns b with n more elements, whatever is in them.
func grow(b []uint32, n int) []uint32 {
	if cap(b)-len(b) >= n {
		return b[:len(b)+n]
	}
	return append(b, make([]uint32, n)...)
}
