package evade

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/lab"
	"golang.org/x/sys/unix"
)

// Where the services listen.
const (
	portPlain    = 7007
	portFastOpen = 7008
	portSigned   = 7009
	portLazy     = 7010
)

// servicePort is the one that an attempt wants.
func servicePort(a *evade.Attempt) uint16 {
	port, ok := appPort(a)
	switch {
	case ok:
		return port
	case a.FastOpen:
		return portFastOpen
	case a.Signed:
		return portSigned
	case a.Lazy > 0:
		return portLazy
	}
	return portPlain
}

// A service is the receiving application: sockets of a real kernel, and what came over them.
type service struct {
	mu      sync.Mutex
	heard   map[netip.AddrPort][]byte // by the other end; datagrams each with a mark before it
	conns   map[netip.AddrPort][]net.Conn
	closers []interface{ Close() error }
}

// datagramMark begins each datagram in what was heard.
const datagramMark = "\x1e"

func newService(n *lab.Node) (*service, error) {
	s := &service{heard: map[netip.AddrPort][]byte{}, conns: map[netip.AddrPort][]net.Conn{}}
	// Data in a SYN is taken without a cookie (Documentation/networking/ip-sysctl.rst).
	if err := n.Sysctl("net.ipv4.tcp_fastopen", "515"); err != nil {
		return nil, err
	}
	err := n.Do(func() error {
		for _, f := range []evade.Family{evade.IPv4, evade.IPv6} {
			for _, port := range []uint16{portPlain, portFastOpen, portSigned, portLazy} {
				if err := s.listen(netip.AddrPortFrom(pick(n.In, f), port), pick(rawClient, f)); err != nil {
					return err
				}
			}
			pc, err := net.ListenPacket("udp", netip.AddrPortFrom(pick(n.In, f), portPlain).String())
			if err != nil {
				return err
			}
			s.closers = append(s.closers, pc)
			go s.datagrams(pc)
		}
		return s.apps(n)
	})
	return s, err
}

func (s *service) listen(at netip.AddrPort, client netip.Addr) error {
	var set error
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		err := raw.Control(func(fd uintptr) { set = option(int(fd), at.Port(), client) })
		return errors.Join(err, set)
	}}
	c.SetMultipathTCP(false)
	ln, err := c.Listen(context.Background(), "tcp", at.String())
	if err != nil {
		return err
	}
	s.closers = append(s.closers, ln)
	go s.accept(ln, at.Port() == portLazy)
	return nil
}

// option makes a socket the kind that its port promises.
func option(fd int, port uint16, client netip.Addr) error {
	switch port {
	case portFastOpen:
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 256)
	case portLazy:
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	case portSigned:
		sig := unix.TCPMD5Sig{Keylen: uint16(len(evade.SignKey))}
		copy(sig.Key[:], evade.SignKey)
		if client.Is4() {
			sig.Addr.Family = unix.AF_INET
			copy(sig.Addr.Data[2:], client.AsSlice()) // behind the port
		} else {
			sig.Addr.Family = unix.AF_INET6
			copy(sig.Addr.Data[6:], client.AsSlice()) // behind port and flow label
		}
		return unix.SetsockoptTCPMD5Sig(fd, unix.IPPROTO_TCP, unix.TCP_MD5SIG, &sig)
	}
	return nil
}

func (s *service) accept(ln net.Listener, lazy bool) {
	eachConn(ln, func(c net.Conn) {
		from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
		s.mu.Lock()
		s.conns[from] = append(s.conns[from], c)
		s.mu.Unlock()
		go func() {
			if lazy {
				time.Sleep(lazily)
			}
			s.read(c, from)
		}()
	})
}

// eachConn has do begin to serve each connection that comes, in turn, until ln is closed. One that was gone before it could be accepted is none.
func eachConn(ln net.Listener, do func(net.Conn)) {
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			do(c)
		}
	}
}

// lazily is how long the application of portLazy does not read.
const lazily = 150 * time.Millisecond

func (s *service) read(c net.Conn, from netip.AddrPort) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		s.mu.Lock()
		s.heard[from] = append(s.heard[from], buf[:n]...)
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *service) datagrams(pc net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := pc.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		at := from.(*net.UDPAddr).AddrPort()
		s.mu.Lock()
		s.heard[at] = append(append(s.heard[at], datagramMark...), buf[:n]...)
		s.mu.Unlock()
	}
}

// take returns what came from a port, whatever the address, and ends the connections with it.
func (s *service) take(port uint16) (heard []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for from, b := range s.heard {
		if from.Port() == port {
			heard = append(heard, b...)
			delete(s.heard, from)
		}
	}
	for from, cs := range s.conns {
		if from.Port() != port {
			continue
		}
		for _, c := range cs {
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
		delete(s.conns, from)
	}
	return heard
}

// late is an error if the word has come after its attempt was over.
func (s *service) late() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for from, b := range s.heard {
		if evade.Holds(b) {
			return fmt.Errorf("lab/evade: the word has come from %v after its attempt was over: %q", from, b)
		}
	}
	return nil
}

func (s *service) close() {
	for _, c := range s.closers {
		c.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cs := range s.conns {
		for _, c := range cs {
			c.Close()
		}
	}
}
