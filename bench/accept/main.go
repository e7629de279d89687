// Command accept is the shortest inspector: it accepts every packet of a divert socket.
// It measures what package divert costs.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

func main() {
	address := flag.String("a", "nfqueue:0", "divert `address`")
	batch := flag.Int("batch", 64, "packets per receive")
	edit := flag.Bool("edit", false, "write every packet back, with checksums computed anew")
	wait := flag.Duration("wait", -1, "longest wait of a receive")
	reach := flag.Int("copy", 0, "copy this many bytes of each packet; 0 for all")
	spin := flag.Duration("spin", 0, "poll this long before sleeping")
	keep := flag.Bool("keep", true, "keep Go's processor while packets come")
	flag.Parse()
	opts := []divert.Option{divert.WithBatch(*batch), divert.WithCopyRange(*reach), divert.WithSpin(*spin)}
	if *keep {
		opts = append(opts, divert.WithKeptProcessor())
	}
	if err := run(*address, *batch, *edit, *wait, opts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address string, batch int, edit bool, wait time.Duration, opts []divert.Option) error {
	s, err := divert.OpenSocket(address, opts...)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, unix.SIGTERM)
	go func() {
		<-stop
		fmt.Printf("%+v\n", s.Stats())
		s.Close()
	}()
	ps := make([]*packet.Packet, batch)
	for i := range ps {
		ps[i] = new(packet.Packet)
	}
	for {
		n, err := s.Recv(ps, wait)
		if err == divert.ErrClosed {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range ps[:n] {
			p.Verdict = packet.Accept
			if edit {
				p.MarkDirty()
			}
		}
		if err := s.Finish(ps[:n]); err != nil && err != divert.ErrClosed {
			return err
		}
	}
}
