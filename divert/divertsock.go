package divert

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/weir-project/weir/packet"
)

// A DivertSocket is a Socket on a port of divert(4), which FreeBSD and OpenBSD have.
//
// The kernel lets go of a packet when it has been read: an accepted packet is written back, with the address it came with, and
// any other is just forgotten. So nothing waits in the kernel, nothing passes when nobody reads, and nothing comes back
// after a crash.
type DivertSocket struct {
	sys     system
	dialect *dialect
	toward  direction // of all packets, where the address says so
	cfg     Config
	caps    Caps
	fds     []int  // one, or one for each family
	inet6   []bool // of fds: addresses are sockaddr_in6
	first   int    // of fds, which is asked first the next time
	bufs    [][]byte
	addr    [sizeInet6]byte // here, since the kernel is to find it where it was

	serial uint32
	open   idSet // serial numbers of packets not finished
	names  ifnames
	last   [2]map[uint32]divertAddr // of the packets that came in, by interface: where others can be put in; by family
	cookie uint16                   // of the last rule that has diverted to us
	failed int                      // receives that failed in a row
	gate
	counters
}

// A direction is a packet's, seen from the machine.
type direction uint8

const (
	eitherWay direction = iota // the packet's address tells
	goingIn
	goingOut
)

const (
	maxDatagram = 40 + 65535 // bytes of an IPv6 datagram; of an IPv4 datagram 65535
	mostFailed  = 100        // receives in a row before the socket is of no more use
	divertTries = 4          // of a packet, if an error may pass
)

// A divertPort is what an address "divert:…" names.
type divertPort struct {
	port    uint16
	dialect *dialect
	toward  direction
}

// openDivertSocket opens a socket on a system.
func openDivertSocket(sys system, at divertPort, cfg Config) (*DivertSocket, error) {
	fds, err := openAll(sys, at, cfg)
	if err != nil {
		sys.close(fds)
		return nil, err
	}
	s := newDivertSocket(sys, at, cfg, fds)
	s.caps = s.capabilities()
	return s, nil
}

// newDivertSocket returns a socket on descriptors that are open, and still has no Caps.
func newDivertSocket(sys system, at divertPort, cfg Config, fds []int) *DivertSocket {
	s := &DivertSocket{
		sys: sys, dialect: at.dialect, toward: at.toward, cfg: cfg, fds: fds,
		bufs: make([][]byte, cfg.Batch), names: ifnames{list: sys.interfaces},
		last: [2]map[uint32]divertAddr{{}, {}},
	}
	for _, kinds := range at.dialect.kinds {
		s.inet6 = append(s.inet6, kinds[0].inet6)
	}
	s.gate.free = func() { s.sys.close(s.fds) }
	if at.dialect.ifnames {
		s.names.learn()
	}
	return s
}

// capabilities says what the socket can do.
func (s *DivertSocket) capabilities() Caps {
	return Caps{
		Backend: "divert", Interfaces: s.dialect.ifnames, InjectOut: true, InjectIn: true,
		Missing: s.missing(),
	}
}

// missing says what is not to be had.
func (s *DivertSocket) missing() (all []string) {
	if s.cfg.FailOpen {
		all = append(all, "A divert socket does not fail open: when its buffer is full, or nobody reads, the kernel drops (without the rule, packets pass).")
	}
	if s.cfg.CopyRange < maxCopyRange {
		all = append(all, "A divert socket delivers whole packets: the copy range has no effect.")
	}
	if s.cfg.InjectMark != 0 {
		all = append(all, "There are no packet marks: injected datagrams go past the rules that divert by themselves.")
	}
	if s.dialect.cookie && !s.dialect.direct && s.toward == eitherWay {
		all = append(all, "A packet that comes in on an interface without an IPv4 address looks like one on its way out: "+
			"have one port for each direction (divert:700,in and divert:701,out).")
	}
	if !s.dialect.cookie {
		all = append(all, "A packet that comes in on an interface without an address looks like one on its way out, and goes out when it is "+
			"accepted: give each interface whose packets are diverted an address of their family.")
	}
	if name := s.names.alike(); name != "" {
		all = append(all, fmt.Sprintf("Several interfaces begin with %q, which is all that divert(4) tells of their names: packets go back in by "+
			"the interface's address.", name))
	}
	return all
}

// openAll opens and binds the sockets that it takes; also on error it returns what is open.
func openAll(sys system, at divertPort, cfg Config) (fds []int, err error) {
	for _, kinds := range at.dialect.kinds {
		fd, err := openOne(sys, kinds)
		if err != nil {
			return fds, err
		}
		fds = append(fds, fd)
		if errno := sys.bind(fd, at.dialect.boundTo(at.port, kinds[0].inet6)); errno != 0 {
			return fds, bindError(at.port, errno)
		}
		setRecvBuffer(sys, fd, cfg.RecvBuffer)
	}
	return fds, nil
}

// openOne opens a socket, of the first kind that there is.
func openOne(sys system, kinds []socketKind) (int, error) {
	var errno syscall.Errno
	for _, k := range kinds {
		var fd int
		if fd, errno = sys.socket(k); errno == 0 {
			return fd, nil
		}
	}
	switch errno {
	case syscall.EPERM, syscall.EACCES:
		return -1, fmt.Errorf("divert socket: %w (only root may open one; give up root behind it)", errno)
	case syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT:
		return -1, fmt.Errorf("divert socket: %w (the kernel has none: on FreeBSD run kldload ipdivert, and for the next start ipdivert_load=\"YES\" in loader.conf)", errno)
	}
	return -1, fmt.Errorf("divert socket: %w", errno)
}

func bindError(port uint16, errno syscall.Errno) error {
	if errno == syscall.EADDRINUSE {
		return takenError{fmt.Errorf("divert port %d: %w (another program has it: sockstat on FreeBSD, fstat on OpenBSD)", port, errno)}
	}
	return fmt.Errorf("divert port %d: %w", port, errno)
}

// setRecvBuffer asks for the buffer that the configuration wants, or as much of it as the kernel allows. The default holds one large packet.
func setRecvBuffer(sys system, fd, bytes int) {
	for n := bytes; n >= 64<<10; n /= 2 {
		if sys.setRecvBuffer(fd, n) == 0 {
			return
		}
	}
}

// Recv implements Socket.
func (s *DivertSocket) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	if !s.enter() {
		return 0, ErrClosed
	}
	defer s.leave()
	ps = ps[:min(len(ps), len(s.bufs))]
	if len(ps) == 0 {
		return 0, nil
	}
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

// readLater waits, and reads then.
func (s *DivertSocket) readLater(ps []*packet.Packet, wait time.Duration) (int, error) {
	if s.cfg.Spin > 0 {
		for end := time.Now().Add(s.cfg.Spin); time.Now().Before(end); {
			if n, err := s.read(ps); n > 0 || err != nil || s.closed.Load() {
				return n, err
			}
		}
	}
	for end := time.Now().Add(wait); ; {
		errno := s.sys.wait(s.fds, wait)
		if fatal(errno) {
			return 0, errno
		}
		if errno != syscall.EINTR {
			return s.read(ps)
		}
		if wait > 0 { // a signal of somebody's
			wait = max(0, time.Until(end))
		}
	}
}

// read reads what is there. Packets of two families come in turns, so that neither waits for long.
func (s *DivertSocket) read(ps []*packet.Packet) (n int, err error) {
	for range s.fds {
		at := s.first
		s.first = (s.first + 1) % len(s.fds)
		for n < len(ps) {
			ok, err := s.readOne(ps[n], n, at)
			if err != nil {
				return n, err
			}
			if !ok {
				break
			}
			n++
		}
	}
	return n, nil
}

// readOne reads a packet into the i-th buffer from the socket fds[at]; false if there is none.
func (s *DivertSocket) readOne(p *packet.Packet, i, at int) (bool, error) {
	if s.bufs[i] == nil {
		s.bufs[i] = make([]byte, maxDatagram)
	}
	for {
		n, k, errno := s.sys.recvfrom(s.fds[at], s.bufs[i], s.addr[:])
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return false, nil
		case fatal(errno):
			return false, errno
		case errno != 0 || n == 0:
			s.recvErrors.Add(1)
			if s.failed++; s.failed > mostFailed {
				return false, fmt.Errorf("divert: %d receives have failed in a row: %w", s.failed, errno)
			}
			return false, nil
		}
		s.failed = 0
		addr, ok := s.dialect.take(s.addr[:min(k, len(s.addr))], s.inet6[at])
		if !ok { // nothing could be written back to it
			s.recvErrors.Add(1)
			continue
		}
		s.deliver(p, s.bufs[i][:n], addr, at)
		return true, nil
	}
}

// deliver makes p the packet that has come.
func (s *DivertSocket) deliver(p *packet.Packet, data []byte, addr divertAddr, at int) {
	p.Set(data)
	s.serial++
	s.open.add(s.serial)
	p.Token = packet.Token{Queue: uint16(at), ID: s.serial, Addr: addr}
	p.Meta = packet.Meta{Hook: packet.HookPostrouting, OrigLen: max(len(data), totalLen(data))}
	if s.dialect.ifnames {
		p.Meta.InIf = s.names.find(addr.ifname()).index
	}
	if s.inward(&addr, at) {
		p.Meta.Hook = packet.HookPrerouting
		s.remember(p, &addr)
	}
	if s.dialect.cookie && !s.dialect.direct {
		s.cookie = max(s.cookie, addr.cookie())
	}
	if p.Truncated() {
		s.truncated.Add(1)
	}
}

// inward reports whether a packet that came with this address is on its way in.
func (s *DivertSocket) inward(a *divertAddr, at int) bool {
	if s.toward != eitherWay {
		return s.toward == goingIn
	}
	return s.dialect.inward(a, s.inet6[at])
}

// maxLast bounds the interfaces of which an address is remembered.
const maxLast = 256

// remember keeps the address of a packet that came in: another can be put in with it.
func (s *DivertSocket) remember(p *packet.Packet, a *divertAddr) {
	m := s.last[family(p.Bytes())]
	if was, ok := m[p.Meta.InIf]; ok && was == *a || !ok && len(m) >= maxLast {
		return
	}
	m[p.Meta.InIf] = *a
}

// family is 1 for IPv6 and 0 for all else.
func family(data []byte) int {
	if len(data) > 0 && data[0]>>4 == 6 {
		return 1
	}
	return 0
}

// totalLen is how long the header says that a datagram is; 0 if it does not.
func totalLen(data []byte) int {
	switch {
	case len(data) >= 20 && data[0]>>4 == 4:
		return int(binary.BigEndian.Uint16(data[2:]))
	case len(data) >= 40 && data[0]>>4 == 6:
		if n := int(binary.BigEndian.Uint16(data[4:])); n > 0 { // else a jumbogram's, which no divert socket delivers
			return 40 + n
		}
	}
	return 0
}

// Finish implements Socket.
func (s *DivertSocket) Finish(ps []*packet.Packet) error {
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	for _, p := range ps {
		if err := s.finish(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *DivertSocket) finish(p *packet.Packet) error {
	at := int(p.Token.Queue)
	switch {
	case at >= len(s.fds) || !s.open.remove(p.Token.ID):
		s.verdictErrors.Add(1)
		return nil
	case p.Verdict.Final():
		s.dropped.Add(1)
		return nil
	case p.Truncated():
		return s.refuse()
	}
	rewritten := p.Changed()
	if rewritten {
		p.Repair()
	}
	data := p.Bytes()
	if !sendable(data) {
		return s.refuse()
	}
	addr := s.returning(divertAddr(p.Token.Addr), at)
	switch errno := s.send(data, &addr, at); {
	case errno == 0:
	case fatal(errno):
		s.dropped.Add(1)
		return errno
	default:
		s.dropped.Add(1)
		return nil
	}
	s.accepted.Add(1)
	if rewritten {
		s.rewritten.Add(1)
	}
	return nil
}

// sendable reports whether the kernels take data as a datagram.
func sendable(data []byte) bool {
	if len(data) < 20 {
		return false
	}
	return data[0]>>4 == 4 && len(data) <= 65535 || data[0]>>4 == 6 && len(data) >= 40 && len(data) <= maxDatagram
}

// refuse drops a packet that cannot be written back.
func (s *DivertSocket) refuse() error {
	s.dropped.Add(1)
	s.verdictErrors.Add(1)
	return nil
}

// returning is the address with which a packet goes back that came with a: the same, but for two traps. A name that was cut may be
// another interface's; without a name the kernel goes by the address. And a packet of which something else than its address says that it came
// in must not look as if it went out; with a name the kernel does not look at the address.
func (s *DivertSocket) returning(a divertAddr, at int) divertAddr {
	if !s.dialect.ifnames {
		return a
	}
	if s.names.find(a.ifname()).ambiguous && a.ip() != 0 {
		clear(a.ifname())
	}
	if a.ip() == 0 && a.ifname()[0] != 0 && s.inward(&a, at) {
		copy(a[addrIP:], []byte{127, 0, 0, 1})
	}
	return a
}

// send writes a datagram, and counts it if that fails.
func (s *DivertSocket) send(data []byte, a *divertAddr, at int) (errno syscall.Errno) {
	to := s.dialect.put(&s.addr, a, s.inet6[at])
	for range divertTries {
		if errno = s.sys.sendto(s.fds[at], data, to); errno == 0 {
			return 0
		}
		if !passing(errno) {
			break
		}
		s.retries.Add(1)
		runtime.Gosched()
	}
	s.verdictErrors.Add(1)
	return errno
}

// Inject implements Socket. A datagram that goes out is past all rules up to the last that has diverted to us, so that it does not
// come back. One that goes in needs an interface: that of the packet whose Token it carries, or of the last packet that came in there.
func (s *DivertSocket) Inject(p *packet.Packet, how Injection) error {
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	if p.Changed() {
		p.Repair()
	}
	at, fam := 0, family(p.Bytes())
	if len(s.fds) > 1 {
		at = fam
	}
	if !sendable(p.Bytes()) {
		return fmt.Errorf("divert: %d bytes are no datagram to inject", len(p.Bytes()))
	}
	a := inetAddr()
	if s.inet6[at] {
		a = divertAddr{}
	}
	token := divertAddr(p.Token.Addr)
	switch {
	case how != InjectIn:
	case p.Token != packet.Token{} && int(p.Token.Queue) == at && s.inward(&token, at):
		a = token
	default:
		known, ok := s.last[fam][p.Meta.InIf]
		if !ok {
			return fmt.Errorf("divert: nothing has come in on interface %d, so nothing can be put in there: %w", p.Meta.InIf, ErrUnsupported)
		}
		a = known
	}
	switch {
	case s.dialect.direct && how == InjectIn:
		a.setCookie(1)
	case s.dialect.direct:
		a.setCookie(2)
	case s.dialect.cookie:
		a.setCookie(s.cookie)
	}
	a = s.returning(a, at)
	if errno := s.send(p.Bytes(), &a, at); errno != 0 {
		return fmt.Errorf("divert: injecting: %w", errno)
	}
	s.injected.Add(1)
	return nil
}

// Wake implements Socket.
func (s *DivertSocket) Wake() {
	if s.enter() {
		s.sys.wake()
		s.leave()
	}
}

// Caps implements Socket.
func (s *DivertSocket) Caps() Caps { return s.caps }

// Stats implements Socket. The kernel's own counts cannot be had for one socket.
func (s *DivertSocket) Stats() Stats { return s.counters.stats() }

// Close implements Socket. What was received and not finished is gone.
func (s *DivertSocket) Close() error {
	if s.shut() {
		s.sys.wake()
		s.leave()
	}
	return nil
}
