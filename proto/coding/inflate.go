package coding

import "io"

// An inflater undoes deflate (RFC 1951). The text is given as far as the bits reach: it waits only if it has none to give.
type inflater struct {
	s      *Stream
	in     *bitReader
	win    [history + ahead + 8]byte // and 8 that are written to because that is faster
	r, w   int                       // of win, the text that was not read yet; before it what may be referred to
	at     place
	final  bool
	stored int // bytes left of a block without a code
	err    error

	literal, distance prefixes
	room              []uint32 // of their entries
	codes             [2]code
	fixed             struct{ literal, distance prefixes } // of blocks that bring no codes
}

const (
	history = 32 << 10 // bytes that deflate may refer back
	ahead   = 32 << 10 // and that are decoded before they are moved
	atOnce  = 8 << 10  // bytes of text that are decoded before they are read, at least, if the bits reach
	longest = 258      // bytes of a match
)

// A place is where in a coding a decoder stands.
type place uint8

const (
	atHead place = iota
	inStored
	inSymbols
)

func (z *inflater) reset(s *Stream, in *bitReader) {
	z.s, z.in = s, in
	z.r, z.w, z.at, z.final, z.err = 0, 0, atHead, false, nil
}

// Read implements io.Reader.
func (z *inflater) Read(b []byte) (int, error) {
	for z.r == z.w {
		if z.err != nil {
			return 0, z.err
		}
		if z.w > history+ahead-longest-atOnce {
			copy(z.win[:], z.win[z.w-history:z.w])
			z.r, z.w = history, history
		}
		z.err = z.step()
	}
	n := copy(b, z.win[z.r:z.w])
	z.r += n
	return n, nil
}

// step goes on for a while.
func (z *inflater) step() error {
	switch z.at {
	case atHead:
		return z.head()
	case inStored:
		return z.copyStored()
	}
	return z.symbols()
}

// end is the end of a block.
func (z *inflater) end() error {
	z.at = atHead
	if z.final {
		z.in.align()
		return io.EOF
	}
	return nil
}

// head reads the head of a block (§3.2.3).
func (z *inflater) head() error {
	h, err := z.in.bits(3)
	if err != nil {
		return err
	}
	if err := z.s.spend(headSteps); err != nil {
		return err
	}
	z.final = h&1 != 0
	switch h >> 1 {
	case 0:
		z.in.align()
		n, err := z.in.bits(32)
		if err != nil {
			return err
		}
		if n>>16 != ^n&0xffff {
			return errCorrupt
		}
		if z.stored, z.at = int(n&0xffff), inStored; z.stored == 0 {
			return z.end()
		}
	case 1:
		z.fix()
		z.literal, z.distance, z.at = z.fixed.literal, z.fixed.distance, inSymbols
	case 2:
		z.at = inSymbols
		return z.readCodes()
	default:
		return errCorrupt
	}
	return nil
}

// copyStored copies bytes of a block without a code.
func (z *inflater) copyStored() error {
	n, err := z.in.bytes(z.win[z.w : z.w+min(z.stored, atOnce)])
	z.w += n
	if z.stored -= n; z.stored == 0 && err == nil {
		return z.end()
	}
	return err
}

// fix makes the codes of blocks that bring none (§3.2.6).
func (z *inflater) fix() {
	if z.fixed.literal.entry != nil {
		return
	}
	c := &z.codes[0]
	c.clear()
	c.add(0, 144, 8)
	c.add(144, 112, 9)
	c.add(256, 24, 7)
	c.add(280, 8, 8)
	c.build(&z.fixed.literal, nil, 9)
	c.clear()
	c.add(0, 32, 5)
	c.build(&z.fixed.distance, nil, 5)
}

// lengthOrder is the order in which the lengths of the codes for lengths come (§3.2.7).
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readCodes reads the codes of a block.
func (z *inflater) readCodes() error {
	h, err := z.in.bits(14)
	if err != nil {
		return err
	}
	nLiteral, nDistance, nLength := int(h&31)+257, int(h>>5&31)+1, int(h>>10)+4
	if nLiteral > 286 {
		return errCorrupt
	}
	c := &z.codes[0]
	var of [19]uint8
	for _, s := range lengthOrder[:nLength] {
		n, err := z.in.bits(3)
		if err != nil {
			return err
		}
		of[s] = uint8(n)
	}
	c.clear()
	for s, n := range of {
		if n > 0 {
			c.add(s, 1, n)
		}
	}
	var t prefixes
	if z.make(&t, z.room[:0], c, 7) == nil {
		return errCorrupt
	}
	if err := z.readLengths(&t, nLiteral, nLiteral+nDistance); err != nil {
		return err
	}
	if err := z.s.spend(3*codeSteps + 2*(z.codes[0].n+z.codes[1].n)); err != nil {
		return err
	}
	if z.room = z.make(&z.literal, z.room[:0], &z.codes[0], 10); z.room == nil {
		return errCorrupt
	}
	if z.room = z.make(&z.distance, z.room, &z.codes[1], 8); z.room == nil {
		return errCorrupt
	}
	return nil
}

// readLengths reads the lengths of codes, themselves coded by t: those of literals and lengths, and up to end those of distances.
func (z *inflater) readLengths(t *prefixes, literals, end int) error {
	z.codes[0].clear()
	z.codes[1].clear()
	last := uint8(0)
	for i := 0; i < end; {
		s, err := z.in.symbol(t)
		if err != nil {
			return err
		}
		again, length, extra := uint32(1), uint8(s), uint(0)
		switch {
		case s < 16:
		case s == 16 && i == 0:
			return errCorrupt
		case s == 16:
			again, length, extra = 3, last, 2
		case s == 17:
			again, length, extra = 3, 0, 3
		default:
			again, length, extra = 11, 0, 7
		}
		if extra > 0 {
			more, err := z.in.bits(extra)
			if err != nil {
				return err
			}
			again += more
		}
		last = length
		to := i + int(again)
		if to > end {
			return errCorrupt
		}
		if n := min(to, literals) - i; n > 0 && length > 0 {
			z.codes[0].add(i, n, length)
			i += n
		}
		if i < to && length > 0 {
			z.codes[1].add(i-literals, to-i, length)
		}
		i = to
	}
	return nil
}

// make makes t of c and appends its entries to room; it returns nil if the code is none. One that is not complete is none, but one
// symbol alone, and no symbol at all, of which the block can make no use.
func (z *inflater) make(t *prefixes, room []uint32, c *code, most uint) []uint32 {
	alone := uint32(noCode)
	switch {
	case c.n == 1 && c.count[1] == 1:
		alone = uint32(c.runs[0].first)<<8 | 1
	case c.n > 0:
		room, ok := c.build(t, room, most)
		if !ok {
			return nil
		}
		return room
	}
	at := len(room)
	room = append(room, alone, noCode)
	t.entry, t.root = room[at:], 1
	return room
}

// Lengths and distances (§3.2.5): the first of each symbol's, and how many bits tell more.
var (
	lengthFirst = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthMore  = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}

	distanceFirst = [...]uint16{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
		8193, 12289, 16385, 24577,
	}
	distanceMore = [...]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

const (
	endOfBlock = 256
	mostBits   = 15 + 5 + 15 + 13 // of a length and a distance
)

// symbols decodes symbols of a block.
func (z *inflater) symbols() error {
	for limit := z.w + atOnce; z.w < limit; {
		z.in.top()
		over, err := false, error(nil)
		switch {
		case z.in.n >= mostBits:
			over, err = z.run(limit)
		case z.w > z.r && !z.in.has(mostBits):
			return nil
		default:
			over, err = z.one()
		}
		if err != nil {
			return err
		}
		if over {
			return z.end()
		}
	}
	return nil
}

// one decodes one symbol, and waits for its bits.
func (z *inflater) one() (over bool, err error) {
	s, err := z.in.symbol(&z.literal)
	switch {
	case err != nil || s == endOfBlock:
		return s == endOfBlock, err
	case s < endOfBlock:
		z.win[z.w] = byte(s)
		z.w++
		return false, nil
	case s-endOfBlock > uint32(len(lengthFirst)):
		return false, errCorrupt
	}
	s -= endOfBlock + 1
	length, err := z.in.bits(uint(lengthMore[s]))
	if err != nil {
		return false, err
	}
	d, err := z.in.symbol(&z.distance)
	if err != nil {
		return false, err
	}
	if d >= uint32(len(distanceFirst)) {
		return false, errCorrupt
	}
	back, err := z.in.bits(uint(distanceMore[d]))
	if err != nil {
		return false, err
	}
	w := z.again(z.w, int(uint32(distanceFirst[d])+back), int(uint32(lengthFirst[s])+length))
	if w < 0 {
		return false, errCorrupt
	}
	z.w = w
	return false, nil
}

// run is one many times, as long as there are bits for the longest symbol.
func (z *inflater) run(limit int) (over bool, err error) {
	in, w := z.in, z.w
	b, n, from := in.b, in.n, in.from
	literal, distance, matches := z.literal, z.distance, 0
	mask := uint64(1)<<literal.root - 1
	for w < limit {
		if n < mostBits {
			if in.to-from < 8 {
				break
			}
			b, n, from = in.filled(b, n, from)
		}
		e := literal.entry[b&mask]
		if e&second != 0 {
			e = literal.find(b)
		}
		b >>= e & codeLength
		n -= uint(e & codeLength)
		s := e >> 8
		if s < endOfBlock {
			z.win[w] = byte(s)
			w++
			continue
		}
		if s == endOfBlock {
			over = true
			break
		}
		matches++
		if s -= endOfBlock + 1; s >= uint32(len(lengthFirst)) {
			err = errCorrupt
			break
		}
		more := lengthMore[s]
		length := int(lengthFirst[s]) + int(b&(1<<more-1))
		b >>= more
		n -= uint(more)
		e = distance.find(b)
		b >>= e & codeLength
		n -= uint(e & codeLength)
		if s = e >> 8; s >= uint32(len(distanceFirst)) {
			err = errCorrupt
			break
		}
		more = distanceMore[s]
		back := int(distanceFirst[s]) + int(b&(1<<more-1))
		b >>= more
		n -= uint(more)
		end := z.again(w, back, length)
		if end < 0 {
			err = errCorrupt
			break
		}
		w = end
	}
	in.b, in.n, in.from, z.w = b, n, from, w
	if err == nil {
		err = z.s.spend(matches * matchSteps)
	}
	return over, err
}

// again writes at w length bytes of those back before it, and returns where they end; -1 if there are not so many.
func (z *inflater) again(w, back, length int) int {
	if back > w {
		return -1
	}
	again(z.win[:], w-back, w, length)
	return w + length
}
