package demo

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"
)

// A tempo is how fast the network is.
type tempo struct {
	median, p99 time.Duration // of a round trip by UDP
	bulk        float64       // bit/s by TCP
	bulkBytes   int
}

const (
	rounds      = 2000
	warmUp      = 100
	bulkBytes   = 64 << 20
	bulkOnTape  = 1 << 20 // while captures run
	pingPayload = 64
)

// measure takes the tempo of the path from client to server.
func (r *live) measure() (t tempo, err error) {
	if t.median, t.p99, err = r.pingPong(); err != nil {
		return t, fmt.Errorf("UDP ping-pong: %w", err)
	}
	t.bulkBytes = bulkBytes
	if r.PcapDir != "" {
		t.bulkBytes = bulkOnTape
	}
	if t.bulk, err = r.transfer(t.bulkBytes); err != nil {
		return t, fmt.Errorf("TCP transfer: %w", err)
	}
	return t, nil
}

func (r *live) pingPong() (median, p99 time.Duration, err error) {
	c, err := r.lab.Client().Dial("udp", net.JoinHostPort(r.server(false), portEcho))
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	buf := make([]byte, pingPayload)
	took := make([]time.Duration, 0, rounds)
	for i := range warmUp + rounds {
		begin := time.Now()
		if _, err := c.Write(buf); err != nil {
			return 0, 0, err
		}
		if _, err := c.Read(buf); err != nil {
			return 0, 0, err
		}
		if i >= warmUp {
			took = append(took, time.Since(begin))
		}
	}
	slices.Sort(took)
	return took[rounds/2], took[rounds*99/100], nil
}

// transfer sends n bytes by TCP, and has the server say how many it read.
func (r *live) transfer(n int) (bitsPerSecond float64, err error) {
	c, err := r.lab.Client().Dial("tcp", net.JoinHostPort(r.server(false), portDiscard))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(4 * patience))
	begin := time.Now()
	piece := make([]byte, 128<<10)
	for left := n; left > 0; {
		m, err := c.Write(piece[:min(left, len(piece))])
		if err != nil {
			return 0, err
		}
		left -= m
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return 0, err
	}
	if got, err := strconv.Atoi(string(answer)); err != nil || got != n {
		return 0, fmt.Errorf("the server read %s of %d bytes", answer, n)
	}
	return float64(n) * 8 / time.Since(begin).Seconds(), nil
}

// showTempo compares the path with and without diversion.
func (r *live) showTempo() {
	r.screen.title(0, "cost", "What the way through user space costs, with all six inspectors")
	before, err := r.daemon.lanes()
	if err != nil {
		r.fail("%v", err)
		return
	}
	t, err := r.measure()
	if err != nil {
		r.fail("%v", err)
		return
	}
	r.tempoRow("", "routed", "diverted", "")
	r.tempoRow("round trip (UDP)", micros(r.direct.median), micros(t.median), fmt.Sprintf("%s added for two packets", micros(t.median-r.direct.median)))
	r.tempoRow("99th percentile", micros(r.direct.p99), micros(t.p99), "")
	r.tempoRow("bulk (TCP)", gigabits(r.direct.bulk), gigabits(t.bulk), fmt.Sprintf("%d MiB, every byte read by the server", t.bulkBytes>>20))
	after := r.settled(before.Packets + 2*(rounds+warmUp))
	r.check(after.Packets >= before.Packets+2*(rounds+warmUp), "none of the %d datagrams went around: %d packets came to the worker meanwhile", 2*(rounds+warmUp), after.Packets-before.Packets)
}

func (r *live) tempoRow(what, direct, diverted, note string) {
	r.screen.row(what, span{fmt.Sprintf("%12s", direct), plain}, span{fmt.Sprintf("%15s", diverted), bold}, span{"   " + note, dim})
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d.Nanoseconds())/1e3) }

func gigabits(perSecond float64) string { return fmt.Sprintf("%.2f Gbit/s", perSecond/1e9) }

// settled waits until the worker's counters, which come once a second, have reached a number of
// packets.
func (r *live) settled(packets uint64) (l lanes) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if l, err = r.daemon.lanes(); err == nil && l.Packets >= packets {
			break
		}
	}
	return l
}
