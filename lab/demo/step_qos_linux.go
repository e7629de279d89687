package demo

import (
	"fmt"
	"net"
	"time"
)

const (
	voicePackets  = 50
	backupPackets = 800
	backupBytes   = 1000 // payload of each
	backupEvery   = time.Millisecond
	headers4      = 28

	expedited = 46 // DSCP ef
	scavenger = 8  // DSCP cs1

	backupRate  = 1_000_000 / 8 // bytes per second, as in the policy
	backupBurst = 16_000
)

// showQoS has one class marked and another one limited.
func (r *live) showQoS() {
	r.screen.title(5, "qos", "Voice is marked, backup is held to 1 Mbit/s")
	r.showVoice()
	r.screen.blank()
	r.showBackup()
}

func (r *live) showVoice() {
	c, err := r.lab.Client().Dial("udp", net.JoinHostPort(r.server(true), portVoice))
	if err != nil {
		r.fail("%v", err)
		return
	}
	defer c.Close()
	for i := range voicePackets {
		if _, err := fmt.Fprintf(c, "voice frame %02d", i); err != nil {
			r.fail("%v", err)
			return
		}
		time.Sleep(200 * time.Microsecond)
	}
	got := r.internet.voice.Reading()
	for end := time.Now().Add(patience); got.Packets < voicePackets && time.Now().Before(end); got = r.internet.voice.Reading() {
		time.Sleep(5 * time.Millisecond)
	}
	r.screen.row("client sent", span{fmt.Sprintf("%d datagrams of voice to port %s, DSCP ", voicePackets, portVoice), plain}, span{"0 (best effort)", gone})
	r.screen.row("server received", span{fmt.Sprintf("%d datagrams, DSCP ", got.Packets), plain}, span{fmt.Sprintf("%d (expedited forwarding)", commonest(got.DSCP)), fresh})
	r.check(got.Packets == voicePackets && got.DSCP[expedited] == voicePackets, "over %s %d of %d arrived with DSCP %d", family(r.server(true)), got.DSCP[expedited], voicePackets, expedited)
}

func commonest(counts [64]int) int {
	best := 0
	for i, n := range counts {
		if n > counts[best] {
			best = i
		}
	}
	return best
}

func (r *live) showBackup() {
	from := r.journal.now()
	c, err := r.lab.Client().Dial("udp", net.JoinHostPort(r.server(false), portBackup))
	if err != nil {
		r.fail("%v", err)
		return
	}
	defer c.Close()
	payload := make([]byte, backupBytes)
	begin := time.Now()
	for i := range backupPackets {
		if wait := time.Until(begin.Add(time.Duration(i) * backupEvery)); wait > 0 {
			time.Sleep(wait)
		}
		if _, err := c.Write(payload); err != nil {
			r.fail("%v", err)
			return
		}
	}
	took := time.Since(begin)
	// The class's event comes after its packets have gone through.
	var dropped float64
	e := r.journal.await(from, patience, func(e *eveEvent) bool {
		if e.Type != "qos" || e.QoS["class"] != "backup" {
			return false
		}
		n, _ := e.QoS["dropped"].(float64)
		p, _ := e.QoS["packets"].(float64)
		dropped += n
		return p > 0 && n > 0 && r.internet.backup.Reading().Packets+int(dropped) >= backupPackets
	})
	got := r.internet.backup.Reading()
	const onWire = backupBytes + headers4
	took = max(took, got.Last.Sub(begin)) // on a busy machine some are still on their way
	allowed := backupBurst + int(backupRate*took.Seconds())
	r.screen.row("client sent", span{fmt.Sprintf("%d datagrams of %d bytes to port %s in %.2f s: ", backupPackets, backupBytes, portBackup, took.Seconds()), plain},
		span{megabits(backupPackets*onWire, took), gone})
	r.screen.row("server received", span{fmt.Sprintf("%d datagrams, DSCP %d (cs1): ", got.Packets, commonest(got.DSCP)), plain}, span{megabits(got.Packets*onWire, took), fresh})
	if e == nil {
		r.fail("no event says what was dropped")
	} else {
		r.screen.wrapped("event", e.text(), blue)
	}
	r.check(got.DSCP[scavenger] == got.Packets && got.Packets*onWire <= allowed+2*onWire && got.Packets*onWire >= allowed/2,
		"%d kB passed; 1 Mbit/s for %.2f s and a burst of 16 kB allow %d kB", got.Packets*onWire/1000, took.Seconds(), allowed/1000)
	r.check(got.Packets+int(dropped) == backupPackets, "%d received and %.0f dropped make %d: none is missing", got.Packets, dropped, backupPackets)
}

func megabits(bytes int, in time.Duration) string {
	return fmt.Sprintf("%.2f Mbit/s", float64(bytes)*8/1e6/in.Seconds())
}
