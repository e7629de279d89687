//go:build linux

package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestStatTicks(t *testing.T) {
	for _, c := range []struct {
		stat string
		want int
	}{
		{"7 (weir) S 1 7 7 0 -1 4194560 900 0 3 0 120 34 5 6 20 0 9 0 1000 2000 30", 154},
		{"7 (a b) S (c) R 1 7 7 0 -1 4194560 900 0 3 0 1 2 5 6 20 0 9 0 1000 2000 30", 3},
		{"7 (weir) S 1 7 7 0 -1 4194560 900 0 3 0 120", 0},
		{"", 0},
	} {
		if got := statTicks([]byte(c.stat)); got != c.want {
			t.Errorf("%q: %d ticks, want %d", c.stat, got, c.want)
		}
	}
}

// TestCPUTicksOf burns a known time and finds it, of this process and of whoever is its parent.
func TestCPUTicksOf(t *testing.T) {
	before := cpuTicksOf(os.Getpid())
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && cpuTicksOf(os.Getpid())-before < 5; {
		runtime.Gosched()
	}
	if got := cpuTicksOf(os.Getpid()) - before; got < 5 {
		t.Errorf("%d ticks of two busy seconds", got)
	}
	if whole, own := cpuTicksOf(os.Getppid()), cpuTicksOf(os.Getpid()); whole < own {
		t.Errorf("the parent and all below it have run for %d ticks, we alone for %d", whole, own)
	}
}

func TestReceived(t *testing.T) {
	table := []byte("Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n" +
		"    lo:       0       0    0    0    0     0          0         0        0       0    0\n" +
		"     c:  123456     789    0    0    0     0          0         0   654321     987    0\n")
	if got := received(table, "c"); got != 789 {
		t.Errorf("c received %d packets, want 789", got)
	}
	if got := received(table, "s"); got != 0 {
		t.Errorf("an interface that is not there received %d packets", got)
	}
}
