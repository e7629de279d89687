package coding

import "io"

// A zstdMeter reads zstd (RFC 8878) on its way to the decoder, no further than to the heads of blocks, and counts what these make it
// do. It judges nothing: what it does not understand the decoder refuses.
type zstdMeter struct {
	r    io.Reader
	s    *Stream
	at   zstdPlace
	skip int // bytes up to what is read next
	left int // bytes of the block behind those and head
	head [5]byte
	n    int // bytes of it that are there
	want int // and that it takes
	last bool
	sum  bool // a checksum follows the last block

	spent bool // what comes next is too much work
}

// A zstdPlace is what a zstdMeter reads next.
type zstdPlace uint8

const (
	zstdMagicNumber zstdPlace = iota
	zstdSkipSize
	zstdFrame
	zstdBlock
	zstdLiterals
	zstdSequences
	zstdLost // it is not zstd
)

func (m *zstdMeter) reset(s *Stream, r io.Reader) {
	*m = zstdMeter{r: r, s: s, want: 4}
}

// Read implements io.Reader. What is too much work it does not pass on; what comes before it may be wrong, and then counts first.
func (m *zstdMeter) Read(b []byte) (int, error) {
	if m.spent {
		m.s.why = Laborious
		return 0, errLaborious
	}
	n, err := m.r.Read(b)
	for rest := b[:n]; len(rest) > 0 && m.at != zstdLost; {
		k := min(m.skip, len(rest))
		m.skip -= k
		rest = rest[k:]
		k = copy(m.head[m.n:m.want], rest)
		m.n += k
		rest = rest[k:]
		if m.n < m.want || m.skip > 0 || !m.s.spends(m.next()) {
			continue
		}
		m.spent = true
		if before := n - len(rest) - 1; before > 0 {
			return before, nil
		}
		return m.Read(b)
	}
	return n, err
}

// to says what is read next: n bytes behind skip others.
func (m *zstdMeter) to(at zstdPlace, skip, n int) {
	m.at, m.skip, m.n, m.want = at, skip, 0, n
}

// number is the head's bytes from, of which there are n, as they lie there.
func (m *zstdMeter) number(from, n int) (v int) {
	for i := range n {
		v |= int(m.head[from+i]) << (8 * i)
	}
	return v
}

// next takes what was to be read, and returns the steps that it takes.
func (m *zstdMeter) next() (steps int) {
	switch m.at {
	case zstdMagicNumber:
		return m.magic()
	case zstdSkipSize:
		m.to(zstdMagicNumber, m.number(0, 4), 4)
	case zstdFrame:
		m.frame()
	case zstdBlock:
		return m.block()
	case zstdLiterals:
		return m.literals()
	case zstdSequences:
		return m.sequences()
	}
	return 0
}

// magic reads how a frame begins (§3.1).
func (m *zstdMeter) magic() (steps int) {
	switch v := m.number(0, 4); {
	case v == 0xfd2fb528:
		m.to(zstdFrame, 0, 1)
	case v&^15 == 0x184d2a50:
		m.to(zstdSkipSize, 0, 4)
	default:
		m.at = zstdLost
	}
	return frameSteps
}

// frame reads what follows the magic number (§3.1.1.1).
func (m *zstdMeter) frame() {
	how := int(m.head[0])
	size := [...]int{0, 2, 4, 8}[how>>6] + [...]int{0, 1, 2, 4}[how&3]
	if how&0x20 == 0 || how>>6 == 0 { // a window, or a size of one byte
		size++
	}
	m.sum = how&4 != 0
	m.to(zstdBlock, size, 3)
}

// behind goes on behind a block, skip bytes from here.
func (m *zstdMeter) behind(skip int) {
	switch {
	case !m.last:
		m.to(zstdBlock, skip, 3)
	case m.sum:
		m.to(zstdMagicNumber, skip+4, 4)
	default:
		m.to(zstdMagicNumber, skip, 4)
	}
}

// block reads the head of a block (§3.1.1.2).
func (m *zstdMeter) block() (steps int) {
	v := m.number(0, 3)
	m.last = v&1 != 0
	m.left = v >> 3
	switch v >> 1 & 3 {
	case 0:
		m.behind(m.left)
	case 1:
		m.behind(1)
	case 2:
		m.to(zstdLiterals, 0, 1)
	default:
		m.at = zstdLost
	}
	return blockSteps
}

// literals reads the head of a block's literals (§3.1.1.3.1).
func (m *zstdMeter) literals() (steps int) {
	kind, format := m.head[0]&3, m.head[0]>>2&3
	head, bits := [...]int{1, 2, 1, 3}[format], [...]int{5, 12, 5, 20}[format]
	if kind >= 2 {
		head, bits = [...]int{3, 3, 4, 5}[format], [...]int{10, 10, 14, 18}[format]
	}
	if m.n < head {
		m.want = head
		return 0
	}
	size := 1 // of a byte that is repeated
	switch v := m.number(0, head); kind {
	case 0:
		size = v >> (head*8 - bits)
	case 2:
		steps = treeSteps
		fallthrough
	case 3:
		size = v >> (4 + bits)
	}
	if m.left -= head + size; m.left < 1 {
		m.at = zstdLost
		return steps
	}
	m.to(zstdSequences, size, 1)
	return steps
}

// sequences reads the head of a block's sequences (§3.1.1.3.2).
func (m *zstdMeter) sequences() (steps int) {
	head := 2
	switch b := m.head[0]; {
	case b == 0:
		head = 1
	case b == 255:
		head = 4
	case b >= 128:
		head = 3
	}
	if m.n < head {
		if m.want = head; head > m.left {
			m.at = zstdLost
		}
		return 0
	}
	n := int(m.head[0])
	switch head {
	case 3:
		n = (n-128)<<8 + int(m.head[1])
	case 4:
		n = m.number(1, 2) + 0x7f00
	}
	if n > 0 {
		for how := m.head[head-1] >> 2; how > 0; how >>= 2 {
			if how&3 == 2 {
				steps += tableSteps
			}
		}
	}
	m.behind(m.left - head)
	return steps + n*matchSteps
}
