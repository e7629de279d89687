package coding

import (
	"errors"
	"io"
	"iter"

	"github.com/weir-project/weir/packet"
)

// A Stream undoes the codings of one body.
type Stream struct {
	pool   *Pool
	layers Layers
	cost   int  // bytes counted in the pool
	broken bool // the coroutine is gone, or cannot be used again

	next func() (signal, bool)
	stop func()

	in      []byte     // what is unread; a view of what Feed was given
	end     bool       // nothing comes behind in
	dst     []byte     // to decode into
	n       int        // bytes decoded into dst
	text    [4096]byte // what a decoder writes to: it may give way in the middle, and finds the same memory when it goes on
	read    int64      // coded bytes
	written int64      // bytes of text
	steps   int64      // of work that is out of proportion to coded bytes, see spend
	slow    int64      // bytes of text that take long, see slowness
	why     packet.Reason
	job     uint32 // changes with each body
	done    bool
	inside  bool // the coroutine stands in the middle of a body

	source  input
	between passage
	layer   [MaxLayers]layer
}

// A signal is why the coroutine gave way.
type signal uint8

const (
	hungry signal = iota // all of in is read
	full                 // dst has text
	over                 // the body has ended, or failed
)

var errAbandoned = errors.New("coding: abandoned")

func newStream(p *Pool) *Stream {
	s := &Stream{pool: p}
	s.next, s.stop = iter.Pull(s.run)
	return s
}

// leave ends the coroutine.
func (s *Stream) leave() {
	defer func() { _ = recover() }() // a decoder that panics while it is left harms nobody
	s.stop()
}

func (s *Stream) begin(l Layers, cost int) {
	s.layers, s.cost, s.why, s.done = l, cost, "", false
	s.in, s.end, s.n = nil, false, 0
	s.read, s.written, s.steps, s.slow, s.between = 0, 0, 0, 0, passage{}
	s.job++
}

// Feed gives the Stream what follows; b must stay as it is until Read says that it wants more. end says that nothing
// follows b. What was fed before must have been read.
func (s *Stream) Feed(b []byte, end bool) {
	s.in, s.end = b, end
}

// Read decodes into dst, which must not be empty, and returns how many bytes it wrote; there may be some beside a reason, with
// which the Stream ends. If n is 0 then what was fed is used up, or the Stream has ended; then Done reports true.
func (s *Stream) Read(dst []byte) (n int, why packet.Reason) {
	if s.done {
		return 0, s.why
	}
	s.dst, s.n = dst, 0
	if s.advance() == over {
		s.done = true
	}
	s.dst = nil
	return s.n, s.why
}

// Rest takes back what of the bytes fed no decoder has taken yet, and that nothing follows, and returns how many they are.
func (s *Stream) Rest() int {
	n := len(s.in)
	s.in, s.end = nil, false
	return n
}

// Done reports whether the body has ended, or failed.
func (s *Stream) Done() bool { return s.done }

func (s *Stream) fail(why packet.Reason) {
	s.done, s.why = true, why
}

// advance runs the coroutine until it gives way. A panic in a decoder breaks the Stream.
func (s *Stream) advance() (got signal) {
	defer func() {
		if recover() != nil {
			s.broken, s.inside = true, false
			s.fail(Bad)
			got = over
		}
	}()
	got, ok := s.next()
	s.inside = got != over
	if !ok {
		s.broken, s.inside = true, false
		s.fail(Bad)
		return over
	}
	return got
}

// Close gives the Stream back. It is not used any more.
func (s *Stream) Close() {
	s.in = nil
	if s.inside {
		s.end = true
		s.job++
		s.broken = s.advance() != over || s.broken
	}
	s.done = true
	s.pool.putBack(s, s.layers.kinds[s.layers.n-1])
}

// run is the coroutine: body after body.
func (s *Stream) run(yield func(signal) bool) {
	for {
		s.why = reasonOf(s.decode(yield), s.why)
		if !yield(over) {
			return
		}
	}
}

// decode decodes one body.
func (s *Stream) decode(yield func(signal) bool) error {
	src := &s.source
	*src = input{s: s, yield: yield, job: s.job}
	var r io.Reader = src
	for i := s.layers.n - 1; i >= 0; i-- {
		var err error
		if r, err = s.layer[i].open(s, s.layers.kinds[i], r); err != nil {
			return err
		}
		if i > 0 {
			s.between = passage{s: s, r: r}
			r = &s.between
		}
	}
	for idle := 0; ; {
		n, err := r.Read(s.text[:])
		s.written += int64(n)
		if s.expands() {
			s.why = Expands
			return errExpands
		}
		for text := s.text[:n]; len(text) > 0; {
			if s.n == len(s.dst) && !(yield(full) && src.job == s.job) {
				return errAbandoned
			}
			m := copy(s.dst[s.n:], text)
			s.n += m
			text = text[m:]
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case n > 0:
			idle = 0
		default:
			if idle++; idle > 100 {
				return io.ErrNoProgress
			}
		}
	}
}

var errExpands = errors.New("coding: expands too much")

// expands reports whether the text is too long for what it was made from.
func (s *Stream) expands() bool {
	l := &s.pool.limits
	return s.written > l.Slack && s.written/l.Ratio >= s.reach()
}

// reach is up to where coded bytes may have been read: so it does not matter in what pieces the body came.
func (s *Stream) reach() int64 { return (s.read + readStep - 1) / readStep * readStep }

// Steps, each worth the time of a few bytes of text. They are counted where bits can make a decoder do more than their number lets
// expect: a code of 700 symbols is told by a few bytes, and br has commands that take no bits at all.
const (
	stepsFree = 64 << 10 // that a body may cost whatever its length
	stepsEach = 8        // and for each coded byte; real encoders, flushed for every 100 bytes, come to 7 at most

	headSteps    = 8   // of a block's head, or a member's
	codeSteps    = 16  // of a code, and 2 for each of its symbols
	oneSteps     = 4   // of one of br's codes, whatever it is
	matchSteps   = 3   // of a match, or a sequence
	commandSteps = 5   // of one of br's commands
	wordSteps    = 12  // of one of br's words
	mapSteps     = 4   // of an index in one of br's maps
	cheapSteps   = 2   // of one of br's literals in a context, if its code has a bit or none
	frameSteps   = 128 // of a frame of zstd
	blockSteps   = 40  // of a block of it
	treeSteps    = 60  // of the code of its literals
	tableSteps   = 100 // of a table for its sequences
)

// spend counts steps.
func (s *Stream) spend(n int) error {
	if s.spends(n) {
		s.why = Laborious
		return errLaborious
	}
	return nil
}

// spends counts steps, and reports whether they are too many.
func (s *Stream) spends(n int) bool {
	s.steps += int64(n)
	return s.steps > stepsFree+stepsEach*s.reach()
}

var errLaborious = errors.New("coding: too much work")

// Work returns what the body has cost so far, in bytes of text whose decoding takes as long.
func (s *Stream) Work() int64 {
	return s.written + s.read + s.between.n + 4*s.steps + (slowness-1)*s.slow
}

// slowness is how many times as long as another a byte of text takes that is coded in br's contexts.
const slowness = 3

// readStep is how much decoders are given at once, at most, and up to a multiple of it; see reach.
const readStep = 512

func reasonOf(err error, known packet.Reason) packet.Reason {
	switch {
	case err == nil || known != "":
		return known
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return Truncated
	}
	return Bad
}

// input is the bytes that the Stream was fed, as the coroutine reads them.
type input struct {
	s     *Stream
	yield func(signal) bool
	job   uint32
}

// Read implements io.Reader. It gives way where there is nothing to read yet.
func (r *input) Read(b []byte) (int, error) {
	s := r.s
	for len(s.in) == 0 {
		if s.job != r.job {
			return 0, errAbandoned
		}
		if s.end {
			return 0, io.EOF
		}
		if !r.yield(hungry) {
			return 0, errAbandoned
		}
	}
	if s.job != r.job {
		return 0, errAbandoned
	}
	n := copy(b[:min(len(b), readStep-int(s.read%readStep))], s.in)
	s.in = s.in[n:]
	s.read += int64(n)
	return n, nil
}

// A passage is between two layers. What is coded hardly becomes shorter when it is coded once more; if it does, a few bytes may
// stand for any number of heads and codes. So it is bounded, beyond what is free, by so many times the coded bytes.
type passage struct {
	s *Stream
	r io.Reader
	n int64
}

const (
	betweenFree = 64 << 10
	betweenEach = 4
)

// Read implements io.Reader.
func (p *passage) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.n += int64(n); p.n > betweenFree+betweenEach*p.s.reach() {
		p.s.why = Expands
		return 0, errExpands
	}
	return n, err
}
