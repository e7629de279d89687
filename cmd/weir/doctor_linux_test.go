package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
)

// router is a machine on which everything is well.
func router() *evidence {
	return &evidence{
		root: fstest.MapFS{
			"proc/sys/net/ipv4/ip_forward":                          file("1\n"),
			"proc/sys/net/ipv6/conf/all/forwarding":                 file("1\n"),
			"proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal":    file("0\n"),
			"proc/sys/net/netfilter/nf_conntrack_count":             file("10\n"),
			"proc/sys/net/netfilter/nf_conntrack_max":               file("1000\n"),
			"proc/sys/net/core/rmem_max":                            file("212992\n"),
			"proc/sys/user/max_user_namespaces":                     file("1000\n"),
			"proc/sys/kernel/apparmor_restrict_unprivileged_userns": file("0\n"),
			"proc/self/ns/user":                                     file(""),
		},
		env: func(key string) string {
			return map[string]string{"SSH_CONNECTION": "192.0.2.9 5000 192.0.2.1 22"}[key]
		},
		uname:    "Linux 6.18.0",
		caps:     1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID | 1<<unix.CAP_SYS_ADMIN,
		landlock: 7,
		probe:    probe{Bound: true, Caps: divert.Caps{GSO: true, FailOpen: true, ConntrackInfo: true, InjectOut: true}},
		features: firewall.AllFeatures(),
		tables:   []string{},
	}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// put replaces a file of the machine; an empty text removes it.
func (e *evidence) put(name, text string) {
	files := e.root.(fstest.MapFS)
	if files[name] = file(text); text == "" {
		delete(files, name)
	}
}

// TestDoctorFindsWhatIsWrong changes one thing of a good router and wants one finding about it, with a hint.
func TestDoctorFindsWhatIsWrong(t *testing.T) {
	lose := func(bit int) func(*evidence) { return func(e *evidence) { e.caps &^= 1 << bit } }
	for _, c := range []struct {
		name   string
		change func(*evidence)
		want   string // name of the finding
		mark   mark
		text   string // in it
		hint   string // in one of its hints
	}{
		{"no NFQUEUE", func(e *evidence) { e.probe = probe{Refusal: "bind queue 0: invalid argument"} }, "NFQUEUE", markMissing, "invalid argument", "modprobe nfnetlink_queue"},
		{"no GSO", func(e *evidence) { e.probe.Caps.GSO = false }, "large packets", markWarn, "slower", "3.10"},
		{"no GSO, and GRO on", func(e *evidence) {
			e.probe.Caps.GSO = false
			e.links = []linkOffloads{{name: "eth0", gro: true}}
		}, "offloads", markWarn, "eth0", "ethtool -K eth0 gro off"},
		{"no fail-open", func(e *evidence) { e.probe.Caps.FailOpen = false }, "fail-open", markWarn, "drops", "3.6"},
		{"no conntrack data", func(e *evidence) { e.probe.Caps.ConntrackInfo = false }, "conntrack data", markNote, "GLUE_CT", ""},
		{"no injection", func(e *evidence) { e.probe.Caps.InjectOut = false }, "injection", markWarn, "CAP_NET_RAW", ""},
		{"small buffer", func(e *evidence) {
			e.probe.Caps.Missing = []string{"The receive buffer has 1 bytes instead of 2."}
		}, "receive buffer", markWarn, "1 bytes", "net.core.rmem_max"},
		{"queue taken", func(e *evidence) {
			e.queues = []divert.TakenQueue{{Number: 3, PID: 77, Program: "suricata", Dropped: 5}}
		}, "queue numbers", markWarn, "3 is taken by suricata, pid 77", "queues: 4"},
		{"queue taken by the unseen", func(e *evidence) { e.queues = []divert.TakenQueue{{Number: 0}} }, "queue numbers", markWarn, "not seen from here", "queues: 1"},
		{"queue taken by weir", func(e *evidence) { e.queues = []divert.TakenQueue{{PID: 78, Program: "weir-worker"}} }, "queue numbers", markNote, "weir-worker", "weir status"},
		{"queue table of root", func(e *evidence) { e.queueErr = fs.ErrPermission }, "queue numbers", markNote, "only root", ""},
		{"no table of queues", func(e *evidence) { e.queueErr = fs.ErrNotExist }, "queue numbers", markOK, "none", ""},
		{"no native queue", func(e *evidence) {
			e.features.NativeQueue = false
			e.features.Missing = []string{"nf_tables has no queue statement (x)"}
		}, "nft", markNote, "no queue statement", ""},
		{"no way to divert", func(e *evidence) {
			e.features = firewall.Features{Missing: []string{"ip6tables-restore cannot be used"}}
		}, "iptables", markMissing, "cannot be used", "modprobe nft_queue"},
		{"no connection marks", func(e *evidence) { e.features.ConnMark, e.features.CompatConnMark = false, false }, "settled flows", markWarn, "every packet", "modprobe"},
		{"no notrack", func(e *evidence) { e.features.Untrack, e.features.IPTablesUntrack = false, false }, "own packets", markWarn, "wrong port", "modprobe"},
		{"IPv6 off", func(e *evidence) { e.features.IPv6 = false }, "IPv6", markNote, "off", ""},
		{"flow table", func(e *evidence) { e.features.Offloads = []firewall.Offload{{Table: "inet fw4", Name: "ft"}} }, "flow offload", markWarn, "inet fw4 ft", "ct mark and 0xf8000000 != 0 flow add @ft"},
		{"flow table for what is handed back", func(e *evidence) {
			e.features.Offloads = []firewall.Offload{{Table: "inet fw4", Name: "ft", Mask: firewall.DefaultMarks.Conn}}
		}, "flow offload", markOK, "inet fw4 ft", ""},
		{"firewalld", func(e *evidence) { e.tables = []string{"firewalld ", "firewalld filter_INPUT"} }, "firewalld", markNote, "reload", ""},
		{"docker", func(e *evidence) { e.tables = []string{"filter ", "filter DOCKER-USER"} }, "Docker", markNote, "containers", ""},
		{"ufw", func(e *evidence) { e.tables = []string{"filter ufw-user-input"} }, "ufw", markNote, "reload", ""},
		{"Calico", func(e *evidence) { e.tables = []string{"filter cali-FORWARD"} }, "Calico", markNote, "0xffff0000", ""},
		{"old iptables", func(e *evidence) { e.put("proc/net/ip_tables_names", "filter\nnat\n") }, "old iptables", markNote, "filter, nat", ""},
		{"leftover rules", func(e *evidence) { e.tables = []string{"weir ", "weir forward"} }, "Weir's rules", markWarn, "no Weir", "weir rules remove"},
		{"mark taken", func(e *evidence) { e.fwmarks = []fwmark{{0x80000000, 0xff000000}} }, "packet marks", markWarn, "overlaps", "marks:"},
		{"mark without mask", func(e *evidence) { e.fwmarks = []fwmark{{0xca6c, 0xffffffff}} }, "packet marks", markWarn, "0xca6c", "0xca6c/0xffffff"},
		{"mark elsewhere", func(e *evidence) { e.fwmarks = []fwmark{{0x80000, 0xff0000}} }, "packet marks", markOK, "no routing rule", ""},
		{"no forwarding", func(e *evidence) {
			e.put("proc/sys/net/ipv4/ip_forward", "0")
			e.put("proc/sys/net/ipv6/conf/all/forwarding", "0")
		}, "forwarding", markNote, "off", "sysctl -w net.ipv4.ip_forward=1"},
		{"IPv4 alone", func(e *evidence) { e.put("proc/sys/net/ipv6/conf/all/forwarding", "0") }, "forwarding", markOK, "IPv6 is not", ""},
		{"no conntrack", func(e *evidence) { e.put("proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal", "") }, "conntrack", markWarn, "not there", "modprobe nf_conntrack"},
		{"conntrack full", func(e *evidence) { e.put("proc/sys/net/netfilter/nf_conntrack_count", "900") }, "conntrack", markWarn, "900 of 1000", "nf_conntrack_max=2000"},
		{"liberal", func(e *evidence) { e.put("proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal", "1") }, "liberal TCP", markOK, "is on", ""},
		{"LRO on a router", func(e *evidence) { e.links = []linkOffloads{{name: "eth1", lro: true}} }, "LRO", markWarn, "eth1", "ethtool -K eth1 lro off"},
		{"bridge", func(e *evidence) { e.put("sys/class/net/br0/bridge/ageing_time", "1") }, "bridges", markNote, "br0", "modprobe br_netfilter"},
		{"bridge with br_netfilter", func(e *evidence) {
			e.put("sys/class/net/br0/bridge/ageing_time", "1")
			e.put("proc/sys/net/bridge/bridge-nf-call-iptables", "1")
			e.put("proc/sys/net/bridge/bridge-nf-call-ip6tables", "1")
		}, "bridged packets", markNote, "br0: br_netfilter is on", ""},
		{"bridge with br_netfilter for one family", func(e *evidence) {
			e.put("sys/class/net/br0/bridge/ageing_time", "1")
			e.put("proc/sys/net/bridge/bridge-nf-call-iptables", "1")
		}, "bridges", markWarn, "br0: br_netfilter shows Weir packets between the ports of a bridge, but IPv4 alone", "bridge-nf-call-ip6tables=1"},
		{"br_netfilter for one bridge of two", func(e *evidence) {
			e.put("sys/class/net/br0/bridge/nf_call_iptables", "1")
			e.put("sys/class/net/br0/bridge/nf_call_ip6tables", "1")
			e.put("sys/class/net/br1/bridge/nf_call_iptables", "0")
		}, "bridges", markNote, "br1: packets between the ports", "modprobe br_netfilter"},
		{"broken session", func(e *evidence) { e.env = func(string) string { return "x" } }, "management", markWarn, "SSH_CONNECTION", "management:"},
		{"sudo hides the session", func(e *evidence) {
			e.env = func(k string) string { return map[string]string{"SUDO_USER": "someone"}[k] }
		}, "management", markWarn, "sudo", "--preserve-env=SSH_CONNECTION"},
		{"a session by an interface", func(e *evidence) { e.session = "eth7" }, "management", markOK, "it comes in by eth7", ""},
		{"no session", func(e *evidence) { e.env = func(string) string { return "" } }, "management", markNote, "no SSH session", ""},
		{"no CAP_NET_ADMIN", lose(unix.CAP_NET_ADMIN), "capabilities", markMissing, "CAP_NET_ADMIN", "as root"},
		{"no CAP_SETUID", lose(unix.CAP_SETUID), "capabilities", markWarn, "CAP_SETUID", "as root"},
		{"no user namespaces", func(e *evidence) { e.put("proc/sys/user/max_user_namespaces", "0") }, "without root", markNote, "max_user_namespaces", "sysctl"},
		{"AppArmor", func(e *evidence) { e.put("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") }, "without root", markNote, "apparmor", "sudo weir demo"},
		{"no Landlock", func(e *evidence) { e.landlock = 0 }, "Landlock", markWarn, "not there", "lsm="},
		{"old Landlock", func(e *evidence) { e.landlock = 3 }, "Landlock", markOK, "version 3", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			good := router().diagnose().Findings
			e := router()
			c.change(e)
			d := e.diagnose()
			i := slices.IndexFunc(d.Findings, func(f finding) bool { return f.Name == c.want })
			if i < 0 {
				t.Fatalf("no finding %q", c.want)
			}
			f := d.Findings[i]
			if f.Mark != c.mark || !strings.Contains(f.Text, c.text) || c.hint != "" && !strings.Contains(strings.Join(f.Hint, "\n"), c.hint) {
				t.Errorf("%+v", f)
			}
			if c.mark != markOK && slices.ContainsFunc(good, func(g finding) bool { return g.Name == f.Name && g.Text == f.Text }) {
				t.Errorf("the good router has the same finding: %+v", f)
			}
		})
	}
}

func TestDoctorOnAGoodRouter(t *testing.T) {
	d := router().diagnose()
	if !d.Router || !d.Host || d.Backend != "nft" || len(d.Next) == 0 {
		t.Errorf("%+v", d)
	}
	for _, f := range d.Findings {
		if f.Mark != markOK || f.Group == "" || f.Text == "" {
			t.Errorf("%+v", f)
		}
	}
}

// TestDoctorConcludes draws the one conclusion that scripts rely on.
func TestDoctorConcludes(t *testing.T) {
	for _, c := range []struct {
		name         string
		change       func(*evidence)
		host, router bool
		advice       string
	}{
		{"no forwarding", func(e *evidence) {
			e.put("proc/sys/net/ipv4/ip_forward", "0")
			e.put("proc/sys/net/ipv6/conf/all/forwarding", "0")
		}, true, false, "local traffic"},
		{"IPv6 router", func(e *evidence) { e.put("proc/sys/net/ipv4/ip_forward", "0") }, true, true, "forwarded"},
		{"ordinary user", func(e *evidence) { e.caps = 0 }, false, false, "root"},
		{"no queue", func(e *evidence) { e.probe = probe{} }, false, false, "missing"},
		{"no firewall", func(e *evidence) { e.features = firewall.Features{} }, false, false, "missing"},
	} {
		e := router()
		c.change(e)
		if d := e.diagnose(); d.Host != c.host || d.Router != c.router || !strings.Contains(d.Advice, c.advice) {
			t.Errorf("%s: host %v, router %v: %s", c.name, d.Host, d.Router, d.Advice)
		}
	}
}

func TestParseRoutingRule(t *testing.T) {
	attr := func(kind uint16, value uint32) []byte {
		b := binary.NativeEndian.AppendUint16(nil, 8)
		b = binary.NativeEndian.AppendUint16(b, kind)
		return binary.NativeEndian.AppendUint32(b, value)
	}
	head := make([]byte, 12)
	odd := []byte{5, 0, 99, 0, 1, 0, 0, 0} // one byte, and its padding
	if binary.NativeEndian.Uint16(odd) != 5 {
		odd = []byte{0, 5, 0, 99, 1, 0, 0, 0}
	}
	for _, c := range []struct {
		name string
		b    []byte
		want fwmark
		ok   bool
	}{
		{"mark and mask", slices.Concat(head, odd, attr(unix.FRA_FWMARK, 7), attr(unix.FRA_FWMASK, 0xff)), fwmark{7, 0xff}, true},
		{"mark alone", slices.Concat(head, attr(unix.FRA_FWMARK, 7)), fwmark{7, 0xffffffff}, true},
		{"no mark", slices.Concat(head, attr(unix.FRA_TABLE, 254)), fwmark{0, 0xffffffff}, false},
		{"cut", slices.Concat(head, attr(unix.FRA_FWMARK, 7))[:17], fwmark{0, 0xffffffff}, false},
		{"nothing", nil, fwmark{0, 0xffffffff}, false},
	} {
		if got, ok := parseRule(c.b); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v", c.name, got, ok)
		}
	}
}

// TestDoctorHere holds the report about this machine against what can be tried directly.
func TestDoctorHere(t *testing.T) {
	d := examine()
	if len(d.Findings) < 15 || !strings.HasPrefix(d.System, "Linux ") {
		t.Errorf("%+v", d)
	}
	if os.Geteuid() != 0 && d.Host {
		t.Error("an ordinary user can run a policy, it says")
	}
	b, err := divert.Bind("nfqueue:65535")
	if err == nil {
		b.Close()
		if i := slices.IndexFunc(d.Findings, func(f finding) bool { return f.Name == "NFQUEUE" }); d.Findings[i].Mark != markOK {
			t.Errorf("a queue can be bound, and yet: %+v", d.Findings[i])
		}
	} else if !errors.Is(err, unix.EPERM) && d.Host {
		t.Errorf("no queue can be bound (%v), and yet policies can run", err)
	}
}

func TestReportIsAligned(t *testing.T) {
	var b bytes.Buffer
	router().diagnose().print(&b)
	for line := range strings.Lines(b.String()) {
		line = strings.TrimRight(line, "\n")
		if n := len([]rune(line)); n > 100 && !strings.Contains(line, "→") {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.HasPrefix(line, "  ok ") && (line[10] != ' ' || line[11] == ' ' || line[29] != ' ' || line[30] == ' ') {
			t.Errorf("not aligned: %s", line)
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("colours on what is no terminal")
	}
}
