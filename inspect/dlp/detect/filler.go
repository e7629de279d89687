package detect

import "bytes"

// toldBeside says whether a word of context for k stands before off, with nothing between but words such as "number" and "is".
func (s *Scanner) toldBeside(k Kind, off int) bool {
	w := s.wordsBefore(off)
	for _, h := range w.hits[:w.n] {
		if b, open := w.behind(int(h.end)); open && vocabulary[h.word].raises.has(k) && fillers(b) {
			return true
		}
	}
	return false
}

// behind is what stands behind the word that ends at end; if it is in the name of a tag, behind that. open says whether the element goes on there.
func (w *words) behind(end int) (b []byte, open bool) {
	name := end
	for name > 0 && (isInName(w.window[name-1]) && w.window[name-1] != ' ' || w.window[name-1] == ':') {
		name--
	}
	b = w.window[end:w.len]
	k := bytes.IndexByte(b, '>')
	if k < 0 || name == 0 || w.window[name-1] != '<' {
		return b, true
	}
	open = k == 0 || b[k-1] != '/'
	b = b[k+1:]
	if rest, ok := bytes.CutPrefix(b, []byte("<![CDATA[")); ok {
		return rest, open
	}
	return b, open
}

// fillers says whether all words of b are such as stand between what a number is and the number, and few: names of types in a vCard (RFC 6350 §6.4.1), and tags.
func fillers(b []byte) bool {
	if len(b) > 0 && b[0] == ';' {
		return onlyFillers(b)
	}
	if rest := bytes.TrimLeft(b, ": "); len(rest) > 0 && rest[0] == '<' {
		b = withoutTags(rest)
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
	case "td", "th", "dd", "dt", "tr", "b", "i", "p", "a", "li", "br", "div", "span", "strong", "em", "code", "value", "number", "string":
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
			"Value", "val", "str", "String", "As", "default", "hidden", "text", "tel", "WORK", "HOME", "VOICE", "CELL", "PREF", "voice", "cell", "pref", "MAIN", "main":
		default:
			return false
		}
		from = k + 1
	}
	return true
}
