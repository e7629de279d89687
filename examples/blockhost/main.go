// Command blockhost drops requests for a host and the names below it: HTTP by its Host header, TLS by
// the server name that the client sends in the clear. It reads the packet that begins with the
// request or the hello, not streams; a name that the next segment brings goes through.
//
// The rule that feeds it:
//
//	nft add rule inet filter forward tcp dport { 80, 443 } queue num 0
package main

import (
	"bytes"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/crypto/cryptobyte"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

func main() {
	address := flag.String("a", "nfqueue:0", "divert `address`, or pcap:in.pcap>out.pcap")
	blocked := flag.String("host", "blocked.example", "`name` to block, with all names below it")
	flag.Parse()
	conn, err := divert.Open(*address)
	if err != nil {
		log.Fatal(err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() { <-interrupted; conn.Close() }()

	for pkt := range conn.Packets() {
		name := strings.ToLower(httpHost(pkt.Payload()) + serverName(pkt.Payload()))
		if pkt.Proto == packet.TCP && strings.HasSuffix("."+strings.TrimSuffix(name, "."), "."+*blocked) {
			log.Printf("blocked %q for %s", name, pkt.SrcAddr())
			continue // not reinjected: dropped
		}
		conn.Reinject(pkt)
	}
	if err := errors.Join(conn.Err(), conn.Close()); err != nil {
		log.Fatal(err)
	}
}

// httpHost returns the Host header without port, or "" (RFC 9110 §7.2).
func httpHost(request []byte) string {
	head, _, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	for line := range bytes.Lines(head) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Host")) {
			host, _, _ := bytes.Cut(bytes.TrimSpace(value), []byte(":"))
			return string(host)
		}
	}
	return ""
}

// serverName returns the host name of a TLS ClientHello, or "" (RFC 8446 §4.1.2, RFC 6066 §3).
func serverName(b []byte) string {
	if len(b) < 43 || b[0] != 22 || b[5] != 1 {
		return ""
	}
	s := cryptobyte.String(b[43:]) // behind record header, handshake header, version and random
	var skipped, extension, name cryptobyte.String
	ok := s.ReadUint8LengthPrefixed(&skipped) && // session
		s.ReadUint16LengthPrefixed(&skipped) && // cipher suites
		s.ReadUint8LengthPrefixed(&skipped) && // compression methods
		s.Skip(2)
	for kind := uint16(0); ok && s.ReadUint16(&kind) && s.ReadUint16LengthPrefixed(&extension); {
		if kind == 0 && extension.Skip(3) && extension.ReadUint16LengthPrefixed(&name) {
			return string(name)
		}
	}
	return ""
}
