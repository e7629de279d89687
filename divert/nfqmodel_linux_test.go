package divert

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/weir-project/weir/packet"
)

// A modelKernel is the other end of an NFQueue's socket: it numbers and keeps packets
// and carries out verdict messages as nfnetlink_queue.c does.
type modelKernel struct {
	fd     int
	queues map[uint16]*modelQueue
	errors int
}

type modelQueue struct {
	last    uint32
	order   []uint32 // ids without a verdict, oldest first
	outcome map[uint32]outcome
}

func newModel(t fataler, first uint16, queues int, lastID uint32) (*modelKernel, *NFQueue) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	k := &modelKernel{fd: fds[1], queues: map[uint16]*modelQueue{}}
	cfg := configure([]Option{WithBatch(8)})
	s := &NFQueue{
		fd: fds[0], file: os.NewFile(uintptr(fds[0]), "model"), first: first, cfg: cfg,
		queues: make([]queue, queues), rx: newReceiver(fds[0], cfg.Batch), tx: newSender(),
	}
	s.gate.free = s.free
	for i := range s.queues {
		n := first + uint16(i)
		s.queues[i].number = n
		k.queues[n] = &modelQueue{last: lastID, outcome: map[uint32]outcome{}}
	}
	return k, s
}

type fataler interface{ Fatal(...any) }

func (k *modelKernel) close(s *NFQueue) {
	s.file.Close()
	unix.Close(k.fd)
}

// deliver queues a packet and tells user space.
func (k *modelKernel) deliver(t fataler, queue uint16, data []byte, mark uint32) {
	q := k.queues[queue]
	q.last++
	q.order = append(q.order, q.last)
	m := packetMessage(queue, q.last, data, mark)
	if err := unix.Sendto(k.fd, m, 0, nil); err != nil {
		t.Fatal(err)
	}
}

func packetMessage(queue uint16, id uint32, data []byte, mark uint32) []byte {
	m := appendHeader(nil, msgPacket, 0, 0, queue)
	m = appendAttr(m, attrPacketHdr, append(big.AppendUint32(nil, id), 8, 0, 2))
	m = appendAttr32(m, attrMark, mark)
	m = appendAttr32(m, attrSkbInfo, skbCsumNotReady)
	m = appendAttr(m, attrPayload, data)
	native.PutUint32(m, uint32(len(m)))
	return m
}

// obey carries out all verdicts that have been sent.
func (k *modelKernel) obey(t fataler) {
	buf := make([]byte, 1<<20)
	for {
		n, _, err := unix.Recvfrom(k.fd, buf, unix.MSG_DONTWAIT)
		if err != nil {
			return
		}
		for m := buf[:n]; len(m) > 0; {
			size := int(native.Uint32(m))
			k.message(t, m[:size])
			m = m[min((size+3)&^3, len(m)):]
		}
	}
}

func (k *modelKernel) message(t fataler, m []byte) {
	q := k.queues[big.Uint16(m[18:])]
	var o outcome
	var id uint32
	for a := m[msgHdrLen:]; len(a) > 0; {
		size := int(native.Uint16(a))
		switch v := a[4:size]; native.Uint16(a[2:]) {
		case attrVerdictHdr:
			o.verdict, id = big.Uint32(v), big.Uint32(v[4:])
		case attrMark:
			o.setMark, o.mark = true, big.Uint32(v)
		case attrPayload:
			o.payload = bytes.Clone(v)
		default:
			t.Fatal("unknown attribute")
		}
		a = a[min((size+3)&^3, len(a)):]
	}
	upTo := 0
	switch native.Uint16(m[4:]) {
	case msgVerdict:
		if i := slices.Index(q.order, id); i >= 0 {
			q.order = slices.Delete(q.order, i, i+1)
			q.outcome[id] = o
			return
		}
	case msgVerdictBatch:
		for upTo < len(q.order) && !idBefore(id, q.order[upTo]) {
			q.outcome[q.order[upTo]] = o
			upTo++
		}
		q.order = q.order[upTo:]
	}
	if upTo == 0 {
		k.errors++
	}
}

// Whatever the order and grouping in which packets are finished, each gets the verdict,
// mark and bytes that it was given, and those that were not finished get none.
func TestEveryPacketGetsItsOwnVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.SampledFrom([]uint32{0, 1 << 31, 0xfffffff0}).Draw(t, "start")
		k, s := newModel(t, 3, 2, start)
		defer k.close(s)
		var open []*packet.Packet
		want := map[packet.Token]outcome{}
		serial := byte(0)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			for range rapid.IntRange(0, 8).Draw(t, "arrivals") {
				serial++
				k.deliver(t, uint16(rapid.IntRange(3, 4).Draw(t, "queue")), datagram(serial), 0xf0)
			}
			ps := newPackets(8)
			n, err := s.Recv(ps, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range ps[:n] {
				open = append(open, own(p))
			}
			for range rapid.IntRange(0, 3).Draw(t, "finishes") {
				var now []*packet.Packet
				now, open = pick(t, open)
				for _, p := range now {
					want[p.Token] = choose(t, p)
				}
				if err := s.Finish(now); err != nil {
					t.Fatal(err)
				}
				k.obey(t)
			}
		}
		check(t, k, want)
	})
}

// datagram is a UDP datagram of odd length, distinguished by its serial number.
func datagram(serial byte) []byte {
	b := []byte{
		0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1, // IPv4
		0x30, 0x39, 0, 53, 0, 11, 0xff, 0xff, // UDP; a checksum, to be repaired
		'n', 'o', serial,
	}
	var p packet.Packet
	p.Set(b)
	p.MarkDirty()
	p.Repair()
	return b
}

// pick splits packets at random: most often all that are open, in order.
func pick(t *rapid.T, open []*packet.Packet) (now, later []*packet.Packet) {
	all := rapid.Bool().Draw(t, "all")
	for _, p := range open {
		if all || rapid.Bool().Draw(t, "now") {
			now = append(now, p)
		} else {
			later = append(later, p)
		}
	}
	if rapid.Bool().Draw(t, "reversed") {
		slices.Reverse(now)
	}
	return now, later
}

// choose gives p a verdict and returns what the kernel should hear.
func choose(t *rapid.T, p *packet.Packet) outcome {
	switch rapid.IntRange(0, 5).Draw(t, "verdict") {
	case 0:
		p.Verdict = packet.Drop
		return outcome{verdict: nfDrop}
	case 1:
		p.Mark = packet.Mark{Value: 0x5, Mask: 0xf}
		return outcome{verdict: nfAccept, setMark: true, mark: 0xf5}
	case 2:
		p.MutablePayload()[0] = 'N'
		edited := bytes.Clone(p.Bytes())
		var whole packet.Packet
		whole.Set(edited)
		whole.MarkDirty()
		whole.Repair()
		return outcome{verdict: nfAccept, payload: edited}
	}
	p.Verdict = packet.Accept
	return outcome{verdict: nfAccept}
}

func check(t *rapid.T, k *modelKernel, want map[packet.Token]outcome) {
	if k.errors > 0 {
		t.Fatalf("the kernel refused %d verdicts", k.errors)
	}
	got := map[packet.Token]outcome{}
	for n, q := range k.queues {
		for id, o := range q.outcome {
			got[packet.Token{Queue: n, ID: id}] = o
		}
	}
	same := func(a, b outcome) bool { return a.same(b) && bytes.Equal(a.payload, b.payload) }
	if !maps.EqualFunc(got, want, same) {
		t.Fatalf("verdicts differ:\ngot  %v\nwant %v", got, want)
	}
}

// A steady stream that is accepted whole costs one message to a batch.
func TestRunIsOneBatchVerdict(t *testing.T) {
	k, s := newModel(t, 0, 1, 0)
	defer k.close(s)
	for i := range byte(8) {
		k.deliver(t, 0, datagram(i), 0)
	}
	ps := newPackets(8)
	if n, err := s.Recv(ps, 0); n != 8 || err != nil {
		t.Fatal(n, err)
	}
	s.Finish(ps)
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(k.fd, buf, unix.MSG_DONTWAIT)
	if want := bareVerdict(msgVerdictBatch, 0, nfAccept, 8); err != nil || n != len(want) || native.Uint16(buf[4:]) != msgVerdictBatch {
		t.Errorf("%d bytes %x, want one batch verdict of %d", n, buf[:n], len(want))
	}
}

func TestIDSetAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s idSet
		twin := map[uint32]bool{}
		for range rapid.IntRange(0, 400).Draw(t, "steps") {
			id := rapid.Uint32Range(0xffffff80, 0xffffffff).Draw(t, "id") * rapid.SampledFrom([]uint32{1, 64, 1 << 20}).Draw(t, "stride")
			if rapid.Bool().Draw(t, "add") {
				s.add(id)
				twin[id] = true
			} else if got := s.remove(id); got != twin[id] {
				t.Fatalf("remove(%d) is %v", id, got)
			} else {
				delete(twin, id)
			}
			if s.n != len(twin) {
				t.Fatalf("%d ids, want %d", s.n, len(twin))
			}
		}
		for id := range twin {
			if !s.remove(id) {
				t.Fatalf("%d is lost", id)
			}
		}
	})
}

func FuzzPacketMessage(f *testing.F) {
	f.Add(packetMessage(0, 7, datagram(1), 3))
	f.Add(packetMessage(0, 7, nil, 3)[:30])
	f.Add([]byte{20, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 10, 0})
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) < msgHdrLen {
			return
		}
		var p packet.Packet
		if _, ok := packetAttrs(m[msgHdrLen:], &p); !ok {
			return
		}
		if len(p.Bytes()) > len(m) || p.Meta.OrigLen < len(p.Bytes()) {
			t.Errorf("%d bytes of %d from a message of %d", len(p.Bytes()), p.Meta.OrigLen, len(m))
		}
	})
}

// What fits no slot is told as truncated.
func TestMessageLongerThanItsSlot(t *testing.T) {
	m := packetMessage(0, 1, bytes.Repeat([]byte{0x45}, 1000), 0)
	var p packet.Packet
	if id, ok := packetAttrs(m[msgHdrLen:len(m)-300], &p); !ok || id != 1 || p.Meta.OrigLen != 1000 || !p.Truncated() {
		t.Errorf("%d %v: %d of %d bytes", id, ok, len(p.Bytes()), p.Meta.OrigLen)
	}
}

func TestQueueTable(t *testing.T) {
	rows := parseQueueTable("    0  10573     2 2 65531     3     4       17  1\n    7 -45678     0 2 65531     0     0        0  1\n")
	want := []queueRow{
		{number: 0, portID: 10573, waiting: 2, dropped: 3, userDropped: 4, lastID: 17},
		{number: 7, portID: 1<<32 - 45678},
	}
	if !slices.Equal(rows, want) {
		t.Errorf("rows %+v", rows)
	}
}
