package smtp

import (
	"github.com/weir-project/weir/internal/ascii"
	"github.com/weir-project/weir/proto"
)

// readReply reads one line of a reply, and with the last one does what it says.
func (p *parser) readReply(h *half, f *feed) bool {
	line, n := p.line(h, f)
	if n == 0 {
		return false
	}
	code, ok := replyCode(line)
	if !ok || p.replied > 0 && code != p.code {
		return f.refuse(proto.Unreadable, badReply)
	}
	f.at += n
	k, waits := p.queue.first()
	if p.replied == 0 && (k == hello || k == lhello) && code == 250 {
		p.chunked = false
	}
	if waits && (k == hello || k == lhello) && len(line) > 4 && ascii.EqualFold(trimRight(line[4:]), "chunking") {
		p.chunked = true
	}
	p.code, p.replied = code, 1
	if len(line) > 3 && line[3] == '-' {
		return true
	}
	p.replied = 0
	if !waits || k == hello && code == 220 {
		return true // the greeting, also of a server whose client did not wait for it; or 421
	}
	return p.replyTo(f, k, code)
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// replyCode reads the code of a line (RFC 5321 §4.2).
func replyCode(line []byte) (code uint16, ok bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false
		}
		code = 10*code + uint16(c-'0')
	}
	return code, code >= 200 && code < 600
}

// replyTo does what a reply to a command says.
func (p *parser) replyTo(f *feed, k kind, code uint16) bool {
	success := code < 300
	if k == auth && code == 334 {
		p.place = inAuth
		return true
	}
	p.queue.pop()
	switch k {
	case lhello:
		p.lmtp = success || p.lmtp
	case hello:
		p.lmtp = p.lmtp && !success
	case mail, reset:
		if success {
			p.rcpts = 0
		}
	case rcpt:
		if success && p.rcpts < 1<<16-1 {
			p.rcpts++
		}
	case data:
		p.place = inCommand
		if code == 354 {
			p.place, p.scan = inData, scan{}
			return p.open(f)
		}
	case startTLS:
		p.dark, p.place = success, inCommand
	case auth:
		p.place = inCommand
	case turn:
		if success {
			return f.refuse(proto.Beyond, turned)
		}
	}
	return true
}
