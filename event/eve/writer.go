package eve

import (
	"bytes"
	"errors"
	"sync/atomic"

	"github.com/weir-project/weir/event"
)

const (
	// DefaultBuffer is how many bytes of lines a Writer keeps while its output fails.
	DefaultBuffer = 1 << 20

	// flushAt is how many bytes Write gathers before it writes them of its own accord.
	flushAt = 64 << 10
)

// ErrFull says that an event was lost because the output takes nothing and the buffer
// is full.
var ErrFull = errors.New("eve: buffer full, event lost")

// An Output takes lines to where they are kept or read. One goroutine calls it.
type Output interface {
	// Write takes whole lines, each with its newline, in bounded time. The first done
	// bytes, which are whole lines too, are off the caller's hands; lost of these lines
	// were given up for good. err is not nil iff done < len(lines); the caller comes
	// back with the rest. An output never leaves a piece of a line that a later Write
	// would be glued to.
	Write(lines []byte) (done, lost int, err error)

	// Reopen starts afresh: the same path as a new file, the same address as a new
	// connection.
	Reopen() error

	Close() error
}

// Counters say what became of the events given to a Writer.
type Counters struct {
	Events uint64 `json:"events"` // handed to the output
	Bytes  uint64 `json:"bytes"`  // of them
	Lost   uint64 `json:"lost"`   // events given up: buffer full, or the output gave up
	Errors uint64 `json:"errors"` // failed writes to the output
}

// A Writer is an event.Sink that writes EVE lines. It writes to the output when 64 KiB
// have gathered and at Flush; it never calls fsync. While the output fails, only Flush
// tries again; events gather up to the buffer's size, and further ones are counted as
// lost. Its methods belong to one goroutine, but for Reopen and Counters.
type Writer struct {
	out    Output
	format Format
	buf    []byte // whole lines; has room for one line above the limit
	limit  int    // of buf, in bytes
	failed bool   // the last write to out did

	reopen                      atomic.Bool
	events, bytes, lost, errors atomic.Uint64
}

var _ event.Sink = (*Writer)(nil)

// NewWriter returns a Writer to out. The buffer is in bytes, at least 2 MaxLine; 0
// means DefaultBuffer.
func NewWriter(out Output, format Format, buffer int) *Writer {
	if buffer == 0 {
		buffer = DefaultBuffer
	}
	buffer = max(buffer, 2*MaxLine)
	return &Writer{out: out, format: format, limit: buffer, buf: make([]byte, 0, buffer+MaxLine)}
}

// Write adds e's line. It returns ErrFull if the event was lost.
func (w *Writer) Write(e *event.Event) error {
	if !w.failed && len(w.buf) >= min(flushAt, w.limit-MaxLine) {
		_ = w.flush() // counted; the lines stay, and so does e if there is room
	}
	start := len(w.buf)
	w.buf = append(w.format.Append(w.buf, e), '\n')
	if len(w.buf) > w.limit {
		w.buf = w.buf[:start]
		w.lost.Add(1)
		return ErrFull
	}
	return nil
}

// Flush writes all lines to the output. After an error they wait for the next Flush.
func (w *Writer) Flush() error {
	if w.reopen.Swap(false) {
		if err := w.out.Reopen(); err != nil {
			w.reopen.Store(true)
			w.errors.Add(1)
			return err
		}
	}
	return w.flush()
}

func (w *Writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	done, lost, err := w.out.Write(w.buf)
	lines := bytes.Count(w.buf[:done], []byte{'\n'})
	w.events.Add(uint64(lines - lost))
	w.bytes.Add(uint64(done))
	w.lost.Add(uint64(lost))
	w.buf = w.buf[:copy(w.buf, w.buf[done:])]
	w.failed = err != nil
	if err != nil {
		w.errors.Add(1)
	}
	return err
}

// Reopen asks for the output to be opened anew before the next Flush, as at a SIGHUP
// after the file was moved. Any goroutine may call it.
func (w *Writer) Reopen() { w.reopen.Store(true) }

// Close writes what waits, counts what could not be written as lost, and closes the
// output.
func (w *Writer) Close() error {
	err := w.Flush()
	w.lost.Add(uint64(bytes.Count(w.buf, []byte{'\n'})))
	w.buf = w.buf[:0]
	return errors.Join(err, w.out.Close())
}

// Counters returns the counters so far. Any goroutine may call it.
func (w *Writer) Counters() Counters {
	return Counters{Events: w.events.Load(), Bytes: w.bytes.Load(), Lost: w.lost.Load(), Errors: w.errors.Load()}
}

// whole returns the length of the whole lines in p.
func whole(p []byte) int { return bytes.LastIndexByte(p, '\n') + 1 }
