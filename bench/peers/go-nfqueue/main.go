// Command go-nfqueue accepts every packet with the library that Go programs use for NFQUEUE, as its example does: with a large receive
// buffer and queue, and offload-sized packets whole.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/mdlayher/netlink"
)

func main() {
	q, err := nfqueue.Open(&nfqueue.Config{
		NfQueue: 0, MaxPacketLen: 65531, MaxQueueLen: 65535, Copymode: nfqueue.NfQnlCopyPacket,
		Flags: nfqueue.NfQaCfgFlagGSO, WriteTimeout: 50 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer q.Close()
	if err := q.Con.SetReadBuffer(32 << 20); err != nil {
		log.Print(err)
	}
	if err := q.SetOption(netlink.NoENOBUFS, true); err != nil {
		log.Print(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	accept := func(a nfqueue.Attribute) int {
		if err := q.SetVerdict(*a.PacketID, nfqueue.NfAccept); err != nil {
			log.Print(err)
		}
		return 0
	}
	if err := q.RegisterWithErrorFunc(ctx, accept, func(err error) int { log.Print(err); return 0 }); err != nil {
		log.Fatal(err)
	}
	<-ctx.Done()
}
