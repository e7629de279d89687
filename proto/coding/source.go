package coding

import "io"

// A source reads from one place, by bytes where a decoder wants bytes: decoders that were given no io.ByteReader would
// read beyond their end, or make buffers.
type source struct {
	r    io.Reader
	buf  [512]byte
	from int
	to   int
	err  error
}

func (s *source) reset(r io.Reader) { s.r, s.from, s.to, s.err = r, 0, 0, nil }

// fill reads more behind what is unread.
func (s *source) fill() error {
	for idle := 0; s.err == nil; idle++ {
		n, err := s.r.Read(s.buf[s.to:])
		s.to += n
		if s.err = err; n > 0 {
			return nil
		}
		if idle > 100 {
			s.err = io.ErrNoProgress
		}
	}
	return s.err
}

// ReadByte implements io.ByteReader.
func (s *source) ReadByte() (byte, error) {
	if s.from == s.to {
		s.from, s.to = 0, 0
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	s.from++
	return s.buf[s.from-1], nil
}

// Read implements io.Reader.
func (s *source) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if s.from == s.to {
		s.from, s.to = 0, 0
		if len(b) >= len(s.buf) && s.err == nil {
			n, err := s.r.Read(b)
			s.err = err
			if n > 0 {
				err = nil
			}
			return n, err
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.buf[s.from:s.to])
	s.from += n
	return n, nil
}

// peek returns the first n bytes, which stay unread; fewer with io.ErrUnexpectedEOF if there are no more. It is called
// before anything else.
func (s *source) peek(n int) ([]byte, error) {
	for s.to < n {
		if err := s.fill(); err == io.EOF {
			return s.buf[:s.to], io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
	}
	return s.buf[:n], nil
}
