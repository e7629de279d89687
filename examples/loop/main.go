// Command loop is the oldest divert program there is: receive a packet, look at it, send it back. It
// prints who sent what to whom. docs/from-divert-sockets.md shows it beside its model in C.
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
		fmt.Printf("%s > %s %s %d bytes\n", pkt.SrcAddr(), pkt.DstAddr(), pkt.Proto, len(pkt.Bytes()))
		if err := conn.Reinject(pkt); err != nil {
			log.Print(err)
		}
	}
	if err := errors.Join(conn.Err(), conn.Close()); err != nil {
		log.Fatal(err)
	}
}
