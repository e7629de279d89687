package smtp

import (
	"bytes"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/proto"
)

// Recognise looks for the first line of either side: a greeting, 220, that says SMTP or LMTP; EHLO, HELO or LHLO, or MAIL FROM of a
// connection that was met in its middle. A greeting that says neither SMTP nor FTP is taken for one of SMTP on ports 25 and 587; elsewhere what
// the client says tells.
func (g *Grammar) Recognise(unit []byte, from proto.Peer) proto.Match {
	line, _, whole := bytes.Cut(unit[:min(len(unit), maxLine)], lf)
	match := client(line)
	if from.Dir == flow.ToClient || match == proto.No {
		match = max(match, server(line, whole && (from.ServerPort == 25 || from.ServerPort == 587)))
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

// server judges the line of a server. known says that a greeting which does not say what it is of is one.
func server(line []byte, known bool) proto.Match {
	n := min(len(line), 3)
	switch {
	case string(line[:n]) != "220"[:n]:
		return proto.No
	case len(line) < 4:
		return proto.Maybe
	case line[3] != ' ' && line[3] != '-':
		return proto.No
	}
	smtp, ftp := false, false
	for i := range line {
		smtp = smtp || ascii.HasPrefixFold(line[i:], "smtp") || ascii.HasPrefixFold(line[i:], "lmtp")
		ftp = ftp || ascii.HasPrefixFold(line[i:], "ftp")
	}
	switch {
	case smtp && !ftp, known && !ftp:
		return proto.Yes
	case len(line) > 512:
		return proto.No
	}
	return proto.Maybe
}
