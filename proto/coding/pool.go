package coding

// Limits of a Pool. A zero field takes its default.
type Limits struct {
	Ratio  int64 // text may be so many times as long as what it was made from; 100
	Slack  int64 // bytes of text that are free of that; 1 MiB, since short bodies of one letter are harmless
	Window int   // bytes that a coding may refer back; 8 MiB, the most that RFC 9659 lets zstd have
	Bytes  int   // memory of the decoders that are in use; 32 MiB
}

// SetDefaults fills in the fields that are zero.
func (l *Limits) SetDefaults() {
	if l.Ratio == 0 {
		l.Ratio = 100
	}
	if l.Slack == 0 {
		l.Slack = 1 << 20
	}
	if l.Window == 0 {
		l.Window = 8 << 20
	}
	if l.Bytes == 0 {
		l.Bytes = 32 << 20
	}
}

// A Pool makes the Streams of one lane and keeps those that are closed, up to keep of each outermost coding, and keepBytes.
type Pool struct {
	limits Limits
	used   int // bytes of decoders in use
	idle   int // and of those that are kept
	free   [kinds][]*Stream
}

const (
	keep      = 16
	keepBytes = 20 << 20 // of all that are kept

	baseCost = 96 << 10 // of a decoder without its window: tables and input buffer
)

// NewPool returns a Pool.
func NewPool(l Limits) *Pool {
	l.SetDefaults()
	return &Pool{limits: l}
}

// Open returns a Stream that undoes the given codings, of which there must be one or more; nil iff the memory of
// the pool is in use.
func (p *Pool) Open(l Layers) *Stream {
	cost := l.n * baseCost
	if p.used+cost > p.limits.Bytes {
		return nil
	}
	p.used += cost
	outer := l.kinds[l.n-1]
	var s *Stream
	if n := len(p.free[outer]); n > 0 {
		s = p.free[outer][n-1]
		p.free[outer] = p.free[outer][:n-1]
		p.idle -= s.cost
	} else {
		s = newStream(p)
	}
	s.begin(l, cost)
	return s
}

// take counts n more bytes for s and reports whether there is room for them.
func (p *Pool) take(s *Stream, n int) bool {
	if p.used+n > p.limits.Bytes {
		return false
	}
	p.used += n
	s.cost += n
	return true
}

// putBack takes a Stream that is closed.
func (p *Pool) putBack(s *Stream, outer Kind) {
	p.used -= s.cost
	if s.broken || p.idle+s.cost > keepBytes || len(p.free[outer]) == keep {
		s.leave()
		return
	}
	p.idle += s.cost
	p.free[outer] = append(p.free[outer], s)
}

// Used returns the bytes of memory that decoders in use are counted with.
func (p *Pool) Used() int { return p.used }
