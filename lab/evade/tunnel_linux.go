package evade

import (
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/weir-project/weir/lab"
	"golang.org/x/sys/unix"
)

// A tunnelEnd takes datagrams out of others that come to a node, and has the node's kernel receive them:
// raw sockets and a TUN device, for kernels without tunnels of their own.
type tunnelEnd struct{ tun, in4, in6 *os.File }

func newTunnelEnd(n *lab.Node) (*tunnelEnd, error) {
	e := &tunnelEnd{}
	err := n.Do(func() (err error) {
		if e.tun, err = openTUN("inner"); err != nil {
			return err
		}
		if e.in4, err = openRaw(unix.AF_INET, unix.IPPROTO_IPIP); err != nil {
			return err
		}
		e.in6, err = openRaw(unix.AF_INET6, unix.IPPROTO_IPV6)
		return err
	})
	if err != nil {
		e.close()
		return nil, fmt.Errorf("%w: %w", ErrNoTunnel, err)
	}
	go e.run(e.in4, true)
	go e.run(e.in6, false)
	return e, nil
}

func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	return f, err
}

func openRaw(family, proto int) (*os.File, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tunnel"), nil
}

// run passes on what comes; IPv4's raw sockets show the outer header too.
func (e *tunnelEnd) run(in *os.File, header bool) {
	buf := make([]byte, 65536)
	for {
		n, err := in.Read(buf)
		if err != nil {
			return
		}
		b := buf[:n]
		if header && n >= 20 {
			b = b[min(int(b[0]&15)*4, n):]
		}
		if len(b) > 0 {
			_, _ = e.tun.Write(b) // what is no datagram, the kernel refuses
		}
	}
}

// close ends it.
func (e *tunnelEnd) close() {
	for _, f := range []*os.File{e.tun, e.in4, e.in6} {
		if f != nil {
			f.Close()
		}
	}
}
