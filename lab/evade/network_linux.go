package evade

import (
	"errors"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/packet"
)

// The addresses of the raw hosts, beside those of the nodes.
var (
	rawClient = lab.Ends{V4: netip.MustParseAddr("192.0.2.200"), V6: netip.MustParseAddr("2001:db8:1::200")}
	rawServer = lab.Ends{V4: netip.MustParseAddr("198.51.100.200"), V6: netip.MustParseAddr("2001:db8:2::200")}
)

func pick(e lab.Ends, f evade.Family) netip.Addr { return e.Addr(f == evade.IPv6) }

// A network is one lab with all that attempts need: raw hosts at both ends, and receivers that listen.
type network struct {
	lab     *lab.Lab
	client  *host
	server  *host
	service *service
	tunnel  *tunnelEnd
	weir    *weir // nil: nobody inspects

	mu   sync.Mutex
	port uint16
	id   uint32
}

// newNetwork builds one; kind says who inspects.
func newNetwork(kind *weirKind, tunnels bool) (*network, error) {
	l, err := lab.New(lab.Topology{Hop: true, PlainPackets: true})
	if err != nil {
		return nil, err
	}
	n := &network{lab: l, port: firstPort}
	if err := n.fill(kind, tunnels); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *network) fill(kind *weirKind, tunnels bool) (err error) {
	if !n.lab.IPv6 {
		return errors.New("lab/evade: this kernel has no IPv6")
	}
	if n.client, err = newHost(n.lab.Client(), rawClient); err != nil {
		return err
	}
	if n.server, err = newHost(n.lab.Server(), rawServer); err != nil {
		return err
	}
	if n.service, err = newService(n.lab.Server()); err != nil {
		return err
	}
	if tunnels {
		if n.tunnel, err = newTunnelEnd(n.lab.Server()); err != nil {
			return err
		}
	}
	if kind != nil {
		n.weir, err = newWeir(n.lab, *kind)
	}
	return err
}

func (n *network) close() error {
	var errs []error
	if n.weir != nil {
		errs = append(errs, n.weir.Close())
	}
	if n.service != nil {
		n.service.close()
	}
	if n.tunnel != nil {
		n.tunnel.close()
	}
	for _, h := range []*host{n.client, n.server} {
		if h != nil {
			errs = append(errs, h.raw.Close())
		}
	}
	return errors.Join(append(errs, n.lab.Close())...)
}

// Ports of attempts; below them a flood has its own.
const firstPort = 8000

// next returns a port that no other attempt has, and an identification for datagrams.
func (n *network) next() (port uint16, id uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.port++
	n.id += 8
	return n.port, n.id & 0x7fff
}

// A host is a raw host, whose datagrams go to the conversations that they are for.
type host struct {
	raw *lab.Raw
	mu  sync.Mutex
	in  map[uint16]chan []byte // by port
}

func newHost(n *lab.Node, e lab.Ends) (*host, error) {
	raw, err := n.Raw(e.V4, e.V6)
	if err != nil {
		return nil, err
	}
	h := &host{raw: raw, in: map[uint16]chan []byte{}}
	go h.run(e)
	return h, nil
}

func (h *host) run(e lab.Ends) {
	buf := make([]byte, 65536)
	for {
		n, err := h.raw.Recv(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		var p packet.Packet
		p.Set(buf[:n])
		p.Decode()
		if p.Malformed != packet.WellFormed || p.DstAddr() != e.V4 && p.DstAddr() != e.V6 {
			continue
		}
		h.mu.Lock()
		c := h.in[p.DstPort]
		h.mu.Unlock()
		select {
		case c <- append([]byte(nil), buf[:n]...):
		default: // nobody waits, or not fast enough: it is lost
		}
	}
}

func (h *host) join(port uint16) chan []byte {
	c := make(chan []byte, 256)
	h.mu.Lock()
	h.in[port] = c
	h.mu.Unlock()
	return c
}

func (h *host) leave(port uint16) {
	h.mu.Lock()
	delete(h.in, port)
	h.mu.Unlock()
}

// A line is the Link of one attempt.
type line struct {
	net      *network
	from, to *host
	v6       bool
	in       chan []byte
	sent     int
	seen     bool // one datagram held the word
	problem  error
}

func (l *line) Send(datagram []byte) {
	l.sent++
	l.seen = l.seen || evade.Holds(datagram)
	l.problem = errors.Join(l.problem, l.from.raw.Send(datagram, l.v6))
}

func (l *line) Back(datagram []byte) {
	l.problem = errors.Join(l.problem, l.to.raw.Send(datagram, l.v6))
}

func (l *line) Recv(wait time.Duration) []byte {
	select {
	case b := <-l.in:
		return b
	default:
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case b := <-l.in:
		return b
	case <-t.C:
		return nil
	}
}

func (l *line) Divert() {
	if l.net.weir != nil {
		l.problem = errors.Join(l.problem, l.net.weir.Divert())
	}
}
