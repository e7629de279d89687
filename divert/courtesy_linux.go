package divert

import "runtime"

// courtesy counts waits in a row that keep Go's processor while there is little to do. Go's monitor thread interrupts who has kept one for 10 ms without
// yielding, and the packet that comes then finds nobody who waits for it with the processor in hand. Between two packets it costs nothing to yield at times.
type courtesy int

// yieldEvery is in waits: with two packets a millisecond one in 4 ms.
const yieldEvery = 8

// yield is called before each such wait, when what came is answered.
func (c *courtesy) yield(idle bool) {
	if !idle {
		*c = 0
		return
	}
	if *c++; *c%yieldEvery == 0 {
		runtime.Gosched()
	}
}
