//go:build freebsd || openbsd

package divert

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These tests have the machine's own system calls served by the model: the program that runs them (lab/bsd) gives a divert socket two
// channels, whose far ends we have here. Along one go packets, along the other what the system is asked.

// A Channels is a kernel at the far ends.
type Channels struct {
	kernel *divertKernel
}

// TestChannels is what the environment says of the far ends: packets:calls,packets:calls…
const TestChannels = "TEST_CHANNELS"

// ServeChannels has a kernel of this system answer at the far ends. Without them the test is skipped: on a machine with a kernel of
// its own, weir doctor --divert-selftest is what to run.
func ServeChannels(t *testing.T, dialect string) *Channels {
	t.Helper()
	list := os.Getenv(TestChannels)
	if list == "" {
		t.Skip("no model serves the system calls here: run it with go run ./lab/bsd, or on a real kernel weir doctor --divert-selftest")
	}
	c := &Channels{kernel: newDivertKernel(dialects[dialect])}
	servers.Lock()
	defer servers.Unlock()
	servers.kernel = c.kernel
	if servers.running {
		return c
	}
	servers.running = true
	for pair := range strings.SplitSeq(list, ",") {
		packets, calls, _ := strings.Cut(pair, ":")
		p, err := strconv.Atoi(packets)
		if err != nil {
			t.Fatal(err)
		}
		q, err := strconv.Atoi(calls)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.SetNonblock(p, true); err != nil {
			t.Fatal(err)
		}
		go serve(p, q)
	}
	return c
}

// servers answer for as long as the process lives, each test by a kernel of its own.
var servers struct {
	sync.Mutex
	kernel  *divertKernel
	running bool
}

// sent says that something may have gone on.
var sent = make(chan struct{}, 1)

// serve answers the calls of one channel, one socket after the other.
func serve(packets, calls int) {
	buf := make([]byte, 1<<17)
	var kernel *divertKernel
	fd := -1
	for {
		n, err := unix.Read(calls, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		args := buf[1:n]
		var errno syscall.Errno
		switch buf[0] {
		case 'S':
			servers.Lock()
			kernel = servers.kernel
			servers.Unlock()
			domain, kind, proto := int32At(args, 0), int32At(args, 4), int32At(args, 8)
			if kind != sockRaw {
				errno = syscall.EPROTOTYPE
			} else if fd, errno = kernel.socket(socketKind{domain: domain, protocol: proto, inet6: domain == int(kernel.d.inet6)}); errno == 0 {
				kernel.setWire(fd, packets)
			}
		case 'B':
			errno = kernel.bind(fd, args)
		case 'O':
			if int32At(args, 0) != levelSocket || int32At(args, 4) != optRecvBuf {
				errno = syscall.ENOPROTOOPT
			} else {
				errno = kernel.setRecvBuffer(fd, int32At(args, 8))
			}
		case 'W':
			size := int(args[0])
			errno = kernel.sendto(fd, args[1+size:], args[1:1+size])
			select {
			case sent <- struct{}{}:
			default:
			}
		case 'C':
			kernel.close([]int{fd})
			continue
		}
		_, _ = unix.Write(calls, binary.NativeEndian.AppendUint32(nil, uint32(errno)))
	}
}

func int32At(b []byte, at int) int { return int(int32(binary.NativeEndian.Uint32(b[at:]))) }

// setWire has what comes to a socket go along a descriptor.
func (k *divertKernel) setWire(fd, wire int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sockets[fd].wire = func(f kernelFrame) bool {
		b := append([]byte{byte(len(f.addr))}, f.addr...)
		_, err := unix.Write(wire, append(b, f.data...))
		return err == nil
	}
}

// Divert has a packet come along.
func (c *Channels) Divert(p Passing) { c.kernel.pass(p, 0) }

// Next returns what goes on next, within a time.
func (c *Channels) Next(wait time.Duration) (Passing, bool) {
	for over := time.After(wait); ; {
		if p, ok := c.next(); ok {
			return p, true
		}
		select {
		case <-sent:
		case <-over:
			return Passing{}, false
		}
	}
}

func (c *Channels) next() (p Passing, ok bool) {
	c.kernel.mu.Lock()
	defer c.kernel.mu.Unlock()
	if len(c.kernel.passed) == 0 {
		return p, false
	}
	p, c.kernel.passed = c.kernel.passed[0], c.kernel.passed[1:]
	return p, true
}
