package dlp

import "github.com/weir-project/weir/inspect/dlp/detect"

// A state is what is remembered of one direction of a flow.
type state struct {
	payload, body memory
	told          int64 // offset in the present body up to which it is decided
}

// A memory is what is remembered of a text that comes in parts: what tells a value from a number may stand in another part.
type memory struct {
	waiting int32        // bytes at the end of what was shown that are decided with what follows, plus one; 0: not known. Of the payload
	n       int32        // bytes at the end of context that are valid
	carry   detect.Carry // of the text so far
	next    detect.Carry // of the text with what is looked at now
	context [detect.ContextBytes]byte
}

// keep remembers the end of the text so far, which goes on with b.
func (m *memory) keep(b []byte) {
	m.carry = m.next
	m.n = int32(min(int(m.n)+len(b), len(m.context)))
	b = b[max(0, len(b)-len(m.context)):]
	copy(m.context[:], m.context[len(b):])
	copy(m.context[len(m.context)-len(b):], b)
}

// before is the end of the text so far. View of the memory, valid until keep.
func (m *memory) before() []byte { return m.context[len(m.context)-int(m.n):] }

// forget is for the begin of another text.
func (m *memory) forget() { m.n, m.carry, m.next = 0, detect.Carry{}, detect.Carry{} }
