package conform

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/weir-project/weir/divert"
)

// A Loopback is a Kernel of the machine's own: datagrams on its loopback interface, to a port for each Way. Rules that divert them are somebody
// else's to make.
type Loopback struct {
	open     func(...divert.Option) (divert.Socket, error)
	ways     []Way
	to, from map[Way]*net.UDPConn
	got      chan []byte
	slots    [][]byte // what arrives goes into these in turn, so that it does not allocate
	slot     chan int // the next of them
}

// NewLoopback returns a Loopback with these ways, each of which has a port at which its datagrams arrive. A way of IPv6 is left out where
// there is no IPv6. open opens the socket.
func NewLoopback(open func(...divert.Option) (divert.Socket, error), ports map[Way]int) (*Loopback, error) {
	const slots = 2048
	k := &Loopback{
		open: open, to: make(map[Way]*net.UDPConn), from: make(map[Way]*net.UDPConn),
		got: make(chan []byte, slots/2), slots: make([][]byte, slots), slot: make(chan int, 1),
	}
	for i := range k.slots {
		k.slots[i] = make([]byte, 2048)
	}
	k.slot <- 0
	for _, w := range []Way{{}, {In: true}, {Inet6: true}, {In: true, Inet6: true}} {
		port, ok := ports[w]
		if !ok {
			continue
		}
		switch err := k.add(w, port); {
		case err != nil && w.Inet6:
		case err != nil:
			k.Close()
			return nil, fmt.Errorf("port %d of the loopback interface: %w", port, err)
		default:
			k.ways = append(k.ways, w)
		}
	}
	return k, nil
}

// add opens both ends of a way.
func (k *Loopback) add(w Way, port int) error {
	at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	if w.Inet6 {
		at.IP = net.IPv6loopback
	}
	to, err := net.ListenUDP("udp", at)
	if err != nil {
		return err
	}
	from, err := net.DialUDP("udp", nil, at)
	if err != nil {
		return errors.Join(err, to.Close())
	}
	k.to[w], k.from[w] = to, from
	go k.read(to)
	return nil
}

// read takes what arrives at one end, until that is closed.
func (k *Loopback) read(to *net.UDPConn) {
	b := make([]byte, 65536)
	for {
		n, err := to.Read(b)
		if err != nil {
			return
		}
		i := <-k.slot
		n = copy(k.slots[i], b[:n])
		k.got <- k.slots[i][:n]
		k.slot <- (i + 1) % len(k.slots)
	}
}

// Open implements Kernel.
func (k *Loopback) Open(opts ...divert.Option) (divert.Socket, error) { return k.open(opts...) }

// Ways implements Kernel.
func (k *Loopback) Ways() []Way { return k.ways }

// Use confines the Loopback to some of its ways.
func (k *Loopback) Use(ways ...Way) { k.ways = ways }

// Send implements Kernel. Some kernels tell the sender that a datagram was dropped.
func (k *Loopback) Send(w Way, payload []byte) error {
	_, err := k.from[w].Write(payload)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EHOSTUNREACH) {
		return nil
	}
	return err
}

// Next implements Kernel.
func (k *Loopback) Next(wait time.Duration) ([]byte, bool) {
	select {
	case b := <-k.got:
		return b, true
	case <-time.After(wait):
		return nil, false
	}
}

// Close implements Kernel.
func (k *Loopback) Close() {
	for w := range k.to {
		k.to[w].Close()
		k.from[w].Close()
	}
}
