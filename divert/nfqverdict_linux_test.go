package divert

import (
	"fmt"
	"testing"

	"github.com/weir-project/weir/packet"
)

// BenchmarkVerdict is what Finish does for a packet before the system call: alone in its batch and one of 64, left as it is and written
// back. None of it allocates.
func BenchmarkVerdict(b *testing.B) {
	for _, edit := range []bool{false, true} {
		name := map[bool]string{false: "accept", true: "edit"}[edit]
		for _, n := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { benchmarkVerdict(b, n, edit) })
		}
	}
}

func benchmarkVerdict(b *testing.B, n int, edit bool) {
	s := &NFQueue{queues: make([]queue, 1), tx: newSender()}
	q := &s.queues[0]
	ps := make([]*packet.Packet, n)
	for i := range ps {
		ps[i] = new(packet.Packet)
		ps[i].Set(datagram(byte(i)))
		ps[i].Token.ID, ps[i].Verdict = uint32(i), packet.Accept
	}
	b.ReportAllocs()
	for i := 0; i < b.N; i += n {
		q.fresh, q.done = q.fresh[:0], 0
		for j, p := range ps {
			q.fresh = append(q.fresh, fresh{id: uint32(j)})
			if edit {
				p.MarkDirty()
			}
		}
		s.place(ps)
		s.finishFresh(q)
		s.tx.drop()
	}
	if got := s.tx.accepted; got < uint64(b.N) {
		b.Fatalf("%d verdicts of %d", got, b.N)
	}
}

// drop forgets what send would have sent.
func (t *sender) drop() {
	t.heads, t.iovs = t.heads[:0], t.iovs[:0]
	t.start, t.pad, t.messages, t.bytes = 0, 0, 0, 0
}
