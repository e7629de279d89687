package divert

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A shape is how large a receive ring is. Both ends of the memory must agree.
type shape struct {
	Slot   int // bytes, an odd number of cache lines, so that the heads of the slots do not all fall into a few cache sets
	Block  int // bytes, of which the kernel allocates whole ones; a slot lies in one
	Blocks int
}

const (
	cacheLine = 64
	slotRoom  = 128  // for struct tpacket2_hdr, struct sockaddr_ll, the vnet, link header and tags
	mostSlots = 1024 // the fewer there are, the more of them are in the caches
	fewSlots  = 16
	ringBlock = 64 << 10
)

// shapeFor returns a ring of slots for whole frames of the MTU, as many as the configuration has packets wait and bytes for them. Larger
// ones, which the stack has not cut yet, come beside it (PACKET_COPY_THRESH): a ring of slots for these would hold few packets.
func shapeFor(mtu int, cfg Config) shape {
	lines := (mtu + slotRoom + cacheLine - 1) / cacheLine
	s := shape{Slot: max(33, lines|1) * cacheLine, Block: ringBlock}
	for s.Block < 4*s.Slot {
		s.Block *= 2
	}
	slots := min(max(min(cfg.QueueLen, cfg.RecvBuffer/2/s.Slot), fewSlots), mostSlots)
	s.Blocks = (slots + s.perBlock() - 1) / s.perBlock()
	return s
}

func (s shape) perBlock() int { return s.Block / max(1, s.Slot) }
func (s shape) slots() int    { return s.Blocks * s.perBlock() }
func (s shape) bytes() int    { return s.Block * s.Blocks }

// request is the shape as the kernel wants it (struct tpacket_req).
func (s shape) request() *unix.TpacketReq {
	return &unix.TpacketReq{Block_size: uint32(s.Block), Block_nr: uint32(s.Blocks), Frame_size: uint32(s.Slot), Frame_nr: uint32(s.slots())}
}

// A ring is the receive ring of a packet socket (TPACKET_V2, Documentation/networking/packet_mmap.rst). The kernel fills one slot
// after the other, and stops at one that was not given back. TPACKET_V3, which packs frames, hands them over a block at a time, full
// or after a millisecond at the earliest: too late for who waits for an answer.
type ring struct {
	shape
	mem   []byte
	next  int    // the slot that is filled next
	taken int    // slots before it that were read, and not given back
	lost  bool   // next is not known: another process has read
	looks uint   // times that there was nothing to find
	read  uint64 // slots ever
}

// seldom is how often an idle ring whose next slot is not known is looked through: each so many times that somebody asks.
const seldom = 64

// slot returns the memory of a slot.
func (r *ring) slot(i int) []byte {
	per := r.perBlock()
	at := i/per*r.Block + i%per*r.Slot
	return r.mem[at : at+r.Slot : at+r.Slot]
}

// status is tp_status of a slot: who has it.
func (r *ring) status(i int) *uint32 { return (*uint32)(unsafe.Pointer(&r.slot(i)[0])) }

func (r *ring) filled(i int) bool { return atomic.LoadUint32(r.status(i))&unix.TP_STATUS_USER != 0 }

// ready returns the next slot that the kernel has filled.
func (r *ring) ready() ([]byte, bool) {
	if r.lost && !r.sought() || r.taken == r.slots() || !r.filled(r.next) {
		return nil, false
	}
	b := r.slot(r.next)
	r.taken++
	r.read++
	if r.next++; r.next == r.slots() {
		r.next = 0
	}
	return b, true
}

// giveBack lets the kernel fill what was taken, in order, so that what is filled is always one run.
func (r *ring) giveBack() {
	for ; r.taken > 0; r.taken-- {
		i := r.next - r.taken
		if i < 0 {
			i += r.slots()
		}
		atomic.StoreUint32(r.status(i), unix.TP_STATUS_KERNEL)
	}
}

// sought is find, not each time.
func (r *ring) sought() bool {
	r.looks++
	return r.looks%seldom == 1 && r.find()
}

// seek has the next call of sought look: the kernel says that something has come.
func (r *ring) seek() { r.looks = 0 }

// find looks for where the run of filled slots begins; false if none is filled. In a full ring, where all are, the oldest begins it.
func (r *ring) find() bool {
	n, oldest := r.slots(), -1
	for i := range n {
		switch {
		case !r.filled(i):
		case !r.filled((i + n - 1) % n):
			r.next, r.lost = i, false
			return true
		case oldest < 0 || r.before(i, oldest):
			oldest = i
		}
	}
	if oldest >= 0 {
		r.next, r.lost = oldest, false
	}
	return oldest >= 0
}

// before compares when two slots were filled (tp_sec, tp_nsec).
func (r *ring) before(i, j int) bool {
	a, b := r.slot(i), r.slot(j)
	if s, t := native.Uint32(a[16:]), native.Uint32(b[16:]); s != t {
		return s < t
	}
	return native.Uint32(a[20:]) < native.Uint32(b[20:])
}

// A received is what stands in a slot (struct tpacket2_hdr, behind it struct sockaddr_ll).
type received struct {
	slot   []byte
	status uint32
}

func (f received) length() int  { return int(native.Uint32(f.slot[4:])) } // of the frame
func (f received) copied() int  { return int(native.Uint32(f.slot[8:])) } // of it, in the slot
func (f received) mac() int     { return int(native.Uint16(f.slot[12:])) }
func (f received) own() bool    { return f.slot[unix.SizeofTpacket2Hdr+10] == unix.PACKET_OUTGOING }
func (f received) beside() bool { return f.status&unix.TP_STATUS_COPY != 0 }

// data returns what the slot has of the frame; empty where the kernel would have written nonsense.
func (f received) data() []byte {
	from := f.mac()
	if from < vnetLen || from+f.copied() > len(f.slot) {
		return nil
	}
	return f.slot[from : from+f.copied() : from+f.copied()]
}

// whole returns the frame behind its vnet, which stands there iff the frame is whole.
func (f received) whole() []byte { return f.slot[f.mac()-vnetLen : f.mac()+f.copied()] }

// tag returns the tag that was taken off.
func (f received) tag() tag {
	if f.status&unix.TP_STATUS_VLAN_VALID == 0 {
		return tag{}
	}
	t := tag{there: true, ether: etherVLAN, number: native.Uint16(f.slot[24:])}
	if f.status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		t.ether = native.Uint16(f.slot[26:])
	}
	return t
}
