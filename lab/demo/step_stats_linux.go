package demo

import (
	"encoding/json"
	"fmt"
	"strings"
)

// showStats has the sums of everything that has passed until now.
func (r *live) showStats() {
	r.screen.title(6, "stats", "Who talked, how much, and what Weir could read of it")
	base, err := r.daemon.lanes()
	if err != nil {
		r.check(false, "%v", err)
		return
	}
	var traffic map[string]int64
	e := r.journal.await(0, patience, func(e *eveEvent) bool {
		if e.Type != "stats" || e.Weir.Name != "traffic" {
			return false
		}
		traffic = nil
		return json.Unmarshal(e.Stats, &traffic) == nil && traffic["total.packets"] >= int64(base.Packets)
	})
	if e == nil {
		r.check(false, "no event has the sums")
		return
	}
	r.screen.row("packets", span{fmt.Sprintf("%d in all, %s; %d flows", traffic["total.packets"], bytesText(traffic["total.bytes"]), traffic["total.flows"]), bold})
	r.screen.row("by protocol", span{byName(traffic, "tcp", "udp", "icmp", "ipv4", "ipv6"), plain})
	r.talkers()
	r.sights()
	now, err := r.daemon.lanes()
	r.check(err == nil && now.Panics == 0 && now.EventsLost == 0, "the worker agrees: %d packets, %d edited, %d dropped; no panic, no event lost", now.Packets, now.Edited, now.Dropped)
	r.check(r.journal.broken == 0, "%d lines of EVE JSON were read, each of them whole", len(r.journal.events))
}

// byName lists packets and bytes of some counters that are not zero.
func byName(counts map[string]int64, names ...string) string {
	var out []string
	for _, n := range names {
		if p := counts[n+".packets"]; p > 0 {
			out = append(out, fmt.Sprintf("%s %d", n, p))
		}
	}
	return strings.Join(out, ", ") + " packets"
}

// talkers sums the bytes of the top talkers of all intervals.
func (r *live) talkers() {
	sum := map[string]int64{}
	for i := range r.journal.events {
		e := &r.journal.events[i]
		if e.Type != "stats" || e.Weir.Name != "top-talkers" {
			continue
		}
		var counts map[string]int64
		if json.Unmarshal(e.Stats, &counts) == nil {
			for who, n := range counts {
				if who != "error" {
					sum[who] += n
				}
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
			var n map[string]int64
			if json.Unmarshal(e.Stats, &n) == nil {
				r.screen.row("flows that ended", span{fmt.Sprintf("%d readable, %d by name only, %d dark", n["readable"], n["name-only"], n["dark"]), plain})
			}
			return
		}
	}
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
