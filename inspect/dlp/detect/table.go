package detect

import "bytes"

const (
	maxHeader  = 512  // bytes of a header line with its end
	maxColumns = 64   // of a table
	maxTitle   = 40   // bytes of a column's name
	maxNameOf  = 4    // words of a column's name
	maxRecord  = 4096 // bytes of a record in which columns are counted
	maxSerial  = 4    // digits of a column's name: address2, sha256, fy2024
)

// A Table is what is known of a text as a table: lines of fields with a comma, semicolon, tab or bar between them, of which the first
// names the columns (RFC 4180 §2); or, anywhere in a text, what a statement of SQL or a row of HTML names. The name of a column stands for a word of
// context in front of each of its fields.
//
// The zero Table is that of a text that has not begun. It is a plain value: who copies it has another one.
type Table struct {
	stage   tableStage
	shape   tableShape
	sep     byte // between fields, iff separated
	columns uint8
	named   uint8              // columns that have a name
	n       uint16             // bytes of header
	ends    [maxColumns]uint16 // of the names, in header
	at      position           // behind what was written
	secrets secretColumns      // iff in records
	header  [maxHeader]byte
}

type tableStage uint8

const (
	inHeader tableStage = iota // the first line is not at its end
	inRecords
	noTable
)

// A tableShape is how records are written.
type tableShape uint8

const (
	separated tableShape = iota // lines
	tuples                      // of SQL
	markedUp                    // rows of HTML
)

// A position is a place in a record.
type position struct {
	column  int   // -1 in front of the first
	length  int   // bytes of the record in front of it
	field   int   // of which so many are in front of its field
	quoted  bool  // it lies within quotation marks; of lines
	depth   uint8 // parentheses that are open; of tuples, as what follows
	quote   byte  // that is open
	escaped bool
	tag     uint8 // of markup: how much of a tag stands before it
	over    bool  // the table has ended
}

// Write goes on behind b, the next bytes of the text.
func (t *Table) Write(b []byte) {
	if t.stage == inHeader {
		b = t.readHeader(b)
	}
	if t.stage == inRecords {
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 && t.shape == separated {
			b, t.at = b[i+1:], position{}
		}
		t.at = t.pass(t.at, b)
	}
}

// NoTable is that of a text that does not begin as a table.
func NoTable() Table { return Table{stage: noTable} }

// None says that the text is no table with a header line.
func (t *Table) None() bool { return t.stage == noTable }

// readHeader takes what b has of the header line, and returns what is behind it.
func (t *Table) readHeader(b []byte) []byte {
	if t.n == 0 && len(b) > 0 && b[0] != '\n' && !mayName(b[0]) {
		t.stage = noTable
		return nil
	}
	line := b[:min(len(b), maxHeader-int(t.n))]
	end := bytes.IndexByte(line, '\n')
	if end >= 0 {
		line = line[:end]
	} else if int(t.n)+len(line) == maxHeader {
		t.stage = noTable
		return nil
	}
	t.n += uint16(copy(t.header[t.n:], line))
	if end < 0 {
		return nil
	}
	if t.stage = noTable; t.split() {
		t.stage = inRecords
	}
	return b[end+1:]
}

// mayName says whether the first line of a table may begin with c: a name, a quotation mark, a byte order mark, an empty name.
func mayName(c byte) bool {
	return isLetter(c) || c >= 0x80 || c == '"' || c == '\'' || c == '_' || c == '#' || isSeparator(c)
}

func isSeparator(c byte) bool { return c == ',' || c == ';' || c == '\t' || c == '|' }

// split finds the names in the header line, and says whether there are two or more and all can be names.
func (t *Table) split() bool {
	line := bytes.TrimSuffix(t.header[:t.n], []byte{'\r'})
	t.n = uint16(len(line))
	i := bytes.IndexFunc(line, func(r rune) bool { return r < 0x80 && isSeparator(byte(r)) })
	if i < 0 {
		return false
	}
	t.sep = line[i]
	words := 0
	for at := 0; at <= len(line); t.columns++ {
		if t.columns == maxColumns {
			return false
		}
		end := at + t.field(line[at:])
		t.ends[t.columns] = uint16(end)
		n, ok := nameWords(bare(line[at:end]))
		if !ok {
			return false
		}
		if words = max(words, n); n > 0 {
			t.named++
		}
		at = end + 1
	}
	// A sentence has commas too, and a space behind each.
	if t.named < 2 || words > 1 && bytes.Contains(line, []byte(", ")) {
		return false
	}
	t.findSecrets()
	return true
}

// findSecrets notes which columns are called as secrets are.
func (t *Table) findSecrets() {
	for k := range int(t.columns) {
		name, _ := t.name(position{column: k, depth: 1})
		if trust, ok := trustOf(name); ok {
			t.secrets[trust] |= 1 << k
		}
	}
}

// field is how long the field is that b begins with.
func (t *Table) field(b []byte) int {
	quoted := false
	for i, c := range b {
		if c == '"' {
			quoted = !quoted
		}
		if c == t.sep && !quoted {
			return i
		}
	}
	return len(b)
}

// bare is a name without spaces, quotation marks and a byte order mark around it.
func bare(name []byte) []byte {
	return bytes.Trim(bytes.TrimPrefix(name, []byte("\ufeff")), " \"'`*\t")
}

// nameWords is how many words the name of a column has, and whether it can be one: empty, or a few words, a number at most among them.
func nameWords(name []byte) (words int, ok bool) {
	if len(name) == 0 {
		return 0, true
	}
	if len(name) > maxTitle || !isLetter(name[0]) && name[0] < 0x80 && name[0] != '_' && name[0] != '#' {
		return 0, false
	}
	numbers := 0
	for i, c := range name {
		switch {
		case isDigit(c):
			numbers++
		case !inTitle(c):
			return 0, false
		case c == ' ' && name[i-1] != ' ':
			words++
		}
	}
	return words + 1, numbers <= maxSerial && words < maxNameOf
}

// inTitle says whether c, which is no digit, may stand in the name of a column.
func inTitle(c byte) bool {
	switch c {
	case ' ', '_', '-', '.', '/', '(', ')', '#', '?', '&', '%', '$':
		return true
	}
	return isLetter(c) || c >= 0x80
}

// pass is the position behind b, which stands at p.
func (t *Table) pass(p position, b []byte) position {
	for i, c := range b {
		if t.step(&p, c); p.length > maxRecord && t.shape == separated {
			return t.skip(p, b[i+1:])
		}
	}
	return p
}

// step moves p behind c, and says whether a field begins there.
func (t *Table) step(p *position, c byte) (begins bool) {
	switch t.shape {
	case tuples:
		return p.stepTuple(c)
	case markedUp:
		return p.stepMarkup(c)
	}
	p.length++
	switch {
	case c == '\n':
		*p = position{}
		return true
	case c == '"':
		p.quoted = !p.quoted
	case c == t.sep && !p.quoted && p.column < maxColumns:
		p.column++
		p.field = p.length
		return true
	}
	return false
}

// skip is pass in a record that is too long.
func (t *Table) skip(p position, b []byte) position {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return t.pass(position{}, b[i+1:])
	}
	return p
}

// name is what the column at p is called; ok is false where none is.
func (t *Table) name(p position) (name []byte, ok bool) {
	if p.length > maxRecord || p.column >= int(t.columns) || p.column < 0 || p.over || t.shape == tuples && p.depth == 0 {
		return nil, false
	}
	from := 0
	if p.column > 0 {
		from = int(t.ends[p.column-1]) + 1
	}
	return bare(t.header[from:t.ends[p.column]]), true
}

// Under says of the text that Reset, ResetWithin or Resume began what is known of what stood in front of it, as a table; nil: that it is none. t is borrowed until the
// next of these.
func (s *Scanner) Under(t *Table) {
	s.given = t
	if t != nil && (t.stage == inRecords && !t.secrets.none() || t.stage == inHeader && t.n > 0) {
		s.seekFields()
	}
}

// column is the name of the column in which off lies, and where: ok is false if the text is no table, or off in none of its columns.
func (s *Scanner) column(off int) (name []byte, at position, ok bool) {
	if s.given == nil || s.given.stage == noTable && !s.cell.begun {
		return nil, at, false
	}
	c := s.begunCell()
	if c.table.stage == inHeader && !s.behindHeader(off) || c.table.stage == noTable || off < c.first {
		return nil, at, false
	}
	if !s.backTo(off) {
		return nil, at, false
	}
	if c.off-c.before.off > stride {
		c.before = c.mark
	}
	c.at = c.table.pass(c.at, s.text[c.off:off])
	c.off = off
	name, ok = c.table.name(c.at)
	return name, c.at, ok
}

// begunCell is the cell, which stands where the text begins if nobody has asked yet.
func (s *Scanner) begunCell() *cell {
	c := &s.cell
	if !c.begun {
		*c = cell{begun: true, table: *s.given, mark: mark{0, s.given.at}, before: mark{0, s.given.at}}
	}
	return c
}

// backTo has the cell stand at a place from which off can be reached. It reports false if the record's begin is too far away.
func (s *Scanner) backTo(off int) bool {
	c := &s.cell
	if off >= c.off {
		return true
	}
	if off >= c.before.off {
		c.mark = c.before
		return true
	}
	back := s.text[max(c.first, off-maxRecord-1):off]
	i := bytes.LastIndexByte(back, '\n')
	switch {
	case c.table.shape != separated:
		c.mark = mark{c.first, c.table.at}
	case i >= 0:
		c.mark = mark{off - len(back) + i + 1, position{}}
	case len(back) > maxRecord:
		return false
	default:
		c.mark = mark{c.first, c.table.at}
	}
	c.before = c.mark
	return true
}

// A cell is where the scanner was last asked for a column.
type cell struct {
	begun bool
	table Table // in front of the first record of the text, or of its rest
	first int   // where that begins
	from  int   // and what names its columns, iff in the middle of a text
	mark
	before mark // a place a little before
}

// stride is how far apart the places of a cell are, at least.
const stride = 512

// A mark is an offset in the text, and where in a record it is.
type mark struct {
	off int
	at  position
}

// behindHeader reads the header line, and says whether off lies behind it.
func (s *Scanner) behindHeader(off int) bool {
	c := &s.cell
	end := bytes.IndexByte(s.text[:min(off, maxHeader)], '\n')
	if end < 0 {
		if off >= maxHeader {
			c.table.stage = noTable
		}
		return false
	}
	c.table.Write(s.text[:end+1])
	c.first, c.mark = end+1, mark{end + 1, c.table.at}
	c.before = c.mark
	return c.table.stage == inRecords
}

// compose puts together what stands before a value in a record: the end of the fields before, the name of the column, and what its own field has in front of
// the value; of each as much as there is room for in dst. window is what stands before the value, which stands at that place in the record. Where there are
// but two columns the first may name what stands in the second, and the name of the column is put in front of it.
func (t *Table) compose(dst, window, name []byte, at position) []byte {
	room := cap(dst) - len(name) - len(": ")
	window = window[max(0, len(window)-min(at.length, room)):]
	field := max(0, len(window)-(at.length-at.field))
	if t.named == 2 && t.shape == separated {
		field = 0
	}
	dst = append(append(append(dst, window[:field]...), name...), ": "...)
	return append(dst, window[field:]...)
}
