package dlp

import "github.com/weir-project/weir/inspect/dlp/detect"

// A state is what is remembered of one direction of a flow.
type state struct {
	payload, body memory
	told          int64  // offset in the present body up to which it is decided
	bodies        uint32 // that have begun
}

// A body is what is remembered of one that comes interleaved with others.
type body struct {
	memory
	told   int64  // as in a state
	number uint32 // which of the bodies it is
}

// A memory is what is remembered of a text that comes in parts: what tells a value from a number may stand in another part. The end of
// the text so far lies in the lane's keeper.
type memory struct {
	waiting int32        // bytes at the end of what was shown that are decided with what follows, plus one; 0: not known. Of the payload
	place   uint32       // in the keeper
	taken   uint32       // when the place was taken; 0: the text has no past
	carry   detect.Carry // of the text so far
	next    detect.Carry // of the text with what is looked at now
	settled bool         // what is shown once more was decided as if nothing followed
	looked  uint16       // bytes of what is shown once more that were looked at; detect.MaxOpen is the most
	held    uint16       // and of them, at the end, how many wait
	little  uint8        // how often they were looked at again though little had come
}

// forget is for the begin of another text.
func (m *memory) forget() {
	m.taken, m.carry, m.next, m.settled = 0, detect.Carry{}, detect.Carry{}, false
	m.looked, m.held, m.little = 0, 0, 0
}

// maxKept is how many texts a lane remembers the end of: 64 bytes for each. Who has said nothing while so many others have is
// forgotten; then a word of context that stood in front of a cut does not count.
const maxKept = 8192

// maxTables is how many texts a lane knows the columns of, which are tables: 700 bytes for each.
const maxTables = 512

// A keeper is the ends of the texts that went on last, and what columns those have that are tables.
type keeper struct {
	ends   []ending
	taken  uint32 // places that were taken so far
	tables []tableOf
	next   uint32 // place in tables that is taken next
	begun  detect.Table
	tabled bool // a table began in the middle of what was looked at
}

func newKeeper() keeper {
	return keeper{ends: make([]ending, 0, maxKept), tables: make([]tableOf, 0, maxTables)}
}

type ending struct {
	taken uint32
	table uint32 // place in tables; it counts iff taken is the same there
	n     int32  // bytes at the end of text that are valid
	text  [detect.ContextBytes]byte
}

// A tableOf is a table, and when the place of its text was taken.
type tableOf struct {
	taken uint32
	detect.Table
}

// of returns the end of a text so far; nil if it is not known.
func (k *keeper) of(m *memory) *ending {
	if m.taken == 0 || k.ends[m.place].taken != m.taken {
		return nil
	}
	return &k.ends[m.place]
}

// before is the end of a text so far. View, valid until keep.
func (k *keeper) before(m *memory) []byte {
	e := k.of(m)
	if e == nil {
		return nil
	}
	return e.text[len(e.text)-int(e.n):]
}

// table is what is known of a text as a table; nil if nothing is. Valid until keep.
func (k *keeper) table(m *memory) *detect.Table {
	if m.taken == 0 {
		k.begun = detect.Table{}
		return &k.begun
	}
	e := k.of(m)
	if e == nil || int(e.table) >= len(k.tables) || k.tables[e.table].taken != m.taken {
		return nil
	}
	return &k.tables[e.table].Table
}

// keep remembers the end of a text, which goes on with b.
func (k *keeper) keep(m *memory, b []byte) {
	m.carry = m.next
	if len(b) == 0 {
		return
	}
	t, e := k.table(m), k.of(m)
	if e == nil {
		e = k.take(m)
	}
	k.keepTable(e, t, b)
	e.n = int32(min(int(e.n)+len(b), len(e.text)))
	b = b[max(0, len(b)-len(e.text)):]
	copy(e.text[:], e.text[len(b):])
	copy(e.text[len(e.text)-len(b):], b)
}

// keepTable has the table of a text go on behind b.
func (k *keeper) keepTable(e *ending, t *detect.Table, b []byte) {
	if t == nil && k.tabled {
		k.begun = detect.NoTable()
		t = &k.begun
	}
	if t == nil {
		return
	}
	if k.tabled {
		t.Seek(b)
	} else {
		t.Write(b)
	}
	if t == &k.begun && !t.None() {
		if len(k.tables) < maxTables {
			k.tables = append(k.tables, tableOf{})
		}
		e.table = k.next % maxTables
		k.tables[e.table] = tableOf{e.taken, *t}
		k.next++
	}
}

// take gives a text a place, the one that was taken first.
func (k *keeper) take(m *memory) *ending {
	if len(k.ends) < maxKept {
		k.ends = append(k.ends, ending{})
		m.place = uint32(len(k.ends) - 1)
	} else {
		m.place = k.taken % maxKept
	}
	k.taken++
	k.taken = max(k.taken, 1) // 0 is nobody's
	m.taken = k.taken
	e := &k.ends[m.place]
	e.taken, e.n = m.taken, 0
	return e
}
