package lab

import (
	"context"
	"net"
	"time"
)

// dialWithin is for how long Dial tries.
const dialWithin = 5 * time.Second

// Dial opens a connection from the node to an address that needs no look-up.
func (n *Node) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialWithin)
	defer cancel()
	return n.DialContext(ctx, network, address)
}

// DialContext is Dial in the form that http.Transport and others want.
func (n *Node) DialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	var d net.Dialer
	err = n.Do(func() error {
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen opens a stream listener on the node.
func (n *Node) Listen(network, address string) (ln net.Listener, err error) {
	var c net.ListenConfig
	c.SetMultipathTCP(false) // the kernel may lack it, and nobody asks
	err = n.Do(func() error {
		ln, err = c.Listen(context.Background(), network, address)
		return err
	})
	return ln, err
}

// ListenPacket opens a datagram socket on the node.
func (n *Node) ListenPacket(network, address string) (pc net.PacketConn, err error) {
	err = n.Do(func() error {
		pc, err = net.ListenPacket(network, address)
		return err
	})
	return pc, err
}
