package divert

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// An nfqBound keeps an nfqueue socket that is bound to its queues.
type nfqBound struct {
	first, last uint16
	files       []*os.File // the socket, the table of queues, those for Inject
}

// bindNFQueue opens a netlink socket, binds it to the queues of an "nfqueue:" address
// and configures them; with Config.InjectMark it opens the sockets for Inject too. It
// needs CAP_NET_ADMIN, and CAP_NET_RAW for injection, in the user namespace of the
// network namespace that the calling thread is in.
//
// Where the kernel or its limits refuse something that can be done without, Caps.Missing
// says so.
func bindNFQueue(address string, cfg Config) (*Bound, error) {
	q := new(nfqBound)
	b := &Bound{Address: address, keeper: q}
	var err error
	if q.first, q.last, err = nfqueueRange(address); err != nil {
		return nil, err
	}
	fd, err := netfilterSocket(cfg.RecvBuffer, &b.Caps)
	if err != nil {
		return nil, err
	}
	q.files = []*os.File{os.NewFile(uintptr(fd), address)}
	c := binder{fd: fd, cfg: cfg, caps: &b.Caps, buf: make([]byte, slotBytes)}
	if err := c.configureAll(q.first, q.last); err != nil {
		b.Close()
		return nil, err
	}
	table, err := openQueueTable(&b.Caps)
	if err != nil {
		b.Close()
		return nil, err
	}
	q.files = append(q.files, table)
	if cfg.InjectMark != 0 {
		q.files = append(q.files, injectSockets(cfg.InjectMark, &b.Caps)...)
	}
	return b, nil
}

func (b *nfqBound) Files() []*os.File { return b.files }

// Flow implements keeper.
func (b *nfqBound) Flow(bool) error { return nil }

func (b *nfqBound) Close() error {
	err := closeAll(b.files)
	b.files = nil
	return err
}

// netfilterSocket opens the netlink socket and sizes its buffers.
func netfilterSocket(recvBuffer int, caps *Caps) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return -1, fmt.Errorf("nfqueue: this kernel has no netfilter netlink (modprobe nfnetlink, or CONFIG_NETFILTER_NETLINK): %w", err)
	}
	if err != nil {
		return -1, fmt.Errorf("nfqueue: open netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("nfqueue: bind netlink socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, recvBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, recvBuffer)
	}
	// The kernel reports twice what it grants (socket(7)).
	if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err == nil && got/2 < recvBuffer {
		caps.Missing = append(caps.Missing, fmt.Sprintf("The receive buffer has %d bytes instead of %d (raise net.core.rmem_max, or run with CAP_NET_ADMIN).", got/2, recvBuffer))
	}
	// A send that is larger than its buffer is refused whole (EMSGSIZE in netlink_sendmsg), with every verdict in it, and
	// what the system gives by default may be set lower than that.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	}
	if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF); err == nil && got < sendBuffer {
		caps.Missing = append(caps.Missing, fmt.Sprintf("The send buffer has %d bytes instead of %d, and large edits may be lost (raise net.core.wmem_max, or run with CAP_NET_ADMIN).", got, sendBuffer))
	}
	// Losses are counted by the kernel for each queue; an error in between tells less.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 1)
	// An error message shall not carry the refused payload back.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	return fd, nil
}

// A binder configures queues over a socket on which packets may arrive meanwhile.
type binder struct {
	fd   int
	cfg  Config
	caps *Caps
	buf  []byte
	seq  uint32
	seen []seenPacket
}

// A seenPacket arrived while an acknowledgement was awaited.
type seenPacket struct {
	queue uint16
	id    uint32
}

func (c *binder) configureAll(first, last uint16) error {
	*c.caps = Caps{
		Backend: "nfqueue", Marks: true, Interfaces: true, Reclaim: true, Bypass: true,
		Missing:       c.caps.Missing,
		GSO:           !c.cfg.NoGSO,
		FailOpen:      c.cfg.FailOpen,
		ConntrackInfo: c.hasConntrack(first),
	}
	if !c.caps.ConntrackInfo {
		c.caps.Missing = append(c.caps.Missing, "The kernel attaches no conntrack data to packets (CONFIG_NETFILTER_NETLINK_GLUE_CT, modprobe nf_conntrack_netlink): connection marks are set by rules, from packet marks.")
	}
	for q := int(first); q <= int(last); q++ {
		if err := c.bindQueue(uint16(q)); err != nil {
			return err
		}
	}
	return c.repeatSeen()
}

// bindQueue binds a queue, without the flags that the kernel refuses.
func (c *binder) bindQueue(queue uint16) error {
	for {
		err := c.request(queue, c.bindAttrs())
		switch {
		case err == nil:
			return nil
		case err == unix.EOPNOTSUPP && c.caps.GSO:
			c.caps.GSO = false
			c.caps.Missing = append(c.caps.Missing, "The kernel cannot deliver offload-sized packets whole (NFQA_CFG_F_GSO, Linux 3.10): bulk TCP will be several times slower.")
		case err == unix.EOPNOTSUPP && c.caps.FailOpen:
			c.caps.FailOpen = false
			c.caps.Missing = append(c.caps.Missing, "The kernel cannot pass packets when the queue is full (NFQA_CFG_F_FAIL_OPEN, Linux 3.6): it drops them.")
		default:
			return c.explain(queue, err)
		}
	}
}

// bindAttrs is the whole configuration in one message: between bind and copy mode there
// is no moment in which the kernel would drop packets.
func (c *binder) bindAttrs() []byte {
	b := appendAttr(nil, cfgCmd, []byte{cmdBind, 0, 0, 0})
	b = appendAttr(b, cfgParams, append(big.AppendUint32(nil, uint32(c.cfg.CopyRange)), copyPacket))
	b = appendAttr32(b, cfgMaxLen, uint32(c.cfg.QueueLen))
	var flags uint32
	if c.caps.GSO {
		flags |= flagGSO
	}
	if c.caps.FailOpen {
		flags |= flagFailOpen
	}
	b = appendAttr32(b, cfgMask, flagGSO|flagFailOpen)
	return appendAttr32(b, cfgFlags, flags)
}

// hasConntrack asks for the conntrack flag on a queue that is not bound: the kernel
// looks at the flag first and answers EOPNOTSUPP, or else ENODEV for the queue.
func (c *binder) hasConntrack(queue uint16) bool {
	b := appendAttr32(nil, cfgMask, flagConntrack)
	return c.request(queue, appendAttr32(b, cfgFlags, flagConntrack)) == unix.ENODEV
}

// request sends a configuration message and awaits its acknowledgement.
func (c *binder) request(queue uint16, attrs []byte) error {
	c.seq++
	b := appendHeader(nil, msgConfig, unix.NLM_F_ACK, c.seq, queue)
	b = append(b, attrs...)
	native.PutUint32(b, uint32(len(b)))
	if err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for { // the answer is there when the send returns, behind packets that came before
		n, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_DONTWAIT)
		if err == unix.EINTR || err == unix.ENOBUFS {
			continue
		}
		if err != nil {
			return fmt.Errorf("await answer: %w", err)
		}
		if errno, ok := c.answer(c.buf[:n]); ok {
			if errno == 0 {
				return nil
			}
			return errno
		}
	}
}

// answer reads a message: the awaited one, or a packet, whose id it keeps.
func (c *binder) answer(m []byte) (syscall.Errno, bool) {
	if len(m) < msgHdrLen {
		return 0, false
	}
	switch native.Uint16(m[4:]) {
	case unix.NLMSG_ERROR:
		return syscall.Errno(-int32(native.Uint32(m[nlHdrLen:]))), native.Uint32(m[8:]) == c.seq
	case msgPacket: // NFQA_PACKET_HDR is the first attribute
		if len(m) >= msgHdrLen+8 && native.Uint16(m[msgHdrLen+2:])&attrMask == attrPacketHdr {
			c.seen = append(c.seen, seenPacket{big.Uint16(m[18:]), big.Uint32(m[msgHdrLen+4:])})
		}
	}
	return 0, false
}

// repeatSeen has the kernel queue again what arrived during configuration.
func (c *binder) repeatSeen() error {
	for _, p := range c.seen {
		m := bareVerdict(msgVerdict, p.queue, nfRepeat, p.id)
		if err := unix.Sendto(c.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("nfqueue: return packet to queue %d: %w", p.queue, err)
		}
	}
	return nil
}

// explain turns the kernel's refusal to bind into advice.
func (c *binder) explain(queue uint16, err error) error {
	hint := ""
	switch err {
	case unix.EPERM, unix.EBUSY:
		if owner := queueOwner(queue); owner != "" {
			return takenError{fmt.Errorf("nfqueue: bind queue %d: %w (%s)", queue, err, owner)}
		}
		if err == unix.EPERM {
			hint = "needs CAP_NET_ADMIN"
		}
	case unix.EINVAL:
		hint = "modprobe nfnetlink_queue, or a kernel with CONFIG_NETFILTER_NETLINK_QUEUE"
	}
	if hint == "" {
		return fmt.Errorf("nfqueue: bind queue %d: %w", queue, err)
	}
	return fmt.Errorf("nfqueue: bind queue %d: %w (%s)", queue, err, hint)
}
