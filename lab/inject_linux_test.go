package lab_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/packet"
)

// Windows by which segments of our own are known.
const (
	dataWindow = 4242
	ackWindow  = 4243
)

// TestInjectedSegmentsKeepTheirPorts sends data and acknowledgements of our own beside real ones, in both
// directions of connections whose addresses are translated, and resets. All must arrive as if the other end had sent
// them.
func TestInjectedSegmentsKeepTheirPorts(t *testing.T) {
	for _, backend := range []firewall.Kind{firewall.Auto, firewall.IPTables} {
		for _, path := range []firewall.Path{firewall.PathForward, firewall.PathMasquerade, firewall.PathDNAT} {
			for _, v6 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%v/v6=%v", backend, path, v6), func(t *testing.T) { injectOn(t, backend, path, v6) })
			}
		}
	}
}

func injectOn(t *testing.T, backend firewall.Kind, path firewall.Path, v6 bool) {
	plain := labtest.New(t, lab.Topology{}) // for its addresses, which are always the same
	if v6 && !plain.IPv6 {
		t.Skip("SKIPPED: this kernel has no IPv6")
	}
	topology := lab.Topology{Masquerade: path == firewall.PathMasquerade}
	real := netip.AddrPortFrom(pick(plain.Server().In, v6), servicePort)
	dial := real
	if path == firewall.PathDNAT {
		dial = netip.AddrPortFrom(pick(plain.Router().In, v6), publicPort)
		topology.Redirects = []lab.Redirect{{From: dial, To: real}}
	}
	l := labtest.New(t, topology)
	// Connection tracking sees answers to what it has not seen.
	if err := l.Router().Sysctl("net.netfilter.nf_conntrack_tcp_be_liberal", "1"); err != nil {
		t.Fatal(err)
	}
	s := newSpeaker(t, l.Router(), backend)
	ln, err := l.Server().Listen("tcp", real.String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	w := &watch{client: newWire(t, l.Client()), server: newWire(t, l.Server()), known: map[string]bool{}}
	for _, fromClient := range []bool{true, false} {
		w.connect(t, l, ln, dial, fromClient).say(t)
		w.connect(t, l, ln, dial, fromClient).cut(t)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	w.check(t)
}

// A wire is what passes one host's link.
type wire struct {
	host    string
	capture *lab.Capture
	name    string
}

func newWire(t *testing.T, n *lab.Node) *wire {
	t.Helper()
	w := &wire{host: n.Name, name: filepath.Join(t.TempDir(), n.Name+".pcap")}
	c, err := n.Capture(w.name)
	if err != nil {
		t.Fatal(err)
	}
	w.capture = c
	return w
}

// A segment is what a wire saw: ends as "address:port", and the header.
type segment struct {
	from, to string
	*layers.TCP
}

// segments returns what has passed until now.
func (w *wire) segments(t *testing.T) (all []segment) {
	t.Helper()
	if err := w.capture.Sync(); err != nil {
		t.Fatal(err)
	}
	_ = eachFrame(t, w.name, func(frame []byte, _ time.Time) {
		p := gopacket.NewPacket(frame, layers.LinkTypeEthernet, gopacket.Default)
		if tcp, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
			src, dst := p.NetworkLayer().NetworkFlow().Endpoints()
			all = append(all, segment{
				from: net.JoinHostPort(src.String(), fmt.Sprint(uint16(tcp.SrcPort))),
				to:   net.JoinHostPort(dst.String(), fmt.Sprint(uint16(tcp.DstPort))), TCP: tcp,
			})
		}
	}) // it goes on, and may end in the middle of a frame
	return all
}

// A watch knows all connections that there were between two hosts.
type watch struct {
	client, server *wire
	known          map[string]bool // host, from, to
}

// connect opens a connection. Who speaks first on it is from.
func (w *watch) connect(t *testing.T, l *lab.Lab, ln net.Listener, dial netip.AddrPort, fromClient bool) *ends {
	t.Helper()
	c, err := l.Client().Dial("tcp", dial.String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	e := &ends{from: &end{c, w.client}, to: &end{s, w.server}}
	for _, n := range []*end{e.from, e.to} {
		here, there := n.LocalAddr().String(), n.RemoteAddr().String()
		w.known[n.host+here+there], w.known[n.host+there+here] = true, true
		_ = n.SetDeadline(time.Now().Add(10 * time.Second))
		t.Cleanup(func() { _ = n.Close() })
	}
	if !fromClient {
		e.from, e.to = e.to, e.from
	}
	// Both directions have a packet before there is anything to inject.
	for _, pair := range [][2]*end{{e.to, e.from}, {e.from, e.to}} {
		fmt.Fprint(pair[0], "hello")
		if _, err := io.ReadFull(pair[1], make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// check wants nothing on the wires but those connections.
func (w *watch) check(t *testing.T) {
	t.Helper()
	for _, wire := range []*wire{w.client, w.server} {
		for _, s := range wire.segments(t) {
			if !w.known[wire.host+s.from+s.to] {
				t.Errorf("at %s passed a segment from %s to %s, which is of no connection here (window %d)", wire.host, s.from, s.to, s.Window)
			}
		}
	}
}

// ends are the two of one connection.
type ends struct{ from, to *end }

// An end is a connection as one host has it.
type end struct {
	net.Conn
	*wire
}

// say has one end say a word, and wants the other to read that and what was injected behind it. The first one must
// get an acknowledgement.
func (e *ends) say(t *testing.T) {
	t.Helper()
	fmt.Fprint(e.from, "say")
	got := make([]byte, len("say more"))
	if _, err := io.ReadFull(e.to, got); err != nil || string(got) != "say more" {
		t.Errorf("%v read %q, %v", e.to.LocalAddr(), got, err)
	}
	e.to.await(t, tally{data: 1})
	e.from.await(t, tally{acks: 1})
	for _, c := range []*end{e.from, e.to} { // and it lives
		if n := c.tally(t); n.resets != 0 {
			t.Errorf("%v saw %d resets", c.LocalAddr(), n.resets)
		}
	}
}

// cut has one end say a word that is rejected, and wants both ends to know.
func (e *ends) cut(t *testing.T) {
	t.Helper()
	fmt.Fprint(e.from, "cut")
	for _, c := range []*end{e.from, e.to} {
		if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%v was not reset: %v", c.LocalAddr(), err)
		}
	}
}

type tally struct{ data, acks, resets int }

// await wants the end's host to have seen just that from the other end. A packet that was injected is on its way for a
// while.
func (e *end) await(t *testing.T, want tally) {
	t.Helper()
	got := e.tally(t)
	for end := time.Now().Add(10 * time.Second); got != want && time.Now().Before(end); got = e.tally(t) {
		time.Sleep(5 * time.Millisecond)
	}
	if got != want {
		t.Errorf("%v saw %+v from %v, want %+v", e.LocalAddr(), got, e.RemoteAddr(), want)
	}
}

// tally counts what came from the other end so far.
func (e *end) tally(t *testing.T) (n tally) {
	t.Helper()
	here, there := e.LocalAddr().String(), e.RemoteAddr().String()
	for _, s := range e.segments(t) {
		if s.from == there && s.to == here {
			n.resets += count(s.RST)
			n.data += count(s.Window == dataWindow && string(s.Payload) == " more")
			n.acks += count(s.Window == ackWindow && len(s.Payload) == 0)
		}
	}
	return n
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// A speaker is a loop that passes all, and speaks beside packets that ask for it.
type speaker struct {
	socket divert.Socket
	bit    uint32
	nat    [2]bool         // by direction: to the server or from it
	spoken map[string]bool // by flow and word: TCP repeats what it is not sure of
	done   chan error
}

func newSpeaker(t *testing.T, n *lab.Node, backend firewall.Kind) *speaker {
	t.Helper()
	opts := firewall.Options{NetNS: n.NetNS()}
	features := firewall.Detect(opts)
	if backend != firewall.Auto && !features.Has(backend) {
		t.Skipf("SKIPPED: no %v here: %v", backend, features.Missing)
	}
	rules, err := firewall.Plan(firewall.Config{
		Backend: backend, Traffic: firewall.Forwarded, HandBack: true, Generation: 1, CountUninspected: true, Inject: true,
		Select: []firewall.Selection{{Ports: []firewall.PortRange{firewall.Port(servicePort)}}},
	}, features)
	if err != nil {
		t.Fatal(err)
	}
	if rules.Translated == 0 {
		t.Skipf("SKIPPED: %v", rules.Notes)
	}
	b, err := firewall.Open(rules.Backend, features, opts)
	if err != nil {
		t.Fatal(err)
	}
	s := &speaker{bit: rules.Translated, spoken: map[string]bool{}, done: make(chan error, 1)}
	err = n.Do(func() (err error) {
		s.socket, err = divert.OpenSocket("nfqueue:0",
			divert.WithInjectMark(firewall.DefaultMarks.Injected.Value), divert.WithUntrackedMark(rules.Translated))
		return err
	})
	if err == nil {
		err = b.Apply(rules)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !s.socket.Caps().InjectOut {
		t.Skip("SKIPPED: raw sockets are not permitted: ", s.socket.Caps().Missing)
	}
	go func() { s.done <- s.run() }()
	t.Cleanup(func() { _ = s.stop() })
	return s
}

func (s *speaker) run() error {
	ps := make([]*packet.Packet, 16)
	for i := range ps {
		ps[i] = new(packet.Packet)
	}
	for {
		n, err := s.socket.Recv(ps, -1)
		if errors.Is(err, divert.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range ps[:n] {
			if err := s.take(p); err != nil {
				return err
			}
		}
	}
}

func (s *speaker) take(p *packet.Packet) error {
	p.Decode()
	dir := count(p.SrcPort == servicePort)
	s.nat[dir] = p.Meta.Mark&s.bit != 0
	mark := firewall.DefaultMarks.Inspected()
	p.Mark = packet.Mark{Value: mark.Value, Mask: mark.Mask}
	said := string(p.Payload())
	p.Verdict = packet.Accept
	if said == "cut" {
		p.Verdict = packet.Drop
	}
	own := [2][]byte{} // to the receiver, and back to the sender
	src, dst := p.Addrs()
	key := fmt.Sprint(src, p.SrcPort, dst, p.DstPort, said)
	first := !s.spoken[key]
	s.spoken[key] = true
	switch h := p.TCP(); {
	case !first:
	case said == "say":
		own[0] = packet.AppendSegment(nil, p, &packet.Segment{Seq: h.Seq().Add(3), Ack: h.Ack(), Window: dataWindow, Flags: packet.PSH, Payload: []byte(" more")})
		own[1] = packet.AppendSegment(nil, p, &packet.Segment{Seq: h.Ack(), Ack: h.Seq(), Window: ackWindow, ToSender: true})
	case said == "cut":
		own[0], own[1] = packet.ResetReceiver(nil, p), packet.Reset(nil, p)
	}
	if err := s.socket.Finish([]*packet.Packet{p}); err != nil {
		return err
	}
	for i, b := range own {
		if len(b) == 0 {
			continue
		}
		how := divert.InjectOut
		if s.nat[dir^i] {
			how = divert.InjectUntracked
		}
		var q packet.Packet
		q.Set(b)
		if err := s.socket.Inject(&q, how); err != nil {
			return err
		}
	}
	return nil
}

func (s *speaker) stop() error {
	_ = s.socket.Close()
	err := <-s.done
	s.done <- err
	return err
}
