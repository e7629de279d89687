// Package seqnum does the arithmetic of TCP sequence numbers, modulo 2^32 (RFC 9293
// §3.4).
//
// Its law: a Value is a place in the sequence space and a Size a distance, and only
// the sums and differences that make sense compile. Comparison is by the shorter way
// round, so it means something only for places less than 2^31 apart, and it is no
// total order: a set of values cannot be sorted by it unless all lie in one such half.
package seqnum

// Value is a place in the sequence space.
type Value uint32

// Size is a number of sequence numbers, such as a length or a window.
type Size uint32

// Add returns the place n after v.
func (v Value) Add(n Size) Value { return v + Value(n) }

// Sub returns the place n before v.
func (v Value) Sub(n Size) Value { return v - Value(n) }

// Size returns the distance from v forward to end, so that v.Add(v.Size(end)) == end.
func (v Value) Size(end Value) Size { return Size(end - v) }

// Less reports whether v lies before w.
func (v Value) Less(w Value) bool { return int32(v-w) < 0 }

// LessEq reports whether v lies before w or is w.
func (v Value) LessEq(w Value) bool { return v == w || v.Less(w) }

// InRange reports whether v lies in [from, to). Unlike Less it holds for ranges of up
// to 2^32-1; the range is empty when from == to.
func (v Value) InRange(from, to Value) bool { return v-from < to-from }

// InWindow reports whether v lies in the window of the given size from first on.
func (v Value) InWindow(first Value, size Size) bool { return v-first < Value(size) }

// Max returns the later of v and w; v where they are 2^31 apart.
func (v Value) Max(w Value) Value {
	if v.Less(w) && !w.Less(v) {
		return w
	}
	return v
}

// Min returns the earlier of v and w; v where they are 2^31 apart.
func (v Value) Min(w Value) Value {
	if w.Less(v) && !v.Less(w) {
		return w
	}
	return v
}

// Overlap reports whether the ranges of the given sizes from v and from w on share a
// sequence number.
func Overlap(v Value, size Size, w Value, wsize Size) bool {
	return size != 0 && wsize != 0 && (w.InWindow(v, size) || v.InWindow(w, wsize))
}

// Acceptable is the four-case test of RFC 9293 §3.10.7.4: whether a segment of the
// given length at seq may be looked at by a receiver that expects next and offers
// window wnd.
func Acceptable(seq Value, length Size, next Value, wnd Size) bool {
	switch {
	case length == 0 && wnd == 0:
		return seq == next
	case length == 0:
		return seq.InWindow(next, wnd)
	case wnd == 0:
		return false
	}
	return seq.InWindow(next, wnd) || seq.Add(length-1).InWindow(next, wnd)
}
