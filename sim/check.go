package sim

import (
	"bytes"
	"fmt"
)

// report holds what came of a seed against what must hold.
func (n *network) report(seed uint64, s *scenario) Report {
	r := Report{
		Seed: seed, Packets: n.packets, Took: n.now,
	}
	for d := range 2 {
		if e := &n.ends[d]; e.phase == phaseWait {
			e.over(Closed)
		}
		r.Endings[d] = n.ends[d].ending
		r.Bytes += n.ends[d].rcvd
	}
	if n.middle != nil {
		r.Died = n.middle.died
		r.Cut = r.Died > 0 && n.middle.lane.Snapshot().Unsurvived > 0
		n.checkStreams(s, &r)
		n.checkLane(&r)
	} else {
		n.checkAlone(s)
	}
	if !r.Cut {
		n.checkEndings(s)
	}
	r.Problems = n.problems
	if r.Failed() || n.trace != nil {
		r.Story = s.String()
	}
	return r
}

// checkEndings wants both ends to have ended as they would without Weir.
func (n *network) checkEndings(s *scenario) {
	for i := range n.ends {
		e := &n.ends[i]
		fine := e.ending == Closed
		switch {
		case s.aborts:
			fine = fine || e.ending == Aborted || e.ending == Reset || e.silent()
		case n.middle == nil && s.habits[0].fakes+s.habits[1].fakes > 0:
			fine = true // fakes end connections that nobody guards
		}
		if !fine {
			n.problem("%s %v: it has written %d of %d, sent %d, got told of %d, read %d (%d lines), at step %d of %d; next %d, edge %d, window %d, retransmission after %v",
				e.name(), e.ending, e.wrote, len(e.data), e.top, e.una, e.read, e.lines, e.at, len(e.script), e.nxt, e.edge, e.cwnd, e.rto)
		}
	}
}

// checkStreams holds what was read against what was shown, and that against what was written.
func (n *network) checkStreams(s *scenario, r *Report) {
	if s.editor.wrong != "" {
		n.problem("%s", s.editor.wrong)
	}
	r.Strict = true
	for d := range 2 {
		from, to := &n.ends[d], &n.ends[1-d]
		whole := from.ending == Closed && to.ending == Closed
		if n.middle.died > 0 {
			// What was shown to one lane and not released, another was shown again.
			r.Edits += len(s.editor.altered[d])
			if s.editor.late[0] || s.editor.late[1] {
				r.Strict = false
			} else {
				n.compare("what "+to.name()+" read, and what it should", to.in[:to.rcvd], s.editor.rules[d].want(from.data[:from.wrote]), whole)
			}
			continue
		}
		released := s.editor.released(d)
		r.Edits += len(s.editor.altered[d])
		n.compare(fmt.Sprintf("what %s read, and what was released for it", to.name()), to.in[:to.rcvd], released, whole)
		if s.habits[d].misbehaves() {
			r.Strict = false
			continue
		}
		n.compare("what was shown, and what "+from.name()+" wrote", s.editor.shown[d], from.data[:from.wrote], whole)
		if s.editor.late[d] || !whole {
			r.Strict = false
			continue
		}
		n.compare("what was released, and what it should be", released, s.editor.rules[d].want(from.data[:from.wrote]), true)
	}
}

// checkAlone holds what was read against what was written, where nobody changes it on its way.
func (n *network) checkAlone(s *scenario) {
	for d := range 2 {
		from, to := &n.ends[d], &n.ends[1-d]
		if !s.habits[d].misbehaves() {
			whole := from.ending == Closed && to.ending == Closed
			n.compare("what was read, and what "+from.name()+" wrote", to.in[:to.rcvd], from.data[:from.wrote], whole)
		}
	}
}

// compare wants got to be want, or the beginning of it.
func (n *network) compare(what string, got, want []byte, whole bool) {
	if len(got) <= len(want) && bytes.Equal(got, want[:len(got)]) && (!whole || len(got) == len(want)) {
		return
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	n.problem("%s: %d and %d bytes; they differ at %d: %q, %q", what, len(got), len(want), at, around(got, at), around(want, at))
}

func around(b []byte, at int) []byte { return b[min(max(at-5, 0), len(b)):min(at+20, len(b))] }

// checkLane wants everything to be answered, and all memory to be given back.
func (n *network) checkLane(r *Report) {
	m := n.middle
	r.Injected = m.inject
	if err := m.Check(); err != nil && m.ended {
		n.problem("%v", err)
	}
	if m.lane == nil {
		return
	}
	s := m.lane.Snapshot()
	if s.Panics > 0 {
		n.problem("%d panics were contained", s.Panics)
	}
	if s.Streams.Conns != 0 || s.Streams.Bytes != 0 || s.HeldBytes != 0 {
		n.problem("%d connections, %d bytes of streams and %d of packets are left", s.Streams.Conns, s.Streams.Bytes, s.HeldBytes)
	}
}
