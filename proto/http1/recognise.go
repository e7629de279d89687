package http1

import (
	"bytes"

	"github.com/weir-project/weir/proto"
)

// Recognise looks for a start line: of a request, a token and at the end of the line HTTP/ and any version but 2 and 3; of a
// response, HTTP/1. and a status code. It forgives more than Parse does, so that a request which was
// bent on purpose is refused there with its reason and not overlooked here.
func (g *Grammar) Recognise(unit []byte, _ proto.Peer) proto.Match {
	at := 0
	for at < len(unit) && at < maxEmpty && (unit[at] == '\r' || unit[at] == '\n' || unit[at] == ' ' || unit[at] == '\t') {
		at++
	}
	b := unit[at:]
	if len(b) == 0 {
		return proto.Maybe
	}
	if n := min(len(b), 7); string(b[:n]) == "HTTP/1."[:n] {
		return recogniseResponse(b)
	}
	method := tokenSize(b[:min(len(b), maxMethod+1)])
	switch {
	case method == 0 || method > maxMethod:
		return proto.No
	case method == len(b):
		return proto.Maybe
	case b[method] != ' ' && b[method] != '\t':
		return proto.No
	}
	line, _, whole := bytes.Cut(b, []byte("\n"))
	if !knownMethod(line[:method]) && (bytes.IndexByte(line, 0) >= 0 || blanks(line) > maxBlanks) {
		return proto.No
	}
	if !whole {
		if len(b) > maxHead {
			return proto.No
		}
		return proto.Maybe
	}
	return recogniseRequest(bytes.TrimRight(line, "\r \t"), method)
}

// maxMethod is of what Parse reads and Recognise takes for a method, in bytes. No registered one has more than 17, but some servers take any.
const maxMethod = 1024

// maxBlanks is how many there are in a line that begins with no method that is known: prose has more, and would wait for its end to be told from a request.
const maxBlanks = 8

func blanks(line []byte) int { return bytes.Count(line, []byte(" ")) + bytes.Count(line, []byte("\t")) }

// recogniseRequest judges a whole line that begins with a method.
func recogniseRequest(line []byte, method int) proto.Match {
	last := line[bytes.LastIndexAny(line, " \t")+1:]
	switch {
	case len(last) >= 6 && equalFold(last[:5], "http/"):
		if last[5] == '2' || last[5] == '3' {
			return proto.No
		}
		return proto.Yes
	case knownMethod(line[:method]) && len(line) > method+1 && line[method+1] == '/':
		return proto.Yes // HTTP/0.9, which some servers still answer
	}
	return proto.No
}

func recogniseResponse(b []byte) proto.Match {
	for i, c := range b[min(len(b), 7):min(len(b), 12)] {
		if digit := '0' <= c && c <= '9'; digit == (i == 1) || i == 1 && c != ' ' {
			return proto.No
		}
	}
	if len(b) < 12 {
		return proto.Maybe
	}
	return proto.Yes
}

func knownMethod(b []byte) bool {
	switch string(b) {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH":
		return true
	}
	return false
}
