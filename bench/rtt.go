//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	rttPort  = 5003
	rttPause = time.Millisecond      // between two pings: the router falls asleep
	rttLost  = 50 * time.Millisecond // what has not come by then never comes; it counts as this long
	rttWarm  = 50                    // pings before the ones that count
)

// roundTrips sends a small datagram to the server and back, about a thousand times in a second, and returns
// the median and the 99th percentile of the times in µs. One thread holds the sockets of both ends and polls
// them, so that of all programs only the router's has to be woken.
func (l *lab) roundTrips(t time.Duration) (p50, p99 float64, err error) {
	server := &net.UDPAddr{IP: net.ParseIP(serverAddr), Port: rttPort}
	var client *net.UDPAddr
	near, err := udpIn(l.client, func() (*net.UDPConn, error) {
		c, err := net.DialUDP("udp4", nil, server)
		if err == nil {
			client = c.LocalAddr().(*net.UDPAddr)
		}
		return c, err
	})
	if err != nil {
		return 0, 0, err
	}
	defer near.Close()
	far, err := udpIn(l.server, func() (*net.UDPConn, error) { return net.DialUDP("udp4", server, client) })
	if err != nil {
		return 0, 0, err
	}
	defer far.Close()
	times := pings(near, far, t)
	if back, _ := slices.BinarySearch(times, rttLost); 20*back < 19*len(times) {
		return 0, 0, fmt.Errorf("%d of %d pings did not come back", len(times)-back, len(times))
	}
	return micros(percentile(times, 50)), micros(percentile(times, 99)), nil
}

// pings returns the round trips of the time t, shortest first.
func pings(near, far *os.File, t time.Duration) []time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	a, b := int(near.Fd()), int(far.Fd())
	var times []time.Duration
	var n uint32
	for begin := time.Now(); time.Since(begin) < t || n <= rttWarm; n++ {
		time.Sleep(rttPause)
		d := ping(a, b, n)
		if n >= rttWarm {
			times = append(times, d)
		}
	}
	slices.Sort(times)
	return times
}

// ping sends a numbered datagram from a to b and back.
func ping(a, b int, number uint32) time.Duration {
	begin := time.Now()
	if pass(a, b, number, begin) && pass(b, a, number, begin) {
		return min(time.Since(begin), rttLost)
	}
	return rttLost
}

// pass sends from one socket and polls the other until the same datagram is there. Ones that come late are thrown away.
// Between two looks it yields: the router's program may have been woken on this very CPU, and would wait for a whole slice.
func pass(from, to int, number uint32, begin time.Time) bool {
	var buf [rateSize]byte
	buf[0], buf[1], buf[2], buf[3] = byte(number), byte(number>>8), byte(number>>16), byte(number>>24)
	want := [4]byte(buf[:])
	if err := unix.Send(from, buf[:], 0); err != nil {
		return false
	}
	for time.Since(begin) < rttLost {
		n, _, err := unix.Recvfrom(to, buf[:], unix.MSG_DONTWAIT)
		if err == nil && n == rateSize && [4]byte(buf[:]) == want {
			return true
		}
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
	return false
}

// percentile returns the smallest of the sorted times that p % of them do not exceed (nearest rank).
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
