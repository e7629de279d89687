package eve

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// DefaultTimeout is how long a Socket waits for a peer that does not read.
const DefaultTimeout = 100 * time.Millisecond

// A Socket is an Output to a unix socket that someone else listens on. It connects at
// the first Write and again at the Write after an error; nothing happens in between, so
// the caller decides how often that is. Over a stream, a line that was cut goes whole
// over the next connection; lines that the kernel took and the peer never read are lost
// without count, as with any socket. A datagram is one line; one that the kernel finds
// too long is given up.
type Socket struct {
	network string
	path    string
	timeout time.Duration
	conn    net.Conn // nil while not connected
}

// NewSocket returns an Output to the unix socket at path. The network is "unix" (stream)
// or "unixgram" (datagrams); a timeout of 0 means DefaultTimeout.
func NewSocket(network, path string, timeout time.Duration) (*Socket, error) {
	if network != "unix" && network != "unixgram" {
		return nil, fmt.Errorf("eve: socket type %q (use unix or unixgram)", network)
	}
	if path == "" {
		return nil, errors.New("eve: a socket needs a path")
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return &Socket{network: network, path: path, timeout: timeout}, nil
}

// Write sends lines; see Output.
func (s *Socket) Write(lines []byte) (done, lost int, err error) {
	if s.conn == nil {
		conn, err := net.DialTimeout(s.network, s.path, s.timeout)
		if err != nil {
			return 0, 0, fmt.Errorf("eve: %w", err)
		}
		s.conn = conn
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return 0, 0, s.broken(err)
	}
	if s.network == "unixgram" {
		return s.datagrams(lines)
	}
	n, err := s.conn.Write(lines)
	if err != nil {
		err = s.broken(err)
	}
	return whole(lines[:n]), 0, err
}

func (s *Socket) datagrams(lines []byte) (done, lost int, err error) {
	for done < len(lines) {
		n := bytes.IndexByte(lines[done:], '\n') + 1
		_, err := s.conn.Write(lines[done : done+n])
		switch {
		case errors.Is(err, syscall.EMSGSIZE):
			lost++
		case err != nil:
			return done, lost, s.broken(err)
		}
		done += n
	}
	return done, lost, nil
}

// broken ends the connection, which may have taken a part of a line.
func (s *Socket) broken(err error) error {
	return errors.Join(fmt.Errorf("eve: %w", err), s.Reopen())
}

// Reopen ends the connection; the next Write makes a new one.
func (s *Socket) Reopen() error { return s.Close() }

// Close ends the connection.
func (s *Socket) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
