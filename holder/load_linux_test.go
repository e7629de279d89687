package holder_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/lab"
)

// An echoLoad is UDP with sequence numbers from the client to the server and back, at a steady
// rate.
type echoLoad struct {
	t            *testing.T
	client       net.Conn
	server       net.PacketConn
	rate         int // packets per second, each way
	sent         atomic.Int64
	there, back  []atomic.Uint32 // times that each number arrived
	stop         chan struct{}
	sending      sync.WaitGroup
	lastReceived atomic.Int64
	unmasked     atomic.Int64 // packets that reached the server with their card number as it was: nobody has inspected them
}

const maxNumbers = 1 << 20

func newEcho(t *testing.T, l *lab.Lab, port, rate int) *echoLoad {
	t.Helper()
	e := &echoLoad{t: t, rate: rate, there: make([]atomic.Uint32, maxNumbers), back: make([]atomic.Uint32, maxNumbers), stop: make(chan struct{})}
	address := fmt.Sprintf("%v:%d", l.Server().In.V4, port)
	var err error
	if e.server, err = l.Server().ListenPacket("udp4", address); err != nil {
		t.Fatal(err)
	}
	if e.client, err = l.Client().Dial("udp4", address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.server.Close(); e.client.Close() })
	roomy(t, e.server.(*net.UDPConn))
	roomy(t, e.client.(*net.UDPConn))
	go e.serve()
	go e.receive()
	return e
}

// roomy gives a socket a buffer that a pause of the test's own cannot fill.
func roomy(t *testing.T, c *net.UDPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 128<<20) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 128<<20)
		}
	})
}

func (e *echoLoad) serve() {
	buf := make([]byte, 2048)
	for {
		n, from, err := e.server.ReadFrom(buf)
		if err != nil {
			return
		}
		e.there[binary.BigEndian.Uint64(buf)%maxNumbers].Add(1)
		if bytes.Contains(buf[:n], []byte(card)) {
			e.unmasked.Add(1)
		}
		e.lastReceived.Store(time.Now().UnixNano())
		_, _ = e.server.WriteTo(buf[:n], from)
	}
}

func (e *echoLoad) receive() {
	buf := make([]byte, 2048)
	for {
		if _, err := e.client.Read(buf); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() || err == io.EOF {
				return
			}
			select {
			case <-e.stop:
				return
			default:
				continue // an ICMP error, while nobody passes packets
			}
		}
		e.back[binary.BigEndian.Uint64(buf)%maxNumbers].Add(1)
		e.lastReceived.Store(time.Now().UnixNano())
	}
}

// start sends until finish.
func (e *echoLoad) start() {
	e.sending.Add(1)
	go func() {
		defer e.sending.Done()
		packet := append(make([]byte, 8), " card "+card+", and this is payload"...)
		begin := time.Now()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-e.stop:
				return
			case <-tick.C:
			}
			due := min(int64(time.Since(begin).Seconds()*float64(e.rate)), maxNumbers)
			for n := e.sent.Load(); n < due; n++ {
				binary.BigEndian.PutUint64(packet, uint64(n))
				if _, err := e.client.Write(packet); err != nil {
					continue // counted as lost
				}
				e.sent.Store(n + 1)
			}
		}
	}()
}

// A tally is what became of the numbered packets.
type tally struct{ sent, lostThere, lostBack, duplicates int }

func (c tally) String() string {
	return fmt.Sprintf("%d sent, %d lost on the way there, %d on the way back, %d duplicates", c.sent, c.lostThere, c.lostBack, c.duplicates)
}

func (c tally) lost() int { return c.lostThere + c.lostBack }

func (e *echoLoad) count() (c tally) {
	c.sent = int(e.sent.Load())
	for i := range c.sent {
		there, back := int(e.there[i].Load()), int(e.back[i].Load())
		switch {
		case there == 0:
			c.lostThere++
		case back == 0:
			c.lostBack++
		}
		c.duplicates += max(0, there-1) + max(0, back-max(there, 1))
	}
	return c
}

// inspected fails the test if a packet has passed that nobody had looked into.
func (e *echoLoad) inspected() {
	e.t.Helper()
	if n := e.unmasked.Load(); n > 0 {
		e.t.Errorf("%d packets passed uninspected", n)
	}
}

// finish ends the sending, waits for what is under way and counts.
func (e *echoLoad) finish() tally {
	close(e.stop)
	e.sending.Wait()
	e.lastReceived.Store(time.Now().UnixNano()) // what waited for a new worker may come only now
	eventually(5*time.Second, func() bool {
		return e.count().lost() == 0 || time.Since(time.Unix(0, e.lastReceived.Load())) > time.Second
	})
	return e.count()
}

// transfers are uploads over TCP of text with card numbers in it, slow enough to last. Each ends
// with a hash from the server.
type transfers struct {
	wg      sync.WaitGroup
	stop    chan struct{}
	bytes   atomic.Int64
	masked  atomic.Int64 // cards that arrived masked
	cards   atomic.Int64
	mu      sync.Mutex
	failed  []error
	started int
}

const (
	chunkBytes = 8 << 10
	cardAt     = 1000
	card       = "4111111111111111"
)

// chunk makes the text of one write: letters, and a card number. It is the same for the same
// numbers.
func chunk(buf []byte, conn, n int) {
	r := rand.New(rand.NewPCG(uint64(conn), uint64(n)))
	for i := range buf {
		buf[i] = 'a' + byte(r.IntN(16))
	}
	copy(buf[cardAt-1:], " "+card+" ")
}

func startTransfers(t *testing.T, l *lab.Lab, count int) *transfers {
	t.Helper()
	x := &transfers{stop: make(chan struct{})}
	ln, err := l.Server().Listen("tcp4", fmt.Sprintf("%v:7000", l.Server().In.V4))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go x.sink(c)
		}
	}()
	for i := range count {
		c, err := l.Client().Dial("tcp4", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		x.wg.Add(1)
		x.started++
		go func() {
			defer x.wg.Done()
			defer c.Close()
			if err := x.upload(c.(*net.TCPConn), i); err != nil {
				x.mu.Lock()
				x.failed = append(x.failed, fmt.Errorf("transfer %d: %w", i, err))
				x.mu.Unlock()
			}
		}()
	}
	return x
}

func (x *transfers) upload(c *net.TCPConn, conn int) error {
	hash := sha256.New()
	buf := make([]byte, chunkBytes)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-x.stop:
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			if err := c.CloseWrite(); err != nil {
				return err
			}
			sum, err := io.ReadAll(c)
			if err != nil {
				return fmt.Errorf("after %d chunks: %w", n, err)
			}
			if !bytes.Equal(sum, hash.Sum(nil)) {
				return fmt.Errorf("corrupt after %d chunks", n)
			}
			return nil
		case <-tick.C:
		}
		chunk(buf, conn, n)
		if _, err := c.Write(buf); err != nil {
			return err
		}
		x.bytes.Add(chunkBytes)
		clear(buf[cardAt : cardAt+len(card)])
		hash.Write(buf)
	}
}

// sink reads an upload and answers with the hash of all but the cards, which may have been masked.
func (x *transfers) sink(c net.Conn) {
	defer c.Close()
	hash := sha256.New()
	buf := make([]byte, chunkBytes)
	for {
		if n, err := io.ReadFull(c, buf); err != nil {
			if n == 0 && err == io.EOF {
				_, _ = c.Write(hash.Sum(nil))
			}
			return
		}
		x.cards.Add(1)
		if got := buf[cardAt : cardAt+len(card)]; string(got) != card && string(got[12:]) == card[12:] {
			x.masked.Add(1)
		}
		clear(buf[cardAt : cardAt+len(card)])
		hash.Write(buf)
	}
}

// finish ends the transfers and returns what went wrong with any.
func (x *transfers) finish() []error {
	close(x.stop)
	x.wg.Wait()
	return x.failed
}
