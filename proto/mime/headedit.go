package mime

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/proto"
)

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
