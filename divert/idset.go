package divert

// An idSet is a set of packet ids: open addressing with linear probing. It grows with
// its largest population and never shrinks, so that a steady load allocates nothing.
// The zero idSet is empty.
type idSet struct {
	slots []uint64 // id | present
	n     int
}

const present = 1 << 32

func (s *idSet) home(id uint32) int {
	return int(uint64(id*2654435769) * uint64(len(s.slots)) >> 32)
}

// add puts id into the set; it may be there already.
func (s *idSet) add(id uint32) {
	if 2*(s.n+1) > len(s.slots) {
		s.grow()
	}
	i := s.find(id)
	if s.slots[i] == 0 {
		s.slots[i] = uint64(id) | present
		s.n++
	}
}

// remove takes id out and reports whether it was there.
func (s *idSet) remove(id uint32) bool {
	if s.n == 0 {
		return false
	}
	i := s.find(id)
	if s.slots[i] == 0 {
		return false
	}
	s.n--
	s.close(i)
	return true
}

// find returns the slot that holds id, or the free one where it would go.
func (s *idSet) find(id uint32) int {
	i := s.home(id)
	for s.slots[i] != 0 && uint32(s.slots[i]) != id {
		i = s.next(i)
	}
	return i
}

// close empties slot i and moves back those that had to probe past it.
func (s *idSet) close(i int) {
	s.slots[i] = 0
	for j := s.next(i); s.slots[j] != 0; j = s.next(j) {
		h := s.home(uint32(s.slots[j]))
		if cyclic(h, i, j) {
			s.slots[i], s.slots[j] = s.slots[j], 0
			i = j
		}
	}
}

// cyclic reports whether hole lies on the way from home to at.
func cyclic(home, hole, at int) bool {
	if home <= at {
		return home <= hole && hole < at
	}
	return home <= hole || hole < at
}

func (s *idSet) next(i int) int {
	if i++; i == len(s.slots) {
		return 0
	}
	return i
}

func (s *idSet) grow() {
	old := s.slots
	s.slots = make([]uint64, max(64, 2*len(old)))
	s.n = 0
	for _, v := range old {
		if v != 0 {
			s.add(uint32(v))
		}
	}
}
