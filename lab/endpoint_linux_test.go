package lab_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

func TestServeDNS(t *testing.T) {
	l := labtest.New(t, lab.Topology{})
	pc, err := l.Server().ListenPacket("udp", ":53")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	go lab.ServeDNS(pc, lab.Zone{"www.example.com.": {netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}})
	for _, tc := range []struct {
		name  string
		qtype uint16
		rcode int
		want  string
	}{
		{"www.example.com.", dns.TypeA, dns.RcodeSuccess, "192.0.2.1"},
		{"www.example.com.", dns.TypeAAAA, dns.RcodeSuccess, "2001:db8::1"},
		{"www.example.com.", dns.TypeMX, dns.RcodeSuccess, ""},
		{"example.org.", dns.TypeA, dns.RcodeNameError, ""},
	} {
		c, err := l.Client().Dial("udp", "198.51.100.10:53")
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		conn := &dns.Conn{Conn: c}
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion(tc.name, tc.qtype)); err != nil {
			t.Fatal(err)
		}
		m, err := conn.ReadMsg()
		c.Close()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, rr := range m.Answer {
			switch rr := rr.(type) {
			case *dns.A:
				got += rr.A.String()
			case *dns.AAAA:
				got += rr.AAAA.String()
			}
		}
		if m.Rcode != tc.rcode || got != tc.want {
			t.Errorf("%s type %d: rcode %d, %q; want %d, %q", tc.name, tc.qtype, m.Rcode, got, tc.rcode, tc.want)
		}
	}
}

// TestMeter sends datagrams with a code point, over both families.
func TestMeter(t *testing.T) {
	l := labtest.New(t, lab.Topology{})
	for _, a := range families(l, l.Server().In) {
		m, err := l.Server().Meter(netip.AddrPortFrom(a, 5060).String())
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Client().Dial("udp", netip.AddrPortFrom(a, 5060).String())
		if err != nil {
			t.Fatal(err)
		}
		for i, dscp := range []int{0, 46, 46} {
			if a.Is4() {
				err = ipv4.NewConn(c).SetTOS(dscp << 2)
			} else {
				err = ipv6.NewConn(c).SetTrafficClass(dscp << 2)
			}
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "packet %d", i)
		}
		r := m.Reading()
		for end := time.Now().Add(5 * time.Second); r.Packets < 3 && time.Now().Before(end); r = m.Reading() {
			time.Sleep(time.Millisecond)
		}
		if r.Packets != 3 || r.Bytes != 24 || r.DSCP[0] != 1 || r.DSCP[46] != 2 || string(r.Payload) != "packet 2" || r.Last.Before(r.First) {
			t.Errorf("%v: %+v", a, r)
		}
		c.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTLSOnTape shakes hands by name, with both ends on tape.
func TestTLSOnTape(t *testing.T) {
	l := labtest.New(t, lab.Topology{})
	cert, pool, err := lab.Certificate("www.example.com")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := l.Server().Listen("tcp", ":443")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	tapes := lab.NewTapeListener(ln)
	go lab.ServeStreams(tls.NewListener(tapes, &tls.Config{Certificates: []tls.Certificate{cert}}), func(c net.Conn) {
		_, _ = io.Copy(c, c)
	})
	for name, good := range map[string]bool{"www.example.com": true, "www.example.org": false} {
		c, err := l.Client().Dial("tcp", "198.51.100.10:443")
		if err != nil {
			t.Fatal(err)
		}
		tape := lab.NewTape(c)
		conn := tls.Client(tape, &tls.Config{ServerName: name, RootCAs: pool})
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if err := conn.Handshake(); (err == nil) != good {
			t.Errorf("handshake with %s: %v", name, err)
		}
		if good {
			fmt.Fprint(conn, "hello")
			if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
				t.Error(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			far := tapes.From(tape.LocalAddr(), ctx.Done())
			cancel()
			if far == nil {
				t.Fatal("no tape of the server's end")
			}
			if sent, got := tape.Sent(), far.Received(); string(sent) != string(got) || !contains(sent, name) {
				t.Errorf("the client sent %d bytes, the server received %d", len(sent), len(got))
			}
		}
		conn.Close()
	}
	gone := make(chan struct{})
	close(gone)
	if tapes.From(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 9}, gone) != nil {
		t.Error("a tape of a connection that nobody opened")
	}
}

func TestServeDiscardTellsHowMuch(t *testing.T) {
	l := labtest.New(t, lab.Topology{Loss: 0.01})
	ln, err := l.Server().Listen("tcp", ":9")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go lab.ServeDiscard(ln)
	c, err := l.Client().Dial("tcp", "198.51.100.10:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if answer, err := io.ReadAll(c); err != nil || string(answer) != fmt.Sprint(1<<20) {
		t.Errorf("the server read %q, %v", answer, err)
	}
}
