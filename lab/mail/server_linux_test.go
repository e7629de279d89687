package mail_test

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
)

// A server takes mail, and keeps it.
type server struct {
	ln net.Listener

	mu    sync.Mutex
	mails []string
}

func (s *server) serve() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		go s.talk(c)
	}
}

// taken returns the mails that came, and forgets them.
func (s *server) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.mails
	s.mails = nil
	return all
}

func (s *server) keep(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, text)
}

func (s *server) talk(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(line string) { _, _ = fmt.Fprint(c, line+"\r\n") }
	say("220 mx.example.com ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(line[:min(4, len(line))]); verb {
		case "EHLO":
			say("250-mx.example.com\r\n250-PIPELINING\r\n250 8BITMIME")
		case "DATA":
			say("354 go")
			text, err := textproto.NewReader(r).ReadDotBytes()
			if err != nil {
				return
			}
			s.keep(strings.ReplaceAll(string(text), "\n", "\r\n"))
			say("250 queued")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}
