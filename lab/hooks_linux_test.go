package lab_test

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/packet"
)

const (
	servicePort = 7007 // where the listener is
	publicPort  = 8080 // what is redirected there
)

// A way is one row of firewall.Hooks on the ground: who opens to what address, who listens, and the
// ends that Weir must see of it.
type way struct {
	opener     func(*lab.Lab) *lab.Node
	listener   func(*lab.Lab) *lab.Node
	listens    func(*lab.Lab) lab.Ends // of the listener
	dials      func(*lab.Lab) lab.Ends // nil: where the listener listens
	opensFrom  func(*lab.Lab) lab.Ends
	traffic    firewall.Traffic
	masquerade bool
}

var (
	clientNode = (*lab.Lab).Client
	routerNode = (*lab.Lab).Router
	serverNode = (*lab.Lab).Server
	clientEnd  = func(l *lab.Lab) lab.Ends { return l.Client().Out }
	serverEnd  = func(l *lab.Lab) lab.Ends { return l.Server().In }
	innerEnd   = func(l *lab.Lab) lab.Ends { return l.Router().In }
	outerEnd   = func(l *lab.Lab) lab.Ends { return l.Router().Out }
)

type place struct {
	path firewall.Path
	from firewall.Side
}

var ways = map[place]way{
	{firewall.PathForward, firewall.Inside}: {
		opener: clientNode, opensFrom: clientEnd, listener: serverNode, listens: serverEnd, traffic: firewall.Forwarded,
	},
	{firewall.PathForward, firewall.Outside}: {
		opener: serverNode, opensFrom: serverEnd, listener: clientNode, listens: clientEnd, traffic: firewall.Forwarded,
	},
	{firewall.PathMasquerade, firewall.Inside}: {
		opener: clientNode, opensFrom: clientEnd, listener: serverNode, listens: serverEnd, traffic: firewall.Forwarded, masquerade: true,
	},
	{firewall.PathDNAT, firewall.Inside}: {
		opener: clientNode, opensFrom: clientEnd, listener: serverNode, listens: serverEnd, dials: innerEnd, traffic: firewall.Forwarded,
	},
	{firewall.PathDNAT, firewall.Outside}: {
		opener: serverNode, opensFrom: serverEnd, listener: clientNode, listens: clientEnd, dials: outerEnd, traffic: firewall.Forwarded,
	},
	{firewall.PathLocalIn, firewall.Inside}: {
		opener: clientNode, opensFrom: clientEnd, listener: routerNode, listens: innerEnd, traffic: firewall.Local,
	},
	{firewall.PathLocalIn, firewall.Outside}: {
		opener: serverNode, opensFrom: serverEnd, listener: routerNode, listens: outerEnd, traffic: firewall.Local,
	},
	{firewall.PathLocalOut, firewall.Inside}: {
		opener: routerNode, opensFrom: outerEnd, listener: serverNode, listens: serverEnd, traffic: firewall.Local, masquerade: true,
	},
}

// TestHooks holds the table of hooks against the kernel: for each row, over both families, UDP and
// TCP.
func TestHooks(t *testing.T) {
	for _, row := range firewall.Hooks() {
		w, there := ways[place{row.Path, row.From}]
		if there != row.Exists {
			t.Errorf("%v from %v: the table says exists=%v", row.Path, row.From, row.Exists)
		}
		if !there {
			continue
		}
		for _, v6 := range []bool{false, true} {
			name := fmt.Sprintf("%v/%v/v6=%v", row.Path, row.From, v6)
			t.Run(name, func(t *testing.T) { testWay(t, row, w, v6) })
		}
	}
}

func pick(e lab.Ends, v6 bool) netip.Addr {
	if v6 {
		return e.V6
	}
	return e.V4
}

// testWay builds the network of a row and looks at both protocols.
func testWay(t *testing.T, row firewall.HookRow, w way, v6 bool) {
	plain := labtest.New(t, lab.Topology{}) // for its addresses, which are always the same
	if v6 && !plain.IPv6 {
		t.Skip("SKIPPED: this kernel has no IPv6")
	}
	topology := lab.Topology{Masquerade: w.masquerade}
	real := netip.AddrPortFrom(pick(w.listens(plain), v6), servicePort)
	dial := real
	if w.dials != nil {
		dial = netip.AddrPortFrom(pick(w.dials(plain), v6), publicPort)
		topology.Redirects = []lab.Redirect{{From: dial, To: real}}
	}
	l := labtest.New(t, topology)
	d := newDiverter(t, l.Router(), w.traffic)
	opener := pick(w.opensFrom(l), v6)
	if !row.Edit || !row.Grow || !row.HandBack {
		t.Errorf("the table says edit=%v grow=%v hand-back=%v, and all three work", row.Edit, row.Grow, row.HandBack)
	}

	exchangeUDP(t, w.opener(l), w.listener(l), dial, real, d)
	exchangeTCP(t, w.opener(l), w.listener(l), dial, real)

	want := map[firewall.Hook]packet.Hook{
		firewall.HookForward: packet.HookForward, firewall.HookInput: packet.HookInput, firewall.HookOutput: packet.HookOutput,
	}
	seen := d.stop()
	if len(seen) < 8 {
		t.Errorf("only %d packets were diverted", len(seen))
	}
	for _, s := range seen {
		forth := s.dst == real && s.src.Addr() == opener
		back := s.src == real && s.dst.Addr() == opener
		switch {
		case forth && s.hook == want[row.Original], back && s.hook == want[row.Reply]:
		default:
			t.Errorf("%v %v > %v at hook %d: the table says %q at %v and %v", s.proto, s.src, s.dst, s.hook, row.Tuple, row.Original, row.Reply)
		}
	}
}

// exchangeUDP has a datagram and its answer pass, both made longer on their way; then the flow is
// handed back, and passes unchanged.
func exchangeUDP(t *testing.T, opener, listener *lab.Node, dial, real netip.AddrPort, d *diverter) {
	t.Helper()
	pc, err := listener.ListenPacket("udp", real.String())
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	c, err := opener.Dial("udp", dial.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	round := func(ask, heard, answer, got string) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		_, _ = c.SetDeadline(deadline), pc.SetDeadline(deadline)
		if _, err := c.Write([]byte(ask)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 256)
		n, from, err := pc.ReadFrom(buf)
		if err != nil || string(buf[:n]) != heard {
			t.Fatalf("UDP: %q arrived as %q (%v), want %q", ask, buf[:n], err, heard)
		}
		if _, err := pc.WriteTo([]byte(answer), from); err != nil {
			t.Fatal(err)
		}
		if n, err = c.Read(buf); err != nil || string(buf[:n]) != got {
			t.Fatalf("UDP: %q arrived as %q (%v), want %q", answer, buf[:n], err, got)
		}
	}
	round("question", "a longer question", "answer", "a longer answer")
	round("question settle", "a longer question settle", "answer", "answer")
	round("question", "question", "answer", "answer")
	counts, err := d.backend.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if counts[firewall.HandedBack].Packets < 3 || counts[firewall.Uninspected].Packets != 0 {
		t.Errorf("UDP: %d packets handed back, want 3; %d uninspected", counts[firewall.HandedBack].Packets, counts[firewall.Uninspected].Packets)
	}
}

// exchangeTCP has both directions of a connection edited at equal length.
func exchangeTCP(t *testing.T, opener, listener *lab.Node, dial, real netip.AddrPort) {
	t.Helper()
	ln, err := listener.Listen("tcp", real.String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	heard := make(chan string, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			heard <- err.Error()
			return
		}
		defer c.Close()
		buf := make([]byte, 9)
		_, _ = io.ReadFull(c, buf)
		fmt.Fprint(c, "a secret")
		heard <- string(buf)
	}()
	c, err := opener.Dial("tcp", dial.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, "my secret")
	if got, err := io.ReadAll(c); string(got) != "a XXXXXX" {
		t.Errorf("TCP: the answer arrived as %q, %v", got, err)
	}
	if got := <-heard; got != "my XXXXXX" {
		t.Errorf("TCP: the question arrived as %q", got)
	}
}

// A sighting is one diverted packet.
type sighting struct {
	hook     packet.Hook
	proto    packet.Proto
	src, dst netip.AddrPort
}

// A diverter is the least Weir: rules, and a loop that edits.
type diverter struct {
	backend firewall.Backend
	conn    *divert.Conn
	marks   firewall.Marks

	mu   sync.Mutex
	seen []sighting
	done chan struct{}
}

func newDiverter(t *testing.T, n *lab.Node, traffic firewall.Traffic) *diverter {
	t.Helper()
	d := &diverter{marks: firewall.DefaultMarks, done: make(chan struct{})}
	opts := firewall.Options{NetNS: n.NetNS()}
	features := firewall.Detect(opts)
	rules, err := firewall.Plan(firewall.Config{
		Traffic: traffic, HandBack: true, Generation: 1, CountUninspected: true, MayGrow: true,
		Select: []firewall.Selection{{Ports: []firewall.PortRange{firewall.Port(servicePort)}}},
	}, features)
	if err != nil {
		t.Fatal(err)
	}
	if d.backend, err = firewall.Open(rules.Backend, features, opts); err != nil {
		t.Fatal(err)
	}
	err = n.Do(func() (err error) {
		d.conn, err = divert.Open("nfqueue:0")
		return err
	})
	if err == nil {
		err = d.backend.Apply(rules)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop() })
	go d.run()
	return d
}

func (d *diverter) run() {
	defer close(d.done)
	for p := range d.conn.Packets() {
		d.mu.Lock()
		d.seen = append(d.seen, sighting{
			p.Meta.Hook, p.Proto,
			netip.AddrPortFrom(p.SrcAddr(), p.SrcPort), netip.AddrPortFrom(p.DstAddr(), p.DstPort),
		})
		d.mu.Unlock()
		mark := d.marks.Inspected()
		text := string(p.Payload())
		if p.Proto == packet.UDP {
			if strings.Contains(text, "settle") {
				mark = d.marks.Settled(1)
			}
			p.SetPayload([]byte("a longer " + text))
		} else {
			copy(p.Payload(), strings.ReplaceAll(text, "secret", "XXXXXX"))
		}
		p.Mark = packet.Mark{Value: mark.Value, Mask: mark.Mask}
		_ = d.conn.Reinject(p)
	}
}

// stop ends the loop and returns what it has seen.
func (d *diverter) stop() []sighting {
	_ = d.conn.Close()
	<-d.done
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}
