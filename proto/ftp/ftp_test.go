package ftp

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/prototest"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const (
	up   = flow.ToServer
	down = flow.ToClient
)

// talk reads what both sides say in turn, cut by pick. Lines that begin with S: are the server's.
func talk(g *Grammar, text string, pick func(int) int, answer func(*field.Message, field.Phase) proto.Answer) *prototest.Stream {
	s := &prototest.Stream{Parser: g.Open(), Want: g.Fields(), Answer: answer}
	for line := range strings.SplitAfterSeq(text, "\n") {
		dir := up
		if rest, ok := strings.CutPrefix(line, "S:"); ok {
			dir, line = down, rest
		}
		prototest.Cut([]byte(line), pick, func(piece []byte, _ bool) { s.Send(dir, piece, false) })
	}
	s.Send(up, nil, true)
	s.Send(down, nil, true)
	s.Parser.Close()
	return s
}

func whole(left int) int { return left }

func TestSessions(t *testing.T) {
	g := New()
	for _, c := range []struct {
		name, text, shown string
		why               packet.Reason
	}{
		{"login", "S:220 FTP\r\nUSER a\r\nS:331 pw\r\nPASS secret\r\nS:230-hi\r\nS: 230 there\r\nS:230 ok\r\n", "reply=220 FTP|command=USER command_data=a|reply=331 pw|command=PASS command_data=|reply=230-hi\r\n 230 there\r\n230 ok", ""},
		{"two replies", "S:220 FTP\r\nRETR x y\r\nS:150 go\r\nS:226 done\r\nQUIT\r\nS:221 bye\n", "reply=220 FTP|command=RETR command_data=x y|reply=150 go|reply=226 done|command=QUIT|reply=221 bye", ""},
		{"tls", "S:220 FTP\r\nAUTH TLS\r\nS:234 go\r\n\x16\x03\n", "reply=220 FTP|command=AUTH command_data=TLS|reply=234 go", ""},
		{"no tls", "S:220 FTP\r\nAUTH TLS\r\nS:504 no\r\nUSER x\r\n", "reply=220 FTP|command=AUTH command_data=TLS|reply=504 no|command=USER command_data=x", ""},
		{"injected", "S:220 FTP\r\nAUTH TLS\r\nUSER x\r\n", "reply=220 FTP|command=AUTH command_data=TLS", ahead},
		{"in a pipeline", "S:220 FTP\r\nNOOP\r\nAUTH TLS\r\nS:200 ok\r\nUSER x\r\n", "reply=220 FTP|command=NOOP|command=AUTH command_data=TLS|reply=200 ok", ahead},
		{"tls in a pipeline", "S:220 FTP\r\nRETR x\r\nAUTH TLS\r\nS:150 go\r\nS:226 done\r\nS:234 go\r\n\x16\x03\n", "reply=220 FTP|command=RETR command_data=x|command=AUTH command_data=TLS|reply=150 go|reply=226 done|reply=234 go", ""},
		{"account", "ACCT x\r\nS:230 ok\r\nS:220 FTP\r\nacct\r\n", "command=ACCT command_data=|reply=230 ok|reply=220 FTP|command=acct", ""},
		{"abort", "\xff\xf4\xff\xf2ABOR\r\n\xf2", "command=ABOR", ""},
		{"telnet", "RE\xff\xf1TR x\r\n", "", controlByte},
		{"bare", "CWD x\nDELE y\r\n", "", bareLineEnd},
		{"bare CR", "CWD x\rDELE y\r\n", "", bareLineEnd},
		{"nul", "CWD x\x00\r\n", "", controlByte},
		{"blank", " CWD x\r\n", "", badCommand},
		{"reply", "S:2x0 FTP\r\n", "", badReply},
		{"long", "CWD " + strings.Repeat("x", maxLine) + "\r\n", "", lineTooLong},
		{"long reply", "S:220-" + strings.Repeat("x", maxLine), "", lineTooLong},
	} {
		for n := 1; n < 9; n++ {
			s := talk(g, c.text, func(left int) int { return min(left, n*n*n) }, nil)
			if got := strings.Join(s.Shown, "|"); got != c.shown || s.Why != c.why {
				t.Errorf("%s: %q, %q, want %q, %q", c.name, s.Why, got, c.why, c.shown)
			}
		}
	}
}

func TestRecognise(t *testing.T) {
	for _, c := range []struct {
		unit string
		dir  flow.Direction
		port uint16
		want proto.Match
	}{
		{"220 FTP\r\n", down, 40000, proto.Yes},
		{"220-FileZilla\r\n", down, 40000, proto.Yes},
		{"220 hi\r\n", down, 40000, proto.No},
		{"220 hi\r\n", down, 21, proto.Yes},
		{"220 smtp\r\n", down, 21, proto.No},
		{"220 smtp ftp\r\n", down, 40000, proto.No},
		{"220 h", down, 21, proto.Maybe},
		{"221 FTP\r\n", down, 21, proto.No},
		{"USER a\r\n", up, 21, proto.Yes},
		{"USER a\r\n", up, 110, proto.No},
		{"US", up, 21, proto.Maybe},
		{"AUTH TLS\r\n", up, 40000, proto.Yes},
		{"auth ssl\r\n", up, 40000, proto.Yes},
		{"AUTH TLSX\r\n", up, 40000, proto.No},
		{"AUTH PLAIN\r\n", up, 40000, proto.No},
		{"AUTH T", up, 40000, proto.Maybe},
		{"USER " + strings.Repeat("x", maxLine), up, 21, proto.No},
	} {
		if got := New().Recognise([]byte(c.unit), proto.Peer{Transport: packet.TCP, Dir: c.dir, ServerPort: c.port}); got != c.want {
			t.Errorf("%.20q on port %d: %v, want %v", c.unit, c.port, got, c.want)
		}
	}
}

// TestSecret: no field and no unit shows what PASS says, but its size.
func TestSecret(t *testing.T) {
	detail := uint32(0)
	talk(New(), "pass secret\r\n", whole, func(m *field.Message, _ field.Phase) proto.Answer {
		detail = m.Fields[1].Detail
		for _, f := range m.Fields {
			if all := string(m.Unit) + string(f.Value[:cap(f.Value)]); strings.Contains(all, "secret") {
				t.Errorf("%v: %q", f.ID, all)
			}
		}
		return proto.Answer{}
	})
	if detail != 6 {
		t.Errorf("detail %d", detail)
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct{ with, want string }{{"y", "RETR y\r\n"}, {"a longer one", "RETR a longer one\r\n"}, {"y\r\nDELE z", "RETR x\r\n"}, {"\xff", "RETR x\r\n"}} {
		s := talk(New(), "RETR x\r\n", whole, func(m *field.Message, _ field.Phase) proto.Answer {
			return proto.Answer{Edits: []field.Edit{{Span: m.Fields[1].Span, New: []byte(c.with)}}}
		})
		if string(s.Out[up]) != c.want || (c.want == "RETR x\r\n") != (len(s.Told) == 1) {
			t.Errorf("%q: %q, %q", c.with, s.Out[up], s.Told)
		}
	}
}

// TestLongReply: what is beyond the limit is shown as another reply.
func TestLongReply(t *testing.T) {
	text := "S:211-a\r\n" + strings.Repeat("S: "+strings.Repeat("x", 1000)+"\r\n", 100) + "S:211 z\r\n"
	s := talk(New(), text, whole, nil)
	if len(s.Shown) != 2 || len(s.Told) != 1 || s.Why != "" || !strings.HasSuffix(s.Shown[1], "211 z") {
		t.Errorf("%d replies, told %q, why %q", len(s.Shown), s.Told, s.Why)
	}
}

// FuzzStream: however a connection is cut, the same is shown, for the same reasons, and leaves as it came.
func FuzzStream(f *testing.F) {
	f.Add("S:220 FTP\r\nUSER a\r\nS:331-x\r\nS:331 y\r\nPASS b\r\n", uint64(1))
	f.Add("AUTH TLS\r\nS:234 ok\r\nxyz\n", uint64(2))
	g := New()
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		text = "S:220 FTP\r\n" + text
		one := talk(g, text, whole, nil)
		r := rand.New(rand.NewPCG(seed, 1))
		two := talk(g, text, func(left int) int { return 1 + r.IntN(min(left, 9)) }, nil)
		if a, b := strings.Join(one.Shown, "|"), strings.Join(two.Shown, "|"); a != b || one.Why != two.Why {
			t.Fatalf("at once, %q\n%q\nin pieces, %q\n%q", one.Why, a, two.Why, b)
		}
		for dir := range 2 {
			if string(one.Out[dir]) != string(two.Out[dir]) {
				t.Fatalf("left as %q and %q", one.Out[dir], two.Out[dir])
			}
		}
	})
}

func TestWarmAllocatesNothing(t *testing.T) {
	g := New()
	command, reply := []byte("RETR some/file\r\n"), []byte("226-done\r\n226 really\r\n")
	s := &prototest.Stream{Parser: g.Open(), Want: g.Fields(), Quiet: true}
	run := func() {
		s.Send(up, command, false)
		s.Send(down, reply, false)
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if s.Why != "" || s.Count < 200 {
		t.Errorf("%q, %d messages", s.Why, s.Count)
	}
}
