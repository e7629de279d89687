package divert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// A Bridge is a Socket that is a bump in the wire: frames of one Ethernet interface go out of another, and back, past the
// system's own stack and its packet filter. What is IP is delivered; every other frame (ARP, STP, LLDP, PPPoE, IP behind more than five VLAN
// tags) crosses as it came, in order among its like. Link header, VLAN tags, and what the stack has left to a device to do
// (struct virtio_net_hdr) stay with a packet.
//
// It is a bridge: addresses of the machine's own mean nothing to it, and the system must not forward or answer besides, so the two
// interfaces have no addresses, and no other program's bridge has them.
//
// The kernel holds nothing but what has not been received. What was received and not finished is gone with the process.
type Bridge struct {
	ports [2]port
	cfg   Config
	caps  Caps
	files []*os.File
	wake  int // eventfd

	pool      linkPool
	fresh     []uint32 // entries of the last Recv
	lent      int      // of them, those without a verdict
	batch     uint32   // number of the last Recv
	large     [][]byte // for frames that did not fit their slots, of one batch
	scratch   []byte   // for a piece that we cut ourselves; nil until there is one
	larges    int      // of them, used
	hosts     hostTable
	poll      [3]unix.PollFd
	keeps     bool // Recv keeps Go's processor as it waits
	idle      bool // the last Recv that waited brought little
	courtesy  courtesy
	firstPort int  // which is read first the next time
	counting  bool // nobody else asks the kernel for its counts
	lanes     int
	feltAt    uint32 // batch of the last look whether rings are stuck

	crossed       atomic.Uint64
	kernelDropped atomic.Uint64
	ringsRenewed  atomic.Uint64
	uncut         atomic.Uint64
	ownCuts       atomic.Uint64
	gate
	counters
}

// A port is one end of a Bridge.
type port struct {
	bridgePort
	ring    ring
	pulse   pulse
	outlet  outlet
	pending []byte // a frame from beside the ring whose slot has not come
	misses  int    // slots in a row that lacked the frame beside them
	suspect bool   // a send says that the interface is gone
	down    atomic.Bool
}

func openBridge(address, rest string, cfg Config) (Socket, error) {
	b, err := bindBridge(address, rest, cfg)
	if err != nil {
		return nil, err
	}
	s, err := attachPorts(b.Files(), b.Caps, cfg)
	if err == nil {
		s.lanes = b.keeper.(*bridgeBound).lanes
		s.counting = true
		for i := range s.ports {
			s.ports[i].ring.lost = false // nobody has read
		}
		err = b.Flow(true)
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("divert: address %q: %w", address, err)
	}
	return s, nil
}

// attachBridge makes a Socket of the descriptors of a Bound. The process needs no privilege.
func attachBridge(address, rest string, caps Caps, files []*os.File, cfg Config) (Socket, error) {
	a, err := parseBridge(rest)
	if err != nil {
		return nil, fmt.Errorf("divert: address %q: %w", address, err)
	}
	s, err := attachPorts(files, caps, cfg)
	if err != nil {
		return nil, fmt.Errorf("divert: attach %s: %w", address, err)
	}
	s.lanes = a.lanes
	return s, nil
}

// attachPorts maps the rings.
func attachPorts(files []*os.File, caps Caps, cfg Config) (*Bridge, error) {
	if len(files) != 3 {
		return nil, fmt.Errorf("%d descriptors given, want two sockets and a memory file", len(files))
	}
	plan, err := readPlan(files[2])
	if err != nil {
		return nil, fmt.Errorf("memory file: %w", err)
	}
	s := &Bridge{cfg: cfg, caps: caps, files: files, fresh: make([]uint32, 0, 2*cfg.Batch), large: make([][]byte, 0, cfg.Batch)}
	if s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	s.pool.most = cfg.QueueLen + 2*cfg.Batch
	for i := range s.ports {
		p, fd := &s.ports[i], int(files[i].Fd())
		p.bridgePort, p.outlet = plan[i], newOutlet(fd)
		if err = p.there(fd); err != nil {
			s.unmap()
			return nil, err
		}
		p.ring = ring{shape: p.Ring, lost: true}
		if p.ring.mem, err = unix.Mmap(fd, 0, p.Ring.bytes(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
			s.unmap()
			return nil, fmt.Errorf("the ring of %s: %w", p.Name, err)
		}
		s.poll[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	s.poll[2] = unix.PollFd{Fd: int32(s.wake), Events: unix.POLLIN}
	s.gate.free = func() { s.unmap(); _ = closeAll(s.files) }
	return s, nil
}

// unmap lets go of all but the descriptors that were given.
func (s *Bridge) unmap() {
	for i := range s.ports {
		if m := s.ports[i].ring.mem; m != nil {
			_ = unix.Munmap(m)
			s.ports[i].ring.mem = nil
		}
	}
	unix.Close(s.wake)
}

// Recv implements Socket.
func (s *Bridge) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	if !s.enter() {
		return 0, ErrClosed
	}
	defer s.leave()
	if s.orphaned() {
		return 0, errOrphaned
	}
	if len(ps) == 0 {
		return 0, nil
	}
	s.retire()
	if s.batch-s.feltAt >= pulseBatches {
		if err := s.feel(); err != nil {
			return 0, err
		}
	}
	ps = ps[:min(len(ps), s.cfg.Batch)]
	n, err := s.read(ps)
	if n == 0 && err == nil && wait != 0 {
		n, err = s.readLater(ps, wait)
	}
	if s.closed.Load() {
		return 0, ErrClosed
	}
	if n > 0 {
		s.batches.Add(1)
		s.received.Add(uint64(n))
	}
	return n, err
}

var errOrphaned = errors.New("bridge: the process that started this one has ended, and with it the wire")

// orphaned reports whether the process that started this one is gone. Then another is the parent.
func (s *Bridge) orphaned() bool {
	if s.cfg.Parent == 0 {
		return false
	}
	parent, _ := unix.RawSyscallNoError(unix.SYS_GETPPID, 0, 0, 0)
	return int(parent) != s.cfg.Parent
}

// retire gives back what the last Recv has lent. Packets of it that are not finished keep their links.
func (s *Bridge) retire() {
	for _, i := range s.fresh {
		if e := s.pool.at(i); e.open {
			e.hold()
		}
	}
	s.fresh, s.lent, s.larges = s.fresh[:0], 0, 0
	s.batch++
	for i := range s.ports {
		s.ports[i].ring.giveBack()
	}
}

// read takes what is there from both ports in turn, and sends on what is not IP.
func (s *Bridge) read(ps []*packet.Packet) (n int, err error) {
	first := s.firstPort
	s.firstPort = 1 - first
	n = s.take(first, ps[:(len(ps)+1)/2], 0)
	n = s.take(1-first, ps, n)
	n = s.take(first, ps, n)
	for i := range s.ports {
		if e := s.flush(i); e != nil {
			err = e
		}
		if s.ports[i].suspect {
			s.ports[i].suspect = false
			if e := s.fallen(i); e != nil {
				err = e
			}
		}
	}
	return n, err
}

// take fills ps from the n-th on with packets of one port and returns how many there are then. It looks at no more frames than a batch
// has: what is no IP is no packet, and does not end it.
func (s *Bridge) take(from int, ps []*packet.Packet, n int) int {
	r := &s.ports[from].ring
	for looked := 0; n < len(ps) && looked < s.cfg.Batch; looked++ {
		slot, ok := r.ready()
		if !ok {
			break
		}
		if s.accept(from, received{slot: slot, status: native.Uint32(slot)}, ps[n]) {
			n++
		}
		s.ports[from].rise()
	}
	return n
}

// accept takes a frame in: it is a packet, and p becomes that, or false.
func (s *Bridge) accept(from int, f received, p *packet.Packet) bool {
	if f.own() {
		return false
	}
	begin, length := f.data(), f.length()
	var whole []byte // with its vnet
	switch {
	case len(begin) >= length && length > 0:
		whole = f.whole()
	case f.beside():
		whole = s.beside(from, begin, length)
	}
	data, v := begin, vnet(nothingLeft[:])
	if whole != nil {
		data, v = whole[vnetLen:], vnet(whole[:vnetLen])
	}
	if len(data) < 14 {
		s.recvErrors.Add(1)
		return false
	}
	link, ip := etherHeader(data, 12)
	if !ip {
		link = 14
	}
	i, ok := s.pool.take()
	if !ok {
		s.kernelDropped.Add(1) // nobody answers what there is already
		return false
	}
	e, t := s.pool.at(i), f.tag()
	e.in, e.batch, e.body = uint8(from), s.batch, data[link:]
	if e.set(v, data[:link], t); !t.there {
		e.whole = whole
	}
	if ip {
		s.deliver(p, i, e, length-link)
	} else {
		s.cross(i, e, len(data) == length)
	}
	return ip
}

// nothingLeft is the vnet of a frame that needs nothing of a device.
var nothingLeft [vnetLen]byte

// deliver makes p the datagram of an entry. Behind it there may be padding, which is none of the datagram's.
func (s *Bridge) deliver(p *packet.Packet, i uint32, e *entry, length int) {
	datagram := len(e.body)
	if n := ipLength(e.body); n > 0 && n < datagram {
		datagram = n
		length = n
	}
	p.Set(e.body[:datagram:datagram])
	p.Token = packet.Token{Queue: uint16(e.in), ID: e.token(i)}
	p.Meta = packet.Meta{
		Hook: packet.HookForward, InIf: uint32(s.ports[e.in].Index), OutIf: uint32(s.ports[1-e.in].Index),
		Checksum: e.vnet().checksumState(), GSO: e.vnet().gso(), OrigLen: length,
	}
	if p.Truncated() {
		s.truncated.Add(1)
	}
	s.fresh = append(s.fresh, i)
	s.lent++
	s.hosts.learn(e)
}

// cross sends on what is no IP.
func (s *Bridge) cross(i uint32, e *entry, whole bool) {
	e.open = false
	if !whole {
		s.truncated.Add(1)
		s.pool.give(i)
		return
	}
	e.foreign = true
	s.send(1-int(e.in), i, e.body)
}

// beside reads the frame that did not fit its slot, which has the beginning of it. It is nil where that is gone. A predecessor may have
// read the frame of a slot that it has not given back: the next one is kept for the slot whose it is.
func (s *Bridge) beside(from int, begin []byte, length int) []byte {
	p := &s.ports[from]
	b := s.largeBuffer()
	if len(p.pending) > 0 {
		b = b[:copy(b, p.pending)]
	} else {
		n, errno := recvFrame(int(s.poll[from].Fd), b)
		if errno != 0 {
			n = 0
		}
		b = b[:n]
	}
	if len(b) == min(vnetLen+length, largeFrame) && string(b[vnetLen:][:len(begin)]) == string(begin) {
		p.pending, p.misses = p.pending[:0], 0
		return b
	}
	p.pending = append(p.pending[:0], b...)
	if p.misses++; p.misses > maxBatch {
		p.pending, p.misses = p.pending[:0], 0
	}
	return nil
}

// largeFrame is the largest one that is received; of a larger one the beginning is.
const largeFrame = vnetLen + maxLink + maxDatagram

// largeBuffer is for one frame of this batch.
func (s *Bridge) largeBuffer() []byte {
	if s.larges == len(s.large) {
		s.large = append(s.large, make([]byte, largeFrame))
	}
	s.larges++
	return s.large[s.larges-1]
}

// readLater waits, and reads then.
func (s *Bridge) readLater(ps []*packet.Packet, wait time.Duration) (n int, err error) {
	if s.cfg.Spin > 0 {
		for end := time.Now().Add(s.cfg.Spin); time.Now().Before(end); {
			if n, err = s.read(ps); n > 0 || err != nil || s.closed.Load() {
				return n, err
			}
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // see NFQueue.spin
		}
	}
	if err := s.awaitSome(wait); err != nil {
		return 0, err
	}
	if err := s.hear(); err != nil {
		return 0, err
	}
	n, err = s.read(ps)
	s.idle, s.keeps = n <= 1, s.cfg.KeepsCPU && n > 0
	return n, err
}

// awaitSome waits like await, and looks now and then whether a ring is stuck: the kernel wakes nobody for one.
func (s *Bridge) awaitSome(wait time.Duration) error {
	for {
		step := wait
		if wait < 0 || wait > pulseEvery {
			step = pulseEvery
		}
		n, errno := s.await(step)
		switch {
		case errno == unix.EINTR:
			return nil
		case errno != 0:
			return errno
		case n > 0 || step == wait:
			return nil
		}
		if err := s.feel(); err != nil {
			return err
		}
		if wait > 0 {
			wait -= step
		}
	}
}

// await waits for frames, Wake or the end of the time. While frames come it keeps Go's processor, for keptWait at most; see
// NFQueue.recvKeeping, and NFQueue.recvYielding for why it yields.
func (s *Bridge) await(wait time.Duration) (int, syscall.Errno) {
	if s.keeps {
		s.courtesy.yield(s.idle)
		kept := keptWait
		if wait > 0 {
			kept = min(kept, wait)
		}
		n, errno := s.ppoll(kept, true)
		if n > 0 || errno != 0 || wait == kept {
			return n, errno
		}
		if wait > 0 {
			wait -= kept
		}
	}
	if s.idle {
		runtime.Gosched()
	}
	return s.ppoll(wait, false)
}

// ppoll waits; without end if wait is negative.
func (s *Bridge) ppoll(wait time.Duration, keep bool) (int, syscall.Errno) {
	var timeout *unix.Timespec
	if wait >= 0 {
		ts := unix.NsecToTimespec(wait.Nanoseconds())
		timeout = &ts
	}
	return ppoll(s.poll[:], timeout, keep)
}

// hear sees to what is not a frame: Wake, and interfaces that are down or gone.
func (s *Bridge) hear() error {
	if s.poll[2].Revents != 0 {
		s.poll[2].Revents = 0
		var b [8]byte
		_, _ = unix.Read(s.wake, b[:])
	}
	for i := range s.ports {
		if s.poll[i].Revents&unix.POLLIN != 0 {
			s.ports[i].ring.seek()
		}
		if s.poll[i].Revents&unix.POLLERR == 0 {
			continue
		}
		s.poll[i].Revents = 0
		if err := s.fallen(i); err != nil {
			return err
		}
	}
	return nil
}

// fallen notes that an interface is down; the kernel goes on with the socket when it is up again. One that is gone does not come back.
func (s *Bridge) fallen(i int) error {
	fd := int(s.poll[i].Fd)
	_, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR) // reading it clears it
	s.recvErrors.Add(1)
	s.ports[i].down.Store(true)
	return s.ports[i].there(fd)
}

// there is an error iff the interface was deleted: the socket is bound to none then, whatever has its name.
func (p *bridgePort) there(fd int) error {
	var at unix.RawSockaddrLinklayer // unix.Getsockname allocates one
	size := uint32(unix.SizeofSockaddrLinklayer)
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&at)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return fmt.Errorf("bridge: interface %s: %w", p.Name, errno)
	}
	if int(at.Ifindex) != p.Index {
		return fmt.Errorf("bridge: interface %s %w", p.Name, errPortGone)
	}
	return nil
}

// rise notes that an interface is up.
func (p *port) rise() {
	if p.down.Load() {
		p.down.Store(false)
	}
}

// Wake implements Socket.
func (s *Bridge) Wake() {
	if s.enter() {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = unix.Write(s.wake, one[:])
		s.leave()
	}
}

// Caps implements Socket.
func (s *Bridge) Caps() Caps { return s.caps }

// Stats implements Socket. KernelQueued stays 0: the kernel does not say how many frames wait.
func (s *Bridge) Stats() Stats {
	st := s.counters.stats()
	if s.counting && s.enter() {
		for i := range s.ports {
			s.kernelDropped.Add(ringDrops(int(s.files[i].Fd())))
		}
		s.leave()
	}
	st.KernelDropped, st.Crossed = s.kernelDropped.Load(), s.crossed.Load()
	st.RingsRenewed, st.Uncut = s.ringsRenewed.Load(), s.uncut.Load()
	st.TunnelCuts = s.ownCuts.Load()
	for i := range s.ports {
		if s.ports[i].down.Load() {
			st.PortsDown++
		}
	}
	return st
}

// Close implements Socket. What was received and not finished is gone.
func (s *Bridge) Close() error {
	if s.shut() {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = unix.Write(s.wake, one[:])
		s.leave()
	}
	return nil
}
