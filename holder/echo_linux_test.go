package holder_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/lab"
)

// quiet is for how long a client waits for what was dropped.
const quiet = 700 * time.Millisecond

// families are the versions of IP that a test goes through. A kernel without IPv6 is skipped loudly.
func families(t *testing.T, f func(t *testing.T, l *lab.Lab, server netip.Addr)) {
	for _, name := range []string{"IPv4", "IPv6"} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			server := l.Server().In.V4
			if name == "IPv6" {
				if server = l.Server().In.V6; !l.IPv6 {
					t.Skip("SKIPPED: this kernel has no IPv6")
				}
			}
			f(t, l, server)
		})
	}
}

// mirror answers on TCP port with what it has received, when the client has said all.
func mirror(t *testing.T, l *lab.Lab, server netip.Addr, port uint16) {
	t.Helper()
	ln, err := l.Server().Listen("tcp", netip.AddrPortFrom(server, port).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go lab.ServeStreams(ln, func(c net.Conn) {
		text, _ := io.ReadAll(c)
		if port == 80 {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(text))
		}
		_, _ = c.Write(text)
	})
}

// say sends a text to a mirror in one segment and returns what the mirror received. A flow that was dropped gives an
// error after a while, one that was rejected at once.
func say(l *lab.Lab, server netip.Addr, port uint16, text string) (string, error) {
	c, err := l.Client().Dial("tcp", netip.AddrPortFrom(server, port).String())
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(quiet))
	if _, err := c.Write([]byte(text)); err != nil {
		return "", err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	got, err := io.ReadAll(c)
	if _, body, ok := strings.Cut(string(got), "\r\n\r\n"); ok && port == 80 {
		got = []byte(body)
	}
	return string(got), err
}

func get(host, path string) string { return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }

// passes and stopped say what must become of a text.
func passes(t *testing.T, l *lab.Lab, server netip.Addr, port uint16, text, want string) {
	t.Helper()
	if got, err := say(l, server, port, text); err != nil || got != want {
		t.Errorf("said %q, arrived %q, %v; want %q", text, got, err, want)
	}
}

func stopped(t *testing.T, l *lab.Lab, server netip.Addr, port uint16, text string, rejected bool) {
	t.Helper()
	got, err := say(l, server, port, text)
	if err == nil || got != "" || rejected == os.IsTimeout(err) {
		t.Errorf("said %q, arrived %q, %v; rejected: %v", text, got, err, rejected)
	}
}

// resolve asks the server for the addresses of a name.
func resolve(l *lab.Lab, network string, server netip.Addr, name string, kind uint16) ([]string, error) {
	c, err := l.Client().Dial(network, netip.AddrPortFrom(server, 53).String())
	if err != nil {
		return nil, err
	}
	conn := dns.Conn{Conn: c}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(quiet))
	if err := conn.WriteMsg(new(dns.Msg).SetQuestion(name, kind)); err != nil {
		return nil, err
	}
	m, err := conn.ReadMsg()
	if err != nil {
		return nil, err
	}
	return addresses(m), nil
}

// addresses are those of an answer.
func addresses(m *dns.Msg) (out []string) {
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			out = append(out, rr.A.String())
		case *dns.AAAA:
			out = append(out, rr.AAAA.String())
		}
	}
	return out
}

// serveNames answers over UDP and TCP.
func serveNames(t *testing.T, l *lab.Lab, server netip.Addr, zone lab.Zone) {
	t.Helper()
	address := netip.AddrPortFrom(server, 53).String()
	pc, err := l.Server().ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := l.Server().Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close(); ln.Close() })
	go lab.ServeDNS(pc, zone)
	go lab.ServeDNSStreams(ln, zone)
}

// eve returns the lines of the events.
func (d *daemon) eve() string {
	text, _ := os.ReadFile(d.path("events/eve.json"))
	return string(text)
}

// wrote waits for a line of events that has all the words.
func (d *daemon) wrote(words ...string) {
	d.t.Helper()
	if !eventually(5*time.Second, func() bool {
		for line := range strings.Lines(d.eve()) {
			all := true
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				return true
			}
		}
		return false
	}) {
		d.t.Errorf("no event tells of %q", words)
	}
}
