// Command ids alerts on a pattern: a regular expression over the payload of each packet, by default
// one for the parent-directory trick in HTTP requests. With -drop it drops those packets too. Go's
// expressions take linear time, whatever an attacker sends. A pattern that two packets share goes
// unseen.
//
// The rule that feeds it:
//
//	nft add rule inet filter forward queue num 0
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/signal"
	"regexp"

	"github.com/weir-project/weir/divert"
)

func main() {
	address := flag.String("a", "nfqueue:0", "divert `address`, or pcap:in.pcap>out.pcap")
	pattern := flag.String("pattern", `(?i)^(GET|POST) [^ ]*\.\./`, "regular `expression`")
	drop := flag.Bool("drop", false, "drop what matches")
	flag.Parse()
	re, err := regexp.Compile(*pattern)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := divert.Open(*address)
	if err != nil {
		log.Fatal(err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() { <-interrupted; conn.Close() }()

	for pkt := range conn.Packets() {
		if match := re.Find(pkt.Payload()); match != nil {
			alert(pkt, match)
			if *drop {
				continue
			}
		}
		conn.Reinject(pkt)
	}
	if err := errors.Join(conn.Err(), conn.Close()); err != nil {
		log.Fatal(err)
	}
}

// alert prints one line. The match is quoted: it comes from strangers, and this is a terminal.
func alert(pkt *divert.Pkt, match []byte) {
	from := netip.AddrPortFrom(pkt.SrcAddr(), pkt.SrcPort)
	to := netip.AddrPortFrom(pkt.DstAddr(), pkt.DstPort)
	fmt.Printf("alert %s %s > %s %.80q\n", pkt.Proto, from, to, match)
}
