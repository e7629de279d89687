package http2

// This file reads strings in the Huffman code of RFC 7541 (§5.2, appendix B), four bits at a time.

// lengths is the number of bits of each byte's code. The code is canonical: codes of one length follow each other in the order of
// their bytes, and lengths in their own order.
var lengths = [256]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
}

// A stride is what four bits lead to, from a node of the code's tree.
type stride struct {
	next  uint8 // node
	value uint8 // the byte whose code ends in these bits; valid iff emits
	flags strideFlags
}

type strideFlags uint8

const (
	emits strideFlags = 1 << iota
	fails             // these bits lead to the end-of-string code, which no string has
)

// strides are by node, and by four bits. mayEnd says which nodes are reached by fewer than eight bits that are all ones: with them a
// string is padded.
var strides, mayEnd = makeStrides()

// A tree has, for each node and bit, the next node; or, with isLeaf, a byte. The root is node 0.
type tree [256][2]uint16

const (
	isLeaf = 1 << 9
	isEnd  = 1 << 10 // the end-of-string code: 30 ones
)

// makeTree puts the codes together.
func makeTree() (t tree) {
	nodes, code := uint16(1), uint32(0)
	put := func(bits uint8, code uint32, leaf uint16) {
		at := uint16(0)
		for i := int(bits) - 1; i > 0; i-- {
			next := &t[at][code>>i&1]
			if *next == 0 {
				*next = nodes
				nodes++
			}
			at = *next
		}
		t[at][code&1] = leaf
	}
	for bits := uint8(1); bits <= 30; bits++ {
		code <<= 1
		for c, n := range lengths {
			if n == bits {
				put(bits, code, isLeaf|uint16(c))
				code++
			}
		}
	}
	put(30, 1<<30-1, isLeaf|isEnd)
	return t
}

func makeStrides() (s [256][16]stride, end [256]bool) {
	t := makeTree()
	for node := range t {
		for four := range 16 {
			at, st := uint16(node), stride{}
			for i := 3; i >= 0 && st.flags&fails == 0; i-- {
				switch next := t[at][four>>i&1]; {
				case next&isEnd != 0:
					st.flags |= fails
				case next&isLeaf != 0:
					st.value, st.flags, at = uint8(next), st.flags|emits, 0
				default:
					at = next
				}
			}
			st.next = uint8(at)
			s[node][four] = st
		}
	}
	at := uint16(0)
	for range 8 {
		end[at] = true
		at = t[at][1]
	}
	return s, end
}

// appendPlain appends what b is in plain. It reports false if b is no string of the code.
func appendPlain(dst, b []byte) ([]byte, bool) {
	node := uint8(0)
	for _, c := range b {
		for _, four := range [2]uint8{c >> 4, c & 15} {
			st := &strides[node][four]
			if st.flags&fails != 0 {
				return dst, false
			}
			if st.flags&emits != 0 {
				dst = append(dst, st.value)
			}
			node = st.next
		}
	}
	return dst, mayEnd[node]
}
