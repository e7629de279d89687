package tls

// sizes are those of buffers: a usual hello, one with large key shares or many protocols, the largest.
var sizes = [...]int{4 << 10, 16 << 10, maxHello}

// buffers lends memory for messages that are not whole yet, and keeps what comes back.
type buffers struct {
	free  [len(sizes)][][]byte
	bytes int // lent and free
}

func (g *Grammar) maxBytes() int {
	if g.MaxBytes > 0 {
		return g.MaxBytes
	}
	return 8 << 20
}

// grow appends more to buf, which is a buffer or nil, in a larger buffer if need be. It returns nil, and takes
// buf back, iff that would pass limit.
func (p *buffers) grow(buf, more []byte, limit int) []byte {
	n := len(buf) + len(more)
	if n <= cap(buf) {
		return append(buf, more...)
	}
	class := 0
	for sizes[class] < n {
		class++
	}
	b := p.take(class, limit)
	if b != nil {
		b = append(append(b, buf...), more...)
	}
	p.put(buf)
	return b
}

func (p *buffers) take(class, limit int) []byte {
	if n := len(p.free[class]); n > 0 {
		b := p.free[class][n-1]
		p.free[class] = p.free[class][:n-1]
		return b
	}
	if p.bytes+sizes[class] > limit {
		p.drop()
	}
	if p.bytes+sizes[class] > limit {
		return nil
	}
	p.bytes += sizes[class]
	return make([]byte, 0, sizes[class])
}

// drop lets go of what is free.
func (p *buffers) drop() {
	for class := range p.free {
		p.bytes -= sizes[class] * len(p.free[class])
		clear(p.free[class])
		p.free[class] = p.free[class][:0]
	}
}

func (p *buffers) put(b []byte) {
	for class := range sizes {
		if cap(b) == sizes[class] {
			p.free[class] = append(p.free[class], b[:0])
		}
	}
}
