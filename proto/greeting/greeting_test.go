package greeting

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/proto"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		line      string
		usual     bool // for both: the port says the one or the other
		mail, ftp proto.Match
	}{
		{"", false, proto.Maybe, proto.Maybe},
		{"22", false, proto.Maybe, proto.Maybe},
		{"221", false, proto.No, proto.No},
		{"220", false, proto.Maybe, proto.Maybe},
		{"220x", false, proto.No, proto.No},
		{"220 mx.example.com ESMTP", false, proto.Yes, proto.Maybe},
		{"220-FTP server", false, proto.Maybe, proto.Yes},
		{"220-FileZilla Server 1.8", true, proto.Maybe, proto.Yes},
		{"220 LMTP", true, proto.Yes, proto.Maybe},
		{"220 neither", false, proto.Maybe, proto.Maybe},
		{"220 neither", true, proto.Yes, proto.Yes},
		{"220 ESMTP and FTP", true, proto.Maybe, proto.Maybe},
		{"220 " + strings.Repeat("x", maxLine), false, proto.No, proto.No},
	} {
		if mail, ftp := Match([]byte(c.line), Mail, c.usual), Match([]byte(c.line), FTP, c.usual); mail != c.mail || ftp != c.ftp {
			t.Errorf("%.30q: mail %v, ftp %v", c.line, mail, ftp)
		}
	}
}
