package detect

// A Judge says what values weigh, before one of those that overlap is chosen: who looks for a kind here, and what would become of the value.
type Judge interface {
	// Weigh returns the weight of text[m.Off:m.End]. value is its canonical form, as Scanner.Value has it; valid for the call. The answer depends on the
	// place and on the value, and not on how the text is cut.
	Weigh(m Match, value []byte) Weight
}

// A Weight is how much a value counts among those that overlap: the heavier hides the lighter.
type Weight uint8

const (
	None    Weight = iota // nobody asks for it: as if it were no value
	Told                  // it leaves, whether it is told of or not
	Counted               // it may have to stay here, or leave: that is for how many there are
	Stopped               // it does not leave as it is
)

// By has j say what values weigh; nil: those of a kind that waits are Stopped, and the others Told. It is called before Reset.
func (s *Scanner) By(j Judge) { s.judge = j }

// weight is what a value weighs.
func (s *Scanner) weight(m Match) Weight {
	switch {
	case s.judge != nil:
		return s.judge.Weigh(m, s.canonical(m))
	case s.set.waits.has(m.Kind):
		return Stopped
	}
	return Told
}
