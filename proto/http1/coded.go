package http1

import (
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/coding"
)

const (
	maxText  = 64 << 10  // bytes of a part of decoded text
	maxFed   = 4 << 10   // coded bytes that are decoded before the work that they took is looked at
	maxAhead = 192 << 10 // work of decoding in one call (coding.Stream.Work), unless time is up
	maxLate  = 8 << 20   // and if it is
	maxKept  = 4 << 10   // decoded bytes that are held
	allKept  = 1024      // how many bodies can hold some

	notCoded    packet.Reason = "http-not-as-coded" // a body that is not in the coding that its head says
	noDecoder   packet.Reason = "http-decoders-exhausted"
	heldExhaust packet.Reason = "http-held-exhausted"
)

// readCoded decodes what was gathered, shows the text, and has it leave if the body leaves decoded.
func (p *parser) readCoded(h *half, f *feed, from int, over bool) bool {
	b, g := h.body, p.g
	fed := from // where those bytes begin that are read now
	if len(g.pieces) > 0 {
		fed = g.pieces[0].in
	}
	if b.stream == nil {
		switch ready, ok := p.openStream(b, f, over); {
		case !ready:
			f.at = p.back(b, 0)
			if b.decodes && from < f.at && !f.out.Replace(from, f.at, nil) { // a chunk's line
				return f.broken(proto.Unedited, editLost)
			} else if b.decodes {
				proto.Mark(f.out, from, f.at)
			}
			return false
		case !ok:
			b.layers = coding.Layers{}
			// From here on it is like a body that is not coded; nothing of it has been read.
			return p.readText(h, f, from, chunks{place: inData}, over)
		}
	}
	g.text = append(g.text[:0], b.kept...)
	g.out = append(g.out[:0], sizeRoom...)
	resumed := b.stalled
	all := !resumed && (over || b.framing == byClose && f.in.End)
	why := p.decode(b, f, &all)
	over = over && all
	if why == "" || why == coding.Truncated {
		p.textOut(b, f, over)
	}
	if why != "" && !p.undecodable(b, f, why) {
		return false
	}
	more := p.moreCoded(b, f, resumed)
	cut := f.at
	if b.decodes && !p.stopped {
		proto.Mark(f.out, from, f.at)
	}
	b.kept = g.kept.Keep(b.kept, g.text)
	switch {
	case more && resumed:
		// What follows decides about what is held, so all of it stays: of what leaves decoded a byte, for which time can be up.
		b.ahead = f.at - from
		if b.decodes {
			b.ahead = min(1, b.ahead)
		}
		cut = f.at - b.ahead
	case more || f.soft():
	case b.seen > b.left, f.more && b.decodes:
		if cut = p.keepBack(b, f, from); g.spare && !b.decodes && !f.more {
			f.free = f.at
		}
	case !over && !b.decodes: // the decoder has read more than it has written
		if cut = fed; f.text == 0 && f.at-from <= maxHold {
			cut = from
		}
		b.ahead = f.at - cut
	}
	if b.decodes && !p.sendDecoded(b, f, from, cut, over) {
		return f.broken(proto.Unedited, editLost)
	}
	f.at = cut
	if over {
		return p.endBody(h, f)
	}
	return more
}

// moreCoded reports whether there is more to decode in this call. Where that is for the next one, it says so to the caller.
func (p *parser) moreCoded(b *body, f *feed, resumed bool) bool {
	switch {
	case resumed && !b.stalled:
		ends := b.framing == byLength && b.due == 0 || f.in.End
		return f.at < len(f.in.Bytes) || ends
	case len(p.g.pieces) < maxPieces || f.at == len(f.in.Bytes) || f.more:
		return false
	case f.work < maxAhead || f.soft():
		return true
	}
	f.more = true
	return false
}

// openStream opens the decoder once the body's first bytes are there. ok says that it is decoded from here on.
func (p *parser) openStream(b *body, f *feed, over bool) (ready, ok bool) {
	if len(p.g.pieces) == 0 {
		if !over {
			return true, true
		}
		b.layers = coding.Layers{} // nothing was coded
		return true, false
	}
	first := p.join(b, f)
	if len(first) < coding.MaxMagic && !over && !f.in.Late && !f.in.End {
		return false, false
	}
	if !b.layers.Fits(first) {
		proto.Tell(f.out, proto.Unreadable, notCoded)
		return true, false
	}
	if b.stream = p.g.decoders.Open(b.layers); b.stream == nil {
		proto.Tell(f.out, proto.Beyond, noDecoder)
		return true, false
	}
	return true, true
}

// sizeRoom is the room for a chunk's line in front of text.
const sizeRoom = "\r\n0000000\r\n"

// decode decodes the pieces into g.text, which leaves when it is full. It reads less than all if that is too much for now; then it goes on
// with that the next time, before there are pieces again.
func (p *parser) decode(b *body, f *feed, over *bool) packet.Reason {
	switch {
	case b.stream == nil:
		return ""
	case b.stalled:
		why, _ := p.drain(b, f)
		return why
	case b.drained && len(p.g.pieces) > 0:
		return coding.Bad // the end of the connection, which was the body's, was none
	}
	pieces := p.g.pieces
	for i := range pieces {
		pc := &pieces[i]
		for at := 0; at < pc.n; {
			fed := min(pc.n-at, maxFed)
			b.stream.Feed(f.in.Bytes[pc.in+at:pc.in+at+fed], *over && i == len(pieces)-1 && at+fed == pc.n)
			why, all := p.drain(b, f)
			if why != "" {
				return why
			}
			if at += fed; !all {
				at -= b.stream.Rest()
				b.chunks = chunks{place: inData, due: pc.due - int64(at)}
				f.at, *over = pc.in+at, false
				return ""
			}
		}
	}
	b.drained = *over
	if *over && !b.stream.Done() {
		b.stream.Feed(nil, true)
		why, all := p.drain(b, f)
		*over = all
		return why
	}
	return ""
}

// drain decodes what the stream was fed; all of it, unless that is too much for now.
func (p *parser) drain(b *body, f *feed) (why packet.Reason, all bool) {
	g := p.g
	b.stalled = false
	for {
		switch {
		case f.work >= maxLate:
			return coding.Laborious, true
		case f.work >= maxAhead && !f.soft():
			b.stalled, f.more = true, true
			return "", false
		case len(g.text) == cap(g.text):
			p.textOut(b, f, false)
		}
		before := b.stream.Work()
		n, why := b.stream.Read(g.text[len(g.text):cap(g.text)])
		g.text = g.text[:len(g.text)+n]
		f.text += n
		f.work += int(b.stream.Work() - before)
		if why != "" || n == 0 {
			return why, true
		}
	}
}

// textOut shows the text decoded so far. What is held of it stays in g.text, the first b.left bytes of which have left.
func (p *parser) textOut(b *body, f *feed, over bool) {
	g := p.g
	hold, edits := p.showPart(b, f, g.text, over, len(g.text) == cap(g.text))
	if hold = min(hold, maxKept); hold > 0 && !g.kept.Has(b.kept) {
		proto.Tell(f.out, proto.Beyond, heldExhaust)
		hold = 0
	}
	keep, lead := len(g.text)-hold, b.left
	to := max(keep, lead)
	if f.soft() {
		to = len(g.text)
	}
	if b.decodes {
		g.out = proto.Splice(g.out, g.text[lead:to], edits)
	}
	b.left = max(0, to-keep)
	b.offset += int64(keep)
	b.seen = hold
	g.text = g.text[:copy(g.text, g.text[keep:])]
	g.tail = g.text
}

// undecodable tells why a body cannot be decoded on. It reports whether the connection can go on; then no more of
// the body is shown.
func (p *parser) undecodable(b *body, f *feed, why packet.Reason) bool {
	as := proto.Beyond // more than we undo, or less than there should be: all that can be read was shown
	if why == coding.Bad {
		as = proto.Unreadable
	}
	if b.decodes && why != coding.Truncated {
		return f.broken(as, why)
	}
	proto.Tell(f.out, as, why)
	if why != coding.Truncated {
		p.textOut(b, f, true)
		b.wanted = false
	}
	return true
}

// keepBack returns up to where what was fed may leave while some of its text is held: so much of it stays that time can be up
// for it.
func (p *parser) keepBack(b *body, f *feed, from int) (cut int) {
	switch {
	case b.decodes:
		b.ahead = min(1, f.at-from)
	case f.at-from <= maxHold:
		b.ahead = f.at - from
	case f.more:
		b.ahead = min(1, f.at-from)
	}
	return f.at - b.ahead
}

// sendDecoded has g.out leave in place of what it was made from.
func (p *parser) sendDecoded(b *body, f *feed, from, cut int, over bool) bool {
	g := p.g
	text := g.out[len(sizeRoom):]
	if b.plan == free {
		return from == cut && len(text) == 0 || f.out.Replace(from, cut, text)
	}
	framed := text
	if len(text) > 0 {
		var room [len(sizeRoom) + 8]byte
		line := b.chunkLine(room[:0], len(text))
		off := len(sizeRoom) - len(line)
		copy(g.out[off:], line)
		framed = g.out[off:]
	}
	framed = b.finish(framed, over)
	return from == cut && len(framed) == 0 || f.out.Replace(from, cut, framed)
}
