package sim

import (
	"flag"
	"slices"
	"testing"
	"time"
)

var (
	oneSeed = flag.Int64("seed", -1, "run this seed alone; with -v, print its packets")
	seeds   = flag.Uint64("seeds", 0, "how many seeds TestSeeds runs; 0: as many as fit its time")
)

// TestSeed replays one seed: go test ./sim -run 'TestSeed$' -seed N -v.
func TestSeed(t *testing.T) {
	seed := uint64(max(*oneSeed, 0))
	var run Runner
	o := Options{}
	if *oneSeed >= 0 && testing.Verbose() {
		o.Trace = func(line string) { t.Log(line) }
	}
	if r := run.Run(seed, o); r.Failed() {
		t.Error(r.String())
	}
}

// failed are the seeds that ever failed, and why. What a seed stands for changes with the scenarios, so some of
// them say something else by now; what they found has its own test where it was found.
var failed = []uint64{
	5332, 5622, 10916, // other bytes sent again while the first copy was held
	468, 1471, 1808, 1855, 1988, // a bare acknowledgement ran ahead of an edit that took bytes away
	9758, 11242, 14251, 16945, 21312, 29267, // a reset that answered an acknowledgement inside an edit
	971784, 1217684, 17588, 19087, // a late SYN, and a fake answer to it, in place of a connection that went on
	7484, 32426, // a fake FIN that a segment of our own made true, or spoke of
	1231900, 1876, 12021, 15848, 59497, 1099476, // resets among edits
	6002997, 6591175, 6574887, 6782063, // where a receiver stands was guessed from an old acknowledgement, or not asked often enough
	6274952,                   // what was released in the middle of a word was released once more, with other bytes
	6351741, 6486963, 6787628, // a bare acknowledgement that a lane met first stood behind what edits then took away
	6176675, 6556299, 5068281, // edits went further than a window whose scale died with the lane
	6809929, // a lane before had told the sender of more room
}

// failedKilled are those that failed with Options.Kills.
var failedKilled = []uint64{
	576135,           // edits went further than the room that the journal knows of
	1616363,          // a bare acknowledgement came before its receiver had said where it is
	3223874, 3519418, // the last byte was taken out, and a probe at its place was at that of the next
	9165059, // what the receiver had ahead was not heeded
	8034849, // the numbers that a receiver was told died with the lane
	2343614, // the last of two acknowledgements of the same place told of more room, to a lane before
	1678098, // of a SYN-ACK that came first, the window was not taken
	850546,  // what was read was sent again, and there had been room for it
}

// TestSeedsThatFailed runs those that failed before.
func TestSeedsThatFailed(t *testing.T) {
	var run Runner
	for i, seeds := range [][]uint64{failed, failedKilled} {
		for _, seed := range seeds {
			if r := run.Run(seed, Options{Kills: i > 0}); r.Failed() {
				t.Error(r.String())
			}
		}
	}
}

// TestSeeds runs seeds one after the other, as many as fit its time.
func TestSeeds(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = 20000
		if testing.Short() {
			n = 1500
		}
	}
	total := Many(0, n, 2, Options{}, nil, func(r Report) { t.Error(r.String()) })
	t.Log(total)
	if total.Failed == 0 && (total.Strict < total.Seeds/2 || total.Edits < total.Seeds || total.Injected == 0 || total.Resets == 0 || total.Died == 0 || total.Cut > total.Died/1000) {
		t.Errorf("the seeds try too little: %v", total)
	}
}

// TestWithoutWeir wants the two ends to do among themselves what is expected of them with Weir between:
// otherwise a failure would say nothing about Weir.
func TestWithoutWeir(t *testing.T) {
	total := Many(0, 20000, 2, Options{Without: true}, nil, func(r Report) { t.Error(r.String()) })
	t.Log(total)
}

// TestSeedsRepeat wants a seed to give the same packets each time, whatever was run before it.
func TestSeedsRepeat(t *testing.T) {
	record := func(run *Runner, seed uint64) (lines []string) {
		run.Run(seed, Options{Trace: func(line string) { lines = append(lines, line) }})
		return lines
	}
	var one Runner
	for seed := range uint64(50) {
		var fresh Runner
		a, b := record(&one, seed), record(&fresh, seed)
		if !slices.Equal(a, b) {
			t.Errorf("seed %d gave %d and %d lines, which differ", seed, len(a), len(b))
		}
	}
}

// TestAgenda takes deeds in the order of their times, and of one moment in the order in which they came.
func TestAgenda(t *testing.T) {
	var a agenda
	a.reset()
	start := a.now
	for i := range 500 {
		a.add(start+time.Duration(i*7919%50), kindApp, 0, uint32(i))
	}
	last := deed{}
	for range 500 {
		d := a.take()
		if !last.before(&d) || a.now != d.at {
			t.Fatalf("%+v came after %+v at %v", d, last, a.now)
		}
		last = d
	}
	if _, ok := a.next(); ok {
		t.Error("something is left")
	}
}
