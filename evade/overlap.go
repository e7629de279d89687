package evade

import (
	"fmt"
	"slices"
)

// This file is T10, and the shapes of I2 and I3: pieces that overlap, in every way in which two (13) and
// three (409) of them can lie to each other, with contents that contradict each other so that one
// way to choose between them gives the word.

// An interval is a piece, in units.
type interval struct{ off, end int }

// relations returns one example of each way in which n intervals can lie to each other.
func relations(n int) (all [][]interval) {
	units := 2*n - 1 // 2n edges, all different
	var grow func(have []interval)
	grow = func(have []interval) {
		if len(have) == n {
			if dense(have) {
				all = append(all, slices.Clone(have))
			}
			return
		}
		for off := range units {
			for end := off + 1; end <= units; end++ {
				grow(append(have, interval{off, end}))
			}
		}
	}
	grow(nil)
	return all
}

// dense reports whether the edges are numbered without a gap: the example of its relation.
func dense(pieces []interval) bool {
	var edges []int
	for _, p := range pieces {
		edges = append(edges, p.off, p.end)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	return edges[0] == 0 && edges[len(edges)-1] == len(edges)-1
}

// A taste says which piece, of those that cover a unit, a receiver reads; -1: none covers it.
type taste struct {
	name string
	pick func(pieces []interval, u int) int
}

func pickFirst(pieces []interval, u int) int {
	return slices.IndexFunc(pieces, func(p interval) bool { return p.off <= u && u < p.end })
}

func pickLast(pieces []interval, u int) int {
	for i := len(pieces) - 1; i >= 0; i-- {
		if p := pieces[i]; p.off <= u && u < p.end {
			return i
		}
	}
	return -1
}

// pickLinux is what comes of tcp_data_queue_ofo (net/ipv4/tcp_input.c): a piece within another is
// dropped, one that covers others replaces them, and of two that overlap in part the one that begins
// before is read.
func pickLinux(pieces []interval, u int) int {
	var queue []int // indices of pieces, by offset
	for i, p := range pieces {
		if slices.ContainsFunc(queue, func(k int) bool { return pieces[k].off <= p.off && p.end <= pieces[k].end }) {
			continue
		}
		queue = slices.DeleteFunc(queue, func(k int) bool { return p.off <= pieces[k].off && pieces[k].end <= p.end })
		queue = append(queue, i)
	}
	slices.SortStableFunc(queue, func(a, b int) int { return pieces[a].off - pieces[b].off })
	for _, k := range queue {
		if pieces[k].off <= u && u < pieces[k].end {
			return k
		}
	}
	return -1
}

var (
	tasteFirst = taste{"first is the word", pickFirst}
	tasteLast  = taste{"last is the word", pickLast}
	tasteLinux = taste{"what Linux takes is the word", pickLinux}
)

// mixed returns the contents of piece i: the text's where the taste chooses it, otherwise the decoy's.
// The pieces lie behind the text's unit at.
func (x taste) mixed(t *talk, pieces []interval, i, at int) (b []byte) {
	for u := pieces[i].off; u < pieces[i].end; u++ {
		b = append(b, t.contents((at+u)*unit, (at+u+1)*unit, x.pick(pieces, u) != i)...)
	}
	return b
}

// contradicts reports whether any unit is in two pieces: whether there is something to choose.
func contradicts(pieces []interval) bool {
	for u := range 2 * len(pieces) {
		if pickFirst(pieces, u) != pickLast(pieces, u) {
			return true
		}
	}
	return false
}

func nameOf(pieces []interval) string {
	s := fmt.Sprintf("%d pieces", len(pieces))
	for _, p := range pieces {
		s += fmt.Sprintf(" %d-%d", p.off, p.end)
	}
	return s
}

// overlaps is T10.
func overlaps() (all []Attempt) {
	for n := 2; n <= 3; n++ {
		for _, pieces := range relations(n) {
			for _, x := range []taste{tasteFirst, tasteLast, tasteLinux} {
				all = append(all, ahead(pieces, x, false))
				if n == 2 || x.name == tasteLinux.name {
					all = append(all, ahead(pieces, x, true))
				}
				if n == 2 {
					all = append(all, inOrder(pieces, x))
				}
			}
		}
	}
	return all
}

// In all of these the receiver may take either copy, by a rule of its own that does not show on the way.

// ahead sends the pieces before what comes first, so that the receiver has to keep them.
func ahead(pieces []interval, x taste, reverse bool) Attempt {
	a := Attempt{
		Row: "T10", Name: nameOf(pieces) + " ahead of a gap, " + x.name, Families: Both, Reverse: reverse, Either: true,
		steps: steps(start, overlapping(pieces, x), pause(moment), real(0, unit), finish),
	}
	if reverse {
		a.Name += ", from the server"
	}
	return a
}

// inOrder sends what comes first, and then the pieces.
func inOrder(pieces []interval, x taste) Attempt {
	return Attempt{
		Row: "T10", Name: nameOf(pieces) + " in order, " + x.name, Families: Both, Either: true,
		steps: steps(start, real(0, unit), acked(unit), overlapping(pieces, x), finish),
	}
}

func overlapping(pieces []interval, x taste) step {
	return func(t *talk) {
		for i, p := range pieces {
			seg{from: (1 + p.off) * unit, data: x.mixed(t, pieces, i, 1)}.do(t)
		}
	}
}
