package quic

import (
	"math/bits"

	"github.com/weir-project/weir/packet"
)

// Reasons.
const (
	tooLarge    packet.Reason = "quic-crypto-too-large"
	differs     packet.Reason = "quic-crypto-differs" // bytes that were there before, and were others
	exhausted   packet.Reason = "quic-buffers-exhausted"
	badFrame    packet.Reason = "quic-bad-frame"          // one that Initial packets cannot have (RFC 9000 §12.4), or that does not add up
	unexpected  packet.Reason = "quic-unexpected-message" // where a hello should be
	unreadable  packet.Reason = "quic-unreadable"
	coalesced   packet.Reason = "quic-coalesced-differs"
	manyPackets packet.Reason = "quic-too-many-packets"
	manyConns   packet.Reason = "quic-too-many-connections"
	attempts    packet.Reason = "quic-attempts-exhausted"
)

const maxCrypto = 32 << 10

// A stream is the handshake bytes of one side, which may come in any order (RFC 9000 §19.6).
type stream struct {
	b     []byte
	has   []uint64 // bit i: b[i] is there
	whole int      // all before it is there
	next  int      // where the message begins that is not whole yet
}

// put takes bytes that belong at off.
func (s *stream) put(p *pool, off int, b []byte) packet.Reason {
	end := off + len(b)
	if end > maxCrypto {
		return tooLarge
	}
	if end > len(s.b) && !p.grow(s, end) {
		return exhausted
	}
	for i, c := range b {
		at := off + i
		if bit := uint64(1) << (at & 63); s.has[at>>6]&bit == 0 {
			s.has[at>>6] |= bit
			s.b[at] = c
		} else if s.b[at] != c {
			return differs
		}
	}
	s.advance()
	return ""
}

// advance moves whole over what is there.
func (s *stream) advance() {
	for s.whole < len(s.b) {
		n := bits.TrailingZeros64(^(s.has[s.whole>>6] >> (s.whole & 63)))
		if n = min(n, 64-s.whole&63); n == 0 {
			return
		}
		s.whole += n
	}
}

// message returns the next handshake message if it is whole; why if it can never be.
func (s *stream) message() (msg []byte, why packet.Reason) {
	if s.whole-s.next < 4 {
		return nil, ""
	}
	b := s.b[s.next:s.whole]
	n := 4 + (int(b[1])<<16 | int(b[2])<<8 | int(b[3]))
	switch {
	case s.next+n > maxCrypto:
		return nil, tooLarge
	case n > len(b):
		return nil, ""
	}
	s.next += n
	return b[:n:n], ""
}

// settled reports whether the side has said a whole hello and nothing behind it.
func (s *stream) settled() bool { return s.next > 0 && s.next == s.whole }
