package http2

// A table is the dynamic table of one direction (RFC 7541 §2.3.2) as the receiver has it: values that were masked are in it as they were
// sent on, of the same length. Its bytes lie in a ring.
type table struct {
	store *store // nil: nothing was put into it yet
	first int    // of entries: the oldest
	n     int    // entries
	at    int    // of bytes: where the next entry's begin
	size  uint32 // as RFC 7541 §4.1 counts: 32 bytes for each entry beside its own
	max   uint32 // as the encoder has said last
	count uint64 // entries that were ever put into it
}

// A place is where an entry's bytes lie: its name's, and then its value's.
type place struct{ off, name, value uint32 }

const (
	entryCost   = 32       // RFC 7541 §4.1
	placeBytes  = 12       // of a place
	defaultSize = 4096     // RFC 9113 §6.5.2
	maxSize     = 64 << 10 // of a table that is followed
)

// resize is for what the encoder says of its table.
func (t *table) resize(max uint32) {
	t.max = max
	t.evict(0)
}

// move has the table lie in other memory, which has room for it.
func (t *table) move(to *store) {
	var old table
	old, t.store, t.first, t.n, t.at, t.size = *t, to, 0, 0, 0, 0
	for i := old.n; i > 0; i-- {
		p := old.entry(i - 1)
		t.place(p.name, p.value)
		off := int(t.entry(0).off)
		for k := range int(p.name + p.value) {
			to.bytes[(off+k)%len(to.bytes)] = old.store.bytes[(int(p.off)+k)%len(old.store.bytes)]
		}
	}
}

// entry returns the i-th newest.
func (t *table) entry(i int) *place {
	return &t.store.entries[(t.first+t.n-1-i)%len(t.store.entries)]
}

// evict takes out the oldest entries until there is room for one more of the given size.
func (t *table) evict(room uint32) {
	for t.n > 0 && t.size+room > t.max {
		p := &t.store.entries[t.first]
		t.size -= p.name + p.value + entryCost
		t.first = (t.first + 1) % len(t.store.entries)
		t.n--
	}
}

// place makes room for an entry.
func (t *table) place(name, value uint32) {
	t.store.entries[(t.first+t.n)%len(t.store.entries)] = place{uint32(t.at), name, value}
	t.at = (t.at + int(name+value)) % len(t.store.bytes)
	t.n++
	t.size += name + value + entryCost
}

// insert puts an entry into the table. One that is larger than the table empties it, and that is no error (RFC 7541 §4.4).
func (t *table) insert(name, value []byte) {
	t.count++
	need := uint32(len(name) + len(value) + entryCost)
	t.evict(need)
	if need > t.max {
		return
	}
	t.place(uint32(len(name)), uint32(len(value)))
	off := int(t.entry(0).off)
	t.copyIn(off, name)
	t.copyIn(off+len(name), value)
}

func (t *table) copyIn(off int, b []byte) {
	ring := t.store.bytes
	off %= len(ring)
	n := copy(ring[off:], b)
	copy(ring, b[n:])
}

// appendName and appendValue append of the i-th newest entry.
func (t *table) appendName(dst []byte, i int) []byte {
	p := t.entry(i)
	return t.append(dst, int(p.off), int(p.name))
}

func (t *table) appendValue(dst []byte, i int) []byte {
	p := t.entry(i)
	return t.append(dst, int(p.off+p.name), int(p.value))
}

func (t *table) append(dst []byte, off, n int) []byte {
	ring := t.store.bytes
	off %= len(ring)
	k := min(n, len(ring)-off)
	return append(append(dst, ring[off:off+k]...), ring[:n-k]...)
}

// alter gives the entry that was the count-th to be put into the table another value of the same length, if it is still there.
func (t *table) alter(count uint64, value []byte) {
	if back := t.count - count; back < uint64(t.n) {
		if p := t.entry(int(back)); int(p.value) == len(value) {
			t.copyIn(int(p.off+p.name), value)
		}
	}
}
