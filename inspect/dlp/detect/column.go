package detect

import (
	"bytes"
	"math"
)

// This file looks for secrets in the columns of a table that are called as secrets are: nothing in front of them shows them but the header line.

// noField is where the next field is that is to be looked at if there is none.
const noField = math.MaxInt

// A column of a table is of secrets if its bit is set. Bit n is that of the n-th column.
type secretColumns [randoms + 1]uint64

func (c *secretColumns) none() bool { return c[passwords]|c[randoms] == 0 }

// trustOf returns what the name of a column promises; ok is false if it is not that of secrets. All names that it knows hold a literal which leads to
// assignedAt, so that a scanner sees them where they stand in its text.
func trustOf(name []byte) (t trust, ok bool) {
	var lowered [maxTitle]byte
	n := copy(lowered[:], name)
	l := lowered[:n]
	for k := range l {
		l[k] = lower(l[k])
	}
	for t, words := range secretNames {
		for _, word := range words {
			k := bytes.Index(l, []byte(word))
			if k < 0 || word == "s\u0142o" && !bytes.HasSuffix(l[:k], []byte("ha")) {
				continue
			}
			rest := l[k+len(word):]
			return trust(t), len(rest) <= maxName && !harmless(rest) && !disowned(name)
		}
	}
	return 0, false
}

// disowned says whether in the name of a column a word stands that says that what is there is no secret.
func disowned(name []byte) bool {
	var w words
	w.find(name)
	for _, h := range w.hits[:w.n] {
		if word := &vocabulary[h.word]; (word.lowers | word.madeUp).has(Secret) {
			return true
		}
	}
	return false
}

// A walk is how far the fields of a table have been looked for.
type walk struct {
	off int // in the text
	at  position
}

// seekFields has the fields be looked for that lie in columns of secrets, from the begin of the text on or behind the header line in it.
func (s *Scanner) seekFields() {
	if s.given == nil || s.given.stage == noTable && !s.cell.begun || s.sought || s.set.kinds&secretKinds == 0 {
		return
	}
	c := s.begunCell()
	if c.table.stage == inHeader && !s.behindHeader(len(s.text)) {
		return
	}
	s.sought = true
	if c.table.stage == inRecords && !c.table.secrets.none() {
		s.walk = walk{c.first, c.table.at}
		s.field = s.seekField(c.table.begins(s.walk.at))
	}
}

// begins says whether a field begins at p.
func (t *Table) begins(p position) bool {
	switch t.shape {
	case tuples:
		return p.length == p.field && p.depth == 1 && p.quote == 0
	case markedUp:
		return p.length == p.field && p.column >= 0
	}
	return p.length == p.field && !p.quoted
}

// seekField returns where the next field begins that is to be looked at, at the walk or behind it; begins says whether one begins there.
func (s *Scanner) seekField(begins bool) int {
	t, w := &s.cell.table, &s.walk
	mask := t.secrets[passwords] | t.secrets[randoms]
	for ; w.off < len(s.text); w.off++ {
		if begins && w.at.column < maxColumns && mask>>w.at.column&1 != 0 && w.at.length <= maxRecord {
			return w.off
		}
		begins = t.step(&w.at, s.text[w.off])
	}
	return noField
}

// lookAtField looks at the next field.
func (s *Scanner) lookAtField() {
	i := s.field
	if i >= s.at {
		s.at = i
		s.look(fieldAt, i, secretKinds)
	}
	begins := s.cell.table.step(&s.walk.at, s.text[i])
	s.walk.off++
	s.field = s.seekField(begins)
}

// fieldAt looks for a value in the field that begins at i.
func fieldAt(s *Scanner, i int) {
	t := passwords
	if s.cell.table.secrets[randoms]>>s.walk.at.column&1 != 0 {
		t = randoms
	}
	stop := s.cell.table.stop()
	at := s.quote(s.run(i, maxSpaces, onlySpace))
	end := s.until(at, stop)
	behind := s.run(s.quote(end), maxSpaces, onlySpace)
	if c := s.byteAt(behind); s.short || c != stop && c != ')' && c != '\r' && c != '\n' && c != 0 || end-at > maxSecret {
		return
	}
	s.proposeAssigned(i, at, end, true, t)
}

// stop is what ends a field.
func (t *Table) stop() byte {
	switch t.shape {
	case tuples:
		return ','
	case markedUp:
		return '<'
	}
	return t.sep
}

// onlySpace is a space, which stands between no fields.
var onlySpace = classWhere(func(c byte) bool { return c == ' ' })
