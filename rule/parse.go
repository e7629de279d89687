package rule

import (
	"strings"
)

// Parse reads a rule file. Empty lines and lines that begin with # are skipped; a line that
// ends in a backslash is continued by the next. A line that cannot be read gives an Error, and
// the others are read all the same. Positions are those of the file.
func Parse(text string) (rules []Rule, errs []*Error) {
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		first := n
		var breaks []int // offsets in line at which a continuation begins
		line = strings.TrimSuffix(line, "\r")
		for strings.HasSuffix(line, `\`) && text != "" && !isComment(line) {
			var next string
			next, text, _ = strings.Cut(text, "\n")
			line = line[:len(line)-1]
			breaks = append(breaks, len(line))
			line += strings.TrimSuffix(next, "\r")
			n++
		}
		if strings.TrimSpace(line) == "" || isComment(line) {
			continue
		}
		r, err := parseLine(line, first, breaks)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rules = append(rules, *r)
	}
	return rules, errs
}

// ParseRule reads one rule; line is its number in positions. The error is an *Error.
func ParseRule(text string, line int) (*Rule, error) {
	r, err := parseLine(text, line, nil)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func isComment(line string) bool {
	return strings.HasPrefix(strings.TrimLeft(line, " \t"), "#")
}

// A parser stands at byte at of one rule.
type parser struct {
	s      string
	at     int
	line   int
	breaks []int
}

func parseLine(s string, line int, breaks []int) (*Rule, *Error) {
	p := &parser{s: s, line: line, breaks: breaks}
	if len(s) > MaxRule {
		return nil, mistake(p.pos(0), "split the rule", "the rule is longer than %d bytes", MaxRule)
	}
	r := new(Rule)
	p.space()
	r.Pos = p.pos(p.at)
	if err := p.header(r); err != nil {
		return nil, err
	}
	if err := p.body(r); err != nil {
		return nil, err
	}
	return r, nil
}

// pos returns the place of byte off of the rule in its file.
func (p *parser) pos(off int) Pos {
	line, start := p.line, 0
	for _, b := range p.breaks {
		if b > off {
			break
		}
		line, start = line+1, b
	}
	return Pos{line, off - start + 1}
}

func (p *parser) space() {
	for p.at < len(p.s) && isSpace(p.s[p.at]) {
		p.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' }

// word reads up to the next space, or to the body.
func (p *parser) word() Word {
	p.space()
	start := p.at
	for p.at < len(p.s) && !isSpace(p.s[p.at]) && p.s[p.at] != '(' {
		p.at++
	}
	return Word{p.s[start:p.at], p.pos(start)}
}

func (p *parser) header(r *Rule) *Error {
	const shape = "a rule is: action proto src port -> dst port (options)"
	if r.Action = p.word(); !isName(r.Action.Text) {
		return mistake(r.Action.Pos, shape, "%q is not an action", r.Action.Text)
	}
	if r.Proto = p.word(); !isName(r.Proto.Text) {
		return mistake(r.Proto.Pos, shape, "%q is not a protocol", r.Proto.Text)
	}
	r.Action.Text, r.Proto.Text = strings.ToLower(r.Action.Text), strings.ToLower(r.Proto.Text)
	var err *Error
	if r.Src, err = parseSet(p, addrRange); err != nil {
		return err
	}
	if r.SrcPort, err = parseSet(p, portRange); err != nil {
		return err
	}
	switch arrow := p.word(); arrow.Text {
	case "->", "=>":
	case "<>":
		r.Both = true
	case "<-":
		return mistake(arrow.Pos, "swap the sides and write ->", "<- is not a direction")
	default:
		return mistake(arrow.Pos, "write -> or <>", "%q is not a direction", arrow.Text)
	}
	if r.Dst, err = parseSet(p, addrRange); err != nil {
		return err
	}
	r.DstPort, err = parseSet(p, portRange)
	return err
}

// body reads the options between the parentheses.
func (p *parser) body(r *Rule) *Error {
	p.space()
	if p.at == len(p.s) || p.s[p.at] != '(' {
		return mistake(p.pos(p.at), "the options stand in parentheses: (sid:1;)", "no options")
	}
	p.at++
	end := len(strings.TrimRight(p.s, " \t\r\v\f"))
	if p.s[end-1] != ')' || end == p.at {
		return mistake(p.pos(max(end-1, 0)), "end the rule with )", "the options are not closed")
	}
	p.s = p.s[:end-1]
	for p.space(); p.at < len(p.s); p.space() {
		o, err := p.option()
		if err != nil {
			return err
		}
		r.Options = append(r.Options, o)
	}
	return nil
}

// option reads one option and its semicolon. A semicolon ends it unless a backslash stands
// before it, also inside quotes (SigParseOptions in Suricata's detect-parse.c).
func (p *parser) option() (Option, *Error) {
	start := p.at
	end := start
	for end < len(p.s) && (p.s[end] != ';' || end > start && p.s[end-1] == '\\') {
		end++
	}
	if end == len(p.s) {
		return Option{}, mistake(p.pos(start), `each option ends with a semicolon; write \; for one inside a value`, "the option is not ended")
	}
	p.at = end + 1
	text := p.s[start:end]
	name, value, has := strings.Cut(text, ":")
	o := Option{Name: strings.ToLower(strings.TrimSpace(name)), Pos: p.pos(start), HasValue: has}
	if !isName(o.Name) {
		return o, mistake(o.Pos, "an option is keyword; or keyword:value;", "%q is not a keyword", o.Name)
	}
	if has {
		o.Value = strings.TrimSpace(value)
		lead := len(value) - len(strings.TrimLeft(value, " \t\r\v\f"))
		o.ValuePos = p.pos(start + len(name) + 1 + lead)
		if strings.HasSuffix(o.Value, `\`) {
			return o, mistake(o.ValuePos, `a backslash at the end escapes nothing; write \\ and a quote`, "the value of %s ends in a backslash", o.Name)
		}
		if o.Value == "" {
			return o, mistake(o.ValuePos, "give a value, or remove the colon", "%s has an empty value", o.Name)
		}
	}
	return o, nil
}

// isName says whether s is a word of the language.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && s[i] != '_' && s[i] != '.' && s[i] != '-' {
			return false
		}
	}
	return s != ""
}
