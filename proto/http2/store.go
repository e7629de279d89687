package http2

// tableSizes is the number of classes of memory for tables: 4, 16 and 64 KiB.
const tableSizes = 3

// classOf returns the smallest class that has room for a table of the given size, and its size.
func classOf(size uint32) (class, room int) {
	room = defaultSize
	for room < int(size) {
		class, room = class+1, room*4
	}
	return class, room
}

// A store is the memory of a table.
type store struct {
	bytes   []byte
	entries []place
}

// cost is about what the store takes.
func (s *store) cost() int { return len(s.bytes) + len(s.bytes)/entryCost*placeBytes }

func newStore(room int) *store {
	return &store{bytes: make([]byte, room), entries: make([]place, room/entryCost)}
}

// store returns memory for a table; nil iff there is none. Smaller ones have room as long as there is one for their connection.
func (g *Grammar) store(size uint32) *store {
	class, room := classOf(size)
	if n := len(g.stores[class]); n > 0 {
		s := g.stores[class][n-1]
		g.stores[class] = g.stores[class][:n-1]
		return s
	}
	s := newStore(room)
	if class == 0 {
		return s
	}
	for other := 1; other < tableSizes && g.large+s.cost() > allLarge; other++ {
		for _, idle := range g.stores[other] {
			g.large -= idle.cost()
		}
		g.stores[other] = nil
	}
	if g.large+s.cost() > allLarge {
		return nil
	}
	g.large += s.cost()
	return s
}

func (g *Grammar) dropStore(s *store) {
	if s != nil {
		class, _ := classOf(uint32(len(s.bytes)))
		g.stores[class] = append(g.stores[class], s)
	}
}
