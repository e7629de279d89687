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
	msg    unix.Msghdr // here, since the kernel is to find it where it was
	iov    unix.Iovec

	untracked uint32   // mark of datagrams that connection tracking is to leave alone; 0 if there is none
	mark      markCmsg // says so to sendmsg
}

// A markCmsg is a control message that gives one datagram another mark than its socket's: SO_MARK, for
// raw sockets since Linux 5.5 (__sock_cmsg_send in net/core/sock.c). It needs CAP_NET_ADMIN, as verdicts
// do.
type markCmsg struct {
	unix.Cmsghdr
	mark uint32
	_    [4]byte // up to CMSG_SPACE(4)
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

// newInjector takes over the files that follow the netlink socket. What is to pass connection tracking
// by gets the given bits beside the mark that the sockets have.
func newInjector(files []*os.File, untracked uint32) (i injector) {
	i.to4.Family, i.to6.Family = unix.AF_INET, unix.AF_INET6
	if len(files) != 2 {
		return i
	}
	i.v4, i.v6 = files[0], files[1]
	if own, err := unix.GetsockoptInt(int(i.v4.Fd()), unix.SOL_SOCKET, unix.SO_MARK); err == nil && untracked != 0 {
		i.untracked = uint32(own) | untracked
		i.mark = markCmsg{mark: i.untracked}
		i.mark.Level, i.mark.Type = unix.SOL_SOCKET, unix.SO_MARK
		i.mark.SetLen(unix.CmsgLen(4))
	}
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
	if how == InjectIn || !s.caps.InjectOut || s.inject.v4 == nil {
		return ErrUnsupported
	}
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	if p.Changed() {
		p.Repair()
	}
	errno := s.inject.send(p, how)
	if errno != 0 {
		return errno
	}
	s.injected.Add(1)
	return nil
}

func (i *injector) send(p *packet.Packet, how Injection) syscall.Errno {
	b, m := p.Bytes(), &i.msg
	*m = unix.Msghdr{Iov: &i.iov}
	if how == InjectUntracked && i.untracked != 0 {
		m.Control = (*byte)(unsafe.Pointer(&i.mark))
		m.SetControllen(int(unsafe.Sizeof(i.mark)))
	}
	f := i.v4
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		copy(i.to4.Addr[:], b[16:20])
		m.Name, m.Namelen = (*byte)(unsafe.Pointer(&i.to4)), unix.SizeofSockaddrInet4
	case len(b) >= 40 && b[0]>>4 == 6:
		copy(i.to6.Addr[:], b[24:40])
		i.to6.Scope_id = 0
		if b[24] == 0xfe && b[25]&0xc0 == 0x80 { // link-local: back out where it came from
			i.to6.Scope_id = p.Meta.InIf
		}
		f, m.Name, m.Namelen = i.v6, (*byte)(unsafe.Pointer(&i.to6)), unix.SizeofSockaddrInet6
	default:
		return unix.EINVAL
	}
	i.iov.Base = &b[0]
	i.iov.SetLen(len(b))
	m.SetIovlen(1)
	return sendRaw(f, m)
}

func sendRaw(f *os.File, m *unix.Msghdr) (errno syscall.Errno) {
	fd := f.Fd()
	for range sendTries {
		_, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(m)), unix.MSG_DONTWAIT)
		switch errno {
		case unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN, unix.EINTR:
			runtime.Gosched()
			continue
		}
		break
	}
	return errno
}
