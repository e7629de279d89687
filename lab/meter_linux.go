package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Meter receives datagrams and measures them.
type Meter struct {
	conn *net.UDPConn
	done chan struct{}

	mu      sync.Mutex
	reading Reading
}

// A Reading is what a Meter has measured. Bytes are those of the payloads.
type Reading struct {
	Packets, Bytes int
	DSCP           [64]int // packets by code point
	First, Last    time.Time
	Payload        []byte // of the last datagram
}

// Meter opens a datagram socket on the node and measures what comes, until Close.
func (n *Node) Meter(address string) (*Meter, error) {
	pc, err := n.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	m := &Meter{conn: pc.(*net.UDPConn), done: make(chan struct{})}
	_ = m.conn.SetReadBuffer(4 << 20) // as much as the system gives
	raw, err := m.conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			e4 := unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
			e6 := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1)
			if e4 != nil && e6 != nil {
				err = e4
			}
		})
	}
	if err != nil {
		pc.Close()
		return nil, fmt.Errorf("lab: meter: %w", err)
	}
	go m.run()
	return m, nil
}

func (m *Meter) run() {
	defer close(m.done)
	buf, control := make([]byte, 65535), make([]byte, 256)
	for {
		n, oobn, _, _, err := m.conn.ReadMsgUDPAddrPort(buf, control)
		if err != nil {
			return
		}
		m.count(buf[:n], trafficClass(control[:oobn]), time.Now())
	}
}

func (m *Meter) count(payload []byte, class byte, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &m.reading
	if r.Packets == 0 {
		r.First = now
	}
	r.Last = now
	r.Packets++
	r.Bytes += len(payload)
	r.DSCP[class>>2]++
	r.Payload = append(r.Payload[:0], payload...)
}

// trafficClass is the byte that carries the DSCP, from either family's control message.
func trafficClass(control []byte) byte {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, c := range messages {
		switch {
		case c.Header.Level == unix.IPPROTO_IP && c.Header.Type == unix.IP_TOS && len(c.Data) >= 1:
			return c.Data[0]
		case c.Header.Level == unix.IPPROTO_IPV6 && c.Header.Type == unix.IPV6_TCLASS && len(c.Data) >= 4:
			return byte(binary.NativeEndian.Uint32(c.Data)) // an int
		}
	}
	return 0
}

// Reading returns the measurement so far.
func (m *Meter) Reading() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.reading
	r.Payload = append([]byte(nil), r.Payload...)
	return r
}

// Close ends the measurement.
func (m *Meter) Close() error {
	err := m.conn.Close()
	<-m.done
	return err
}
