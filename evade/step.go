package evade

import (
	"time"

	"github.com/weir-project/weir/packet"
)

// none is no flags at all, where 0 means the ordinary ones.
const none packet.TCPFlags = 1 << 15

// A seg is a step that sends bytes [from, to) of the text in a segment. The zero values of all else
// are those of an honest one.
type seg struct {
	from, to int
	lie      bool            // with the decoy's bytes
	data     []byte          // other bytes, instead
	flags    packet.TCPFlags // default PSH|ACK
	seq      uint32          // added to the number
	ack      uint32          // added to the acknowledgement
	urgent   uint16
	offset   uint8
	reserved uint8
	options  []byte
	stamp    int32 // added to the timestamp
	unsigned bool  // although the connection is signed
	spoiled  bool  // with a wrong checksum
	window   uint16
	mangle   func(tcp []byte)
	ip       ip
}

// do sends the segment.
func (s seg) do(t *talk) {
	payload := s.data
	if payload == nil {
		payload = t.contents(s.from, s.to, s.lie)
	}
	flags := s.flags
	switch flags {
	case 0:
		flags = packet.PSH | packet.ACK
	case none:
		flags = 0
	}
	w := t.plain(flags, t.place(s.from)+s.seq, payload)
	w.ack += s.ack
	if flags&packet.ACK == 0 {
		w.ack = s.ack
	}
	if s.stamp != 0 {
		w.options = t.timestamps(s.stamp)
	}
	w.options = append(w.options, s.options...)
	w.urgent, w.offset, w.reserved, w.mangle = s.urgent, s.offset, s.reserved, s.mangle
	if s.window != 0 {
		w.window = s.window
	}
	if s.spoiled {
		w.spoiled = 0x5555
	}
	w.signed = w.signed && !s.unsigned
	if !s.lie && s.data == nil && s.seq == 0 {
		t.sent = max(t.sent, s.to)
	}
	t.emit(w, s.ip)
}

// send is the segment as a step.
func send(s seg) step { return s.do }

// real sends the text's own bytes [from, to).
func real(from, to int) step { return send(seg{from: from, to: to}) }

// acked waits until the receiver has n bytes, or does not get them.
func acked(n int) step {
	return func(t *talk) { t.listen(timeout, func() bool { return t.acked >= n }) }
}

// pause lets time pass.
func pause(d time.Duration) step {
	return func(t *talk) { t.listen(d, nil) }
}

// moment is enough for what was sent to arrive.
const moment = 5 * time.Millisecond

// chunk is how many bytes of the text an honest segment carries, if nothing else is said: too few for the word.
const chunk = 24

// finish sends what the receiver does not have yet, again and again, and the FIN, as an honest
// sender would.
func finish(t *talk) {
	n := len(t.text.Real)
	t.sent = n
	for i := range tries {
		if t.broken {
			return
		}
		for at := t.acked; at < n; at = min(at+t.chunk, n) {
			t.emit(t.plain(packet.PSH|packet.ACK, t.place(at), t.text.Real[at:min(at+t.chunk, n)]), ip{})
		}
		t.emit(t.plain(packet.FIN|packet.ACK, t.place(n), nil), ip{})
		if t.listen(timeout<<i, func() bool { return t.fin }) {
			t.listen(moment, nil)
			return
		}
	}
}

// steps joins what is to be done one after the other.
func steps(s ...step) []step { return s }

// withISN begins at a sequence number.
func withISN(isn uint32) step { return func(t *talk) { t.iss = isn } }

// divert begins the inspection of an attempt that is Late.
func divert(t *talk) { t.link.Divert() }
