package ftp

import (
	"bytes"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/greeting"
)

// Recognise looks for a greeting, 220, that says FTP and not SMTP, or on port 21 neither; for AUTH TLS; and on port 21 for USER.
func (g *Grammar) Recognise(unit []byte, from proto.Peer) proto.Match {
	line, _, whole := bytes.Cut(unit[:min(len(unit), maxLine)], []byte{'\n'})
	match := greeting.Match(line, greeting.FTP, whole && from.ServerPort == 21)
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
