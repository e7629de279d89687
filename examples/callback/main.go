// Command callback gives each packet to a function, with bytes that are the function's own and a tag
// that puts them back, at once or later, from any goroutine. This one overwrites a word in payloads
// by as many asterisks. docs/from-divert-sockets.md shows it beside its model in Perl.
//
// The rule that feeds it:
//
//	nft add rule inet filter forward udp dport 5000 queue num 0
package main

import (
	"bytes"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

func main() {
	address := flag.String("a", "nfqueue:0", "divert `address`, or pcap:in.pcap>out.pcap")
	word := flag.String("word", "secret", "`text` to overwrite")
	flag.Parse()
	conn, err := divert.Open(*address)
	if err != nil {
		log.Fatal(err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() { <-interrupted; conn.Close() }()

	from, to := []byte(*word), bytes.Repeat([]byte("*"), len(*word))
	alterPacket := func(data []byte, tag divert.Tag) {
		var p packet.Packet
		p.Set(data)
		p.Decode()
		copy(p.Payload(), bytes.ReplaceAll(p.Payload(), from, to))
		if err := conn.Put(data, tag); err != nil { // repairs the checksums
			log.Print(err)
		}
	}
	if err := errors.Join(conn.Each(alterPacket), conn.Close()); err != nil {
		log.Fatal(err)
	}
}
