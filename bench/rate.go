//go:build linux

package main

import (
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	ratePort = 5002
	inFlight = 512 // packets sent and not received; the receiver's count is read, no acknowledgement travels
	ratePack = 32  // packets of one system call
	rateSize = 22  // payload: 64 bytes with Ethernet, IP and UDP headers
)

// packetRate sends small UDP datagrams as fast as they arrive, without loss, and returns
// thousands per second. Both ends are sockets of this process, opened in two namespaces.
func (l *lab) packetRate(t time.Duration) (float64, error) {
	to, err := listenIn(l.server, &net.UDPAddr{IP: net.ParseIP(serverAddr), Port: ratePort})
	if err != nil {
		return 0, err
	}
	defer to.Close()
	from, err := listenIn(l.client, &net.UDPAddr{IP: net.ParseIP(clientAddr)})
	if err != nil {
		return 0, err
	}
	defer from.Close()
	to.SetReadBuffer(4 << 20)
	var received atomic.Int64
	go receive(ipv4.NewPacketConn(to), &received)
	begin := time.Now()
	if err := send(ipv4.NewPacketConn(from), begin.Add(t), &received); err != nil {
		return 0, err
	}
	return float64(received.Load()) / time.Since(begin).Seconds() / 1e3, nil
}

func receive(c *ipv4.PacketConn, received *atomic.Int64) {
	ms := messages(nil)
	for {
		n, err := c.ReadBatch(ms, 0)
		if err != nil {
			return
		}
		received.Add(int64(n))
	}
}

// send keeps the window full. What has not come after 20 ms is given up.
func send(c *ipv4.PacketConn, until time.Time, received *atomic.Int64) error {
	ms := messages(&net.UDPAddr{IP: net.ParseIP(serverAddr), Port: ratePort})
	sent, progress := int64(0), time.Now()
	for time.Now().Before(until) {
		if sent-received.Load() > inFlight-ratePack {
			if time.Since(progress) > 20*time.Millisecond {
				sent = received.Load()
			}
			runtime.Gosched()
			continue
		}
		n, err := c.WriteBatch(ms, 0)
		if err != nil {
			return err
		}
		sent += int64(n)
		progress = time.Now()
	}
	return nil
}

func messages(to net.Addr) []ipv4.Message {
	ms := make([]ipv4.Message, ratePack)
	for i := range ms {
		ms[i] = ipv4.Message{Buffers: [][]byte{make([]byte, rateSize)}, Addr: to}
	}
	return ms
}

// listenIn opens a UDP socket in a namespace. The thread that went there is thrown away.
func listenIn(ns string, at *net.UDPAddr) (c *net.UDPConn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		var f *os.File
		if f, err = os.Open("/run/netns/" + ns); err != nil {
			return
		}
		defer f.Close()
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
			c, err = net.ListenUDP("udp4", at)
		}
	}()
	<-done
	return c, err
}
