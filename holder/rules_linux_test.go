package holder_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/holder"
)

// TestFlushedRules is F20: rules that an administrator flushes are back, and an alarm is given,
// within 5 seconds.
func TestFlushedRules(t *testing.T) {
	l := newLab(t)
	d := start(t, l.Router(), "")
	before := d.nft()
	for i, command := range []string{"flush ruleset", "delete table inet weir", "flush chain inet weir forward"} {
		if !strings.Contains(before, "table inet weir") {
			t.Skipf("SKIPPED: this kernel's rules are not in one inet table")
		}
		began := time.Now()
		if out, err := d.node.Command("nft", strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Fatalf("nft %s: %v: %s", command, err, out)
		}
		d.until("the rules are back after "+command, 5*time.Second, func() bool { return d.nft() == before })
		t.Logf("nft %s: mended after %v", command, time.Since(began).Round(time.Millisecond))
		d.told("rules-changed", i+1)
		d.told("rules-restored", i+1)
	}
	if n := d.status().RulesMended; n != 3 {
		t.Errorf("mended %d times, says the status", n)
	}
}

// TestSecondWeir is F21: whoever wants the same queue or the same socket is told who has it.
func TestSecondWeir(t *testing.T) {
	l := newLab(t)
	first := start(t, l.Router(), "")
	before := first.nft()
	for _, c := range []struct {
		name, control, queues string
		want                  []string
	}{
		{"same control socket", first.path("control.sock"), "0-1", []string{fmt.Sprintf("another weir (pid %d)", first.cmd.Process.Pid), "weir stop"}},
		{"same queue", "", "1-2", []string{fmt.Sprintf("another weir (pid %d)", first.cmd.Process.Pid), "weir stop"}},
		{"another queue", "", "7", []string{fmt.Sprintf("another weir (pid %d)", first.cmd.Process.Pid), "weir stop"}},
	} {
		dir := newDir(t)
		var flags []string
		if c.control != "" {
			flags = []string{"--control", c.control}
		}
		second := begin(t, l.Router(), dir, strings.Replace(policyText(dir, ""), "queues: 0-1", "queues: "+c.queues, 1), flags...)
		select {
		case <-second.done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the second weir runs on", c.name)
		}
		if second.err == nil {
			t.Errorf("%s: the second weir ended well", c.name)
		}
		for _, want := range c.want {
			if !strings.Contains(second.log(), want) {
				t.Errorf("%s: %q says nothing of %q", c.name, second.log(), want)
			}
		}
	}
	if first.nft() != before || !first.status().Ready {
		t.Error("the first weir was disturbed")
	}
}

// TestConfirm applies a policy that drops everything over a live connection: nobody confirms, and
// the connection goes on.
func TestConfirm(t *testing.T) {
	l := newLab(t)
	ln, err := l.Server().Listen("tcp4", l.Server().In.V4.String()+":7000")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				buf := make([]byte, 64)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					_, _ = c.Write(buf[:n])
				}
			}()
		}
	}()
	c, err := l.Client().Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := func(within time.Duration) bool {
		_ = c.SetDeadline(time.Now().Add(within))
		if _, err := c.Write([]byte("x")); err != nil {
			return false
		}
		_, err := c.Read(make([]byte, 64))
		return err == nil
	}
	if !answers(time.Second) {
		t.Fatal("the connection does not work before")
	}
	before := ruleset(t, l.Router())
	dir := newDir(t)
	if err := os.WriteFile(dir+"/all.rules", []byte(`drop ip any any -> any any (msg:"all"; sid:1;)`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := begin(t, l.Router(), dir, strings.Replace(policyText(dir, ""), "inspect:", "inspect:\n  ids: {files: [all.rules]}", 1), "--confirm", "2s")
	d.ready()
	if answers(500 * time.Millisecond) {
		t.Error("the policy was to drop everything")
	}
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody confirmed, and weir runs on")
	}
	if d.err != nil {
		t.Errorf("weir ended with %v", d.err)
	}
	if after := ruleset(t, l.Router()); after != before {
		t.Errorf("rules are left:\n%s", after)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 64)); err != nil {
		t.Errorf("the connection does not go on: %v", err)
	}
}

func TestConfirmed(t *testing.T) {
	l := newLab(t)
	d := start(t, l.Router(), "", "--confirm", "2s")
	if s := d.status(); s.ConfirmLeft <= 0 {
		t.Errorf("%v are left to confirm", s.ConfirmLeft)
	}
	if out, err := d.node.Command(program, "confirm", "--control", d.path("control.sock")).CombinedOutput(); err != nil {
		t.Fatalf("weir confirm: %v: %s", err, out)
	}
	if _, err := d.ask(holder.Confirm); err == nil {
		t.Error("confirmed twice")
	}
	time.Sleep(2500 * time.Millisecond) // beyond the deadline, nothing may happen
	if s := d.status(); !s.Applied || s.ConfirmLeft != 0 {
		t.Errorf("after the deadline: %+v", s)
	}
}

// TestStop ends weir under load: nothing is lost, and the router is as it was.
func TestStop(t *testing.T) {
	for _, how := range []string{"SIGTERM", "SIGINT", "weir stop"} {
		t.Run(how, func(t *testing.T) {
			l := newLab(t)
			if out, err := l.Router().Command("nft", "add table ip other; add chain ip other c { type filter hook forward priority 0; }; add rule ip other c ct state new accept").CombinedOutput(); err != nil {
				t.Skipf("SKIPPED: nft: %v: %s", err, out)
			}
			before := ruleset(t, l.Router())
			d := start(t, l.Router(), "")
			echo := newEcho(t, l, 9000, 4000)
			x := startTransfers(t, l, 5)
			echo.start()
			time.Sleep(500 * time.Millisecond)
			s := d.status()
			switch how {
			case "SIGTERM":
				_ = d.stop(syscall.SIGTERM)
			case "SIGINT":
				_ = d.stop(syscall.SIGINT)
			default:
				if _, err := d.ask(holder.Stop); err != nil {
					t.Fatal(err)
				}
				<-d.done
			}
			time.Sleep(200 * time.Millisecond)
			failed, got := x.finish(), echo.finish()
			t.Logf("UDP %v", got)
			if d.err != nil || got.lost() > 0 || len(failed) > 0 {
				t.Errorf("ended with %v; lost: %v; TCP: %v", d.err, got, failed)
			}
			if after := ruleset(t, l.Router()); after != before {
				t.Errorf("rules before:\n%s\nafter:\n%s", before, after)
			}
			if alive(s.WorkerPID) || alive(s.ReporterPID) {
				t.Error("a child is left")
			}
		})
	}
}
