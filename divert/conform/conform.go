// Package conform is what every divert backend must do, as checks that run anywhere: against models in memory, in a network namespace with
// NFQUEUE, and on a BSD with its own kernel (weir doctor --divert-selftest). It is told how to have datagrams diverted, and where they
// come out, by a Kernel.
package conform

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

// A Kernel has UDP datagrams come along that its rules divert. It serves one Check.
type Kernel interface {
	// Open opens the socket to which the datagrams are diverted.
	Open(opts ...divert.Option) (divert.Socket, error)

	// Ways are those that a datagram can take.
	Ways() []Way

	// Send has a datagram come along. It may be dropped, as when the socket is full; an error means that it could not be sent.
	Send(w Way, payload []byte) error

	// Next returns the payload of the next datagram that has gone on; false if none comes in time.
	Next(wait time.Duration) (payload []byte, ok bool)

	// Close takes away what the Kernel has set up.
	Close()
}

// A Way is where a datagram comes along.
type Way struct {
	In    bool // on its way in, or else out
	Inet6 bool
}

func (w Way) String() string {
	return map[bool]string{true: "IPv6", false: "IPv4"}[w.Inet6] + map[bool]string{true: " in", false: " out"}[w.In]
}

// A Check is one thing that a backend must do.
type Check struct {
	Name string
	run  func(s *session) error
}

// Run runs the check against a Kernel of its own, which it closes.
func (c Check) Run(k Kernel) (err error) {
	defer k.Close()
	s := &session{Kernel: k}
	defer func() {
		if s.Socket != nil {
			err = errors.Join(err, s.Socket.Close())
		}
	}()
	return c.run(s)
}

// A session is a check on its way: a kernel, and the socket on it.
type session struct {
	Kernel
	divert.Socket
}

// Close is the Kernel's and the Socket's; a check names the one that it means.
func (s *session) Close() error { return s.Socket.Close() }

func (s *session) open(opts ...divert.Option) (err error) {
	s.Socket, err = s.Kernel.Open(opts...)
	return err
}

var (
	soon  = 5 * time.Second       // until which what must come has come
	quiet = 60 * time.Millisecond // after which what must not come does not
)

// receive receives n packets, decoded, with bytes of their own.
func (s *session) receive(n int) (ps []*packet.Packet, err error) {
	for end := time.Now().Add(soon); len(ps) < n; {
		batch := packets(n - len(ps))
		k, err := s.Recv(batch, max(0, time.Until(end)))
		for _, p := range batch[:k] {
			ps = append(ps, own(p))
		}
		if err != nil {
			return ps, err
		}
		if time.Now().After(end) {
			return ps, fmt.Errorf("%d of %d packets were received", len(ps), n)
		}
	}
	return ps, nil
}

// packets returns n empty packets.
func packets(n int) []*packet.Packet {
	ps := make([]*packet.Packet, n)
	for i := range ps {
		ps[i] = new(packet.Packet)
	}
	return ps
}

// own returns p with bytes that outlast the next Recv.
func own(p *packet.Packet) *packet.Packet {
	q := new(packet.Packet)
	q.Set(append([]byte(nil), p.Bytes()...))
	q.Token, q.Meta = p.Token, p.Meta
	q.Decode()
	return q
}

// finish gives packets a verdict.
func (s *session) finish(v packet.Verdict, ps ...*packet.Packet) error {
	for _, p := range ps {
		p.Verdict = v
	}
	return s.Finish(ps)
}

// want checks that exactly these payloads have gone on, in this order.
func (s *session) want(payloads ...string) error {
	for i, want := range payloads {
		got, ok := s.Next(soon)
		switch {
		case !ok:
			return fmt.Errorf("%d of %d datagrams have gone on; %.40q has not", i, len(payloads), want)
		case string(got) != want:
			return fmt.Errorf("datagram %d that has gone on is %.40q, %d bytes, want %.40q, %d bytes", i, got, len(got), want, len(want))
		}
	}
	return s.nothing()
}

// nothing checks that no more goes on.
func (s *session) nothing() error {
	if got, ok := s.Next(quiet); ok {
		return fmt.Errorf("%.40q has gone on, and should not", got)
	}
	return nil
}

// send has datagrams come along.
func (s *session) send(w Way, payloads ...string) error {
	for _, p := range payloads {
		if err := s.Send(w, []byte(p)); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	return nil
}

// eachWay runs f for each way that the kernel has.
func (s *session) eachWay(f func(w Way) error) error {
	for _, w := range s.Ways() {
		if err := f(w); err != nil {
			return fmt.Errorf("%v: %w", w, err)
		}
	}
	return nil
}

// first runs f in turn and returns the first error.
func first(f ...func() error) error {
	for _, f := range f {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}
