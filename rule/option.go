package rule

import "strings"

// An Option is one keyword of a rule's body, with its value as it was written: nothing is
// unescaped, and spaces around it are removed.
type Option struct {
	Name     string // in lower case
	Pos      Pos    // of the name
	HasValue bool   // a colon follows the name
	Value    string
	ValuePos Pos // of the value's first byte; valid iff HasValue
}

// String prints the option without its semicolon.
func (o *Option) String() string {
	if !o.HasValue {
		return o.Name
	}
	return o.Name + ":" + o.Value
}

// Quoted returns the text between the quotes of a value such as "text" or !"text", still
// escaped, its place, and whether an exclamation mark precedes it. ok is false if the value is not
// wholly in quotes.
func (o *Option) Quoted() (text string, at Pos, not, ok bool) {
	v, col := o.Value, o.ValuePos.Col
	if rest, found := strings.CutPrefix(v, "!"); found {
		trimmed := strings.TrimLeft(rest, " \t")
		not, col, v = true, col+len(v)-len(trimmed), trimmed
	}
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return "", o.ValuePos, not, false
	}
	return v[1 : len(v)-1], Pos{o.ValuePos.Line, col + 1}, not, true
}

// Text returns the value for people, of msg for instance: without quotes and escapes. A value
// that is not quoted is returned as it is.
func (o *Option) Text() string {
	text, _, _, ok := o.Quoted()
	if !ok {
		return o.Value
	}
	if !strings.Contains(text, `\`) {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && isSpecial(text[i+1]) {
			i++
		}
		b = append(b, text[i])
	}
	return string(b)
}

// Content returns the bytes that the value of a content option describes, with |hex| and escapes
// read, and whether it is negated. The error is an *Error with the place of the wrong byte.
func (o *Option) Content() (pattern []byte, not bool, err error) {
	text, at, not, ok := o.Quoted()
	if !ok {
		return nil, not, mistake(o.ValuePos, `write it in double quotes: content:"text"`, "the pattern of %s is not quoted", o.Name)
	}
	pattern, err = unhex(text, at)
	if err == nil && len(pattern) == 0 {
		err = mistake(at, "remove the option, or say what to look for", "the pattern of %s is empty", o.Name)
	}
	return pattern, not, err
}

// unhex reads the pattern language: text with \-escapes, and hexadecimal bytes between bars.
func unhex(text string, at Pos) ([]byte, error) {
	out := make([]byte, 0, len(text))
	inHex, opened, high := false, 0, -1
	for i := 0; i < len(text); i++ {
		c := text[i]
		here := Pos{at.Line, at.Col + i}
		switch {
		case c == '|':
			if high >= 0 {
				return nil, mistake(here, "write two digits for each byte: |0d 0a|", "half a hexadecimal byte")
			}
			inHex, opened = !inHex, i
		case inHex && (c == ' ' || c == '\t'):
		case inHex:
			n := hexDigit(c)
			if n < 0 {
				return nil, mistake(here, "between bars stand hexadecimal digits and spaces: |0d 0a|", "%q is not a hexadecimal digit", c)
			}
			if high < 0 {
				high = n
				continue
			}
			out, high = append(out, byte(high<<4|n)), -1
		case c == '\\':
			if i++; i == len(text) || !isSpecial(text[i]) {
				return nil, mistake(here, `only \\ \" \; and \: are escapes; write other bytes as |hex|`, "unknown escape")
			}
			out = append(out, text[i])
		case c == '"':
			return nil, mistake(here, `write \" or |22|`, "a quote inside the pattern")
		default:
			out = append(out, c)
		}
	}
	if inHex {
		return nil, mistake(Pos{at.Line, at.Col + opened}, "close it with another bar", "a bar opens hexadecimal bytes and none closes them")
	}
	return out, nil
}

// isSpecial says whether a backslash before c escapes it (DetectContentDataParse in
// Suricata's detect-content.c).
func isSpecial(c byte) bool { return c == '\\' || c == '"' || c == ';' || c == ':' }

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// FormatContent returns the quoted pattern that Content reads as p: printable bytes as they are,
// all others between bars.
func FormatContent(p []byte) string {
	const digits = "0123456789abcdef"
	b := []byte{'"'}
	inHex := false
	for _, c := range p {
		hex := c < ' ' || c > '~' || c == '|' || isSpecial(c)
		switch {
		case hex && inHex:
			b = append(b, ' ')
		case hex != inHex:
			b = append(b, '|')
		}
		inHex = hex
		if hex {
			b = append(b, digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	if inHex {
		b = append(b, '|')
	}
	return string(append(b, '"'))
}
