// Package pattern finds what matches a regular expression, in the syntax of Go's package regexp, in texts that come in parts.
//
// Its law: time is linear in the text, whatever the expression, and what a match may still become at the end of a part is known: the threads that are alive there
// (Pike's machine; Russ Cox, "Regular Expression Matching: the Virtual Machine Approach"). Of several matches the leftmost counts, and of those the
// longest. One has MinBytes to MaxBytes; expressions that can match less are refused, longer matches are not found.
package pattern

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	MinBytes = 3
	MaxBytes = 256
	maxInsts = 4000 // of a program
)

// A Pattern is a regular expression. It is only read once made.
type Pattern struct {
	prog  *syntax.Prog
	first [256]bool // bytes that a match may begin with
}

// Compile makes a Pattern of an expression. Its error says what is wrong with it, and where.
func Compile(expr string) (*Pattern, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, explain(err)
	}
	if least(re) < MinBytes {
		return nil, fmt.Errorf("it can match less than %d bytes, and would match everywhere", MinBytes)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > maxInsts {
		return nil, fmt.Errorf("it is too large: %d steps of at most %d, such as repetitions of repetitions make", len(prog.Inst), maxInsts)
	}
	p := &Pattern{prog: prog}
	p.setFirst()
	return p, nil
}

// explain says of what Go's expressions do not have why that is.
func explain(err error) error {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == syntax.ErrInvalidNamedCapture && (strings.HasPrefix(e.Expr, "(?<!") || strings.HasPrefix(e.Expr, "(?<=")):
		return fmt.Errorf("%s: looking around cannot be done in linear time", e.Expr[:4])
	case e.Code == syntax.ErrInvalidPerlOp:
		return fmt.Errorf("%s: looking around and atomic groups cannot be done in linear time", e.Expr)
	case e.Code == syntax.ErrInvalidEscape && len(e.Expr) == 2 && e.Expr[1] >= '1' && e.Expr[1] <= '9':
		return fmt.Errorf("%s: back references cannot be done in linear time", e.Expr)
	}
	return fmt.Errorf("%s: %s", e.Expr, e.Code)
}

// least is the length in bytes of the shortest match; runes count as one byte.
func least(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return least(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min * least(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, s := range re.Sub {
			n += least(s)
		}
		return n
	case syntax.OpAlternate:
		n := least(re.Sub[0])
		for _, s := range re.Sub[1:] {
			n = min(n, least(s))
		}
		return n
	}
	return 0
}

// setFirst finds what a match may begin with: the bytes that the steps take which are reached from the beginning without any.
func (p *Pattern) setFirst() {
	seen := make([]bool, len(p.prog.Inst))
	var walk func(pc uint32)
	walk = func(pc uint32) {
		if seen[pc] {
			return
		}
		seen[pc] = true
		switch in := &p.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			walk(in.Out)
			walk(in.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			walk(in.Out)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			for c := range rune(utf8.RuneSelf) {
				p.first[c] = p.first[c] || in.MatchRune(c)
			}
			for c := utf8.RuneSelf; c < len(p.first); c++ {
				p.first[c] = true // of a longer rune, or of none
			}
		}
	}
	walk(uint32(p.prog.Start))
}
