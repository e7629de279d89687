package sim

// lie is other bytes than the sender sent before.
func (e *end) lie(b []byte) []byte {
	e.lied = append(e.lied[:0], b...)
	for i := range e.lied {
		if e.rand.IntN(3) > 0 && e.lied[i] != '\n' {
			e.lied[i] = "ned lx"[e.rand.IntN(6)]
		}
	}
	return e.lied
}

// fake sends, before a segment, one that an attacker would: the receiver does not take it, or takes it for
// something else. An honest one carries the bytes of the real segment.
func (e *end) fake(s segment) {
	if !e.h.honest {
		s.payload = e.lie(s.payload)
	}
	s.flags &^= fin
	switch e.rand.IntN(14) {
	case 0:
		s.ttl = shortTTL
	case 1:
		s.spoiled = true
	case 2:
		s.flags, s.payload, s.ttl, s.seq = syn|ack, nil, shortTTL, s.seq+77
	case 3:
		if !s.stamped {
			return
		}
		s.ts -= 1 << 30
	case 4:
		s.flags &^= ack
	case 5:
		if e.h.honest {
			return
		}
		s.seq -= uint32(len(s.payload)/2 + e.rand.IntN(1000))
	case 6:
		s.seq += 1 << 26
	case 7:
		s.ack += 1 << 20
	case 8:
		s.flags, s.payload, s.ttl = rst|ack, nil, shortTTL
	case 9:
		s.flags, s.payload, s.seq = rst|ack, nil, s.seq+1<<24
	case 10:
		s.flags |= fin
		s.ttl = shortTTL
	case 11:
		if e.una == 0 {
			return // the peer may not know yet that the connection is open, and take it for a better one
		}
		s.flags, s.payload = syn, nil
	case 12:
		s.flags = []uint8{0, fin | psh | urg, syn | fin, syn | rst, rst | fin | ack}[e.rand.IntN(5)]
	case 13:
		s.flags, s.payload, s.seq = rst, nil, e.seqOf(e.una)-1 // in no window
	}
	e.emit(e.who, &s)
}

// shortTTL takes a datagram past Weir, and not to the receiver.
const shortTTL = 2
