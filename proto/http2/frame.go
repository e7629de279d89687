package http2

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

// This file is the frames of RFC 9113 §4 and §6.

const (
	frameHeader = 9
	minFrame    = 16 << 10 // that every receiver takes: the largest, unless it says otherwise (§6.5.2)

	badFrame     packet.Reason = "http2-bad-frame"           // its length, its stream, its padding, or its place among others
	frameTooLong packet.Reason = "http2-frame-too-long"      // for what its receiver has said
	badPreface   packet.Reason = "http2-bad-preface"         // the first frame is not SETTINGS (§3.4)
	continued    packet.Reason = "http2-continuation-flood"  // a header block in more bytes or frames than there should be
	tooManySets  packet.Reason = "http2-settings-flood"      // SETTINGS that are not acknowledged, or longer than there should be
	rapidReset   packet.Reason = "http2-rapid-reset"         // more requests were taken back than answered
	badStream    packet.Reason = "http2-bad-stream"          // a frame on one that was not begun, or behind its end
	tooMany      packet.Reason = "http2-too-many-streams"    // open at once
	streamsFull  packet.Reason = "http2-streams-exhausted"   // of the lane
	needsStream  packet.Reason = "http2-needs-stream"        // of the kind that TCP has
	cannotResize packet.Reason = "http2-cannot-resize"       // the edit changes a length that must stay
	breaks       packet.Reason = "http2-edit-breaks-message" // the edit is of more than the value of a field, or of one that frames the message
	editLost     packet.Reason = "http2-edit-too-late"       // what was to be edited has left
	heldFull     packet.Reason = "http2-held-exhausted"      // no room for text that somebody wants to see again
	codedBody    packet.Reason = "http2-unknown-coding"      // in Content-Encoding; the body is shown as it is
	tooManyCoded packet.Reason = "http2-too-many-coding"     // likewise
	codedPart    packet.Reason = "http2-coded-range"         // a range of a coded body; likewise
	laborious    packet.Reason = "http2-laborious"           // more text and fields than can be read in time
	notCoded     packet.Reason = "http2-not-as-coded"        // a body that is not in the coding that its head says
	noDecoder    packet.Reason = "http2-decoders-exhausted"
)

// The types of frames (§6).
const (
	typeData         = 0
	typeHeaders      = 1
	typePriority     = 2
	typeReset        = 3
	typeSettings     = 4
	typePush         = 5
	typePing         = 6
	typeGoAway       = 7
	typeWindowUpdate = 8
	typeContinuation = 9
)

// And their flags.
const (
	flagEndStream  = 0x01
	flagAck        = 0x01
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

// A frame is the header of one.
type frame struct {
	size   int // of the payload
	kind   uint8
	flags  uint8
	stream uint32
}

func (f *frame) has(flag uint8) bool { return f.flags&flag != 0 }

// frameOf reads a frame's header, which must be there.
func frameOf(b []byte) frame {
	return frame{
		size: int(b[0])<<16 | int(b[1])<<8 | int(b[2]), kind: b[3], flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31),
	}
}

// appendFrame appends the header of a frame.
func appendFrame(dst []byte, f frame) []byte {
	dst = append(dst, byte(f.size>>16), byte(f.size>>8), byte(f.size), f.kind, f.flags)
	return binary.BigEndian.AppendUint32(dst, f.stream)
}

// check holds the frame against what §6 says of its length and stream.
func (f *frame) check() packet.Reason {
	ok := true
	switch f.kind {
	case typeData, typeHeaders:
		ok = f.stream > 0
	case typePriority:
		ok = f.stream > 0 && f.size == 5
	case typeReset:
		ok = f.stream > 0 && f.size == 4
	case typeSettings:
		ok = f.stream == 0 && f.size%settingSize == 0 && (!f.has(flagAck) || f.size == 0)
	case typePush:
		ok = f.stream > 0 && f.size >= 4
	case typePing:
		ok = f.stream == 0 && f.size == 8
	case typeGoAway:
		ok = f.stream == 0 && f.size >= 8
	case typeWindowUpdate:
		ok = f.size == 4
	case typeContinuation:
		ok = false // those that follow a block's first frame are read with it
	}
	if !ok {
		return badFrame
	}
	return ""
}

// padding returns the bytes of padding and of its length, and whether it fits the payload, of which b is the beginning. known is false if b is too
// short to say.
func (f *frame) padding(b []byte) (before, behind int, known, ok bool) {
	switch {
	case !f.has(flagPadded):
		return 0, 0, true, true
	case f.size == 0:
		return 0, 0, true, false
	case len(b) == 0:
		return 0, 0, false, true
	}
	return 1, int(b[0]), true, int(b[0]) < f.size
}
