// Command gen writes the capture that weir demo replays where it cannot divert: what the clients of
// the live demo send, and what servers answer. The same program always writes the same bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/miekg/dns"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

const (
	client = "192.0.2.10"
	server = "198.51.100.10"
)

// A capture is a file on its way. Each packet has a time of its own.
type capture struct {
	buf bytes.Buffer
	w   *pcapgo.Writer
	at  time.Time
	err error
}

func main() {
	out := flag.String("o", "testdata/demo.pcap", "write the capture to this `file`")
	flag.Parse()
	c := &capture{at: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	c.w = pcapgo.NewWriter(&c.buf)
	c.err = c.w.WriteFileHeader(65535, layers.LinkTypeRaw)
	c.web()
	c.resolve()
	c.datagrams()
	if c.err == nil {
		c.err = os.WriteFile(*out, c.buf.Bytes(), 0o644)
	}
	if c.err != nil {
		fmt.Fprintln(os.Stderr, "gen:", c.err)
		os.Exit(1)
	}
}

// add writes a datagram a while after the one before.
func (c *capture) add(after time.Duration, datagram []byte) {
	c.at = c.at.Add(after)
	if c.err == nil {
		c.err = c.w.WritePacket(gopacket.CaptureInfo{Timestamp: c.at, CaptureLength: len(datagram), Length: len(datagram)}, datagram)
	}
}

// web is four connections: a card, a blocked host, a request that alerts, a shell that is stopped.
func (c *capture) web() {
	card := "name=Ada&card=4111 1111 1111 1111&amount=42"
	c.conversation(40001, 80, fmt.Sprintf("POST /order HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: %d\r\n\r\n%s", len(card), card),
		"HTTP/1.1 204 No Content\r\n\r\n")
	c.conversation(40002, 80, "GET /banner.js HTTP/1.1\r\nHost: ads.example.com\r\n\r\n", "")
	c.conversation(40003, 80, "GET /..%2f/etc/passwd HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	c.conversation(40004, 4444, "exec /bin/sh -i <&3 >&3 2>&3\n", "")
}

// conversation is a handshake, a request, and the answer if there is one.
func (c *capture) conversation(from, to int, request, answer string) {
	a, b := netip.AddrPortFrom(netip.MustParseAddr(client), uint16(from)).String(), netip.AddrPortFrom(netip.MustParseAddr(server), uint16(to)).String()
	seq, ack := uint32(1000*from), uint32(7000*from)
	segment := func(src, dst string, flags packet.TCPFlags, seq, ack uint32, payload string) {
		c.add(time.Millisecond, craft.TCP(src, dst, craft.Segment{Flags: flags, Seq: seq, Ack: ack}, []byte(payload)))
	}
	segment(a, b, packet.SYN, seq, 0, "")
	segment(b, a, packet.SYN|packet.ACK, ack, seq+1, "")
	segment(a, b, packet.ACK, seq+1, ack+1, "")
	segment(a, b, packet.ACK|packet.PSH, seq+1, ack+1, request)
	if answer != "" {
		segment(b, a, packet.ACK|packet.PSH, ack+1, seq+1+uint32(len(request)), answer)
	}
}

// resolve is a DNS question and its answer.
func (c *capture) resolve() {
	q := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	q.Id = 0x2026
	m := new(dns.Msg).SetReply(q)
	m.Answer = []dns.RR{&dns.A{
		Hdr: dns.RR_Header{Name: "www.example.com.", Class: dns.ClassINET, Rrtype: dns.TypeA, Ttl: 300},
		A:   netip.MustParseAddr(server).AsSlice(),
	}}
	for _, way := range []struct {
		m        *dns.Msg
		src, dst string
	}{{q, client + ":40005", server + ":53"}, {m, server + ":53", client + ":40005"}} {
		b, err := way.m.Pack()
		if err != nil {
			c.err = err
			return
		}
		c.add(time.Millisecond, craft.UDP(way.src, way.dst, b))
	}
}

// datagrams are voice and a backup that is too fast.
func (c *capture) datagrams() {
	for i := range 10 {
		c.add(time.Millisecond, craft.UDP(client+":40006", server+":5060", fmt.Appendf(nil, "voice frame %02d", i)))
	}
	for i := range 100 {
		payload := make([]byte, 1000)
		payload[0] = byte(i)
		c.add(time.Millisecond, craft.UDP(client+":40007", server+":9000", payload))
	}
}
