package divert

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/weir-project/weir/packet"
)

// A Bound is a divert socket that is bound and configured, and from
// which nobody reads yet. It is the part that needs root. A process that keeps it can
// lose the process that reads (Attach) and start another: packets that were not read wait in
// the kernel, and where Caps.Reclaim says so, those that were read can be had again.
type Bound struct {
	Address string
	Caps    Caps
	keeper
}

// A keeper is what the process that stays can do with its socket.
type keeper interface {
	// Files returns the descriptors that Attach wants, in its order; the Bound keeps them.
	// Passed to another process they stay the same sockets.
	Files() []*os.File

	// Close closes the descriptors. When no other process holds them, the kernel drops what waits.
	Close() error

	// Flow has packets come, or none. It is for a bridge, to which they come without any rule: behind Bind they do not, until
	// Flow(true). Elsewhere rules decide, and it does nothing.
	Flow(on bool) error

	// Load reads what waits, and what was dropped.
	Load() (Load, error)

	// Release finishes every packet that waits: accepted for packet.Accept and Pass, else dropped. It is for when there
	// is no reader and will be none, after the diverting rules are gone.
	Release(v packet.Verdict) error

	setFailOpen(on bool) error
}

// A Load is what the kernel has counted since a socket was bound.
type Load struct {
	Waiting int    // packets without a verdict, now; of a divert socket or a bridge 1 if any wait to be read
	Dropped uint64 // packets for which there was no room; of a divert socket not known, and 0

	Down []string // interfaces of a bridge that carry nothing, each with the reason: "eth1 is down"
	Gone bool     // one of them was deleted: though there may be another of its name, Bind has to be called again
}

// A Reclaimer is a Socket of which what a dead process had received can be had again.
type Reclaimer interface {
	// Reclaim has the kernel deliver again every packet that a previous reader received and did not finish. It belongs
	// before the first Recv of a process that was given the descriptors of a dead one. It returns how many these are, -1 if
	// that is not known yet.
	Reclaim() (int, error)
}

// ErrTaken says that somebody else is bound to a queue or port; the error's text says who, or how to find out.
var ErrTaken = errors.New("divert: taken")

type takenError struct{ error }

func (takenError) Is(target error) bool { return target == ErrTaken }
func (e takenError) Unwrap() error      { return e.error }

// Bind opens the socket of an address "nfqueue:…", "bridge:…" or "divert:…", and needs the privileges for that: it is one half of OpenSocket.
func Bind(address string, opts ...Option) (*Bound, error) {
	scheme, rest, _ := strings.Cut(address, ":")
	cfg := configure(opts)
	switch scheme {
	case "nfqueue":
		return bindNFQueue(address, cfg)
	case "divert":
		return bindDivert(address, rest, cfg)
	case "bridge":
		return bindBridge(address, rest, cfg)
	case "fake":
		return bindWire(address, rest, cfg)
	}
	return nil, fmt.Errorf("divert: address %q cannot be bound by one process and read by another (nfqueue:, bridge: and divert: can)", address)
}

// Attach makes a Socket of the descriptors of a Bound, here or in a process that inherited them, with the address and the Caps of
// that Bound and the same options: it is the other half of OpenSocket, but for Flow. It owns files from now on. A process that takes over from
// a dead one asks a Reclaimer before the first Recv.
func Attach(address string, caps Caps, files []*os.File, opts ...Option) (Socket, error) {
	scheme, rest, _ := strings.Cut(address, ":")
	cfg := configure(opts)
	switch scheme {
	case "nfqueue":
		return attachNFQueue(address, caps, files, cfg)
	case "divert":
		return attachDivert(address, rest, caps, files, cfg)
	case "bridge":
		return attachBridge(address, rest, caps, files, cfg)
	case "fake":
		return attachWire(address, rest, caps, files, cfg)
	}
	return nil, fmt.Errorf("divert: nothing can be attached to address %q", address)
}

// SetFailOpen says anew whether the kernel passes packets unread while there is no room (WithFailOpen) or drops them; packets that
// wait are not touched. It returns ErrUnsupported where the kernel cannot.
func (b *Bound) SetFailOpen(on bool) error {
	if len(b.Files()) == 0 {
		return ErrClosed
	}
	if err := b.setFailOpen(on); err != nil {
		return err
	}
	b.Caps.FailOpen = on
	return nil
}

func closeAll(files []*os.File) (err error) {
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	return err
}
