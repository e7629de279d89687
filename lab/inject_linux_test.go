package lab_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/lab"
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
	plain := newLab(t, lab.Topology{}) // for its addresses, which are always the same
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
	l := newLab(t, topology)
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
	for _, fromClient := range []bool{true, false} {
		ends := newEnds(t, l, ln, dial, fromClient)
		ends.say(t)
		ends.close(t)
		ends = newEnds(t, l, ln, dial, fromClient)
		ends.cut(t)
		ends.close(t)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// ends are a connection, with what its two hosts see.
type ends struct {
	client, server net.Conn
	from, to       net.Conn // one and the other: who speaks first
	captures       map[net.Conn]*lab.Capture
	names          map[net.Conn]string
}

func newEnds(t *testing.T, l *lab.Lab, ln net.Listener, dial netip.AddrPort, fromClient bool) *ends {
	t.Helper()
	dir := t.TempDir()
	capture := func(n *lab.Node) (*lab.Capture, string) {
		name := filepath.Join(dir, n.Name+".pcap")
		c, err := n.Capture(name)
		if err != nil {
			t.Fatal(err)
		}
		return c, name
	}
	atClient, clientName := capture(l.Client())
	atServer, serverName := capture(l.Server())
	c, err := l.Client().Dial("tcp", dial.String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	_, _ = c.SetDeadline(deadline), s.SetDeadline(deadline)
	e := &ends{
		client: c, server: s, from: c, to: s,
		captures: map[net.Conn]*lab.Capture{c: atClient, s: atServer},
		names:    map[net.Conn]string{c: clientName, s: serverName},
	}
	if !fromClient {
		e.from, e.to = s, c
	}
	// Both directions have a packet before there is anything to inject.
	for _, c := range []net.Conn{e.to, e.from} {
		other := map[net.Conn]net.Conn{e.to: e.from, e.from: e.to}[c]
		fmt.Fprint(c, "hello")
		if _, err := io.ReadFull(other, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// say has one end say a word, and wants the other to read that and what was injected behind it. The first one must
// have got an acknowledgement.
func (e *ends) say(t *testing.T) {
	t.Helper()
	fmt.Fprint(e.from, "say")
	got := make([]byte, len("say more"))
	if _, err := io.ReadFull(e.to, got); err != nil || string(got) != "say more" {
		t.Errorf("%v read %q, %v", e.to.LocalAddr(), got, err)
	}
	seen := e.segments(t, e.to)
	if seen.data != 1 {
		t.Errorf("%v saw %d injected segments of data, want 1", e.to.LocalAddr(), seen.data)
	}
	if back := e.segments(t, e.from); back.acks != 1 || back.resets+seen.resets != 0 {
		t.Errorf("%v saw %d injected acknowledgements, want 1; there were %d resets", e.from.LocalAddr(), back.acks, back.resets+seen.resets)
	}
}

// cut has one end say a word that is rejected, and wants both ends to know.
func (e *ends) cut(t *testing.T) {
	t.Helper()
	fmt.Fprint(e.from, "cut")
	for _, c := range []net.Conn{e.from, e.to} {
		if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%v was not reset: %v", c.LocalAddr(), err)
		}
		e.segments(t, c)
	}
}

func (e *ends) close(t *testing.T) {
	t.Helper()
	for _, c := range []net.Conn{e.client, e.server} {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

type tally struct{ data, acks, resets int }

// segments counts what an end has seen so far. All must be of its connection.
func (e *ends) segments(t *testing.T, at net.Conn) (n tally) {
	t.Helper()
	if err := e.captures[at].Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(e.names[at])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, _, err := r.ReadPacketData()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(frame, layers.LinkTypeEthernet, gopacket.Default)
		tcp, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok {
			continue
		}
		src, dst := p.NetworkLayer().NetworkFlow().Endpoints()
		from := net.JoinHostPort(src.String(), fmt.Sprint(uint16(tcp.SrcPort)))
		to := net.JoinHostPort(dst.String(), fmt.Sprint(uint16(tcp.DstPort)))
		here, there := at.LocalAddr().String(), at.RemoteAddr().String()
		if !(from == here && to == there || from == there && to == here) {
			t.Errorf("%s saw a segment from %s to %s; its connection is with %s", here, from, to, there)
		}
		n.resets += count(tcp.RST)
		n.data += count(tcp.Window == dataWindow && from == there && string(tcp.Payload) == " more")
		n.acks += count(tcp.Window == ackWindow && from == there && len(tcp.Payload) == 0)
	}
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
	nat    [2]bool // by direction: to the server or from it
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
	s := &speaker{bit: rules.Translated, done: make(chan error, 1)}
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
	switch h := p.TCP(); said {
	case "say":
		own[0] = packet.AppendSegment(nil, p, &packet.Segment{Seq: h.Seq().Add(3), Ack: h.Ack(), Window: dataWindow, Flags: packet.PSH, Payload: []byte(" more")})
		own[1] = packet.AppendSegment(nil, p, &packet.Segment{Seq: h.Ack(), Ack: h.Seq(), Window: ackWindow, ToSender: true})
	case "cut":
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
