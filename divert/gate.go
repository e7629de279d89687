package divert

import "sync/atomic"

// A gate counts the calls that use a socket's descriptors, so that the last one behind Close closes them: a number that
// somebody still reads from must not be given away.
type gate struct {
	free     func() // closes the descriptors
	users    atomic.Int32
	closed   atomic.Bool
	released atomic.Bool // free was called
}

// enter notes that a call uses the descriptors, and must leave; false after shut.
func (g *gate) enter() bool {
	g.users.Add(1)
	if g.closed.Load() {
		g.leave()
		return false
	}
	return true
}

// leave ends what enter or shut began.
func (g *gate) leave() {
	if g.users.Add(-1) == 0 && g.closed.Load() && !g.released.Swap(true) {
		g.free()
	}
}

// shut has enter refuse from now on, and enters itself; false if it was shut before.
func (g *gate) shut() bool {
	g.users.Add(1) // before it is closed, or the last to leave would close the descriptors under us
	if g.closed.Swap(true) {
		g.leave()
		return false
	}
	return true
}
