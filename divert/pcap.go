package divert

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weir-project/weir/packet"
)

// A Pcap is a Socket that reads a capture file, pcap or pcapng, and writes what is
// accepted or injected to another, pcap. Meta.Captured is the packets' time; a packet is
// written with the time that stands there when it is finished, so one that was delayed
// carries the time of its release. A frame that carries no IP goes to the output
// unchanged, in its place, and is counted by Skipped.
//
// A capture taken on the sending host holds checksums that its card was to complete: such
// a packet has packet.ChecksumPartial, as it has live, is counted by Partial, and an edit
// completes it.
//
// The output takes the link type of the first frame. A packet that came with another
// (pcapng) gets a plain header of that type; a frame without IP is left out then. The
// file appears under its name when Close has written it whole, and not at all after an
// error.
type Pcap struct {
	in    *captureReader
	out   *captureWriter // nil to discard
	batch int

	lastID  uint32
	frames  map[uint32]*frame // received and not finished
	free    []*frame
	pending *frame // read and not IP: to be written when the packets before are finished
	failure error  // of the output; ends the socket

	skipped atomic.Uint64
	partial atomic.Uint64
	closing sync.Once
	closed  atomic.Bool
	counters
}

// counters are written by the packet path and read by Stats.
type counters struct {
	received, accepted, rewritten, dropped, injected, truncated,
	verdictErrors, recvErrors, retries, batches atomic.Uint64
}

// A frame is one record of the capture file.
type frame struct {
	info    gopacket.CaptureInfo
	link    layers.LinkType
	data    []byte // the whole record
	l2, end int    // the datagram is data[l2:end]; behind it lies padding
}

func openPcap(rest string, opts []Option) (*Pcap, error) {
	from, to, writes := strings.Cut(rest, ">")
	switch {
	case from == "":
		return nil, errors.New("pcap: no capture file named (write pcap:in.pcap or pcap:in.pcap>out.pcap)")
	case writes && to == "":
		return nil, errors.New("pcap: no file named behind \">\" (write pcap:in.pcap>out.pcap)")
	}
	in, err := openCapture(from)
	if err != nil {
		return nil, err
	}
	s := &Pcap{in: in, batch: configure(opts).Batch, frames: make(map[uint32]*frame)}
	if writes {
		if s.out, err = createCapture(to, in.nano); err != nil {
			in.close()
			return nil, err
		}
	}
	return s, nil
}

// Recv implements Socket. It never waits; at the end of the file it returns io.EOF.
func (s *Pcap) Recv(ps []*packet.Packet, _ time.Duration) (int, error) {
	if s.closed.Load() {
		return 0, ErrClosed
	}
	s.writePending()
	n := 0
	for n < min(len(ps), s.batch) && s.pending == nil && s.failure == nil {
		f, err := s.read()
		if err == io.EOF && n > 0 {
			break
		}
		if err != nil {
			s.fail(err)
			break
		}
		if f.l2 < 0 {
			s.skipped.Add(1)
			s.pending = f
			if n == 0 {
				s.writePending()
			}
			continue
		}
		s.deliver(ps[n], f)
		n++
	}
	if n > 0 {
		s.batches.Add(1)
		s.received.Add(uint64(n))
		return n, nil
	}
	return 0, s.failure
}

// read returns the next record, with the datagram in it found.
func (s *Pcap) read() (*frame, error) {
	f := &frame{}
	if n := len(s.free); n > 0 {
		f, s.free = s.free[n-1], s.free[:n-1]
	}
	var err error
	if f.data, f.info, f.link, err = s.in.next(f.data[:0]); err != nil {
		return nil, err
	}
	var ip bool
	if f.l2, ip = linkHeader(f.link, f.data); !ip {
		f.l2 = -1
		return f, nil
	}
	f.end = len(f.data)
	if n := ipLength(f.data[f.l2:]); n > 0 {
		f.end = min(f.end, f.l2+n)
	}
	return f, nil
}

// deliver makes p the datagram of f.
func (s *Pcap) deliver(p *packet.Packet, f *frame) {
	s.lastID++
	s.frames[s.lastID] = f
	p.Set(f.data[f.l2:f.end:f.end])
	p.Token.ID = s.lastID
	p.Meta.Captured = time.Duration(f.info.Timestamp.UnixNano())
	p.Meta.OrigLen = f.end - f.l2
	if f.info.Length > len(f.data) { // the record was cut, but perhaps only its padding
		p.Meta.OrigLen = f.info.Length - f.l2
		if n := ipLength(p.Bytes()); n > 0 {
			p.Meta.OrigLen = max(f.end-f.l2, min(n, p.Meta.OrigLen))
		}
	}
	if p.Truncated() {
		s.truncated.Add(1)
		return
	}
	if p.Decode(); p.PartialChecksum() {
		p.Meta.Checksum = packet.ChecksumPartial
		s.partial.Add(1)
	}
}

// Finish implements Socket: it writes the accepted packets in the order of ps. A
// truncated packet goes out as it came.
func (s *Pcap) Finish(ps []*packet.Packet) error {
	if len(ps) == 0 {
		return nil
	}
	if s.closed.Load() {
		return ErrClosed
	}
	for _, p := range ps {
		f := s.frames[p.Token.ID]
		if f == nil {
			s.verdictErrors.Add(1)
			continue
		}
		delete(s.frames, p.Token.ID)
		if p.Verdict.Final() {
			s.dropped.Add(1)
		} else {
			s.accept(f, p)
		}
		s.free = append(s.free, f)
	}
	if s.failure != nil && s.failure != io.EOF {
		return s.failure
	}
	return nil
}

func (s *Pcap) accept(f *frame, p *packet.Packet) {
	f.released(p.Meta.Captured)
	changed := p.Changed()
	if changed && p.Truncated() { // what was edited must not pass unedited
		s.verdictErrors.Add(1)
		s.dropped.Add(1)
		return
	}
	s.accepted.Add(1)
	if changed {
		p.Repair()
		s.rewritten.Add(1)
	}
	if s.out == nil {
		return
	}
	var err error
	if changed {
		err = s.out.writeChanged(f, p.Bytes())
	} else {
		err = s.out.write(f)
	}
	s.fail(err)
}

// writePending writes the frame without IP that came behind the last batch.
func (s *Pcap) writePending() {
	if s.pending == nil {
		return
	}
	if s.out != nil {
		s.fail(s.out.write(s.pending))
	}
	s.free = append(s.free, s.pending)
	s.pending = nil
}

// fail keeps the first error.
func (s *Pcap) fail(err error) {
	if s.failure == nil {
		s.failure = err
	}
}

// Wake implements Socket. Recv never waits.
func (s *Pcap) Wake() {}

// Caps implements Socket.
func (s *Pcap) Caps() Caps {
	return Caps{Backend: "pcap", GSO: true, Recorded: true, InjectOut: true, InjectIn: true}
}

// Stats implements Socket.
func (s *Pcap) Stats() Stats { return s.counters.stats() }

// Partial returns how many packets had a checksum that a card was to complete.
func (s *Pcap) Partial() uint64 { return s.partial.Load() }

// Skipped returns how many frames carried no IP.
func (s *Pcap) Skipped() uint64 { return s.skipped.Load() }

// Progress returns how many bytes of the input have been read, and of how many. Any
// goroutine may call it.
func (s *Pcap) Progress() (done, total int64) { return s.in.progress() }

// Discard closes the socket and leaves no output file.
func (s *Pcap) Discard() error {
	s.failure = errors.New("pcap: discarded") // in place of io.EOF, too
	return s.Close()
}

// Close implements Socket. It puts the output file in place, if everything so far went
// well; otherwise there is none.
func (s *Pcap) Close() error {
	var err error
	s.closing.Do(func() {
		s.closed.Store(true)
		s.writePending()
		s.in.close()
		if s.out != nil {
			err = s.out.close(s.failure == nil || s.failure == io.EOF)
		}
	})
	return err
}

func (c *counters) stats() Stats {
	return Stats{
		Received:      c.received.Load(),
		Accepted:      c.accepted.Load(),
		Rewritten:     c.rewritten.Load(),
		Dropped:       c.dropped.Load(),
		Injected:      c.injected.Load(),
		Truncated:     c.truncated.Load(),
		VerdictErrors: c.verdictErrors.Load(),
		RecvErrors:    c.recvErrors.Load(),
		Retries:       c.retries.Load(),
		Batches:       c.batches.Load(),
	}
}
