package ids

// candidates are the rules whose prefilter pattern occurs in what is looked at, each once.
type candidates struct {
	ids        []int32
	generation uint32
	rules      []uint32 // by rule: the generation in which it was added last
	lists      []uint32 // by list of an automaton: the generation in which it was noted last
}

func newCandidates(rules, lists int) candidates {
	return candidates{ids: make([]int32, 0, rules), rules: make([]uint32, rules), lists: make([]uint32, lists)}
}

// reset empties c.
func (c *candidates) reset() {
	c.ids = c.ids[:0]
	c.generation++
	if c.generation == 0 {
		clear(c.rules)
		clear(c.lists)
		c.generation = 1
	}
}

// add adds a rule.
func (c *candidates) add(id int32) {
	if c.rules[id] != c.generation {
		c.rules[id] = c.generation
		c.ids = append(c.ids, id)
	}
}

// fresh notes a list and reports whether it was not noted before.
func (c *candidates) fresh(list int) bool {
	if c.lists[list] == c.generation {
		return false
	}
	c.lists[list] = c.generation
	return true
}
