//go:build linux || freebsd || openbsd

package divert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A wire is the system calls to a ModelKernel in another process: "fake:openbsd@/path/of/a/socket", for tests of programs that consist of
// several processes. A divert socket is a connection to it, of sequenced packets. The first message says which kind of socket and what it
// is bound to, and is answered with an error's number; behind it each message is a packet behind its address.
type wire struct {
	waiter
	path  string
	kinds []socketKind
	buf   []byte // address and packet
}

// wireBuffer is for a datagram and its address.
const wireBuffer = maxDatagram + 1 + sizeInet6

// parseWire reads "openbsd@/path".
func parseWire(address, rest string) (at divertPort, sys system, err error) {
	name, path, found := strings.Cut(rest, "@")
	d := dialects[name]
	if !found || d == nil {
		return at, nil, fmt.Errorf("divert: address %q: a model in another process is fake:SYSTEM@/path, with one of %v", address, ModelSystems())
	}
	w := &wire{path: path, buf: make([]byte, wireBuffer)}
	for _, kinds := range d.kinds {
		w.kinds = append(w.kinds, kinds...)
	}
	return divertPort{port: 700, dialect: d}, w, w.open()
}

// openWire is both halves in one process.
func openWire(address, rest string, cfg Config) (Socket, error) {
	at, sys, err := parseWire(address, rest)
	if err != nil {
		return nil, err
	}
	s, err := openDivertSocket(sys, at, cfg)
	if err != nil {
		return nil, fmt.Errorf("divert: address %q: %w", address, err)
	}
	return s, nil
}

func bindWire(address, rest string, cfg Config) (*Bound, error) {
	at, sys, err := parseWire(address, rest)
	if err != nil {
		return nil, err
	}
	return keepSocket(address, sys, at, cfg)
}

func attachWire(address, rest string, caps Caps, files []*os.File, cfg Config) (Socket, error) {
	at, sys, err := parseWire(address, rest)
	if err != nil {
		return nil, err
	}
	return readSocket(address, sys, at, caps, files, cfg)
}

func (w *wire) socket(k socketKind) (int, syscall.Errno) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		if err = unix.Connect(fd, &unix.SockaddrUnix{Name: w.path}); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return -1, errnoOf(err)
	}
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(k.domain)), uint32(k.protocol))
	if errno := w.ask(fd, b); errno != 0 {
		unix.Close(fd)
		return -1, errno
	}
	return fd, 0
}

// ask sends a message and awaits the number of an error.
func (w *wire) ask(fd int, b []byte) syscall.Errno {
	if _, err := unix.Write(fd, b); err != nil {
		return errnoOf(err)
	}
	var answer [4]byte
	n, err := unix.Read(fd, answer[:])
	if err != nil || n != len(answer) {
		return syscall.ECONNREFUSED
	}
	return syscall.Errno(binary.BigEndian.Uint32(answer[:]))
}

func (w *wire) bind(fd int, addr []byte) syscall.Errno { return w.ask(fd, addr) }

func (w *wire) setRecvBuffer(fd, bytes int) syscall.Errno {
	return errnoOf(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

func (w *wire) recvfrom(fd int, b, addr []byte) (n, addrLen int, errno syscall.Errno) {
	n, _, err := unix.Recvfrom(fd, w.buf, unix.MSG_DONTWAIT)
	switch {
	case err != nil:
		return 0, 0, errnoOf(err)
	case n == 0:
		return 0, 0, syscall.EBADF // the kernel is gone
	}
	k := copy(addr, w.buf[1:min(1+int(w.buf[0]), n)])
	return copy(b, w.buf[1+k:n]), k, 0
}

func (w *wire) sendto(fd int, b, addr []byte) syscall.Errno {
	m := append(append(append(w.buf[:0], byte(len(addr))), addr...), b...)
	err := unix.Sendmsg(fd, m, nil, nil, unix.MSG_NOSIGNAL) // a kernel has taken the packet when it returns: it has no buffer that could be full
	for errors.Is(err, unix.EINTR) {
		err = unix.Sendmsg(fd, m, nil, nil, unix.MSG_NOSIGNAL)
	}
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return syscall.EBADF
	}
	return errnoOf(err)
}

func (w *wire) close(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
	w.waiter.close()
}

// interfaces are those of NewModel.
func (w *wire) interfaces() (all []net.Interface, err error) {
	return newDivertKernel(nil).interfaces()
}

// ServeModel returns a kernel like NewModel's that waits for divert sockets of other processes, "fake:SYSTEM@PATH", until it is closed.
func ServeModel(system, path string) (*ModelKernel, func() error, error) {
	d := dialects[system]
	if d == nil {
		return nil, nil, fmt.Errorf("divert: no model of %q (write one of %v)", system, ModelSystems())
	}
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: path})
	if err != nil {
		return nil, nil, fmt.Errorf("divert: a model at %s: %w", path, err)
	}
	k := newDivertKernel(d)
	go func() {
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			go k.serve(c)
		}
	}()
	return &ModelKernel{k}, func() error { k.hangUp(); return l.Close() }, nil
}

// hangUp ends all wires.
func (k *divertKernel) hangUp() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.hangups {
		f()
	}
	k.hangups = nil
}

// serve is the kernel's side of a wire.
func (k *divertKernel) serve(c *net.UnixConn) {
	defer c.Close()
	buf := make([]byte, wireBuffer)
	next := func() []byte {
		n, err := c.Read(buf)
		if err != nil {
			return nil
		}
		return buf[:n]
	}
	answer := func(errno syscall.Errno) bool {
		_, err := c.Write(binary.BigEndian.AppendUint32(nil, uint32(errno)))
		return errno == 0 && err == nil
	}
	kind := next()
	if len(kind) != 8 {
		return
	}
	domain := int(binary.BigEndian.Uint32(kind))
	fd, errno := k.socket(socketKind{domain: domain, protocol: int(binary.BigEndian.Uint32(kind[4:])), inet6: len(k.d.kinds) > 1 && domain == int(k.d.inet6)})
	if !answer(errno) {
		return
	}
	defer k.close([]int{fd})
	errno = k.bind(fd, next())
	k.mu.Lock() // no packet comes ahead of the answer, and none before there is a way for it
	bound := answer(errno)
	k.hangups = append(k.hangups, func() { _ = c.Close() })
	k.sockets[fd].wire = func(f kernelFrame) bool {
		return sendNow(c, append(append([]byte{byte(len(f.addr))}, f.addr...), f.data...)) // a full buffer drops
	}
	k.mu.Unlock()
	if !bound {
		return
	}
	for m := next(); len(m) > 1 && len(m) > 1+int(m[0]); m = next() {
		size := 1 + int(m[0])
		_ = k.sendto(fd, m[size:], m[1:size]) // where the kernel refuses a packet it is gone
	}
}

// sendNow sends a message if there is room for it at once. A deadline could pass ahead of the first try, on a busy machine.
func sendNow(c *net.UnixConn, m []byte) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	sent := false
	err = raw.Control(func(fd uintptr) {
		sent = unix.Sendmsg(int(fd), m, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) == nil
	})
	return err == nil && sent
}
