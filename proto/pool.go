package proto

// A Pool is parsers of one kind, or parts of such, that are used again: it grows to a ceiling and keeps what it has. It belongs to one lane.
type Pool[T any] struct {
	free []*T
	made int
}

// Take returns one as it was put back, or a new one; nil iff most are in use.
func (p *Pool[T]) Take(most int) *T {
	if n := len(p.free); n > 0 {
		v := p.free[n-1]
		p.free = p.free[:n-1]
		return v
	}
	if p.made >= most {
		return nil
	}
	p.made++
	return new(T)
}

// Put takes back what is not used any more.
func (p *Pool[T]) Put(v *T) { p.free = append(p.free, v) }

// Made is how many were made.
func (p *Pool[T]) Made() int { return p.made }

// Used is how many are in use.
func (p *Pool[T]) Used() int { return p.made - len(p.free) }

// Texts are buffers for texts that parsers hold while the bytes that they came from are gone: at most Most of Size bytes. They belong to one lane.
type Texts struct {
	Size, Most int

	free [][]byte
	made int
}

// Has reports whether there is a buffer for whoever keeps the text kept, which is nil for nothing.
func (t *Texts) Has(kept []byte) bool { return kept != nil || len(t.free) > 0 || t.made < t.Most }

// Keep returns text, of at most Size bytes, in the buffer in which kept is, or in a new one, which Has must have said that there is; nil for an
// empty text, whose buffer is free then. text may be of kept.
func (t *Texts) Keep(kept, text []byte) []byte {
	switch n := len(t.free); {
	case len(text) == 0 && kept == nil:
		return nil
	case len(text) == 0:
		t.free = append(t.free, kept[:0])
		return nil
	case kept == nil && n > 0:
		kept, t.free = t.free[n-1], t.free[:n-1]
	case kept == nil:
		t.made++
		kept = make([]byte, 0, t.Size)
	}
	return append(kept[:0], text...)
}

// Used is how many buffers are in use.
func (t *Texts) Used() int { return t.made - len(t.free) }
