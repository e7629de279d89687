// Package names_test blocks servers by name between real endpoints: crypto/tls over TCP, however its hello is cut into
// records and segments, and quic-go. A name that is allowed works from end to end; of one that is blocked the server
// never learns, over both families.
package names_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

const port = 4433

func TestMain(m *testing.M) { labtest.Main(m) }

// A server echoes over TLS and over QUIC, and notes the names that it is asked for.
type server struct {
	mu    sync.Mutex
	names map[string]int
	trust *x509.CertPool
}

func (s *server) learned(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[name]
}

func serve(t *testing.T, n *lab.Node, addr netip.AddrPort, s *server, cert tls.Certificate) {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h3"}}
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.names[h.ServerName]++
		return nil, nil
	}
	ln, err := n.Listen("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	pc, err := n.ListenPacket("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	tr := &quic.Transport{Conn: pc}
	ql, err := tr.Listen(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close(); tr.Close(); pc.Close() })
	go lab.ServeStreams(ln, func(c net.Conn) {
		k := tls.Server(c, config)
		_, _ = io.CopyN(k, k, 5)
	})
	go func() {
		for {
			c, err := ql.Accept(context.Background())
			if err != nil {
				return
			}
			go func() {
				if st, err := c.AcceptStream(context.Background()); err == nil {
					_, _ = io.CopyN(st, st, 5)
				}
			}()
		}
	}()
}

// many are protocols that make a hello of several datagrams, or segments.
func many(n int) []string {
	protos := []string{"h3"}
	for i := range n {
		protos = append(protos, fmt.Sprintf("protocol-with-a-long-name/%d", i))
	}
	return protos
}

// A way is how a client says the name.
type way struct {
	name   string
	protos []string
	cut    func(hello []byte) [][]byte // nil: QUIC
	quic   quic.Version
}

func ways() []way {
	return []way{
		{name: "tls", protos: many(0), cut: func(b []byte) [][]byte { return [][]byte{b} }},
		{name: "tls, byte by byte", protos: many(0), cut: ones},
		{name: "tls, two segments", protos: many(0), cut: func(b []byte) [][]byte {
			at := strings.Index(string(b), ".example") // in the middle of the name
			return [][]byte{b[:at], b[at:]}
		}},
		{name: "tls, records of a byte", protos: many(0), cut: func(b []byte) [][]byte { return [][]byte{records(b, 1)} }},
		{name: "tls, records of a byte, byte by byte", protos: many(0), cut: func(b []byte) [][]byte { return ones(records(b, 1)) }},
		{name: "tls, 20 KiB", protos: many(700), cut: func(b []byte) [][]byte { return [][]byte{b} }},
		{name: "tls, 20 KiB in small records", protos: many(700), cut: func(b []byte) [][]byte { return [][]byte{records(b, 50)} }},
		{name: "quic", protos: many(0), quic: quic.Version1},
		{name: "quic, several datagrams", protos: many(150), quic: quic.Version1},
		{name: "quic 2", protos: many(20), quic: quic.Version2},
	}
}

func ones(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

// records cuts the content of the records in b anew.
func records(b []byte, size int) (out []byte) {
	for len(b) > 5 {
		n := int(b[3])<<8 | int(b[4])
		for body := b[5 : 5+n]; len(body) > 0; body = body[min(size, len(body)):] {
			piece := body[:min(size, len(body))]
			out = append(append(out, b[0], b[1], b[2], byte(len(piece)>>8), byte(len(piece))), piece...)
		}
		b = b[5+n:]
	}
	return out
}

// A cutting connection cuts the first thing that is written, which is the hello.
type cutting struct {
	net.Conn
	cut  func([]byte) [][]byte
	done bool
}

func (c *cutting) Write(b []byte) (int, error) {
	if c.done {
		return c.Conn.Write(b)
	}
	c.done = true
	for _, piece := range c.cut(b) {
		if _, err := c.Conn.Write(piece); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// ask has the client ask for a name, and send and read five bytes.
func ask(ctx context.Context, n *lab.Node, from netip.Addr, to netip.AddrPort, name string, w way, trust *x509.CertPool) error {
	config := &tls.Config{ServerName: name, RootCAs: trust, NextProtos: w.protos}
	if w.cut != nil {
		conn, err := n.DialContext(ctx, "tcp", to.String())
		if err != nil {
			return err
		}
		defer conn.Close()
		deadline, _ := ctx.Deadline()
		_ = conn.SetDeadline(deadline)
		return exchange(tls.Client(&cutting{Conn: conn, cut: w.cut}, config))
	}
	pc, err := n.ListenPacket("udp", netip.AddrPortFrom(from, 0).String())
	if err != nil {
		return err
	}
	defer pc.Close()
	tr := &quic.Transport{Conn: pc}
	defer tr.Close()
	conn, err := tr.Dial(ctx, net.UDPAddrFromAddrPort(to), config, &quic.Config{Versions: []quic.Version{w.quic}})
	if err != nil {
		return err
	}
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	return exchange(stream)
}

func exchange(rw io.ReadWriter) error {
	if _, err := rw.Write([]byte("hello")); err != nil {
		return err
	}
	var back [5]byte
	if _, err := io.ReadFull(rw, back[:]); err != nil {
		return err
	}
	if string(back[:]) != "hello" {
		return errors.New("something else came back")
	}
	return nil
}

// An asking is one way over one family, with a name of its own that is allowed.
type asking struct {
	way
	allowed string
	from    netip.Addr
	to      netip.AddrPort
}

func (a *asking) title() string {
	if a.to.Addr().Is6() {
		return a.name + " v6"
	}
	return a.name + " v4"
}

// askings are all ways over all families that the lab has.
func askings(l *lab.Lab) (all []asking) {
	for _, v6 := range []bool{false, true} {
		if v6 && !l.IPv6 {
			break
		}
		from, to := l.Client().Out.Addr(v6), netip.AddrPortFrom(l.Server().In.Addr(v6), port)
		for _, w := range ways() {
			all = append(all, asking{way: w, allowed: fmt.Sprintf("allowed-%02d.example", len(all)), from: from, to: to})
		}
	}
	return all
}

// TestNames has the client ask for names in every way.
func TestNames(t *testing.T) {
	for _, action := range []string{"reject", "drop"} {
		t.Run(action, func(t *testing.T) {
			l := labtest.New(t, lab.Topology{})
			all := askings(l)
			certified := []string{"blocked.example"}
			for i := range all {
				certified = append(certified, all[i].allowed)
			}
			cert, trust, err := lab.Certificate(certified...)
			if err != nil {
				t.Fatal(err)
			}
			s := &server{names: map[string]int{}, trust: trust}
			w := newWeir(t, l.Router(), action)
			for i := range all {
				if i == 0 || all[i].to != all[i-1].to {
					serve(t, l.Server(), all[i].to, s, cert)
				}
			}
			labtest.Together(t, all, (*asking).title, func(t *testing.T, a *asking) { names(t, l, s, action, a) })
			if err := w.End(); err != nil {
				t.Error(err)
			}
			n := w.Snapshot()
			t.Logf("%d packets, %d dropped %v, %d answers, anomalies %v", n.Packets, n.Dropped, n.Drops, n.Injected, n.Anomalies)
			if n.Panics > 0 || len(n.Anomalies) > 0 || (n.Injected > 0) != (action == "reject") {
				t.Errorf("%d panics, %d answers, anomalies %v", n.Panics, n.Injected, n.Anomalies)
			}
		})
	}
}

func names(t *testing.T, l *lab.Lab, s *server, action string, a *asking) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := ask(ctx, l.Client(), a.from, a.to, a.allowed, a.way, s.trust); err != nil {
		t.Errorf("allowed: %v", err)
	}
	if s.learned(a.allowed) == 0 {
		t.Error("the server did not learn of the allowed name: the test does not test it")
	}
	begin := time.Now()
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	if action == "reject" && a.cut != nil { // it is told
		ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	}
	defer cancel()
	err := ask(ctx, l.Client(), a.from, a.to, "blocked.example", a.way, s.trust)
	if err == nil || s.learned("blocked.example") > 0 {
		t.Errorf("blocked: %v, and the server learned of it %d times", err, s.learned("blocked.example"))
	}
	if a.cut != nil && action == "reject" && !strings.Contains(err.Error(), "reset") {
		t.Errorf("blocked: %v after %v; want a reset", err, time.Since(begin))
	}
}
