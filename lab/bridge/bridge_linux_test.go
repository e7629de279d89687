// Package bridge_test has real TCP endpoints talk over a bridge of packet rings: what they read is compared byte for byte, with packets of
// any size, tags, both families, and edits that grow. So is what they say to find each other.
package bridge_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/packet"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// A network is a client and a server on one segment; the node between is the wire.
type network struct{ *labtest.Segment }

func newNetwork(t *testing.T, topology lab.Topology, vlan bool) *network {
	t.Helper()
	return &network{labtest.NewSegment(t, topology, vlan)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// address is that of the bridge between the two interfaces of the router.
func (n *network) address() string {
	return "bridge:" + n.Router().In.Interface + "," + n.Router().Out.Interface
}

// open opens a socket in the router.
func (n *network) open(t *testing.T, address string) divert.Socket {
	t.Helper()
	var s divert.Socket
	must(t, n.Router().Do(func() (err error) {
		s, err = divert.OpenSocket(address)
		return err
	}))
	return s
}

// pass accepts all packets until the end of the test, marked as changed iff dirty, and returns counts then.
func pass(s divert.Socket, dirty bool) func() (large int, st divert.Stats) {
	done := make(chan int)
	go func() {
		large := 0
		ps := make([]*packet.Packet, 64)
		for i := range ps {
			ps[i] = new(packet.Packet)
		}
		for {
			n, err := s.Recv(ps, -1)
			if err != nil {
				done <- large
				return
			}
			for _, p := range ps[:n] {
				if p.Verdict = packet.Accept; dirty {
					p.MarkDirty()
				}
				if p.Meta.GSO {
					large++
				}
			}
			_ = s.Finish(ps[:n])
		}
	}()
	return func() (int, divert.Stats) {
		st := s.Stats()
		s.Close()
		return <-done, st
	}
}

// each runs f for a number of connections at once, both ends in one call.
func (n *network) each(t *testing.T, conns int, v6 bool, f func(i int, client, server net.Conn) error) {
	t.Helper()
	ln, err := n.Server().Listen("tcp", netip.AddrPortFrom(n.ServerEnds.Addr(v6), 7007).String())
	must(t, err)
	defer ln.Close()
	var all sync.WaitGroup
	for i := range conns {
		c, err := n.Client().Dial("tcp", ln.Addr().String())
		must(t, err)
		d, err := ln.Accept()
		must(t, err)
		all.Go(func() {
			defer c.Close()
			defer d.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			_ = d.SetDeadline(time.Now().Add(time.Minute))
			if err := f(i, c, d); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

// exchange has both ends send size bytes at once, and compares what the other reads with what want makes of it.
func exchange(seed uint64, size int, a, b net.Conn, want func([]byte) []byte) error {
	errs := make(chan error, 4)
	for i, ends := range [][2]net.Conn{{a, b}, {b, a}} {
		text := textOf(seed*2+uint64(i), size)
		go func() {
			_, err := ends[0].Write(text)
			errs <- errors.Join(err, ends[0].(*net.TCPConn).CloseWrite())
		}()
		go func() {
			got, err := io.ReadAll(ends[1])
			if w := want(text); err == nil && sha256.Sum256(got) != sha256.Sum256(w) {
				err = fmt.Errorf("%d bytes were read, and are not the %d that were wanted", len(got), len(w))
			}
			errs <- err
		}()
	}
	return errors.Join(<-errs, <-errs, <-errs, <-errs)
}

const word = "needle"

// textOf is random bytes with the word in it.
func textOf(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte('a' + r.IntN(20))
	}
	for i := 0; i+len(word) < size; i += 500 + r.IntN(3000) {
		copy(b[i:], word)
	}
	return b
}

// TestBytesArrive sends bulk both ways, large packets whole, and compares every byte; also where every packet is written back.
func TestBytesArrive(t *testing.T) {
	for _, c := range []struct {
		name        string
		topology    lab.Topology
		vlan, dirty bool
	}{
		{name: "large packets"},
		{name: "large packets, written back", dirty: true},
		{name: "large packets, tagged", vlan: true},
		{name: "large packets, tagged, written back", vlan: true, dirty: true},
		{name: "plain packets", topology: lab.Topology{PlainPackets: true}},
		{name: "plain packets, tagged, written back", topology: lab.Topology{PlainPackets: true}, vlan: true, dirty: true},
	} {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/v6=%v", c.name, v6), func(t *testing.T) {
				n := newNetwork(t, c.topology, c.vlan)
				end := pass(n.open(t, n.address()), c.dirty)
				n.each(t, 3, v6, func(i int, a, b net.Conn) error {
					return exchange(uint64(i), 4<<20, a, b, func(b []byte) []byte { return b })
				})
				large, st := end()
				if (large > 0) == c.topology.PlainPackets {
					t.Errorf("%d packets were offload-sized", large)
				}
				if st.VerdictErrors+st.Truncated+st.RecvErrors > 0 || st.Crossed == 0 && !v6 || c.dirty && st.Rewritten == 0 {
					t.Errorf("stats %+v", st)
				}
				t.Logf("%d packets, %d of them large, %d frames of other kinds", st.Received, large, st.Crossed)
			})
		}
	}
}

// TestEditsThatGrow has lanes of the engine make a word longer, or take it out, in both directions; segments of their own carry what packets
// have no room for.
func TestEditsThatGrow(t *testing.T) {
	for _, c := range []struct {
		name     string
		with     string
		topology lab.Topology
		vlan, v6 bool
		lanes    int
	}{
		{name: "longer", with: "a much longer word", lanes: 1},
		{name: "longer v6, two lanes", with: "a much longer word", v6: true, lanes: 2},
		{name: "longer, plain packets", with: "a much longer word", topology: lab.Topology{PlainPackets: true}, lanes: 1},
		{name: "longer, tagged, plain packets", with: "a much longer word", topology: lab.Topology{PlainPackets: true}, vlan: true, lanes: 1},
		{name: "longer, tagged", with: "a much longer word", vlan: true, lanes: 1},
		{name: "gone v6", with: "", v6: true, lanes: 1},
		{name: "longer, loss", with: "needles and pins", topology: lab.Topology{Loss: 0.02}, lanes: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t, c.topology, c.vlan)
			injected := n.weir(t, c.lanes, []byte(c.with))
			n.each(t, 4, c.v6, func(i int, a, b net.Conn) error {
				return exchange(uint64(i), 512<<10, a, b, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(word), []byte(c.with)) })
			})
			st := injected()
			t.Logf("%d packets, %d rewritten, %d injected, %d verdict errors", st.Received, st.Rewritten, st.Injected, st.VerdictErrors)
			if st.Rewritten == 0 || st.VerdictErrors+st.Truncated > 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// weir runs lanes on the router until the test ends, or what is returned is called, which adds up their counts.
func (n *network) weir(t *testing.T, lanes int, with []byte) func() (sum divert.Stats) {
	t.Helper()
	addresses, err := divert.Lanes(fmt.Sprintf("%s/%d", n.address(), lanes))
	must(t, err)
	begin := time.Now()
	var ends []func() divert.Stats
	for _, a := range addresses {
		s := n.open(t, a)
		program := labtest.Alone(t, new(inspect.LabelTable), &labtest.Editor{Word: []byte(word), With: with})
		program.Outcomes = lane.Strict
		e := engine.New(engine.Config{
			Socket: s, Program: program, Limits: engine.Limits{Hold: 5 * time.Second}, Seed: rand.Uint64(), Events: &event.Buffer{},
			Clock: func() (time.Duration, time.Time) { return time.Since(begin), time.Now() },
		})
		done := make(chan error, 1)
		go func() { done <- e.Run() }()
		ends = append(ends, func() divert.Stats {
			e.Stop()
			s.Wake()
			if err := <-done; err != nil {
				t.Error(err)
			}
			st := s.Stats()
			s.Close()
			return st
		})
	}
	return func() (sum divert.Stats) {
		for _, end := range ends {
			st := end()
			sum.Received += st.Received
			sum.Rewritten += st.Rewritten
			sum.Injected += st.Injected
			sum.VerdictErrors += st.VerdictErrors
			sum.Truncated += st.Truncated
		}
		return sum
	}
}
