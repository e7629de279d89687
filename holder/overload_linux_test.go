package holder_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/holder"
)

// TestOverloadReload: what the kernel does with packets for a full queue follows the policy in force, also after a reload,
// with the sockets that were bound before.
func TestOverloadReload(t *testing.T) {
	const queue, sent = 64, 400
	l := newLab(t)
	dir := newDir(t)
	policy := func(overload string) string {
		return fmt.Sprintf(`
mode: prevent
divert: {traffic: forwarded, queues: 0, select: [{protocols: [udp], ports: [9100]}]}
settle: {hand_back: never}
limits: {queue: %d}
outcomes: {overload: %s}
inspect: {stats: {}}
events: {eve: [{to: %s/events/eve.json}]}
`, queue, overload, dir)
	}
	d := begin(t, l.Router(), dir, policy("drop"))
	d.ready()
	address := netip.AddrPortFrom(l.Server().In.V4, 9100).String()
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

	// flood sends while the worker stands still, and returns how many packets arrive then, and when it goes on.
	flood := func() (meanwhile, after int) {
		before := m.Reading().Packets
		worker := d.ready().WorkerPID
		signalPID(t, worker, syscall.SIGSTOP)
		d.until("the worker stands still", 5*time.Second, func() bool { return standsStill(worker) })
		for range sent {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		eventually(500*time.Millisecond, func() bool { return m.Reading().Packets-before > sent-queue-1 })
		meanwhile = m.Reading().Packets - before
		signalPID(t, worker, syscall.SIGCONT)
		eventually(time.Second, func() bool { return m.Reading().Packets-before == sent })
		return meanwhile, m.Reading().Packets - before - meanwhile
	}
	for i, overload := range []string{"drop", "pass", "drop", "pass"} {
		if i > 0 {
			d.write(policy(overload))
			if _, err := d.ask(holder.Reload); err != nil {
				t.Fatal(err)
			}
		}
		meanwhile, after := flood()
		t.Logf("overload: %s: of %d packets %d passed while the worker stood still, and %d afterwards", overload, sent, meanwhile, after)
		switch {
		case overload == "drop" && (meanwhile != 0 || after == 0 || after > 2*queue):
			t.Errorf("overload: drop: %d packets passed uninspected, %d waited in a queue of %d", meanwhile, after, queue)
		case overload == "pass" && (meanwhile < sent-2*queue || meanwhile+after != sent):
			t.Errorf("overload: pass: %d packets passed, and %d afterwards, of %d", meanwhile, after, sent)
		}
	}
	// What the kernel did with them is counted, and told.
	s := d.status()
	if passed := s.Load.Passed().Packets; passed < 2*(sent-2*queue) || s.Load.Rules["queued"].Packets < 4*sent {
		t.Errorf("the kernel counted %+v", s.Load)
	}
	d.told("uninspected", 1)
	if s.Restarts != 0 || strings.Contains(d.log(), "cannot change") {
		t.Errorf("%+v", s)
	}
	// Some systems let root alone read what queues dropped.
	if err := l.Router().Do(func() error { _, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue"); return err }); err != nil {
		t.Skipf("SKIPPED: whether drops are counted and told: %v", err)
	}
	if s.Load.Dropped < 2*(sent-2*queue) {
		t.Errorf("the kernel counted %+v", s.Load)
	}
	d.told("queue-overflow", 1)
}

// standsStill reports whether all threads of a process are stopped (proc_pid_stat(5), state T).
func standsStill(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, name := range tasks {
		text, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(text[bytes.LastIndexByte(text, ')')+1:]), " T") {
			return false
		}
	}
	return err == nil && len(tasks) > 0
}
