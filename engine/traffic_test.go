package engine_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// ends are the two sides of a conversation, as craft wants them.
type ends struct{ client, server string }

func (e ends) back() ends { return ends{e.server, e.client} }

// pair returns the n-th conversation with a port, over IPv4 or, if n is odd, IPv6.
func pair(n, port int) ends {
	if n%2 == 0 {
		return ends{fmt.Sprintf("192.0.2.%d:%d", 1+n/2%250, 20000+n), fmt.Sprintf("198.51.100.1:%d", port)}
	}
	return ends{fmt.Sprintf("[2001:db8::%x]:%d", n, 20000+n), fmt.Sprintf("[2001:db8:1::1]:%d", port)}
}

func (e ends) udp(payload string) []byte { return craft.UDP(e.client, e.server, []byte(payload)) }

func (e ends) tcp(payload string) []byte {
	return craft.TCP(e.client, e.server, craft.Segment{Flags: packet.ACK | packet.PSH, Seq: 1001, Ack: 5001}, []byte(payload))
}

// handshake is the three packets that open a connection.
func (e ends) handshake() [][]byte {
	return [][]byte{
		craft.TCP(e.client, e.server, craft.Segment{Flags: packet.SYN, Seq: 1000}, nil),
		craft.TCP(e.server, e.client, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 5000, Ack: 1001}, nil),
		craft.TCP(e.client, e.server, craft.Segment{Flags: packet.ACK, Seq: 1001, Ack: 5001}, nil),
	}
}

func get(host, more string) string {
	return "GET /" + more + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: room/1\r\n\r\n"
}

// clientHello returns the ClientHello with which crypto/tls asks for a name.
func clientHello(t testing.TB, name string) string {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go tls.Client(client, &tls.Config{ServerName: name}).Handshake() //nolint:errcheck // nobody answers
	buf := make([]byte, 1<<14)
	n, err := server.Read(buf)
	server.Close()
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func query(name string, typ uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), typ)
	m.Id = 7
	return m
}

// reply answers a query with the given addresses.
func reply(t testing.TB, q *dns.Msg, addresses ...string) string {
	t.Helper()
	m := new(dns.Msg)
	m.SetReply(q)
	m.Compress = true
	for _, a := range addresses {
		h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: 60}
		if h.Rrtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{Hdr: h, A: net.ParseIP(a)})
		} else {
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: h, AAAA: net.ParseIP(a)})
		}
	}
	return pack(t, m)
}

func pack(t testing.TB, m *dns.Msg) string {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fixSum puts the IPv4 header checksum right.
func fixSum(d []byte) []byte {
	n := int(d[0]&15) * 4
	d[10], d[11] = 0, 0
	var sum uint32
	for i := 0; i+1 < n && i+1 < len(d); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(d[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(d[10:], ^uint16(sum))
	return d
}

// withOptions puts options, a multiple of four bytes, into an IPv4 datagram.
func withOptions(d []byte, options ...byte) []byte {
	out := append(append(bytes.Clone(d[:20]), options...), d[20:]...)
	out[0] = 0x40 | byte(5+len(options)/4)
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	return fixSum(out)
}

// withExtensions puts extension headers of eight bytes, named by their numbers, into an IPv6
// datagram.
func withExtensions(d []byte, content [6]byte, numbers ...byte) []byte {
	out := bytes.Clone(d[:40])
	next, at := d[6], 6
	for _, n := range numbers {
		out[at] = n
		at = len(out)
		out = append(append(out, next, 0), content[:]...)
	}
	out[at] = next
	out = append(out, d[40:]...)
	binary.BigEndian.PutUint16(out[4:], uint16(len(out)-40))
	return out
}

// changed returns d with one byte xored, and the IPv4 header checksum right unless the byte is its
// own.
func changed(d []byte, at int, mask byte) []byte {
	out := bytes.Clone(d)
	out[at] ^= mask
	if at != 10 && at < 20 && out[0] == 0x45 {
		fixSum(out)
	}
	return out
}
