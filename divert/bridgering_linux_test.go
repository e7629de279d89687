package divert

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRingFitsFramesAndPages(t *testing.T) {
	for _, mtu := range []int{68, 1280, 1500, 1984, 1985, 4000, 9000, 65535} {
		for _, cfg := range []Config{configure(nil), {QueueLen: 1, RecvBuffer: 1}, {QueueLen: 20, RecvBuffer: 64 << 10}, {QueueLen: 1 << 30, RecvBuffer: 1 << 30}} {
			s := shapeFor(mtu, cfg)
			if s.Slot < mtu+slotRoom || s.Slot/cacheLine%2 == 0 || s.Slot%cacheLine != 0 || s.Block%unix.Getpagesize() != 0 || s.perBlock() < 4 {
				t.Errorf("MTU %d: %+v", mtu, s)
			}
			if n := s.slots(); n < fewSlots || n > mostSlots+s.perBlock() {
				t.Errorf("MTU %d, %+v: %d slots", mtu, cfg, n)
			}
		}
	}
}

// fakeRing is a ring whose kernel is the test.
func fakeRing(slots int) *ring {
	s := shape{Slot: 33 * cacheLine, Block: ringBlock, Blocks: (slots + 30) / 31}
	return &ring{shape: s, mem: make([]byte, s.bytes()), lost: true}
}

// fill is the kernel's side: it fills the slot at head, if that is free.
func (r *ring) fill(head *int, serial uint32) bool {
	if r.filled(*head) {
		return false
	}
	b := r.slot(*head)
	native.PutUint32(b[16:], serial/4) // tp_sec, tp_nsec
	native.PutUint32(b[20:], serial%4)
	native.PutUint32(b[4:], serial)
	*r.status(*head) = unix.TP_STATUS_USER
	*head = (*head + 1) % r.slots()
	return true
}

// TestRingIsReadInOrder has a kernel fill and readers come and go, each of which knows nothing of its predecessor: every frame is read in
// order, and none twice but those that a reader had not given back.
func TestRingIsReadInOrder(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		ring := fakeRing(31)
		head := r.IntN(ring.slots())
		filled, read, given := uint32(0), uint32(0), uint32(0)
		for range 300 {
			switch r.IntN(6) {
			case 0, 1, 2:
				for range r.IntN(20) {
					if ring.fill(&head, filled) {
						filled++
					}
				}
			case 3, 4:
				for range r.IntN(20) {
					ring.seek() // as where poll says so
					b, ok := ring.ready()
					if ok != (read < filled) {
						t.Fatalf("seed %d: a frame is ready: %v; %d filled, %d read", seed, ok, filled, read)
					}
					if !ok {
						break
					}
					if got := native.Uint32(b[4:]); got != read {
						t.Fatalf("seed %d: frame %d, want %d", seed, got, read)
					}
					read++
				}
				if r.IntN(3) > 0 {
					ring.giveBack()
					given = read
				}
			case 5: // another reader
				ring.next, ring.taken, ring.lost = r.IntN(ring.slots()), 0, true
				read = given
			}
		}
		if filled < 100 {
			t.Fatalf("seed %d: only %d frames", seed, filled)
		}
	}
}

// TestSlotsAreReadAsTheKernelWritesThem: struct tpacket2_hdr, and behind it struct sockaddr_ll (include/uapi/linux/if_packet.h).
func TestSlotsAreReadAsTheKernelWritesThem(t *testing.T) {
	b := make([]byte, 256)
	native.PutUint32(b, unix.TP_STATUS_USER|unix.TP_STATUS_VLAN_VALID|unix.TP_STATUS_VLAN_TPID_VALID)
	native.PutUint32(b[4:], 100)
	native.PutUint32(b[8:], 60)
	native.PutUint16(b[12:], 76)
	native.PutUint16(b[24:], 0x2007)
	native.PutUint16(b[26:], 0x88a8)
	f := func() received { return received{b, native.Uint32(b)} }
	b[75], b[76], b[135] = 1, 2, 3
	if d := f().data(); f().length() != 100 || len(d) != 60 || cap(d) != 60 || d[0] != 2 || d[59] != 3 || f().whole()[vnetLen-1] != 1 {
		t.Errorf("%d bytes of %d: %x", len(d), f().length(), d)
	}
	if got := f().tag(); got != (tag{true, 0x88a8, 0x2007}) || f().beside() {
		t.Errorf("tag %+v, beside %v", got, f().beside())
	}
	native.PutUint32(b, unix.TP_STATUS_USER|unix.TP_STATUS_VLAN_VALID|unix.TP_STATUS_COPY)
	if got := f().tag(); got.ether != etherVLAN || !f().beside() {
		t.Errorf("of an old kernel: %+v", got)
	}
	native.PutUint32(b, unix.TP_STATUS_USER)
	if f().tag().there || f().own() {
		t.Error("a tag, or a frame of our own, that is none")
	}
	if b[32+10] = unix.PACKET_OUTGOING; !f().own() {
		t.Error("a frame that this host has sent would cross again")
	}
	for _, mac := range []uint16{0, vnetLen - 1, 200, 65535} {
		native.PutUint16(b[12:], mac)
		if f().data() != nil {
			t.Errorf("a frame at %d of a slot of %d", mac, len(b))
		}
	}
}

// TestIdleRingIsSoughtSeldom, and a frame in it is found all the same, by who asks often enough.
func TestIdleRingIsSoughtSeldom(t *testing.T) {
	ring, head := fakeRing(31), 7
	if _, ok := ring.ready(); ok {
		t.Fatal("an empty ring has a frame")
	}
	ring.fill(&head, 1)
	for asked := 1; ; asked++ {
		if _, ok := ring.ready(); ok {
			break
		}
		if asked > seldom {
			t.Fatal("the frame is not found")
		}
	}
}

// TestLinksHaveOneUse has tokens name an entry for as long as it is the same packet's.
func TestLinksHaveOneUse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	l := linkPool{most: 3000}
	open, old := map[uint32]bool{}, map[uint32]bool{}
	for range 20000 {
		if r.IntN(2) == 0 {
			i, ok := l.take()
			if ok != (len(open) < 3000) {
				t.Fatalf("taken: %v, with %d open", ok, len(open))
			}
			if ok {
				id := l.at(i).token(i)
				if open[id] {
					t.Fatal("an open entry was taken")
				}
				delete(old, id)
				open[id] = true
			}
			continue
		}
		for id := range open {
			i, e := l.named(id)
			if e == nil || !e.open {
				t.Fatal("an open entry is not named by its token")
			}
			l.give(i)
			delete(open, id)
			old[id] = true
			break
		}
	}
	for id := range old {
		if _, e := l.named(id); e != nil && e.open {
			t.Fatal("a finished entry is open")
		}
	}
	for _, id := range []uint32{l.used, l.used + 1000, mostLinks} {
		if _, e := l.named(id); e != nil {
			t.Errorf("%d names an entry that never was", id)
		}
	}
}

func TestHostsAreKnownBothWays(t *testing.T) {
	var hosts hostTable
	e := &entry{in: 1, body: make([]byte, 40)}
	e.set(nothingLeft[:], []byte{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0}, tag{true, 0x8100, 9})
	e.body[0], e.body[9] = 0x45, 6
	copy(e.body[12:], []byte{192, 0, 2, 1, 198, 51, 100, 1})
	hosts.learn(e)
	pair, _ := pairOf(e.body)
	in, h, ok := hosts.find(pair)
	if !ok || in != 1 || string(h.link()) != string(e.link()) {
		t.Errorf("there: %v, in %d, %x", ok, in, h.link())
	}
	in, h, ok = hosts.find(pair.turned())
	e.turn()
	if !ok || in != 0 || string(h.link()) != string(e.link()) {
		t.Errorf("back: %v, in %d, %x", ok, in, h.link())
	}
	pair.dst[3]++
	if _, _, ok := hosts.find(pair); ok {
		t.Error("a stranger is known")
	}
	e.body[9] = 17
	copy(e.body[12:], []byte{192, 0, 2, 77})
	hosts.learn(e)
	if pair, _ = pairOf(e.body); func() bool { _, _, ok := hosts.find(pair); return ok }() {
		t.Error("UDP was learned")
	}
}
