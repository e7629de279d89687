// Package evade runs the attempts of package evade (github.com/weir-project/weir/evade) against the
// stack of a real kernel in a lab:
//
//	attempt ── router with Weir ── hop ── server
//
// The hop is there so that datagrams with a small TTL pass Weir and die before the server. The
// attempt is a raw host on the client's link, or on the server's if it answers a real client. What
// counts is what the socket's application at the other end has read.
//
// Each attempt is made four times: with the forbidden word and with its twin, and both in a network
// where nobody inspects. Fragments are also sent where connection tracking is on: there the kernel
// puts them together before Weir sees them, and the result says so.
package evade

import (
	"errors"
	"io"

	"github.com/weir-project/weir/evade"
)

// ErrNoTunnel is the error of systems that keep from this user what the end of a tunnel is made of: a TUN device, raw
// sockets.
var ErrNoTunnel = errors.New("lab/evade: no end of a tunnel")

// Options say what is run.
type Options struct {
	Only func(*evade.Attempt) bool // nil: all
	Say  io.Writer                 // each result as it comes; nil: nobody asks
	// Width is how many attempts are on their way at once; 0: 48.
	Width int
}
