package engine

import (
	"iter"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// A Journal keeps records by key in memory that outlives the process. Package journal has one.
type Journal interface {
	Put(key, value []byte) bool // false: it has no room, and what was there still is
	Delete(key []byte) bool
	All() iter.Seq2[[]byte, []byte] // views, valid until the next Put or Delete
}

// survivors is what a lane leaves to the one after it, and has from the one before it: the TCP flows
// whose bytes were edited. A record is the key's first byte that says who the client is, and what
// stream.Conn.Save wrote; one without the latter is of a flow that cannot go on.
type survivors struct {
	journal   Journal
	before    map[flow.Key][]byte // of the lane before, until their next packet
	expires   time.Duration       // when those of the lane before are forgotten; 0 until first asked
	successor bool                // a lane before may have released bytes that are on their way
	stopping  bool                // what is known is left to the next lane
	adrift    int                 // records of connections that are only adrift
	key, buf  []byte
}

// noted is what the journal knows of a session.
type noted uint8

const (
	notNoted    noted = iota
	notedEdited       // it cannot go on without its record
	notedAdrift       // it can; see stream.Conn.Adrift
)

// maxAdrift is how many records may be of connections that are only adrift: anybody can make up some.
const maxAdrift = 256

// note notes what the journal knows of the session.
func (s *survivors) note(ss *session, what noted) {
	if ss.noted == notedAdrift {
		s.adrift--
	}
	if ss.noted = what; what == notedAdrift {
		s.adrift++
	}
}

// survivesFor is for how long a flow of the lane before may be silent.
const survivesFor = 15 * time.Minute

// expire forgets the flows of the lane before that are silent.
func (s *survivors) expire(now time.Duration) {
	switch {
	case len(s.before) == 0:
	case s.expires == 0:
		s.expires = now + survivesFor
	case now > s.expires:
		for k := range s.before {
			s.journal.Delete(k.Append(s.key[:0]))
		}
		clear(s.before)
	}
}

func (s *survivors) init(j Journal, successor bool) {
	s.successor = successor
	if s.journal = j; j == nil {
		return
	}
	s.before = make(map[flow.Key][]byte)
	var wrong [][]byte
	for key, value := range j.All() {
		if k, ok := flow.KeyFrom(key); ok && len(value) > 0 {
			s.before[k] = append([]byte(nil), value...)
		} else {
			wrong = append(wrong, append([]byte(nil), key...))
		}
	}
	for _, key := range wrong {
		j.Delete(key)
	}
}

// survivor returns the session of a flow that a lane before this one has edited, or nil. A flow that cannot
// go on gets its final verdict.
func (l *Lane) survivor(f *flow.Flow) *session {
	if len(l.survive.before) == 0 {
		return nil
	}
	value, ok := l.survive.before[f.Key]
	if !ok {
		return nil
	}
	delete(l.survive.before, f.Key)
	conn := l.sessions.pool.Restore(value[1:], l.mode(), value[0] != clientSide(f))
	if conn == nil {
		l.survive.journal.Delete(f.Key.Append(l.survive.key[:0]))
		if l.outcomes.Monitor {
			return nil
		}
		l.counters.Unsurvived++
		l.mention(inspect.LayerStream, "stream-state-lost", packet.Reject)
		f.Verdict, f.Reason = packet.Reject, "stream-state-lost"
		return nil
	}
	l.counters.Survived++
	ss := l.sessions.open(f, conn)
	l.survive.note(ss, notedEdited)
	l.note = event.Event{Kind: event.KindAnomaly, Severity: event.Low, Author: inspect.LayerStream.String(), Name: "stream-resumed", Reason: "stream-resumed"}
	l.tell(&l.note)
	return ss
}

// clientSide says which end of its key a flow's client is.
func clientSide(f *flow.Flow) byte {
	if a, _ := f.Key.Endpoints(); a == f.Client() {
		return 'a'
	}
	return 'b'
}

// remember has the journal know of a session whose bytes were edited, before the packet that shows it
// leaves.
func (l *Lane) remember(ss *session) {
	s := &l.survive
	if s.journal == nil || ss == nil || !ss.conn.Unsaved() && ss.noted == notNoted {
		return
	}
	what := notedEdited
	if !ss.conn.Edited() {
		what = notedAdrift
		if !ss.conn.Adrift() || ss.noted != notedAdrift && s.adrift >= maxAdrift {
			l.forget(ss)
			return
		}
	}
	if !ss.conn.Unsaved() {
		return
	}
	s.key = ss.flow.Key.Append(s.key[:0])
	var ok bool
	whole := !reframes(ss)
	if s.buf, ok = ss.conn.Save(append(s.buf[:0], clientSide(ss.flow))); ok && whole {
		ok = s.journal.Put(s.key, s.buf)
	}
	if !ok || !whole {
		l.counters.Unsaved += b2u(!ok)
		if ok = s.journal.Put(s.key, s.buf[:1]); !ok {
			l.mention(inspect.LayerStream, "journal-full", packet.Pass)
		}
	}
	if ok {
		s.note(ss, what)
	}
}

// reframes reports whether the session's parser is in the midst of a message that it frames anew. The lane after this one could
// not go on with that.
func reframes(ss *session) bool {
	r, ok := ss.parser.(proto.Reframer)
	return ok && r.Reframes()
}

// forget has the journal forget a session.
func (l *Lane) forget(ss *session) {
	if ss.noted != notNoted && !l.survive.stopping {
		l.survive.key = ss.flow.Key.Append(l.survive.key[:0])
		l.survive.journal.Delete(l.survive.key)
		l.survive.note(ss, notNoted)
	}
}
