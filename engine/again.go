package engine

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
)

// This file has parsers go on that have more to do with what they were fed than a lane does at a time: a few bytes of a
// body that is coded can be a lot of text. Each has one turn, then the packets that have come meanwhile have theirs.

// goOnLater has the session's parser be fed again when others have had their turn.
func (l *Lane) goOnLater(ss *session, dir flow.Direction) {
	if ss.again == 0 {
		l.again = append(l.again, ss.timer.Index)
	}
	ss.again |= 1 << dir
}

// goOn gives a turn to the session that has waited for one longest.
func (l *Lane) goOn() {
	for len(l.again) > 0 {
		ss := l.sessions.list[l.again[0]]
		l.again = l.again[:copy(l.again, l.again[1:])]
		if ss.again == 0 { // it was closed meanwhile
			continue
		}
		dirs := ss.again
		ss.again = 0
		saved := l.cx
		for dir := range flow.Direction(2) {
			if dirs&(1<<dir) != 0 && ss.flow != nil && !l.goOnWith(ss, dir) {
				break
			}
		}
		l.cx = saved
		l.flush()
		return
	}
}

// goOnWith reads on, and releases what is decided then. It reports false if the session is closed.
func (l *Lane) goOnWith(ss *session, dir flow.Direction) (open bool) {
	defer l.containTurn(ss.flow)
	end := ss.conn.Ended(dir)
	l.lookAgain(ss, dir, end, false)
	if !ss.flow.Verdict.Final() {
		if why := ss.conn.Decide(dir, end && ss.again&(1<<dir) == 0); why != "" {
			l.anomaly(inspect.LayerStream, why, l.outcomes.Limit)
		}
		l.drainRead(ss, dir)
		l.drain(ss, dir)
	}
	l.endSession(ss)
	return ss.flow != nil
}
