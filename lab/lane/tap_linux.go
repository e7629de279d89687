package lane

import (
	"fmt"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/lab"
)

// A Tap is a queue on a node: rules that divert to it, and the socket at its end.
type Tap struct {
	Socket divert.Socket
	Plan   *firewall.Ruleset

	rules firewall.Backend
}

// Open opens the socket, and makes the rules for what c wants of traffic that the node forwards; they apply from Divert on.
// The caller closes the tap.
func Open(n *lab.Node, c firewall.Config) (*Tap, error) {
	c.Traffic, c.Generation = firewall.Forwarded, 1
	opts := firewall.Options{NetNS: n.NetNS()}
	features := firewall.Detect(opts)
	plan, err := firewall.Plan(c, features)
	if err != nil {
		return nil, err
	}
	t := &Tap{Plan: plan}
	if t.rules, err = firewall.Open(plan.Backend, features, opts); err != nil {
		return nil, err
	}
	err = n.Do(func() (err error) {
		t.Socket, err = divert.OpenSocket("nfqueue:0",
			divert.WithInjectMark(firewall.DefaultMarks.Injected.Value), divert.WithUntrackedMark(plan.Translated))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab/lane: %s: %w", n.Name, err)
	}
	return t, nil
}

// Divert has packets come to the socket.
func (t *Tap) Divert() error { return t.rules.Apply(t.Plan) }

// Spare takes the rules away; what waits in the queue is lost.
func (t *Tap) Spare() error { return t.rules.Remove() }

// Close closes the socket. The rules stay, and end with the node.
func (t *Tap) Close() error { return t.Socket.Close() }

// Port selects TCP and UDP to and from one port of servers.
func Port(port uint16) []firewall.Selection {
	return []firewall.Selection{{Ports: []firewall.PortRange{firewall.Port(port)}}}
}
