package detect

// inDiff says whether the + at i and the digits that end at end are a line that a diff adds: the line before or behind is another of one, and none of
// digits, of which there may be a list.
func (s *Scanner) inDiff(i, end int) bool {
	next := s.lineBreak(end)
	if c := s.byteAt(i - 1); next == end || c != '\n' && c != 0 {
		return false
	}
	if s.ofDiff(next) {
		return true
	}
	before := i - 1
	for i-before < ContextBytes && s.byteAt(before-1) != '\n' && s.byteAt(before-1) != 0 {
		before--
	}
	return i-before < ContextBytes && s.ofDiff(before)
}

// ofDiff says whether at i a line of a diff begins that is no number: +x, -x, @@ -1 +1 @@.
func (s *Scanner) ofDiff(i int) bool {
	switch next := s.byteAt(i + 1); s.byteAt(i) {
	case '+':
		return !isDigit(next) && next != '\r' && next != '\n'
	case '-':
		return !isSpace(next) && next != '-' && next != 0
	case '@':
		return next == '@'
	}
	return false
}
