package http1

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

// header reads one header line.
func (h *head) header(unit []byte, at, end int) packet.Reason {
	b := unit[at:end]
	if b[0] == ' ' || b[0] == '\t' {
		if !h.response || h.folded || at == h.block.Off {
			return obsFold
		}
		return ""
	}
	name := tokenSize(b)
	switch {
	case name == 0 || name == len(b):
		return badHeader
	case b[name] == ' ' || b[name] == '\t':
		if bytes.IndexByte(b, ':') < 0 {
			return badHeader
		}
		return spaceColon
	case b[name] != ':':
		return badHeader
	}
	return h.known(unit, b[:name], trim(unit, at+name+1, end))
}

// known notes the headers that matter here.
func (h *head) known(unit, name []byte, value field.Span) packet.Reason {
	h.folded = false
	v := unit[value.Off:value.End]
	switch len(name) {
	case 4:
		switch {
		case equalFold(name, "host"):
			if h.hosts++; h.hosts > 1 && !h.response {
				return duplicateHost
			}
			if !h.absolute && !h.response {
				h.host = value
			}
		case equalFold(name, "etag"):
			h.validated = true
		}
	case 7:
		if equalFold(name, "upgrade") {
			h.upgrade, h.h2c = true, h.h2c || listed(v, "h2c")
		}
	case 10:
		switch {
		case equalFold(name, "user-agent") && h.agent.End == 0:
			h.agent = value
		case equalFold(name, "connection"):
			h.close, h.keep = h.close || listed(v, "close"), h.keep || listed(v, "keep-alive")
		}
	case 13:
		h.part = h.part || equalFold(name, "content-range")
		h.untouched = h.untouched || equalFold(name, "cache-control") && listed(v, "no-transform")
	case 14:
		if equalFold(name, "content-length") {
			return h.lengthIs(v, value)
		}
	case 16:
		if equalFold(name, "content-encoding") {
			h.folded, h.coded = true, true
			h.outcome = max(h.outcome, h.layers.Add(v))
		}
	case 17:
		if equalFold(name, "transfer-encoding") {
			h.folded = true
			if h.transfer.End > 0 {
				return duplicateTE
			}
			h.transfer = value
		}
	}
	h.validated = h.validated || isValidator(name)
	return ""
}

// lengthIs takes a Content-Length. It may be there again, the same: receivers take it then, or refuse the message (RFC 9112 §6.3).
func (h *head) lengthIs(v []byte, value field.Span) packet.Reason {
	h.folded = true
	n, ok := decimal(v)
	switch {
	case !ok:
		return badLength
	case h.length.End > 0 && n != h.contentLength:
		return duplicateLen
	case h.length.End == 0:
		h.length, h.contentLength = value, n
	}
	return ""
}

// isValidator reports whether the field tells of the body what an edit makes untrue, besides ETag.
func isValidator(name []byte) bool {
	switch len(name) {
	case 6:
		return equalFold(name, "digest")
	case 11:
		return equalFold(name, "content-md5") || equalFold(name, "repr-digest")
	case 13:
		return equalFold(name, "accept-ranges")
	case 14:
		return equalFold(name, "content-digest")
	}
	return false
}

// listed reports whether the list has the lower-case word, maybe with a value.
func listed(list []byte, word string) bool {
	for len(list) > 0 {
		one, rest, _ := bytes.Cut(list, comma)
		one = bytes.Trim(one, " \t")
		if n := tokenSize(one); equalFold(one[:n], word) {
			return true
		}
		list = rest
	}
	return false
}

var comma = []byte{','}

func trim(unit []byte, off, end int) field.Span {
	for off < end && (unit[off] == ' ' || unit[off] == '\t') {
		off++
	}
	for off < end && (unit[end-1] == ' ' || unit[end-1] == '\t') {
		end--
	}
	return field.Span{Off: off, End: end}
}

// decimal reads up to 18 digits.
func decimal(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// equalFold reports whether b is the lower-case name.
func equalFold(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

// tokenSize is the number of token bytes (RFC 9110 §5.6.2) that b begins with.
func tokenSize(b []byte) int {
	for i, c := range b {
		if !token[c] {
			return i
		}
	}
	return len(b)
}

var token = func() (t [256]bool) {
	for c := '0'; c <= 'z'; c++ {
		t[c] = c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()
