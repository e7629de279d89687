package coding

import (
	"encoding/binary"
	"errors"
	"io"
)

// A bitReader reads a source by bits, the first in the lowest place, as deflate and br have them (RFC 1951 §3.1.1, RFC 7932 §1.5.1).
type bitReader struct {
	source
	b uint64 // the next n bits; what is above them repeats bytes that are still in buf, or is 0
	n uint
}

func (r *bitReader) reset(src io.Reader) {
	r.source.reset(src)
	r.b, r.n = 0, 0
}

// filled takes up bytes from an offset on, of which there are eight, behind the n bits of b: 56 bits or more are there then.
func (s *source) filled(b uint64, n uint, from int) (uint64, uint, int) {
	return b | binary.LittleEndian.Uint64(s.buf[from:])<<n, n | 56, from + int(63-n)>>3
}

// top takes up what is there, up to 56 bits or more.
func (r *bitReader) top() {
	if r.to-r.from >= 8 {
		r.b, r.n, r.from = r.filled(r.b, r.n, r.from)
		return
	}
	r.b &= 1<<r.n - 1
	for r.n < 56 && r.from < r.to {
		r.b |= uint64(r.buf[r.from]) << r.n
		r.from++
		r.n += 8
	}
}

// need waits until there are n bits, at most 32.
func (r *bitReader) need(n uint) error {
	for r.n < n {
		if r.from == r.to {
			if err := r.more(); err != nil {
				return err
			}
		}
		r.top()
	}
	return nil
}

// more waits for bytes behind those that are all taken up.
func (r *bitReader) more() error {
	r.from, r.to = 0, 0
	err := r.fill()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// has reports whether n bits are there without waiting; if not, they may be there all the same.
func (r *bitReader) has(n int) bool {
	left := n - int(r.n) - 8*(r.to-r.from)
	if left <= 0 {
		return true
	}
	in, ok := r.r.(*input)
	return ok && left <= 8*len(in.s.in)
}

// bits reads n bits, at most 32.
func (r *bitReader) bits(n uint) (uint32, error) {
	if r.n < n {
		if err := r.need(n); err != nil {
			return 0, err
		}
	}
	v := uint32(r.b & (1<<n - 1))
	r.b >>= n
	r.n -= n
	return v, nil
}

// skip leaves out n bits that are there.
func (r *bitReader) skip(n uint) {
	r.b >>= n
	r.n -= n
}

// align leaves out the rest of a byte, and returns it.
func (r *bitReader) align() uint64 {
	rest := r.b & (1<<(r.n%8) - 1)
	r.skip(r.n % 8)
	return rest
}

// bytes reads some bytes at a byte's edge, at least one, into b.
func (r *bitReader) bytes(b []byte) (n int, err error) {
	for ; n < len(b) && r.n >= 8; n++ {
		b[n] = byte(r.b)
		r.skip(8)
	}
	if n < len(b) {
		r.b = 0
		if n == 0 && r.from == r.to {
			err = r.more()
		}
		m := copy(b[n:], r.buf[r.from:r.to])
		r.from += m
		n += m
	}
	return n, err
}

// atEnd waits until it is known whether nothing follows, at a byte's edge.
func (r *bitReader) atEnd() (bool, error) {
	if r.n > 0 || r.from < r.to {
		return false, nil
	}
	err := r.more()
	if err == io.ErrUnexpectedEOF {
		return true, nil
	}
	return false, err
}

// symbol reads a symbol.
func (r *bitReader) symbol(t *prefixes) (uint32, error) {
	e := t.entry[r.b&(1<<t.root-1)]
	if n := uint(e & codeLength); n <= r.n && e&second == 0 && e != noCode {
		r.b >>= n
		r.n -= n
		return e >> 8, nil
	}
	return r.slowSymbol(t)
}

// slowSymbol is symbol for long codes, and where bits are missing.
func (r *bitReader) slowSymbol(t *prefixes) (uint32, error) {
	for {
		e := t.find(r.b)
		if n := uint(e & codeLength); n <= r.n {
			if e == noCode {
				return 0, errCorrupt
			}
			r.skip(n)
			return e >> 8, nil
		}
		if err := r.need(r.n + 1); err != nil {
			return 0, err
		}
	}
}

var errCorrupt = errors.New("coding: corrupt")
