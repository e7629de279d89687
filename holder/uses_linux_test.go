package holder_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/lab"
)

const usesPolicy = `
mode: prevent
divert:
  traffic: forwarded
  queues: 0-1
  select: [{protocols: [tcp, udp]}]
inspect:
  urls:
    lists: [{category: ads, domains: [ads.example.com], action: reject}]
  ids:
    rules: ['drop tcp any any -> any any (msg:"shell"; flow:to_server; content:"/bin/sh -i"; nocase; sid:1; rev:1;)']
  dns:
    answers: [{name: www.example.com, replace: [192.0.2.80, 192.0.2.81, "2001:db8:1::80"], ttl: 60}]
  dlp:
    detectors: [{name: card, action: mask, keep: 4}, {name: us-ssn, action: mask}]
  qos:
    classes: [{name: voice, match: {protos: [udp], ports: ["5060"]}, dscp: ef}]
  stats: {interval: 1s}
events:
  eve: [{to: %s/events/eve.json}]
`

// TestSixUses on real traffic of both families: each inspector does its work, and leaves alone what is not its business.
func TestSixUses(t *testing.T) {
	families(t, func(t *testing.T, l *lab.Lab, server netip.Addr) {
		dir := newDir(t)
		d := begin(t, l.Router(), dir, fmt.Sprintf(usesPolicy, dir))
		d.ready()
		mirror(t, l, server, 80)
		mirror(t, l, server, 7000)
		serveNames(t, l, server, lab.Zone{
			"www.example.com.":   {netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:2::7")},
			"other.example.com.": {netip.MustParseAddr("198.51.100.8"), netip.MustParseAddr("2001:db8:2::8")},
		})
		from := l.Client().Out.V4
		if server.Is6() {
			from = l.Client().Out.V6
		}
		client := from.StringExpanded() // as Suricata writes it

		passes(t, l, server, 7000, "pay 4111 1111 1111 1111 now", "pay XXXX XXXX XXXX 1111 now")
		d.wrote(`"event_type":"dlp"`, `"card"`, client)
		passes(t, l, server, 7000, "pay 4111 1111 1111 1112 now", "pay 4111 1111 1111 1112 now") // Luhn is wrong

		passes(t, l, server, 80, get("www.example.com", "/"), get("www.example.com", "/"))
		stopped(t, l, server, 80, get("ads.example.com", "/"), true)
		d.wrote(`"event_type":"url"`, "ads.example.com", client)

		passes(t, l, server, 7000, "exec /bin/sh", "exec /bin/sh")
		stopped(t, l, server, 7000, "exec /BIN/sh -i", false)
		d.wrote(`"event_type":"alert"`, `"signature":"shell"`, client)

		for _, c := range []struct {
			name string
			kind uint16
			want string
		}{
			{"www.example.com.", dns.TypeA, "[192.0.2.80 192.0.2.81]"},
			{"www.example.com.", dns.TypeAAAA, "[2001:db8:1::80]"},
			{"other.example.com.", dns.TypeA, "[198.51.100.8]"},
			{"other.example.com.", dns.TypeAAAA, "[2001:db8:2::8]"},
		} {
			if got, err := resolve(l, "udp", server, c.name, c.kind); err != nil || fmt.Sprint(got) != c.want {
				t.Errorf("%s of type %d: %v, %v; want %s", c.name, c.kind, got, err, c.want)
			}
		}
		d.wrote(`"event_type":"dns"`, "www.example.com", client)

		for port, want := range map[uint16]int{5060: 46, 5061: 0} {
			address := netip.AddrPortFrom(server, port).String()
			m, err := l.Server().Meter(address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { m.Close() })
			c, err := l.Client().Dial("udp", address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			for range 10 {
				fmt.Fprint(c, "voice")
			}
			d.until("datagrams arrive", 5*time.Second, func() bool { return m.Reading().Packets == 10 })
			if got := m.Reading().DSCP; got[want] != 10 {
				t.Errorf("port %d: DSCP %v, want %d", port, got, want)
			}
		}
		d.wrote(`"event_type":"stats"`, "top-talkers", from.String())
	})
}

// TestRuleFilesReload: lists and rules in files are read at the start and again at a reload, which refuses a file that it
// cannot use and keeps what was.
func TestRuleFilesReload(t *testing.T) {
	l := newLab(t)
	server := l.Server().In.V4
	dir := newDir(t)
	file := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rule := func(word string) string {
		return fmt.Sprintf("# local\ndrop tcp any any -> any any (msg:\"%s\"; content:\"%[1]s\"; sid:7;)\n", word)
	}
	file("local.rules", rule("first-evil"))
	file("block.txt", "# ads\nfirst.example.com\n")
	d := begin(t, l.Router(), dir, strings.Replace(policyText(dir, ""), "inspect:\n", `inspect:
  ids: {files: [local.rules]}
  urls: {lists: [{category: ads, files: [block.txt], action: reject}]}
`, 1))
	d.ready()
	mirror(t, l, server, 80)
	mirror(t, l, server, 7000)
	check := func(on, off string) {
		t.Helper()
		stopped(t, l, server, 7000, "this is "+on+"-evil.", false)
		passes(t, l, server, 7000, "this is "+off+"-evil.", "this is "+off+"-evil.")
		stopped(t, l, server, 80, get("www."+on+".example.com", "/"), true)
		passes(t, l, server, 80, get(off+".example.com", "/"), get(off+".example.com", "/"))
	}
	check("first", "second")

	file("local.rules", rule("second-evil"))
	file("block.txt", "second.example.com\n")
	check("first", "second") // a file alone changes nothing
	if _, err := d.ask(holder.Reload); err != nil {
		t.Fatal(err)
	}
	check("second", "first")

	file("local.rules", "drop tcp any any -> any any (content:\"x\"; sid:no;)\n")
	file("block.txt", "first.example.com\n")
	if _, err := d.ask(holder.Reload); err == nil || !strings.Contains(err.Error(), "local.rules:1:") {
		t.Errorf("a file without any rule that can be used: %v", err)
	}
	check("second", "first")
	if err := os.Remove(dir + "/block.txt"); err != nil {
		t.Fatal(err)
	}
	file("local.rules", rule("first-evil"))
	if _, err := d.ask(holder.Reload); err == nil || !strings.Contains(err.Error(), "block.txt") {
		t.Errorf("a file that is gone: %v", err)
	}
	check("second", "first")
	d.wrote(`"event_type":"alert"`, `"signature":"second-evil"`)
}

// TestSocialSecurityNumbers are masked, or their flow is rejected, over TCP and UDP.
func TestSocialSecurityNumbers(t *testing.T) {
	families(t, func(t *testing.T, l *lab.Lab, server netip.Addr) {
		const ssn, specimen = "my SSN is 536-22-1234.", "my SSN is 078-05-1120."
		dir := newDir(t)
		policy := func(action string) string {
			return strings.Replace(policyText(dir, ""), "{name: card, action: mask, keep: 4}", "{name: us-ssn, action: "+action+"}", 1)
		}
		d := begin(t, l.Router(), dir, policy("mask"))
		d.ready()
		mirror(t, l, server, 7000)
		passes(t, l, server, 7000, ssn, "my SSN is XXX-XX-XXXX.")
		passes(t, l, server, 7000, specimen, specimen)

		address := netip.AddrPortFrom(server, 7001).String()
		pc, err := l.Server().ListenPacket("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pc.Close() })
		go lab.ServeEcho(pc)
		send := func(text string) (string, error) {
			c, err := l.Client().Dial("udp", address)
			if err != nil {
				return "", err
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(quiet))
			if _, err := c.Write([]byte(text)); err != nil {
				return "", err
			}
			buf := make([]byte, 100)
			n, err := c.Read(buf)
			return string(buf[:n]), err
		}
		if got, err := send(ssn); err != nil || got != "my SSN is XXX-XX-XXXX." {
			t.Errorf("UDP: %q, %v", got, err)
		}

		d.write(policy("reject"))
		if _, err := d.ask(holder.Reload); err != nil {
			t.Fatal(err)
		}
		stopped(t, l, server, 7000, ssn, true)
		passes(t, l, server, 7000, specimen, specimen)
		if got, err := send(ssn); err == nil || os.IsTimeout(err) {
			t.Errorf("UDP: %q, %v; an ICMP error must say at once that it was refused", got, err)
		}
		d.wrote(`"event_type":"dlp"`, `"us-ssn"`, `"reject"`)
		if text := d.eve(); strings.Contains(text, "536-22") || strings.Contains(text, "536221234") {
			t.Error("the number is in an event")
		}
	})
}

// TestDNSOverTCP: answers that keep their length are replaced in a segment. One that cannot be is, by this policy, not
// passed on as it was.
func TestDNSOverTCP(t *testing.T) {
	families(t, func(t *testing.T, l *lab.Lab, server netip.Addr) {
		dir := newDir(t)
		d := begin(t, l.Router(), dir, strings.Replace(policyText(dir, ""), "inspect:\n", `inspect:
  dns:
    unable: drop
    answers:
      - {name: www.example.com, replace: [192.0.2.80, "2001:db8:1::80"]}
      - {name: grows.example.com, type: A, replace: [192.0.2.81, 192.0.2.82]}
`, 1))
		d.ready()
		serveNames(t, l, server, lab.Zone{
			"www.example.com.":   {netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:2::7")},
			"other.example.com.": {netip.MustParseAddr("198.51.100.8")},
			"grows.example.com.": {netip.MustParseAddr("198.51.100.9")},
		})
		for _, c := range []struct {
			name string
			kind uint16
			want string
		}{
			{"www.example.com.", dns.TypeA, "192.0.2.80"},
			{"www.example.com.", dns.TypeAAAA, "2001:db8:1::80"},
			{"other.example.com.", dns.TypeA, "198.51.100.8"},
		} {
			if got, err := resolve(l, "tcp", server, c.name, c.kind); err != nil || len(got) != 1 || got[0] != c.want {
				t.Errorf("%s of type %d over TCP: %v, %v; want %s", c.name, c.kind, got, err, c.want)
			}
		}
		d.wrote(`"event_type":"dns"`, "www.example.com")
		got, err := resolve(l, "tcp", server, "grows.example.com.", dns.TypeA)
		if err == nil && !slices.Equal(got, []string{"192.0.2.81", "192.0.2.82"}) {
			t.Errorf("an answer that would grow: %v", got)
		}
		t.Logf("an answer that would grow: %v, %v", got, err)
	})
}
