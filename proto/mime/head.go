package mime

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
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

// readHead reads a head, once it is whole.
func (r *Reader) readHead(f *feed) bool {
	end, next, why := r.scanHead(f)
	if f.why != "" || next < 0 {
		return false
	}
	g, start := r.pool, f.at
	unit, editable := g.unstuff(f.Raw[start:end], f.Stuffed), true
	if len(unit) != end-start {
		editable = false
	}
	m := &g.msg
	m.Reset(g.name, unit)
	h := &g.head
	h.read(g, unit, r.inDigest(), m, f.Want)
	if !editable {
		for i := range m.Fields {
			m.Fields[i].Editable = false
		}
	}
	a := r.show(f, m, field.MessageStart)
	r.editHead(f, unit, start, a.Edits)
	if why != "" {
		r.tell(f, troubleOf(why), why)
	}
	for _, why := range h.trouble[:h.troubles] {
		r.tell(f, troubleOf(why), why)
	}
	f.at, r.scanned, r.top = next, 0, false
	r.begin(f, h, next == end)
	return true
}

func troubleOf(why packet.Reason) proto.Trouble {
	switch why {
	case headTooLarge, tooManyParts, tooDeep, unknownEncoding:
		return proto.Beyond
	}
	return proto.Unreadable
}

// begin begins what follows the head h. cut says that no empty line stands between them.
func (r *Reader) begin(f *feed, h *head, cut bool) {
	r.inBody, r.body = true, body{fresh: true, wanted: f.Want.Has(field.EmailBody)}
	switch {
	case h.kind == leaf && r.body.wanted:
		r.body.coding = h.coding
	case h.kind == message && !cut:
		r.showEnd(f)
		r.inBody, r.inMessage = false, true
	case h.kind == multipart:
		if r.depth == maxDepth {
			r.tell(f, proto.Beyond, tooDeep)
			return
		}
		r.stack[r.depth] = h.boundary
		r.depth++
	}
}

// inDigest reports whether a part of a digest begins, and not the message in it.
func (r *Reader) inDigest() bool { return !r.inMessage && r.depth > 0 && r.stack[r.depth-1].digest }

// showEnd shows that what belongs to a head is over.
func (r *Reader) showEnd(f *feed) {
	m := &r.pool.msg
	m.Reset(r.pool.name, nil)
	m.Complete = true
	r.show(f, m, field.MessageEnd)
}

// scanHead looks for the end of a head: where its lines end, and where what follows them begins. next is negative if that is not
// there yet. why says that the head was ended by something else than an empty line.
func (r *Reader) scanHead(f *feed) (end, next int, why packet.Reason) {
	b := f.Raw[f.at:]
	for {
		at := r.scanned
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 && !f.End {
			if len(b)-at > maxHead {
				return f.at + at, f.at + at, headTooLarge
			}
			return 0, -1, ""
		}
		line, size := b[at:], len(b)-at
		if n >= 0 {
			line, size = b[at:at+n], n+1
		}
		end := f.at + at
		switch verdict := r.headLine(f, line, n >= 0, at == 0); {
		case verdict == lineRefused:
			return 0, -1, ""
		case verdict == lineEmpty && n < 0:
			return end, len(f.Raw), ""
		case verdict == lineEmpty:
			return end, end + size, ""
		case verdict == lineBoundary:
			return end, end, ""
		case verdict == lineOther:
			return end, end, badHeader
		case at+size > maxHead:
			return end, end, headTooLarge
		}
		r.scanned += size
	}
}

type lineKind uint8

const (
	lineField lineKind = iota
	lineEmpty
	lineBoundary
	lineOther
	lineRefused
)

// headLine says what a line of a head is. whole says that LF ended it, first that no line came before.
func (r *Reader) headLine(f *feed, line []byte, whole, first bool) lineKind {
	if f.Stuffed && len(line) > 0 && line[0] == '.' {
		line = line[1:]
	}
	bare := false
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	} else {
		bare = whole
	}
	switch {
	case bytes.IndexByte(line, 0) >= 0:
		f.refuse(controlByte)
	case bare || bytes.IndexByte(line, '\r') >= 0:
		f.refuse(bareLineEnd)
	case len(line) == 0:
		return lineEmpty
	case line[0] == '-' && r.divides(f, line) >= 0:
		return lineBoundary
	case (line[0] == ' ' || line[0] == '\t') && !first, fieldName(line) > 0:
		return lineField
	default:
		return lineOther
	}
	return lineRefused
}

// fieldName is the number of bytes of the field name that the line begins with; 0 if it is no field (RFC 5322 §3.6.8, with the blanks
// before the colon of §4.5).
func fieldName(line []byte) int {
	n := 0
	for n < len(line) && line[n] > ' ' && line[n] < 127 && line[n] != ':' {
		n++
	}
	for i := n; i < len(line); i++ {
		switch line[i] {
		case ':':
			return n
		case ' ', '\t':
		default:
			return 0
		}
	}
	return 0
}

// unstuff returns a head without the dots that lines have more: b itself if there are none.
func (g *Pool) unstuff(b []byte, stuffed bool) []byte {
	if !stuffed || !bytes.HasPrefix(b, dot) && !bytes.Contains(b, lineDot) {
		return b[:len(b):len(b)]
	}
	g.unit = g.unit[:0]
	for start, i := true, 0; i < len(b); i++ {
		if !start || b[i] != '.' {
			g.unit = append(g.unit, b[i])
		}
		start = b[i] == '\n'
	}
	return g.unit
}

var (
	dot     = []byte(".")
	lineDot = []byte("\n.")
)

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
		if equalFold(name, "to") {
			g.decoded(m, field.EmailTo, unit, s, want)
		}
	case 4:
		if equalFold(name, "from") {
			g.decoded(m, field.EmailFrom, unit, s, want)
		}
	case 7:
		if equalFold(name, "subject") {
			g.decoded(m, field.EmailSubject, unit, s, want)
		}
	case 12:
		if equalFold(name, "content-type") {
			h.contentType(g, unit, s, m, want)
		}
	case 19:
		if equalFold(name, "content-disposition") && want.Has(field.EmailFilename) {
			g.plain = flatten(g.plain[:0], unit[s.Off:s.End], true)
			g.filenames(m, g.plain, "filename", s)
		}
	case 25:
		if equalFold(name, "content-transfer-encoding") {
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
	case equalFold(v, "base64"):
		h.coding = base64
	case equalFold(v, "quoted-printable"):
		h.coding = quoted
	case equalFold(v, "7bit"), equalFold(v, "8bit"), equalFold(v, "binary"):
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
		case hasPrefixFold(full, "multipart/"):
			h.boundary.digest = equalFold(full, "multipart/digest")
			h.multipart(params)
		case equalFold(full, "message/rfc822"), equalFold(full, "message/global"):
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
		case hasPrefixFold(p.name, "boundary*"):
			h.complain(badBoundary) // RFC 2231 forms of it are not read by all
		case equalFold(p.name, "boundary"):
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

// editHead makes edits of a head that keep what it says of what follows, its lines and its folding.
func (r *Reader) editHead(f *feed, unit []byte, start int, edits []field.Edit) {
	if len(edits) == 0 {
		return
	}
	g := r.pool
	grows := 0
	for i := range edits {
		grows += len(edits[i].New) - edits[i].Span.Len()
	}
	switch {
	case start+edits[0].Span.Off < f.Lead:
		r.tell(f, proto.Unedited, editLost)
		return
	case f.Fixed && grows != 0:
		r.tell(f, proto.Unedited, cannotResize)
		return
	case !r.agrees(f, unit, edits):
		r.tell(f, proto.Unedited, breaks)
		return
	}
	for i := range edits {
		g.edit(start+edits[i].Span.Off, start+edits[i].Span.End, edits[i].New)
	}
}

// agrees reports whether a head with the edits says the same of what follows, in as many lines.
func (r *Reader) agrees(f *feed, unit []byte, edits []field.Edit) bool {
	g := r.pool
	g.unit = proto.Splice(g.unit[:0], unit, edits)
	var none field.Message
	g.again.read(g, g.unit, r.inDigest(), &none, 0)
	if g.again != g.head {
		return false
	}
	old := unit
	for at := 0; at < len(g.unit); {
		end := lineEnd(g.unit, at)
		oldEnd := lineEnd(old, 0)
		line := g.unit[at:end]
		bare := len(line) > 1 && line[len(line)-2] != '\r' || bytes.Count(line, []byte{'\r'}) != 1
		long := len(line) > 1000 && len(line) > oldEnd
		folded := (line[0] == ' ' || line[0] == '\t') == (old[0] == ' ' || old[0] == '\t')
		empty := len(bytes.TrimSpace(line)) == 0 && len(bytes.TrimSpace(old[:oldEnd])) > 0
		if bare || long || !folded || empty || line[0] == '.' && f.Stuffed || bytes.IndexByte(line, 0) >= 0 {
			return false
		}
		if line[0] != ' ' && line[0] != '\t' && fieldName(line) == 0 {
			return false
		}
		at, old = end, old[oldEnd:]
	}
	return true
}
