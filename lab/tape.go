package lab

import (
	"net"
	"sync"
)

// A Tape is a connection that remembers every byte that was read from it and written to it.
type Tape struct {
	net.Conn

	mu      sync.Mutex
	in, out []byte
}

// NewTape returns c with a tape.
func NewTape(c net.Conn) *Tape { return &Tape{Conn: c} }

// Read implements net.Conn.
func (t *Tape) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.mu.Lock()
	t.in = append(t.in, b[:n]...)
	t.mu.Unlock()
	return n, err
}

// Write implements net.Conn. One goroutine at a time may call it.
func (t *Tape) Write(b []byte) (int, error) {
	t.mu.Lock()
	t.out = append(t.out, b...) // at once: an answer may come before Write returns
	t.mu.Unlock()
	n, err := t.Conn.Write(b)
	if n < len(b) {
		t.mu.Lock()
		t.out = t.out[:len(t.out)-len(b)+n]
		t.mu.Unlock()
	}
	return n, err
}

// Received returns a copy of what was read so far.
func (t *Tape) Received() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.in...)
}

// Sent returns a copy of what was written so far.
func (t *Tape) Sent() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.out...)
}

// A TapeListener puts every connection that it accepts on a tape.
type TapeListener struct {
	net.Listener

	mu    sync.Mutex
	tapes map[string]*Tape // by the remote end
	added chan struct{}    // closed and replaced when one is added
}

// NewTapeListener returns ln with tapes.
func NewTapeListener(ln net.Listener) *TapeListener {
	return &TapeListener{Listener: ln, tapes: make(map[string]*Tape), added: make(chan struct{})}
}

// Accept implements net.Listener; the connection is a *Tape.
func (l *TapeListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t := NewTape(c)
	l.mu.Lock()
	l.tapes[c.RemoteAddr().String()] = t
	close(l.added)
	l.added = make(chan struct{})
	l.mu.Unlock()
	return t, nil
}

// From returns the tape of the connection that was opened from the given end, and takes it off the
// list; nil if none comes until the channel is readable.
func (l *TapeListener) From(remote net.Addr, until <-chan struct{}) *Tape {
	for {
		l.mu.Lock()
		t, added := l.tapes[remote.String()], l.added
		delete(l.tapes, remote.String())
		l.mu.Unlock()
		if t != nil {
			return t
		}
		select {
		case <-added:
		case <-until:
			return nil
		}
	}
}
