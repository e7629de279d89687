package http1

import (
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/coding"
)

// A plan is how a body leaves. It is made when its head is there, since the head says it.
type plan uint8

const (
	asIs    plan = iota // as it came, with edits that keep the length
	free                // until the connection closes
	rechunk             // in chunks of our own
	whole               // at once, with its Content-Length put right: it is all there
	wait                // not yet: it will be whole
)

// maxWait is how long a body may be that waits to be whole.
const maxWait = 32 << 10

// plan decides how the body leaves. The rules are in the package comment.
func (p *parser) plan(h *half, f *feed, fr framing, ask asked) plan {
	hd := &p.g.head
	id := bodyField(hd.response)
	resize := f.in.Resize.Has(id)
	switch {
	case fr <= switches || !resize && !f.in.Edits.Has(id) || !p.want(f).Has(id):
		return asIs
	case hd.part || hd.layers.Len() > 0 && (hd.untouched || !hd.decodable()):
		return asIs
	case hd.layers.Len() == 0 && (!resize || hd.coded && hd.outcome != coding.Known):
		return asIs
	case fr == byChunks:
		return rechunk
	case fr == byClose:
		return free
	case h.gone > 0:
		return asIs
	}
	return p.planLength(f, ask)
}

// planLength is plan for a body with a Content-Length whose length may change.
func (p *parser) planLength(f *feed, ask asked) plan {
	hd := &p.g.head
	coded := hd.layers.Len() > 0
	there := int64(len(f.rest())-hd.end) >= hd.contentLength
	switch {
	case there && !coded:
		return whole
	case !hd.old && ask&askedOld == 0:
		return rechunk
	case hd.lastOne(ask):
		return free
	case !coded && hd.contentLength <= maxWait && !f.in.Late && !f.in.End:
		return wait
	}
	return asIs
}

// lastOne reports whether the connection of a peer of HTTP/1.0 ends behind the response.
func (h *head) lastOne(ask asked) bool {
	return h.response && (h.old || ask&askedOld != 0) && h.closes()
}

// last reports whether the server heeds no request any more, as it says (RFC 9112 §9.6).
func (h *head) last(fr framing) bool {
	return h.response && h.code >= 200 && fr != switches && h.closes()
}

// closes reports whether who sends the head closes the connection behind its message (RFC 9112 §9.3).
func (h *head) closes() bool { return h.close || h.old && !h.keep }

const (
	unknownCoding packet.Reason = "http-unknown-coding"  // in Content-Encoding; the body is shown as it is
	tooManyCoded  packet.Reason = "http-too-many-coding" // likewise
	codedPart     packet.Reason = "http-coded-range"     // a range of a coded body; likewise
)

// tellCoding tells of a Content-Encoding that will not be undone.
func (p *parser) tellCoding(b *body, f *feed) {
	hd := &p.g.head
	switch {
	case !b.wanted || !hd.coded:
	case hd.outcome == coding.Unknown:
		proto.Tell(f.out, proto.Beyond, unknownCoding)
	case hd.outcome == coding.TooMany:
		proto.Tell(f.out, proto.Beyond, tooManyCoded)
	case hd.part && hd.layers.Len() > 0:
		proto.Tell(f.out, proto.Beyond, codedPart)
	}
}
