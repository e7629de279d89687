package lab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"
)

const (
	captureSnap   = 256 << 10
	captureBuffer = 16 << 20 // bytes that may wait for the writer, where the kernel grants them
)

// A Capture writes what passes an interface, in both directions, to a pcap file, as packet sockets
// see it: with Ethernet headers, and unless Topology.PlainPackets was asked for with large packets
// whose checksums are not made yet.
type Capture struct {
	socket *os.File
	file   *os.File
	done   chan error
	once   sync.Once
	err    error

	mu     sync.Mutex // guards what follows
	buf    *bufio.Writer
	w      *pcapgo.Writer
	frames int
}

// Capture begins to write what passes the node's link (the outer one, of the server its only one)
// to the file at path.
func (n *Node) Capture(path string) (*Capture, error) {
	c := &Capture{done: make(chan error, 1)}
	if err := c.open(n); err != nil {
		return nil, fmt.Errorf("lab: capture at %s: %w", n.Name, err)
	}
	if err := c.create(path); err != nil {
		c.socket.Close()
		return nil, fmt.Errorf("lab: capture at %s: %w", n.Name, err)
	}
	go func() { c.done <- c.run() }()
	n.lab.mu.Lock()
	n.lab.captures = append(n.lab.captures, c)
	n.lab.mu.Unlock()
	return c, nil
}

func (c *Capture) open(n *Node) error {
	name := n.outer().Interface
	return n.links(func(link string, index int) error {
		if link != name {
			return nil
		}
		fd, err := packetSocket(unix.SOCK_RAW, index)
		if err != nil {
			return err
		}
		c.socket = os.NewFile(uintptr(fd), "capture "+link)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			c.socket.Close()
			return err
		}
		return nil
	})
}

// packetSocket opens a socket that gets whatever passes an interface (packet(7)).
func packetSocket(kind, index int) (fd int, err error) {
	// Protocol 0 receives nothing, so nothing comes from other interfaces before bind.
	fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, captureBuffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian16(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (c *Capture) create(path string) (err error) {
	if c.file, err = os.Create(path); err != nil {
		return err
	}
	c.buf = bufio.NewWriter(c.file)
	c.w = pcapgo.NewWriterNanos(c.buf)
	return c.w.WriteFileHeader(captureSnap, layers.LinkTypeEthernet)
}

// run writes frames until the socket's read deadline, which Close sets, and then those that wait.
func (c *Capture) run() error {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return err
	}
	frame, control := make([]byte, captureSnap), make([]byte, 256)
	for {
		n, oobn, err := receive(raw.Read, frame, control)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return c.drain(frame, control)
		}
		if err == nil {
			err = c.write(frame[:n], control[:oobn])
		}
		if err != nil {
			return err
		}
	}
}

func (c *Capture) drain(frame, control []byte) error {
	var err error
	if e := c.socket.SetReadDeadline(time.Time{}); e != nil {
		return e
	}
	raw, e := c.socket.SyscallConn()
	if e != nil {
		return e
	}
	e = raw.Control(func(fd uintptr) {
		for {
			n, oobn, _, _, e := unix.Recvmsg(int(fd), frame, control, unix.MSG_DONTWAIT)
			if e != nil {
				return // EAGAIN: all read
			}
			if err = c.write(frame[:n], control[:oobn]); err != nil {
				return
			}
		}
	})
	return errors.Join(err, e)
}

// receive waits for one frame by way of the poller.
func receive(read func(func(uintptr) bool) error, frame, control []byte) (n, oobn int, err error) {
	var failed error
	err = read(func(fd uintptr) bool {
		n, oobn, _, _, failed = unix.Recvmsg(int(fd), frame, control, unix.MSG_DONTWAIT)
		return !errors.Is(failed, unix.EAGAIN)
	})
	return n, oobn, errors.Join(err, failed)
}

func (c *Capture) write(frame, control []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames++
	return c.w.WritePacket(gopacket.CaptureInfo{Timestamp: stamp(control), CaptureLength: len(frame), Length: len(frame)}, frame)
}

// stamp is when the kernel saw the frame.
func stamp(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err == nil {
		for _, m := range messages {
			if m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
				return time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix())
			}
		}
	}
	return time.Now()
}

// Sync has all frames that were written until now in the file, for those who read it meanwhile.
func (c *Capture) Sync() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Flush()
}

// Close writes what has passed until now, and ends the capture. The error also says if frames were
// lost.
func (c *Capture) Close() error {
	c.once.Do(func() {
		c.err = c.socket.SetReadDeadline(time.Unix(1, 0))
		c.err = errors.Join(c.err, <-c.done)
		if lost := c.losses(); lost > 0 {
			c.err = errors.Join(c.err, fmt.Errorf("lab: %s: %d frames were not captured: the buffer was full", c.file.Name(), lost))
		}
		c.err = errors.Join(c.err, c.buf.Flush(), c.file.Close(), c.socket.Close())
	})
	return c.err
}

// Frames returns how many frames were written; call it after Close.
func (c *Capture) Frames() int { return c.frames }

func (c *Capture) losses() int {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return 0
	}
	lost := 0
	_ = raw.Control(func(fd uintptr) {
		if s, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			lost = int(s.Drops)
		}
	})
	return lost
}

// bigEndian16 is htons.
func bigEndian16(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
