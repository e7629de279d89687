// Package greeting tells apart the protocols whose servers speak first and greet with 220: mail (RFC 5321 §4.2) and FTP (RFC 959 §5.4). They are told apart
// in one place, so that no greeting is taken for one of each.
package greeting

import (
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/proto"
)

// A Protocol greets with 220.
type Protocol uint8

// The protocols.
const (
	Mail Protocol = iota
	FTP
)

// words are what greetings say of which protocol they are.
var words = [...][]string{Mail: {"smtp", "lmtp"}, FTP: {"ftp", "filezilla"}}

// maxLine is the longest line of a greeting (RFC 5321 §4.5.3.1.5).
const maxLine = 512

// Match says how sure it is that the first line of a server, maybe not yet whole, greets for p. usual says that its port is p's: then a greeting that says neither is
// one.
func Match(line []byte, p Protocol, usual bool) proto.Match {
	n := min(len(line), 3)
	switch {
	case string(line[:n]) != "220"[:n]:
		return proto.No
	case len(line) < 4:
		return proto.Maybe
	case line[3] != ' ' && line[3] != '-':
		return proto.No
	}
	mine, other := says(line, p), says(line, 1-p)
	switch {
	case !other && (mine || usual):
		return proto.Yes
	case len(line) > maxLine:
		return proto.No
	}
	return proto.Maybe
}

// says reports whether one of p's words is in the line.
func says(line []byte, p Protocol) bool {
	for i := range line {
		for _, w := range words[p] {
			if ascii.HasPrefixFold(line[i:], w) {
				return true
			}
		}
	}
	return false
}
