// Package sim is a deterministic network for Weir: two TCP endpoints of its own that follow RFC 9293
// as real stacks do, and can misbehave, links that lose, repeat, reorder and delay, and between them
// a real engine.Lane with an inspector that edits. Everything follows from one seed, and a virtual clock
// drives it: a connection of minutes takes a fraction of a millisecond, and one that fails is
// replayed by its number:
//
//	go run ./sim/cmd/sim -seed N -v
//
// What must hold at the end of each connection:
//
//   - the application at either end has read, byte for byte, what was shown to the inspector with
//     its edits made, and where the sender sends what its application wrote, that is the inspector's
//     function of what was written;
//   - both ends have ended as they would without Weir, within a bounded time;
//   - nobody was told of bytes that were never sent;
//   - each packet was answered once, no packet was too long, none had a wrong checksum;
//   - all memory is given back.
//
// In some seeds Weir is killed a few times; its successor has the journal and asks for the packets again. A connection that
// cannot outlive that is reset, and counted.
//
// It does not model congestion of links, nor fragments.
package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// patience is how long a connection may take, in its own time.
const patience = 20 * time.Minute

// Options are how a seed is run.
type Options struct {
	Trace   func(line string) // each packet at each place, for people; nil: nobody asks
	Without bool              // no Weir between the ends: what the endpoints do among themselves
	Kills   bool              // Weir is killed in every seed; those say something else then than without
	Real    func(Part) Host   // a real host is one of the ends, and all happens in its time; nil: none
}

// A Report is what came of a seed.
type Report struct {
	Seed     uint64
	Story    string   // what was tried
	Problems []string // what did not hold
	Endings  [2]Ending
	Packets  int // that endpoints sent
	Bytes    int // that applications read
	Edits    int
	Injected int
	Died     int           // lanes that were killed
	Cut      bool          // the connection could not outlive one of them, and was reset
	Strict   bool          // what was read was held against what was written
	Took     time.Duration // of virtual time
}

// Failed reports whether something did not hold.
func (r *Report) Failed() bool { return len(r.Problems) > 0 }

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s\n", r.Seed, r.Story)
	fmt.Fprintf(&b, "client %v, server %v; %d packets, %d bytes read, %d edits, %d injected, %v\n",
		r.Endings[0], r.Endings[1], r.Packets, r.Bytes, r.Edits, r.Injected, r.Took.Round(time.Millisecond))
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "FAILED: %s\n", p)
	}
	return b.String()
}

// A Runner runs seeds one after the other, and keeps its memory between them.
type Runner struct {
	net network
}

// Run runs one seed.
func (r *Runner) Run(seed uint64, o Options) Report {
	n := &r.net
	n.reset(o)
	n.rand = rand.New(rand.NewPCG(seed, 0x5eed))
	s := newScenario(n.rand, o.Kills)
	if o.Real != nil {
		s.hasten()
	}
	s.apply(n)
	if o.Real != nil {
		n.replace(n.rand.IntN(2), s, o.Real)
	}
	if o.Without {
		n.alone()
	} else {
		n.between(s)
	}
	n.dismiss()
	return n.report(seed, s)
}
