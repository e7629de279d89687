// Command dnsrewrite answers for a name: in DNS responses over UDP to a question for that name, every
// A record gets another address; every AAAA record, if that is an IPv6 address. The message is packed
// anew and may change its length. Not read are DNS over TCP, TLS and HTTPS; a client that validates
// DNSSEC will rightly refuse the answer.
//
// The rule that feeds it:
//
//	nft add rule inet filter forward udp sport 53 queue num 0
package main

import (
	"errors"
	"flag"
	"log"
	"net/netip"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

func main() {
	address := flag.String("a", "nfqueue:0", "divert `address`, or pcap:in.pcap>out.pcap")
	name := flag.String("name", "www.example.com", "`name` to answer for")
	to := netip.MustParseAddr("192.0.2.80")
	flag.TextVar(&to, "to", to, "`address` to answer with")
	flag.Parse()
	conn, err := divert.Open(*address)
	if err != nil {
		log.Fatal(err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() { <-interrupted; conn.Close() }()

	for pkt := range conn.Packets() {
		if pkt.Proto == packet.UDP && pkt.SrcPort == 53 {
			if message := rewrite(pkt.Payload(), *name, to); message != nil && !pkt.SetPayload(message) {
				continue // an answer that cannot be changed, as in a fragment: dropped
			}
		}
		conn.Reinject(pkt)
	}
	if err := errors.Join(conn.Err(), conn.Close()); err != nil {
		log.Fatal(err)
	}
}

// rewrite returns the response with its addresses replaced, or nil if none are.
func rewrite(response []byte, name string, to netip.Addr) []byte {
	var m dnsmessage.Message
	if m.Unpack(response) != nil || !m.Response || len(m.Questions) != 1 ||
		!strings.EqualFold(m.Questions[0].Name.String(), strings.TrimSuffix(name, ".")+".") {
		return nil
	}
	replaced := false
	for _, answer := range m.Answers {
		switch body := answer.Body.(type) {
		case *dnsmessage.AResource:
			if to.Is4() {
				body.A, replaced = to.As4(), true
			}
		case *dnsmessage.AAAAResource:
			if to.Is6() {
				body.AAAA, replaced = to.As16(), true
			}
		}
	}
	if message, err := m.Pack(); replaced && err == nil {
		return message
	}
	return nil
}
