package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/flow"
)

// A scenario is what a seed stands for.
type scenario struct {
	rand    *rand.Rand
	v6      bool
	habits  [2]habits
	scripts [2][]Act
	data    [2][]byte
	editor  editor
	resizes bool
	limits  engine.Limits
	queue   int
	batch   int
	plot    string
	links   string
	hops    [hops]hop
	narrow  int
	linger  time.Duration
	aborts  bool
	bad     bool
	deaths  []time.Duration // of Weir
}

func newScenario(r *rand.Rand, kills bool) *scenario {
	s := &scenario{rand: r, v6: chance(r, 40), queue: 4096, batch: pick(r, 1, 2, 8, 32), resizes: chance(r, 80)}
	for i := range s.habits {
		s.habits[i] = someHabits(r)
	}
	if !kills && chance(r, 25) {
		s.bad = true
		s.habits[r.IntN(2)].misbehave(r)
	}
	s.chooseLinks()
	s.chooseRules()
	s.chooseLimits()
	s.choosePlot()
	if kills || !s.bad && chance(r, 20) {
		s.chooseDeaths()
	}
	return s
}

// chooseDeaths has Weir be killed a few times, mostly early.
func (s *scenario) chooseDeaths() {
	at := time.Second
	for range 1 + s.rand.IntN(4) {
		at += time.Duration(s.rand.Int64N(int64(pick(s.rand, 20*time.Millisecond, 300*time.Millisecond, 3*time.Second))))
		s.deaths = append(s.deaths, at)
	}
	s.editor.dies = true
	u := &s.editor.rules[0]
	u.with = u.with[:min(len(u.with), 40)] // what grows by more follows slowly where the copy of it is lost
	s.editor.rules[1] = s.editor.rules[0]  // who meets a connection in its middle cannot know which end has called
}

// apply makes the network that of the scenario.
func (s *scenario) apply(n *network) {
	n.path = &paths[b2i(s.v6)]
	for i := range s.habits {
		h := &s.habits[i]
		if s.v6 && h.mss == 1460 {
			h.mss = 1440
		}
		n.ends[i].begin(n, i, *h, s.scripts[i], s.data[i])
	}
	n.hops, n.narrow, n.linger, n.merge = s.hops, s.narrow, s.linger, s.linger > 0 && chance(s.rand, 50)
	n.trust = !s.habits[0].misbehaves() && !s.habits[1].misbehaves() && s.habits[0].fakes+s.habits[1].fakes == 0
}

func (s *scenario) chooseLinks() {
	r := s.rand
	loss := pick(r, 0, 0, 1, 3, 8, 15)
	reorder := pick(r, 0, 0, 5, 30)
	s.links = fmt.Sprintf("loss %d %%, reordering %d %%", loss, reorder)
	for i := range s.hops {
		s.hops[i] = hop{
			delay: time.Duration(pick(r, 100, 1000, 10000, 50000)) * time.Microsecond,
			loss:  loss, reorder: reorder, twice: pick(r, 0, 0, 0, 5),
		}
		s.hops[i].jitter = s.hops[i].delay * 3
	}
	s.linger = pick(r, 0, 0, 500*time.Microsecond, 5*time.Millisecond)
	if chance(r, 10) {
		s.narrow = pick(r, 1300, 1300, 1384, 1420, 1480, 1492)
	}
}

func (s *scenario) chooseRules() {
	r := s.rand
	for i := range s.editor.rules {
		u := &s.editor.rules[i]
		u.word = pick(r, "needle", "needle", "needle", "ne", "e", "")
		u.with = pick(r, "", "X", "needle", "NEEDLE", "a much longer word", "n", "needles", "needleneedle")
		if u.word == "needle" && chance(r, 5) {
			u.with = string(text(r, 1+r.IntN(400), 0))
		}
		if min(s.habits[0].room, s.habits[1].room) < 2000 {
			u.with = u.with[:min(len(u.with), 40)] // more would go through such a window for longer than anybody waits
		}
		u.insert = chance(r, 15)
		u.lines = chance(r, 5)
	}
}

func (s *scenario) chooseLimits() {
	s.limits = engine.Limits{
		Hold: pick(s.rand, 5*time.Second, 5*time.Second, 100*time.Millisecond, 5*time.Millisecond),
		// A FIN that is repeated after more than the usual 10 s, because all between were lost, meets nobody who
		// knows its connection.
		Flow: flow.Limits{TCP: [3]time.Duration{time.Minute, time.Hour, 2 * time.Minute}},
		Gap:  pick(s.rand, 30*time.Second, 30*time.Second, 2*time.Second),
	}
	if s.editor.rules[0].lines || s.editor.rules[1].lines || min(s.habits[0].room, s.habits[1].room) < 2000 {
		// A sender whose window is one segment sends no second one before the first has passed.
		s.limits.Hold = min(s.limits.Hold, 100*time.Millisecond)
	}
}

// text is of letters of which words are made, and of needles percent words.
func text(r *rand.Rand, n, needles int) []byte {
	var b []byte
	for len(b) < n {
		if r.IntN(100) < needles {
			b = append(b, "needle"...)
		} else {
			b = append(b, "ned lx"[r.IntN(6)])
		}
	}
	return b
}

// say has end who write a line.
func (s *scenario) say(who, n int) {
	line := append(text(s.rand, n, pick(s.rand, 0, 3, 15)), '\n')
	s.data[who] = append(s.data[who], line...)
	s.do(who, OpWrite, len(line))
}

func (s *scenario) do(who int, o Op, n int) { s.scripts[who] = append(s.scripts[who], Act{o, n}) }

// size is how much is said at a time: mostly little, bounded by what small segments make of it.
func (s *scenario) size() int {
	r := s.rand
	most := 40 * min(s.habits[0].mss, s.habits[1].mss)
	if s.habits[0].cutAnyhow || s.habits[1].cutAnyhow || min(s.habits[0].room, s.habits[1].room) < 2000 {
		most /= 4
	}
	return r.IntN(min(pick(r, 10, 100, 1000, 3000, 3000, 20000), most))
}

func (s *scenario) choosePlot() {
	r := s.rand
	switch r.IntN(10) {
	case 0, 1, 2:
		s.plot = "both talk"
		for who := range 2 {
			for range 1 + r.IntN(3) {
				s.say(who, s.size())
				s.maybeSleep(who)
			}
			if chance(r, 30) {
				s.do(who, OpEnd, 0)
			}
		}
		s.unlock()
	case 3, 4:
		s.plot = "an upload"
		s.say(0, s.size())
		s.do(1, OpEnd, 0)
		if chance(r, 50) {
			s.say(1, s.size()/4)
		}
	case 5:
		s.plot = "a download"
		s.say(0, r.IntN(200))
		s.do(1, OpLines, 1)
		s.say(1, s.size())
	case 6, 7, 8:
		s.plot = "questions and answers"
		for i := range 1 + r.IntN(6) {
			s.say(0, s.size()/4)
			s.do(1, OpLines, i+1)
			s.say(1, s.size()/4)
			s.do(0, OpLines, i+1)
			s.maybeSleep(0)
		}
	case 9:
		s.plot = "one gives up"
		s.aborts = true
		for who := range 2 {
			s.say(who, s.size())
			s.maybeSleep(who)
		}
		s.do(r.IntN(2), OpAbort, 0)
	}
	s.do(0, OpClose, 0)
	s.do(1, OpClose, 0)
}

// unlock has not both wait for the other's end.
func (s *scenario) unlock() {
	waits := func(who int) bool { return s.scripts[who][len(s.scripts[who])-1].Op == OpEnd }
	if waits(0) && waits(1) {
		s.scripts[0] = s.scripts[0][:len(s.scripts[0])-1]
	}
}

func (s *scenario) maybeSleep(who int) {
	if chance(s.rand, 40) {
		s.do(who, OpSleep, 1+s.rand.IntN(pick(s.rand, 10, 300, 4000)))
	}
}

// String tells what is tried.
func (s *scenario) String() string {
	family := "IPv4"
	if s.v6 {
		family = "IPv6"
	}
	return fmt.Sprintf("%s over %s, %s, narrow %d, linger %v, batch %d, hold %v, gap %v, resizes %v, deaths %v\n  client %+v\n  server %+v\n  rules %+v",
		s.plot, family, s.links, s.narrow, s.linger, s.batch, s.limits.Hold, s.limits.Gap, s.resizes, s.deaths, s.habits[0], s.habits[1], s.editor.rules)
}
