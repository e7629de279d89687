package lab_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

func contains(out []byte, s string) bool { return bytes.Contains(out, []byte(s)) }

func families(l *lab.Lab, e lab.Ends) []netip.Addr {
	if !l.IPv6 {
		return []netip.Addr{e.V4}
	}
	return []netip.Addr{e.V4, e.V6}
}

// talk sends a greeting over TCP from one node to a listener and returns whom the listener saw.
func talk(t *testing.T, from *lab.Node, ln net.Listener, to string) netip.AddrPort {
	t.Helper()
	seen := make(chan netip.AddrPort, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			close(seen)
			return
		}
		defer c.Close()
		_, _ = io.Copy(c, c)
		a := c.RemoteAddr().(*net.TCPAddr).AddrPort()
		seen <- netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}()
	c, err := from.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, "hello")
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "hello" {
		t.Fatalf("%s to %s: read %q, %v", from.Name, to, got, err)
	}
	return <-seen
}

func TestEveryPairTalks(t *testing.T) {
	for _, topology := range []lab.Topology{{}, {Hop: true}, {PlainPackets: true}} {
		l := labtest.New(t, topology)
		nodes := []*lab.Node{l.Client(), l.Router(), l.Server()}
		if h := l.Hop(); h != nil {
			nodes = append(nodes, h)
		}
		for _, from := range nodes {
			for _, to := range nodes {
				end := to.Out
				if to == l.Server() {
					end = to.In
				}
				for _, a := range families(l, end) {
					ln, err := to.Listen("tcp", netip.AddrPortFrom(a, 0).String())
					if err != nil {
						t.Fatal(err)
					}
					talk(t, from, ln, ln.Addr().String())
					ln.Close()
				}
			}
		}
	}
}

func TestTranslation(t *testing.T) {
	client, server := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("198.51.100.10")
	l := labtest.New(t, lab.Topology{Masquerade: true, Redirects: []lab.Redirect{
		{From: netip.MustParseAddrPort("198.51.100.1:8080"), To: netip.AddrPortFrom(client, 80)},
		{From: netip.MustParseAddrPort("192.0.2.1:8081"), To: netip.AddrPortFrom(server, 81)},
	}})
	if l.Client().Out.V4 != client || l.Server().In.V4 != server {
		t.Fatalf("client %v, server %v", l.Client().Out, l.Server().In)
	}
	listen := func(n *lab.Node, addr string) net.Listener {
		ln, err := n.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		return ln
	}
	outside, inside := listen(l.Server(), ":81"), listen(l.Client(), ":80")
	if seen := talk(t, l.Client(), outside, "198.51.100.10:81"); seen.Addr() != l.Router().Out.V4 {
		t.Errorf("masqueraded client is seen as %v", seen)
	}
	if l.IPv6 {
		if seen := talk(t, l.Client(), outside, "[2001:db8:2::10]:81"); seen.Addr() != l.Router().Out.V6 {
			t.Errorf("masqueraded client is seen as %v", seen)
		}
	}
	if seen := talk(t, l.Server(), inside, "198.51.100.1:8080"); seen.Addr() != server {
		t.Errorf("client of a redirected port is seen as %v", seen)
	}
	if seen := talk(t, l.Client(), outside, "192.0.2.1:8081"); seen.Addr() != l.Router().Out.V4 {
		t.Errorf("client of a redirected and masqueraded port is seen as %v", seen)
	}
	if _, err := lab.New(lab.Topology{Redirects: []lab.Redirect{
		{From: netip.MustParseAddrPort("198.51.100.1:8080"), To: netip.MustParseAddrPort("[2001:db8:2::10]:81")},
	}}); err == nil {
		t.Error("a redirect between address families was taken")
	}
}

func TestLoss(t *testing.T) {
	l := labtest.New(t, lab.Topology{Loss: 0.25})
	pc, err := l.Server().ListenPacket("udp", ":9")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	c, err := l.Client().Dial("udp", "198.51.100.10:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sent = 2000
	got := 0
	for range sent / 100 { // as many as surely fit into the receiver's buffer
		for range 100 {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		for buf := make([]byte, 16); ; got++ {
			_ = pc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, _, err := pc.ReadFrom(buf); err != nil {
				break
			}
		}
	}
	// Two links lose a quarter each: 0.5625 arrive, with a standard deviation of 22 packets.
	if got < sent*9/16-200 || got > sent*9/16+200 {
		t.Errorf("%d of %d packets arrived, want about %d", got, sent, sent*9/16)
	}
	if _, err := lab.New(lab.Topology{Loss: 5}); err == nil {
		t.Error("a loss of 500 % was taken")
	}
}

func TestCapture(t *testing.T) {
	l := labtest.New(t, lab.Topology{PlainPackets: true})
	dir := t.TempDir()
	var captures []*lab.Capture
	for _, n := range []*lab.Node{l.Client(), l.Server()} {
		c, err := n.Capture(filepath.Join(dir, n.Name+".pcap"))
		if err != nil {
			t.Fatal(err)
		}
		captures = append(captures, c)
	}
	ln, err := l.Server().Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	talk(t, l.Client(), ln, "198.51.100.10:80")
	for i, name := range []string{"client", "server"} {
		if err := captures[i].Close(); err != nil {
			t.Fatal(err)
		}
		hellos, frames := readCapture(t, filepath.Join(dir, name+".pcap"))
		if hellos != 2 {
			t.Errorf("%s: %d segments say hello, want 2: there and back", name, hellos)
		}
		if frames != captures[i].Frames() {
			t.Errorf("%s: %d frames in the file, %d counted", name, frames, captures[i].Frames())
		}
	}
}

// eachFrame reads a capture, and returns what ended it: io.EOF at the end of a whole one.
func eachFrame(t *testing.T, name string, f func(frame []byte, at time.Time)) error {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := pcapgo.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, info, err := r.ReadPacketData()
		if err != nil {
			return err
		}
		f(frame, info.Timestamp)
	}
}

func readCapture(t *testing.T, name string) (hellos, frames int) {
	t.Helper()
	end := eachFrame(t, name, func(data []byte, at time.Time) {
		frames++
		if time.Since(at).Abs() > time.Hour {
			t.Errorf("frame of %v", at)
		}
		p := gopacket.NewPacket(data, layers.LinkTypeEthernet, gopacket.Default)
		if tcp := p.Layer(layers.LayerTypeTCP); tcp != nil && string(tcp.LayerPayload()) == "hello" {
			hellos++
			_ = tcp.(*layers.TCP).SetNetworkLayerForChecksum(p.NetworkLayer())
			if err, mismatches := p.VerifyChecksums(); err != nil || len(mismatches) > 0 {
				t.Errorf("%s: with plain packets a checksum is wrong: %v %v", name, mismatches, err)
			}
		}
	})
	if end != io.EOF {
		t.Fatal(end)
	}
	return hellos, frames
}

func TestCommandRunsInItsNode(t *testing.T) {
	l := labtest.New(t, lab.Topology{})
	for _, n := range []*lab.Node{l.Client(), l.Server()} {
		out, err := n.Command("cat", "/proc/net/fib_trie").Output()
		if err != nil {
			t.Fatal(err)
		}
		if has := contains(out, "192.0.2.10"); has != (n == l.Client()) {
			t.Errorf("%s: has the client's address: %v", n.Name, has)
		}
	}
	if _, err := l.Client().Command("sh", "-c", "echo no >&2; exit 3").Output(); err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("a failing command: %v", err)
	}
}

func TestCommandDiesWithLab(t *testing.T) {
	l := labtest.New(t, lab.Topology{})
	c := l.Client().Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended by %v", err)
	}
	if err := l.Client().Command("true").Start(); err == nil {
		t.Error("a closed lab starts processes")
	}
}
