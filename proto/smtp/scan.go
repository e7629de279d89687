package smtp

import (
	"github.com/weir-project/weir/packet"
)

// A scan looks for the end of a message that DATA sends, and for what receivers take for different ends.
type scan struct {
	n   int  // bytes of what comes next that were looked at
	col int  // of the line that they end in
	dot bool // the line is a dot so far
	cr  bool // the last byte was CR
}

// look goes on in b. It returns up to where the bytes are certainly the message's, and behind its end where that begins, or 0; or why
// there is none.
func (s *scan) look(b []byte) (text, end int, why packet.Reason) {
	for i := s.n; i < len(b); i++ {
		c := b[i]
		switch {
		case s.cr && c != '\n', !s.cr && c == '\n':
			return s.before(i), 0, bareLineEnd
		case c == '\n' && s.dot:
			s.n = i + 1
			return i - 2, i + 1, ""
		case c == '\n':
			s.col, s.cr, s.dot = 0, false, false
		case c == '\r':
			s.cr = true
		case c == 0:
			return s.before(i), 0, controlByte
		default:
			s.dot = s.col == 0 && c == '.'
			if s.col++; s.col > maxText {
				return i, 0, lineTooLong
			}
		}
	}
	s.n = len(b)
	return s.before(len(b)), 0, ""
}

// before is up to where the bytes in front of i are certainly the message's.
func (s *scan) before(i int) int {
	if s.cr {
		i--
	}
	if s.dot {
		i--
	}
	return i
}

// done says that n bytes of the text, of which all that was looked at is the begin, do not come again. The end, if it was found, is
// looked for again.
func (s *scan) done(n, text, end int) {
	if end > 0 {
		*s = scan{n: text}
	}
	s.n -= n
}
