package divert_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
)

// A queueKernel is NFQUEUE on this machine's kernel, in a network namespace of its own: datagrams on loopback to one port are diverted at the
// output hook, those to another at the input hook.
type queueKernel struct {
	t    *testing.T
	to   map[conform.Way]*net.UDPConn
	from map[conform.Way]*net.UDPConn
	got  chan []byte
}

var queuePorts = map[conform.Way]int{{}: 9000, {In: true}: 9001, {Inet6: true}: 9000, {In: true, Inet6: true}: 9001}

func newQueueKernel(t *testing.T) conform.Kernel {
	divert.NewNamespace(t)
	k := &queueKernel{t: t, to: map[conform.Way]*net.UDPConn{}, from: map[conform.Way]*net.UDPConn{}, got: make(chan []byte, 1000)}
	for w, port := range queuePorts {
		at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		if w.Inet6 {
			at.IP = net.IPv6loopback
		}
		to, err := net.ListenUDP("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		from, err := net.DialUDP("udp", nil, at)
		if err != nil {
			t.Fatal(err)
		}
		k.to[w], k.from[w] = to, from
		go k.read(to)
	}
	return k
}

// read takes what has arrived at one end.
func (k *queueKernel) read(to *net.UDPConn) {
	b := make([]byte, 65536)
	for {
		n, err := to.Read(b)
		if err != nil {
			return
		}
		k.got <- append([]byte(nil), b[:n]...)
	}
}

func (k *queueKernel) Open(opts ...divert.Option) (divert.Socket, error) {
	s, err := divert.OpenSocket("nfqueue:0", opts...)
	if err == nil {
		divert.DivertTo(k.t, 9000, 9001, 0)
	}
	return s, err
}

func (k *queueKernel) Ways() []conform.Way {
	return []conform.Way{{}, {In: true}, {Inet6: true}, {In: true, Inet6: true}}
}

func (k *queueKernel) Send(w conform.Way, payload []byte) error {
	_, err := k.from[w].Write(payload)
	if errors.Is(err, divert.DroppedBySend) {
		return nil // the sender is told that it was dropped
	}
	return err
}

func (k *queueKernel) Next(wait time.Duration) ([]byte, bool) {
	select {
	case b := <-k.got:
		return b, true
	case <-time.After(wait):
		return nil, false
	}
}

func (k *queueKernel) Allocates() bool { return true }

func (k *queueKernel) Close() {
	for w := range k.to {
		k.to[w].Close()
		k.from[w].Close()
	}
}

// TestNFQueueConforms has Linux's queue, on the kernel that we run on, do all that a backend must.
func TestNFQueueConforms(t *testing.T) {
	conforms(t, newQueueKernel)
}
