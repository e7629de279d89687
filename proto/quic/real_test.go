package quic

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/prototest"
)

// A recorder is a server's socket that notes the datagrams of both directions.
type recorder struct {
	net.PacketConn
	whole bool   // the server gets nothing before the two datagrams of the first hello are there: it may not wait for the second
	next  []byte // the second of them, if the server has the first
	peer  net.Addr

	mu   sync.Mutex
	dirs []flow.Direction
	said [][]byte
}

func (r *recorder) note(dir flow.Direction, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirs, r.said = append(r.dirs, dir), append(r.said, bytes.Clone(b))
}

func (r *recorder) ReadFrom(b []byte) (int, net.Addr, error) {
	if r.next != nil {
		n := copy(b, r.next)
		r.next = nil
		return n, r.peer, nil
	}
	n, from, err := r.PacketConn.ReadFrom(b)
	if err != nil {
		return n, from, err
	}
	r.note(flow.ToServer, b[:n])
	if r.whole {
		r.whole = false
		second := make([]byte, len(b))
		k, _, err := r.PacketConn.ReadFrom(second)
		if err != nil {
			return 0, nil, err
		}
		r.note(flow.ToServer, second[:k])
		r.next, r.peer = second[:k], from
	}
	return n, from, nil
}

func (r *recorder) WriteTo(b []byte, to net.Addr) (int, error) {
	r.note(flow.ToClient, b)
	return r.PacketConn.WriteTo(b, to)
}

// TestQUICGo reads what a real client and a real server say.
func TestQUICGo(t *testing.T) {
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprintf("protocol-with-a-long-name/%d", i)
	}
	many = append(many, "h3")
	for _, c := range []struct {
		name    string
		protos  []string
		curves  []tls.CurveID // of the server
		version quicgo.Version
		retry   bool
		want    int  // hellos
		halves  bool // the server does not wait for the whole of the first one, nor do we forget it
	}{
		{name: "post-quantum", protos: []string{"h3"}, want: 2},
		{name: "large", protos: many, want: 2},
		{name: "version 2", protos: []string{"h3"}, version: quicgo.Version2, want: 2},
		{name: "retry", protos: []string{"h3"}, retry: true, want: 3},
		{name: "large, retry", protos: many, retry: true, want: 2, halves: true},
		{name: "asked again", protos: []string{"h3"}, curves: []tls.CurveID{tls.CurveP384}, want: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.version == 0 {
				c.version = quicgo.Version1
			}
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			r := &recorder{PacketConn: conn, whole: c.retry && !c.halves}
			tr := &quicgo.Transport{Conn: r, VerifySourceAddress: func(net.Addr) bool { return c.retry }}
			defer conn.Close()
			defer tr.Close()
			ln, err := tr.Listen(&tls.Config{Certificates: []tls.Certificate{prototest.Certificate(t, pkix.Name{})}, NextProtos: []string{"h3"}, CurvePreferences: c.curves}, nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			accepted := make(chan error, 1)
			go func() {
				_, err := ln.Accept(ctx)
				accepted <- err
			}()
			client, err := quicgo.DialAddr(ctx, conn.LocalAddr().String(), &tls.Config{ServerName: "real.example", InsecureSkipVerify: true, NextProtos: c.protos},
				&quicgo.Config{Versions: []quicgo.Version{c.version}})
			if err := errors.Join(err, <-accepted); err != nil {
				t.Fatal(err)
			}
			client.CloseWithError(0, "")
			k := talk()
			r.mu.Lock()
			defer r.mu.Unlock()
			for i, d := range r.said {
				if why := k.say(r.dirs[i], string(d)); why != "" {
					t.Fatalf("datagram %d, %v: %q", i, r.dirs[i], why)
				}
			}
			hellos := 0
			for _, s := range k.shown {
				if strings.Contains(s, "sni=real.example") {
					hellos++
				}
			}
			if len(k.shown) < c.want || hellos < c.want-1 || k.c != nil && !c.halves {
				t.Errorf("%d datagrams: %.300q; the conversation is over: %v", len(r.said), k.shown, k.c == nil)
			}
			t.Logf("%d datagrams, %d hellos", len(r.said), len(k.shown))
		})
	}
}
