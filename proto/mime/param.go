package mime

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/internal/ascii"
)

// This file reads the values of structured fields: RFC 2045 §5.1, RFC 2231.

// flatten appends a value without folding and without blanks around it, and, if comments, without comments (RFC 5322 §3.2.2).
func flatten(dst, value []byte, comments bool) []byte {
	quoted, depth := false, 0
	from := len(dst)
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\r' || c == '\n':
			continue
		case c == '\\' && (quoted || depth > 0) && i+1 < len(value):
			if depth == 0 {
				dst = append(dst, c, value[i+1])
			}
			i++
			continue
		case c == '"' && depth == 0:
			quoted = !quoted
		case comments && c == '(' && !quoted:
			depth++
			continue
		case c == ')' && depth > 0:
			depth--
			continue
		}
		if depth == 0 && (len(dst) > from || c != ' ' && c != '\t') {
			dst = append(dst, c)
		}
	}
	for len(dst) > from && (dst[len(dst)-1] == ' ' || dst[len(dst)-1] == '\t') {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// cutParams divides a value from its parameters.
func cutParams(v []byte) (full, params []byte) {
	full, params, _ = bytes.Cut(v, []byte{';'})
	return bytes.TrimSpace(full), params
}

// A param is one parameter. Its value is without quotes; the bytes that nextParam was given are altered for that.
type param struct{ name, value []byte }

// nextParam takes the first parameter from b.
func nextParam(b []byte) (p param, rest []byte) {
	n := bytes.IndexAny(b, "=;")
	if n < 0 {
		return param{}, nil
	}
	if b[n] == ';' {
		return param{}, b[n+1:]
	}
	p.name, b = bytes.TrimSpace(b[:n]), bytes.TrimLeft(b[n+1:], " \t")
	if len(b) == 0 || b[0] != '"' {
		value, rest, _ := bytes.Cut(b, []byte{';'})
		p.value = bytes.TrimSpace(value)
		return p, rest
	}
	w := 0
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] == '"':
			p.value = b[:w]
			_, rest, _ := bytes.Cut(b[i+1:], []byte{';'})
			return p, rest
		case b[i] == '\\' && i+1 < len(b):
			i++
		}
		b[w] = b[i]
		w++
	}
	p.value = b[:w]
	return p, nil
}

// filenames adds the names that the parameters of v have: that of the plain parameter, and that of its RFC 2231 forms, whose pieces are
// taken in the order in which they come. Readers differ in which they prefer.
func (g *Pool) filenames(m *field.Message, v []byte, name string, s field.Span) {
	_, rest := cutParams(v)
	from, charset := len(g.value), latin
	add := func(value []byte) {
		m.Add(field.Field{ID: field.EmailFilename, Value: value, Span: s})
	}
	long := false
	for len(rest) > 0 {
		var p param
		p, rest = nextParam(rest)
		switch {
		case ascii.EqualFold(p.name, name):
			if long {
				add(g.value[from:len(g.value):len(g.value)])
				long = false
			}
			at := len(g.value)
			g.value = appendWords(g.value, p.value)
			add(g.value[at:len(g.value):len(g.value)])
			from = len(g.value)
		case len(p.name) > len(name) && ascii.HasPrefixFold(p.name, name) && p.name[len(name)] == '*':
			g.value, charset = appendExtended(g.value, p, len(name), !long, charset)
			long = true
		}
	}
	if long {
		add(g.value[from:len(g.value):len(g.value)])
	}
}

// appendExtended appends a piece of an RFC 2231 value; the first one says its character set.
func appendExtended(dst []byte, p param, name int, first bool, cs charset) ([]byte, charset) {
	v := p.value
	if p.name[len(p.name)-1] != '*' {
		return append(dst, v...), cs
	}
	if first {
		cs = unknown
		if a, b, ok := bytes.Cut(v, []byte{'\''}); ok {
			if _, text, ok := bytes.Cut(b, []byte{'\''}); ok {
				cs, v = charsetOf(a), text
			}
		}
	}
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c == '%' && i+2 < len(v) && hex[v[i+1]] >= 0 && hex[v[i+2]] >= 0 {
			c = byte(hex[v[i+1]]<<4 | hex[v[i+2]])
			i += 2
		}
		dst = cs.append(dst, c)
	}
	return dst, cs
}

// decoded adds a field whose value is unfolded and without encoded words.
func (g *Pool) decoded(m *field.Message, id field.ID, unit []byte, s field.Span, want field.Set) {
	if !want.Has(id) {
		return
	}
	for s.Off < s.End && isBlank(unit[s.Off]) {
		s.Off++
	}
	for s.Off < s.End && isBlank(unit[s.End-1]) {
		s.End--
	}
	raw := unit[s.Off:s.End:s.End]
	if !bytes.Contains(raw, []byte("=?")) && bytes.IndexByte(raw, '\n') < 0 {
		m.Add(field.Field{ID: id, Value: raw, Span: s, Editable: true})
		return
	}
	g.plain = flatten(g.plain[:0], raw, false)
	at := len(g.value)
	g.value = appendWords(g.value, g.plain)
	m.Add(field.Field{ID: id, Value: g.value[at:len(g.value):len(g.value)], Span: s})
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
