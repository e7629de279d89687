package smtp

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/mime"
)

// readCommand reads a command, or an answer of AUTH, once it is whole.
func (p *parser) readCommand(h *half, f *feed) bool {
	if f.at < len(f.in.Bytes) && p.place == inWait {
		return f.refuse(proto.Unreadable, ahead)
	}
	line, n := p.line(h, f)
	switch {
	case n == 0:
		return false
	case p.place == inAuth:
		p.place = inWait
		f.at += n
		return true
	}
	verb := verbOf(line)
	if len(verb) == 0 && len(line) > 0 {
		return f.refuse(proto.Unreadable, badCommand)
	}
	if ascii.EqualFold(verb, "bdat") {
		return p.chunk(f, line, n)
	}
	k, arg := commandOf(line, verb)
	if !p.queue.push(k) {
		return f.refuse(proto.Beyond, tooDeep)
	}
	p.command(f, k, line, arg)
	f.at += n
	return true
}

// command does what a command says, whose argument stands at arg.
func (p *parser) command(f *feed, k kind, line []byte, arg int) {
	switch k {
	case data, startTLS, auth:
		p.place = inWait
	case hello, lhello:
		p.envelope(f, field.SMTPHelo, field.Span{Off: arg, End: len(line)}, line)
		p.drop()
	case mail:
		p.envelope(f, field.SMTPMailFrom, path(line, arg), line)
		p.drop()
	case rcpt:
		p.envelope(f, field.SMTPRcptTo, path(line, arg), line)
	case reset:
		p.drop()
	}
}

// verbOf is the word that a command begins with; empty if it begins with something else.
func verbOf(line []byte) []byte {
	n := 0
	for n < len(line) && ('a' <= line[n]|0x20 && line[n]|0x20 <= 'z' || '0' <= line[n] && line[n] <= '9' || line[n] == '-') {
		n++
	}
	if n < len(line) && line[n] != ' ' {
		return nil
	}
	return line[:n]
}

var verbs = [...]struct {
	name string
	kind kind
	word string // in front of the argument
}{
	{"ehlo", hello, ""},
	{"helo", hello, ""},
	{"lhlo", lhello, ""},
	{"mail", mail, "from:"},
	{"rcpt", rcpt, "to:"},
	{"data", data, ""},
	{"rset", reset, ""},
	{"starttls", startTLS, ""},
	{"auth", auth, ""},
	{"x-exps", auth, ""},
	{"turn", turn, ""},
	{"atrn", turn, ""},
}

// commandOf returns what a command is, and where its argument begins.
func commandOf(line, verb []byte) (k kind, arg int) {
	arg = len(verb)
	for arg < len(line) && (line[arg] == ' ' || line[arg] == '\t') {
		arg++
	}
	for i := range verbs {
		v := &verbs[i]
		if !ascii.EqualFold(verb, v.name) {
			continue
		}
		if ascii.HasPrefixFold(line[arg:], v.word) {
			arg += len(v.word)
		}
		return v.kind, arg
	}
	return other, arg
}

// path returns where the address lies that stands at arg, without the angle brackets and without what follows it.
func path(line []byte, arg int) field.Span {
	for arg < len(line) && line[arg] == ' ' {
		arg++
	}
	s := field.Span{Off: arg, End: len(line)}
	if arg < len(line) && line[arg] == '<' {
		s.Off++
		quoted := false
		for i := s.Off; i < len(line); i++ {
			switch {
			case line[i] == '\\' && quoted:
				i++
			case line[i] == '"':
				quoted = !quoted
			case line[i] == '>' && !quoted:
				s.End = i
				return s
			}
		}
		return s
	}
	if n := bytes.IndexByte(line[arg:], ' '); n >= 0 {
		s.End = arg + n
	}
	return s
}

// envelope shows one field of a command, and makes edits of it that leave it one word.
func (p *parser) envelope(f *feed, id field.ID, s field.Span, line []byte) {
	proto.Name(f.out, id, f.at+s.Off, f.at+s.End)
	if !f.in.Want.Has(id) || p.stopped {
		return
	}
	m := &p.g.msg
	m.Reset(p.g.Name(), line)
	m.Complete = true
	m.Add(field.Field{ID: id, Value: line[s.Off:s.End:s.End], Span: s, Editable: true})
	edits := p.show(f, m, field.MessageWhole).Edits
	for i := range edits {
		if bytes.ContainsAny(edits[i].New, " \r\n\x00<>\"\\") {
			proto.Tell(f.out, proto.Unedited, breaks)
			return
		}
	}
	if !proto.ReplaceAll(f.out, f.at, edits) {
		proto.Tell(f.out, proto.Unedited, editLost)
	}
}

// chunk reads BDAT's line (RFC 3030 §2).
func (p *parser) chunk(f *feed, line []byte, n int) bool {
	if !p.chunked {
		return f.refuse(proto.Unreadable, unoffered)
	}
	size, rest := field.Span{Off: 5}, []byte(nil)
	var due int64
	for size.End = 5; size.End < len(line) && line[size.End]-'0' < 10 && size.End < 20; size.End++ {
		due = 10*due + int64(line[size.End]-'0')
	}
	rest = trimRight(line[min(len(line), size.End):])
	last := ascii.EqualFold(rest, " last")
	if size.End == 5 || len(rest) > 0 && !last {
		return f.refuse(proto.Unreadable, badChunk)
	}
	there := int64(len(f.rest())-n) >= due
	edits := f.in.Edits.Union(f.in.Resize)&mime.Fields != 0 && !p.stopped
	if edits && !there && due <= maxWait && !f.soft() && p.half[f.in.Dir].gone == 0 {
		return false
	}
	k := other
	if last {
		k = final
	}
	if !p.push(k) {
		return f.refuse(proto.Beyond, tooDeep)
	}
	p.place, p.due, p.last = inChunk, due, last
	p.fixed = !there || p.half[f.in.Dir].gone > 0
	p.size = field.Span{Off: f.at + size.Off, End: f.at + size.End}
	f.at += n
	return p.mail != nil || p.open(f)
}

// push notes a command, the end of a message as many times as it is replied to (RFC 2033 §4.2).
func (p *parser) push(k kind) bool {
	n := uint16(1)
	if k == final && p.lmtp {
		n = max(1, p.rcpts)
	}
	for ; n > 0; n-- {
		if !p.queue.push(k) {
			return false
		}
	}
	return true
}
