package eve

import (
	"fmt"
	"io"
)

// A Stream is an Output to something already open, such as standard output. A reader
// that stops reading a pipe stops the reporter, not the packet path: the ring fills and
// events are counted as lost there.
type Stream struct {
	w    io.Writer
	torn bool
}

// NewStream returns an Output to w.
func NewStream(w io.Writer) *Stream { return &Stream{w: w} }

// Write writes lines; see Output.
func (s *Stream) Write(lines []byte) (done, lost int, err error) {
	if s.torn {
		if _, err := s.w.Write([]byte{'\n'}); err != nil {
			return 0, 0, fmt.Errorf("eve: %w", err)
		}
		s.torn = false
	}
	n, err := s.w.Write(lines)
	done = whole(lines[:n])
	s.torn = n > done
	if err != nil {
		return done, 0, fmt.Errorf("eve: %w", err)
	}
	return done, 0, nil
}

// Reopen does nothing: what a Stream writes to was opened by someone else.
func (s *Stream) Reopen() error { return nil }

// Close does nothing, for the same reason.
func (s *Stream) Close() error { return nil }
