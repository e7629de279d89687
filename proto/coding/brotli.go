package coding

import "io"

// A brDecoder undoes br (RFC 7932). The text is given as far as the bits reach, and never more than a little is decoded before it is
// read, though a few bits may stand for 16 MiB: that is why it is ours.
type brDecoder struct {
	s       *Stream
	in      bitReader
	err     error
	ring    []byte // of the text; a power of two, at least the window when the text is as long
	window  int
	r, w    int // of the text, what was not read yet
	at      brPlace
	last    bool // the meta-block that ends it
	left    int  // bytes of the meta-block
	insert  int  // literals left of a command
	copy    int  // bytes left to copy; before the distance is known, how many those are
	near    bool // the command's distance is the last one
	back    int  // distance
	recent  [4]int
	word    [40]byte
	kinds   [3]kindOfBlock // of literals, of commands, of distances
	postfix uint
	direct  int

	literals, distances symbolGroup
	commands            []prefixes
	known               [3]knownCode // of these
	code                code
	room                []uint32 // of the entries of all prefixes
	counted             int      // bytes of room that are counted in the pool
}

// A brPlace is where in a meta-block a brDecoder stands.
type brPlace uint8

const (
	brHead brPlace = iota
	brSkip
	brStored
	brCommand
	brLiterals
	brDistance
	brCopy
)

// A symbolGroup is codes that are chosen by contexts (§7).
type symbolGroup struct {
	codes []prefixes
	of    []uint8 // index in codes, by type of block and context
	own   []uint8 // memory of of
	modes [256]uint8
}

const (
	minRing    = 64 << 10
	brMostBits = 2*(maxCode+24) + 2*maxCode + 24 // that anything but a head reads at once: a command, behind a change of blocks
)

// begin begins with the header, whose window is 1<<bits.
func (z *brDecoder) begin(s *Stream, bits int) {
	z.s, z.err, z.window, z.r, z.w, z.at, z.counted = s, nil, 1<<bits, 0, 0, brHead, 0
	z.last, z.recent = false, [4]int{4, 11, 15, 16}
	if z.ring == nil {
		z.ring = make([]byte, minRing)
	}
	clear(z.ring[len(z.ring)-2:]) // before the text there are zeros
	z.err = z.skipWindow()
}

// skipWindow reads WBITS (§9.1), which brotliWindow has understood.
func (z *brDecoder) skipWindow() error {
	for _, n := range [...]uint{1, 3, 3} {
		if v, err := z.in.bits(n); err != nil || (n == 1) == (v == 0) {
			return err
		}
	}
	return nil
}

// Read implements io.Reader.
func (z *brDecoder) Read(b []byte) (int, error) {
	for z.r == z.w {
		if z.err != nil {
			return 0, z.err
		}
		z.err = z.step()
	}
	at := z.r & (len(z.ring) - 1)
	n := copy(b, z.ring[at:min(at+z.w-z.r, len(z.ring))])
	z.r += n
	return n, nil
}

// step goes on for a while.
func (z *brDecoder) step() (err error) {
	z.growRing()
	limit := z.w + atOnce
	for err == nil && z.w < limit {
		if z.w > z.r && (z.at == brHead || !z.in.has(brMostBits)) {
			return nil // so that nobody waits for text while we wait for bits
		}
		switch z.at {
		case brHead:
			err = z.head()
		case brSkip:
			_, err = z.in.bits(8)
			z.forward(1)
		case brStored:
			err = z.stored()
		case brCommand:
			var ran bool
			if ran, err = z.run(limit); !ran {
				err = z.command()
			}
		case brLiterals:
			err = z.literalsUpTo(limit)
		case brDistance:
			err = z.distance()
		case brCopy:
			z.copyUpTo(limit)
		}
	}
	return err
}

// growRing has it that there is room for what step decodes, while all that may be referred to stays.
func (z *brDecoder) growRing() {
	if z.w+2*atOnce > len(z.ring) && len(z.ring) < z.window {
		ring := make([]byte, min(4*len(z.ring), z.window))
		copy(ring, z.ring)
		z.ring = ring
	}
}

// forward takes n bytes off the meta-block, and ends it.
func (z *brDecoder) forward(n int) {
	if z.left -= n; z.left == 0 {
		z.at = brHead
	}
}

func (z *brDecoder) stored() error {
	at := z.w & (len(z.ring) - 1)
	n, err := z.in.bytes(z.ring[at:min(at+min(z.left, atOnce), len(z.ring))])
	z.w += n
	z.forward(n)
	return err
}

// command reads a command (§5), but not its distance.
func (z *brDecoder) command() error {
	k := &z.kinds[1]
	if k.left == 0 {
		if err := z.change(k); err != nil {
			return err
		}
	}
	k.left--
	if err := z.s.spend(commandSteps); err != nil {
		return err
	}
	z.in.top()
	c, err := z.in.symbol(&z.commands[k.now])
	if err != nil {
		return err
	}
	shape := &commandShapes[c]
	more, err := z.in.bits(uint(shape.insertMore))
	if err != nil {
		return err
	}
	z.insert = int(shape.insert) + int(more)
	if more, err = z.in.bits(uint(shape.copyMore)); err != nil {
		return err
	}
	z.copy = int(shape.copy) + int(more)
	z.near = c < nearCommands
	if z.at = brLiterals; z.insert == 0 {
		z.at = brDistance
	} else if z.insert > z.left {
		return errCorrupt
	}
	return nil
}

// literalsUpTo decodes literals of the command.
func (z *brDecoder) literalsUpTo(limit int) error {
	k, g := &z.kinds[0], &z.literals
	if k.left == 0 {
		if err := z.change(k); err != nil {
			return err
		}
	}
	n, from := min(z.insert, k.left, limit-z.w), z.w
	var err error
	if len(g.codes) == 1 {
		err = z.literalsOf(&g.codes[0], from+n)
	} else {
		err = z.literalsIn(&contexts[g.modes[k.now]], g.of[k.now<<6:][:64], from+n)
	}
	n = z.w - from
	k.left -= n
	if z.insert -= n; z.insert == 0 {
		z.at = brDistance
	}
	z.forward(n)
	return err
}

// literalsOf decodes literals of one code, up to end or what is there.
func (z *brDecoder) literalsOf(t *prefixes, end int) error {
	in, ring, mask, w := &z.in, z.ring, len(z.ring)-1, z.w
	if t.root == 0 {
		for c := byte(t.entry[0] >> 8); w < end; w++ {
			ring[w&mask] = c
		}
	}
	for w < end {
		b, n, from := in.b, in.n, in.from
		for ; w < end; w++ {
			if n < maxCode {
				if in.to-from < 8 {
					break
				}
				b, n, from = in.filled(b, n, from)
			}
			e := t.entry[b&(1<<t.root-1)]
			if e&second != 0 {
				e = t.find(b)
			}
			b >>= e & codeLength
			n -= uint(e & codeLength)
			ring[w&mask] = byte(e >> 8)
		}
		in.b, in.n, in.from, z.w = b, n, from, w
		if w == end || z.wait() {
			return nil
		}
		s, err := in.symbol(t)
		if err != nil {
			return err
		}
		ring[w&mask] = byte(s)
		w++
	}
	z.w = w
	return nil
}

// wait reports whether it is for others to go on, since bits may not be there and text is.
func (z *brDecoder) wait() bool {
	if z.in.n < maxCode {
		z.in.top()
	}
	return z.in.n < maxCode && z.w > z.r && !z.in.has(maxCode)
}

// literalsIn decodes literals of as many codes as there are contexts, up to end or what is there. Each depends on those before
// it, so they are slow: those that take a bit or none are counted.
func (z *brDecoder) literalsIn(context *[512]uint8, of []uint8, end int) error {
	in, codes, ring, mask, cheap := &z.in, z.literals.codes, z.ring, len(z.ring)-1, 0
	from, last, before := z.w, ring[(z.w-1)&mask], ring[(z.w-2)&mask]
	for ; z.w < end; z.w++ {
		if in.n < maxCode && z.wait() {
			break
		}
		t := &codes[of[(context[last]|context[256+int(before)])&63]]
		e := t.find(in.b)
		l := uint(e & codeLength)
		if l <= in.n {
			in.b >>= l
			in.n -= l
			e >>= 8
		} else {
			var err error
			if e, err = in.symbol(t); err != nil {
				return err
			}
		}
		if l <= 1 {
			cheap++
		}
		last, before = byte(e), last
		ring[z.w&mask] = last
	}
	z.s.slow += int64(z.w - from)
	return z.s.spend(cheap * cheapSteps)
}

// distance reads a command's distance (§4), and makes a word if it refers to one.
func (z *brDecoder) distance() error {
	code := 0
	if !z.near {
		k := &z.kinds[2]
		if k.left == 0 {
			if err := z.change(k); err != nil {
				return err
			}
		}
		k.left--
		s, err := z.in.symbol(&z.distances.codes[z.distances.of[k.now<<2+min(z.copy, 5)-2]])
		if err != nil {
			return err
		}
		code = int(s)
	}
	back, n := z.distanceOf(code, 0)
	if n > 0 {
		if err := z.in.need(n); err != nil {
			return err
		}
		back, _ = z.distanceOf(code, z.in.b)
		z.in.skip(n)
	}
	z.back = back
	switch most := min(z.w, z.window-16); {
	case z.back <= 0:
		return errCorrupt
	case z.back > most:
		return z.fromDictionary(z.back - most - 1)
	case z.copy > z.left:
		return errCorrupt
	}
	if code > 0 {
		z.recent = [4]int{z.back, z.recent[0], z.recent[1], z.recent[2]}
	}
	z.at = brCopy
	return nil
}

// distanceOf returns the distance that a symbol stands for, if the bits behind it are b, and how many of these belong to it.
func (z *brDecoder) distanceOf(code int, b uint64) (back int, bits uint) {
	switch {
	case code < 16:
		return z.recent[recentIndex[code]] + int(recentDelta[code]), 0
	case code < 16+z.direct:
		return code - 15, 0
	}
	code -= 16 + z.direct
	bits = uint(1 + code>>(z.postfix+1))
	first := (2+code>>z.postfix&1)<<bits - 4
	return (first+int(b&(1<<bits-1)))<<z.postfix + code&(1<<z.postfix-1) + z.direct + 1, bits
}

// fromDictionary writes the word that a distance beyond the text refers to (§8).
func (z *brDecoder) fromDictionary(id int) error {
	if z.copy >= len(wordBits) || wordBits[z.copy] == 0 {
		return errCorrupt
	}
	if err := z.s.spend(wordSteps); err != nil {
		return err
	}
	bits := wordBits[z.copy]
	word, ok := appendWord(z.word[:0], z.copy, id&(1<<bits-1), id>>bits)
	if !ok || len(word) > z.left {
		return errCorrupt
	}
	mask := len(z.ring) - 1
	for _, c := range word {
		z.ring[z.w&mask] = c
		z.w++
	}
	z.at = brCommand
	z.forward(len(word))
	return nil
}

// copyUpTo copies text that the command refers to.
func (z *brDecoder) copyUpTo(limit int) {
	mask, n := len(z.ring)-1, min(z.copy, limit-z.w)
	z.copy -= n
	if z.copy == 0 {
		z.at = brCommand
	}
	z.forward(n)
	for n > 0 {
		to, from := z.w&mask, (z.w-z.back)&mask
		m := min(n, len(z.ring)-max(to, from))
		z.w += m
		n -= m
		switch end := to + m; {
		case end+8 <= len(z.ring) && from < to && (m <= 16 || z.back < 8):
			again(z.ring, from, to, m)
		case from > to || z.back >= m:
			copy(z.ring[to:end], z.ring[from:])
		default:
			for to < end {
				to += copy(z.ring[to:end], z.ring[from:to])
			}
		}
	}
}

var (
	recentIndex = [16]uint8{0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1}
	recentDelta = [16]int8{0, 0, 0, 0, -1, 1, -2, 2, -3, 3, -1, 1, -2, 2, -3, 3}
)

var _ io.Reader = (*brDecoder)(nil)
