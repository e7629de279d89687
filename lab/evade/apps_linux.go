package evade

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/lab"
)

// Where the applications listen.
const (
	portHTTP    = 80
	portOddHTTP = 7080
	portTLS     = 443
	portOddTLS  = 7443
	portDNS     = 53
	portOddDNS  = 7053
)

// appPort is where the application of an attempt listens.
func appPort(a *evade.Attempt) (port uint16, ok bool) {
	switch {
	case a.App == evade.HTTP && a.OddPort:
		return portOddHTTP, true
	case a.App == evade.HTTP:
		return portHTTP, true
	case a.App == evade.TLS && a.OddPort:
		return portOddTLS, true
	case a.App == evade.DNS && a.OddPort:
		return portOddDNS, true
	case a.App == evade.TLS || a.App == evade.QUIC:
		return portTLS, true
	case a.App == evade.DNS:
		return portDNS, true
	}
	return 0, false
}

// quiet is where servers log what they do not like.
var quiet = log.New(io.Discard, "", 0)

// note adds to what was heard from an address.
func (s *service) note(from net.Addr, what string) {
	at, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return
	}
	s.mu.Lock()
	s.heard[at] = append(s.heard[at], what...)
	s.mu.Unlock()
}

// apps starts servers that note what they understand.
func (s *service) apps(n *lab.Node) error {
	for _, f := range []evade.Family{evade.IPv4, evade.IPv6} {
		addr := func(port uint16) string { return netip.AddrPortFrom(pick(n.In, f), port).String() }
		for _, port := range []uint16{portHTTP, portOddHTTP} {
			ln, err := net.Listen("tcp", addr(port))
			if err != nil {
				return err
			}
			speaks := new(http.Protocols)
			speaks.SetHTTP1(true)
			speaks.SetUnencryptedHTTP2(true)
			web := &http.Server{Handler: http.HandlerFunc(s.web), ErrorLog: quiet, Protocols: speaks}
			s.closers = append(s.closers, web)
			go web.Serve(ln)
		}
		for _, port := range []uint16{portTLS, portOddTLS} {
			ln, err := net.Listen("tcp", addr(port))
			if err != nil {
				return err
			}
			s.closers = append(s.closers, ln)
			go s.hellos(ln)
		}
		if err := s.initials(addr(portTLS)); err != nil {
			return err
		}
		for _, port := range []uint16{portDNS, portOddDNS} {
			for _, network := range []string{"udp", "tcp"} {
				if err := s.names(addr(port), network); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// names starts a DNS server.
func (s *service) names(at, network string) (err error) {
	d := &dns.Server{Handler: dns.HandlerFunc(s.query), Addr: at, Net: network}
	if network == "udp" {
		d.PacketConn, err = net.ListenPacket("udp", at)
	} else {
		d.Listener, err = net.Listen("tcp", at)
	}
	if err != nil {
		return err
	}
	d.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
	s.closers = append(s.closers, stopper{d})
	go d.ActivateAndServe()
	return nil
}

type stopper struct{ d *dns.Server }

func (s stopper) Close() error { return s.d.Shutdown() }

func (s *service) web(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // as far as it comes
	if r.URL.Path == evade.Beside {
		return
	}
	s.note(addrOf(r.RemoteAddr), fmt.Sprintf("%s %s %s %s\n", r.Method, r.Host, r.URL.Path, decoded(r.Header, body)))
	_, _ = io.WriteString(w, "heard")
}

type addrOf string

func (addrOf) Network() string  { return "tcp" }
func (a addrOf) String() string { return string(a) }

func (s *service) hellos(ln net.Listener) {
	eachConn(ln, func(c net.Conn) {
		go func() {
			defer c.Close()
			config := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				s.note(c.RemoteAddr(), h.ServerName)
				return nil, errors.New("that is all")
			}}
			_ = tls.Server(c, config).Handshake() // it ends with the hello
		}()
	})
}

// initials listens for QUIC.
func (s *service) initials(at string) error {
	ln, err := quic.ListenAddr(at, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		s.note(h.Conn.RemoteAddr(), h.ServerName)
		return nil, errors.New("that is all")
	}}, nil)
	if err == nil {
		s.closers = append(s.closers, ln)
	}
	return err
}

func (s *service) query(w dns.ResponseWriter, m *dns.Msg) {
	for _, q := range m.Question {
		s.note(w.RemoteAddr(), strings.ToLower(q.Name)+"\n")
	}
	r := new(dns.Msg)
	r.SetReply(m)
	_ = w.WriteMsg(r) // whether it arrives is not the question
}

// decoded undoes content codings, as far as they can be.
func decoded(h http.Header, body []byte) []byte {
	names := strings.Split(strings.Join(h.Values("Content-Encoding"), ","), ",")
	slices.Reverse(names)
	for _, name := range names {
		var r io.Reader
		var err error
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			r, err = gzip.NewReader(bytes.NewReader(body))
		case "deflate":
			if r, err = zlib.NewReader(bytes.NewReader(body)); err != nil {
				r, err = flate.NewReader(bytes.NewReader(body)), nil
			}
		case "br":
			r = brotli.NewReader(bytes.NewReader(body))
		case "zstd":
			z, bad := zstd.NewReader(bytes.NewReader(body))
			if bad == nil {
				defer z.Close()
			}
			r, err = z, bad
		default:
			continue
		}
		if err != nil {
			return body
		}
		body, _ = io.ReadAll(r) // as far as it goes
	}
	return body
}

// readResponse is what a client understands of what it got.
func readResponse(raw []byte) []byte {
	in := bufio.NewReader(bytes.NewReader(raw))
	var out []byte
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return out
		}
		body, _ := io.ReadAll(r.Body) // as far as it comes
		out = append(fmt.Appendf(out, "%d ", r.StatusCode), decoded(r.Header, body)...)
	}
}
