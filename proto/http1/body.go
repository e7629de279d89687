package http1

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const (
	maxChunks    = 1024
	maxChunkLine = 4096

	badChunk      packet.Reason = "http-bad-chunk" // size not hexadecimal, or a line without CR LF
	tooManyChunks packet.Reason = "http-too-many-chunks"
)

// A framing says where a message ends (RFC 9112 §6.3).
type framing uint8

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

// check holds the header lines against each other.
func (h *head) check(unit []byte) packet.Reason {
	if h.transfer.End == 0 {
		return ""
	}
	if h.length.End > 0 {
		return lengthAndTE
	}
	if h.old || !h.response && !h.chunked(unit) {
		return badTE
	}
	return ""
}

// chunked reports whether the last transfer coding is chunked.
func (h *head) chunked(unit []byte) bool {
	v := unit[h.transfer.Off:h.transfer.End]
	if n := bytes.LastIndexByte(v, ','); n >= 0 {
		v = bytes.TrimLeft(v[n+1:], " \t")
	}
	return equalFold(v, "chunked")
}

func (h *head) framing(unit []byte) framing {
	switch {
	case h.response && (h.code < 200 || h.code == 204 || h.code == 304):
		return noBody
	case h.transfer.End > 0 && h.chunked(unit):
		return byChunks
	case h.transfer.End > 0:
		return byClose
	case h.length.End > 0:
		return byLength
	case h.response:
		return byClose
	}
	return noBody
}

// body adds the body's fields, if wanted, and returns the size of the message.
func (h *head) body(m *field.Message, unit []byte, id field.ID, wanted bool) (n int, why packet.Reason) {
	add := func(s field.Span) {
		if wanted && s.Len() > 0 {
			m.Add(field.Field{ID: id, Value: unit[s.Off:s.End:s.End], Span: s, Editable: true})
		}
	}
	switch h.framing(unit) {
	case byLength:
		if h.contentLength > int64(len(unit)-h.end) {
			add(field.Span{Off: h.end, End: len(unit)})
			return 0, proto.Incomplete
		}
		n = h.end + int(h.contentLength)
		add(field.Span{Off: h.end, End: n})
		return n, ""
	case byClose:
		add(field.Span{Off: h.end, End: len(unit)})
		return 0, proto.Incomplete
	case byChunks:
		return h.chunks(unit, add)
	}
	return h.end, ""
}

func (h *head) chunks(unit []byte, add func(field.Span)) (n int, why packet.Reason) {
	at := h.end
	for range maxChunks {
		c, why := readChunk(unit, at)
		add(c.data)
		switch {
		case why != "":
			return 0, why
		case c.size == 0:
			return readTrailer(unit, c.next)
		}
		at = c.next
	}
	return 0, tooManyChunks
}

// A chunk is one chunk of a body (RFC 9112 §7.1).
type chunk struct {
	line   int        // offset of its first line
	digits field.Span // of the size in that line
	size   int64
	data   field.Span // as much as lies in the unit
	next   int        // behind it; for the last chunk, behind its line
}

// readChunk reads the chunk at off; c is as much of it as there is.
func readChunk(unit []byte, off int) (c chunk, why packet.Reason) {
	c.line = off
	b := unit[off:]
	n := bytes.IndexByte(b, '\n')
	if n > maxChunkLine || n < 0 && len(b) > maxChunkLine {
		return c, badChunk
	}
	if n < 0 {
		return c, proto.Incomplete
	}
	if n == 0 || b[n-1] != '\r' || bytes.IndexByte(b[:n-1], '\r') >= 0 || bytes.IndexByte(b[:n], 0) >= 0 {
		return c, badChunk
	}
	d := 0
	for ; d < n-1 && hexValue(b[d]) >= 0; d++ {
		c.size = c.size<<4 | int64(hexValue(b[d]))
	}
	rest := bytes.TrimLeft(b[d:n-1], " \t")
	if d == 0 || d > 15 || len(rest) > 0 && rest[0] != ';' {
		return c, badChunk
	}
	c.digits = field.Span{Off: off, End: off + d}
	data := off + n + 1
	if c.size == 0 {
		c.next = data
		return c, ""
	}
	if c.size > int64(len(unit)-data) {
		c.data = field.Span{Off: data, End: len(unit)}
		return c, proto.Incomplete
	}
	end := data + int(c.size)
	c.data, c.next = field.Span{Off: data, End: end}, end+2
	tail := unit[end:min(end+2, len(unit))]
	if !bytes.HasPrefix([]byte("\r\n"), tail) {
		return c, badChunk
	}
	if len(tail) < 2 {
		return c, proto.Incomplete
	}
	return c, ""
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// readTrailer returns the offset behind the empty line that ends the trailer at off.
func readTrailer(unit []byte, off int) (int, packet.Reason) {
	at := off
	for range maxLines {
		end, next, why := readLine(unit, at)
		switch {
		case why != "":
			return 0, why
		case at-off > maxHead || next == 0 && len(unit)-off > maxHead:
			return 0, headTooLarge
		case next == 0:
			return 0, proto.Incomplete
		case end == at:
			return next, ""
		}
		at = next
	}
	return 0, tooManyHeaders
}
