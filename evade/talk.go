package evade

import (
	"encoding/binary"
	"time"

	"github.com/weir-project/weir/packet"
)

// defaultISN is the number of the SYN.
const defaultISN = 0x10000000

// How often, and for how long at first, something is sent again.
const (
	tries   = 4
	timeout = 60 * time.Millisecond
)

// A talk is one attempt on its way: a TCP endpoint that knows enough to keep a connection, and does
// what it is told otherwise.
type talk struct {
	link    Link
	path    Path
	text    Text
	attempt *Attempt

	iss    uint32
	window uint16
	id     uint32 // of the last datagram
	base   uint32 // of the text's first byte in the sequence space, beside iss+1
	acked  int    // bytes of the text that the receiver has
	sent   int    // the furthest byte of the text that was sent
	chunk  int    // bytes of the text in each segment of finish
	fin    bool   // the receiver has the FIN

	irs    uint32
	next   uint32 // that is expected from the receiver
	open   bool
	broken bool // reset
	deaf   bool // what comes is not taken in
	calls  int  // SYNs of the receiver, if it is the client

	stamps   bool // both know timestamps
	stamp    uint32
	echo     uint32
	lastSeen packet.TCPFlags // of the last segment that came
	lastAck  uint32
}

// contents are bytes [from, to) of the text. Lies are the decoy's, unless the twin is honest.
func (t *talk) contents(from, to int, lie bool) []byte {
	if lie && !(t.text.Twin && t.attempt.Either) {
		return t.text.Decoy[from:to]
	}
	return t.text.Real[from:to]
}

// place is where byte n of the text stands in the sequence space.
func (t *talk) place(n int) uint32 { return t.iss + 1 + t.base + uint32(n) }

// offered are the options of an ordinary segment.
func (t *talk) timestamps(shift int32) []byte {
	b := []byte{byte(packet.OptionNop), byte(packet.OptionNop), byte(packet.OptionTimestamps), 10}
	b = binary.BigEndian.AppendUint32(b, t.stamp+uint32(shift))
	return binary.BigEndian.AppendUint32(b, t.echo)
}

// plain is a segment with what all segments of the connection say.
func (t *talk) plain(flags packet.TCPFlags, seq uint32, payload []byte) segment {
	s := segment{seq: seq, ack: t.next, flags: flags, window: t.window, payload: payload, signed: t.attempt.Signed}
	if t.stamps {
		t.stamp++
		s.options = t.timestamps(0)
	}
	return s
}

// emit sends a segment in a datagram.
func (t *talk) emit(s segment, h ip) {
	if h.id == 0 {
		t.id++
		h.id = t.id
	}
	t.link.Send(t.path.datagram(h, packet.TCP, t.path.tcp(s)))
}

// listen takes in what comes until nothing more does, done says so, or the time is over.
func (t *talk) listen(wait time.Duration, done func() bool) bool {
	const slice = 20 * time.Millisecond
	for !t.broken {
		if done != nil && done() {
			return true
		}
		if wait <= 0 {
			return false
		}
		b := t.link.Recv(min(wait, slice))
		if b == nil {
			wait -= slice
			continue
		}
		t.hear(b)
	}
	return false
}

// hear takes in one datagram.
func (t *talk) hear(b []byte) {
	if t.deaf {
		return
	}
	var p packet.Packet
	p.Set(b)
	p.Decode()
	if p.Malformed != packet.WellFormed || p.Proto != packet.TCP || p.SrcPort != t.path.Peer.Port() || p.DstPort != t.path.Me.Port() {
		return
	}
	h := p.TCP()
	seq, flags := uint32(h.Seq()), p.TCPFlags
	t.lastSeen, t.lastAck = flags, uint32(h.Ack())
	opts := h.Options()
	if o, ok := opts.Find(packet.OptionTimestamps); ok && t.stamps {
		if v, _, ok := o.Timestamps(); ok {
			t.echo = v
		}
	}
	switch {
	case flags.Has(packet.RST):
		// A reset of something that was sent on purpose is none of the connection.
		t.broken = t.open && (seq == t.next || flags.Has(packet.ACK)) || !t.open && uint32(h.Ack()) == t.iss+1
		return
	case flags.Has(packet.SYN):
		t.hearSYN(seq, flags, &opts)
		return
	}
	if flags.Has(packet.ACK) {
		t.hearAck(uint32(h.Ack()))
	}
	length := uint32(len(p.Payload()))
	if flags.Has(packet.FIN) {
		length++
	}
	if t.open && length > 0 {
		if seq == t.next {
			t.next += length
		}
		t.emit(t.plain(packet.ACK, t.place(t.sent)+t.finLength(), nil), ip{})
	}
}

func (t *talk) finLength() uint32 {
	if t.fin {
		return 1
	}
	return 0
}

func (t *talk) hearSYN(seq uint32, flags packet.TCPFlags, opts *packet.TCPOptions) {
	if t.open {
		return
	}
	t.calls++
	t.irs, t.next = seq, seq+1
	if o, ok := opts.Find(packet.OptionTimestamps); ok {
		t.echo, _, _ = o.Timestamps()
	} else if flags.Has(packet.ACK) {
		t.stamps = false
	}
}

func (t *talk) hearAck(ack uint32) {
	n := int(int32(ack - t.place(0)))
	if n > len(t.text.Real) {
		t.fin = t.fin || n == len(t.text.Real)+1
		n = len(t.text.Real)
	}
	t.acked = max(t.acked, n)
}

// synOptions are those of an ordinary SYN.
func (t *talk) synOptions() []byte {
	b := []byte{byte(packet.OptionMSS), 4, 5, 0xb4, byte(packet.OptionNop), byte(packet.OptionNop), byte(packet.OptionSACKPermitted), 2}
	if t.stamps {
		b = append(b, t.timestamps(0)...)
	}
	return b
}

// call opens the connection as a client does.
func call(t *talk) {
	t.shake(func() {
		t.emit(segment{seq: t.iss, flags: packet.SYN, window: t.window, options: t.synOptions(), signed: t.attempt.Signed}, ip{})
	})
}

// shake sends SYNs until one is answered, and agrees to the answer.
func (t *talk) shake(syn func()) {
	for i := range tries {
		syn()
		if t.listen(timeout<<i, func() bool { return t.next != 0 }) {
			t.agree()
			return
		}
	}
	t.broken = true
}

// agree ends the handshake of a client.
func (t *talk) agree() {
	t.open = true
	t.emit(t.plain(packet.ACK, t.iss+1, nil), ip{})
}

// answer waits for a client, and opens the connection as a server does.
func answer(t *talk) {
	if !t.listen(5*time.Second, func() bool { return t.calls > 0 }) {
		t.broken = true
		return
	}
	for i := range tries {
		t.emit(segment{seq: t.iss, ack: t.next, flags: packet.SYN | packet.ACK, window: t.window, options: t.synOptions()}, ip{})
		if t.listen(timeout<<i, func() bool { return t.lastSeen&packet.ACK != 0 }) {
			t.open = true
			return
		}
	}
	t.broken = true
}

// start opens the connection as the attempt's side does.
func start(t *talk) {
	if t.attempt.Reverse {
		answer(t)
		return
	}
	call(t)
}
