package http2

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
)

// maxStreams is how many can be open in one connection.
const maxStreams = 256

// A stream is one of a connection's, from its request to the end of both its messages.
type stream struct {
	id   uint32
	side [2]side // by the direction of what is said
	head bool    // the request's method is HEAD, or not known: Content-Length says nothing of the response
	lost bool    // it was reset by who hears a message of which something is held
}

// A side is one of a stream's two messages.
type side struct {
	place  sidePlace
	length int64 // bytes of the body that are to come by Content-Length; negative if there is none
	body   body
}

type sidePlace uint8

const (
	atHead sidePlace = iota
	inBody
	ended
)

// find returns the stream that is open, or nil.
func (p *parser) find(id uint32) *stream {
	if i := p.placeOf(id); i < len(p.streams) && p.streams[i].id == id {
		return p.streams[i]
	}
	return nil
}

// placeOf returns where in p.streams the stream is, or would be: they are in the order of their numbers.
func (p *parser) placeOf(id uint32) int {
	lo, hi := 0, len(p.streams)
	for lo < hi {
		if mid := (lo + hi) / 2; p.streams[mid].id < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// openStream begins a stream.
func (p *parser) openStream(id uint32) (s *stream, why packet.Reason) {
	g := p.g
	switch n := len(g.streams); {
	case len(p.streams) == maxStreams:
		return nil, tooMany
	case n > 0:
		s, g.streams = g.streams[n-1], g.streams[:n-1]
	case g.opened == allStreams:
		return nil, streamsFull
	default:
		g.opened++
		s = new(stream)
	}
	s.id = id
	at := p.placeOf(id)
	p.streams = append(p.streams, nil)
	copy(p.streams[at+1:], p.streams[at:])
	p.streams[at] = s
	return s, ""
}

// closeStream forgets a stream.
func (p *parser) closeStream(s *stream) {
	at := p.placeOf(s.id)
	p.streams = append(p.streams[:at], p.streams[at+1:]...)
	for d := range p.half {
		h := &p.half[d]
		if h.cur == s {
			h.cur = nil
		}
		if h.stall == s {
			h.stall = nil
		}
		p.unhold(h, s)
	}
	p.g.dropStream(s)
}

// dropStream gives back a stream with what it holds.
func (g *Grammar) dropStream(s *stream) {
	for d := range s.side {
		g.dropBody(&s.side[d].body)
	}
	*s = stream{}
	g.streams = append(g.streams, s)
}

// endSide notes that a message is over, and shows that.
func (p *parser) endSide(f *feed, s *stream, d flow.Direction) bool {
	sd := &s.side[d]
	if sd.length > 0 {
		return f.unreadable(lengthDiffer)
	}
	sd.place = ended
	p.g.dropBody(&sd.body)
	p.showEnd(f, s, d, false)
	p.closeIfOver(s)
	return true
}

// closeIfOver forgets a stream both of whose messages are over.
func (p *parser) closeIfOver(s *stream) {
	if s.side[0].place == ended && s.side[1].place == ended {
		p.closeStream(s)
	}
}

// showEnd shows the end of a message, with what stands in g.list behind the body if there is a trailer.
func (p *parser) showEnd(f *feed, s *stream, d flow.Direction, trailer bool) []field.Edit {
	g, m := p.g, &p.g.msg
	m.Reset(g.Name(), nil)
	m.Complete, m.Response, m.Stream = true, d == p.server, s.id
	if trailer {
		m.Unit = g.list.text
		g.head.fields(g, m, p.want(f))
	}
	return p.show(f, m, field.MessageEnd).Edits
}

// reset has a stream end at once.
func (p *parser) reset(h *half, f *feed, id uint32) bool {
	s := p.find(id)
	if s == nil {
		if p.isIdle(id) {
			return f.unreadable(badStream)
		}
		return true
	}
	d := f.in.Dir
	other := &p.half[d.Reverse()]
	if d != p.server && s.side[p.server].place == atHead {
		if p.resets++; p.resets >= p.answered+maxResets && !p.told {
			p.told = true
			if f.tell(beyond, rapidReset) {
				return false
			}
		}
	}
	p.lastOf(h, f, s)
	s.side[d].place = ended
	if p.holds(other, s) { // what is held leaves in its own direction
		s.lost = true
		other.lost++
		return true
	}
	p.closeStream(s)
	return true
}

// maxResets is how many more requests may be taken back before anything answers them than are answered, until that is told (CVE-2023-44487). Who ends
// what a server sends without end, as subscriptions are ended, does not count.
const maxResets = 128

// lastOf decides what is held of a body whose sender breaks it off.
func (p *parser) lastOf(h *half, f *feed, s *stream) {
	if sd := &s.side[f.in.Dir]; sd.place == inBody && p.holds(h, s) {
		p.readPart(h, f, s, piece{pos: h.pos}, true)
	}
	p.unhold(h, s)
}

// endLost decides what is held of bodies that nobody hears any more.
func (p *parser) endLost(h *half, f *feed) {
	for i := len(p.streams) - 1; i >= 0 && h.lost > 0; i-- {
		if s := p.streams[i]; s.lost {
			s.lost = false
			h.lost--
			p.lastOf(h, f, s)
			p.closeStream(s)
		}
	}
	h.lost = 0
}

// isIdle reports whether a stream was not begun yet.
func (p *parser) isIdle(id uint32) bool {
	d := p.server
	if id%2 == 1 {
		d = d.Reverse()
	}
	return id > p.last[d]
}
