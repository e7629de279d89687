package sim

import (
	"bytes"
	"encoding/binary"
)

// This file is what a network card and the host do with runs of segments: received ones are merged (GRO),
// and what is too long for a link is cut again to the same size (GSO).

// mergeable returns how far the TCP header of a datagram reaches, and whether more may be put behind it.
func (n *network) mergeable(b []byte) (head int, ok bool) {
	at := n.path.headers() - 20
	if len(b) < at+20 {
		return 0, false
	}
	head = at + int(b[at+12]>>4)*4
	flags := b[at+13]
	return head, len(b) > head && flags == ack && b[n.ttlAt()] > shortTTL
}

// joins reports whether next goes on where b, of the given header and segment size, ends.
func (n *network) joins(b, next []byte, head, size int) bool {
	at := n.path.headers() - 20
	if len(next) <= head || len(next)-head > size || (len(b)-head)%size != 0 || len(b)+len(next)-head > 60000 {
		return false
	}
	flags := next[at+13]
	return flags&^(psh|fin) == ack && next[at+12] == b[at+12] && next[n.ttlAt()] == b[n.ttlAt()] &&
		bytes.Equal(next[at:at+4], b[at:at+4]) && bytes.Equal(next[at+8:at+12], b[at+8:at+12]) &&
		bytes.Equal(next[at+14:at+16], b[at+14:at+16]) && bytes.Equal(next[at+18:head], b[at+18:head]) &&
		binary.BigEndian.Uint32(next[at+4:]) == binary.BigEndian.Uint32(b[at+4:])+uint32(len(b)-head)
}

// poll takes up what has arrived at Weir's host, merged where that can be.
func (n *network) poll() {
	for i := 0; i < len(n.waiting); {
		b, size := n.grams[n.waiting[i]].b, 0
		i++
		if head, ok := n.mergeable(b); n.merge && ok && n.sound(b) {
			size = len(b) - head
			for i < len(n.waiting) {
				next := n.grams[n.waiting[i]].b
				if !n.joins(b, next, head, size) || !n.sound(next) {
					break
				}
				at := n.path.headers() - 20
				flags := next[at+13]
				b = append(b, next[head:]...)
				b[at+13] |= flags
				i++
				if flags != ack {
					break
				}
			}
			if len(b) == head+size {
				size = 0
			} else {
				n.resize(b)
			}
		}
		n.middle.offer(b, size)
	}
	n.free = append(n.free, n.waiting...)
	n.waiting = n.waiting[:0]
}

// sound reports whether the checksum is right: a card merges nothing else.
func (n *network) sound(b []byte) bool {
	var s segment
	return n.path.decode(b, &s) == nil
}

// resize puts right the lengths and checksums of a datagram whose payload has changed.
func (n *network) resize(b []byte) {
	at := n.path.headers() - 20
	if n.path.v4() {
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		b[10], b[11] = 0, 0
		sum := uint32(0)
		for i := 0; i < 20; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		sum = sum>>16 + sum&0xffff
		sum += sum >> 16
		binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	} else {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	}
	n.path.seal(b[at:])
}

// cutGSO cuts a merged datagram.
func (n *network) cutGSO(b []byte, size, from int) {
	at := n.path.headers() - 20
	head := at + int(b[at+12]>>4)*4
	if head > len(b) || len(b)-head <= size {
		n.pass(b, from)
		return
	}
	seq := binary.BigEndian.Uint32(b[at+4:])
	for off := head; off < len(b); off += size {
		end := min(off+size, len(b))
		piece := append(append(n.piece[:0], b[:head]...), b[off:end]...)
		if end < len(b) {
			piece[at+13] &^= fin | psh
		}
		binary.BigEndian.PutUint32(piece[at+4:], seq+uint32(off-head))
		n.resize(piece)
		n.pass(piece, from)
		n.piece = piece
	}
}
