package firewall

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// next waits for the next report; an admin's flush must be noticed within 5 s.
func next(t *testing.T, ch <-chan Change) Change {
	t.Helper()
	select {
	case c, ok := <-ch:
		if !ok {
			t.Fatal("Watch ended")
		}
		if c.Err != nil {
			t.Fatal(c.Err)
		}
		return c
	case <-time.After(5 * time.Second):
		t.Fatal("not noticed within 5 s")
	}
	panic("unreachable")
}

func TestWatchNoticesAFlushAndTheRepair(t *testing.T) {
	needs(t, "nft")
	needs(t, "iptables")
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		rs := v.plan(t, loopback())
		apply(t, b, rs)
		ctx, cancel := context.WithCancel(context.Background())
		changes := Watch(ctx, b, rs)
		command, author := "nft flush ruleset", "nft, pid "
		if v.kind == IPTables {
			command, author = "iptables -t mangle -F", ""
		}
		start := time.Now()
		sh(t, ns, command)
		c := next(t, changes)
		if len(c.Differences) == 0 || !strings.HasPrefix(c.By, author) {
			t.Errorf("%s: reported %+v", command, c)
		}
		t.Logf("noticed after %v: %v by %q", time.Since(start).Round(time.Millisecond), c.Differences[0], c.By)
		if err := b.Apply(rs); err != nil {
			t.Fatal(err)
		}
		if c := next(t, changes); len(c.Differences) != 0 {
			t.Errorf("after the repair: %v", c.Differences)
		}
		cancel()
		for range changes { // closed in the end
		}
	})
}

// What firewalld, ufw and Docker do when they reload: they flush and rebuild what is
// theirs. Our rules stay, and so does the way that packets take.
func TestOthersReloads(t *testing.T) {
	needs(t, "nft")
	needs(t, "iptables")
	reloads := map[string]string{
		"firewalld": "nft -f - <<'E'\nadd table inet firewalld\ndelete table inet firewalld\n" + othersNFT + "\nE",
		"ufw":       "for i in iptables ip6tables; do $i -F; $i -X; done; iptables-restore --noflush <<'E'\n*filter\n:ufw-before-input - [0:0]\n-A INPUT -j ufw-before-input\nCOMMIT\nE",
		"docker":    "iptables -t nat -N DOCKER 2>/dev/null || iptables -t nat -F DOCKER; iptables -N DOCKER-USER 2>/dev/null || iptables -F DOCKER-USER; iptables -C FORWARD -j DOCKER-USER 2>/dev/null || iptables -I FORWARD -j DOCKER-USER",
	}
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		loadOthers(t, ns)
		c := loopback()
		c.Queues.Bypass = true
		rs := v.plan(t, c)
		for name, reload := range reloads {
			apply(t, b, rs)
			before, err := b.Counters()
			if err != nil {
				t.Fatal(err)
			}
			sh(t, ns, reload)
			if d, err := b.Verify(rs); err != nil || len(d) > 0 {
				// iptables has one place only behind input's queue rule, which ufw flushes.
				if v.kind == IPTables && name == "ufw" && err == nil {
					continue
				}
				t.Errorf("%s's reload: %v %v", name, d, err)
			}
			if !newUDPPair(t, ns, "127.0.0.1:0").passes() {
				t.Fatalf("after %s's reload packets are lost", name)
			}
			after, err := b.Counters()
			if err != nil || after[Queued].Packets != before[Queued].Packets+2 {
				t.Errorf("after %s's reload: %v, was %v (%v)", name, after[Queued], before[Queued], err)
			}
		}
	})
}

// A policy that drops everything, applied over a connection, is undone when nobody
// confirms it, and the connection goes on.
func TestUnconfirmedRulesAreUndone(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		var cli, srv net.Conn
		in(t, ns, func() error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer l.Close()
			if cli, err = net.Dial("tcp", l.Addr().String()); err != nil {
				return err
			}
			srv, err = l.Accept()
			return err
		})
		defer cli.Close()
		defer srv.Close()

		apply(t, b, v.plan(t, loopback())) // no listener, no bypass
		confirm := NewConfirm(0, time.Minute, nil)
		if _, err := cli.Write([]byte("are you there?")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 64)
		srv.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := srv.Read(buf); err == nil {
			t.Fatal("the policy does not cut the connection: nothing to undo")
		}
		if !confirm.Due(time.Minute) {
			t.Fatal("not due")
		}
		if err := confirm.Revert(b); err != nil {
			t.Fatal(err)
		}
		srv.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := srv.Read(buf); err != nil || string(buf[:n]) != "are you there?" {
			t.Errorf("after the revert: %q, %v", buf[:n], err)
		}
	})
}

// The session that started Weir stays usable under a policy that drops everything.
func TestSessionSurvivesDropEverything(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		in(t, ns, func() error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer l.Close()
			port := uint16(l.Addr().(*net.TCPAddr).Port)
			c := loopback()
			c.Sessions = []Session{{Client: mustAddrPort("127.0.0.1:1").Addr(), Server: mustAddrPort("127.0.0.1:1").Addr(), ServerPort: port}}
			apply(t, b, v.plan(t, c))
			for range 2 { // the session, and its owner coming back
				conn, err := net.DialTimeout("tcp", l.Addr().String(), 5*time.Second)
				if err != nil {
					return err
				}
				conn.Close()
			}
			return nil
		})
	})
}

func TestSysctlsComeBack(t *testing.T) {
	const name = "net/netfilter/nf_conntrack_tcp_be_liberal"
	ns := newNS(t)
	o := Options{NetNS: ns}
	now := func() (v string) {
		in(t, ns, func() (err error) { v, err = readSysctl(name); return err })
		return v
	}
	if f := Detect(o); !f.TCPLiberal {
		t.Skipf("SKIPPED: %v", f.Missing)
	}
	path := filepath.Join(t.TempDir(), "sysctl.json")
	want := []Sysctl{{name, "1"}}
	before := now()
	if before != "0" {
		t.Fatalf("a new namespace has %s", before)
	}
	for _, step := range []struct {
		what string
		do   func() error
		want string
		file bool
	}{
		{"set", func() error { return SetSysctls(path, want, o) }, "1", true},
		{"set by a successor of a crashed process", func() error { return SetSysctls(path, want, o) }, "1", true},
		{"restore", func() error { return RestoreSysctls(path, o) }, before, false},
		{"restore nothing", func() error { return RestoreSysctls(path, o) }, before, false},
		{"set again", func() error { return SetSysctls(path, want, o) }, "1", true},
		{"a successor that needs none", func() error { return SetSysctls(path, nil, o) }, before, false},
		{"set a third time", func() error { return SetSysctls(path, want, o) }, "1", true},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := now(); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
		if _, err := os.Stat(path); (err == nil) != step.file {
			t.Errorf("%s: state file: %v", step.what, err)
		}
	}
	// Another namespace is not ours to change.
	other := Options{NetNS: newNS(t)}
	in(t, other.NetNS, func() error { return writeSysctl(name, "1") })
	if err := RestoreSysctls(path, other); err != nil {
		t.Fatal(err)
	}
	in(t, other.NetNS, func() error {
		if v, err := readSysctl(name); v != "1" {
			t.Errorf("another namespace's setting became %s, %v", v, err)
		}
		return nil
	})
}

// All of it works for an ordinary user in a user namespace of his own.
func TestUnprivilegedUserNamespace(t *testing.T) {
	const inside = "WEIR_TEST_INSIDE_USERNS"
	if os.Getenv(inside) != "" {
		t.Fatal("recursion")
	}
	// The binary's directory may be closed to other users; the link is not.
	cmd := exec.Command("/proc/self/exe", "-test.run", "^(TestNobodyListens|TestWatchNoticesAFlushAndTheRepair|TestLargestSetInOneTransaction|TestSysctlsComeBack)$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), inside+"=1")
	uid := 65534
	if os.Getuid() != 0 {
		uid = os.Getuid()
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
		Credential:  &syscall.Credential{NoSetGroups: true},
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Skipf("SKIPPED: this kernel or its settings give users no namespaces: %v", err)
	}
	if err != nil {
		t.Errorf("as uid %d in a user namespace: %v\n%s", uid, err, out)
	}
	if n := strings.Count(string(out), "--- PASS: TestNobodyListens/"); n == 0 {
		t.Errorf("nothing ran inside:\n%s", out)
	} else {
		t.Logf("uid %d: %d backends", uid, n)
	}
}
