package holder_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

// tunnel makes an end of a VXLAN between two nodes.
func tunnel(t *testing.T, n *lab.Node, near, far netip.Addr, inside string) {
	t.Helper()
	err := n.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "vxlan0"
		v := &netlink.Vxlan{LinkAttrs: attrs, VxlanId: 5, SrcAddr: near.AsSlice(), Group: far.AsSlice(), Port: 4789, Learning: true}
		if err := netlink.LinkAdd(v); err != nil {
			return err
		}
		a, err := netlink.ParseAddr(inside)
		if err != nil {
			return err
		}
		return errors.Join(netlink.AddrAdd(v, a), netlink.LinkSetUp(v))
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("SKIPPED: no VXLAN: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBridgeCutsInTunnels: bulk in a tunnel, of which ends and GRO make offload-sized packets that the kernel does not send on, comes through.
func TestBridgeCutsInTunnels(t *testing.T) {
	l := labtest.NewSegment(t, lab.Topology{}, false)
	dir := newDir(t)
	d := begin(t, l.Router(), dir, bridgePolicy(l.Lab, dir, "outcomes: {absent: drop}\n"))
	d.ready()
	tunnel(t, l.Client(), l.Client().Out.V4, l.Server().In.V4, "192.0.0.1/24")
	tunnel(t, l.Server(), l.Server().In.V4, l.Client().Out.V4, "192.0.0.2/24")
	inside := netip.MustParseAddr("192.0.0.2")
	mirror(t, l.Lab, inside, 7010)
	text := strings.Repeat("bulk", 1<<18)
	if got, err := say(l.Lab, inside, 7010, text); err != nil || got != text {
		t.Fatalf("%d of %d bytes came back: %v", len(got), len(text), err)
	}
	d.until("it is counted", 5*time.Second, func() bool {
		var w struct {
			Lanes []struct {
				Socket struct{ TunnelCuts, Uncut uint64 }
			}
		}
		cut, uncut := uint64(0), uint64(0)
		if s := d.status(); len(s.Worker) > 0 && json.Unmarshal(s.Worker, &w) == nil {
			for _, lane := range w.Lanes {
				cut, uncut = cut+lane.Socket.TunnelCuts, uncut+lane.Socket.Uncut
			}
		}
		return cut > 0 && uncut == 0
	})
}
