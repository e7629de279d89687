package real

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/sim"
)

// A host is the kernel's end of one connection, and its application.
type host struct {
	net        *Network
	part       sim.Part
	ours, mine netip.AddrPort
	begin      time.Time
	out        chan []byte
	accepted   chan net.Conn
	done       chan struct{} // closed when the application has come to its end
	stop       chan struct{} // closed when it is to end
	app        sync.WaitGroup

	mu    sync.Mutex
	news  *sync.Cond // something was read, or nothing will be any more
	read  []byte
	lines int
	ended error // of reading; io.EOF: the peer has ended
	wrote int
	how   sim.Ending
}

// patience is for how long the application waits.
const patience = 100 * time.Second

// Path implements sim.Host.
func (h *host) Path() (client, server netip.AddrPort) {
	if h.part.Client {
		return h.mine, h.ours
	}
	return h.ours, h.mine
}

// Now implements sim.Host.
func (h *host) Now() time.Duration { return time.Second + time.Since(h.begin) }

// Start implements sim.Host.
func (h *host) Start() {
	h.begin = time.Now()
	h.app.Go(func() {
		defer close(h.done)
		c, err := h.connect()
		if err != nil {
			h.end(err)
			return
		}
		h.run(c.(*net.TCPConn))
	})
}

// Send implements sim.Host.
func (h *host) Send(b []byte) { _, _ = h.net.tun.Write(b) }

// Wait implements sim.Host.
func (h *host) Wait(d time.Duration) []byte {
	select {
	case b := <-h.out:
		return b
	default:
	}
	done := h.done
	if h.Done() {
		done = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case b := <-h.out:
		return b
	case <-done:
	case <-t.C:
	}
	return nil
}

// Done implements sim.Host.
func (h *host) Done() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// Close implements sim.Host.
func (h *host) Close() (read []byte, wrote int, how sim.Ending) {
	close(h.stop)
	h.app.Wait()
	h.net.mu.Lock()
	delete(h.net.hosts, h.ours)
	h.net.mu.Unlock()
	return h.read, h.wrote, h.how
}

// connect calls, or waits to be called.
func (h *host) connect() (net.Conn, error) {
	if !h.part.Client {
		select {
		case c := <-h.accepted:
			return c, h.tune(c)
		case <-h.stop:
			return nil, errStopped
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-h.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(h.mine),
		Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, max(h.part.MSS, 88))
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, h.part.Room)
			})
		},
	}
	var c net.Conn
	err := h.net.node.Do(func() (err error) {
		c, err = d.DialContext(ctx, "tcp", h.ours.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, h.tune(c)
}

func (h *host) tune(c net.Conn) error {
	t := c.(*net.TCPConn)
	if err := t.SetReadBuffer(h.part.Room); err != nil {
		return err
	}
	return t.SetNoDelay(h.part.NoDelay)
}

var errStopped = errors.New("real: stopped")

// run is the application: it reads all the time, and does its part.
func (h *host) run(c *net.TCPConn) {
	defer c.Close()
	var both sync.WaitGroup
	finished := make(chan struct{})
	go func() {
		select {
		case <-h.stop:
			_ = c.SetDeadline(time.Now())
		case <-finished:
		}
	}()
	both.Go(func() { h.readAll(c) })
	err := h.play(c)
	if err != nil {
		c.Close()
	}
	both.Wait()
	if err == nil {
		err = h.ended
	}
	if err == io.EOF {
		h.linger(c)
	}
	close(finished)
	h.end(err)
}

// linger waits until our end has acknowledged the kernel's FIN.
func (h *host) linger(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	for range patience / lingerStep {
		over := true
		_ = raw.Control(func(fd uintptr) {
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			over = err != nil || info.State == unix.BPF_TCP_CLOSE
		})
		select {
		case <-h.stop:
			return
		default:
		}
		if over {
			return
		}
		h.pause(lingerStep)
	}
}

const lingerStep = 10 * time.Millisecond

func (h *host) readAll(c *net.TCPConn) {
	size := 1 << 16
	if h.part.ReadMost > 0 {
		size = h.part.ReadMost
	}
	b := make([]byte, size)
	for {
		n, err := c.Read(b)
		h.mu.Lock()
		h.read = append(h.read, b[:n]...)
		h.lines += bytes.Count(b[:n], []byte{'\n'})
		h.ended = err
		h.news.Broadcast()
		h.mu.Unlock()
		if err != nil {
			return
		}
		if h.part.ReadMost > 0 {
			h.pause(time.Duration(h.part.ReadPause) * time.Millisecond)
		}
	}
}

func (h *host) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-h.stop:
	}
}

// play does what the script says.
func (h *host) play(c *net.TCPConn) error {
	for _, a := range h.part.Script {
		var err error
		switch a.Op {
		case sim.OpWrite:
			var n int
			n, err = c.Write(h.part.Data[h.wrote : h.wrote+a.N])
			h.wrote += n
		case sim.OpSleep:
			h.pause(time.Duration(a.N) * time.Millisecond)
		case sim.OpLines:
			err = h.await(func() bool { return h.lines >= a.N })
		case sim.OpEnd:
			err = h.await(func() bool { return h.ended == io.EOF })
		case sim.OpClose:
			err = c.CloseWrite()
		case sim.OpAbort:
			if err = c.SetLinger(0); err == nil {
				err = errAborted
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errAborted = errors.New("real: aborted")

// await waits until something is so.
func (h *host) await(so func() bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for !so() {
		if h.ended != nil {
			return h.ended
		}
		h.news.Wait()
	}
	return nil
}

// end notes how it ended.
func (h *host) end(err error) {
	switch {
	case errors.Is(err, io.EOF):
		h.how = sim.Closed
	case errors.Is(err, errAborted):
		h.how = sim.Aborted
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNREFUSED):
		h.how = sim.Reset
	case errors.Is(err, syscall.ETIMEDOUT):
		h.how = sim.TimedOut
	}
}
