package ftp

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/greeting"
)

// A parser reads one control connection.
type parser struct {
	g       *Grammar
	none    [2]int         // bytes at the start of what comes next in which no line ends
	server  flow.Direction // in which replies come
	known   bool           // server is
	greeted bool
	dark    bool // TLS has begun, or nobody wants to see anything
	stopped bool // nobody wants to see any more

	waiting uint16 // commands that were not replied to
	auth    bool   // the last of them is AUTH
	lines   int    // bytes of the reply that its whole lines have; they come again
	code    [3]byte
	many    bool // the reply has more lines than one, or is shown in several
}

// A feed is one call of Feed. It belongs to the Grammar.
type feed struct {
	in   proto.Input
	out  proto.Sink
	at   int
	more bool
	why  packet.Reason
	as   proto.Trouble
}

func (f *feed) rest() []byte { return f.in.Bytes[f.at:] }

// refuse ends the reading of the connection.
func (f *feed) refuse(as proto.Trouble, why packet.Reason) bool {
	f.as, f.why = as, why
	return false
}

// Close implements proto.Parser.
func (p *parser) Close() {
	g := p.g
	*p = parser{g: g}
	g.parsers.Put(p)
}

// maxSteps is how many lines are read in one call, unless time is up.
const maxSteps = 2048

// Feed implements proto.Parser.
func (p *parser) Feed(in proto.Input, out proto.Sink) proto.Progress {
	f := &p.g.feed
	*f = feed{in: in, out: out}
	p.dark = p.dark || in.Want&p.g.Fields() == 0
	if !p.known {
		p.known, p.server = true, flow.ToClient
		if greeting.Match(in.Bytes, greeting.FTP, false) == proto.Yes {
			p.server = in.Dir
		}
	}
	for steps := 0; p.step(f); steps++ {
		if steps == maxSteps && f.at < len(in.Bytes) && !in.Late && !in.End {
			f.more = true
			break
		}
	}
	f.in.Bytes, f.out = nil, nil
	skip := int64(0)
	if p.dark || p.stopped {
		f.at, skip = len(in.Bytes), proto.Forever
	}
	return proto.Progress{N: f.at, Skip: skip, More: f.more, Why: f.why, As: f.as}
}

// step reads the next line, and reports whether there may be more to read.
func (p *parser) step(f *feed) bool {
	switch {
	case p.dark || p.stopped:
		return false
	case f.in.Dir == p.server:
		return p.readReply(f)
	}
	return p.readCommand(f)
}

// readCommand reads a command, once it is whole.
func (p *parser) readCommand(f *feed) bool {
	b, none := f.rest(), &p.none[f.in.Dir]
	if len(b) > 0 && p.auth {
		return f.refuse(proto.Unreadable, ahead)
	}
	i := bytes.IndexByte(b[*none:], '\n')
	switch {
	case i < 0 && len(b) > maxLine, *none+i >= maxLine:
		return f.refuse(proto.Beyond, lineTooLong)
	case i < 0:
		*none = len(b)
		return false
	}
	n := *none + i + 1
	line, start, why := commandLine(b[:n])
	if why != "" {
		return f.refuse(proto.Unreadable, why)
	}
	verb := start
	for verb < len(line) && (line[verb]|0x20-'a' < 26 || line[verb]-'0' < 10) {
		verb++
	}
	if verb < len(line) && (verb == start || line[verb] != ' ') {
		return f.refuse(proto.Unreadable, badCommand)
	}
	*none = 0
	p.command(f, line, field.Span{Off: start, End: verb})
	f.at += n
	return true
}

const telnet = 0xff // Interpret As Command (RFC 854)

// commandLine returns a command without its line end, and where it begins behind Telnet controls.
func commandLine(b []byte) (line []byte, start int, why packet.Reason) {
	n := len(b)
	if n < 2 || b[n-2] != '\r' {
		return nil, 0, bareLineEnd
	}
	line = b[: n-2 : n-2]
	for start+1 < len(line) && line[start] == telnet && line[start+1] >= 0xf0 && line[start+1] < 0xfb {
		start += 2
	}
	if start > 0 && start < len(line) && line[start] == 0xf2 { // a Data Mark whose IAC went before as urgent data
		start++
	}
	switch rest := line[start:]; {
	case bytes.IndexByte(rest, '\r') >= 0:
		return nil, 0, bareLineEnd
	case bytes.IndexByte(rest, 0) >= 0 || bytes.IndexByte(rest, telnet) >= 0:
		return nil, 0, controlByte
	}
	return line, start, ""
}

// command shows a command and notes what it asks for.
func (p *parser) command(f *feed, line []byte, verb field.Span) {
	name := line[verb.Off:verb.End]
	p.waiting = min(p.waiting+1, 1<<15)
	p.auth = ascii.EqualFold(name, "auth")
	m := &p.g.msg
	m.Reset(p.g.Name(), line)
	m.Complete = true
	if f.in.Want.Has(field.FTPCommand) {
		m.Add(field.Field{ID: field.FTPCommand, Value: name[:len(name):len(name)], Span: verb, Editable: true})
	}
	proto.Name(f.out, field.FTPCommandData, f.at+verb.End+1, f.at+len(line))
	if verb.End < len(line) && f.in.Want.Has(field.FTPCommandData) {
		s := field.Span{Off: verb.End + 1, End: len(line)}
		fd := field.Field{ID: field.FTPCommandData, Value: line[s.Off:s.End:s.End], Span: s, Editable: true}
		if ascii.EqualFold(name, "pass") || ascii.EqualFold(name, "acct") {
			fd.Value, fd.Editable, fd.Detail = line[s.Off:s.Off:s.Off], false, uint32(s.Len())
			m.Unit = line[:s.Off:s.Off] // so that nobody finds it there
			fd.Span.End = s.Off
		}
		m.Add(fd)
	}
	p.edit(f, p.show(f, m), verb)
}

// edit makes edits that leave a command in its line, and its verb one word.
func (p *parser) edit(f *feed, edits []field.Edit, verb field.Span) {
	for i := range edits {
		e := &edits[i]
		if bytes.ContainsAny(e.New, "\r\n\x00") || bytes.IndexByte(e.New, telnet) >= 0 || e.Span.Off < verb.End && bytes.IndexByte(e.New, ' ') >= 0 {
			proto.Tell(f.out, proto.Unedited, breaks)
			return
		}
	}
	if !proto.ReplaceAll(f.out, f.at, edits) {
		proto.Tell(f.out, proto.Unedited, editLost)
	}
}

func (p *parser) show(f *feed, m *field.Message) []field.Edit {
	if len(m.Fields) == 0 {
		return nil
	}
	a := f.out.Show(m, field.MessageWhole)
	p.stopped = a.Stop
	return a.Edits
}

// readReply reads a line of a reply, and shows it with the last one.
func (p *parser) readReply(f *feed) bool {
	b, none := f.rest(), &p.none[f.in.Dir]
	i := bytes.IndexByte(b[*none:], '\n')
	if i < 0 {
		if *none = len(b); len(b)-p.lines > maxLine {
			return f.refuse(proto.Beyond, lineTooLong)
		}
		return false
	}
	from, n := p.lines, *none+i+1
	if n-from > maxLine {
		return f.refuse(proto.Beyond, lineTooLong)
	}
	line := bytes.TrimSuffix(b[from:n-1], []byte{'\r'})
	*none, p.lines = n, n
	code := len(line) >= 3 && digits(line[:3]) && (len(line) == 3 || line[3] == ' ' || line[3] == '-')
	switch {
	case !p.many && !code:
		return f.refuse(proto.Unreadable, badReply)
	case !p.many:
		copy(p.code[:], line)
		p.many = len(line) > 3 && line[3] == '-'
	default:
		p.many = !code || string(line[:3]) != string(p.code[:]) || len(line) > 3 && line[3] == '-'
	}
	if p.many {
		if n > maxReply {
			p.showReply(f, b[:n], n, false)
		}
		return true
	}
	end := n - 1
	if end > 0 && b[end-1] == '\r' {
		end--
	}
	p.showReply(f, b[:end], n, true)
	p.replied()
	return true
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// showReply shows a reply, or what there is of one that is too long, and goes on n bytes from its begin.
func (p *parser) showReply(f *feed, unit []byte, n int, whole bool) {
	m := &p.g.msg
	m.Reset(p.g.Name(), unit)
	m.Complete, m.Response = whole, true
	if f.in.Want.Has(field.FTPReply) {
		m.Add(field.Field{ID: field.FTPReply, Value: unit[:len(unit):len(unit)], Span: field.Span{End: len(unit)}})
	}
	proto.Name(f.out, field.FTPReply, f.at, f.at+len(unit))
	p.show(f, m)
	if !whole {
		proto.Tell(f.out, proto.Beyond, replyTooLong)
	}
	f.at += n
	p.lines, p.none[f.in.Dir] = 0, 0
}

// replied does what a whole reply says.
func (p *parser) replied() {
	code := string(p.code[:])
	switch {
	case code[0] == '1':
		return // another one follows
	case code == "220" && !p.greeted:
		p.greeted = true
		return
	}
	p.greeted = true
	if p.waiting > 0 {
		p.waiting--
	}
	if p.auth && p.waiting == 0 {
		p.auth, p.dark = false, code == "234"
	}
}
