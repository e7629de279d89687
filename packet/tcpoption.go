package packet

import "github.com/weir-project/weir/packet/seqnum"

// TCPOptionKind is a kind of TCP option, in IANA's numbering.
type TCPOptionKind uint8

// The kinds that Weir has something to do with.
const (
	OptionEnd           TCPOptionKind = 0
	OptionNop           TCPOptionKind = 1
	OptionMSS           TCPOptionKind = 2   // RFC 9293 §3.7.1
	OptionWindowScale   TCPOptionKind = 3   // RFC 7323 §2
	OptionSACKPermitted TCPOptionKind = 4   // RFC 2018 §2
	OptionSACK          TCPOptionKind = 5   // RFC 2018 §3
	OptionTimestamps    TCPOptionKind = 8   // RFC 7323 §3
	OptionMD5           TCPOptionKind = 19  // RFC 2385
	OptionAO            TCPOptionKind = 29  // RFC 5925
	OptionMPTCP         TCPOptionKind = 30  // RFC 8684
	OptionFastOpen      TCPOptionKind = 34  // RFC 7413
	OptionAccECN0       TCPOptionKind = 172 // RFC 9768 §3.2.3
	OptionAccECN1       TCPOptionKind = 174
)

// A TCPOption is one option of a header. Data is what follows kind and length: a
// read-only view of the packet. At is the offset of the kind byte in the options area.
type TCPOption struct {
	Kind TCPOptionKind
	At   int
	Data []byte
}

// TCPOptions is a cursor over the options of a TCP header:
//
//	opts := p.TCP().Options()
//	for o, ok := opts.Next(); ok; o, ok = opts.Next() { … }
type TCPOptions struct {
	rest []byte
	at   int
	bad  bool
}

// Next returns the next option that is not padding, and false at the end.
func (c *TCPOptions) Next() (o TCPOption, ok bool) {
	for len(c.rest) > 0 {
		switch kind := TCPOptionKind(c.rest[0]); kind {
		case OptionEnd:
			c.rest = nil
		case OptionNop:
			c.skip(1)
		default:
			if len(c.rest) < 2 || c.rest[1] < 2 || int(c.rest[1]) > len(c.rest) {
				c.rest, c.bad = nil, true
				return TCPOption{}, false
			}
			size := int(c.rest[1])
			o = TCPOption{Kind: kind, At: c.at, Data: c.rest[2:size:size]}
			c.skip(size)
			return o, true
		}
	}
	return TCPOption{}, false
}

func (c *TCPOptions) skip(n int) { c.rest, c.at = c.rest[n:], c.at+n }

// Malformed reports whether the walk ended at an option of impossible length.
func (c *TCPOptions) Malformed() bool { return c.bad }

// Find returns the first option of the given kind. The cursor stays behind it.
func (c *TCPOptions) Find(kind TCPOptionKind) (o TCPOption, ok bool) {
	for o, ok = c.Next(); ok && o.Kind != kind; {
		o, ok = c.Next()
	}
	return o, ok
}

// MSS returns the maximum segment size in bytes, if o is that option, well formed.
func (o TCPOption) MSS() (bytes uint16, ok bool) {
	if o.Kind != OptionMSS || len(o.Data) != 2 {
		return 0, false
	}
	return wire.Uint16(o.Data), true
}

// WindowScale returns the shift, if o is that option, well formed. Values above 14 are
// read as 14 (RFC 7323 §2.3).
func (o TCPOption) WindowScale() (shift uint8, ok bool) {
	if o.Kind != OptionWindowScale || len(o.Data) != 1 {
		return 0, false
	}
	return min(o.Data[0], 14), true
}

// Timestamps returns TSval and TSecr, if o is that option, well formed.
func (o TCPOption) Timestamps() (val, echo uint32, ok bool) {
	if o.Kind != OptionTimestamps || len(o.Data) != 8 {
		return 0, 0, false
	}
	return wire.Uint32(o.Data), wire.Uint32(o.Data[4:]), true
}

// SACKBlocks returns the number of SACK blocks; 0 unless o is that option, well formed.
func (o TCPOption) SACKBlocks() int {
	if o.Kind != OptionSACK || len(o.Data)%8 != 0 {
		return 0
	}
	return len(o.Data) / 8
}

// SACKBlock returns the i-th block, the range [left, right); i < SACKBlocks().
func (o TCPOption) SACKBlock(i int) (left, right seqnum.Value) {
	b := o.Data[8*i : 8*i+8]
	return seqnum.Value(wire.Uint32(b)), seqnum.Value(wire.Uint32(b[4:]))
}
