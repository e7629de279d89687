package engine

import (
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
	"github.com/weir-project/weir/stream"
)

// This file sends segments of our own on a connection: released bytes that no packet had room for, and
// acknowledgements that have a sender send again what waits here for it.

// A pace is how fast a direction's receiver acknowledges.
type pace struct {
	at    time.Duration // when place was sent; 0 if no round trip is being measured
	place seqnum.Value  // once it is acknowledged, that took a round trip
	rtt   uint32        // microseconds between this host and the receiver; 0 if not known
}

func (m *pace) roundTrip() time.Duration { return time.Duration(m.rtt) * time.Microsecond }

// speak sends what the segment of the given direction, which has just been taken along, gives
// occasion for.
func (l *Lane) speak(ss *session, p *packet.Packet, dir flow.Direction, a stream.Arrival) {
	back := dir.Reverse()
	l.pacing(ss, dir)
	l.pacing(ss, back)
	if ss.conn.Owes(back) {
		l.payOwed(ss, p, back, dir) // the receiver has more room now
	}
	switch {
	case a.Gap:
		l.askAgain(ss, p, dir, dir)
	case a.Action != stream.Leave && ss.conn.Unsure(dir):
		if waiting, _ := ss.conn.Waiting(dir); waiting <= 1 { // for more of them the receiver is asked in time
			l.probe(ss, p, dir)
		}
	}
	if a.BackGap {
		l.askAgain(ss, p, back, dir)
	}
}

// entrance says how segments of our own enter that go the way of dir's. Those that go where no segment has
// come from yet are tracked.
func (ss *session) entrance(dir flow.Direction) divert.Injection {
	if ss.nat&(1<<dir) != 0 {
		return divert.InjectUntracked
	}
	return divert.InjectOut
}

// pacing measures round trips (RFC 6298 §3: one at a time).
func (l *Lane) pacing(ss *session, dir flow.Direction) {
	m := &ss.pace[dir]
	sent, acked := ss.conn.Flight(dir)
	switch {
	case m.at == 0 && sent != acked:
		m.place, m.at = sent, max(l.now, 1)
	case m.at > 0 && m.place.LessEq(acked):
		rtt := l.now - m.at
		if m.rtt > 0 {
			rtt = (7*m.roundTrip() + rtt) / 8
		}
		m.rtt, m.at = uint32(min(max(rtt/time.Microsecond, 1), 1<<31)), 0
	}
}

// maxOwed is how many segments of our own follow one packet. What is left follows the next.
const maxOwed = 64

// payOwed sends the released bytes of dir that packets had no room for. of is a segment of
// direction ofDir.
func (l *Lane) payOwed(ss *session, of *packet.Packet, dir, ofDir flow.Direction) {
	if !l.injects || l.outcomes.Monitor {
		return
	}
	l.flush() // what was decided before leaves before
	for range maxOwed {
		d := ss.conn.Owed(l.scratch.answer[:0], of, dir, ofDir)
		if len(d) == 0 {
			return
		}
		l.remember(ss)
		l.inject(d, of, ss.entrance(dir))
	}
}

// askAgain has the sender of dir's bytes learn what waits here behind a gap, as its receiver would tell
// it. of is a segment of direction ofDir.
func (l *Lane) askAgain(ss *session, of *packet.Packet, dir, ofDir flow.Direction) {
	if !l.injects || l.outcomes.Monitor {
		return
	}
	if ack := ss.conn.Duplicate(l.scratch.answer[:0], of, dir, ofDir, of.TCP().Seq()); len(ack) > 0 {
		l.inject(ack, of, ss.entrance(dir.Reverse()))
	}
}

// probe has the receiver of dir's bytes say where it stands, if that is open. of is a segment of that direction.
func (l *Lane) probe(ss *session, of *packet.Packet, dir flow.Direction) {
	if !l.injects || l.outcomes.Monitor {
		return
	}
	if d := ss.conn.Probe(l.scratch.answer[:0], of, dir); len(d) > 0 {
		l.inject(d, of, ss.entrance(dir))
	}
}

// For how long nothing is asked for while released bytes may still be on their way to the receiver, whose own
// acknowledgements would ask: two round trips.
const (
	askMin = 20 * time.Millisecond
	askMax = time.Second
	asks   = 6 // each after twice the time
)

// watchGap sets when to ask for what is missing.
func (l *Lane) watchGap(ss *session, dir flow.Direction) {
	_, gap := ss.conn.Behind(dir)
	switch {
	case !gap:
		ss.ask[dir], ss.asked[dir] = 0, 0
	case ss.ask[dir] == 0 && ss.asked[dir] < asks && l.injects:
		ss.ask[dir] = l.now + min(max(2*ss.pace[dir].roundTrip(), askMin), askMax)<<ss.asked[dir]
	}
}

// askInTime asks for what has been missing for some time: the sender to send it, and the receiver, where it may have come before
// our time, whether it is missing at all.
func (l *Lane) askInTime(ss *session, dir flow.Direction) {
	ss.ask[dir] = 0
	ss.asked[dir]++
	if i, ok := ss.conn.Behind(dir); ok {
		p := &l.held.list[i].packet
		l.askAgain(ss, p, dir, dir)
		l.probe(ss, p, dir)
	}
}

// A mending is when bytes are sent again of which the sender was told that they have come: it will not send them itself.
type mending struct {
	due   time.Duration // 0: none are missing, or it was tried often enough
	place seqnum.Value  // what the receiver lacks begins there
	tries uint8         // from that place
}

// maxMends is how often it is tried from a place, each time after twice the time. Then it is for the sender, whose own timer runs out.
const (
	maxMends = 8
	mendMax  = 200 * time.Millisecond // the first time
)

// mendings are those of the sessions that have any, which are few.
type mendings map[*session]*[2]mending

// watchPromise returns when to send again what a direction's receiver has not acknowledged; 0 if nothing is.
func (l *Lane) watchPromise(ss *session, dir flow.Direction) time.Duration {
	place, ok := ss.conn.Promised(dir)
	ok = ok && l.injects && !l.outcomes.Monitor
	if !ok && len(l.mends) == 0 {
		return 0
	}
	both := l.mends[ss]
	if both == nil {
		if !ok {
			return 0
		}
		both = new([2]mending)
		l.mends[ss] = both
	}
	m := &both[dir]
	if !ok {
		*m = mending{}
		if *both == [2]mending{} {
			delete(l.mends, ss)
		}
		return 0
	}
	if m.place != place {
		*m = mending{place: place}
	}
	if m.due == 0 && m.tries < maxMends {
		m.due = l.now + min(max(2*ss.pace[dir].roundTrip(), askMin), mendMax)<<m.tries
	}
	return m.due
}

// mendInTime sends again what has not been acknowledged for some time.
func (l *Lane) mendInTime(ss *session, dir flow.Direction) {
	both := l.mends[ss]
	if both == nil || both[dir].due == 0 || l.now < both[dir].due {
		return
	}
	m := &both[dir]
	m.due, m.tries = 0, m.tries+1
	if place, ok := ss.conn.Promised(dir); !ok || place != m.place {
		return
	}
	ss.conn.Remind(dir)
	l.payOwed(ss, l.emptySegment(ss, dir), dir, dir)
}

// emptySegment is one of a direction, where none has come. It is valid until the next one.
func (l *Lane) emptySegment(ss *session, dir flow.Direction) *packet.Packet {
	from, to := ss.flow.Client(), ss.flow.Server()
	if dir == flow.ToClient {
		from, to = to, from
	}
	of := &l.scratch.template
	*of = packet.Packet{}
	of.Set(packet.AppendEmpty(l.scratch.empty[:0], from, to))
	of.Decode()
	return of
}
