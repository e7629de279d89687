package smtp

import (
	"bytes"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/greeting"
)

// Recognise looks for the first line of either side: a greeting, 220, that says SMTP or LMTP; EHLO, HELO or LHLO, or MAIL FROM of a
// connection that was met in its middle. A greeting that says neither SMTP nor FTP is taken for one of SMTP on ports 25 and 587; elsewhere what
// the client says tells.
func (g *Grammar) Recognise(unit []byte, from proto.Peer) proto.Match {
	line, _, whole := bytes.Cut(unit[:min(len(unit), maxLine)], lf)
	match := client(line)
	if from.Dir == flow.ToClient || match == proto.No {
		match = max(match, greeting.Match(line, greeting.Mail, whole && (from.ServerPort == 25 || from.ServerPort == 587)))
	}
	if match == proto.Yes && !whole {
		if len(unit) >= maxLine {
			return proto.No
		}
		return proto.Maybe
	}
	if match == proto.Maybe && whole {
		return proto.No
	}
	return match
}

var lf = []byte{'\n'}

// client judges what the line of a client begins with.
func client(line []byte) proto.Match {
	match := proto.No
	for _, verb := range [...]string{"ehlo ", "helo ", "lhlo ", "mail from:"} {
		n := min(len(line), len(verb))
		switch {
		case !ascii.EqualFold(line[:n], verb[:n]):
		case n == len(verb):
			return proto.Yes
		default:
			match = proto.Maybe
		}
	}
	return match
}
