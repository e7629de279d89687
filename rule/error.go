package rule

import "fmt"

// MaxRule is the length of one rule in bytes, and MaxDepth the depth of brackets in its
// header. What exceeds them is a mistake.
const (
	MaxRule  = 64 << 10
	MaxDepth = 16
)

// An Error is one mistake in a rule.
type Error struct {
	Pos  Pos
	What string
	Hint string // what to write instead
}

// Error returns "line:col: what (hint)".
func (e *Error) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.What)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func mistake(at Pos, hint, format string, args ...any) *Error {
	return &Error{Pos: at, What: fmt.Sprintf(format, args...), Hint: hint}
}
