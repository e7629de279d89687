package detect

// inDiff says whether the + at i and the digits that end at end are a line that a diff adds: the line behind or one above is another of one, and none of
// digits, of which there may be a list.
func (s *Scanner) inDiff(i, end int) bool {
	next := s.lineBreak(end)
	if c := s.byteAt(i - 1); next == end || c != '\n' && c != 0 {
		return false
	}
	if s.ofDiff(next) {
		return true
	}
	return s.belowDiff(i)
}

// belowDiff says whether a line of a diff that is no number stands above the line that begins at i, with lines that add numbers between or none; all in the
// ContextBytes before i.
func (s *Scanner) belowDiff(i int) bool {
	for begin := i - 1; i-begin < ContextBytes; begin-- {
		if c := s.byteAt(begin - 1); c != '\n' && c != 0 {
			continue
		}
		if s.ofDiff(begin) {
			return true
		}
		if s.byteAt(begin) != '+' {
			return false
		}
	}
	return false
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
