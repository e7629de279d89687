// Package checksum computes the Internet checksum (RFC 1071) and its incremental
// update (RFC 1624) over byte slices in network order.
//
// Its law: a sum is the folded, uncomplemented 16-bit ones' complement sum of
// big-endian words, and sums combine in any order. A sum is 0 iff every byte that
// went in was 0; otherwise it is never 0 (the other zero, 0xffff, stands for it).
// It knows no header: where a checksum lies, and what zero means there, is the
// caller's affair.
package checksum

import (
	"encoding/binary"
	"math/bits"
)

// Sum adds the bytes of b to sum, as if b began at an even offset of the data; a
// last odd byte is padded with zero on the right (RFC 1071 §4.1).
func Sum(b []byte, sum uint16) uint16 {
	return Combine(sum, bits.ReverseBytes16(fold(sumLittle(b))))
}

// SumAt is Sum for bytes that begin at offset off of the data. At an odd offset each
// byte weighs as the other half of its word (RFC 1071 §2 B).
func SumAt(b []byte, off int, sum uint16) uint16 {
	if off&1 == 0 {
		return Sum(b, sum)
	}
	return Combine(sum, fold(sumLittle(b)))
}

// Combine returns the sum of the data behind two sums.
func Combine(a, b uint16) uint16 {
	s, carry := bits.Add32(uint32(a)<<16, uint32(b)<<16, 0)
	return uint16(s>>16) + uint16(carry)
}

// Valid reports whether data whose sum, checksum field included, is sum has the
// right checksum.
func Valid(sum uint16) bool { return sum == 0xffff }

// Pseudo returns the sum of the pseudo-header of TCP, UDP and ICMPv6: RFC 9293 §3.1
// for addresses of 4 bytes, RFC 8200 §8.1 for 16. Length is that of the upper-layer
// header and payload in bytes.
func Pseudo(src, dst []byte, proto uint8, length int) uint16 {
	s := uint64(uint32(length)) + uint64(proto)
	if len(src) == 4 && len(dst) == 4 {
		return fold(s + uint64(binary.BigEndian.Uint32(src)) + uint64(binary.BigEndian.Uint32(dst)))
	}
	return Sum(dst, Sum(src, fold(s)))
}

// Update16 returns checksum check after one aligned 16-bit word of its data went from
// before to after (RFC 1624 §3, equation 3). A wrong checksum stays equally wrong.
func Update16(check, before, after uint16) uint16 {
	return ^Combine(^check, Combine(^before, after))
}

// Update32 is Update16 for two neighbouring aligned words.
func Update32(check uint16, before, after uint32) uint16 {
	check = Update16(check, uint16(before>>16), uint16(after>>16))
	return Update16(check, uint16(before), uint16(after))
}

// Update returns checksum check after the bytes before, at offset off of its data,
// were overwritten by after, which is as long. Both may have odd length and offset.
func Update(check uint16, off int, before, after []byte) uint16 {
	return Update16(check, SumAt(before, off, 0), SumAt(after, off, 0))
}

// fold brings a 64-bit ones' complement sum to 16 bits. Only 0 folds to 0.
func fold(s uint64) uint16 {
	lo, carry := bits.Add32(uint32(s), uint32(s>>32), 0)
	lo += carry // does not carry again: lo is at most 2^32-2 if the first addition did
	w := lo>>16 + lo&0xffff
	return uint16(w>>16 + w)
}

// sumLittle adds b as little-endian 64-bit words. The byte order of the words comes
// out in the byte order of the folded sum (RFC 1071 §2 B), so that the loads cost
// nothing on the machines that matter. Two chains of additions, each carrying into
// itself, keep a processor's two adders busy.
func sumLittle(b []byte) uint64 {
	var s, t, c uint64
	le := binary.LittleEndian
	for len(b) >= 128 {
		s, c = bits.Add64(s, le.Uint64(b), 0)
		s, c = bits.Add64(s, le.Uint64(b[8:]), c)
		s, c = bits.Add64(s, le.Uint64(b[16:]), c)
		s, c = bits.Add64(s, le.Uint64(b[24:]), c)
		s, c = bits.Add64(s, le.Uint64(b[32:]), c)
		s, c = bits.Add64(s, le.Uint64(b[40:]), c)
		s, c = bits.Add64(s, le.Uint64(b[48:]), c)
		s, c = bits.Add64(s, le.Uint64(b[56:]), c)
		s += c
		t, c = bits.Add64(t, le.Uint64(b[64:]), 0)
		t, c = bits.Add64(t, le.Uint64(b[72:]), c)
		t, c = bits.Add64(t, le.Uint64(b[80:]), c)
		t, c = bits.Add64(t, le.Uint64(b[88:]), c)
		t, c = bits.Add64(t, le.Uint64(b[96:]), c)
		t, c = bits.Add64(t, le.Uint64(b[104:]), c)
		t, c = bits.Add64(t, le.Uint64(b[112:]), c)
		t, c = bits.Add64(t, le.Uint64(b[120:]), c)
		t += c
		b = b[128:]
	}
	s, c = bits.Add64(s, t, 0)
	s += c
	if len(b) >= 64 {
		s, c = bits.Add64(s, le.Uint64(b), 0)
		s, c = bits.Add64(s, le.Uint64(b[8:]), c)
		s, c = bits.Add64(s, le.Uint64(b[16:]), c)
		s, c = bits.Add64(s, le.Uint64(b[24:]), c)
		s, c = bits.Add64(s, le.Uint64(b[32:]), c)
		s, c = bits.Add64(s, le.Uint64(b[40:]), c)
		s, c = bits.Add64(s, le.Uint64(b[48:]), c)
		s, c = bits.Add64(s, le.Uint64(b[56:]), c)
		s += c
		b = b[64:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, le.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	s, c = bits.Add64(s, tail(b), 0)
	return s + c
}

// tail returns fewer than 8 bytes as a little-endian word, padded with zero.
func tail(b []byte) (w uint64) {
	shift := 0
	if len(b) >= 4 {
		w, shift, b = uint64(binary.LittleEndian.Uint32(b)), 32, b[4:]
	}
	if len(b) >= 2 {
		w |= uint64(binary.LittleEndian.Uint16(b)) << shift
		shift, b = shift+16, b[2:]
	}
	if len(b) == 1 {
		w |= uint64(b[0]) << shift
	}
	return w
}
