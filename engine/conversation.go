package engine

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// This file hears conversations: messages that lie in several datagrams of a flow. Each datagram is heard before it
// leaves, so a verdict comes in time for the one that completes a message.

// talks is the conversations of a lane.
type talks struct {
	grammars []proto.DatagramGrammar // by index of the lane's grammars; nil for those that are none
	list     []talk
	free     []uint32
	oldest   uint32 // of list, as index plus one; 0 if there is none
	newest   uint32
	audience audience
}

// A talk is the conversation of one flow.
type talk struct {
	conversation proto.Conversation // nil iff the place is free
	flow         *flow.Flow
	speaks       int    // index of its grammar
	older, newer uint32 // as index plus one; 0 if there is none
}

func (t *talks) know(g proto.Grammar) {
	dg, _ := g.(proto.DatagramGrammar)
	t.grammars = append(t.grammars, dg)
}

// of returns the flow's conversation in the given grammar, beginning one if there is none; nil iff the pool is
// exhausted. A flow has one conversation at a time.
func (t *talks) of(f *flow.Flow, speaks int) proto.Conversation {
	if f.Session != 0 {
		if at := &t.list[f.Session-1]; at.speaks == speaks {
			return at.conversation
		}
		t.close(f)
	}
	c := t.grammars[speaks].Converse()
	if c == nil {
		return nil
	}
	if len(t.free) == 0 {
		t.list = append(t.list, talk{})
		t.free = append(t.free, uint32(len(t.list)))
	}
	f.Session = t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.list[f.Session-1] = talk{conversation: c, flow: f, speaks: speaks, older: t.newest}
	if t.newest != 0 {
		t.list[t.newest-1].newer = f.Session
	} else {
		t.oldest = f.Session
	}
	t.newest = f.Session
	return c
}

// close ends the flow's conversation, if there is one.
func (t *talks) close(f *flow.Flow) {
	if f.Session == 0 || f.Key.Proto == packet.TCP {
		return
	}
	at := t.list[f.Session-1]
	if at.older != 0 {
		t.list[at.older-1].newer = at.newer
	} else {
		t.oldest = at.newer
	}
	if at.newer != 0 {
		t.list[at.newer-1].older = at.older
	} else {
		t.newest = at.older
	}
	t.list[f.Session-1] = talk{}
	t.free = append(t.free, f.Session)
	f.Session = 0
	at.conversation.Close()
}

// evict ends the conversation that has gone on for longest, other than f's: its flow is heard no more. An answer comes within
// a round trip, so the one that goes is one that nobody answers, unless there are more new ones in that time than the
// pool has room for.
func (t *talks) evict(f *flow.Flow) bool {
	if t.oldest == 0 || t.oldest == f.Session {
		return false
	}
	old := t.list[t.oldest-1].flow
	t.close(old)
	old.Tries = maxIdle
	return true
}

// An audience is a lane that hears a datagram. It implements proto.Audience.
type audience struct {
	lane     *Lane
	decision inspect.Decision
	shown    bool
}

// Show implements proto.Audience.
func (a *audience) Show(m *field.Message, phase field.Phase) proto.Answer {
	l := a.lane
	a.shown = true
	if !a.decision.Verdict.Final() {
		a.decision = l.showMessage(m, l.cx.Flow, a.decision, phase)
	}
	return proto.Answer{Stop: a.decision.Verdict.Final() || l.cx.Flow.Interest&l.chain.Reads == 0}
}

// maxIdle is how many datagrams of a flow may be recognised in vain, one after the other, before no more
// is tried.
const maxIdle = 64

// maxEvicted is how many conversations go for one datagram, at most.
const maxEvicted = 4

// hear has the flow's conversation hear a datagram that its grammar recognised.
func (l *Lane) hear(datagram []byte, f *flow.Flow, d inspect.Decision) inspect.Decision {
	if f.Interest&l.chain.Reads == 0 || l.chain.Wanted&l.grammars[l.speaks].Fields() == 0 {
		l.talks.close(f)
		return d
	}
	if f.Tries >= maxIdle {
		return graver(d, l.anomaly(inspect.LayerApp, "conversation-tries-exhausted", l.outcomes.Limit))
	}
	c := l.talks.of(f, l.speaks)
	if c == nil {
		return graver(d, l.anomaly(inspect.LayerApp, "conversations-exhausted", l.outcomes.Limit))
	}
	a := &l.talks.audience
	*a = audience{lane: l, decision: d}
	heard := c.Hear(datagram, l.cx.Dir, l.chain.Wanted, a)
	for i := 0; heard.Full && i < maxEvicted && l.talks.evict(f); i++ {
		heard = c.Hear(datagram, l.cx.Dir, l.chain.Wanted, a)
	}
	d = a.decision
	switch {
	case a.shown:
		f.Tries = 0
	case heard.Idle:
		f.Tries++
	}
	if heard.Why != "" && !d.Verdict.Final() {
		outcome := l.outcomeOf(heard.As)
		if heard.Contrary {
			outcome = packet.Drop
		}
		d = graver(d, l.anomaly(inspect.LayerApp, heard.Why, outcome))
	}
	if heard.Over || f.Verdict.Final() || f.Interest&l.chain.Reads == 0 {
		l.talks.close(f)
	}
	return d
}
