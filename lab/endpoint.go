package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// A Zone is what a DNS server knows: addresses by fully qualified name.
type Zone map[string][]netip.Addr

// zoneTTL is how long a zone's answers may be kept, in seconds.
const zoneTTL = 300

// ServeDNS answers questions about the zone over UDP until pc is closed.
func ServeDNS(pc net.PacketConn, zone Zone) {
	s := &dns.Server{MaxTCPQueries: -1, PacketConn: pc, Handler: zone}
	_ = s.ActivateAndServe() // ends with pc
}

// ServeDNSStreams answers questions about the zone over TCP until ln is closed. It is patient: by itself a dns.Server resets
// connections whose first question takes 2 s, as one does that is sent again on a busy machine.
func ServeDNSStreams(ln net.Listener, zone Zone) {
	s := &dns.Server{
		MaxTCPQueries: -1, Listener: ln, Handler: zone,
		ReadTimeout: time.Minute, IdleTimeout: func() time.Duration { return time.Minute },
	}
	_ = s.ActivateAndServe() // ends with ln
}

// ServeDNS makes a Zone a dns.Handler.
func (z Zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	_ = w.WriteMsg(z.answer(q)) // a client that is gone is no concern of the server's
}

func (z Zone) answer(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	name := q.Question[0].Name
	addrs, known := z[name]
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	for _, a := range addrs {
		h := dns.RR_Header{Name: name, Class: dns.ClassINET, Ttl: zoneTTL}
		switch {
		case a.Is4() && q.Question[0].Qtype == dns.TypeA:
			h.Rrtype = dns.TypeA
			m.Answer = append(m.Answer, &dns.A{Hdr: h, A: a.AsSlice()})
		case a.Is6() && q.Question[0].Qtype == dns.TypeAAAA:
			h.Rrtype = dns.TypeAAAA
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: h, AAAA: a.AsSlice()})
		}
	}
	return m
}

// ServeEcho sends every datagram back until pc is closed.
func ServeEcho(pc net.PacketConn) {
	buf := make([]byte, 65535)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = pc.WriteTo(buf[:n], from)
	}
}

// ServeStreams hands every connection to f, each in a goroutine of its own, and closes it
// afterwards, until ln is closed.
func ServeStreams(ln net.Listener, f func(net.Conn)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			f(c)
		}()
	}
}

// ServeDiscard reads everything and answers, at the end of it, with the number of bytes.
func ServeDiscard(ln net.Listener) {
	ServeStreams(ln, func(c net.Conn) {
		n, err := io.Copy(io.Discard, c)
		if err == nil {
			_, _ = io.WriteString(c, big.NewInt(n).String())
		}
	})
}

// Certificate makes a certificate for the names, valid for an hour, and the pool of authorities
// that trusts it.
func Certificate(names ...string) (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: c}, pool, nil
}
