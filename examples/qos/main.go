// Command qos gives the traffic of one port a class and a ceiling: it sets the DSCP, and drops what
// exceeds a token bucket. Everything else passes as it is.
//
// The rule that feeds it:
//
//	nft add rule inet filter forward udp dport 5000 queue num 0
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/weir-project/weir/divert"
)

func main() {
	address := flag.String("a", "nfqueue:0", "divert `address`, or pcap:in.pcap>out.pcap")
	port := flag.Uint("port", 5000, "destination `port` of the class")
	dscp := flag.Uint("dscp", 46, "code `point`, 0 to 63; 46 is expedited forwarding (RFC 3246)")
	rate := flag.Float64("rate", 125_000, "bytes per `second`, IP header included")
	burst := flag.Float64("burst", 10_000, "`bytes` that may come at once")
	flag.Parse()
	if *dscp > 63 {
		log.Fatalf("-dscp %d: want 0 to 63", *dscp)
	}
	conn, err := divert.Open(*address)
	if err != nil {
		log.Fatal(err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() { <-interrupted; conn.Close() }()

	class := bucket{rate: *rate, size: *burst, tokens: *burst}
	started, passed, dropped := time.Now(), 0, 0
	for pkt := range conn.Packets() {
		if uint(pkt.DstPort) == *port {
			now := pkt.Meta.Captured // a capture has its own time
			if now == 0 {
				now = time.Since(started)
			}
			if !class.take(float64(len(pkt.Bytes())), now) {
				dropped++
				continue // not reinjected: dropped
			}
			passed++
			pkt.SetDSCP(uint8(*dscp))
		}
		conn.Reinject(pkt)
	}
	fmt.Printf("class: %d packets passed, %d dropped\n", passed, dropped)
	if err := errors.Join(conn.Err(), conn.Close()); err != nil {
		log.Fatal(err)
	}
}

// A bucket holds up to size tokens, one for each byte, and gains rate of them a second.
type bucket struct {
	rate, size, tokens float64
	last               time.Duration
}

// take removes the tokens for a packet at time now, and reports whether they were there.
func (b *bucket) take(bytes float64, now time.Duration) bool {
	b.tokens = min(b.size, b.tokens+b.rate*max(0, now-b.last).Seconds())
	b.last = max(now, b.last)
	if b.tokens < bytes {
		return false
	}
	b.tokens -= bytes
	return true
}
