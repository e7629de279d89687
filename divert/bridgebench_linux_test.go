package divert_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert/conform"
	"github.com/weir-project/weir/packet"
)

// BenchmarkBridge receives and accepts datagrams of 64 bytes, in batches of 32: what it costs between two rings, with the kernel's part.
func BenchmarkBridge(b *testing.B) {
	w := newWire(b)
	s := openBridge(b)
	f := ipFrame(0, udpOf(conform.Way{}, make([]byte, 36)))
	ps := somePackets(64)
	const batch = 32
	b.ReportAllocs()
	for n := 0; n < b.N; n += batch {
		b.StopTimer()
		for range batch {
			if _, err := unix.Write(w.ends[0], f); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		for left := batch; left > 0; {
			n, err := s.Recv(ps, time.Second)
			if err != nil || n == 0 {
				b.Fatal(n, err)
			}
			for _, p := range ps[:n] {
				p.Verdict = packet.Accept
			}
			if err := s.Finish(ps[:n]); err != nil {
				b.Fatal(err)
			}
			left -= n
		}
	}
}
