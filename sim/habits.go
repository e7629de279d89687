package sim

import (
	"math/rand/v2"
	"time"
)

// habits are what kind of endpoint it is.
type habits struct {
	isn    uint32
	mss    int  // that it announces
	scale  int8 // of its windows; -1: it does not know the option
	sack   bool
	stamps bool

	room       int           // bytes of the receive buffer
	delay      time.Duration // of acknowledgements; 0: none
	nagle      bool
	dsack      bool
	finFree    bool // a FIN needs no window
	probeByte  bool // a shut window is probed with a byte, otherwise with an old place
	strictEdge bool // what lies beyond the window is cut off
	lastWins   bool // of bytes that came twice, out of order
	cutAnyhow  bool // segments of any size
	recut      bool // what is sent again has other boundaries
	keep       time.Duration
	keepByte   bool
	fastOpen   bool // data in the SYN
	urgent     bool

	readMost, readPause int // a slow reader: bytes, milliseconds; 0: reads at once

	// What an endpoint should not do.
	lies    int  // percent of what is sent again has other bytes
	fakes   int  // percent of segments with data follow a fake
	honest  bool // fakes carry the real bytes
	reneges bool // throws away what it has SACKed
	shrinks bool // takes windows back
	exceeds bool // sends beyond the window
	echoes  bool // sends segments twice
}

// misbehaves reports whether the sender may send other bytes than its application wrote.
func (h *habits) misbehaves() bool { return h.lies > 0 || h.fakes > 0 && !h.honest }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// someHabits are those of an endpoint that follows the RFC.
func someHabits(r *rand.Rand) habits {
	h := habits{
		isn: r.Uint32(), mss: pick(r, 1460, 1460, 1400, 536, 700, 200, 88), scale: int8(pick(r, -1, 0, 2, 7)),
		sack: chance(r, 75), stamps: chance(r, 60), room: pick(r, 64000, 8000, 3000, 1000, 400, 20000),
		delay: time.Duration(pick(r, 0, 0, 10, 40, 200)) * time.Millisecond,
		nagle: chance(r, 50), dsack: chance(r, 50), finFree: chance(r, 50), probeByte: chance(r, 50),
		strictEdge: chance(r, 50), lastWins: chance(r, 50), cutAnyhow: chance(r, 30), recut: chance(r, 40),
		fastOpen: chance(r, 10), urgent: chance(r, 5),
	}
	if chance(r, 10) {
		h.isn = -uint32(r.IntN(2000))
	}
	if chance(r, 15) {
		h.readMost, h.readPause = 100+r.IntN(2000), 1+r.IntN(200)
	}
	if chance(r, 10) {
		h.keep, h.keepByte = time.Duration(300+r.IntN(2000))*time.Millisecond, chance(r, 50)
	}
	return h
}

// misbehave adds one or two bad habits.
func (h *habits) misbehave(r *rand.Rand) {
	for range 1 + r.IntN(2) {
		switch r.IntN(7) {
		case 0:
			h.lies, h.recut = 50, true
		case 1:
			h.fakes = 30
		case 2:
			h.fakes, h.honest = 30, true
		case 3:
			h.reneges = true
		case 4:
			h.shrinks = true
		case 5:
			h.exceeds = true
		case 6:
			h.echoes = true
		}
	}
}
