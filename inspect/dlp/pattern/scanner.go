package pattern

import (
	"regexp/syntax"
	"unicode/utf8"
)

// A Scanner finds the matches of a Pattern in texts. It belongs to one goroutine, and allocates nothing once it is made.
type Scanner struct {
	p      *Pattern
	before rune // what stands in front of the text; -1: nothing
	text   []byte
	more   bool
	at     int // where matches are looked for
	open   int

	now, next threads
	stack     []uint32
}

// A thread is a match that began at start and has come to the step pc.
type thread struct {
	pc    uint32
	start int32
}

// threads are at most one for each step, the one that began first.
type threads struct {
	list  []thread
	where []uint32 // by pc: its place in list, if it is there
}

func newThreads(n int) threads {
	return threads{list: make([]thread, 0, n), where: make([]uint32, n)}
}

func (t *threads) has(pc uint32) bool {
	k := t.where[pc]
	return int(k) < len(t.list) && t.list[k].pc == pc
}

func (t *threads) add(th thread) {
	t.where[th.pc] = uint32(len(t.list))
	t.list = append(t.list, th)
}

// Scanner returns a Scanner of the pattern.
func (p *Pattern) Scanner() *Scanner {
	n := len(p.prog.Inst)
	return &Scanner{p: p, now: newThreads(n), next: newThreads(n), stack: make([]uint32, 0, 2*n)}
}

// Reset begins a text: before is what stood in front of it, more says that it goes on.
func (s *Scanner) Reset(before, text []byte, more bool) {
	s.before, s.text, s.more, s.at, s.open = -1, text, more, 0, len(text)
	if len(before) > 0 {
		s.before, _ = utf8.DecodeLastRune(before)
	}
}

// Open is, once Next has said false, where a match may begin that what follows decides about.
func (s *Scanner) Open() int { return s.open }

// Next moves to the next match and reports whether there is one.
func (s *Scanner) Next() (off, end int, ok bool) {
	for s.at < s.open {
		s.now.list, s.next.list = s.now.list[:0], s.next.list[:0]
		off, end, undecided := s.match()
		switch {
		case undecided:
			s.open, s.at = off, s.open
			return 0, 0, false
		case end < 0:
			s.at = s.open
			return 0, 0, false
		}
		s.at = end
		if end-off >= MinBytes {
			return off, end, true
		}
	}
	return 0, 0, false
}

// match finds the next match from at on: [off, end), end negative if there is none. Undecided is one, from off on, if the text goes on.
func (s *Scanner) match() (off, end int, undecided bool) {
	pos, prev := s.at, s.runeBefore(s.at)
	off, end = -1, -1
	for {
		if len(s.next.list) == 0 {
			if end >= 0 {
				return off, end, false
			}
			if pos = s.skip(pos); pos == len(s.text) {
				return off, end, false
			}
			prev = s.runeBefore(pos)
		}
		if pos == len(s.text) && s.more {
			return int(s.next.list[0].start), end, true
		}
		r, width := rune(-1), 0
		if pos < len(s.text) {
			r, width = utf8.DecodeRune(s.text[pos:])
			if s.more && !utf8.FullRune(s.text[pos:]) {
				return s.earliest(pos), end, true
			}
		}
		off, end = s.step(pos, prev, r, width, off, end)
		if pos == len(s.text) {
			return off, end, false
		}
		pos, prev = pos+width, r
	}
}

// earliest is where the earliest match begins that is alive at pos.
func (s *Scanner) earliest(pos int) int {
	if len(s.next.list) > 0 {
		return int(s.next.list[0].start)
	}
	return pos
}

// step takes all threads over the rune r at pos.
func (s *Scanner) step(pos int, prev, r rune, width, off, end int) (int, int) {
	s.now, s.next = s.next, s.now
	came := s.now.list
	s.next.list = s.next.list[:0]
	flags := syntax.EmptyOpContext(prev, r)
	// The closure is made in next's memory, and then taken over the rune.
	for _, t := range came {
		if pos-int(t.start) <= MaxBytes {
			s.follow(t, flags)
		}
	}
	if end < 0 && pos < len(s.text) && s.p.first[s.text[pos]] {
		s.follow(thread{uint32(s.p.prog.Start), int32(pos)}, flags)
	}
	s.now, s.next = s.next, s.now
	s.next.list = s.next.list[:0]
	for _, t := range s.now.list {
		if end >= 0 && int(t.start) > off {
			continue
		}
		in := &s.p.prog.Inst[t.pc]
		switch in.Op {
		case syntax.InstMatch:
			if n := pos - int(t.start); n <= MaxBytes {
				off, end = int(t.start), pos
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if width > 0 && in.MatchRune(r) && !s.next.has(in.Out) {
				s.next.add(thread{in.Out, t.start})
			}
		}
	}
	return off, end
}

// follow adds to next what t comes to without taking a rune.
func (s *Scanner) follow(t thread, flags syntax.EmptyOp) {
	s.stack = append(s.stack[:0], t.pc)
	for len(s.stack) > 0 {
		pc := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		if s.next.has(pc) {
			continue
		}
		s.next.add(thread{pc, t.start})
		switch in := &s.p.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			s.stack = append(s.stack, in.Arg, in.Out)
		case syntax.InstCapture, syntax.InstNop:
			s.stack = append(s.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags == 0 {
				s.stack = append(s.stack, in.Out)
			}
		}
	}
}

// skip returns the next place from pos on at which a match may begin.
func (s *Scanner) skip(pos int) int {
	for pos < len(s.text) && !s.p.first[s.text[pos]] {
		pos++
	}
	return pos
}

// runeBefore is the rune in front of pos.
func (s *Scanner) runeBefore(pos int) rune {
	if pos == 0 {
		return s.before
	}
	r, _ := utf8.DecodeLastRune(s.text[:pos])
	return r
}
