package http1

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
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
	duplicateLen   packet.Reason = "http-duplicate-length"   // even if both say the same (§6.3)
	badLength      packet.Reason = "http-bad-length"
	duplicateTE    packet.Reason = "http-duplicate-transfer-encoding"
	badTE          packet.Reason = "http-bad-transfer-encoding" // in a request: not chunked at last; or in HTTP/1.0 (§6.1)
	lengthAndTE    packet.Reason = "http-length-and-chunked"    // §6.1
)

// A head is what was read of a start line and header lines. Spans count in the unit; those not found have End 0.
type head struct {
	response bool
	absolute bool // host is of the target
	old      bool // HTTP/1.0
	method   field.Span
	target   field.Span
	status   field.Span
	host     field.Span // as received
	agent    field.Span
	length   field.Span // value of Content-Length
	block    field.Span // header lines; valid iff whole
	whole    bool       // the empty line is there
	end      int        // behind the empty line; valid iff whole

	hosts         int
	transfer      field.Span // value of Transfer-Encoding
	code          int        // status
	contentLength int64      // valid iff length was found
	folded        bool       // the header line read last may not be folded
}

// read reads the head that unit begins with. "" with !h.whole means that it goes on behind the unit; what
// was found then stands in whole lines.
func (h *head) read(unit []byte) packet.Reason {
	*h = head{}
	at := emptyLines(unit)
	line, next, why := readLine(unit, at)
	if why != "" {
		return why
	}
	if next == 0 {
		return h.partialStart(unit, at)
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
		case at > maxHead || next == 0 && len(unit) > maxHead:
			return headTooLarge
		case next == 0:
			return ""
		case line == at:
			h.block.End, h.end, h.whole = at, next, true
			return h.check(unit)
		case lines == maxLines:
			return tooManyHeaders
		case next == len(unit) && unit[at] != ' ' && unit[at] != '\t':
			return "" // its value may be folded
		}
		if why := h.header(unit, at, line); why != "" {
			return why
		}
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

// partialStart makes what it can of a start line without end.
func (h *head) partialStart(unit []byte, at int) packet.Reason {
	if len(unit) > maxHead {
		return headTooLarge
	}
	b := unit[at:]
	h.response = bytes.HasPrefix(b, []byte("HTTP/"))
	if n := tokenSize(b); !h.response && n > 0 && n < len(b) && b[n] == ' ' {
		h.method = field.Span{Off: at, End: at + n}
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
	if method == 0 || method == len(b) || b[method] != ' ' {
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
	h.response, h.old = true, b[7] == '0'
	h.status = field.Span{Off: at + 9, End: at + 12}
	return ""
}

func isVersion(b []byte) bool {
	return len(b) == 8 && bytes.HasPrefix(b, []byte("HTTP/1.")) && '0' <= b[7] && b[7] <= '9'
}

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
	switch {
	case equalFold(name, "host"):
		if h.hosts++; h.hosts > 1 && !h.response {
			return duplicateHost
		}
		if !h.absolute && !h.response {
			h.host = value
		}
	case equalFold(name, "user-agent"):
		if h.agent.End == 0 {
			h.agent = value
		}
	case equalFold(name, "content-length"):
		h.folded = true
		if h.length.End > 0 {
			return duplicateLen
		}
		h.length = value
		var ok bool
		if h.contentLength, ok = decimal(unit[value.Off:value.End]); !ok {
			return badLength
		}
	case equalFold(name, "transfer-encoding"):
		h.folded = true
		if h.transfer.End > 0 {
			return duplicateTE
		}
		h.transfer = value
	}
	return ""
}

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
