package divert

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weir-project/weir/packet"
)

// A Fake is a kernel queue in memory, for tests and examples: a program pushes packets
// in at one end as the network would, and finds at the other what became of them. It
// keeps the rules of NFQUEUE: a packet stays until its verdict, ids are never used
// twice, a full queue drops, and so on. It is deterministic: nothing happens but by
// its methods.
//
// Push, Out, Sent, Injected, SetFaults, End and Check may be called from any goroutine.
type Fake struct {
	cfg  Config
	caps Caps
	wake chan struct{}

	mu       sync.Mutex
	lastID   uint32
	waiting  []Diverted // pushed and not received
	received map[uint32]Diverted
	finished map[uint32]bool // ids
	out      []Finished
	injected []Sent
	faults   Faults
	stats    Stats
	wrong    []error
	bufs     [][]byte // what Recv lends out
	ended    bool
	closed   bool
	discard  bool
}

// Diverted is a packet on its way into a Fake.
type Diverted struct {
	Bytes []byte
	Meta  packet.Meta // OrigLen is set by Push
	id    uint32
}

// Finished is what became of a packet.
type Finished struct {
	Bytes     []byte // as re-injected; as they came if it was dropped
	Meta      packet.Meta
	Token     packet.Token
	Verdict   packet.Verdict
	Mark      uint32 // the resulting packet mark
	Rewritten bool
	FailOpen  bool // passed uninspected, because the queue was full
}

// Faults are what a kernel does on a bad day. The zero Faults is a good one.
type Faults struct {
	RefuseVerdicts int  // so many verdicts fail with ENOBUFS, for good: their packets are dropped
	RefuseRecvs    int  // so many receives lose nothing and bring nothing (ENOBUFS)
	Forget         bool // received packets vanish, as when their interface goes down: verdicts find no such id
	Truncate       int  // copy at most so many bytes; 0 for all
}

// NewFake returns an empty queue. Of the options it uses WithQueueLen, WithCopyRange,
// WithBatch and WithFailOpen.
func NewFake(opts ...Option) *Fake {
	cfg := configure(opts)
	return &Fake{
		cfg:      cfg,
		wake:     make(chan struct{}, 1),
		received: make(map[uint32]Diverted),
		finished: make(map[uint32]bool),
		caps: Caps{
			Backend: "fake", FailOpen: cfg.FailOpen, Marks: true, Interfaces: true,
			GSO: true, InjectOut: true, InjectIn: true,
		},
	}
}

// Push puts a packet into the queue and returns its id. It is false when the queue is
// full: then the packet was dropped, or passed on if the queue fails open. Push copies
// the bytes.
func (f *Fake) Push(data []byte) (id uint32, ok bool) {
	return f.PushMeta(data, packet.Meta{Hook: packet.HookForward, Checksum: packet.ChecksumVerified})
}

// PushMeta is Push for a packet of which the kernel tells more.
func (f *Fake) PushMeta(data []byte, meta packet.Meta) (id uint32, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	meta.OrigLen = len(data)
	if len(f.waiting)+len(f.received) >= f.cfg.QueueLen {
		if f.cfg.FailOpen {
			f.out = append(f.out, Finished{Bytes: bytes.Clone(data), Meta: meta, Verdict: packet.Accept, Mark: meta.Mark, FailOpen: true})
		} else {
			f.stats.KernelDropped++
		}
		return 0, false
	}
	f.lastID++
	f.waiting = append(f.waiting, Diverted{bytes.Clone(data), meta, f.lastID})
	f.signal()
	return f.lastID, true
}

// End makes Recv return io.EOF when everything pushed has been received.
func (f *Fake) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.signal()
}

// Out returns what has been finished, in order, and forgets it.
func (f *Fake) Out() []Finished {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.out
	f.out = nil
	return out
}

// A Sent datagram was injected.
type Sent struct {
	Bytes []byte
	How   Injection
}

// Sent returns the injected datagrams, in order, and forgets them.
func (f *Fake) Sent() []Sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := f.injected
	f.injected = nil
	return sent
}

// Injected is Sent for those who ask for the bytes alone.
func (f *Fake) Injected() [][]byte {
	var out [][]byte
	for _, s := range f.Sent() {
		out = append(out, s.Bytes)
	}
	return out
}

// Discard makes the fake forget what is finished at once: Out stays empty, and Recv and
// Finish allocate nothing.
func (f *Fake) Discard() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.discard = true
}

// SetFaults switches faults on, or off with the zero Faults.
func (f *Fake) SetFaults(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
	if faults.Forget {
		clear(f.received)
	}
}

// Check returns an error unless every packet that was pushed has been finished, exactly
// once.
func (f *Fake) Check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	errs := f.wrong
	if n := len(f.waiting); n > 0 {
		errs = append(errs, fmt.Errorf("fake: %d packets were never received", n))
	}
	for id := range f.received {
		errs = append(errs, fmt.Errorf("fake: packet %d was received and never finished", id))
	}
	return errors.Join(errs...)
}

// Recv implements Socket.
func (f *Fake) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	n, err := f.recv(ps)
	if n > 0 || err != nil || wait == 0 || len(ps) == 0 {
		return n, err
	}
	if wait < 0 {
		<-f.wake
		return f.recv(ps)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-f.wake:
	case <-t.C:
	}
	return f.recv(ps)
}

func (f *Fake) recv(ps []*packet.Packet) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return 0, ErrClosed
	case f.faults.RefuseRecvs > 0:
		f.faults.RefuseRecvs--
		f.stats.RecvErrors++
		return 0, nil
	case len(f.waiting) == 0 && f.ended:
		return 0, io.EOF
	}
	n := min(len(ps), len(f.waiting), f.cfg.Batch)
	for i, d := range f.waiting[:n] {
		f.lend(ps[i], i, d)
	}
	f.waiting = append(f.waiting[:0], f.waiting[n:]...)
	if n > 0 {
		f.stats.Batches++
		f.stats.Received += uint64(n)
	}
	return n, nil
}

// lend makes p a packet whose bytes last until the next Recv, and no longer: they lie in
// the i-th of the buffers that every Recv uses.
func (f *Fake) lend(p *packet.Packet, i int, d Diverted) {
	if i == len(f.bufs) {
		f.bufs = append(f.bufs, nil)
	}
	data := d.Bytes[:min(len(d.Bytes), f.cfg.CopyRange)]
	if f.faults.Truncate > 0 {
		data = data[:min(len(data), f.faults.Truncate)]
	}
	f.bufs[i] = append(f.bufs[i][:0], data...)
	p.Set(f.bufs[i])
	p.Meta, p.Token.ID = d.Meta, d.id
	if p.Truncated() {
		f.stats.Truncated++
	}
	if !f.faults.Forget {
		f.received[d.id] = d
	}
}

// Finish implements Socket. A packet that was finished before, or never received, is
// counted as a verdict error, as a kernel would; Check reports it too.
func (f *Fake) Finish(ps []*packet.Packet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed && len(ps) > 0 {
		return ErrClosed
	}
	for _, p := range ps {
		f.finish(p)
	}
	return nil
}

func (f *Fake) finish(p *packet.Packet) {
	id := p.Token.ID
	d, ok := f.received[id]
	if !ok {
		f.stats.VerdictErrors++
		if f.finished[id] {
			f.wrong = append(f.wrong, fmt.Errorf("fake: packet %d was finished twice", id))
		} else if !f.faults.Forget {
			f.wrong = append(f.wrong, fmt.Errorf("fake: packet %d was finished and never received", id))
		}
		return
	}
	delete(f.received, id)
	o := Finished{Bytes: d.Bytes, Meta: d.Meta, Token: p.Token, Verdict: p.Verdict, Mark: p.Mark.Apply(d.Meta.Mark)}
	if f.faults.RefuseVerdicts > 0 {
		f.faults.RefuseVerdicts--
		f.stats.VerdictErrors++
		o.Verdict = packet.Drop
	}
	if !o.Verdict.Final() && p.Changed() {
		if p.Truncated() || len(p.Bytes()) == 0 || len(p.Bytes()) > maxCopyRange {
			f.stats.VerdictErrors++
			o.Verdict = packet.Drop
		} else {
			p.Repair()
			o.Bytes, o.Rewritten = p.Bytes(), true
			f.stats.Rewritten++
		}
	}
	if o.Verdict.Final() {
		f.stats.Dropped++
	} else {
		f.stats.Accepted++
	}
	if !f.discard {
		f.finished[id] = true
		o.Bytes = bytes.Clone(o.Bytes)
		f.out = append(f.out, o)
	}
}

// Repeat has every packet that was received and not finished wait once more, ahead of all others, as the
// kernel is asked to when the program that received them has died.
func (f *Fake) Repeat() {
	f.mu.Lock()
	defer f.mu.Unlock()
	again := slices.Collect(maps.Values(f.received))
	slices.SortFunc(again, func(a, b Diverted) int { return cmp.Compare(a.id, b.id) })
	clear(f.received)
	f.waiting = append(again, f.waiting...)
}

// Inject implements Socket.
func (f *Fake) Inject(p *packet.Packet, how Injection) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	if p.Changed() {
		p.Repair()
	}
	f.injected = append(f.injected, Sent{bytes.Clone(p.Bytes()), how})
	f.stats.Injected++
	return nil
}

// Wake implements Socket.
func (f *Fake) Wake() { f.signal() }

func (f *Fake) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Caps implements Socket.
func (f *Fake) Caps() Caps { return f.caps }

// Stats implements Socket.
func (f *Fake) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.stats
	st.KernelQueued = uint64(len(f.waiting) + len(f.received))
	return st
}

// Close implements Socket. What waits is dropped, as NFQUEUE does; what was received and
// not finished is an error to Check.
func (f *Fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.waiting = nil
	f.signal()
	return nil
}
