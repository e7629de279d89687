package demo

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/weir-project/weir/lab"
)

// The services of the server, by their ports.
const (
	portEcho    = "7"
	portDiscard = "9"
	portSMTP    = "25"
	portDNS     = "53"
	portHTTP    = "80"
	portHTTPS   = "443"
	portShell   = "4444"
	portVoice   = "5060"
	portBackup  = "9000"
)

// An internet is what runs on the server.
type internet struct {
	closers []io.Closer
	pool    *x509.CertPool // trusts the server's certificate

	http, https, shell *lab.TapeListener
	mails              chan []byte // that came
	dns                *answers
	voice, backup      *lab.Meter
}

func (i *internet) close() {
	for _, c := range i.closers {
		c.Close()
	}
}

// openInternet starts every service on both families.
func openInternet(server *lab.Node) (*internet, error) {
	i := &internet{mails: make(chan []byte, 16)}
	for _, start := range []func(*lab.Node) error{i.openWeb, i.openStreams, i.openDatagrams, i.openMeters} {
		if err := start(server); err != nil {
			i.close()
			return nil, err
		}
	}
	return i, nil
}

// web answers requests with what it understood of them.
func web(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "%s %s%s with a body of %d bytes: %s\n", r.Method, r.Host, r.URL.Path, len(body), body)
}

func (i *internet) openWeb(server *lab.Node) error {
	cert, pool, err := lab.Certificate("www.example.com", "tracker.example.net")
	if err != nil {
		return err
	}
	i.pool = pool
	s := &http.Server{Handler: http.HandlerFunc(web), ErrorLog: log.New(io.Discard, "", 0)}
	i.closers = append(i.closers, s)
	if i.http, err = i.listen(server, portHTTP); err != nil {
		return err
	}
	if i.https, err = i.listen(server, portHTTPS); err != nil {
		return err
	}
	go s.Serve(i.http) //nolint:errcheck // ends with the listener
	go s.Serve(tls.NewListener(i.https, &tls.Config{Certificates: []tls.Certificate{cert}}))
	return nil
}

func (i *internet) listen(server *lab.Node, port string) (*lab.TapeListener, error) {
	ln, err := server.Listen("tcp", ":"+port)
	if err != nil {
		return nil, err
	}
	i.closers = append(i.closers, ln)
	return lab.NewTapeListener(ln), nil
}

func (i *internet) openStreams(server *lab.Node) (err error) {
	if i.shell, err = i.listen(server, portShell); err != nil {
		return err
	}
	go lab.ServeStreams(i.shell, func(c net.Conn) { _, _ = io.Copy(c, c) })
	mail, err := server.Listen("tcp", ":"+portSMTP)
	if err != nil {
		return err
	}
	i.closers = append(i.closers, mail)
	go lab.ServeStreams(mail, i.takeMail)
	discard, err := server.Listen("tcp", ":"+portDiscard)
	if err != nil {
		return err
	}
	i.closers = append(i.closers, discard)
	go lab.ServeDiscard(discard)
	return nil
}

func (i *internet) openDatagrams(server *lab.Node) error {
	for port, serve := range map[string]func(net.PacketConn){
		portEcho: lab.ServeEcho,
		portDNS:  i.serveDNS,
	} {
		pc, err := server.ListenPacket("udp", ":"+port)
		if err != nil {
			return err
		}
		i.closers = append(i.closers, pc)
		if port == portDNS {
			i.dns = &answers{PacketConn: pc}
			pc = i.dns
		}
		go serve(pc)
	}
	return nil
}

func (i *internet) serveDNS(pc net.PacketConn) {
	lab.ServeDNS(pc, lab.Zone{"www.example.com.": {
		netip.MustParseAddr("198.51.100.10"), netip.MustParseAddr("2001:db8:2::10"),
	}})
}

func (i *internet) openMeters(server *lab.Node) (err error) {
	if i.voice, err = server.Meter(":" + portVoice); err != nil {
		return err
	}
	i.closers = append(i.closers, i.voice)
	if i.backup, err = server.Meter(":" + portBackup); err != nil {
		return err
	}
	i.closers = append(i.closers, i.backup)
	return nil
}

// answers is a socket that remembers the last datagram that it sent.
type answers struct {
	net.PacketConn
	mu   sync.Mutex
	last []byte
}

// WriteTo implements net.PacketConn.
func (a *answers) WriteTo(b []byte, to net.Addr) (int, error) {
	a.mu.Lock()
	a.last = append([]byte(nil), b...)
	a.mu.Unlock()
	return a.PacketConn.WriteTo(b, to)
}

func (a *answers) sent() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}
