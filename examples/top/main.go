// Command top counts who talks to whom, and prints the pairs of hosts with the most bytes when it
// ends: at the end of a capture, or at Ctrl-C. Nothing is held up or changed.
//
// The rule that feeds it; with bypass, packets go on when nobody listens:
//
//	nft add rule inet filter forward queue num 0 bypass
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/signal"
	"slices"

	"github.com/weir-project/weir/divert"
)

// maxPairs bounds the memory, some 10 MB. Further pairs are counted together, as the zero pair.
const maxPairs = 65536

// A pair is two hosts, the one with the lower address first.
type pair struct{ low, high netip.Addr }

type talk struct {
	pair
	packets, bytes int
}

func main() {
	address := flag.String("a", "nfqueue:0", "divert `address`, or pcap:in.pcap>out.pcap")
	n := flag.Int("n", 10, "`pairs` to print")
	flag.Parse()
	conn, err := divert.Open(*address, divert.WithCopyRange(128)) // headers are enough
	if err != nil {
		log.Fatal(err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() { <-interrupted; conn.Close() }()

	talks := map[pair]*talk{}
	for pkt := range conn.Packets() {
		hosts := pair{pkt.SrcAddr(), pkt.DstAddr()}
		if hosts.high.Less(hosts.low) {
			hosts.low, hosts.high = hosts.high, hosts.low
		}
		if talks[hosts] == nil && len(talks) >= maxPairs {
			hosts = pair{}
		}
		if talks[hosts] == nil {
			talks[hosts] = &talk{pair: hosts}
		}
		talks[hosts].packets++
		talks[hosts].bytes += pkt.Meta.OrigLen
		conn.Reinject(pkt)
	}
	var ranked []*talk
	for _, t := range talks {
		ranked = append(ranked, t)
	}
	slices.SortFunc(ranked, func(a, b *talk) int {
		return cmp.Or(b.bytes-a.bytes, a.low.Compare(b.low), a.high.Compare(b.high))
	})
	for _, t := range ranked[:min(*n, len(ranked))] {
		fmt.Printf("%10d bytes %8d packets  %s - %s\n", t.bytes, t.packets, t.low, t.high)
	}
	if err := errors.Join(conn.Err(), conn.Close()); err != nil {
		log.Fatal(err)
	}
}
