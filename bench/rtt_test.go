//go:build linux

package main

import (
	"net"
	"testing"
	"time"
)

func TestPercentileIsOfTheNearestRank(t *testing.T) {
	upTo := func(n int) (ds []time.Duration) {
		for i := range n {
			ds = append(ds, time.Duration(i+1))
		}
		return ds
	}
	for _, c := range []struct{ n, p, want int }{
		{0, 50, 0}, {1, 50, 1}, {1, 99, 1}, {2, 50, 1}, {3, 50, 2}, {100, 50, 50}, {100, 99, 99}, {100, 100, 100}, {101, 99, 100}, {1000, 99, 990}, {5, 0, 1},
	} {
		if got := percentile(upTo(c.n), c.p); got != time.Duration(c.want) {
			t.Errorf("percentile %d of 1…%d is %d, want %d", c.p, c.n, got, c.want)
		}
	}
}

// TestPingThrowsAwayWhatComesLate: an answer of an earlier ping is not taken for this one's.
func TestPingThrowsAwayWhatComesLate(t *testing.T) {
	near, far := pair(t)
	if _, err := near.Write(make([]byte, rateSize)); err != nil { // number 0, late
		t.Fatal(err)
	}
	a, err := near.File()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := far.File()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if d := ping(int(a.Fd()), int(b.Fd()), 1); d >= rttLost {
		t.Error("the ping did not come back")
	}
	far.Close()
	b.Close()
	if d := ping(int(a.Fd()), int(a.Fd()), 2); d != rttLost {
		t.Errorf("a ping to nobody took %v, want %v", d, rttLost)
	}
}

// pair returns two sockets connected to each other.
func pair(t *testing.T) (a, b *net.UDPConn) {
	t.Helper()
	local := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	free, err := net.ListenUDP("udp4", local)
	if err != nil {
		t.Fatal(err)
	}
	there := free.LocalAddr().(*net.UDPAddr)
	if a, err = net.DialUDP("udp4", local, there); err != nil {
		t.Fatal(err)
	}
	free.Close()
	if b, err = net.DialUDP("udp4", there, a.LocalAddr().(*net.UDPAddr)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
