package stream

import "github.com/weir-project/weir/packet/seqnum"

// kept is the released copy of one direction: the bytes that were released and that the receiver
// has yet to acknowledge, as they were released. What a sender sends again is answered from it,
// whatever the sender sends this time: so the receiver can read no other bytes than those that were
// inspected.
//
// It holds the released places [from, from+size) in a list of chunks from the pool.
type kept struct {
	from       seqnum.Value
	size       seqnum.Size
	skip       int // bytes of the first chunk that lie before from
	head, tail *chunk
}

func (k *kept) end() seqnum.Value { return k.from.Add(k.size) }

// append adds b behind the rest. It reports false, and adds nothing, if the pool is exhausted.
func (k *kept) append(p *Pool, b []byte) bool {
	room := 0
	if k.tail != nil {
		room = chunkBytes - k.used()
	}
	if more := len(b) - room; more > 0 && !p.chunksLeft((more+chunkBytes-1)/chunkBytes) {
		return false
	}
	for len(b) > 0 {
		at := k.used()
		if k.tail == nil || at == chunkBytes {
			k.grow(p)
			at = 0
		}
		n := copy(k.tail.b[at:], b)
		k.size += seqnum.Size(n)
		b = b[n:]
	}
	return true
}

// used returns how many bytes of the last chunk are taken.
func (k *kept) used() int {
	if k.tail == nil {
		return 0
	}
	n := (k.skip + int(k.size)) % chunkBytes
	if n == 0 && k.skip+int(k.size) > 0 {
		return chunkBytes
	}
	return n
}

func (k *kept) grow(p *Pool) {
	c := p.chunk()
	if k.tail == nil {
		k.head, k.skip = c, 0
	} else {
		k.tail.next = c
	}
	k.tail = c
}

// forget gives back what lies before una.
func (k *kept) forget(p *Pool, una seqnum.Value) {
	n := k.from.Size(una)
	if !k.from.Less(una) {
		return
	}
	if n >= k.size {
		k.clear(p)
		k.from = una
		return
	}
	k.from, k.size = una, k.size-n
	k.skip += int(n)
	for k.skip >= chunkBytes {
		k.skip -= chunkBytes
		k.head = p.giveBack(k.head)
	}
}

// clear gives back everything. from moves to what was the end.
func (k *kept) clear(p *Pool) {
	for k.head != nil {
		k.head = p.giveBack(k.head)
	}
	*k = kept{from: k.end()}
}

// holds reports whether all of [from, to) is there.
func (k *kept) holds(from, to seqnum.Value) bool {
	return k.from.LessEq(from) && to.LessEq(k.end())
}

// walk calls do with the bytes of [from, from+n), which are there, piece by piece, until it returns
// false.
func (k *kept) walk(from seqnum.Value, n int, do func(piece []byte) bool) bool {
	off := k.skip + int(k.from.Size(from))
	c := k.head
	for off >= chunkBytes && n > 0 {
		off -= chunkBytes
		c = c.next
	}
	for n > 0 {
		piece := c.b[off:min(chunkBytes, off+n)]
		if !do(piece) {
			return false
		}
		n -= len(piece)
		c, off = c.next, 0
	}
	return true
}

// equal reports whether the bytes from the given place on are b.
func (k *kept) equal(from seqnum.Value, b []byte) bool {
	return k.walk(from, len(b), func(piece []byte) bool {
		same := string(piece) == string(b[:len(piece)])
		b = b[len(piece):]
		return same
	})
}

// read fills dst with the bytes from the given place on.
func (k *kept) read(dst []byte, from seqnum.Value) {
	k.walk(from, len(dst), func(piece []byte) bool {
		dst = dst[copy(dst, piece):]
		return true
	})
}
