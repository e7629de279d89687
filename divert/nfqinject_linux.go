package divert

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// An injector sends whole datagrams over raw sockets (raw(7)), one to each family.
type injector struct {
	v4, v6 *os.File
	to4    unix.RawSockaddrInet4
	to6    unix.RawSockaddrInet6
}

// injectSockets opens the raw sockets, IPv4 first; none where that is not permitted.
func injectSockets(mark uint32, caps *Caps) []*os.File {
	var files []*os.File
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		// IPPROTO_RAW means that we bring the IP header, and receives nothing.
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark))
			if err != nil {
				unix.Close(fd)
			}
		}
		if err != nil {
			caps.Missing = append(caps.Missing, fmt.Sprintf("Datagrams cannot be injected: raw socket: %v (needs CAP_NET_RAW).", err))
			for _, f := range files {
				f.Close()
			}
			return nil
		}
		files = append(files, os.NewFile(uintptr(fd), "inject"))
	}
	caps.InjectOut = true
	return files
}

// newInjector takes over the files that follow the netlink socket.
func newInjector(files []*os.File) (i injector) {
	if len(files) == 2 {
		i.v4, i.v6 = files[0], files[1]
	}
	i.to4.Family, i.to6.Family = unix.AF_INET, unix.AF_INET6
	return i
}

func (i *injector) close() {
	if i.v4 != nil {
		i.v4.Close()
		i.v6.Close()
	}
}

// Inject implements Socket. The datagram is routed by its destination address and
// leaves with the mark of Config.InjectMark; it passes the output and postrouting
// hooks, not prerouting. The error concerns this datagram only.
func (s *NFQueue) Inject(p *packet.Packet, how Injection) error {
	if how != InjectOut || !s.caps.InjectOut || s.inject.v4 == nil {
		return ErrUnsupported
	}
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	if p.Changed() {
		p.Repair()
	}
	errno := s.inject.send(p)
	if errno != 0 {
		return errno
	}
	s.injected.Add(1)
	return nil
}

func (i *injector) send(p *packet.Packet) syscall.Errno {
	b := p.Bytes()
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		copy(i.to4.Addr[:], b[16:20])
		return sendRaw(i.v4, b, unsafe.Pointer(&i.to4), unix.SizeofSockaddrInet4)
	case len(b) >= 40 && b[0]>>4 == 6:
		copy(i.to6.Addr[:], b[24:40])
		i.to6.Scope_id = 0
		if b[24] == 0xfe && b[25]&0xc0 == 0x80 { // link-local: back out where it came from
			i.to6.Scope_id = p.Meta.InIf
		}
		return sendRaw(i.v6, b, unsafe.Pointer(&i.to6), unix.SizeofSockaddrInet6)
	}
	return unix.EINVAL
}

func sendRaw(f *os.File, b []byte, to unsafe.Pointer, toLen uintptr) (errno syscall.Errno) {
	fd := f.Fd()
	for range sendTries {
		_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			unix.MSG_DONTWAIT, uintptr(to), toLen)
		switch errno {
		case unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN, unix.EINTR:
			runtime.Gosched()
			continue
		}
		break
	}
	return errno
}
