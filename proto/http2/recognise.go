package http2

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/proto"
)

// preface is what a client begins with (RFC 9113 §3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Recognise looks for the client's preface, or, from a server, for a frame of SETTINGS that acknowledges nothing.
func (g *Grammar) Recognise(unit []byte, from proto.Peer) proto.Match {
	if m := isPreface(unit); m != proto.No || from.Dir == flow.ToServer {
		return m
	}
	return isGreeting(unit)
}

func isPreface(b []byte) proto.Match {
	switch n := min(len(b), len(preface)); {
	case string(b[:n]) != preface[:n]:
		return proto.No
	case n < len(preface):
		return proto.Maybe
	}
	return proto.Yes
}

// isGreeting reports whether b begins with SETTINGS, of no more than servers send.
func isGreeting(b []byte) proto.Match {
	want := [frameHeader]byte{3: typeSettings}
	for i := range min(len(b), frameHeader) {
		if b[i] != want[i] && i != 2 || i == 2 && b[2]%settingSize != 0 {
			return proto.No
		}
	}
	if len(b) < frameHeader {
		return proto.Maybe
	}
	return proto.Yes
}
