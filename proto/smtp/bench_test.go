package smtp

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// nobody is a Sink that wants nothing changed.
type nobody struct{}

func (nobody) Show(*field.Message, field.Phase) proto.Answer { return proto.Answer{} }
func (nobody) Replace(int, int, []byte) bool                 { return true }
func (nobody) Tell(proto.Trouble, packet.Reason) bool        { return false }

// BenchmarkPacket: 64 KiB at once, of what is usual and of what costs most.
func BenchmarkPacket(b *testing.B) {
	const size = 64 << 10
	const data = "MAIL FROM:<a>\nDATA\nS:250 ok\nS:354 go\n"
	for _, c := range []struct{ name, before, unit string }{
		{"text", data + "A: b\n\n", strings.Repeat("some text ", 7) + "\n"},
		{"base64", data + "Content-Transfer-Encoding: base64\n\n", strings.Repeat("c29tZSB0", 9) + "\n"},
		{"commands", "", "RSET\n"},
		{"recipients", "", "RCPT TO:<a>\n"},
		{"fields", data, "a:b\n"},
		{"types", data, "Content-Type: x/y; name=" + strings.Repeat("a;b=", 20) + "\n"},
		{"words", data, "Subject: " + strings.Repeat("=?a?q?", 20) + "\n"},
		{"parts", data + "Content-Type: multipart/x; boundary=b\n\n", "--b\n\n"},
		{"deep", data + strings.Repeat("Content-Type: multipart/x; boundary=b\n\n--b\n", 8), "--bx\n"},
		{"messages", data, "Content-Type: message/rfc822\n\n"},
		{"chunks", "", "BDAT 1\nx"},
		{"chunks of a head", "BDAT 60000\n" + strings.Repeat("a:"+strings.Repeat("b", 56)+"\n", 1000), "BDAT 1\nx"},
	} {
		text := []byte(strings.Repeat(crlf(c.unit), size/len(crlf(c.unit))))
		var before []proto.Input
		for _, s := range turns(crlf(welcome + c.before)) {
			before = append(before, proto.Input{Bytes: []byte(s.text), Dir: s.dir, Want: New().Fields()})
		}
		b.Run(c.name, func(b *testing.B) {
			g := New()
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				p := g.Open()
				for _, in := range before {
					p.Feed(in, nobody{})
				}
				b.StartTimer()
				p.Feed(proto.Input{Bytes: text, Dir: up, Want: g.Fields()}, nobody{})
				p.Close()
			}
		})
	}
}
