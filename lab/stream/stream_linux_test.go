// Package stream_test edits streams between real TCP endpoints: a lane on the router replaces a word
// by others of any length, in both directions, under loss, behind NAT, over both families, and what
// the applications read is compared byte for byte.
package stream_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
)

var (
	bytesEach = flag.Int64("bytes", 2<<20, "bytes that each connection of TestTransfers sends each way")
	linkBytes = flag.Int64("link", 512<<10, "bytes that each connection of TestLinks sends each way")
	longBytes = flag.Int64("long", 4500<<20, "bytes that the one connection of TestBeyondTheWrap sends")
	stormConn = flag.Int("storm", 64, "connections of TestStorm")
	stormEach = flag.Int64("stormbytes", 1<<20, "bytes that each of them sends each way; 80 MiB make 10 GB")
)

func TestMain(m *testing.M) { labtest.Main(m) }

const (
	word        = "needle"
	servicePort = 7007
	publicPort  = 8080
)

func newWeir(t *testing.T, n *lab.Node, with string) *lane.Lane {
	t.Helper()
	rules := firewall.Config{Inject: true, MayGrow: true, Select: lane.Port(servicePort)}
	// A word must not slip through because a retransmission took its time. Some do all the same (see slipped).
	limits := engine.Limits{Hold: 5 * time.Second}
	alone := labtest.Alone(t, new(inspect.LabelTable), &labtest.Editor{Word: []byte(word), With: []byte(with)})
	return labtest.Lane(t, n, rules, engine.Config{Program: alone, Limits: limits})
}

// A source is a text of random bytes with the word in it, some at the ends of blocks. It is made as it is read,
// so it may be longer than memory.
type source struct {
	seed  uint64
	block uint64
	left  int64 // whole blocks are read until there is less
	b     []byte
}

// newSource returns the text with the given number.
func newSource(seed uint64, n int64) *source { return &source{seed: seed, left: n} }

const blockBytes = 32 << 10

// next returns the next block; nil is the end. No word reaches over its end, since a line ends there.
func (s *source) next() []byte {
	if s.left <= 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(s.seed, s.block))
	s.block++
	b := s.b[:0]
	for len(b) < int(min(s.left, blockBytes)) {
		switch r.IntN(60) {
		case 0:
			b = append(b, word...)
		case 1:
			b = append(b, word[:r.IntN(len(word))]...)
		default:
			for range 8 {
				b = binary.LittleEndian.AppendUint64(b, r.Uint64())
			}
		}
	}
	b = append(append(b, word...), '\n')
	s.left -= int64(len(b))
	s.b = b
	return b
}

type setting struct {
	name     string
	topology lab.Topology
	with     string
	v6, dnat bool
	conns    int
	bytes    int64      // of each connection, each way
	disturb  *disturber // on the hop behind the router
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
		s.bytes = *bytesEach
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			transfer(t, s)
		})
	}
}

// TestLinks edits what crosses links that are not plain, or narrower than both ends know. A segment that fits, and that an edit
// makes too long for the path, must arrive all the same.
func TestLinks(t *testing.T) {
	const longer = "a much longer word"
	for _, s := range []setting{
		{name: "PPPoE", topology: lab.Topology{Hop: true, PlainPackets: true, Outer: lab.Link{MTU: 1492}}, with: longer},
		{name: "PPPoE, masquerade", topology: lab.Topology{Hop: true, Masquerade: true, Outer: lab.Link{MTU: 1492}}, with: longer},
		{name: "narrower than a grown segment", topology: lab.Topology{PlainPackets: true, Narrow: 1400}, with: longer},
		{name: "narrower than a grown segment, far", topology: lab.Topology{Hop: true, PlainPackets: true, Narrow: 1400}, with: longer},
		{name: "narrower than any", topology: lab.Topology{Hop: true, PlainPackets: true, Narrow: 1300}, with: longer},
		{name: "narrower than any, gone", topology: lab.Topology{Hop: true, PlainPackets: true, Narrow: 1300}, with: ""},
		{name: "narrower than any, large packets", topology: lab.Topology{Hop: true, Narrow: 1300}, with: longer},
		{name: "VLAN", topology: lab.Topology{Outer: lab.Link{Kind: lab.VLAN}}, with: longer},
		{name: "VLAN, plain packets", topology: lab.Topology{Hop: true, PlainPackets: true, Outer: lab.Link{Kind: lab.VLAN}}, with: longer},
		{name: "WireGuard", topology: lab.Topology{Hop: true, Outer: lab.Link{Kind: lab.WireGuard}}, with: longer},
		{name: "WireGuard, same length", topology: lab.Topology{Hop: true, Outer: lab.Link{Kind: lab.WireGuard}}, with: "NEEDLE"},
		{name: "WireGuard, masquerade", topology: lab.Topology{Hop: true, PlainPackets: true, Masquerade: true, Outer: lab.Link{Kind: lab.WireGuard}}, with: longer},
	} {
		for _, s.v6 = range []bool{false, true} {
			s.conns, s.bytes = 4, *linkBytes
			t.Run(fmt.Sprintf("%s/v6=%v", s.name, s.v6), func(t *testing.T) {
				t.Parallel()
				transfer(t, s)
			})
		}
	}
}

// TestLateLessonOfThePath: numbers have moved far when the first segment comes that is too long for the path. Its sender takes
// what the router tells of it for a fake, and learns from Weir.
func TestLateLessonOfThePath(t *testing.T) {
	const rounds, upload = 200, 256 << 10
	for _, topology := range []lab.Topology{
		{PlainPackets: true, Narrow: 1300},
		{Hop: true, Narrow: 1300},
	} {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("hop=%v/v6=%v", topology.Hop, v6), func(t *testing.T) {
				t.Parallel()
				l := labtest.New(t, topology)
				with := bytes.Repeat([]byte("long "), 120)
				w := newWeir(t, l.Router(), string(with))
				ln, err := l.Server().Listen("tcp", netip.AddrPortFrom(l.Server().In.Addr(v6), servicePort).String())
				if err != nil {
					t.Fatal(err)
				}
				defer ln.Close()
				go lab.ServeStreams(ln, func(c net.Conn) {
					r := bufio.NewReader(c)
					for {
						line, err := r.ReadSlice('\n')
						if err != nil {
							return
						}
						fmt.Fprintf(c, "%d\n", len(line))
					}
				})
				c, err := l.Client().Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				for range rounds {
					say(t, c, word+"\n", len(with)+1)
				}
				for range upload / 4000 {
					say(t, c, string(bytes.Repeat([]byte("x"), 3999))+"\n", 4000)
				}
				if err := w.End(); err != nil {
					t.Error(err)
				}
				if n := w.Snapshot(); n.Injected == 0 || len(n.Anomalies) > 0 {
					t.Errorf("%d injected, anomalies %v", n.Injected, n.Anomalies)
				}
			})
		}
	}
}

// say sends a line, and wants to hear how many bytes of it arrive.
func say(t *testing.T, c net.Conn, line string, want int) {
	t.Helper()
	var got int
	_, err := io.WriteString(c, line)
	if err == nil {
		_, err = fmt.Fscanln(c, &got)
	}
	if err != nil || got != want {
		t.Fatalf("%d bytes arrive, %v; want %d", got, err, want)
	}
}

// TestStorm has many connections edited both ways while a hop behind Weir loses, repeats and reorders.
func TestStorm(t *testing.T) {
	for _, s := range []setting{
		{name: "longer", with: "needles and pins"},
		{name: "shorter v6", with: "pin", v6: true},
	} {
		s.conns, s.bytes = *stormConn/2, *stormEach
		s.topology = lab.Topology{Hop: true, PlainPackets: true}
		s.disturb = &disturber{loss: 50, reorder: 50, twice: 10}
		t.Run(s.name, func(t *testing.T) { transfer(t, s) })
	}
}

// TestBeyondTheWrap sends more on one connection than there are sequence numbers.
func TestBeyondTheWrap(t *testing.T) {
	transfer(t, setting{with: "needles and pins", conns: 1, bytes: *longBytes})
}

func transfer(t *testing.T, s setting) {
	l := labtest.New(t, lab.Topology{})
	if s.v6 && !l.IPv6 {
		t.Skip("SKIPPED: this kernel has no IPv6")
	}
	real := netip.AddrPortFrom(l.Server().In.Addr(s.v6), servicePort)
	dial := real
	if s.dnat {
		dial = netip.AddrPortFrom(l.Router().In.Addr(s.v6), publicPort)
		s.topology.Redirects = []lab.Redirect{{From: dial, To: real}}
	}
	l = labtest.New(t, s.topology)
	// Conntrack follows sequence numbers as they come in; without this it would call what an edit makes of
	// them invalid, and NAT would not translate it.
	if err := l.Router().Sysctl("net.netfilter.nf_conntrack_tcp_be_liberal", "1"); err != nil {
		t.Log(err)
	}
	w := newWeir(t, l.Router(), s.with)
	if s.disturb != nil {
		s.disturb.start(t, l.Hop())
	}
	ln, err := l.Server().Listen("tcp", real.String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()

	var group sync.WaitGroup
	var moved, slipped atomic.Int64
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
			moved.Add(exchange(t, c, uint64(id[0]), true, s, &slipped))
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
			moved.Add(exchange(t, c, uint64(i), false, s, &slipped))
		})
	}
	group.Wait()
	if err := w.End(); err != nil {
		t.Error(err)
	}
	n := w.Snapshot()
	t.Logf("%d connections, %d MB in %v: %d packets, %d edits, dropped %v, anomalies %v, %+v",
		s.conns, moved.Load()>>20, time.Since(begin).Round(time.Millisecond), n.Packets, n.Edits, n.Drops, n.Anomalies, n.Streams)
	if s.disturb != nil {
		s.disturb.report(t)
	}
	if s.topology.Loss == 0 && s.disturb == nil && len(n.Anomalies) > 0 {
		t.Errorf("anomalies %v: something that was sent here was not understood", n.Anomalies)
	}
	// A sender whose congestion window is a segment sends no second one before the first has arrived. If that ends in what could be
	// the word, it waits for the rest in vain, until it is held no longer.
	if got := slipped.Load(); got != int64(n.Anomalies["edit-too-late"]) {
		t.Errorf("%d words slipped through, and %d were told of", got, n.Anomalies["edit-too-late"])
	}
	if n.Edits == 0 {
		t.Error("nothing was edited: the test does not test it")
	}
}

// exchange sends one text and reads the other, which it wants edited and otherwise whole.
func exchange(t *testing.T, c net.Conn, id uint64, server bool, s setting, slipped *atomic.Int64) int64 {
	defer c.Close()
	mine, theirs := 2*id, 2*id+1
	if server {
		mine, theirs = theirs, mine
	}
	sent := make(chan error, 1)
	go func() { sent <- errors.Join(send(patient{c}, newSource(mine, s.bytes)), c.(*net.TCPConn).CloseWrite()) }()
	got, late, err := receive(patient{c}, newSource(theirs, s.bytes), []byte(s.with))
	slipped.Add(late)
	if err != nil {
		c.Close()
	}
	if err := errors.Join(err, <-sent); err != nil {
		t.Errorf("connection %d, server %v, after %d bytes: %v", id, server, got, err)
	}
	return got
}

// A patient connection may take as long as it likes, unless nothing moves at all.
type patient struct{ net.Conn }

const patience = 2 * time.Minute // more than segments wait for one before them, twice

func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(patience))
	return p.Conn.Read(b)
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.SetWriteDeadline(time.Now().Add(patience))
	return p.Conn.Write(b)
}

func send(w io.Writer, s *source) error {
	for b := s.next(); b != nil; b = s.next() {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

// receive reads to the end, and wants every byte to be the source's but for the word, in whose place with stands. slipped is how many
// words came as they were.
func receive(from io.Reader, want *source, with []byte) (n, slipped int64, err error) {
	r := bufio.NewReaderSize(from, 1<<16)
	// next takes b off the stream, if that comes next.
	next := func(b []byte) bool {
		if got, _ := r.Peek(len(b)); !bytes.Equal(got, b) {
			return false
		}
		k, _ := r.Discard(len(b))
		n += int64(k)
		return true
	}
	for block := want.next(); block != nil; block = want.next() {
		for len(block) > 0 {
			plain, rest, isWord := bytes.Cut(block, []byte(word))
			block = rest
			switch {
			case !next(plain):
			case !isWord, len(with) > 0 && next(with):
				continue
			case next([]byte(word)):
				slipped++
				continue
			case len(with) == 0:
				continue
			}
			_, err := r.Peek(max(len(plain), len(with)))
			return n, slipped, errors.Join(err, fmt.Errorf("what arrived is something else than what was sent and edited, behind %d bytes", n))
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return n, slipped, errors.Join(err, errors.New("it does not end"))
	}
	return n, slipped, nil
}
