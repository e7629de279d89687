package mime

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/packet"
)

// A kind is what follows a head.
type kind uint8

const (
	leaf kind = iota
	multipart
	message
)

// A head is what was read of one. It can be compared: edits must keep it as it is.
type head struct {
	kind     kind
	coding   coding
	boundary boundary
	lines    int

	typed, coded bool // the fields are there
	trouble      [4]packet.Reason
	troubles     uint8
}

func (h *head) complain(why packet.Reason) {
	if int(h.troubles) < len(h.trouble) {
		h.trouble[h.troubles] = why
		h.troubles++
	}
}

// read reads the head that unit is, and adds the fields that are wanted to m.
func (h *head) read(g *Pool, unit []byte, digest bool, m *field.Message, want field.Set) {
	*h = head{}
	if digest {
		h.kind = message
	}
	g.value = g.value[:0]
	if want.Has(field.EmailHeaders) && len(unit) > 0 {
		m.Add(field.Field{ID: field.EmailHeaders, Value: unit, Span: field.Span{End: len(unit)}, Editable: true})
	}
	for at := 0; at < len(unit); {
		end := lineEnd(unit, at)
		for end < len(unit) && (unit[end] == ' ' || unit[end] == '\t') {
			end = lineEnd(unit, end)
		}
		h.lines += bytes.Count(unit[at:end], lf)
		n := fieldName(unit[at:end])
		colon := bytes.IndexByte(unit[at:end], ':')
		if colon >= 0 {
			h.field(g, unit, unit[at:at+n], field.Span{Off: at + colon + 1, End: end}, m, want)
		}
		at = end
	}
	if h.kind != leaf && h.coding != identity {
		h.complain(codedComposite)
		if h.kind == message {
			h.kind = leaf
		}
	}
	if h.kind == multipart {
		h.coding = identity
	}
}

var lf = []byte("\n")

// lineEnd returns the offset behind the line that at is in.
func lineEnd(b []byte, at int) int {
	if n := bytes.IndexByte(b[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(b)
}

// field reads one field of the head.
func (h *head) field(g *Pool, unit, name []byte, s field.Span, m *field.Message, want field.Set) {
	switch len(name) {
	case 2:
		if ascii.EqualFold(name, "to") {
			g.decoded(m, field.EmailTo, unit, s, want)
		}
	case 4:
		if ascii.EqualFold(name, "from") {
			g.decoded(m, field.EmailFrom, unit, s, want)
		}
	case 7:
		if ascii.EqualFold(name, "subject") {
			g.decoded(m, field.EmailSubject, unit, s, want)
		}
	case 12:
		if ascii.EqualFold(name, "content-type") {
			h.contentType(g, unit, s, m, want)
		}
	case 19:
		if ascii.EqualFold(name, "content-disposition") && want.Has(field.EmailFilename) {
			g.plain = flatten(g.plain[:0], unit[s.Off:s.End], true)
			g.filenames(m, g.plain, "filename", s)
		}
	case 25:
		if ascii.EqualFold(name, "content-transfer-encoding") {
			h.encoding(g, unit[s.Off:s.End])
		}
	}
}

func (h *head) encoding(g *Pool, value []byte) {
	g.plain = flatten(g.plain[:0], value, true)
	if h.coded {
		h.complain(duplicateField)
		return
	}
	h.coded = true
	switch v := g.plain; {
	case ascii.EqualFold(v, "base64"):
		h.coding = base64
	case ascii.EqualFold(v, "quoted-printable"):
		h.coding = quoted
	case ascii.EqualFold(v, "7bit"), ascii.EqualFold(v, "8bit"), ascii.EqualFold(v, "binary"):
	default:
		h.complain(unknownEncoding)
	}
}

func (h *head) contentType(g *Pool, unit []byte, s field.Span, m *field.Message, want field.Set) {
	if h.typed {
		h.complain(duplicateField)
	} else {
		h.typed, h.kind = true, leaf
		g.plain = flatten(g.plain[:0], unit[s.Off:s.End], true)
		switch full, params := cutParams(g.plain); {
		case ascii.HasPrefixFold(full, "multipart/"):
			h.boundary.digest = ascii.EqualFold(full, "multipart/digest")
			h.multipart(params)
		case ascii.EqualFold(full, "message/rfc822"), ascii.EqualFold(full, "message/global"):
			h.kind = message
		}
	}
	if want.Has(field.EmailFilename) {
		g.plain = flatten(g.plain[:0], unit[s.Off:s.End], true)
		g.filenames(m, g.plain, "name", s)
	}
}

// multipart takes the boundary from the parameters.
func (h *head) multipart(rest []byte) {
	found := 0
	for len(rest) > 0 {
		var p param
		p, rest = nextParam(rest)
		switch {
		case ascii.HasPrefixFold(p.name, "boundary*"):
			h.complain(badBoundary) // RFC 2231 forms of it are not read by all
		case ascii.EqualFold(p.name, "boundary"):
			if found++; found > 1 {
				h.complain(duplicateField)
				continue
			}
			b := bytes.TrimRight(p.value, " ")
			if len(b) == 0 || len(b) > maxBoundary || !isBoundary(b) {
				continue
			}
			h.kind = multipart
			h.boundary.n = uint8(copy(h.boundary.text[:], b))
		}
	}
	if h.kind != multipart {
		h.complain(badBoundary)
	}
}

// isBoundary is more generous than RFC 2046 §5.1.1: any printable byte.
func isBoundary(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
