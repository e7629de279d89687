// Package coding undoes content codings as they come: gzip (RFC 1952), deflate (RFC 1950, and RFC 1951 without
// its frame, which servers send under that name and receivers accept), br (RFC 7932) and zstd (RFC 8878, with the window of
// RFC 9659), one over the other.
//
// A Stream is fed coded bytes in pieces of any size and gives the text as far as they reach. Decoders read from an io.Reader and
// do not stop for want of bytes, so each Stream runs them on a coroutine (iter.Pull): it runs when Read is called and only then, and
// is used again for the next body. Those of deflate and br are written here, since it must be known at any moment what a body
// costs, and no library says so; zstd's is a library, and its blocks are counted on their way there.
//
// Limits: how many layers, how often the text is as long as what it was made from, how much work may be in a coded byte (spend), and
// the memory of all decoders of a Pool. Errors of decoders, and panics, end the Stream with a reason; nothing leaves this package
// as a panic.
//
// What 64 KiB of one body can cost is in BenchmarkWorst: a millisecond or two, whatever the coding, and up to six where each few
// bits are one of br's commands that copies a few bytes. Less is not to be had without refusing what encoders make: a literal of
// one bit is a table's lookup that waits for the one before it (2.5 ns), and there can be half a million; an ordinary page of six times
// the length takes 0.6 ms.
//
// It corrects nothing: what is truncated, or followed by bytes that belong to no coding, is refused, since
// receivers differ about it; but for br, behind whose end they read no further.
package coding

import (
	"bytes"

	"github.com/weir-project/weir/packet"
)

// Reasons for which a Stream ends.
const (
	Bad       packet.Reason = "coding-bad"       // no such coding, a wrong checksum, or something behind its end
	Truncated packet.Reason = "coding-truncated" // the body ends before the coding does
	Expands   packet.Reason = "coding-expands"   // Limits.Ratio, or one layer over the other
	Laborious packet.Reason = "coding-laborious" // more work than its bytes are worth: codes, blocks and commands beyond what encoders make
	Window    packet.Reason = "coding-window"    // a window larger than Limits.Window
)

// A Kind is one content coding.
type Kind uint8

// The codings. None is for identity.
const (
	None Kind = iota
	Gzip
	Deflate
	Brotli
	Zstd
	kinds
)

// MaxLayers is how many codings a body can have, one over the other.
const MaxLayers = 2

// Layers are the codings of a body in the order in which they were applied (RFC 9110 §8.4).
type Layers struct {
	kinds [MaxLayers]Kind
	n     int
}

// Len returns the number of codings, identity not counted.
func (l *Layers) Len() int { return l.n }

// Outcome is what became of a list of codings.
type Outcome uint8

// The outcomes of Add.
const (
	Known   Outcome = iota
	Unknown         // one of them is none of ours
	TooMany         // more than MaxLayers
)

// Add reads a list such as "gzip, br", the value of a Content-Encoding field, and adds its codings.
func (l *Layers) Add(list []byte) Outcome {
	for len(list) > 0 {
		var one []byte
		if n := bytes.IndexByte(list, ','); n >= 0 {
			one, list = list[:n], list[n+1:]
		} else {
			one, list = list, nil
		}
		one = bytes.Trim(one, " \t")
		k := kindOf(one)
		switch {
		case len(one) == 0 || k == None:
		case k == kinds:
			return Unknown
		case l.n == MaxLayers:
			return TooMany
		default:
			l.kinds[l.n] = k
			l.n++
		}
	}
	return Known
}

var names = [...]struct {
	name string
	kind Kind
}{
	{"gzip", Gzip}, {"x-gzip", Gzip}, {"deflate", Deflate}, {"br", Brotli}, {"zstd", Zstd}, {"identity", None},
}

// kindOf returns the coding with the given name, in any case; kinds for one that is not known.
func kindOf(name []byte) Kind {
	for i := range names {
		if len(name) == len(names[i].name) && bytes.EqualFold(name, []byte(names[i].name)) {
			return names[i].kind
		}
	}
	return kinds
}

// MaxMagic is how many bytes Fits looks at.
const MaxMagic = 4

// Fits reports whether a body that begins with b can be in these codings: whether the outermost has its mark there. Brotli has none, and
// too few bytes fit always.
func (l *Layers) Fits(b []byte) bool {
	switch l.kinds[l.n-1] {
	case Gzip:
		return bytes.HasPrefix(b, gzipMagic[:min(len(b), 2)])
	case Deflate:
		return len(b) < 2 || isZlib(b) || b[0]>>1&3 != 3 // no block has the third type (RFC 1951 §3.2.3)
	case Zstd:
		return bytes.HasPrefix(b, zstdMagic[:min(len(b), 4)]) || len(b) > 3 && b[0]&0xf0 == 0x50 && string(b[1:4]) == "\x2a\x4d\x18" // a skippable frame
	}
	return true
}

var (
	gzipMagic = []byte("\x1f\x8b")
	zstdMagic = []byte("\x28\xb5\x2f\xfd")
)

// isZlib reports whether b begins with the frame of RFC 1950 §2.2.
func isZlib(b []byte) bool {
	return b[0]&0x0f == 8 && b[0]>>4 <= 7 && (uint(b[0])<<8|uint(b[1]))%31 == 0
}
