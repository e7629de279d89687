package quic

// sizes are those of streams: of usual hellos, with post-quantum key shares, and the largest.
var sizes = [...]int{2 << 10, 8 << 10, maxCrypto}

// connectionBytes is what a connection costs beside its streams, about: its keys most of it.
const connectionBytes = 4 << 10

// A pool is the memory of a lane's conversations. It grows to its ceiling and keeps what it has.
type pool struct {
	limit   int
	bytes   int // lent, and free in streams
	streams [len(sizes)][]stream
	conns   []*connection
	talks   []*conversation
}

// grow gives the stream room for n bytes, at most maxCrypto. It reports false if that would pass the ceiling.
func (p *pool) grow(s *stream, n int) bool {
	class := 0
	for sizes[class] < n {
		class++
	}
	var to stream
	if k := len(p.streams[class]); k > 0 {
		to = p.streams[class][k-1]
		p.streams[class] = p.streams[class][:k-1]
	} else {
		if !p.lend(sizes[class]) {
			return false
		}
		to = stream{b: make([]byte, sizes[class]), has: make([]uint64, sizes[class]/64)}
	}
	copy(to.b, s.b)
	clear(to.has[copy(to.has, s.has):])
	whole, next := s.whole, s.next
	p.drop(s)
	*s = stream{to.b, to.has, whole, next}
	return true
}

// lend counts n bytes, letting go of free streams if that helps. It reports false if it would pass the ceiling.
func (p *pool) lend(n int) bool {
	limit := p.limit
	if limit <= 0 {
		limit = 16 << 20
	}
	if p.bytes+n > limit {
		for class := range p.streams {
			p.bytes -= sizes[class] * len(p.streams[class])
			clear(p.streams[class])
			p.streams[class] = p.streams[class][:0]
		}
	}
	if p.bytes+n > limit {
		return false
	}
	p.bytes += n
	return true
}

// drop takes the stream's memory back.
func (p *pool) drop(s *stream) {
	for class := range sizes {
		if len(s.b) == sizes[class] {
			p.streams[class] = append(p.streams[class], stream{b: s.b, has: s.has})
		}
	}
	*s = stream{}
}

// connection returns an empty one; nil iff that would pass the ceiling.
func (p *pool) connection() *connection {
	if !p.lend(connectionBytes) {
		return nil
	}
	if n := len(p.conns); n > 0 {
		c := p.conns[n-1]
		p.conns = p.conns[:n-1]
		return c
	}
	return new(connection)
}

func (p *pool) close(c *connection) {
	p.drop(&c.stream[client])
	p.drop(&c.stream[server])
	p.bytes -= connectionBytes
	*c = connection{}
	p.conns = append(p.conns, c)
}
