package holder_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/lab/labtest"
)

// unit reads dist/weir.service: the values of each key, in order.
func unit(t *testing.T) (text string, keys map[string][]string) {
	t.Helper()
	b, err := os.ReadFile("../dist/weir.service")
	if err != nil {
		t.Fatal(err)
	}
	keys = make(map[string][]string)
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			keys[key] = append(keys[key], value)
		}
	}
	return string(b), keys
}

// TestUnitAgreesWithTheHolder: what the unit takes away, the holder can do without, and what the holder needs is there.
func TestUnitAgreesWithTheHolder(t *testing.T) {
	_, keys := unit(t)
	for key, c := range map[string]struct{ want, why string }{
		"CapabilityBoundingSet":   {"CAP_NET_ADMIN CAP_NET_RAW CAP_SETUID CAP_SETGID CAP_KILL CAP_DAC_OVERRIDE CAP_CHOWN CAP_SYS_PTRACE", "the unit's comment says what for; TestUnitsCapabilities runs with them"},
		"RestrictAddressFamilies": {"AF_UNIX AF_NETLINK AF_INET AF_INET6", "control and link; queues and rules; injection"},
		"NoNewPrivileges":         {"no", "the worker keeps a capability across exec by the ambient set, the holder sets it"},
		"RuntimeDirectory":        {"weir", "the control socket and the state file are in /run/weir"},
		"LogsDirectory":           {"", "systemd would give it to root"},
		"ProtectKernelTunables":   {"", "nf_conntrack_tcp_be_liberal is set"},
		"ProtectProc":             {"", "the holder reads who has a queue"},
		"ProcSubset":              {"", "/proc/net and /proc/sys are read"},
		"PrivateNetwork":          {"", "it is the host's packets that are diverted"},
		"PrivateUsers":            {"", "verdicts need CAP_NET_ADMIN in the host's user namespace"},
		"ProtectSystem":           {"full", "/var/log and /run stay writable; strict would need ReadWritePaths"},
		"SystemCallFilter":        {"", "worker and reporter have filters of their own, which are narrower"},
		"KillMode":                {"mixed", "the holder ends its children itself, in order"},
		"LimitCORE":               {"0", "packets would be in a core"},
		"LimitNOFILE":             {"", "64 lanes need some 400 descriptors, and 1024 is the least that systemd gives"},
		"Restart":                 {"on-failure", "weir stop ends it for good"},
	} {
		if got := strings.Join(keys[key], " "); got != c.want {
			t.Errorf("%s=%q, want %q: %s", key, got, c.want, c.why)
		}
	}
	help, err := exec.Command(program, "run", "--help").Output()
	if program == "" || err != nil {
		t.Skipf("SKIPPED: no program to compare paths with: %v", err)
	}
	for _, path := range []string{"/run/weir/control.sock", "/run/weir/sysctl.json", "/etc/weir/weir.yaml"} {
		if !strings.Contains(string(help), path) {
			t.Errorf("weir run --help knows nothing of %s", path)
		}
	}
}

// TestUnitVerifies has systemd read the unit.
func TestUnitVerifies(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("n/a: this machine has no systemd (systemd-analyze), so no unit either")
	}
	if program == "" {
		t.Skipf("SKIPPED: no program for the unit to name: %v", labtest.Missing())
	}
	text, _ := unit(t)
	for name, text := range map[string]string{"good": text, "bad": strings.Replace(text, "KillMode=mixed", "KillMode=perhaps", 1)} {
		file := filepath.Join(t.TempDir(), "weir.service")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "/usr/local/bin/weir", program)), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("systemd-analyze", "verify", file).CombinedOutput()
		if said := strings.Contains(string(out), "weir.service"); said != (name == "bad") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestUnitsCapabilities: with those of the unit and no more, everything works; without those that are needed always, weir
// does not begin.
func TestUnitsCapabilities(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil || os.Geteuid() != 0 || os.Getenv("WEIR_TEST_DIR") != "" {
		t.Skipf("SKIPPED: needs setpriv and real root (%v)", err)
	}
	l := newLab(t)
	_, keys := unit(t)
	var all []string
	for _, c := range strings.Fields(strings.Join(keys["CapabilityBoundingSet"], " ")) {
		all = append(all, "+"+strings.ToLower(strings.TrimPrefix(c, "CAP_")))
	}
	by := func(caps []string) []string {
		return []string{"setpriv", "--bounding-set=-all," + strings.Join(caps, ","), "--inh-caps=-all", program}
	}
	dir := newDir(t)
	d := beginBy(t, l.Router(), dir, policyText(dir, ""), by(all))
	s := d.ready()
	d.happen() // a worker that is killed is replaced
	d.told("worker-restarted", 1)
	if _, err := d.ask(holder.Reload); err != nil {
		t.Error(err)
	}
	before := d.ready().WorkerPID
	d.write(policyText(dir, "limits: {flows: 20000}"))
	if _, err := d.ask(holder.Reload); err != nil {
		t.Error(err)
	}
	d.until("another worker is ready", 10*time.Second, func() bool { n := d.status(); return n.Ready && n.WorkerPID != before })
	confined(t, "worker", d.status().WorkerPID, capNetAdmin)
	worker := d.ready().WorkerPID
	signalPID(t, worker, syscall.SIGSTOP) // one that hangs at the end has to be killed
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if alive(worker) {
		t.Error("a worker that hung at the end is left")
	}
	lacksInjection := func(s holder.State) bool { return strings.Contains(strings.Join(s.Missing, " "), "CAP_NET_RAW") }
	if lacksInjection(s) {
		t.Errorf("with all of them: %q", s.Missing)
	}
	for _, without := range []string{"+net_admin", "+setuid", "+setgid", "+net_raw", "+chown"} {
		dir := newDir(t)
		d := beginBy(t, l.Router(), dir, policyText(dir, ""), by(slices.DeleteFunc(slices.Clone(all), func(c string) bool { return c == without })))
		if without == "+net_raw" { // nobody can be sent a reset
			if s := d.ready(); !lacksInjection(s) {
				t.Errorf("without it: %q", s.Missing)
			}
		} else if !eventually(15*time.Second, d.ended) || d.err == nil {
			t.Errorf("without %s it begins: the unit need not grant it", without)
		}
		d.kill()
	}
	if text := fmt.Sprint(keys["ExecStart"], keys["ExecReload"], keys["ExecStop"]); text != "[/usr/local/bin/weir run --policy /etc/weir/weir.yaml] [/usr/local/bin/weir reload] [/usr/local/bin/weir stop]" {
		t.Errorf("the unit runs %s", text)
	}
}
