package ftp

import (
	"bytes"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/proto"
)

// Recognise looks for a greeting, 220, that says FTP and not SMTP, or on port 21 neither; for AUTH TLS; and on port 21 for USER.
func (g *Grammar) Recognise(unit []byte, from proto.Peer) proto.Match {
	line, _, whole := bytes.Cut(unit[:min(len(unit), maxLine)], []byte{'\n'})
	match := server(line, whole && from.ServerPort == 21)
	if from.Dir == flow.ToServer {
		match = max(match, client(bytes.TrimSuffix(line, []byte{'\r'}), from.ServerPort, whole))
	}
	switch {
	case match == proto.Yes && !whole && len(unit) < maxLine:
		return proto.Maybe
	case !whole && len(unit) >= maxLine, match == proto.Maybe && whole:
		return proto.No
	}
	return match
}

// client judges the line of a client.
func client(line []byte, port uint16, whole bool) proto.Match {
	match := proto.No
	for _, first := range [...]string{"auth tls", "auth ssl", "auth tls-c", "auth tls-p", "user "} {
		n := min(len(line), len(first))
		switch {
		case first == "user " && port != 21, !ascii.EqualFold(line[:n], first[:n]):
		case n == len(first) && (len(line) == n || first == "user "):
			return proto.Yes
		case !whole && n == len(line):
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
		ftp = ftp || ascii.HasPrefixFold(line[i:], "ftp") || ascii.HasPrefixFold(line[i:], "filezilla")
	}
	switch {
	case ftp && !smtp, known && !smtp:
		return proto.Yes
	case len(line) > 512:
		return proto.No
	}
	return proto.Maybe
}
