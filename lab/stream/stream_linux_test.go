// Package stream_test edits streams between real TCP endpoints: a lane on the router replaces a word
// by others of any length, in both directions, under loss, behind NAT, over both families, and what
// the applications read is compared byte for byte.
package stream_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/packet"
)

// bytesEach is what each connection of TestTransfers sends in each direction.
var bytesEach = flag.Int("bytes", 1<<20, "bytes that each connection of a transfer sends each way")

var noLab error

func TestMain(m *testing.M) {
	flag.Parse()
	if noLab = lab.Enter(); noLab != nil {
		fmt.Fprintln(os.Stderr, "stream tests are skipped:", noLab)
	}
	os.Exit(m.Run())
}

const (
	word        = "needle"
	servicePort = 7007
	publicPort  = 8080
)

// An editor replaces the word in every stream by another, however it is cut.
type editor struct{ with []byte }

func (e *editor) Name() string { return "dlp" }

func (e *editor) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	at := 0
	for i := bytes.Index(b, []byte(word)); i >= 0; i = bytes.Index(b[at:], []byte(word)) {
		cx.EditPayload(at+i, at+i+len(word), e.with)
		at += i + len(word)
	}
	for n := min(len(word)-1, len(b)-at); n > 0; n-- {
		if string(b[len(b)-n:]) == word[:n] {
			cx.Hold(n)
			break
		}
	}
	return inspect.Decision{}
}

// Resizes has room made in segments.
func (e *editor) Resizes() field.Set {
	if len(e.with) == len(word) {
		return 0
	}
	return field.SetOf(field.Payload)
}

// A weir is a lane on a router.
type weir struct {
	lane   *engine.Lane
	socket divert.Socket
	rules  firewall.Backend
	done   chan error
}

func newWeir(t *testing.T, n *lab.Node, with string) *weir {
	t.Helper()
	w := &weir{done: make(chan error, 1)}
	opts := firewall.Options{NetNS: n.NetNS()}
	features := firewall.Detect(opts)
	rules, err := firewall.Plan(firewall.Config{
		Traffic: firewall.Forwarded, Generation: 1, Inject: true, MayGrow: true,
		Select: []firewall.Selection{{Ports: []firewall.PortRange{firewall.Port(servicePort)}}},
	}, features)
	if err != nil {
		t.Fatal(err)
	}
	if w.rules, err = firewall.Open(rules.Backend, features, opts); err != nil {
		t.Fatal(err)
	}
	err = n.Do(func() (err error) {
		w.socket, err = divert.OpenSocket("nfqueue:0", divert.WithInjectMark(firewall.DefaultMarks.Injected.Value), divert.WithUntrackedMark(rules.Translated))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := inspect.NewChain(1, &inspect.LabelTable{}, []inspect.Entry{{Inspector: &editor{with: []byte(with)}}})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	w.lane = engine.New(engine.Config{
		Socket: w.socket, Events: &event.Buffer{}, Seed: rand.Uint64(),
		Program: engine.Program{Chain: chain, Outcomes: engine.Outcomes{
			Malformed: packet.Drop, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Drop,
		}, Translated: rules.Translated},
		Clock: func() (time.Duration, time.Time) { return time.Since(begin), time.Now() },
		// A word must not slip through because a retransmission took its time.
		Limits: engine.Limits{Hold: 20 * time.Second},
	})
	if err := w.rules.Apply(rules); err != nil {
		t.Fatal(err)
	}
	go func() { w.done <- w.lane.Run() }()
	t.Cleanup(func() {
		w.lane.Stop()
		w.socket.Wake()
		if err := <-w.done; err != nil {
			t.Error(err)
		}
		w.socket.Close()
	})
	return w
}

// text is random bytes with the word in them, some at the ends.
func text(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, 0, n+16)
	for len(b) < n {
		switch r.IntN(200) {
		case 0:
			b = append(b, word...)
		case 1:
			b = append(b, word[:r.IntN(len(word))]...)
		default:
			b = append(b, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()))
		}
	}
	return append(b, word...)
}

type setting struct {
	name     string
	topology lab.Topology
	with     string
	v6, dnat bool
	conns    int
}

// TestTransfers has both ends send at once, and compares what the other reads.
func TestTransfers(t *testing.T) {
	for _, s := range []setting{
		{name: "longer", with: "a much longer word", conns: 8},
		{name: "longer v6", with: "a much longer word", v6: true, conns: 8},
		{name: "shorter, plain packets", with: "pin", topology: lab.Topology{PlainPackets: true}, conns: 16},
		{name: "gone v6, plain packets", with: "", v6: true, topology: lab.Topology{PlainPackets: true}, conns: 16},
		{name: "same length, loss", with: "NEEDLE", topology: lab.Topology{Loss: 0.02}, conns: 16},
		{name: "same length, loss, plain packets", with: "NEEDLE", topology: lab.Topology{Loss: 0.02, PlainPackets: true}, conns: 16},
		{name: "longer, loss", with: "needles and pins", topology: lab.Topology{Loss: 0.02}, conns: 16},
		{name: "longer, loss, plain packets v6", with: "needles", v6: true, topology: lab.Topology{Loss: 0.02, PlainPackets: true}, conns: 16},
		{name: "gone, loss, plain packets", with: "", topology: lab.Topology{Loss: 0.05, PlainPackets: true}, conns: 16},
		{name: "longer, masquerade", with: "needles and pins", topology: lab.Topology{Masquerade: true}, conns: 8},
		{name: "longer, masquerade v6", with: "needles and pins", v6: true, topology: lab.Topology{Masquerade: true}, conns: 8},
		{name: "shorter, redirected", with: "pin", dnat: true, conns: 8},
	} {
		t.Run(s.name, func(t *testing.T) { transfer(t, s) })
	}
}

func pick(e lab.Ends, v6 bool) netip.Addr {
	if v6 {
		return e.V6
	}
	return e.V4
}

func newLab(t *testing.T, topology lab.Topology) *lab.Lab {
	t.Helper()
	if noLab != nil {
		t.Skipf("SKIPPED: %v", noLab)
	}
	l, err := lab.New(topology)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func transfer(t *testing.T, s setting) {
	l := newLab(t, lab.Topology{})
	if s.v6 && !l.IPv6 {
		t.Skip("SKIPPED: this kernel has no IPv6")
	}
	real := netip.AddrPortFrom(pick(l.Server().In, s.v6), servicePort)
	dial := real
	if s.dnat {
		dial = netip.AddrPortFrom(pick(l.Router().In, s.v6), publicPort)
		s.topology.Redirects = []lab.Redirect{{From: dial, To: real}}
	}
	l = newLab(t, s.topology)
	// Conntrack follows sequence numbers as they come in; without this it would call what an edit makes of
	// them invalid, and NAT would not translate it.
	if err := l.Router().Sysctl("net.netfilter.nf_conntrack_tcp_be_liberal", "1"); err != nil {
		t.Log(err)
	}
	w := newWeir(t, l.Router(), s.with)
	ln, err := l.Server().Listen("tcp", real.String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()

	var group sync.WaitGroup
	var moved atomic.Int64
	begin := time.Now()
	for i := range s.conns {
		group.Go(func() {
			c, err := ln.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			// The first byte says which connection this is.
			var id [1]byte
			if _, err := io.ReadFull(c, id[:]); err != nil {
				t.Errorf("connection: %v", err)
				return
			}
			moved.Add(exchange(t, c, uint64(id[0]), true, s.with))
		})
		group.Go(func() {
			c, err := l.Client().Dial("tcp", dial.String())
			if err == nil {
				_, err = c.Write([]byte{byte(i)})
			}
			if err != nil {
				t.Error(err)
				return
			}
			moved.Add(exchange(t, c, uint64(i), false, s.with))
		})
	}
	group.Wait()
	w.lane.Stop()
	w.socket.Wake()
	err = <-w.done
	w.done <- err
	n := w.lane.Snapshot()
	t.Logf("%d connections, %d MB in %v: %d packets, %d edits, dropped %v, anomalies %v, %+v",
		s.conns, moved.Load()>>20, time.Since(begin).Round(time.Millisecond), n.Packets, n.Edits, n.Drops, n.Anomalies, n.Streams)
	if s.topology.Loss == 0 && len(n.Anomalies) > 0 {
		t.Errorf("anomalies %v: something that was sent here was not understood", n.Anomalies)
	}
	if n.Edits == 0 {
		t.Error("nothing was edited: the test does not test it")
	}
}

// exchange sends one text and reads the other, which it wants edited and otherwise whole.
func exchange(t *testing.T, c net.Conn, id uint64, server bool, with string) int64 {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(120 * time.Second))
	mine, theirs := text(2*id, *bytesEach), text(2*id+1, *bytesEach)
	if server {
		mine, theirs = theirs, mine
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(mine)
		sent <- errors.Join(err, c.(*net.TCPConn).CloseWrite())
	}()
	got, err := io.ReadAll(c)
	if err := errors.Join(err, <-sent); err != nil {
		t.Errorf("connection %d, server %v: %v after %d bytes of %d", id, server, err, len(got), len(theirs))
	}
	want := bytes.ReplaceAll(theirs, []byte(word), []byte(with))
	if sha256.Sum256(got) != sha256.Sum256(want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("connection %d, server %v: %d bytes arrived, want %d; they differ at %d", id, server, len(got), len(want), at)
	}
	return int64(len(got))
}
