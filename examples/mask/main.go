// Command mask hides payment card numbers in whatever passes: of 13 to 19 digits that satisfy Luhn's
// check, with single spaces or hyphens between them, all but the last four become asterisks. No
// length changes, so TCP does not notice. It sees one packet at a time: a number that two packets
// share goes through.
//
// The rule that feeds it:
//
//	nft add rule inet filter forward tcp dport 80 queue num 0
package main

import (
	"bytes"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"

	"github.com/weir-project/weir/divert"
)

func main() {
	address := flag.String("a", "nfqueue:0", "divert `address`, or pcap:in.pcap>out.pcap")
	flag.Parse()
	conn, err := divert.Open(*address)
	if err != nil {
		log.Fatal(err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() { <-interrupted; conn.Close() }()

	for pkt := range conn.Packets() {
		if masked := mask(pkt.Payload()); masked != nil && !pkt.Overwrite(0, masked) {
			continue // a card that cannot be masked, as in a late fragment: dropped
		}
		conn.Reinject(pkt)
	}
	if err := errors.Join(conn.Err(), conn.Close()); err != nil {
		log.Fatal(err)
	}
}

// mask returns b with its card numbers masked, or nil if it has none.
func mask(b []byte) (masked []byte) {
	for i := 0; i < len(b); {
		var digits []int // where they are
		for ; i < len(b) && ('0' <= b[i] && b[i] <= '9' || len(digits) > 0 && separates(b, i)); i++ {
			if b[i] >= '0' {
				digits = append(digits, i)
			}
		}
		if n := len(digits); n >= 13 && n <= 19 && luhn(b, digits) {
			if masked == nil {
				masked = bytes.Clone(b)
			}
			for _, at := range digits[:n-4] {
				masked[at] = '*'
			}
		}
		i++
	}
	return masked
}

// separates reports whether b[i] is a separator behind a digit.
func separates(b []byte, i int) bool { return (b[i] == ' ' || b[i] == '-') && b[i-1] >= '0' }

// luhn checks the digits as ISO/IEC 7812-1 says: from the right, every second one counts double.
func luhn(b []byte, digits []int) bool {
	sum := 0
	for i, at := range digits {
		d := int(b[at] - '0')
		if (len(digits)-i)%2 == 0 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return sum%10 == 0
}
