package detect

import "bytes"

// This file finds tables in the middle of a text, whose columns are named by a statement of SQL or by a row of HTML:
//
//	INSERT INTO users (id, ssn) VALUES (1, '536224587'), …
//	COPY users (id, ssn) FROM stdin;
//	<tr><th>Name</th><th>SSN</th></tr>

const maxStatement = 1024 // bytes of what names the columns

// A reading is how far a text could be read as what names the columns of a table.
type reading uint8

const (
	isNone  reading = iota
	isShort         // the text ends before it is clear
	isTable
)

const (
	insertInto = "insert into "
	copyInto   = "copy "
	headerCell = "<th"
)

// namings are what begins a table in the middle of a text, in lower case.
var namings = [...]string{insertInto, copyInto, headerCell}

// tableLiterals are where namings begin.
func tableLiterals() (all []literal) {
	for _, text := range namings {
		all = append(all, literal{text: text, fold: true, kinds: tabled, probe: tableAt})
	}
	return all
}

// tabled are the kinds of which the name of a column says what they are.
var tabled = numeric | secretKinds

// tableAt looks for a table whose columns are named from i on.
func tableAt(s *Scanner, i int) {
	if s.given == nil || i < s.cell.first && s.cell.begun && s.cell.table.shape == markedUp {
		return
	}
	var t Table
	b := s.text[i:min(len(s.text), i+maxStatement)]
	switch n, r := t.readNaming(b); {
	case r == isShort && s.more && len(b) < maxStatement:
		s.short = true
	case r == isTable:
		s.cell = cell{begun: true, table: t, from: i, first: i + n, mark: mark{i + n, t.at}, before: mark{i + n, t.at}}
		s.tabled, s.sought, s.field = true, false, noField
		s.seekFields()
	}
}

// Tabled says whether in the text a table was found that does not begin it: then what comes next stands under what Table.Seek finds.
func (s *Scanner) Tabled() bool { return s.tabled }

// Seek is Write for bytes in which a table may begin.
func (t *Table) Seek(b []byte) {
	from := 0
	for i := 0; i < len(b); i++ {
		if c := lower(b[i]); c != 'i' && c != 'c' && c != '<' {
			continue
		}
		var other Table
		if n, r := other.readNaming(b[i:min(len(b), i+maxStatement)]); r == isTable {
			*t, from = other, i+n
			i = from - 1
		}
	}
	t.Write(b[from:])
}

// readNaming reads what names the columns of a table, and what b begins with.
func (t *Table) readNaming(b []byte) (n int, r reading) {
	for _, text := range namings {
		k := min(len(b), len(text))
		if !bytes.EqualFold(b[:k], []byte(text[:k])) {
			continue
		}
		if k < len(text) {
			return 0, isShort
		}
		switch text {
		case insertInto:
			n, r = t.readInsert(b)
		case copyInto:
			n, r = t.readCopy(b)
		default:
			n, r = t.readMarkup(b)
		}
		if r == isTable && t.named < 2 {
			return 0, isNone
		}
		t.stage = inRecords
		t.findSecrets()
		return n, r
	}
	return 0, isNone
}

// addName adds the name of a column to the header, and reports whether there is room and it can be one.
func (t *Table) addName(name []byte) bool {
	name = bytes.Trim(bare(name), "[]")
	words, ok := nameWords(name)
	if !ok || t.columns == maxColumns || int(t.n)+len(name)+1 > maxHeader {
		return false
	}
	if words > 0 {
		t.named++
	}
	t.n += uint16(copy(t.header[t.n:], name))
	t.ends[t.columns] = t.n
	t.columns++
	t.n++ // what parts names
	return true
}

// readInsert reads "insert into t (a, b) values".
func (t *Table) readInsert(b []byte) (n int, r reading) {
	t.shape = tuples
	if n, r = t.readList(b, len(insertInto)); r != isTable {
		return n, r
	}
	return follows(b, n, "values")
}

// readCopy reads "copy t (a, b) from stdin;" and the end of the line.
func (t *Table) readCopy(b []byte) (n int, r reading) {
	t.sep = '\t'
	if n, r = t.readList(b, len(copyInto)); r != isTable {
		return n, r
	}
	if n, r = follows(b, n, "from stdin"); r != isTable {
		return n, r
	}
	end := bytes.IndexByte(b[n:], '\n')
	if end < 0 {
		return 0, isShort
	}
	return n + end + 1, isTable
}

// readList reads the name of a table from i on, and the names of its columns in parentheses.
func (t *Table) readList(b []byte, i int) (n int, r reading) {
	for i < len(b) && (isWord(b[i]) || isQuote(b[i]) || inTableName(b[i])) {
		i++
	}
	if i == len(b) {
		return 0, isShort
	}
	if b[i] != '(' {
		return 0, isNone
	}
	for from := i + 1; ; from = i + 1 {
		for i = from; i < len(b) && b[i] != ',' && b[i] != ')'; i++ {
		}
		switch {
		case i == len(b):
			return 0, isShort
		case !t.addName(bytes.TrimSpace(b[from:i])):
			return 0, isNone
		case b[i] == ')':
			return i + 1, isTable
		}
	}
}

// inTableName says whether c may stand in the name of a table besides what stands in words.
func inTableName(c byte) bool { return c == ' ' || c == '.' || c == '`' || c == '[' || c == ']' }

// follows reads spaces from i on and then what, be it in capitals.
func follows(b []byte, i int, what string) (n int, r reading) {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	k := min(len(b)-i, len(what))
	switch {
	case !bytes.EqualFold(b[i:i+k], []byte(what[:k])):
		return 0, isNone
	case k < len(what):
		return 0, isShort
	}
	return i + k, isTable
}

// readMarkup reads a row of header cells of HTML up to its end.
func (t *Table) readMarkup(b []byte) (n int, r reading) {
	t.shape, t.at = markedUp, position{column: -1}
	var name [maxTitle + 1]byte
	k, inName := 0, false
	for i := 0; i < len(b); i++ {
		if b[i] != '<' {
			if inName && k < len(name) {
				k += copy(name[k:], b[i:i+1])
			}
			continue
		}
		end := bytes.IndexByte(b[i:], '>')
		if end < 0 {
			return 0, isShort
		}
		tag := b[i+1 : i+end]
		switch {
		case isTag(tag, "th"):
			inName, k = true, 0
		case isTag(tag, "/th"):
			if !inName || !t.addName(bytes.TrimSpace(name[:k])) {
				return 0, isNone
			}
			inName = false
		case isTag(tag, "/tr"):
			return i + end + 1, isTable
		case isTag(tag, "td"), isTag(tag, "tr"), isTag(tag, "thead"):
			return 0, isNone
		}
		i += end
	}
	return 0, isShort
}

// isTag says whether what stands between < and > is a tag of that name.
func isTag(tag []byte, name string) bool {
	return len(tag) >= len(name) && bytes.EqualFold(tag[:len(name)], []byte(name)) && (len(tag) == len(name) || !isAlnum(tag[len(name)]))
}

// stepTuple moves a position behind c, in the tuples of values, and says whether a value begins there.
func (p *position) stepTuple(c byte) (begins bool) {
	p.length++
	switch {
	case p.over:
	case p.escaped:
		p.escaped = false
	case p.quote != 0:
		if p.escaped = c == '\\'; c == p.quote {
			p.quote = 0 // which another one opens again
		}
	case isQuote(c) || c == '`':
		p.quote = c
	case c == '(':
		if p.depth++; p.depth == 1 {
			*p = position{depth: 1}
			return true
		}
	case c == ')' && p.depth > 0:
		p.depth--
	case c == ',' && p.depth == 1:
		p.column++
		p.field = p.length
		return true
	case p.depth == 0 && (c == ';' || isLetter(c)):
		p.over = true
	}
	return false
}

// Places in a tag of HTML.
const (
	noTag    uint8 = iota
	tagOpen        // behind <
	tagT           // <t
	tagCell        // <td, <th
	tagRow         // <tr
	tagRest        // in what follows <td
	tagClose       // </
	tagTable       // </t
)

// stepMarkup moves a position behind c, in the rows of a table of HTML, and says whether a cell's text begins there.
func (p *position) stepMarkup(c byte) (begins bool) {
	p.length++
	was := p.tag
	p.tag = noTag
	switch l := lower(c); {
	case p.over:
	case c == '<':
		p.tag = tagOpen
	case was == tagOpen && l == 't':
		p.tag = tagT
	case was == tagOpen && c == '/':
		p.tag = tagClose
	case was == tagClose && l == 't':
		p.tag = tagTable
	case was == tagTable && l == 'a':
		p.over = true
	case was == tagT && (l == 'd' || l == 'h'):
		p.tag = tagCell
	case was == tagT && l == 'r':
		p.tag = tagRow
	case was == tagRow && !isAlnum(c):
		*p = position{column: -1}
	case (was == tagCell && !isAlnum(c) || was == tagRest) && c == '>':
		p.column++
		p.field = p.length
		return true
	case was == tagCell && !isAlnum(c), was == tagRest:
		p.tag = tagRest
	}
	return false
}
