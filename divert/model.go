package divert

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/weir-project/weir/packet"
)

// A Model is a divert socket on a kernel in memory that keeps the rules of FreeBSD or OpenBSD as far as they concern divert(4): what the address
// of a packet says, where a packet goes on that is written back, what is refused, what is dropped. It is made from reading those kernels
// (the files are named at dialects), and has not been compared with one.
//
// It is deterministic: nothing happens but by its methods. Those of its own may be called from any goroutine.
type Model struct {
	*DivertSocket
	*ModelKernel
}

// A ModelKernel is the kernel of a Model, seen from the network.
type ModelKernel struct{ kernel *divertKernel }

// ModelInterface is a network interface of a Model.
type ModelInterface struct {
	Name  string
	Inet  netip.Addr // its first IPv4 address; not valid if it has none
	Inet6 netip.Addr
}

// A ModelRule diverts all packets of a direction. Rules are tried in the order of their numbers. pf knows no numbers: there the
// first is tried alone, and what was written back is not tried again.
type ModelRule struct {
	Number  uint16
	In, Out bool
	Port    uint16
}

// A Passing packet comes along in a Model, or goes on.
type Passing struct {
	Bytes     []byte
	In        bool   // it is on its way in, or else out
	Interface string // that received it, also where it was forwarded; "" if it was made here

	// Of packets that go on.
	After       uint16 // the rule that it has passed by; 0 for none
	BadChecksum bool   // a checksum is wrong; whoever gets it drops it
}

// ModelFaults are what a kernel does on a bad day. The zero ModelFaults is a good one.
type ModelFaults struct {
	Send     []syscall.Errno // the next calls of sendto fail
	Recv     []syscall.Errno // the next calls of recvfrom fail
	Old      bool            // there is no family of divert sockets: FreeBSD before 14
	NoDivert bool            // there are no divert sockets at all
	Taken    bool            // the port is in use
	Truncate int             // deliver so many bytes at most; 0 for all
}

// ModelSystems are the kernels that a Model knows.
func ModelSystems() []string { return []string{"freebsd-ipfw", "freebsd-pf", "openbsd"} }

// NewModel returns a divert socket on port 700 of a kernel, which diverts everything to it. The system is one of ModelSystems. It has
// the interfaces em0 (192.0.2.1, 2001:db8::1), em1 (198.51.100.1, 2001:db8:1::1), and bare, which has no address.
func NewModel(system string, opts ...Option) (*Model, error) {
	return newModelAt(system, divertPort{port: 700}, opts)
}

func newModelAt(system string, at divertPort, opts []Option) (*Model, error) {
	d := dialects[system]
	if d == nil {
		return nil, fmt.Errorf("divert: no model of %q (write one of %v)", system, ModelSystems())
	}
	k := newDivertKernel(d)
	at.dialect = d
	s, err := openDivertSocket(k, at, configure(opts))
	if err != nil {
		return nil, err
	}
	s.caps.Backend = "fake"
	return &Model{s, &ModelKernel{k}}, nil
}

// Divert has a packet come along. It is false if nobody got it, and it was dropped: nobody reads the port, or the buffer is full.
// Where no rule wants it, it goes on.
func (m *ModelKernel) Divert(p Passing) bool { return m.kernel.pass(p, 0) }

// Passed returns what has gone on since the last call, in order.
func (m *ModelKernel) Passed() []Passing {
	m.kernel.mu.Lock()
	defer m.kernel.mu.Unlock()
	out := m.kernel.passed
	m.kernel.passed = nil
	return out
}

// Discard has the model forget what goes on at once: Passed stays empty, and Recv and Finish allocate nothing.
func (m *ModelKernel) Discard() {
	m.kernel.mu.Lock()
	defer m.kernel.mu.Unlock()
	m.kernel.discard = true
}

// SetRules replaces the rules.
func (m *ModelKernel) SetRules(rules ...ModelRule) { m.kernel.setRules(rules) }

// SetInterfaces replaces the interfaces.
func (m *ModelKernel) SetInterfaces(list ...ModelInterface) {
	m.kernel.mu.Lock()
	defer m.kernel.mu.Unlock()
	m.kernel.links = slices.Clone(list)
}

// SetFaults switches faults on, or off with the zero ModelFaults.
func (m *ModelKernel) SetFaults(f ModelFaults) {
	m.kernel.mu.Lock()
	defer m.kernel.mu.Unlock()
	m.kernel.faults = f
}

// A divertKernel is the kernel's side. Its errors have the numbers of the system that we are built for.
type divertKernel struct {
	d    *dialect
	woke chan struct{}

	mu      sync.Mutex
	links   []ModelInterface
	rules   []ModelRule
	sockets map[int]*kernelSocket
	lastFD  int
	passed  []Passing
	faults  ModelFaults
	discard bool
	hangups []func() // end the wires
}

// A kernelSocket is a divert socket in the kernel.
type kernelSocket struct {
	kind  socketKind
	port  uint16 // 0: not bound
	limit int    // bytes of the buffer
	used  int
	queue []kernelFrame
	wire  func(kernelFrame) bool // where frames go instead of the queue, if somebody else keeps it; false if that is full
}

type kernelFrame struct{ addr, data []byte }

func newDivertKernel(d *dialect) *divertKernel {
	return &divertKernel{
		d: d, woke: make(chan struct{}, 1), sockets: make(map[int]*kernelSocket), lastFD: 99,
		rules: []ModelRule{{Number: 100, In: true, Out: true, Port: 700}},
		links: []ModelInterface{
			{"em0", netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
			{"em1", netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:1::1")},
			{Name: "bare"},
		},
	}
}

func (k *divertKernel) setRules(rules []ModelRule) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rules = slices.Clone(rules)
	slices.SortFunc(k.rules, func(a, b ModelRule) int { return int(a.Number) - int(b.Number) })
}

const (
	modelBuffer = 65536 + 100 // DIVRCVQ, DIVERT_RECVSPACE
	modelMost   = 2 << 20     // kern.ipc.maxsockbuf
)

func (k *divertKernel) socket(kind socketKind) (int, syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := slices.ContainsFunc(k.d.kinds, func(kinds []socketKind) bool { return slices.Contains(kinds, kind) })
	switch {
	case k.faults.NoDivert && kind.domain == familyDivert, k.faults.Old && kind.domain == familyDivert:
		return -1, syscall.EAFNOSUPPORT
	case k.faults.NoDivert, !known:
		return -1, syscall.EPROTONOSUPPORT
	}
	k.lastFD++
	k.sockets[k.lastFD] = &kernelSocket{kind: kind, limit: modelBuffer}
	return k.lastFD, 0
}

func (k *divertKernel) bind(fd int, addr []byte) syscall.Errno {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sockets[fd]
	if s == nil {
		return syscall.EBADF
	}
	size, fam := sizeInet, uint8(familyInet)
	if s.kind.inet6 {
		size, fam = sizeInet6, k.d.inet6
	}
	switch {
	case len(addr) != size || int(addr[addrLen]) != size:
		return syscall.EINVAL
	case addr[addrFamily] != fam:
		return syscall.EAFNOSUPPORT
	case k.faults.Taken:
		return syscall.EADDRINUSE
	}
	port := uint16(addr[addrPort])<<8 | uint16(addr[addrPort+1])
	for _, other := range k.sockets {
		if other != s && other.port == port && other.kind.inet6 == s.kind.inet6 {
			return syscall.EADDRINUSE
		}
	}
	s.port = port
	return 0
}

func (k *divertKernel) setRecvBuffer(fd, bytes int) syscall.Errno {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch s := k.sockets[fd]; {
	case s == nil:
		return syscall.EBADF
	case bytes > modelMost:
		return syscall.ENOBUFS
	default:
		s.limit = bytes
	}
	return 0
}

// pass takes a packet through the rules behind one. It is false if the packet is gone.
func (k *divertKernel) pass(p Passing, after uint16) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.passLocked(p, after)
}

func (k *divertKernel) passLocked(p Passing, after uint16) bool {
	p.Bytes = bytes.Clone(p.Bytes)
	for _, r := range k.rules {
		if r.Number > after && (p.In && r.In || !p.In && r.Out) {
			return k.deliver(p, r)
		}
	}
	p.After = after
	k.passed = append(k.passed, p)
	return true
}

// deliver puts a packet into the buffer of the socket that reads the rule's port.
func (k *divertKernel) deliver(p Passing, r ModelRule) bool {
	inet6 := len(k.d.kinds) > 1 && family(p.Bytes) == 1
	for _, s := range k.sockets {
		if s.port != r.Port || len(k.d.kinds) > 1 && s.kind.inet6 != inet6 {
			continue
		}
		f := kernelFrame{addr: k.address(p, r, inet6), data: p.Bytes}
		if n := k.faults.Truncate; n > 0 {
			f.data = f.data[:min(n, len(f.data))]
		}
		return s.append(f, k.signal)
	}
	return false
}

func (s *kernelSocket) append(f kernelFrame, signal func()) bool {
	size := len(f.addr) + len(f.data)
	switch {
	case s.wire != nil:
		return s.wire(f)
	case s.used+size > s.limit:
		return false
	}
	s.used += size
	s.queue = append(s.queue, f)
	signal()
	return true
}

// address is what the kernel tells of a packet.
func (k *divertKernel) address(p Passing, r ModelRule, inet6 bool) []byte {
	link, _ := k.link(func(l ModelInterface) bool { return l.Name == p.Interface })
	var b [sizeInet6]byte
	if inet6 {
		var a divertAddr
		if p.In && link.Inet6.IsValid() {
			a = link.Inet6.As16()
		}
		return slices.Clone(k.d.put(&b, &a, true))
	}
	a := inetAddr()
	if p.In && link.Inet.IsValid() {
		v4 := link.Inet.As4()
		copy(a[addrIP:], v4[:])
	}
	switch {
	case k.d.direct && p.In:
		a.setCookie(1)
	case k.d.direct:
		a.setCookie(2)
	case k.d.cookie:
		a.setCookie(r.Number)
	}
	if k.d.ifnames {
		cut := key([]byte(p.Interface))
		copy(a.ifname(), cut[:])
	}
	return slices.Clone(k.d.put(&b, &a, false))
}

func (k *divertKernel) link(is func(ModelInterface) bool) (ModelInterface, bool) {
	i := slices.IndexFunc(k.links, is)
	if i < 0 {
		return ModelInterface{}, false
	}
	return k.links[i], true
}

func (k *divertKernel) recvfrom(fd int, b, addr []byte) (n, addrLen int, errno syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sockets[fd]
	if s == nil {
		return 0, 0, syscall.EBADF
	}
	if e, ok := next(&k.faults.Recv); ok {
		return 0, 0, e
	}
	if len(s.queue) == 0 {
		return 0, 0, syscall.EAGAIN
	}
	f := s.queue[0]
	s.queue = s.queue[:copy(s.queue, s.queue[1:])]
	s.used -= len(f.addr) + len(f.data)
	copy(addr, f.addr)
	return copy(b, f.data), len(f.addr), 0
}

// next takes the first of a list.
func next(list *[]syscall.Errno) (e syscall.Errno, ok bool) {
	if len(*list) == 0 {
		return 0, false
	}
	e, *list = (*list)[0], (*list)[1:]
	return e, true
}

// sendto is div_send, or divert_output and divert6_output.
func (k *divertKernel) sendto(fd int, b, addr []byte) syscall.Errno {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sockets[fd]
	if s == nil {
		return syscall.EBADF
	}
	if e, ok := next(&k.faults.Send); ok {
		return e
	}
	a, errno := k.takeAddress(s, addr)
	if k.discard {
		return errno
	}
	p := Passing{Bytes: bytes.Clone(b)}
	if errno == 0 {
		errno = k.enter(s, &p, &a)
	}
	if errno != 0 {
		return errno
	}
	if !k.d.cookie || k.d.direct { // pf: what was written back is tagged, and not tried again
		p.After = 1
		k.passed = append(k.passed, p)
		return 0
	}
	k.passLocked(p, a.cookie()) // if its buffer is full it is gone
	return 0
}

// takeAddress is the kernel's check of an address of sendto.
func (k *divertKernel) takeAddress(s *kernelSocket, addr []byte) (a divertAddr, errno syscall.Errno) {
	size := sizeInet
	if s.kind.inet6 {
		size = sizeInet6
	}
	switch {
	case len(addr) == 0:
		return a, syscall.EDESTADDRREQ
	case len(addr) != size || int(addr[addrLen]) != size:
		return a, syscall.EINVAL
	}
	a, ok := k.d.take(addr, s.kind.inet6)
	if !ok {
		return a, syscall.EAFNOSUPPORT
	}
	return a, 0
}

// enter has a packet that was written back come in or go out, as its address says.
func (k *divertKernel) enter(s *kernelSocket, p *Passing, a *divertAddr) syscall.Errno {
	bad := k.check(p.Bytes)
	if bad != 0 {
		return bad
	}
	if k.d.cookie {
		p.BadChecksum = badChecksum(p.Bytes)
		return k.enterNamed(p, a)
	}
	repairChecksums(p.Bytes) // always computed anew
	if s.kind.inet6 && *a != (divertAddr{}) || !s.kind.inet6 && a.ip() != 0 {
		return k.comeIn(p, a, s.kind.inet6)
	}
	return 0
}

// check refuses what is no datagram.
func (k *divertKernel) check(b []byte) syscall.Errno {
	switch {
	case len(b) < 20:
		return syscall.EINVAL
	case b[0]>>4 != 4 && b[0]>>4 != 6 && k.d.cookie:
		return syscall.EAFNOSUPPORT
	case totalLen(b) == 0 || totalLen(b) > len(b):
		return syscall.EINVAL
	}
	return 0
}

// enterNamed is FreeBSD's way: in on the interface with the name, else with the address; out if there is none.
func (k *divertKernel) enterNamed(p *Passing, a *divertAddr) syscall.Errno {
	name := string(bytes.TrimRight(a.ifname(), "\x00"))
	link, ok := k.link(func(l ModelInterface) bool { return l.Name == name })
	if ok {
		p.Interface = link.Name
	}
	if a.ip() == 0 {
		return 0
	}
	if ok {
		p.In = true
		return 0
	}
	return k.comeIn(p, a, false)
}

// comeIn has a packet come in on the interface with an address.
func (k *divertKernel) comeIn(p *Passing, a *divertAddr, inet6 bool) syscall.Errno {
	link, ok := k.link(func(l ModelInterface) bool {
		if inet6 {
			return l.Inet6.IsValid() && l.Inet6.As16() == *a
		}
		v4 := [4]byte(a[addrIP:addrName])
		return l.Inet.IsValid() && l.Inet.As4() == v4
	})
	if !ok {
		return syscall.EADDRNOTAVAIL
	}
	p.In, p.Interface = true, link.Name
	return 0
}

// badChecksum reports whether a checksum of a datagram is wrong.
func badChecksum(b []byte) bool {
	var p packet.Packet
	p.Set(b)
	p.Decode()
	return p.Malformed != packet.WellFormed || !p.VerifyChecksum()
}

// repairChecksums fills in the checksums of a datagram.
func repairChecksums(b []byte) {
	var p packet.Packet
	p.Set(b)
	p.Decode()
	p.MarkDirty()
	p.Repair()
	copy(b, p.Bytes())
}

func (k *divertKernel) signal() {
	select {
	case k.woke <- struct{}{}:
	default:
	}
}

func (k *divertKernel) wake() { k.signal() }

func (k *divertKernel) wait(_ []int, wait time.Duration) syscall.Errno {
	if wait < 0 {
		<-k.woke
		return 0
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-k.woke:
	case <-t.C:
	}
	return 0
}

func (k *divertKernel) readable(fds []int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(fds, func(fd int) bool { return k.sockets[fd] != nil && len(k.sockets[fd].queue) > 0 })
}

func (k *divertKernel) close(fds []int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, fd := range fds {
		delete(k.sockets, fd)
	}
}

func (k *divertKernel) interfaces() (all []net.Interface, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.links == nil {
		return nil, errors.New("no such list")
	}
	for i, l := range k.links {
		all = append(all, net.Interface{Index: i + 1, Name: l.Name})
	}
	return all, nil
}
