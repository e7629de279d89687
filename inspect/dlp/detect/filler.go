package detect

import "bytes"

// toldBeside says whether a word of context for k stands before off, with nothing between but words such as "number" and "is".
func (s *Scanner) toldBeside(k Kind, off int) bool {
	w := s.wordsBefore(off)
	for _, h := range w.hits[:w.n] {
		if vocabulary[h.word].raises.has(k) && fillers(w.window[h.end:w.len]) {
			return true
		}
	}
	return false
}

// fillers says whether all words of b are such as stand between what a number is and the number, and few: names of types in a vCard (RFC 6350 §6.4.1), and tags.
func fillers(b []byte) bool {
	if len(b) > 0 && b[0] == ';' {
		return onlyFillers(b)
	}
	if k := bytes.IndexByte(b, '>'); k >= 0 {
		if b = b[k+1:]; len(b) > 0 && b[0] == '<' {
			b = withoutTags(b)
		}
	}
	return len(b)-bytes.Count(b, []byte{' '}) <= bareBytes && onlyFillers(b)
}

// withoutTags returns what follows the tags with which b begins that say nothing of what is in them.
func withoutTags(b []byte) []byte {
	for {
		b = bytes.TrimLeft(b, " \r\n\t")
		if len(b) == 0 || b[0] != '<' {
			return b
		}
		if rest, ok := bytes.CutPrefix(b, []byte("<![CDATA[")); ok {
			return rest
		}
		k := bytes.IndexByte(b, '>')
		if k < 0 || b[1] != '/' && !isMarkup(b[1:k]) {
			return b
		}
		b = b[k+1:]
	}
}

// isMarkup says whether a tag is one that says nothing of what is in it.
func isMarkup(tag []byte) bool {
	n := 0
	for n < len(tag) && isAlnum(tag[n]) {
		n++
	}
	switch string(tag[:n]) {
	case "td", "th", "dd", "dt", "tr", "b", "i", "p", "a", "li", "br", "div", "span", "strong", "em", "code", "value", "number":
		return true
	}
	return false
}

// onlyFillers says whether all words of b are such as stand between what a number is and the number.
func onlyFillers(b []byte) bool {
	from := 0
	for k := 0; k <= len(b); k++ {
		if k < len(b) && isLetter(b[k]) {
			continue
		}
		switch string(b[from:k]) {
		case "", "no", "No", "nr", "Nr", "number", "Number", "nummer", "num", "is", "ist", "me", "us", "at", "on", "or", "my", "the", "of", "home", "work", "office",
			"unter", "bitte", "please", "bei", "al", "au", "a", "n", "numero", "value", "to", "lautet", "est", "es", "er", "jest", "r", "type", "TYPE", "Type",
			"Value", "val", "str", "String", "As", "default", "WORK", "HOME", "VOICE", "CELL", "PREF", "voice", "cell", "pref", "MAIN", "main":
		default:
			return false
		}
		from = k + 1
	}
	return true
}
