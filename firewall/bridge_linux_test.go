package firewall

import (
	"net"
	"os"
	"testing"
	"time"

	vnl "github.com/vishvananda/netlink"
)

// What doctor says about bridges: packets between the ports of one pass the forward hook iff br_netfilter calls it, for
// each family apart; and they come from the bridge and go to it, whichever the ports.
func TestBridgedPacketsPassWithBrNetfilterOnly(t *testing.T) {
	const call = "/proc/sys/net/bridge/bridge-nf-call-"
	each(t, func(t *testing.T, v variant, bridge *os.File, b Backend) {
		var lacks error
		in(t, bridge, func() error { _, lacks = os.Stat(call + "iptables"); return nil })
		if lacks != nil {
			t.Skip("SKIPPED: this kernel has no br_netfilter at hand: ", lacks)
		}
		one, other := newNS(t), newNS(t)
		connect(t, one, bridge, "port1", "192.0.2.1/24", "203.0.113.1/32")
		connect(t, other, bridge, "port2", "192.0.2.2/24", "203.0.113.2/32")
		in(t, bridge, func() error {
			br := &vnl.Bridge{LinkAttrs: vnl.NewLinkAttrs()}
			br.Name = "br0"
			if err := vnl.LinkAdd(br); err != nil {
				return err
			}
			for _, name := range []string{"port1", "port2"} {
				l, err := vnl.LinkByName(name)
				if err == nil {
					err = vnl.LinkSetMaster(l, br)
				}
				if err != nil {
					return err
				}
			}
			return vnl.LinkSetUp(br)
		})
		var srv, cli *net.UDPConn
		at := net.UDPAddrFromAddrPort(mustAddrPort("192.0.2.2:53"))
		in(t, other, func() (err error) { srv, err = net.ListenUDP("udp", at); return err })
		in(t, one, func() (err error) { cli, err = net.DialUDP("udp", nil, at); return err })
		defer srv.Close()
		defer cli.Close()
		arrives := func() bool { // a port forwards a while after it was made one
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
				if _, err := cli.Write([]byte("hello")); err != nil {
					t.Fatal(err)
				}
				srv.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				if _, _, err := srv.ReadFromUDP(make([]byte, 64)); err == nil {
					return true
				}
			}
			return false
		}
		for _, c := range []struct {
			iface, four, six string
			queued           bool
		}{
			{"br0", "0", "1", false},
			{"br0", "1", "0", true},
			{"port1", "1", "0", false},
		} {
			in(t, bridge, func() error {
				if err := os.WriteFile(call+"iptables", []byte(c.four), 0); err != nil {
					return err
				}
				return os.WriteFile(call+"ip6tables", []byte(c.six), 0)
			})
			apply(t, b, v.plan(t, Config{
				Traffic: Forwarded, Queues: Queues{First: 3, Last: 3, Bypass: true},
				Select: []Selection{{In: []string{c.iface}, Protocols: []Proto{UDP}}},
			}))
			before, err := b.Counters()
			if err != nil {
				t.Fatal(err)
			}
			if !arrives() {
				t.Fatalf("%+v: nothing arrives", c)
			}
			if after, err := b.Counters(); err != nil || after[Queued].Packets > before[Queued].Packets != c.queued {
				t.Errorf("%+v: %d packets were diverted (%v)", c, after[Queued].Packets-before[Queued].Packets, err)
			}
		}
	})
}
