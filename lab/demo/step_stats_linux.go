package demo

import (
	"fmt"
	"time"
)

// showStats has the sums of everything that has passed until now.
func (r *live) showStats() {
	r.screen.title(6, "stats", "Who talked, how much, and what Weir could read of it")
	traffic, worker, from := r.sums()
	if traffic == nil {
		r.fail("no event has the sums of what passed")
		return
	}
	r.screen.row("packets", span{fmt.Sprintf("%d in all, %s; %d flows", traffic["total.packets"], bytesText(traffic["total.bytes"]), traffic["total.flows"]), bold})
	r.screen.row("by protocol", span{byName(traffic, "tcp", "udp", "icmp", "ipv4", "ipv6"), plain})
	r.talkers(from)
	r.sights()
	r.check(worker.Panics == 0 && worker.EventsLost == 0, "the worker counts as many packets, %d of them edited and %d dropped; no panic, no event lost", worker.Edited, worker.Dropped)
	r.check(r.journal.broken == 0, "%d lines of EVE JSON were read, each of them whole", len(r.journal.events))
}

// sums waits until the inspector's sums and the worker's own counters, which come once a second
// each, agree and have the whole transfer. from is the number of the event that comes next.
func (r *live) sums() (traffic map[string]int64, worker lanes, from int) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if worker, err = r.daemon.lanes(); err != nil || worker.Bytes < uint64(r.direct.bulkBytes) {
			continue
		}
		for i := r.journal.now() - 1; i >= 0; i-- {
			if e := &r.journal.events[i]; e.Type == "stats" && e.Weir.Name == "traffic" {
				if n := counts(e); n["total.packets"] == int64(worker.Packets) {
					return n, worker, i + 1
				}
				break
			}
		}
	}
	return nil, worker, 0
}

// talkers sums the bytes of the top talkers of all intervals, up to the one whose event comes after
// event number from.
func (r *live) talkers(from int) {
	last := r.journal.await(from, patience, func(e *eveEvent) bool { return e.Type == "stats" && e.Weir.Name == "top-talkers" })
	if last == nil {
		r.fail("no event says who talked")
		return
	}
	sum := map[string]int64{}
	for i := range r.journal.events {
		e := &r.journal.events[i]
		if e.Type != "stats" || e.Weir.Name != "top-talkers" {
			continue
		}
		for who, n := range counts(e) {
			if who != "error" {
				sum[who] += n
			}
		}
	}
	client, server := r.lab.Client().Out, r.lab.Server().In
	label := "top talkers"
	for _, who := range []struct{ name, addr string }{
		{"client", client.V4.String()}, {"server", server.V4.String()}, {"client", client.V6.String()}, {"server", server.V6.String()},
	} {
		if n := sum[who.addr]; n > 0 {
			r.screen.row(label, span{fmt.Sprintf("%-6s  %-14s %10s", who.name, who.addr, bytesText(n)), plain})
			label = ""
		}
	}
	most := true
	for who, n := range sum {
		most = most && (who == client.V4.String() || n < sum[client.V4.String()])
	}
	r.check(most && sum[client.V4.String()] >= int64(r.direct.bulkBytes), "the client sent most, the %d MiB of the transfer among it", r.direct.bulkBytes>>20)
}

// sights says how much of the flows could be read.
func (r *live) sights() {
	for i := len(r.journal.events) - 1; i >= 0; i-- {
		e := &r.journal.events[i]
		if e.Type == "stats" && e.Weir.Name == "flows" {
			n := counts(e)
			r.screen.row("flows ended", span{fmt.Sprintf("%d readable, %d by name only, %d dark, %d without payload", n["readable"], n["name-only"], n["dark"], n["no-payload"]), plain})
			return
		}
	}
}
