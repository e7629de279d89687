package holder_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

// How firewalls put established flows into a flow table, as OpenWrt's does.
const anyFlow = `table inet fw {
	flowtable ft { hook ingress priority 0; devices = { lan, wan }; }
	chain forward { type filter hook forward priority 0; policy accept; ct state established flow add @ft; }
}`

const (
	cardLine   = "pay 4111 1111 1111 1111 now\n"
	maskedLine = "pay XXXX XXXX XXXX 1111 now\n"
)

// TestFlowTableTakesFlowsPastWeir: what the warning says is true, it comes while Weir runs, and is taken back.
func TestFlowTableTakesFlowsPastWeir(t *testing.T) {
	families(t, func(t *testing.T, l *lab.Lab, server netip.Addr) {
		needFlowTables(t, l.Router())
		d := start(t, l.Router(), "")
		parrot(t, l, server, 7000)
		load(t, l.Router(), anyFlow)
		d.until("Weir sees it", 15*time.Second, func() bool { return len(d.status().PassedBy) > 0 })
		d.told("flows-offloaded", 1)
		if got := d.status().PassedBy; len(got) != 1 || !strings.Contains(got[0], "inet fw ft") {
			t.Errorf("the status tells of %q", got)
		}
		c := call(t, l, server, 7000)
		past := 0
		for range 10 {
			if got := c.ask(cardLine); got == cardLine {
				past++
			} else if got != maskedLine {
				t.Fatalf("arrived %q", got)
			}
		}
		if past == 0 {
			t.Error("everything was inspected: the warning is wrong")
		}
		load(t, l.Router(), "delete table inet fw")
		d.until("Weir sees that it is gone", 15*time.Second, func() bool { return len(d.status().PassedBy) == 0 })
		c = call(t, l, server, 7000)
		for range 3 {
			if got := c.ask(cardLine); got != maskedLine {
				t.Errorf("without the flow table arrived %q", got)
			}
		}
	})
}

// TestFlowTableForWhatIsHandedBack: with the rules of the document every byte that is to be inspected is, and flows that nobody
// looks at any more are taken over. A stricter policy reaches those when the rules are loaded anew.
func TestFlowTableForWhatIsHandedBack(t *testing.T) {
	recipe := document(t)
	families(t, func(t *testing.T, l *lab.Lab, server netip.Addr) {
		needFlowTables(t, l.Router())
		load(t, l.Router(), recipe)
		d := start(t, l.Router(), "")
		parrot(t, l, server, 7000)
		parrot(t, l, server, 80)
		c := call(t, l, server, 7000)
		for range 20 {
			if got := c.ask(cardLine); got != maskedLine {
				t.Fatalf("arrived %q", got)
			}
		}
		if offloaded(t, l.Router(), 7000) {
			t.Error("a flow that is inspected is in the flow table")
		}

		strict := policyText(d.dir, "")
		before, rest, _ := strings.Cut(strict, "inspect:\n")
		_, behind, _ := strings.Cut(rest, "events:\n")
		d.write(before + "inspect:\n  urls: {lists: [{category: ads, domains: [ads.example.com], action: reject}]}\nevents:\n" + behind)
		if _, err := d.ask(holder.Reload); err != nil {
			t.Fatal(err)
		}
		c = call(t, l, server, 80)
		d.until("a flow that was handed back is in the flow table", 10*time.Second, func() bool {
			if got := c.ask(cardLine); got != cardLine {
				t.Fatalf("arrived %q", got)
			}
			return offloaded(t, l.Router(), 80)
		})
		d.write(strict)
		if _, err := d.ask(holder.Reload); err != nil {
			t.Fatal(err)
		}
		if got := c.ask(cardLine); got != cardLine {
			t.Errorf("a reload reaches the flow table: the document says that it does not; arrived %q", got)
		}
		load(t, l.Router(), "delete table inet fast\n"+recipe)
		d.until("the flow is inspected behind the reload of the flow table", 10*time.Second, func() bool { return c.ask(cardLine) == maskedLine })
		if n := len(d.status().PassedBy); n > 0 || d.events()["flows-offloaded"] > 0 {
			t.Errorf("Weir warns of the rules that it recommends: %q", d.status().PassedBy)
		}
	})
}

// document returns the rules that the document gives.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/platforms.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rules, found := strings.Cut(string(text), "```nft\n")
	rules, _, _ = strings.Cut(rules, "```")
	if !found || !strings.Contains(rules, "flow add") {
		t.Fatal("docs/platforms.md has no rules for a flow table")
	}
	return rules
}

// needFlowTables skips where the kernel has none, as make qemu's has.
func needFlowTables(t *testing.T, n *lab.Node) {
	t.Helper()
	c := n.Command("nft", "-f", "-")
	c.Stdin = strings.NewReader("table inet probe { flowtable ft { hook ingress priority 0; devices = { lo }; }; }\ndelete table inet probe\n")
	if out, err := c.CombinedOutput(); err != nil {
		labtest.Elsewhere(t, fmt.Sprintf("no flow tables: %v: %s", err, out))
	}
}

// load has nft read rules.
func load(t *testing.T, n *lab.Node, rules string) {
	t.Helper()
	c := n.Command("nft", "-f", "-")
	c.Stdin = strings.NewReader(rules)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// offloaded reports whether conntrack knows a flow to the port that is in a flow table.
func offloaded(t *testing.T, n *lab.Node, port uint16) bool {
	t.Helper()
	var text []byte
	if err := n.Do(func() (err error) { text, err = os.ReadFile("/proc/thread-self/net/nf_conntrack"); return err }); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, fmt.Sprintf("dport=%d ", port)) && strings.Contains(line, "OFFLOAD") {
			return true
		}
	}
	return false
}

// parrot repeats every line; on port 80 as the body of an HTTP response that ends with the connection.
func parrot(t *testing.T, l *lab.Lab, server netip.Addr, port uint16) {
	t.Helper()
	ln, err := l.Server().Listen("tcp", netip.AddrPortFrom(server, port).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go lab.ServeStreams(ln, func(c net.Conn) {
		r := bufio.NewReader(c)
		if port == 80 {
			for line, err := r.ReadString('\n'); err == nil && line != "\r\n"; line, err = r.ReadString('\n') {
				continue
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
		}
		for line, err := r.ReadString('\n'); err == nil; line, err = r.ReadString('\n') {
			_, _ = io.WriteString(c, line)
		}
	})
}

// A caller speaks to a parrot.
type caller struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func call(t *testing.T, l *lab.Lab, server netip.Addr, port uint16) *caller {
	t.Helper()
	conn, err := l.Client().Dial("tcp", netip.AddrPortFrom(server, port).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &caller{t, conn, bufio.NewReader(conn)}
	if port == 80 {
		if got := c.ask("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n"); got != "HTTP/1.1 200 OK\r\n" {
			t.Fatalf("the server answers %q", got)
		}
		for line := ""; line != "\r\n"; line, err = c.r.ReadString('\n') {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// ask says a line and returns the next one.
func (c *caller) ask(line string) string {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, line); err != nil {
		c.t.Fatal(err)
	}
	got, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("said %q, heard %q: %v", line, got, err)
	}
	return got
}
