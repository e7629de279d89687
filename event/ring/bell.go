//go:build linux || freebsd || openbsd

package ring

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A Bell wakes a reader that dozes. It is one pipe for all rings of a reader, between processes that outlive each other: either end can be
// handed to a successor.
type Bell struct {
	Strike *os.File // for writers
	Hear   *os.File // for the reader
}

// NewBell makes a bell, which is closed by closing its files.
func NewBell() (Bell, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return Bell{}, os.NewSyscallError("pipe2", err)
	}
	return Bell{Hear: os.NewFile(uintptr(p[0]), "bell"), Strike: os.NewFile(uintptr(p[1]), "bell")}, nil
}

// RingWith has the writer strike a bell that it was given.
func (w *Writer) RingWith(strike *os.File) {
	fd := int(strike.Fd())
	w.bell = func() {
		_, _ = unix.Write(fd, struck[:]) // a full pipe wakes as well
		runtime.KeepAlive(strike)
	}
}

var struck [1]byte

// heardEvery is how often one who strikes all the time is listened to.
const heardEvery = time.Millisecond

// Listen sends to woken whenever the bell is struck, and nothing while somebody has yet to take what it has sent. It returns when the bell
// is closed.
func Listen(hear *os.File, woken chan<- struct{}) error {
	var b [512]byte
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
