package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// width is how many columns the story takes at most.
const width = 100

// The screen's columns: a margin, labels, then text.
const (
	margin  = 2
	labels  = 20
	textAt  = margin + labels
	columns = width - textAt
)

// A style is an SGR parameter of a terminal (ECMA-48 §8.3.117).
type style string

const (
	plain style = ""
	bold  style = "1"
	dim   style = "2"
	red   style = "31"
	green style = "32"
	amber style = "33"
	blue  style = "36"
	gone  style = "1;31" // what was sent and did not arrive
	fresh style = "1;32" // what arrived in its place
)

// A span is text in one style.
type span struct {
	text  string
	style style
}

// A screen prints the story, in colour or without.
type screen struct {
	w     io.Writer
	color bool
}

func (s *screen) paint(t string, st style) string {
	if !s.color || st == plain || t == "" {
		return t
	}
	return "\x1b[" + string(st) + "m" + t + "\x1b[0m"
}

func (s *screen) line(text string) { fmt.Fprintln(s.w, strings.TrimRight(text, " ")) }

// blank leaves a line free.
func (s *screen) blank() { s.line("") }

// title begins a block: its number, 0 for none, the use, and what it does.
func (s *screen) title(number int, use, what string) {
	s.blank()
	mark := "·" // what is no use of its own
	if number > 0 {
		mark = fmt.Sprint(number)
	}
	head := fmt.Sprintf("%s  %-6s", mark, use)
	rest := width - margin - utf8.RuneCountInString(head) - utf8.RuneCountInString(what) - 3
	s.line("  " + s.paint(head, "1;36") + " " + s.paint(what, bold) + " " + s.paint(strings.Repeat("─", max(rest, 0)), dim))
}

// row prints a label and spans beside it.
func (s *screen) row(label string, spans ...span) {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", margin+3))
	b.WriteString(s.paint(fmt.Sprintf("%-*s", labels-3, label), dim))
	for _, p := range spans {
		b.WriteString(s.paint(p.text, p.style))
	}
	s.line(b.String())
}

// carets marks, where there are no colours, the spans that carry a style.
func (s *screen) carets(spans []span) {
	if s.color {
		return
	}
	var b strings.Builder
	any := false
	for _, p := range spans {
		mark := " "
		if p.style == gone || p.style == fresh {
			mark, any = "^", true
		}
		b.WriteString(strings.Repeat(mark, utf8.RuneCountInString(p.text)))
	}
	if any {
		s.row("", span{b.String(), plain})
	}
}

// compare prints what went in beside what came out, the difference marked.
func (s *screen) compare(sentBy, receivedBy string, sent, received []byte) {
	a, b := excerpt(sent, received, columns)
	s.row(sentBy, a...)
	s.row(receivedBy, b...)
	s.carets(b)
}

// check prints one thing that was verified.
func (s *screen) check(ok bool, what string) {
	mark, st := "✓", green
	if !ok {
		mark, st = "✗", "1;31"
	}
	for i, l := range wrap(what, columns-2) {
		if i > 0 {
			mark = " "
		}
		s.line(strings.Repeat(" ", textAt) + s.paint(mark, st) + " " + l)
	}
}

// note prints a line of text under the whole width, wrapped.
func (s *screen) note(text string) {
	for _, l := range wrap(text, width-2*margin) {
		s.line("  " + l)
	}
}

func (s *screen) warn(text string) {
	for _, l := range wrap(text, width-2*margin) {
		s.line("  " + s.paint(l, amber))
	}
}

// wrapped prints a label and a long text beside it.
func (s *screen) wrapped(label, text string, st style) {
	for _, l := range wrap(text, columns) {
		s.row(label, span{l, st})
		label = ""
	}
}

// wrap breaks text into lines of at most n columns, at spaces where there are any.
func wrap(text string, n int) []string {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		rs := []rune(paragraph)
		for len(rs) > n {
			cut := n
			for i := n; i > n/2; i-- {
				if rs[i] == ' ' {
					cut = i
					break
				}
			}
			lines = append(lines, string(rs[:cut]))
			rs = []rune(strings.TrimLeft(string(rs[cut:]), " "))
		}
		lines = append(lines, string(rs))
	}
	return lines
}
