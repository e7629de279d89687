package http2

import (
	"bytes"
	"slices"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/internal/ascii"
)

// declineCodings adds to the edits of a request's head those by which the server answers without content codings, if bodies of responses may be
// edited: in a coded one nothing can be. The names in Accept-Encoding become others that nobody knows, of the same length. So a server
// chooses identity, which is always acceptable unless it is named and refused (RFC 9110 §12.5.3).
func (p *parser) declineCodings(h *half, f *feed, bl *block, edits []field.Edit) []field.Edit {
	g, l := p.g, &p.g.list
	may := f.in.Edits.Union(f.in.Resize)
	if f.in.Dir == p.server || g.head.trailer || p.stopped || !may.Has(field.HTTPResponseBody) || !f.in.Want.Has(field.HTTPResponseBody) || bl.start < h.gone {
		return edits
	}
	g.codings = g.codings[:0]
	asked := len(edits)
	for i := range l.headers {
		hd := &l.headers[i]
		if string(l.nameOf(hd)) != "accept-encoding" {
			continue
		}
		span := field.Span{Off: hd.value.off, End: hd.value.end}
		at := len(g.codings)
		g.codings = appendDeclined(g.codings, l.valueOf(hd))
		with := g.codings[at:len(g.codings):len(g.codings)]
		if !bytes.Equal(with, l.valueOf(hd)) && !overlapsAny(edits[:asked], span) {
			edits = append(edits, field.Edit{Span: span, New: with})
		}
	}
	if g.edits = edits; len(edits) > asked {
		slices.SortStableFunc(edits, func(a, b field.Edit) int { return a.Span.Off - b.Span.Off })
	}
	return edits
}

func overlapsAny(edits []field.Edit, s field.Span) bool {
	return slices.ContainsFunc(edits, func(e field.Edit) bool { return e.Span.Overlaps(s) })
}

// appendDeclined appends a list of codings in which the name of each, but of identity, consists of x.
func appendDeclined(dst, list []byte) []byte {
	for len(list) > 0 {
		end := bytes.IndexByte(list, ',') + 1
		if end == 0 {
			end = len(list)
		}
		from := len(dst)
		dst = append(dst, list[:end]...)
		list = list[end:]
		one := dst[from:]
		if n := bytes.IndexAny(one, ";,"); n >= 0 {
			one = one[:n]
		}
		if one = bytes.Trim(one, " \t"); !ascii.EqualFold(one, "identity") {
			for i := range one {
				one[i] = 'x'
			}
		}
	}
	return dst
}
