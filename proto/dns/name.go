package dns

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

const (
	maxName  = 255    // bytes on the wire, root label included (RFC 1035 §2.3.4)
	maxJumps = 128    // pointers followed in one name
	reach    = 0x4000 // pointers have 14 bits
)

// A memory knows the names of one message that were read: by offset, as far as pointers reach. Without it a message of
// pointers to one long name would be read label by label for each of them.
type memory struct {
	turn uint16
	at   [reach]remembered

	// The labels passed in reading one name; at most 127 of a byte each, and the root's.
	passed [maxName/2 + 1]passed
	n      int
	far    int // of the name that was read last: behind the last of all bytes that it has, wherever they are
}

type passed struct {
	at          uint16
	size, jumps uint8 // before it
}

// remembered is a name that is sound if it is read from its offset.
type remembered struct {
	turn        uint16 // memory.turn, or it is of another message
	far         uint16 // see memory.far; at least that
	size, jumps uint8
}

// begin forgets the message before.
func (k *memory) begin() {
	if k.turn++; k.turn == 0 {
		*k = memory{turn: 1}
	}
}

// pass notes a label on the way.
func (k *memory) pass(at, size, jumps int) {
	if k != nil {
		k.passed[k.n] = passed{uint16(at), uint8(size), uint8(jumps)}
		k.n++
	}
}

// note remembers of all labels that were passed the rest of the name.
func (k *memory) note(size, jumps, far int) {
	if k == nil {
		return
	}
	k.far = far
	for _, p := range k.passed[:k.n] {
		if p.at < reach {
			k.at[p.at] = remembered{k.turn, uint16(far), uint8(size - int(p.size) + 1), uint8(jumps - int(p.jumps))}
		}
	}
}

// checkName reads the name at off through all its pointers and returns the offset behind its own bytes, which
// must not lie beyond limit. Each pointer must lead before the place the last one led to, and the first one before
// the name. known is of msg, or nil.
func checkName(msg []byte, off, limit int, known *memory) (end int, why packet.Reason) {
	if known != nil {
		known.n = 0
	}
	at, floor, far, size, jumps := off, off, off, 1, 0
	for {
		if at >= len(msg) {
			return 0, short
		}
		c := int(msg[at])
		switch c >> 6 {
		case 0:
			known.pass(at, size, jumps)
			at += 1 + c
			far = max(far, at)
			if c > 0 {
				if size += 1 + c; size > maxName {
					return 0, longName
				}
				continue
			}
			if jumps == 0 {
				end = at
			}
			known.note(size, jumps, far)
			return within(end, limit, len(msg))
		case 3:
			if at+1 >= len(msg) {
				return 0, short
			}
			if jumps == 0 {
				end = at + 2
			}
			far = max(far, at+2)
			at = c&0x3f<<8 | int(msg[at+1])
			if jumps++; at >= floor || at < headerSize || jumps > maxJumps {
				return 0, badPointer
			}
			floor = at
			if known == nil || known.at[at].turn != known.turn {
				continue
			}
			if size += int(known.at[at].size) - 1; size > maxName {
				return 0, longName
			}
			if jumps += int(known.at[at].jumps); jumps > maxJumps {
				return 0, badPointer
			}
			known.note(size, jumps, max(far, int(known.at[at].far)))
			return within(end, limit, len(msg))
		default:
			return 0, badLabel
		}
	}
}

func within(end, limit, size int) (int, packet.Reason) {
	if end <= limit {
		return end, ""
	}
	if limit == size {
		return 0, short
	}
	return 0, badRData
}

// labels walks the labels of a name that checkName has passed: next returns each, then nil.
type labels struct {
	msg []byte
	at  int
}

func (l *labels) next() []byte {
	for {
		c := int(l.msg[l.at])
		if c == 0 {
			return nil
		}
		if c < 0xc0 {
			label := l.msg[l.at+1 : l.at+1+c]
			l.at += 1 + c
			return label
		}
		l.at = c&0x3f<<8 | int(l.msg[l.at+1])
	}
}

// nameSize is the size of the checked name at off without compression.
func nameSize(msg []byte, off int) int {
	size := 1
	l := labels{msg, off}
	for label := l.next(); label != nil; label = l.next() {
		size += 1 + len(label)
	}
	return size
}

// appendName appends the checked name at off without compression.
func appendName(dst, msg []byte, off int) []byte {
	l := labels{msg, off}
	for label := l.next(); label != nil; label = l.next() {
		dst = append(dst, byte(len(label)))
		dst = append(dst, label...)
	}
	return append(dst, 0)
}

// sameName reports whether the checked name at i in a is, byte for byte, the one that stands at
// j in b, where anything may stand.
func sameName(a []byte, i int, b []byte, j int) bool {
	if _, why := checkName(b, j, len(b), nil); why != "" {
		return false
	}
	x, y := labels{a, i}, labels{b, j}
	for {
		p, q := x.next(), y.next()
		if p == nil || q == nil {
			return p == nil && q == nil
		}
		if !bytes.Equal(p, q) {
			return false
		}
	}
}

// nameText is a name as a field shows it: lower case (RFC 4343; resolvers vary the case at random), without the
// final dot, empty for the root; dots and backslashes within labels escaped by a backslash, bytes outside
// visible ASCII as \DDD, as in RFC 1035 §5.1. A name that is a mere pointer to where the name of the first question stands
// has the text of that.
func (g *Grammar) nameText(msg []byte, off int) []byte {
	if first := g.layout.questions[0].off; off != first && int(msg[off])<<8|int(msg[off+1]) == 0xc000|first {
		return g.text[g.first.Off:g.first.End:g.first.End]
	}
	from := len(g.text)
	l := labels{msg, off}
	for label := l.next(); label != nil; label = l.next() {
		if len(g.text) > from {
			g.text = append(g.text, '.')
		}
		for _, c := range label {
			g.text = appendByteText(g.text, c)
		}
	}
	if off == g.layout.questions[0].off {
		g.first = field.Span{Off: from, End: len(g.text)}
	}
	return g.text[from:len(g.text):len(g.text)]
}

func appendByteText(dst []byte, c byte) []byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return append(dst, c|0x20)
	case c == '.' || c == '\\':
		return append(dst, '\\', c)
	case c <= ' ' || c > '~':
		return append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	}
	return append(dst, c)
}
