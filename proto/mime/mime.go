// Package mime reads messages as mail has them: heads (RFC 5322) with folding and encoded words (RFC 2047), parts within parts
// (RFC 2046), transfer encodings (RFC 2045), names of attachments (RFC 2183, RFC 2231). A grammar that carries messages (proto/smtp)
// feeds a Reader with the bytes of one and makes the edits that it returns.
//
// Its law: nothing of a message is skipped in silence. Each head, with what follows it, is shown as one message: its fields first, then
// its text in parts, decoded, as field email.body. The text around the parts of a multipart is shown like a part's, in front of
// the first as that of the head before, behind the last as a message without a head. A message in a message (message/rfc822) is
// entered. What cannot be read is shown as raw text, and its reason told: a reader of mail may see something else there.
//
// Lines end with CR LF. Elsewhere LF ends one too where the carrier lets it pass, but not in heads and boundaries, where readers
// of mail disagree: there the message is refused. Told and read on are: heads with a second Content-Type, Content-Transfer-Encoding or
// boundary, of which the first counts; lines that begin like a boundary and go on; text between the lines of a coded message or
// multipart; what is no base64 and no quoted-printable, which is overlooked (RFC 2045 §6.8) or stays (§6.7).
//
// Edits of a text replace as few bytes of the message as can be: quanta of base64, escapes of quoted-printable, bytes of the rest.
// If the length of a base64 text changes by no multiple of three, the rest of the part is encoded anew, line for line. If time is up meanwhile,
// what is held of it is up to 64 bytes, and a connection whose bytes have left too early ends. Lines that an edit makes longer than 76 bytes are broken, and where a line cannot be broken it must
// not pass 998 (RFC 5322 §2.1.1). An edit that would make a boundary, or a line end in a head, is refused with its reason. Edits of heads
// keep lines and folding. A decoded subject or name cannot be edited, but the head that it stands in can.
//
// Limits: 64 KiB of head, 1000 parts, parts in parts to 8, 70 bytes of boundary; behind them text is raw. 16 KiB are held, 256 pieces
// of text shown at a time.
//
// It does not convert the character sets of texts, and of names none but UTF-8, ASCII and ISO 8859-1. It does not read uuencode,
// yEnc, BinHex, TNEF (winmail.dat), S/MIME or PGP: they are shown as the text that they are. Message/partial is not put together.
package mime

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// Limits of a message.
const (
	maxHead     = 64 << 10
	maxParts    = 1000
	maxDepth    = 8
	maxBoundary = 70
	maxLine     = 2 << 10 // bytes of a line that are waited for
	maxText     = 32 << 10
	maxPieces   = 256
	maxHold     = 16 << 10
	maxReaders  = 4096

	// MaxUnread is how many bytes a Reader leaves at most, if Input.Soft.
	MaxUnread = maxHead + maxLine
)

// Reasons for what is refused or told.
const (
	headTooLarge     packet.Reason = "mime-head-too-large"
	tooManyParts     packet.Reason = "mime-too-many-parts"
	tooDeep          packet.Reason = "mime-too-deep"
	badHeader        packet.Reason = "mime-bad-header"         // a line in a head that is no field: the text begins there
	bareLineEnd      packet.Reason = "mime-bare-line-end"      // CR or LF alone, in a head or around a boundary
	controlByte      packet.Reason = "mime-control-byte"       // NUL in a head
	duplicateField   packet.Reason = "mime-duplicate-field"    // of those that say what follows
	badBoundary      packet.Reason = "mime-bad-boundary"       // none, too long, of bytes that none has, or an outer one's
	boundaryLike     packet.Reason = "mime-ambiguous-boundary" // a line that begins like one
	unknownEncoding  packet.Reason = "mime-unknown-encoding"
	codedComposite   packet.Reason = "mime-coded-composite" // a multipart or message that claims to be encoded (RFC 2045 §6.4)
	badBase64        packet.Reason = "mime-bad-base64"      // other bytes, or something behind the padding
	badQuoted        packet.Reason = "mime-bad-quoted-printable"
	unclosed         packet.Reason = "mime-unclosed" // the last boundary is not there
	breaks           packet.Reason = "mime-edit-breaks-message"
	cannotResize     packet.Reason = "mime-cannot-resize"
	editLost         packet.Reason = "mime-edit-too-late"
	heldWhileEncoded packet.Reason = "mime-cannot-hold"
)

// Fields are the fields that a Reader makes.
var Fields = field.SetOf(field.EmailHeaders, field.EmailSubject, field.EmailFrom, field.EmailTo, field.EmailBody, field.EmailFilename)

// A Pool makes Readers for one lane, and has what they need for one call.
type Pool struct {
	name    string // Message.Proto
	readers proto.Pool[Reader]

	msg    field.Message
	head   head
	again  head         // of an edited head
	unit   []byte       // a head without stuffed dots, or as it is edited
	value  []byte       // values of fields, decoded
	plain  []byte       // one value without folding and comments
	text   []byte       // of a part, decoded
	pieces []piece      // what it was made of
	edits  []field.Edit // of the bytes fed
	bytes  []byte       // which edits point into
	data   []byte       // text that an edit makes
	marks  []field.Span
	heads  []field.Span
}

// NewPool returns a Pool whose messages are of the protocol name.
func NewPool(name string) *Pool {
	return &Pool{name: name, text: make([]byte, 0, maxText+maxLine)}
}

// Open returns a Reader for one message; nil iff the pool is exhausted.
func (g *Pool) Open() *Reader {
	r := g.readers.Take(maxReaders)
	if r == nil {
		return nil
	}
	r.pool = g
	return r
}

// Close gives a Reader back to its pool.
func (r *Reader) Close() {
	g := r.pool
	*r = Reader{pool: g}
	g.readers.Put(r)
}

// Used is the number of Readers that are open.
func (g *Pool) Used() int { return g.readers.Used() }

// A Reader reads one message.
type Reader struct {
	pool      *Pool
	stack     [maxDepth]boundary
	depth     int
	parts     int
	scanned   int   // bytes at the start of what comes next in which no head ends
	told      uint8 // what was told once
	alike     bool  // a line like a boundary was
	inBody    bool
	inMessage bool // that is a part
	body      body
	over      bool
	stopped   bool // nobody wants to see any more
}

// A boundary is what divides a multipart.
type boundary struct {
	text   [maxBoundary]byte
	n      uint8
	digest bool // its parts are messages if they do not say otherwise (RFC 2046 §5.1.5)
}

// Input is what a Reader is fed.
type Input struct {
	Raw     []byte // what is unread of the message; read-only view, valid for the call
	Lead    int    // bytes at the head of Raw that have left: they cannot be edited
	Stuffed bool   // lines that begin with a dot have one more (RFC 5321 §4.5.2), and CR and LF come in pairs only
	Fixed   bool   // edits must keep the length of Raw
	End     bool   // the message ends with Raw
	Ending  bool   // it may do so, which what follows tells that leaves now if Soft
	Soft    bool   // what the Reader is not done with leaves now, and comes again all the same
	Want    field.Set
	Edits   field.Set // of these somebody may change bytes or length
}

// Progress is how far Feed came.
type Progress struct {
	N     int          // bytes of Raw that are done with; the rest comes again
	Edits []field.Edit // of Raw, in order, without overlap; valid until the next call. They must be made
	Marks []field.Span // bytes of Raw, in order, that leave as they were shown; likewise
	Heads []field.Span // bytes of Raw, in order, that are heads; likewise
	Vital bool         // without one of the Edits the message would be broken
	More  bool         // there is more to do with what was fed
	Why   packet.Reason
	As    proto.Trouble
}

// Encodes reports whether what follows must be fed, since it leaves encoded anew.
func (r *Reader) Encodes() bool { return r.body.anew }

// Stopped reports whether nobody wants to see any more.
func (r *Reader) Stopped() bool { return r.stopped }

// A feed is one call of Feed.
type feed struct {
	Input
	out   proto.Sink
	at    int
	steps int
	more  bool
	vital bool
	kept  []byte // text that is held, the bytes of which an edit has taken in
	why   packet.Reason
	as    proto.Trouble
}

// maxSteps is how many heads and parts are read in one call, unless time is up.
const maxSteps = 512

// Feed reads in.Raw, which begins where the last call has ended. It allocates nothing once the pool is warm.
func (r *Reader) Feed(in Input, out proto.Sink) Progress {
	g := r.pool
	f := feed{Input: in, out: out}
	g.edits, g.bytes, g.marks, g.heads = g.edits[:0], g.bytes[:0], g.marks[:0], g.heads[:0]
	for ; r.step(&f); f.steps++ {
		if f.steps == maxSteps && !f.Soft && !f.End && f.at < len(f.Raw) {
			f.more = true
			break
		}
	}
	return Progress{N: f.at, Edits: g.edits, Marks: g.marks, Heads: g.heads, Vital: f.vital, More: f.more, Why: f.why, As: f.as}
}

// step reads what comes next, and reports whether there may be more to read.
func (r *Reader) step(f *feed) bool {
	switch {
	case r.over:
		f.at = len(f.Raw)
		return false
	case r.stopped && !r.body.anew:
		f.at = len(f.Raw)
		return false
	case r.inBody:
		return r.readBody(f)
	}
	return r.readHead(f)
}

// refuse ends the reading.
func (f *feed) refuse(why packet.Reason) bool {
	f.as, f.why = proto.Unreadable, why
	return false
}

// tell tells of trouble, each reason of the list once in a message.
func (r *Reader) tell(f *feed, t proto.Trouble, why packet.Reason) {
	for i, w := range onceToldReasons {
		if w == why {
			if r.told&(1<<i) != 0 {
				return
			}
			r.told |= 1 << i
		}
	}
	proto.Tell(f.out, t, why)
}

var onceToldReasons = [...]packet.Reason{badHeader, duplicateField, badBase64, badQuoted, badBoundary, unknownEncoding, codedComposite}

// show shows m, unless nobody wants to see any more.
func (r *Reader) show(f *feed, m *field.Message, phase field.Phase) proto.Answer {
	if r.stopped {
		return proto.Answer{}
	}
	a := f.out.Show(m, phase)
	r.stopped = a.Stop
	return a
}

// edit has the bytes [off, end) of what was fed leave as with, which is copied.
func (g *Pool) edit(off, end int, with []byte) {
	at := len(g.bytes)
	g.bytes = append(g.bytes, with...)
	g.edits = append(g.edits, field.Edit{Span: field.Span{Off: off, End: end}, New: g.bytes[at:len(g.bytes):len(g.bytes)]})
}
