//go:build linux || freebsd || openbsd

package divert

import (
	"fmt"
	"os"

	"github.com/weir-project/weir/packet"
)

// A divertBound keeps divert sockets. The kernel does not hold what has been read; what has not waits in the sockets' buffers for
// whoever reads next.
type divertBound struct {
	socket *DivertSocket // reads only in Release
	files  []*os.File
}

// keepBatch is for Release, which reads what a few milliseconds have brought.
const keepBatch = 16

func bindDivert(address, rest string, cfg Config) (*Bound, error) {
	at, sys, err := divertAt(address, rest)
	if err != nil {
		return nil, err
	}
	return keepSocket(address, sys, at, cfg)
}

// keepSocket opens the sockets of an address and keeps them.
func keepSocket(address string, sys system, at divertPort, cfg Config) (*Bound, error) {
	fds, err := openAll(sys, at, cfg)
	if err != nil {
		sys.close(fds)
		return nil, fmt.Errorf("divert: address %q: %w", address, err)
	}
	d := &divertBound{}
	for _, fd := range fds {
		d.files = append(d.files, os.NewFile(uintptr(fd), address))
	}
	cfg.Batch = keepBatch
	d.socket = newDivertSocket(sys, at, cfg, fds)
	d.socket.free = func() { _ = closeAll(d.files); sys.close(nil) } // the descriptors are those of files
	return &Bound{Address: address, Caps: d.socket.capabilities(), keeper: d}, nil
}

func attachDivert(address, rest string, caps Caps, files []*os.File, cfg Config) (Socket, error) {
	at, sys, err := divertAt(address, rest)
	if err != nil {
		return nil, err
	}
	return readSocket(address, sys, at, caps, files, cfg)
}

// readSocket makes a socket of the descriptors that keepSocket has opened.
func readSocket(address string, sys system, at divertPort, caps Caps, files []*os.File, cfg Config) (Socket, error) {
	if len(files) != len(at.dialect.kinds) {
		sys.close(nil)
		return nil, fmt.Errorf("divert: attach %s: %d descriptors given, want %d", address, len(files), len(at.dialect.kinds))
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	s := newDivertSocket(sys, at, cfg, fds)
	s.caps = caps
	s.free = func() { _ = closeAll(files); sys.close(nil) }
	return s, nil
}

func (d *divertBound) Files() []*os.File {
	if d.socket.closed.Load() {
		return nil
	}
	return d.files
}

// Flow implements keeper.
func (d *divertBound) Flow(bool) error { return nil }

func (d *divertBound) Close() error { return d.socket.Close() }

func (d *divertBound) Load() (l Load, err error) {
	if !d.socket.enter() {
		return l, ErrClosed
	}
	defer d.socket.leave()
	if d.socket.sys.readable(d.socket.fds) {
		l.Waiting = 1
	}
	return l, nil
}

// Release reads what waits, and writes it back as it came or forgets it. What comes meanwhile is read too, for as long as there are
// packets that had come before.
func (d *divertBound) Release(v packet.Verdict) error {
	ps := make([]*packet.Packet, keepBatch)
	for i := range ps {
		ps[i] = new(packet.Packet)
	}
	for left := mostReleased; left > 0; {
		n, err := d.socket.Recv(ps, 0)
		if n == 0 || err != nil {
			return err
		}
		for _, p := range ps[:n] {
			if p.Verdict = packet.Drop; v == packet.Accept || v == packet.Pass {
				p.Verdict = packet.Accept
			}
		}
		if err := d.socket.Finish(ps[:n]); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// mostReleased is more packets than the largest buffer holds that is asked for.
const mostReleased = defaultRecvBuffer / 64

func (d *divertBound) setFailOpen(bool) error {
	return fmt.Errorf("a divert socket does not fail open: %w", ErrUnsupported)
}
