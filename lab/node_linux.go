package lab

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Node is one host of a lab: a network namespace.
type Node struct {
	Name string
	// In is the link towards the client, Out the one towards the server.
	In, Out Ends

	lab   *Lab
	ns    *os.File
	under []string // interfaces that carry others
}

func newNode(l *Lab, name string) (*Node, error) {
	n := &Node{Name: name, lab: l}
	err := elsewhere(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		n.ns, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	return n, err
}

// Do runs f in the node's namespace: sockets that f makes, on its own goroutine, belong to the
// node. f keeps its thread until it returns; goroutines that it starts are not in the namespace.
func (n *Node) Do(f func() error) error {
	return elsewhere(func() error {
		if err := unix.Setns(int(n.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("lab: enter %s: %w", n.Name, err)
		}
		return f()
	})
}

// elsewhere runs f, which may change its thread's network namespace, and brings the thread back. A
// thread that cannot come back ends with its goroutine.
func elsewhere(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("lab: %w", err)
	}
	defer func() {
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		home.Close()
	}()
	return f()
}

// NetNS returns the namespace's descriptor, for libraries that want one. The node keeps it.
func (n *Node) NetNS() *os.File { return n.ns }

// Path is where other processes of the same user find the namespace, as long as this one lives:
// what nsenter --net wants.
func (n *Node) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.ns.Fd()) }

// links calls f with the node's interfaces, lo not among them, inside the namespace.
func (n *Node) links(f func(name string, index int) error) error {
	return n.Do(func() error {
		for _, name := range append([]string{n.In.Interface, n.Out.Interface}, n.under...) {
			if name == "" {
				continue
			}
			link, err := netlink.LinkByName(name)
			if err == nil {
				err = f(name, link.Attrs().Index)
			}
			if err != nil {
				return fmt.Errorf("lab: %s %s: %w", n.Name, name, err)
			}
		}
		return nil
	})
}

// outer is the link by which the node is addressed: the server's inner one, everybody else's outer
// one.
func (n *Node) outer() Ends {
	if n.Out.Interface == "" {
		return n.In
	}
	return n.Out
}
