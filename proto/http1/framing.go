package http1

import (
	"bytes"

	"github.com/weir-project/weir/packet"
)

// A framing says where a message ends (RFC 9112 §6.3).
type framing uint8

const (
	noBody   framing = iota
	switches         // with its head, and what follows is another protocol's, or a tunnel's
	byLength
	byChunks
	byClose
)

const unaskedUpgrade packet.Reason = "http-unasked-upgrade" // 101 for a request without Upgrade

// framing returns how the message is framed, if it is a response to what was asked.
func (h *head) framing(ask asked) framing {
	switch {
	case h.response && h.code == 101:
		return switches
	case h.response && (h.code < 200 || h.code == 204 || h.code == 304 || ask&askedHead != 0):
		return noBody
	case h.response && ask&askedConnect != 0 && h.code < 300, !h.response && h.connects:
		return switches
	case h.transfer.End > 0:
		return byChunks
	case h.length.End > 0 && h.contentLength > 0:
		return byLength
	case h.length.End > 0 || !h.response:
		return noBody
	}
	return byClose
}

// asks returns what of the request matters for its response.
func (h *head) asks(unit []byte) (what asked) {
	if string(unit[h.method.Off:h.method.End]) == "HEAD" {
		what |= askedHead
	}
	if h.connects {
		what |= askedConnect
	}
	if h.upgrade {
		what |= askedUpgrade
	}
	if h.old {
		what |= askedOld
	}
	return what
}

const (
	maxChunkLine = 4096

	badChunk packet.Reason = "http-bad-chunk" // size not hexadecimal, or a line without CR LF
)

// chunkPlace is where in a chunk (RFC 9112 §7.1) the reading stands.
type chunkPlace uint8

const (
	inSize chunkPlace = iota // of the line: its size
	inRest                   // blanks and extensions
	inEnd                    // its LF
	inData
	inTail   // CR behind the data
	inTailLF // and its LF
	inTrailer
)

// chunks is the reading of a chunked body.
type chunks struct {
	place chunkPlace
	size  int64 // as far as it was read
	due   int64 // of the data
	line  int   // bytes of the line that were read
	blank bool  // between size and extensions
}

// frame reads b as long as it is no data, and returns how far that is.
func (c *chunks) frame(b []byte) (n int, why packet.Reason) {
	for n < len(b) {
		switch c.place {
		case inData, inTrailer:
			return n, ""
		case inTail, inTailLF:
			if b[n] != "\r\n"[c.place-inTail] {
				return n, badChunk
			}
			if c.place++; c.place > inTailLF {
				*c = chunks{}
			}
			n++
			continue
		}
		if c.line++; c.line > maxChunkLine || !c.lineByte(b[n]) {
			return n, badChunk
		}
		n++
	}
	return n, ""
}

// lineByte reads one byte of a chunk's line.
func (c *chunks) lineByte(x byte) bool {
	if c.place == inEnd {
		c.place, c.due = inData, c.size
		if c.size == 0 {
			c.place = inTrailer
		}
		return x == '\n'
	}
	if c.place == inSize {
		if v := hexValue(x); v >= 0 {
			c.size = c.size<<4 | int64(v)
			return c.line <= maxDigits
		}
		if c.line == 1 {
			return false
		}
		c.place, c.blank = inRest, true
	}
	switch {
	case x == '\r':
		c.place = inEnd
	case x == '\n' || x == 0:
		return false
	case c.blank && x == ';':
		c.blank = false
	case c.blank:
		return x == ' ' || x == '\t'
	}
	return true
}

const maxDigits = 15

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

// trailer checks the lines of a trailer, whose end is there.
func trailer(b []byte) packet.Reason {
	at := 0
	for range maxLines {
		end, next, why := readLine(b, at)
		switch {
		case why != "":
			return why
		case next == 0 || end == at:
			return ""
		}
		if n := tokenSize(b[at:end]); n == 0 || bytes.IndexByte(b[at+n:end], ':') != 0 {
			return badHeader
		}
		at = next
	}
	return tooManyHeaders
}
