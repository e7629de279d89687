package holder_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

// bridgePolicy is a policy of a weir that is the wire between the router's interfaces.
func bridgePolicy(l *lab.Lab, dir, more string) string {
	return fmt.Sprintf(`
mode: prevent
divert:
  backend: bridge
  bridge: [%s, %s]
  queues: 0-1
inspect:
  dlp:
    detectors: [{name: card, action: mask, keep: 4}]
events:
  eve: [{to: %s/events/eve.json}]
%s`, l.Router().In.Interface, l.Router().Out.Interface, dir, more)
}

// probeCrossing sends datagrams for a while and returns what became of them.
func probeCrossing(t *testing.T, l *lab.Lab, port int, during func(e *echoLoad)) (*echoLoad, tally) {
	t.Helper()
	e := newEcho(t, l, port, 1000)
	e.start()
	during(e)
	return e, e.finish()
}

func shortly(*echoLoad) { time.Sleep(300 * time.Millisecond) }

// TestBridgeInspects has a daemon be the wire: it finds what is between the ends, survives kill -9 of its worker, and leaves the wire to the
// kernel's bridge when it stops, or is killed.
func TestBridgeInspects(t *testing.T) {
	l := labtest.NewSegment(t, lab.Topology{}, false)
	l.KernelBridge(t)
	if _, c := probeCrossing(t, l.Lab, 9000, shortly); c.lost() > 0 || c.sent == 0 {
		t.Fatalf("the kernel's bridge: %v", c)
	}
	dir := newDir(t)
	d := begin(t, l.Router(), dir, bridgePolicy(l.Lab, dir, "outcomes: {absent: pass}\n"))
	d.ready()
	e, c := probeCrossing(t, l.Lab, 9001, shortly)
	if e.inspected(); c.lost() > 0 || c.duplicates > 0 {
		t.Errorf("inspected: %v", c)
	}
	mirror(t, l.Lab, l.Server().In.V4, 7007)
	passes(t, l.Lab, l.Server().In.V4, 7007, "card "+card+" over TCP\n", "card XXXXXXXXXXXX1111 over TCP\n")
	confined(t, "worker", d.status().WorkerPID, 0)
	if !strings.Contains(d.nft(), "weir_gate") {
		t.Error("nothing keeps the kernel's bridge from the frames")
	}

	x := startTransfers(t, l.Lab, 10)
	restarts := 0
	e, c = probeCrossing(t, l.Lab, 9002, func(*echoLoad) {
		for restarts = range 10 {
			s := d.ready()
			time.Sleep(time.Duration(150+rand.IntN(200)) * time.Millisecond) // one that lives shorter counts as one that cannot begin
			signalPID(t, s.WorkerPID, syscall.SIGKILL)
			d.until("the holder notices", 5*time.Second, func() bool { return d.status().Restarts > restarts })
		}
		d.ready()
	})
	t.Logf("10 workers killed: %v", c)
	// What a worker was about to answer crosses again, or not at all.
	if e.inspected(); c.duplicates+c.lost() > 10*64 || c.lost() > c.sent/20 {
		t.Errorf("killed workers: %v", c)
	}
	x.finish()
	for _, err := range x.failed {
		t.Error(err)
	}
	if x.masked.Load() == 0 || x.masked.Load() != x.cards.Load() {
		t.Errorf("%d of %d cards arrived masked", x.masked.Load(), x.cards.Load())
	}

	crossesAgain(t, l, d)
	if strings.Contains(d.log(), "outcomes.absent is pass") {
		t.Error("a warning that the kernel has no bridge, and it has")
	}
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if strings.Contains(d.nft(), "weir") {
		t.Errorf("left behind:\n%s", d.nft())
	}
	if e, c := probeCrossing(t, l.Lab, 9003, shortly); c.lost() > 0 || int(e.unmasked.Load()) != c.sent {
		t.Errorf("behind the end: %v, %d uninspected", c, e.unmasked.Load())
	}
}

// crossesAgain has an interface go down and up under a running daemon, which tells of it.
func crossesAgain(t *testing.T, l *labtest.Segment, d *daemon) {
	t.Helper()
	name := l.Router().Out.Interface
	set := func(up bool) {
		t.Helper()
		err := l.Router().Do(func() error {
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if up {
				return netlink.LinkSetUp(link)
			}
			return netlink.LinkSetDown(link)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pid := d.status().WorkerPID
	set(false)
	d.until("the status says that the interface is down", 5*time.Second, func() bool { return slices.Contains(d.status().Load.Down, name+" is down") })
	d.wrote("interface-down", name+" is down")
	set(true)
	d.until("the status says nothing of it any more", 5*time.Second, func() bool { return len(d.status().Load.Down) == 0 })
	d.until("frames cross again", 5*time.Second, func() bool {
		got, err := say(l.Lab, l.Server().In.V4, 7007, card)
		return err == nil && got == "XXXXXXXXXXXX1111"
	})
	if s := d.status(); s.WorkerPID != pid {
		t.Errorf("the worker is another: pid %d was %d", s.WorkerPID, pid)
	}
}

// TestBridgeIsLeftToTheKernel by kill -9 of the holder, and of all processes at once; and while no worker can be had.
func TestBridgeIsLeftToTheKernel(t *testing.T) {
	l := labtest.NewSegment(t, lab.Topology{}, false)
	l.KernelBridge(t)
	for port, who := range []string{"the holder", "all"} {
		dir := newDir(t)
		d := begin(t, l.Router(), dir, bridgePolicy(l.Lab, dir, "outcomes: {absent: pass}\n"))
		s := d.ready()
		e, c := probeCrossing(t, l.Lab, 9100+port, func(e *echoLoad) {
			time.Sleep(100 * time.Millisecond)
			if who == "all" {
				signalPID(t, d.cmd.Process.Pid, syscall.SIGKILL)
				signalPID(t, s.WorkerPID, syscall.SIGKILL)
				signalPID(t, s.ReporterPID, syscall.SIGKILL)
			} else {
				signalPID(t, d.cmd.Process.Pid, syscall.SIGKILL)
			}
			time.Sleep(500 * time.Millisecond)
		})
		t.Logf("killed %s: %v, %d uninspected", who, c, e.unmasked.Load())
		if c.lost() > 200 || e.unmasked.Load() == 0 || int(e.unmasked.Load()) == c.sent {
			t.Errorf("killed %s: %v, %d uninspected", who, c, e.unmasked.Load())
		}
		d.ended()
	}
}

// TestBridgeDrops: with absent: drop and no bridge of the kernel nothing crosses without a weir.
func TestBridgeDrops(t *testing.T) {
	l := labtest.NewSegment(t, lab.Topology{}, false)
	dir := newDir(t)
	d := begin(t, l.Router(), dir, bridgePolicy(l.Lab, dir, "outcomes: {absent: drop}\n"))
	d.ready()
	if _, c := probeCrossing(t, l.Lab, 9200, shortly); c.lost() > 0 {
		t.Errorf("inspected: %v", c)
	}
	for _, v6 := range []bool{false, true} {
		mirror(t, l.Lab, l.Server().In.Addr(v6), 7008)
		passes(t, l.Lab, l.Server().In.Addr(v6), 7008, card+"\n", "XXXXXXXXXXXX1111\n")
	}
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if _, err := say(l.Lab, netip.MustParseAddr("203.0.113.20"), 7008, "x"); err == nil {
		t.Error("something crosses without a weir")
	}
}

// TestBridgeGivesWay: workers keep ending, and the kernel's bridge carries what they would; one that stays inspects again.
func TestBridgeGivesWay(t *testing.T) {
	l := labtest.NewSegment(t, lab.Topology{}, false)
	l.KernelBridge(t)
	dir := newDir(t)
	d := begin(t, l.Router(), dir, bridgePolicy(l.Lab, dir, "outcomes: {absent: pass}\n"))
	d.ready()
	d.until("workers that keep ending are given up", 20*time.Second, func() bool {
		s := d.status()
		if s.WorkerPID != 0 && !s.GaveUp {
			_ = syscall.Kill(s.WorkerPID, syscall.SIGKILL)
		}
		return s.GaveUp
	})
	if d.status().Applied || strings.Contains(d.nft(), "weir") {
		t.Error("the gate is shut, and nobody reads")
	}
	e, c := probeCrossing(t, l.Lab, 9300, func(*echoLoad) { time.Sleep(200 * time.Millisecond) })
	if c.lost() > 0 || e.unmasked.Load() == 0 {
		t.Errorf("given up: %v, %d uninspected", c, e.unmasked.Load())
	}
	d.ready()
	d.until("the gate is shut again", 10*time.Second, func() bool { return d.status().Applied })
	if e, c := probeCrossing(t, l.Lab, 9301, shortly); e.unmasked.Load() > 0 || c.lost() > 0 || c.duplicates > 0 {
		t.Errorf("again: %v, %d uninspected", c, e.unmasked.Load())
	}
}

// TestBridgeOutlivesItsInterface: one that is deleted is left to the kernel at once, and one that comes in its place is inspected, with no
// frame read from the dead. With absent: drop nothing crosses between.
func TestBridgeOutlivesItsInterface(t *testing.T) {
	for _, absent := range []string{"pass", "drop"} {
		t.Run(absent, func(t *testing.T) {
			l := labtest.NewSegment(t, lab.Topology{}, false)
			if absent == "pass" {
				l.KernelBridge(t)
			}
			dir := newDir(t)
			d := begin(t, l.Router(), dir, bridgePolicy(l.Lab, dir, "outcomes: {absent: "+absent+"}\n"))
			d.ready()
			mirror(t, l.Lab, l.Server().In.V4, 7009)
			passes(t, l.Lab, l.Server().In.V4, 7009, card+"\n", "XXXXXXXXXXXX1111\n")
			for round := range 2 {
				l.Unplug(t)
				d.until("the worker on dead sockets is gone", 5*time.Second, func() bool { return !d.status().Ready })
				d.until("the status says why", 5*time.Second, func() bool {
					down := strings.Join(d.status().Load.Down, " ")
					return strings.Contains(down, l.Router().Out.Interface)
				})
				if absent == "pass" && (d.status().Applied || strings.Contains(d.nft(), "weir")) {
					t.Errorf("round %d: the gate is shut, and nobody reads", round)
				}
				l.Plug(t, absent == "pass")
				d.until("a worker reads from the new one", 10*time.Second, func() bool { s := d.status(); return s.Ready && s.Applied })
				d.until("frames are inspected again", 10*time.Second, func() bool {
					got, err := say(l.Lab, l.Server().In.V4, 7009, card)
					return err == nil && got == "XXXXXXXXXXXX1111"
				})
				if s := d.status(); len(s.Load.Down) > 0 || s.Restarts != round+1 {
					t.Errorf("round %d: %d restarts, down %v", round, s.Restarts, s.Load.Down)
				}
			}
			d.wrote("sockets-renewed")
			if _, err := d.ask(holder.Reload); err != nil || strings.Contains(d.log(), "while the queue is full") {
				t.Errorf("reload: %v, or it wants of a bridge what that cannot do", err)
			}
			if err := d.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if strings.Contains(d.nft(), "weir") {
				t.Errorf("left behind:\n%s", d.nft())
			}
		})
	}
}

// TestBridgeSendsNothingStale: a worker that was stopped when the holder was killed has a ring full of frames that the kernel's bridge has carried
// since. As it wakes, it sends none of them.
func TestBridgeSendsNothingStale(t *testing.T) {
	l := labtest.NewSegment(t, lab.Topology{}, false)
	l.KernelBridge(t)
	dir := newDir(t)
	d := begin(t, l.Router(), dir, bridgePolicy(l.Lab, dir, "outcomes: {absent: pass}\n"))
	s := d.ready()
	e, c := probeCrossing(t, l.Lab, 9400, func(*echoLoad) {
		time.Sleep(100 * time.Millisecond)
		signalPID(t, s.WorkerPID, syscall.SIGSTOP)
		time.Sleep(50 * time.Millisecond)
		signalPID(t, d.cmd.Process.Pid, syscall.SIGKILL)
		time.Sleep(400 * time.Millisecond)
		signalPID(t, s.WorkerPID, syscall.SIGCONT)
		time.Sleep(100 * time.Millisecond)
	})
	t.Logf("%v, %d uninspected", c, e.unmasked.Load())
	if e.unmasked.Load() == 0 || c.duplicates > 0 {
		t.Errorf("%v, %d uninspected", c, e.unmasked.Load())
	}
	d.ended()
}
