package http1

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto/coding"
)

// Limits of a head.
const (
	maxHead  = 64 << 10
	maxLines = 256
)

// Reasons for which a head is refused. On each of them receivers differ, or RFC 9112 wants an error.
const (
	headTooLarge   packet.Reason = "http-head-too-large"
	tooManyHeaders packet.Reason = "http-too-many-headers"
	badStart       packet.Reason = "http-bad-start-line"
	badVersion     packet.Reason = "http-bad-version"        // none, or not HTTP/1.x
	badTarget      packet.Reason = "http-bad-target"         // in none of the four forms (§3.2)
	oddSpace       packet.Reason = "http-odd-space"          // blanks before, behind or doubled in the start line, or TAB
	controlByte    packet.Reason = "http-control-byte"       // NUL, or CR that ends no line (§2.2)
	badHeader      packet.Reason = "http-bad-header"         // no colon, or no token before it
	spaceColon     packet.Reason = "http-space-before-colon" // §5.1
	obsFold        packet.Reason = "http-obs-fold"           // in a request, or in what frames a response (§5.2)
	duplicateHost  packet.Reason = "http-duplicate-host"     // §3.2
	badHost        packet.Reason = "http-bad-host"           // no name or address with port: user names, lists
	duplicateLen   packet.Reason = "http-duplicate-length"   // that differ (§6.3)
	badLength      packet.Reason = "http-bad-length"
	duplicateTE    packet.Reason = "http-duplicate-transfer-encoding"
	badTE          packet.Reason = "http-bad-transfer-encoding" // another than chunked, or in HTTP/1.0 (§6.1, §7)
	lengthAndTE    packet.Reason = "http-length-and-chunked"    // §6.1
)

// A head is what was read of a start line and header lines. Spans count in the unit; those not found have End 0.
type head struct {
	response bool
	absolute bool // host is of the target
	old      bool // HTTP/1.0
	connects bool // the method is CONNECT
	method   field.Span
	target   field.Span
	status   field.Span
	host     field.Span // as received
	agent    field.Span
	block    field.Span // header lines
	end      int        // behind the empty line

	hosts         int
	transfer      field.Span // value of Transfer-Encoding
	code          int        // status
	length        field.Span // value of the first Content-Length
	contentLength int64      // valid iff length was found
	folded        bool       // the header line read last may not be folded

	coded     bool // there is a Content-Encoding
	layers    coding.Layers
	outcome   coding.Outcome // of what it names
	close     bool           // Connection: close
	keep      bool           // Connection: keep-alive
	upgrade   bool           // Upgrade
	h2c       bool           // to HTTP/2 (RFC 7540 §3.2)
	part      bool           // of a range: 206, or Content-Range
	untouched bool           // Cache-Control: no-transform
	validated bool           // it has fields that an edit of the body makes wrong
}

// read reads the head that unit begins with at at, behind empty lines. It must be whole: see headEnd.
func (h *head) read(unit []byte, at int) packet.Reason {
	*h = head{}
	line, next, why := readLine(unit, at)
	if why != "" {
		return why
	}
	if why := h.start(unit, at, line); why != "" {
		return why
	}
	h.block.Off = next
	for lines := 0; ; lines++ {
		at = next
		line, next, why = readLine(unit, at)
		switch {
		case why != "":
			return why
		case at > maxHead:
			return headTooLarge
		case line == at || next == 0:
			h.block.End, h.end = at, max(at, next)
			return h.check(unit)
		case lines == maxLines:
			return tooManyHeaders
		}
		if why := h.header(unit, at, line); why != "" {
			return why
		}
	}
}

// headEnd returns the offset behind the empty line that ends a head or trailer; 0 if there is none yet. The first from
// bytes of b are known to have none in them; it returns how many they are now.
func headEnd(b []byte, from int) (end, none int) {
	at := max(0, from)
	for {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return 0, at
		}
		line := at + n + 1
		switch rest := b[line:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return line + 1, at
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return line + 2, at
		case len(rest) == 0 || len(rest) == 1 && rest[0] == '\r':
			return 0, at
		}
		at = line
	}
}

// readLine returns the end of the line at off and the offset of the next; 0 iff the line is not whole.
func readLine(unit []byte, off int) (end, next int, why packet.Reason) {
	n := bytes.IndexByte(unit[off:], '\n')
	if n < 0 {
		return 0, 0, ""
	}
	end, next = off+n, off+n+1
	if end > off && unit[end-1] == '\r' {
		end--
	}
	if bytes.IndexByte(unit[off:end], '\r') >= 0 || bytes.IndexByte(unit[off:end], 0) >= 0 {
		return 0, 0, controlByte
	}
	return end, next, ""
}

// emptyLines returns the offset behind the empty lines at the start, which a receiver overlooks.
func emptyLines(unit []byte) int {
	at := 0
	for at < len(unit) && at < maxEmpty && (unit[at] == '\n' || unit[at] == '\r' && at+1 < len(unit) && unit[at+1] == '\n') {
		at++
	}
	return at
}

const maxEmpty = 16

// check holds the header lines against each other.
func (h *head) check(unit []byte) packet.Reason {
	if h.transfer.End == 0 {
		return ""
	}
	if h.length.End > 0 {
		return lengthAndTE
	}
	if h.old || !equalFold(unit[h.transfer.Off:h.transfer.End], "chunked") {
		return badTE
	}
	return ""
}

func (h *head) start(unit []byte, at, end int) packet.Reason {
	if bytes.HasPrefix(unit[at:end], []byte("HTTP/")) {
		return h.statusLine(unit, at, end)
	}
	b := unit[at:end]
	if len(b) == 0 {
		return badStart
	}
	if b[0] == ' ' || b[len(b)-1] == ' ' || bytes.IndexByte(b, '\t') >= 0 {
		return oddSpace
	}
	method := tokenSize(b)
	if method == 0 || method > maxMethod || method == len(b) || b[method] != ' ' {
		return badStart
	}
	last := bytes.LastIndexByte(b, ' ')
	switch {
	case last == method:
		return badVersion
	case bytes.IndexByte(b[method+1:last], ' ') >= 0 || last == method+1:
		return oddSpace
	case !isVersion(b[last+1:]):
		return badVersion
	}
	h.old = b[len(b)-1] == '0'
	h.method = field.Span{Off: at, End: at + method}
	h.target = field.Span{Off: at + method + 1, End: at + last}
	return h.targetHost(unit)
}

// statusLine reads "HTTP/1.x SP 3DIGIT [SP reason]".
func (h *head) statusLine(unit []byte, at, end int) packet.Reason {
	b := unit[at:end]
	if len(b) < 8 || !isVersion(b[:8]) {
		return badVersion
	}
	if len(b) < 12 || b[8] != ' ' || len(b) > 12 && b[12] != ' ' {
		return badStart
	}
	for _, c := range b[9:12] {
		if c < '0' || c > '9' {
			return badStart
		}
		h.code = 10*h.code + int(c-'0')
	}
	if h.code < 100 {
		return badStart
	}
	h.response, h.old, h.part = true, b[7] == '0', h.code == 206
	h.status = field.Span{Off: at + 9, End: at + 12}
	return ""
}

func isVersion(b []byte) bool {
	return len(b) == 8 && bytes.HasPrefix(b, []byte("HTTP/1.")) && '0' <= b[7] && b[7] <= '9'
}
