package engine

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/wheel"
)

// maxTimers is the number of deadlines that the inspectors of one lane can wait for at a time.
const maxTimers = 1 << 16

// A flowTimer is a deadline that an inspector asked for in a flow. The flow may end before; its
// place may then serve another, which the id tells.
type flowTimer struct {
	wheel.Timer
	flow       *flow.Flow
	flowID     uint64
	arg        uint64
	generation uint32
	author     uint8
}

// timerPool is the inspectors' deadlines.
type timerPool struct {
	list []*flowTimer
	free []uint32
}

// waiting returns how many timers are set.
func (t *timerPool) waiting() int { return len(t.list) - len(t.free) }

// take returns an idle timer; nil if there are maxTimers already.
func (t *timerPool) take() *flowTimer {
	if len(t.free) == 0 {
		if len(t.list) == maxTimers {
			return nil
		}
		i := uint32(len(t.list))
		t.list = append(t.list, &flowTimer{Timer: wheel.Timer{Kind: timerInspect, Index: i}})
		t.free = append(t.free, i)
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	return t.list[i]
}

// timerDue calls the inspector back, if its flow still lives under the same chain.
func (l *Lane) timerDue(i uint32) {
	t := l.timers.list[i]
	l.timers.free = append(l.timers.free, i)
	f := t.flow
	if f.ID != t.flowID || f.Generation != t.generation || t.generation != l.chain.Generation || f.Interest&(1<<t.author) == 0 {
		return
	}
	saved := l.cx
	l.cx.Now, l.cx.Wall = l.now, l.wall
	l.cx.Packet, l.cx.Flow, l.cx.Dir, l.cx.Shown = nil, f, flow.ToServer, nil
	l.callTimer(t)
	l.cx = saved
}

func (l *Lane) callTimer(t *flowTimer) {
	defer l.guard()
	l.call(t.author)
	l.combine(inspect.Decision{}, l.chain.Timer[t.author].InspectTimer(&l.cx, t.arg))
}
