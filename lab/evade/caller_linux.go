package evade

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A caller is a client of a real kernel that reads what it is told.
type caller struct {
	mu    sync.Mutex
	conn  net.Conn
	heard []byte
	over  bool
	web   bool // it asks for something, and reads a response
}

// call begins to open a connection.
func (n *network) call(from, to netip.AddrPort, web bool) *caller {
	c := &caller{web: web}
	go func() {
		var conn net.Conn
		err := n.lab.Client().Do(func() (err error) {
			d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from), Timeout: 5 * time.Second}
			conn, err = d.Dial("tcp", to.String())
			return err
		})
		if err != nil {
			return
		}
		c.mu.Lock()
		c.conn = conn
		over := c.over
		c.mu.Unlock()
		if over {
			conn.Close()
			return
		}
		if web {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n")
		}
		c.read(conn)
	}()
	return c
}

func (c *caller) read(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		c.mu.Lock()
		c.heard = append(c.heard, buf[:n]...)
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// hangUp ends the connection and returns what came over it.
func (c *caller) hangUp() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		tcp.Close()
	}
	if c.web {
		return readResponse(c.heard)
	}
	return c.heard
}
