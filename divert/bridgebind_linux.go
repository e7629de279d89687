package divert

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// A bridgeBound keeps the two packet sockets of a lane of a bridge, and a memory file that says how their rings are made.
type bridgeBound struct {
	address, rest string
	lanes         int
	files         []*os.File
	dropped       uint64
}

// A bridgePort is an interface of a bridge.
type bridgePort struct {
	Name  string
	Index int
	MTU   int
	Ring  shape
}

// bridgeSendBuffer is SO_SNDBUF: frames on their way through a device are charged to it.
const bridgeSendBuffer = 8 << 20

// bindBridge opens a packet socket on each of two interfaces (packet(7)), with a receive ring. It needs CAP_NET_RAW; with CAP_NET_ADMIN
// buffers may be larger than the system's limits. Until
// Flow the sockets receive nothing.
func bindBridge(address, rest string, cfg Config) (*Bound, error) {
	a, err := parseBridge(rest)
	if err != nil {
		return nil, fmt.Errorf("divert: address %q: %w", address, err)
	}
	d := &bridgeBound{address: address, rest: rest, lanes: a.lanes}
	b := &Bound{Address: address, Caps: bridgeCaps(cfg), keeper: d}
	var ports [2]bridgePort
	for i, name := range a.ports {
		fd, err := openPort(name, &ports[i], cfg, &b.Caps)
		if err == nil {
			d.files = append(d.files, os.NewFile(uintptr(fd), name))
			err = joinLanes(fd, &ports[i], a)
		}
		if err != nil {
			d.Close()
			return nil, err
		}
	}
	plan, err := writePlan(ports)
	if err != nil {
		d.Close()
		return nil, err
	}
	d.files = append(d.files, plan)
	return b, nil
}

// bridgeCaps says what a bridge can do.
func bridgeCaps(cfg Config) Caps {
	c := Caps{Backend: "bridge", Interfaces: true, GSO: true, InjectOut: true}
	if cfg.FailOpen {
		c.Missing = append(c.Missing, "A bridge does not fail open: when its ring is full, the kernel drops.")
	}
	if cfg.CopyRange < maxCopyRange {
		c.Missing = append(c.Missing, "A bridge delivers whole packets: the copy range has no effect.")
	}
	if cfg.NoGSO {
		c.Missing = append(c.Missing, "A bridge delivers offload-sized packets as they are: switch gro and tso off at the interfaces and their neighbours (ethtool -K).")
	}
	return c
}

// openPort opens the socket of one interface.
func openPort(name string, p *bridgePort, cfg Config, caps *Caps) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // no protocol: it receives nothing yet
	switch {
	case errors.Is(err, unix.EPERM):
		return -1, fmt.Errorf("bridge: packet socket: %w (needs CAP_NET_RAW)", err)
	case errors.Is(err, unix.EAFNOSUPPORT):
		return -1, fmt.Errorf("bridge: packet socket: %w (modprobe af_packet, or a kernel with CONFIG_PACKET)", err)
	case err != nil:
		return -1, fmt.Errorf("bridge: packet socket: %w", err)
	}
	if err = lookAt(fd, name, p); err == nil {
		p.Ring = shapeFor(p.MTU, cfg)
		err = readyPort(fd, p, cfg, caps)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// lookAt finds out what the interface is, and refuses what cannot be bridged.
func lookAt(fd int, name string, p *bridgePort) error {
	ask := func(what uint, get func(*unix.Ifreq)) error {
		r, err := unix.NewIfreq(name)
		if err == nil {
			err = unix.IoctlIfreq(fd, what, r)
		}
		if err != nil {
			return fmt.Errorf("bridge: interface %s: %w (ip link shows those that there are)", name, err)
		}
		get(r)
		return nil
	}
	var kind, flags uint16
	p.Name = name
	err := errors.Join(
		ask(unix.SIOCGIFINDEX, func(r *unix.Ifreq) { p.Index = int(r.Uint32()) }),
	)
	if err == nil {
		err = errors.Join(
			ask(unix.SIOCGIFHWADDR, func(r *unix.Ifreq) { kind = r.Uint16() }),
			ask(unix.SIOCGIFMTU, func(r *unix.Ifreq) { p.MTU = int(r.Uint32()) }),
			ask(unix.SIOCGIFFLAGS, func(r *unix.Ifreq) { flags = r.Uint16() }),
		)
	}
	switch {
	case err != nil:
		return err
	case kind != unix.ARPHRD_ETHER:
		return fmt.Errorf("bridge: interface %s is no Ethernet interface (its type is %d): frames have no place to go there", name, kind)
	case flags&unix.IFF_UP == 0:
		return fmt.Errorf("bridge: interface %s %w (ip link set %s up)", name, errPortDown, name)
	}
	return nil
}

var (
	errPortDown = errors.New("is down")
	errPortGone = errors.New("is gone: nothing crosses until it is opened anew")
)

// readyPort makes the ring and binds the socket, deaf.
func readyPort(fd int, p *bridgePort, cfg Config, caps *Caps) error {
	// A frame that does not fit a slot waits in the socket's buffer.
	grant(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, cfg.RecvBuffer)
	grant(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, bridgeSendBuffer)
	for _, o := range []struct {
		name     string
		opt, val int
	}{
		{"TPACKET_V2", unix.PACKET_VERSION, unix.TPACKET_V2},
		{"PACKET_VNET_HDR", unix.PACKET_VNET_HDR, 1},
		{"PACKET_COPY_THRESH", unix.PACKET_COPY_THRESH, 1},
		{"PACKET_QDISC_BYPASS", unix.PACKET_QDISC_BYPASS, 1},
	} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o.opt, o.val); err != nil {
			return fmt.Errorf("bridge: interface %s: %s: %w", p.Name, o.name, err)
		}
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1) // since Linux 4.20; before, and always, we look
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, p.Ring.request()); err != nil {
		return fmt.Errorf("bridge: interface %s: a ring of %d bytes: %w", p.Name, p.Ring.bytes(), err)
	}
	if err := deafen(fd, true); err != nil {
		return fmt.Errorf("bridge: interface %s: filter: %w", p.Name, err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)), Ifindex: p.Index}); err != nil {
		return fmt.Errorf("bridge: interface %s: bind: %w", p.Name, err)
	}
	everything := unix.PacketMreq{Ifindex: int32(p.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &everything); err != nil {
		caps.Missing = append(caps.Missing, fmt.Sprintf("Interface %s does not become promiscuous (%v): frames that are not addressed to it do not cross.", p.Name, err))
	}
	return nil
}

// grant sets the size of a buffer, beyond the system's limit where that is permitted.
func grant(fd, force, ask, bytes int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bytes) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, ask, bytes)
	}
}

// deafen has a socket receive nothing, or all.
func deafen(fd int, deaf bool) error {
	if !deaf {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	}
	nothing := [1]unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing[0]})
}

// writePlan puts what Attach must know of the ports into a memory file.
func writePlan(ports [2]bridgePort) (*os.File, error) {
	text, err := json.Marshal(ports)
	if err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	fd, err := unix.MemfdCreate("weir-bridge", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("bridge: memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "weir-bridge")
	if _, err := f.WriteAt(text, 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("bridge: memory file: %w", err)
	}
	return f, nil
}

// readPlan is the inverse of writePlan.
func readPlan(f *os.File) (ports [2]bridgePort, err error) {
	text := make([]byte, 4096)
	n, _ := f.ReadAt(text, 0)
	if err = json.Unmarshal(text[:n], &ports); err == nil {
		for _, p := range ports {
			if p.Ring.Slot < slotRoom || p.Ring.Block < p.Ring.Slot || p.Ring.Blocks < 1 {
				err = errors.New("a ring of no size")
			}
		}
	}
	return ports, err
}

func (d *bridgeBound) Files() []*os.File { return d.files }

func (d *bridgeBound) Close() error {
	err := closeAll(d.files)
	d.files = nil
	return err
}

// Flow implements keeper.
func (d *bridgeBound) Flow(on bool) error {
	if len(d.files) == 0 {
		return ErrClosed
	}
	for _, f := range d.files[:2] {
		if err := deafen(int(f.Fd()), !on); err != nil && !errors.Is(err, unix.ENOENT) { // there was no filter
			return fmt.Errorf("bridge: filter: %w", err)
		}
	}
	return nil
}

// down says which ports carry nothing, and whether one of them never will.
func (d *bridgeBound) down() (all []string, gone bool) {
	ports, err := readPlan(d.files[2])
	if err != nil {
		return nil, false
	}
	for i, p := range ports {
		now := bridgePort{}
		err := lookAt(int(d.files[i].Fd()), p.Name, &now)
		switch {
		case errors.Is(err, errPortDown) && now.Index == p.Index:
			all = append(all, p.Name+" is down")
		case err != nil || now.Index != p.Index || p.there(int(d.files[i].Fd())) != nil:
			all, gone = append(all, p.Name+" is gone"), true
		}
	}
	return all, gone
}

func (d *bridgeBound) setFailOpen(bool) error {
	return fmt.Errorf("a bridge does not fail open: %w", ErrUnsupported)
}

// Load implements keeper. Which frames of a ring wait, only who reads it knows; that some do, the kernel says.
func (d *bridgeBound) Load() (l Load, err error) {
	if len(d.files) == 0 {
		return l, ErrClosed
	}
	polls := make([]unix.PollFd, 2)
	for i := range polls {
		polls[i] = unix.PollFd{Fd: int32(d.files[i].Fd()), Events: unix.POLLIN}
		d.dropped += ringDrops(int(d.files[i].Fd()))
	}
	l.Dropped = d.dropped
	l.Down, l.Gone = d.down()
	if _, err := unix.Poll(polls, 0); err != nil && !errors.Is(err, unix.EINTR) {
		return l, fmt.Errorf("bridge: poll: %w", err)
	}
	for _, p := range polls {
		if p.Revents&unix.POLLIN != 0 {
			l.Waiting = 1
		}
	}
	return l, nil
}

// ringDrops returns how many frames the kernel has dropped since it was asked the last time, by whomever.
func ringDrops(fd int) uint64 {
	st, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return uint64(st.Drops)
}

// Release implements keeper.
func (d *bridgeBound) Release(v packet.Verdict) error {
	if len(d.files) == 0 {
		return ErrClosed
	}
	s, err := attachPorts(d.files, Caps{}, configure(nil))
	if errors.Is(err, errPortGone) {
		return nil // with what waited
	}
	if err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	defer s.unmap()
	ps := make([]*packet.Packet, s.cfg.Batch)
	for i := range ps {
		ps[i] = new(packet.Packet)
	}
	for left := 2 * s.ports[0].ring.slots(); left > 0; {
		n, err := s.Recv(ps, 0)
		if n == 0 || err != nil {
			return err
		}
		for _, p := range ps[:n] {
			if p.Verdict = packet.Drop; v == packet.Accept || v == packet.Pass {
				p.Verdict = packet.Accept
			}
		}
		if err := s.Finish(ps[:n]); err != nil {
			return err
		}
		left -= n
	}
	return nil
}
