package coding

import (
	"io"
	"math/bits"
	"slices"
)

// This file reads the heads of br's meta-blocks (RFC 7932 §9.2).

// A kindOfBlock is the types of blocks of literals, commands or distances (§6).
type kindOfBlock struct {
	types       int
	now, before int
	left        int      // symbols of the block
	code, count prefixes // of types and lengths; valid iff types > 1
}

// head reads the head of a meta-block.
func (z *brDecoder) head() error {
	if z.last {
		if err := z.edge(); err != nil {
			return err
		}
		return io.EOF
	}
	if err := z.s.spend(headSteps); err != nil {
		return err
	}
	v, err := z.in.bits(1)
	if err != nil {
		return err
	}
	if z.last = v == 1; z.last {
		if v, err = z.in.bits(1); err != nil || v == 1 {
			return err
		}
	}
	nibbles, err := z.in.bits(2)
	if err != nil {
		return err
	}
	if nibbles == 3 {
		return z.skipHead()
	}
	if z.left, err = z.length(4, 4+int(nibbles), 4); err != nil {
		return err
	}
	if !z.last {
		if v, err = z.in.bits(1); err != nil {
			return err
		}
		if v == 1 {
			z.at = brStored
			return z.edge()
		}
	}
	z.at = brCommand
	return z.codesHead()
}

// length reads n digits of a length less one, each of the given bits; the last is not 0 if there are more than few.
func (z *brDecoder) length(digit uint, n, few int) (int, error) {
	all := 0
	for i := range n {
		v, err := z.in.bits(digit)
		if err != nil {
			return 0, err
		}
		if v == 0 && i == n-1 && n > few {
			return 0, errCorrupt
		}
		all |= int(v) << (uint(i) * digit)
	}
	return all + 1, nil
}

// skipHead reads the head of a meta-block that is to be skipped.
func (z *brDecoder) skipHead() error {
	v, err := z.in.bits(3)
	if err != nil {
		return err
	}
	if v&1 != 0 {
		return errCorrupt
	}
	if v > 0 {
		if z.left, err = z.length(8, int(v>>1), 1); err != nil {
			return err
		}
		z.at = brSkip
	}
	return z.edge()
}

// edge goes on at a byte's edge, up to which there are zeros.
func (z *brDecoder) edge() error {
	if z.in.align() != 0 {
		return errCorrupt
	}
	return nil
}

// codesHead reads the codes of a meta-block.
func (z *brDecoder) codesHead() error {
	z.room = z.room[:0]
	for i := range z.kinds {
		if err := z.readKind(&z.kinds[i]); err != nil {
			return err
		}
	}
	v, err := z.in.bits(6)
	if err != nil {
		return err
	}
	z.postfix, z.direct = uint(v&3), int(v>>2)<<(v&3)
	for i := range z.kinds[0].types {
		m, err := z.in.bits(2)
		if err != nil {
			return err
		}
		z.literals.modes[i] = uint8(m)
	}
	literals, err := z.readMap(&z.literals, z.kinds[0].types<<6)
	if err != nil {
		return err
	}
	distances, err := z.readMap(&z.distances, z.kinds[2].types<<2)
	if err != nil {
		return err
	}
	if z.literals.codes, err = z.readCodes(z.literals.codes, literals, 256, &z.known[0]); err != nil {
		return err
	}
	if z.commands, err = z.readCodes(z.commands, z.kinds[1].types, maxSymbols, &z.known[1]); err != nil {
		return err
	}
	z.distances.codes, err = z.readCodes(z.distances.codes, distances, 16+z.direct+48<<z.postfix, &z.known[2])
	return err
}

// readKind reads the types of one kind of blocks.
func (z *brDecoder) readKind(k *kindOfBlock) error {
	n, err := z.upTo256()
	if err != nil {
		return err
	}
	k.types, k.now, k.before, k.left = n, 0, 1, 1<<24
	if n == 1 {
		return nil
	}
	if err := z.readCode(&k.code, n+2, nil); err != nil {
		return err
	}
	if err := z.readCode(&k.count, len(countFirst), nil); err != nil {
		return err
	}
	return z.readCount(k)
}

// readCount reads how long a block is.
func (z *brDecoder) readCount(k *kindOfBlock) error {
	s, err := z.in.symbol(&k.count)
	if err != nil {
		return err
	}
	more, err := z.in.bits(uint(countMore[s]))
	k.left = int(countFirst[s]) + int(more)
	return err
}

// change goes on with the next block of a kind.
func (z *brDecoder) change(k *kindOfBlock) error {
	if k.types == 1 {
		return errCorrupt
	}
	if err := z.s.spend(2 * matchSteps); err != nil {
		return err
	}
	s, err := z.in.symbol(&k.code)
	if err != nil {
		return err
	}
	next := int(s) - 2
	switch s {
	case 0:
		next = k.before
	case 1:
		next = k.now + 1
	}
	if next >= k.types {
		next -= k.types
	}
	k.before, k.now = k.now, next
	return z.readCount(k)
}

// upTo256 reads a number from 1 to 256.
func (z *brDecoder) upTo256() (int, error) {
	v, err := z.in.bits(1)
	if err != nil || v == 0 {
		return 1, err
	}
	n, err := z.in.bits(3)
	if err != nil {
		return 0, err
	}
	v, err = z.in.bits(uint(n))
	return 1 + 1<<n + int(v), err
}

// noMap is the map of groups that have one code.
var noMap [256 << 6]uint8

// readMap reads how many codes a group has, and which of them n contexts have (§7.3).
func (z *brDecoder) readMap(g *symbolGroup, n int) (codes int, err error) {
	codes, err = z.upTo256()
	if err != nil || codes == 1 {
		g.of = noMap[:]
		return codes, err
	}
	if err := z.s.spend(n / 4); err != nil {
		return 0, err
	}
	runs, err := z.in.bits(1)
	if err == nil && runs == 1 {
		runs, err = z.in.bits(4)
		runs++
	}
	if err != nil {
		return 0, err
	}
	var t prefixes
	if err := z.readCode(&t, codes+int(runs), nil); err != nil {
		return 0, err
	}
	if cap(g.own) < n {
		g.own = make([]uint8, n)
	}
	g.of = g.own[:n]
	clear(g.of)
	for i := 0; i < n; {
		s, err := z.in.symbol(&t)
		switch {
		case err != nil:
			return 0, err
		case s > runs:
			g.of[i] = uint8(s - runs)
			i++
			if err := z.s.spend(mapSteps); err != nil {
				return 0, err
			}
			continue
		}
		more, err := z.in.bits(uint(s))
		if err != nil {
			return 0, err
		}
		if i += 1<<s + int(more); i > n {
			return 0, errCorrupt
		}
	}
	front, err := z.in.bits(1)
	if front == 1 {
		moveToFront(g.of)
	}
	return codes, err
}

// moveToFront replaces each index in a list, whose elements come to its front when they are used, by the element.
func moveToFront(b []uint8) {
	var list [256]uint8
	for i := range list {
		list[i] = uint8(i)
	}
	for i, at := range b {
		if at > 0 {
			v := list[at]
			copy(list[1:int(at)+1], list[:at])
			list[0] = v
		}
		b[i] = list[0]
	}
}

// readCodes reads n codes of an alphabet of the given size into to. If it is one, it may be known as k.
func (z *brDecoder) readCodes(to []prefixes, n, alphabet int, k *knownCode) ([]prefixes, error) {
	if n > 1 {
		k = nil
	}
	if cap(to) < n {
		to = make([]prefixes, n)
	}
	to = to[:n]
	for i := range to {
		if err := z.readCode(&to[i], alphabet, k); err != nil {
			return to, err
		}
	}
	return to, z.countRoom()
}

// countRoom counts in the pool what the prefixes take beyond what a decoder is counted with.
func (z *brDecoder) countRoom() error {
	const free = baseCost / 2
	more := 4*cap(z.room) - free - z.counted
	if more <= 0 {
		return nil
	}
	if !z.s.pool.take(z.s, more) {
		z.s.why = Window
		return errWindow
	}
	z.counted += more
	return nil
}

// readCode reads a code of an alphabet of the given size (§3.3). It may be known as k, unless that is nil.
func (z *brDecoder) readCode(t *prefixes, alphabet int, k *knownCode) error {
	skip, err := z.in.bits(2)
	if err != nil {
		return err
	}
	z.code.clear()
	if skip == 1 {
		err = z.simpleCode(t, alphabet)
	} else {
		err = z.complexCode(t, alphabet, int(skip), k)
	}
	if err != nil {
		return err
	}
	return z.s.spend(oneSteps)
}

// alone makes t of one symbol, whose code has no bits.
func (z *brDecoder) alone(t *prefixes, symbol int) {
	at := len(z.room)
	z.room = append(z.room, uint32(symbol)<<8)
	t.entry, t.root = z.room[at:], 0
}

// make makes t of z.code.
func (z *brDecoder) make(t *prefixes) (err error) {
	if err := z.s.spend(codeSteps + 2*z.code.n); err != nil {
		return err
	}
	var ok bool
	if z.room, ok = z.code.build(t, z.room, 9); !ok {
		return errCorrupt
	}
	return nil
}

// A knownCode is the only code of a kind that was made last: quick encoders use the same ones again and again, each time for a
// few bytes.
type knownCode struct {
	runs []run
	code prefixes
	room []uint32
}

// makeKnown is make, but for a code that may be known.
func (z *brDecoder) makeKnown(t *prefixes, k *knownCode) error {
	if !slices.Equal(k.runs, z.code.runs) {
		k.runs = k.runs[:0]
		z.room, k.room = k.room[:0], z.room
		err := z.make(&k.code)
		z.room, k.room = k.room, z.room
		if err != nil {
			return err
		}
		k.runs = append(k.runs, z.code.runs...)
	}
	*t = k.code
	return nil
}

// simpleCode reads a code of up to four symbols (§3.4).
func (z *brDecoder) simpleCode(t *prefixes, alphabet int) error {
	n, err := z.in.bits(2)
	if err != nil {
		return err
	}
	var symbols [4]int
	some := symbols[:n+1]
	for i := range some {
		s, err := z.in.bits(uint(bits.Len(uint(alphabet - 1))))
		if err != nil {
			return err
		}
		some[i] = int(s)
		for _, other := range some[:i] {
			if other == int(s) {
				return errCorrupt
			}
		}
		if int(s) >= alphabet {
			return errCorrupt
		}
	}
	lengths := [4]uint8{2, 2, 2, 2}
	switch n {
	case 0:
		z.alone(t, some[0])
		return nil
	case 1:
		lengths = [4]uint8{1, 1}
	case 2:
		lengths = [4]uint8{1, 2, 2}
	case 3:
		deep, err := z.in.bits(1)
		if err != nil {
			return err
		}
		if deep == 1 {
			lengths = [4]uint8{1, 2, 3, 3}
		}
	}
	for i := range some { // in order, where their lengths are the same
		for j := i; j > 0 && some[j] < some[j-1] && lengths[j] == lengths[j-1]; j-- {
			some[j], some[j-1] = some[j-1], some[j]
		}
	}
	for i, s := range some {
		z.code.add(s, 1, lengths[i])
	}
	return z.make(t)
}

// codeOrder is the order in which the lengths of the codes for lengths come (§3.5), and lengthLength and lengthOf the code
// that these have, by the next four bits.
var (
	codeOrder    = [18]uint8{1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	lengthLength = [16]uint8{2, 2, 2, 3, 2, 2, 2, 4, 2, 2, 2, 3, 2, 2, 2, 4}
	lengthOf     = [16]uint8{0, 4, 3, 2, 0, 4, 3, 1, 0, 4, 3, 2, 0, 4, 3, 5}
)

// complexCode reads a code by its lengths (§3.5). The first skip of the codes for lengths have none.
func (z *brDecoder) complexCode(t *prefixes, alphabet, skip int, k *knownCode) error {
	var of [18]uint8
	space, n, one := 32, 0, 0
	for _, s := range codeOrder[skip:] {
		if space <= 0 {
			break
		}
		for z.in.n < 4 { // there may be fewer, of which the length needs but some
			if l := uint(lengthLength[z.in.b&15]); l <= z.in.n {
				break
			}
			if err := z.in.need(z.in.n + 1); err != nil {
				return err
			}
		}
		i := z.in.b & 15
		z.in.skip(uint(lengthLength[i]))
		if of[s] = lengthOf[i]; of[s] > 0 {
			space -= 32 >> of[s]
			n, one = n+1, int(s)
		}
	}
	if n != 1 && space != 0 {
		return errCorrupt
	}
	var lengths prefixes
	room := len(z.room)
	if n == 1 {
		z.alone(&lengths, one)
	} else {
		for s, l := range of {
			if l > 0 {
				z.code.add(s, 1, l)
			}
		}
		if err := z.make(&lengths); err != nil {
			return err
		}
		z.code.clear()
	}
	if err := z.readLengths(&lengths, alphabet); err != nil {
		return err
	}
	z.room = z.room[:room] // of lengths, which are read
	if k != nil {
		return z.makeKnown(t, k)
	}
	return z.make(t)
}

// readLengths reads the lengths of an alphabet's codes, themselves coded by t, into z.code.
func (z *brDecoder) readLengths(t *prefixes, alphabet int) error {
	const whole = 1 << maxCode
	space, last, again, of := whole, uint8(8), 0, uint8(0)
	for symbol := 0; symbol < alphabet && space > 0; {
		s, err := z.in.symbol(t)
		if err != nil {
			return err
		}
		if s < 16 {
			if again = 0; s > 0 {
				last = uint8(s)
				z.code.add(symbol, 1, last)
				space -= whole >> s
			}
			symbol++
			continue
		}
		length := uint8(0)
		if s == 16 {
			length = last
		}
		if length != of {
			again, of = 0, length
		}
		more, err := z.in.bits(uint(s) - 14)
		if err != nil {
			return err
		}
		was := again
		if again > 0 {
			again = (again - 2) << (s - 14)
		}
		again += int(more) + 3
		end := symbol + again - was
		if end > alphabet {
			return errCorrupt
		}
		if length > 0 {
			z.code.add(symbol, end-symbol, length)
			space -= (end - symbol) << (maxCode - length)
		}
		symbol = end
	}
	if space != 0 {
		return errCorrupt
	}
	return nil
}

// Lengths of blocks (§6): the first of each symbol's, and how many bits tell more.
var (
	countFirst = [26]uint16{
		1, 5, 9, 13, 17, 25, 33, 41, 49, 65, 81, 97, 113, 145, 177, 209, 241, 305, 369, 497, 753, 1265, 2289, 4337, 8433, 16625,
	}
	countMore = [26]uint8{2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 24}
)
