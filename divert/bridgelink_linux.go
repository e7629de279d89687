package divert

// An entry is what a bridge keeps of a frame whose packet is not finished: its link header, and where it came from.
type entry struct {
	head
	in      uint8 // port
	open    bool  // not finished
	changed bool  // valid from its verdict on
	foreign bool  // no IP
	ours    bool  // made by Inject
	held    bool  // outlasted its batch; ends are valid
	turns   uint16
	batch   uint32   // the Recv that brought it
	body    []byte   // what follows the link header, padding included; valid in that batch
	whole   []byte   // vnet and frame as they came, if they stand together; valid in that batch
	ends    hostPair // of the datagram
}

const (
	entryBits = 17 // of a token's ID: index of the entry
	chunkBits = 10
	mostLinks = 1<<entryBits - 1
)

// token names the entry's present use.
func (e *entry) token(i uint32) uint32 { return uint32(e.turns)<<entryBits | i }

// hold has the entry outlast its batch.
func (e *entry) hold() {
	e.ends, _ = pairOf(e.body)
	e.body, e.whole, e.held = nil, nil, true
}

// between returns the ends of the datagram; false if they are not known any more.
func (e *entry) between(batch uint32) (hostPair, bool) {
	if e.held {
		return e.ends, true
	}
	if e.batch != batch {
		return hostPair{}, false
	}
	return pairOf(e.body)
}

// A linkPool is entries, which stay where they are. It grows with how many are used at once, up to most.
type linkPool struct {
	chunks []*[1 << chunkBits]entry
	free   []uint32
	used   uint32 // entries that were ever taken
	most   int
}

func (l *linkPool) at(i uint32) *entry { return &l.chunks[i>>chunkBits][i&(1<<chunkBits-1)] }

// take returns an entry that is open.
func (l *linkPool) take() (uint32, bool) {
	i := l.used
	if n := len(l.free); n > 0 {
		i, l.free = l.free[n-1], l.free[:n-1]
	} else {
		if int(i) >= min(l.most, mostLinks) {
			return 0, false
		}
		if int(i)>>chunkBits == len(l.chunks) {
			l.chunks = append(l.chunks, new([1 << chunkBits]entry))
		}
		l.used++
	}
	e := l.at(i)
	e.turns = (e.turns + 1) & (1<<(32-entryBits) - 1)
	e.open, e.changed, e.foreign, e.ours, e.held, e.body, e.whole = true, false, false, false, false, nil, nil
	return i, true
}

// give takes an entry back. What it says stays until it is taken again.
func (l *linkPool) give(i uint32) {
	l.at(i).open = false
	l.free = append(l.free, i)
}

// named returns the entry that a token names, finished or not; nil if it is another's by now, or never was.
func (l *linkPool) named(id uint32) (uint32, *entry) {
	i := id & (1<<entryBits - 1)
	if i >= l.used {
		return 0, nil
	}
	if e := l.at(i); e.token(i) == id {
		return i, e
	}
	return 0, nil
}

// A hostPair is the addresses of a datagram, IPv4 ones in front.
type hostPair struct {
	version  uint8
	src, dst [16]byte
}

func (h hostPair) turned() hostPair { return hostPair{h.version, h.dst, h.src} }

// pairOf reads the addresses; false if b is no datagram.
func pairOf(b []byte) (h hostPair, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		h.version = 4
		copy(h.src[:], b[12:16])
		copy(h.dst[:], b[16:20])
	case len(b) >= 40 && b[0]>>4 == 6:
		h.version = 6
		copy(h.src[:], b[8:24])
		copy(h.dst[:], b[24:40])
	default:
		return h, false
	}
	return h, true
}

// A hostTable remembers the link headers between hosts that speak TCP, for segments of our own that are made beside no packet. A pair that
// falls on the place of another takes it.
type hostTable struct {
	known [1 << hostBits]host
}

const hostBits = 11

type host struct {
	pair hostPair
	in   uint8
	head head
}

// place is where a pair stands: by the last bits of its addresses, which differ most, mixed.
func (h *hostPair) place() int {
	at := 12
	if h.version == 4 {
		at = 0
	}
	a, b := native.Uint32(h.src[at:]), native.Uint32(h.dst[at:])
	return int((a*0x9e3779b1 ^ b*0x85ebca6b) * 0xc2b2ae35 >> (32 - hostBits))
}

// learn remembers the link header of a TCP segment.
func (t *hostTable) learn(e *entry) {
	b := e.body
	if len(b) < 20 || b[0]>>4 == 4 && b[9] != 6 || b[0]>>4 == 6 && b[6] != 6 {
		return
	}
	pair, ok := pairOf(b)
	if !ok {
		return
	}
	k := &t.known[pair.place()]
	if k.pair == pair && k.in == e.in && k.head.n == e.n && string(k.head.link()) == string(e.link()) {
		return
	}
	k.pair, k.in, k.head = pair, e.in, e.head
	k.head.plain()
}

// find returns the port where a datagram between the pair would come in, and its head.
func (t *hostTable) find(pair hostPair) (in int, h head, ok bool) {
	if k := &t.known[pair.place()]; k.pair == pair {
		return int(k.in), k.head, true
	}
	turned := pair.turned()
	if k := &t.known[turned.place()]; k.pair == turned {
		h = k.head
		h.turn()
		return 1 - int(k.in), h, true
	}
	return 0, h, false
}
