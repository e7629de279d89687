//go:build unix

// Package link carries messages with descriptors between the holder and its children, over a pair
// of sequenced-packet unix sockets. A message is one JSON object of at most 64 KiB; the child is
// the less trusted side, so the holder takes nothing from a message but what it names.
package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxMessage = 64 << 10 // bytes of a message
	maxFiles   = 1024     // descriptors that may come with one
	// maxAtOnce of those come in one piece, and the others follow. Linux takes 253 (SCM_MAX_FD), FreeBSD 254, OpenBSD
	// 127 (unp_internalize: each becomes 16 bytes, of a cluster of 2048).
	maxAtOnce = 100
)

// A Message is one thing said. What Data holds depends on Kind.
type Message struct {
	Kind  string          `json:"kind"`
	Data  json.RawMessage `json:"data,omitempty"`
	Files int             `json:"files,omitempty"` // that come with it, in this piece and in those that follow
}

// sendWithin is how long the holder's end waits for a child that does not read.
const sendWithin = time.Second

// A Conn is one end. Send and Recv may be called from different goroutines.
type Conn struct {
	unix   *net.UnixConn
	buf    []byte
	oob    []byte
	within time.Duration // for a Send; 0: without end
}

// Pair returns two ends: one to use here, whose Send fails after a second if the other side does
// not read, and one to give to a child.
func Pair() (*Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("link: %w", err)
	}
	far := os.NewFile(uintptr(fds[1]), "link")
	for _, fd := range fds {
		roomy(fd)
	}
	near, err := New(os.NewFile(uintptr(fds[0]), "link"))
	if err != nil {
		far.Close()
		return nil, nil, err
	}
	near.within = sendWithin
	return near, far, nil
}

// roomy gives a socket buffers for several messages. By default a BSD's do not take one of maxMessage (FreeBSD: 8 KiB).
func roomy(fd int) {
	for _, which := range []int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, which, 4*maxMessage) // Send says it if that was refused, and needed
	}
}

// New makes a Conn of an inherited end, which it owns.
func New(f *os.File) (*Conn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("link: descriptor is no unix socket")
	}
	return &Conn{unix: u, buf: make([]byte, maxMessage), oob: make([]byte, unix.CmsgSpace(4*maxAtOnce))}, nil
}

// Send says a message of the given kind, with data as JSON, and passes files along, which stay the
// caller's.
func (c *Conn) Send(kind string, data any, files ...*os.File) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("link: send %s: %w", kind, err)
	}
	b, err := json.Marshal(Message{Kind: kind, Data: raw, Files: len(files)})
	if err != nil {
		return fmt.Errorf("link: send %s: %w", kind, err)
	}
	if len(b) > maxMessage || len(files) > maxFiles {
		return fmt.Errorf("link: send %s: %d bytes and %d files are too much", kind, len(b), len(files))
	}
	for {
		n := min(len(files), maxAtOnce)
		if err := c.piece(b, files[:n]); err != nil {
			return fmt.Errorf("link: send %s: %w", kind, err)
		}
		if files, b = files[n:], []byte("+"); len(files) == 0 {
			return nil
		}
	}
}

// piece sends bytes with at most maxAtOnce files.
func (c *Conn) piece(b []byte, files []*os.File) error {
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	if c.within > 0 {
		_ = c.unix.SetWriteDeadline(time.Now().Add(c.within))
	}
	_, _, err := c.unix.WriteMsgUnix(b, oob, nil)
	runtime.KeepAlive(files)
	return err
}

// Recv waits for a message and returns it with the files that came along, which are the caller's.
// The error is io.EOF when the other side is gone.
func (c *Conn) Recv() (m Message, files []*os.File, err error) {
	b, files, err := c.recv()
	if err != nil {
		return m, files, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, files, fmt.Errorf("link: receive: %w", err)
	}
	for len(files) < min(m.Files, maxFiles) {
		_, more, err := c.recv()
		files = append(files, more...)
		if err == nil && len(more) == 0 {
			err = errors.New("link: receive: files are missing")
		}
		if err != nil {
			return m, files, err
		}
	}
	return m, files, nil
}

// recv receives one piece. Its bytes are valid until the next.
func (c *Conn) recv() (b []byte, files []*os.File, err error) {
	n, oobn, flags, _, err := c.unix.ReadMsgUnix(c.buf, c.oob)
	if oobn > 0 {
		files = received(c.oob[:oobn])
	}
	switch {
	case err != nil:
		return nil, files, fmt.Errorf("link: receive: %w", err)
	case n == 0:
		return nil, files, io.EOF
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		return nil, files, errors.New("link: receive: message too long, or too many files")
	}
	return c.buf[:n], files, nil
}

func received(oob []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files
}

// Close closes this end; the other side receives io.EOF.
func (c *Conn) Close() error { return c.unix.Close() }
