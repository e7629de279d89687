package ids

import (
	"cmp"
	"slices"
)

// An automaton finds which of many patterns occur in a text, regardless of case, in one walk (Aho and Corasick,
// CACM 18(6), 1975). A small one is a table with a next state for every class of bytes, so each byte costs one
// load; a large one keeps the edges of its trie and follows failure links.
//
// It is built once and then only read; lanes share it.
type automaton struct {
	class   [256]uint8 // of a byte, in lower case; 0: in no pattern
	classes uint32
	dense   []uint32 // by state*classes+class; nil in the large form. The high bit says that the state has hits

	first  []uint32 // by state: its first edge; one more at the end
	labels []uint8  // by edge: class
	to     []uint32 // by edge: state
	fail   []uint32 // by state
	root   [256]uint32
	begins [256]uint8 // of a byte: 1 iff a pattern begins with it

	hits   []int32  // by state: index in lists, or -1
	suffix []uint32 // by state: the longest proper suffix that has hits; 0 if none
	lists  [][]int32
	base   int // of this automaton's lists among those of all
}

// maxDense is the size in bytes up to which an automaton is a table.
const maxDense = 8 << 20

const hasHits = 1 << 31

// A keyed pattern is what an automaton looks for and what it says when it finds it.
type keyed struct {
	pattern []byte
	id      int32
}

// newAutomaton returns the automaton of the patterns, none of which is empty; nil if there are none. A table
// has at most maxTable bytes. base is the number of lists of the automatons made before.
func newAutomaton(patterns []keyed, maxTable, base int) *automaton {
	if len(patterns) == 0 {
		return nil
	}
	a := &automaton{classes: 1, base: base}
	for _, p := range patterns {
		for _, c := range p.pattern {
			if c = lower(c); a.class[c] == 0 {
				a.class[c] = uint8(a.classes) // at most 230: capitals have none of their own
				a.classes++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		a.class[c] = a.class[c|0x20]
	}
	t := a.trie(patterns)
	a.flatten(t)
	a.link(t)
	if len(t)*int(a.classes)*4 <= maxTable {
		a.tabulate(len(t))
	}
	return a
}

type edge struct {
	class uint8
	to    uint32
}

type node struct {
	edges []edge // sorted by class
	ids   []int32
}

// trie puts the patterns into a trie, whose root is node 0.
func (a *automaton) trie(patterns []keyed) []node {
	t := make([]node, 1)
	for _, p := range patterns {
		s := uint32(0)
		for _, c := range p.pattern {
			class := a.class[c]
			i, found := slices.BinarySearchFunc(t[s].edges, class, func(e edge, c uint8) int { return cmp.Compare(e.class, c) })
			if !found {
				t[s].edges = slices.Insert(t[s].edges, i, edge{class, uint32(len(t))})
				t = append(t, node{})
			}
			s = t[s].edges[i].to
		}
		t[s].ids = append(t[s].ids, p.id)
	}
	return t
}

// flatten lays the trie out in arrays.
func (a *automaton) flatten(t []node) {
	a.fail, a.suffix = make([]uint32, len(t)), make([]uint32, len(t))
	a.hits = make([]int32, len(t))
	for s := range t {
		a.first = append(a.first, uint32(len(a.labels)))
		for _, e := range t[s].edges {
			a.labels, a.to = append(a.labels, e.class), append(a.to, e.to)
		}
		a.hits[s] = -1
		if len(t[s].ids) > 0 {
			a.hits[s] = int32(len(a.lists))
			a.lists = append(a.lists, t[s].ids)
		}
	}
	a.first = append(a.first, uint32(len(a.labels)))
	for _, e := range t[0].edges {
		a.root[e.class] = e.to
	}
}

// link sets the failure links, breadth first.
func (a *automaton) link(t []node) {
	var queue []uint32
	for _, e := range t[0].edges {
		queue = append(queue, e.to)
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, e := range t[s].edges {
			a.fail[e.to] = a.step(a.fail[s], e.class)
			queue = append(queue, e.to)
		}
		f := a.fail[s]
		a.suffix[s] = a.suffix[f]
		if a.hits[f] >= 0 {
			a.suffix[s] = f
		}
	}
}

// step returns the state after s and a byte of the given class, by edges and failure links.
func (a *automaton) step(s uint32, class uint8) uint32 {
	for s != 0 {
		for e, end := a.first[s], a.first[s+1]; e < end && a.labels[e] <= class; e++ {
			if a.labels[e] == class {
				return a.to[e]
			}
		}
		s = a.fail[s]
	}
	return a.root[class]
}

// tabulate makes the table, and drops what it replaces.
func (a *automaton) tabulate(states int) {
	a.dense = make([]uint32, states*int(a.classes))
	for s := range uint32(states) {
		for c := range a.classes {
			to := a.step(s, uint8(c))
			if a.hits[to] >= 0 || a.suffix[to] != 0 {
				to |= hasHits
			}
			a.dense[s*a.classes+c] = to
		}
	}
	for c, class := range a.class {
		if a.dense[class] != 0 {
			a.begins[c] = 1
		}
	}
	a.first, a.labels, a.to, a.fail = nil, nil, nil, nil
}

// scan adds the ids of the patterns that occur in text to found, each once.
func (a *automaton) scan(text []byte, found *candidates) {
	if a.dense == nil {
		a.scanEdges(text, found)
		return
	}
	s := uint32(0)
	for i := 0; i < len(text); i++ {
		if s == 0 {
			if i += a.skip(text[i:]); i == len(text) {
				return
			}
		}
		s = a.dense[s*a.classes+uint32(a.class[text[i]])]
		if s&hasHits != 0 {
			s &^= hasHits
			a.report(s, found)
		}
	}
}

// skip returns how many bytes text begins with that begin no pattern. It looks at eight at a time, whose
// loads do not wait for one another as the automaton's do.
func (a *automaton) skip(text []byte) int {
	n := 0
	for ; len(text) >= 8; n, text = n+8, text[8:] {
		b := &a.begins
		if b[text[0]]|b[text[1]]|b[text[2]]|b[text[3]]|b[text[4]]|b[text[5]]|b[text[6]]|b[text[7]] != 0 {
			break
		}
	}
	for _, c := range text {
		if a.begins[c] != 0 {
			break
		}
		n++
	}
	return n
}

func (a *automaton) scanEdges(text []byte, found *candidates) {
	s := uint32(0)
	for _, c := range text {
		s = a.step(s, a.class[c])
		if a.hits[s] >= 0 || a.suffix[s] != 0 {
			a.report(s, found)
		}
	}
}

// report notes the patterns that end in state s, the longest first. Where a list was noted before, so were those behind
// it.
func (a *automaton) report(s uint32, found *candidates) {
	for ; s != 0; s = a.suffix[s] {
		if a.hits[s] < 0 {
			continue
		}
		if !found.fresh(a.base + int(a.hits[s])) {
			return
		}
		for _, id := range a.lists[a.hits[s]] {
			found.add(id)
		}
	}
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}
