package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// MaxMistakes is how many mistakes are told at once; further ones are only counted.
const MaxMistakes = 100

// A Mistake is one thing wrong with a policy, or, as a warning, hardly meant. Lines and columns
// count from 1, columns in characters; a Line of 0 means the file as a whole.
type Mistake struct {
	File string
	Line int
	Col  int
	What string
	Hint string // what to write instead; may be empty
}

// String returns "file:line:col: what; hint".
func (m Mistake) String() string {
	s := m.File
	if m.Line > 0 {
		s += fmt.Sprintf(":%d:%d", m.Line, m.Col)
	}
	s += ": " + m.What
	if m.Hint != "" {
		s += "; " + m.Hint
	}
	return s
}

// An Error is why a policy was not taken: all its mistakes, in the order of their places,
// those in the policy itself first. Warnings come with it.
type Error struct {
	Mistakes []Mistake
	More     int // mistakes beyond MaxMistakes
	Warnings []Mistake
}

// Error returns one line for each mistake.
func (e *Error) Error() string {
	var b strings.Builder
	for i, m := range e.Mistakes {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(m.String())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n… and %d more", e.More)
	}
	return b.String()
}

// notes gathers mistakes and warnings while a policy is read.
type notes struct {
	file     string
	mistakes []Mistake
	warnings []Mistake
}

func (s *notes) add(n *yaml.Node, hint, format string, args ...any) {
	s.mistakes = append(s.mistakes, s.at(n, hint, format, args))
}

func (s *notes) warn(n *yaml.Node, hint, format string, args ...any) {
	s.warnings = append(s.warnings, s.at(n, hint, format, args))
}

func (s *notes) at(n *yaml.Node, hint, format string, args []any) Mistake {
	return Mistake{File: s.file, Line: n.Line, Col: n.Column, What: fmt.Sprintf(format, args...), Hint: hint}
}

// err returns what was gathered as an *Error, or nil if there is no mistake.
func (s *notes) err() error {
	s.sort()
	if len(s.mistakes) == 0 {
		return nil
	}
	e := &Error{Mistakes: s.mistakes, Warnings: s.warnings}
	if n := len(e.Mistakes) - MaxMistakes; n > 0 {
		e.Mistakes, e.More = e.Mistakes[:MaxMistakes], n
	}
	return e
}

func (s *notes) sort() {
	byPlace := func(a, b Mistake) int {
		if (a.File == s.file) != (b.File == s.file) {
			if a.File == s.file {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.What, b.What), cmp.Compare(a.Hint, b.Hint))
	}
	slices.SortFunc(s.mistakes, byPlace)
	slices.SortFunc(s.warnings, byPlace)
	s.mistakes = slices.Compact(s.mistakes)
	s.warnings = slices.Compact(s.warnings)
}
