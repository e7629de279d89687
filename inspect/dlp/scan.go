package dlp

import (
	"bytes"
	"io"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
)

// A Scan looks through files as an Inspector does through what is on its way: for trying a policy, and for tests of what
// is about to be published.
type Scan struct {
	d    *Inspector
	host scanHost
	buf  []byte
}

// scanBytes is how much of a file is looked at at once.
const scanBytes = 256 << 10

// A Place is where a value was found in a file.
type Place struct {
	Offset    int64 // in bytes
	Line, Col int   // from 1; Col in bytes
}

// NewScan checks c and returns a Scan by it, in the direction that c looks at: to the server, if both.
func NewScan(c Config) (*Scan, inspect.Mistakes) {
	maker, mistakes := New(c, inspect.Env{Lanes: 1})
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return ScanBy(maker().(*Inspector)), nil
}

// ScanBy returns a Scan by d, which is not to be used otherwise any more.
func ScanBy(d *Inspector) *Scan {
	d.tellsAll = true
	return &Scan{d: d, buf: make([]byte, 0, 2*scanBytes)}
}

// Read looks through r to its end, tells of each value that it finds in order, and, if masked is not nil, writes the text to it as it would
// arrive. The event that tell is given is valid for the call. Read returns the first error of r or masked.
func (s *Scan) Read(r io.Reader, tell func(*event.Event, Place), masked io.Writer) error {
	var before memory
	at := Place{Line: 1, Col: 1}
	s.buf = s.buf[:0]
	s.host.tell = tell
	for last := false; !last; {
		n, err := io.ReadFull(r, s.buf[len(s.buf):len(s.buf)+scanBytes])
		last = err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !last {
			return err
		}
		s.buf = s.buf[:len(s.buf)+n]
		done := s.look(&before, at, last)
		if err := s.host.write(masked, s.buf[:done]); err != nil {
			return err
		}
		at.pass(s.buf[:done])
		s.buf = append(s.buf[:0], s.buf[done:]...)
	}
	return nil
}

// look looks at what is in the buffer, which begins at that place, and returns how much of it is decided.
func (s *Scan) look(before *memory, at Place, last bool) (done int) {
	s.host.edits, s.host.with = s.host.edits[:0], s.host.with[:0]
	s.host.text, s.host.at = s.buf, at
	cx := inspect.Context{Host: &s.host, Wall: time.Unix(0, 0), Dir: s.d.set.anyDirection()}
	s.d.begin(&cx, nil)
	s.d.look.resizable = true
	done = s.d.find(before, s.buf, !last)
	done = s.d.act(s.buf, 0, done)
	s.d.conclude()
	s.d.kept.keep(before, s.buf[:done])
	return done
}

// anyDirection is a direction that is looked at.
func (s *ruleSet) anyDirection() flow.Direction {
	if s.looks(flow.ToServer) {
		return flow.ToServer
	}
	return flow.ToClient
}

// pass moves the place behind b.
func (p *Place) pass(b []byte) {
	p.Offset += int64(len(b))
	if n := bytes.Count(b, []byte{'\n'}); n > 0 {
		p.Line += n
		p.Col = len(b) - bytes.LastIndexByte(b, '\n')
		return
	}
	p.Col += len(b)
}

// A scanHost is what a lane would be for the inspector.
type scanHost struct {
	tell  func(*event.Event, Place)
	text  []byte // what is looked at
	at    Place  // where it begins
	edits []field.Edit
	with  []byte // of edits
}

// Emit implements inspect.Host.
func (h *scanHost) Emit(_ *inspect.Context, e *event.Event) {
	at := h.at
	at.pass(h.text[:e.Offset])
	e.Field, e.Author = "file", "dlp"
	h.tell(e, at)
}

// Edit implements inspect.Host.
func (h *scanHost) Edit(_ *inspect.Context, id field.ID, span field.Span, with []byte) bool {
	from := len(h.with)
	h.with = append(h.with, with...)
	h.edits = append(h.edits, field.Edit{Span: span, New: h.with[from:], Field: id})
	return true
}

// write writes b with the edits made.
func (h *scanHost) write(to io.Writer, b []byte) error {
	if to == nil {
		return nil
	}
	at := 0
	for i := range h.edits {
		e := &h.edits[i]
		if _, err := to.Write(b[at:e.Span.Off]); err != nil {
			return err
		}
		if _, err := to.Write(e.New); err != nil {
			return err
		}
		at = e.Span.End
	}
	_, err := to.Write(b[at:])
	return err
}

// After implements inspect.Host: there are no timers.
func (h *scanHost) After(*inspect.Context, time.Duration, uint64) bool { return false }

// Release implements inspect.Host: nothing is held.
func (h *scanHost) Release(*inspect.Context) {}

// Hold implements inspect.Host: Read holds by itself.
func (h *scanHost) Hold(*inspect.Context, int) bool { return false }

// Keep implements inspect.Host, likewise.
func (h *scanHost) Keep(*inspect.Context, int) bool { return false }

// TooLate implements inspect.Host: nothing has left.
func (h *scanHost) TooLate(*inspect.Context) {}
