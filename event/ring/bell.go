//go:build linux || freebsd || openbsd

package ring

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A Bell wakes a reader that dozes: a pair of sockets for all rings of a reader, between processes that outlive each other: either end can be
// handed to a successor. Their type is SOCK_SEQPACKET, of which one end knows what became of the other. It is no pipe: whether a write into a pipe waits is a flag of the open file, which any process that has it can change, and writers
// must not be made to wait by each other.
type Bell struct {
	Strike *os.File // for writers
	Hear   *os.File // for the reader
}

// NewBell makes a bell, which is closed by closing its files.
func NewBell() (Bell, error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Bell{}, fmt.Errorf("ring: bell: %w", os.NewSyscallError("socketpair", err))
	}
	return Bell{Hear: os.NewFile(uintptr(p[0]), "bell"), Strike: os.NewFile(uintptr(p[1]), "bell")}, nil
}

// RingWith has the writer strike a bell that it was given. It never waits for that.
func (w *Writer) RingWith(strike *os.File) {
	fd := int(strike.Fd())
	w.bell = func() {
		_ = unix.Send(fd, struck[:], unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // one that is full was struck, and one that is broken is the reader's to see to
		runtime.KeepAlive(strike)
	}
}

var struck [1]byte

// heardEvery is how often one who strikes all the time is listened to.
const heardEvery = time.Millisecond

// Listen sends to woken whenever the bell is struck, and nothing while somebody has yet to take what it has sent. Once the bell is of no more use, it closes
// woken and says why.
func Listen(hear *os.File, woken chan<- struct{}) error {
	defer close(woken)
	var b [16]byte
	for {
		if _, err := hear.Read(b[:]); err != nil {
			return err
		}
		select {
		case woken <- struct{}{}:
		default:
		}
		time.Sleep(heardEvery)
	}
}
