package detect

import "math"

const (
	// ContextBytes is how much of what stands before a text is looked at.
	ContextBytes = 64
	// MaxOpen is the most bytes at the end of a text that may have to wait for what follows: a JWT that has begun,
	// behind one that it may overlap, and a few short values.
	MaxOpen = 2*maxJWT + 4*maxToken
	// Threshold is the score from which a value is reported.
	Threshold = 50
)

// A Match is a value that was found: text[Off:End].
type Match struct {
	Kind     Kind
	Off, End int
	Score    uint8 // Threshold to 100
	Context  bool  // a word of context stood before the value
	Part     bool  // not a value of its own: the private key before it goes on
}

// A Scanner walks over texts, one after the other. It is one lane's; not safe for concurrent use.
type Scanner struct {
	set    *Set
	judge  Judge  // nil: kinds that wait weigh more
	before []byte // borrowed until the next Reset; the last ContextBytes at most
	text   []byte // borrowed until the next Reset
	more   bool

	at      int // what begins before it has been looked at
	block   block
	within  Stretches // nil: look everywhere
	sawKey  bool      // what looks like the begin of a private key
	atHead  bool      // whether the digits with which text begins are still to be looked at
	late    bool      // whether what the byte before text may begin is still to be looked at
	done    bool      // the end has been reached
	key     Carry
	account int // where the last IBAN ended: no number that begins before it is another value
	floor   int // where the last private key ended: nothing that begins before it is a value

	given  *Table // what is known of the text as a table; nil: nothing
	cell   cell
	field  int  // the next field of a column of secrets: see column.go
	sought bool // fields were looked for
	tabled bool // a table began in the text
	walk   walk // to the next one, in the table of the cell

	// While something is looked at:
	from  int  // where it begins
	short bool // text ended before it was clear what it is
	open  int  // the first beginning of what was short
	wait  int  // likewise, of what may be of a kind that waits
	cut   bool // more is undecided than MaxOpen

	fold  fold
	queue queue
	words words
	plain plain
	last  Match
	value [maxToken]byte
}

// Scanner returns a new scanner for s. It is the only thing here that allocates.
func (s *Set) Scanner() *Scanner { return &Scanner{set: s} }

// Reset begins a text that has nothing to do with the last one. before is what stood in front of it, of which the last
// ContextBytes are looked at; more says that the text goes on. Both slices are borrowed until the next Reset.
func (s *Scanner) Reset(before, text []byte, more bool) { s.Resume(Carry{}, before, text, more) }

// Stretches are parts of a text. Within one are no control characters but white space, and of bytes beyond ASCII only those that may be of UTF-8 in two
// or three bytes.
type Stretches interface {
	// Stretch returns the first place at or after i that lies in one; the length of the text if there is none.
	Stretch(i int) int
}

// ResetWithin is Reset for a text of which only what lies in some stretches is of interest, and the end. What is elsewhere this scanner was shown, byte
// for byte, in the text before this one. Values outside may be found or not.
//
// No value but a private key goes beyond the stretch that it begins in, so that none in one stretch overlaps one in another. One that stands in another stretch
// than its name, with a letter or a dash beyond ASCII between, is found as it was written in that text. Where the begin of a key
// has been seen, everything is looked at.
func (s *Scanner) ResetWithin(before, text []byte, more bool, in Stretches) {
	saw := s.sawKey
	s.Reset(before, text, more)
	if s.sawKey = saw; !saw {
		s.within = in
	}
}

// Resume is Reset for a text that goes on: carry is what Carry said after the part before.
func (s *Scanner) Resume(carry Carry, before, text []byte, more bool) {
	s.before, s.text, s.more = before[max(0, len(before)-ContextBytes):], text, more
	s.account = 0
	s.at, s.floor, s.open, s.wait, s.cut, s.done = 0, 0, len(text), len(text), false, false
	s.atHead = len(text) > 0 && isDigit(text[0]) && !isDigit(s.byteAt(-1)) && s.set.kinds&numeric != 0 && !carry.goesOn()
	s.late = len(text) > 0 && s.set.lates[s.byteAt(-1)] && !carry.goesOn()
	s.key, s.sawKey, s.within = carry, carry.goesOn(), nil
	s.block.restart(0)
	s.queue.clear()
	s.words.off, s.words.seen.to = -1, -1
	s.given, s.cell.begun, s.field, s.sought, s.tabled = nil, false, noField, false, false
	s.plain = plain{}
}

// Next moves to the next value and reports whether there is one. Values come in the order of their offsets and do not
// overlap: of two that do, the one that weighs more counts, then the one with the higher score, then the longer, then the earlier.
func (s *Scanner) Next() (Match, bool) {
	for {
		if m, ok := s.settle(); ok {
			s.last = m
			return m, true
		}
		if s.done {
			return Match{}, false
		}
		s.step()
	}
}

// Open returns, after Next has said false, where the undecided begins: text[Open():] is to be shown again with what
// follows. It is len(text) if nothing is undecided, and at most MaxOpen bytes before that.
func (s *Scanner) Open() int { return s.open }

// Wait returns, likewise, where that begins of the undecided which may be a value of a kind that Set.Waiting names. It is not before Open.
func (s *Scanner) Wait() int { return s.wait }

// sure is where the certain ends: every value that begins before it is in the queue. What is near the end of a text
// that goes on is certain only when the end has been seen, since a value that is still open may begin before one that
// is not.
func (s *Scanner) sure() int {
	switch {
	case s.done && !s.more:
		return math.MaxInt
	case s.done:
		return s.open
	case s.more:
		return min(s.at-lookBack, len(s.text)-MaxOpen)
	}
	return s.at - lookBack
}

// lookBack is how far before what shows a value the value may begin.
const lookBack = maxLocal + 2

// step looks at the next place where something may begin.
func (s *Scanner) step() {
	if s.key.goesOn() {
		s.readKey()
		s.block.restart(s.at)
		return
	}
	if s.late {
		s.late = false
		s.lateAt()
		return
	}
	if s.atHead {
		s.atHead = false
		s.look(numberAt, 0, numeric)
		return
	}
	for s.block.starts != 0 || s.block.advance(s.set, s.text, s.within) {
		if s.field != noField && s.field <= s.block.first() {
			s.lookAtField()
			return
		}
		i, digit := s.block.take()
		if digit && s.hopeless(i) {
			continue
		}
		if s.at = i; digit {
			s.look(numberAt, i, numeric)
			return
		}
		s.at++
		s.literalsAt(i, s.set.literalsAt(s.text[i], s.text[i+1]))
		return
	}
	if s.field != noField {
		s.lookAtField()
		return
	}
	s.finish()
}

// literalsAt looks at what begins with one of the literals at i, whose first two bytes are there.
func (s *Scanner) literalsAt(i int, literals []literal) {
	for k := range literals {
		l := &literals[k]
		if third := i + 2; len(l.text) > 2 && third < len(s.text) && s.text[third]|l.third != l.text[2]|l.third {
			continue
		}
		s.from, s.short = i, false
		if s.begins(i, l) {
			l.probe(s, i)
		}
		s.settleShort(l.kinds)
		if s.key.goesOn() {
			return
		}
	}
}

// lastByte looks at what may begin with the last byte of a text that goes on: literals of one byte have begun, others
// may.
func (s *Scanner) lastByte(i int) {
	s.undecide(i, 0)
	if s.set.waitBegin[s.text[i]] {
		s.undecide(i, s.set.waits)
	}
	for _, l := range s.set.literalsAt(s.text[i], 0) { // 0 stands in none, so that these are of one byte
		s.look(l.probe, i, l.kinds)
	}
}

// begins says whether the text at i begins with l, and with what may stand behind l.
func (s *Scanner) begins(i int, l *literal) bool {
	for k := 1; k < len(l.text); k++ {
		c := s.byteAt(i + k)
		if l.fold {
			c = lower(c)
		}
		if c != l.text[k] {
			return false
		}
	}
	end := i + len(l.text)
	return l.next == nil || end >= len(s.text) || l.next.has(s.text[end])
}

// look lets probe look at i, for values of some of these kinds.
func (s *Scanner) look(probe func(*Scanner, int), i int, ks kindSet) {
	s.from, s.short = i, false
	probe(s, i)
	s.settleShort(ks)
}

func (s *Scanner) settleShort(ks kindSet) {
	if s.short {
		s.undecide(s.from, ks)
	}
}

// undecide notes that what begins at off is undecided, and may be of some of these kinds.
func (s *Scanner) undecide(off int, ks kindSet) {
	off = max(off, s.floor)
	if s.tabled && off > s.cell.from && off < s.cell.first {
		off = s.cell.from // what names columns is decided at once
	}
	s.open = min(s.open, off)
	if ks&s.set.waits != 0 {
		s.wait = min(s.wait, off)
	}
}

// finish looks at the end of the text: whether something may have begun that shows itself only in what follows.
func (s *Scanner) finish() {
	s.done = true
	s.at = len(s.text)
	n := len(s.text)
	if !s.more || n == 0 {
		return
	}
	if s.set.ends[s.text[n-1]] {
		s.lastByte(n - 1)
	}
	if s.text[n-1] == '(' && s.set.Has(Phone) {
		s.undecide(n-1, setOf(Phone))
	}
	if s.set.Has(ITCodiceFiscale) {
		s.undecide(s.apart(), setOf(ITCodiceFiscale))
	}
	if s.set.numeric && s.text[n-1] >= 0x80 {
		s.undecide(s.loneBefore(n), numeric)
	}
	s.undecide(s.leads(len(s.text), s.set.tail), 0)
	if s.set.waitTail > 0 {
		s.undecide(s.leads(len(s.text), s.set.waitTail), s.set.waits)
	}
	s.close()
}

// leads is where in front of end those bytes begin, at most max, that may belong to a value which shows itself only later.
func (s *Scanner) leads(end, max int) int {
	i := end
	for i > 0 && end-i < max && isLead(s.text[i-1]) {
		i--
	}
	return i
}

// close moves open so that it lies within no value: what begins before it ends before it.
func (s *Scanner) close() {
	alone := s.open
	for again := true; again; {
		again = false
		for i := s.queue.n - 1; i >= 0; i-- {
			if c := s.queue.at(i); c.End > s.open && c.from < s.open && s.open > s.floor {
				s.undecide(c.from, 0)
				again = true
			}
		}
	}
	for i := range s.queue.n { // what is not reported now, since something before it is open
		if c := s.queue.at(i); c.End > s.open && s.set.waits.has(c.Kind) {
			s.wait = min(s.wait, max(c.Off, s.floor))
		}
	}
	if least := len(s.text) - MaxOpen; s.open < least {
		s.open, s.cut = max(alone, least), true
	}
	s.wait = max(s.wait, s.open)
}

// isLead says whether c may stand before what shows a value and belong to it.
func isLead(c byte) bool { return isAlnum(c) || isLocal(c) }

// byteAt returns the byte at offset i of the text, which may lie before it; 0 where there is none. Behind the end of a
// text that goes on it notes that the text was too short.
func (s *Scanner) byteAt(i int) byte {
	if uint(i) < uint(len(s.text)) {
		return s.text[i]
	}
	return s.outside(i)
}

func (s *Scanner) outside(i int) byte {
	if i >= 0 {
		s.short = s.short || s.more
		return 0
	}
	if i += len(s.before); i >= 0 {
		return s.before[i]
	}
	return 0
}

// run returns the end of the bytes from i on that are in the class, at most max of them.
func (s *Scanner) run(i, max int, in *class) int {
	end := i
	for end-i < max && in.has(s.byteAt(end)) {
		end++
	}
	return end
}
