package lab

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// A Lab is a running network. Its methods may be called from any goroutine.
type Lab struct {
	// IPv6 reports whether the kernel has it; without it the lab has IPv4 alone.
	IPv6 bool

	nodes    []*Node // in the order of the route
	launcher *launcher

	mu       sync.Mutex
	captures []*Capture
	closed   bool
}

// New builds a lab. The caller closes it. The error says what is missing; see also Enter.
func New(t Topology) (*Lab, error) {
	l := &Lab{launcher: newLauncher()}
	_, err := os.Stat("/proc/sys/net/ipv6")
	l.IPv6 = err == nil
	if err := l.build(t); err != nil {
		l.Close()
		return nil, explain(err)
	}
	return l, nil
}

// Client is the private network.
func (l *Lab) Client() *Node { return l.nodes[0] }

// Router is the node on which Weir belongs.
func (l *Lab) Router() *Node { return l.nodes[1] }

// Server is the far end.
func (l *Lab) Server() *Node { return l.nodes[len(l.nodes)-1] }

// Hop is the router behind the router; nil unless the topology has it.
func (l *Lab) Hop() *Node {
	if len(l.nodes) < 4 {
		return nil
	}
	return l.nodes[2]
}

func (l *Lab) build(t Topology) error {
	names := []string{"client", "router", "server"}
	if t.Hop {
		names = []string{"client", "router", "hop", "server"}
	}
	for _, name := range names {
		n, err := newNode(l, name)
		if err != nil {
			return fmt.Errorf("lab: %s: %w", name, err)
		}
		l.nodes = append(l.nodes, n)
	}
	for _, n := range l.nodes {
		if err := n.prepare(l.IPv6); err != nil {
			return err
		}
	}
	if err := l.connect(t); err != nil {
		return err
	}
	if t.PlainPackets {
		for _, n := range l.nodes {
			if err := n.plainPackets(); err != nil {
				return err
			}
		}
	}
	return l.filter(t)
}

// Close ends captures, kills the processes that were started in the lab, and lets go of the
// namespaces. Sockets that the caller has opened in them live until the caller closes them. It may
// be called more than once.
func (l *Lab) Close() error {
	l.mu.Lock()
	captures, closed := l.captures, l.closed
	l.captures, l.closed = nil, true
	l.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, c := range captures {
		errs = append(errs, c.Close())
	}
	l.launcher.close()
	for _, n := range l.nodes {
		errs = append(errs, n.ns.Close())
	}
	return errors.Join(errs...)
}
