package dns

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

var (
	udp = proto.Peer{Transport: packet.UDP, ServerPort: 40000}
	tcp = proto.Peer{Transport: packet.TCP, ServerPort: 40000}
	all = New().Fields()
)

// message is a header with the given flags and counts, and what follows it.
func message(flags uint16, qd, an, ns, ar uint16, rest ...string) []byte {
	b := binary.BigEndian.AppendUint16(nil, 0x1234)
	for _, v := range []uint16{flags, qd, an, ns, ar} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return append(b, strings.Join(rest, "")...)
}

const (
	exampleA = "\x07example\x03com\x00\x00\x01\x00\x01"               // the question A? example.com, at 12
	answerA  = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04"     // + 4 bytes of address
	optEmpty = "\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"         // OPT, 1232 bytes, DO
	optCode1 = "\x00\x00\x29\x04\xd0\x01\x00\x80\x00\x00\x00"         // OPT, extended code 1
	tsig     = "\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x02\x00\x00" // TSIG, nonsense inside
)

func parse(t *testing.T, unit []byte, from proto.Peer) *field.Message {
	t.Helper()
	m := new(field.Message)
	n, why := New().Parse(m, unit, from, all)
	if n != len(unit) || why != "" || !m.Complete {
		t.Fatalf("Parse(%q) = %d, %q, complete %v; want %d", unit, n, why, m.Complete, len(unit))
	}
	return m
}

// show prints the fields of m as name=value words; values of answers are left out.
func show(m *field.Message) string {
	var words []string
	for _, f := range m.Fields {
		if f.ID == field.DNSAnswer {
			words = append(words, f.ID.String())
			continue
		}
		words = append(words, f.ID.String()+"="+string(f.Value))
	}
	return strings.Join(words, " ")
}

func TestFieldsAreReadAsAResolverReadsThem(t *testing.T) {
	for _, c := range []struct {
		name string
		unit []byte
		want string
	}{
		{"query", message(0x0100, 1, 0, 0, 0, exampleA), "dns.query=example.com dns.type=A"},
		{"0x20 case", message(0x0100, 1, 0, 0, 0, "\x07eXAmpLe\x03COM\x00\x00\x1c\x00\x01"), "dns.query=example.com dns.type=AAAA"},
		{"root", message(0x0100, 1, 0, 0, 0, "\x00\x00\x02\x00\x01"), "dns.query= dns.type=NS"},
		{"NUL label", message(0, 1, 0, 0, 0, "\x03a\x00b\x03com\x00\x00\x41\x00\x01"), `dns.query=a\000b.com dns.type=HTTPS`},
		{"dot in label", message(0, 1, 0, 0, 0, "\x04a.\\ \x00\xff\x00\x00\x01"), `dns.query=a\.\\\032 dns.type=TYPE65280`},
		{
			"two questions, the second points to the first", message(0, 2, 0, 0, 0, exampleA, "\x03www\xc0\x0c\x00\x10\x00\x01"),
			"dns.query=example.com dns.type=A dns.query=www.example.com dns.type=TXT",
		},
		{
			"answer", message(0x8180, 1, 1, 0, 0, exampleA, answerA, "\xc0\x00\x02\x01"),
			"dns.rcode=NOERROR dns.query=example.com dns.type=A dns.answer",
		},
		{"name error", message(0x8183, 1, 0, 0, 0, exampleA), "dns.rcode=NXDOMAIN dns.query=example.com dns.type=A"},
		{"extended code", message(0x8180, 1, 0, 0, 1, exampleA, optCode1), "dns.rcode=BADVERS dns.query=example.com dns.type=A"},
		{"unknown code", message(0x818c, 1, 0, 0, 0, exampleA), "dns.rcode=RCODE12 dns.query=example.com dns.type=A"},
		{"bytes behind", message(0x0100, 1, 0, 0, 0, exampleA, "junk"), "dns.query=example.com dns.type=A"},
		{"header only", message(0x8181, 0, 0, 0, 0), "dns.rcode=FORMERR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := show(parse(t, c.unit, udp)); got != c.want {
				t.Errorf("over UDP:\n got %s\nwant %s", got, c.want)
			}
			framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(c.unit))), c.unit...)
			if got := show(parse(t, framed, tcp)); got != c.want {
				t.Errorf("over TCP:\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAnswerSpansTheRecord(t *testing.T) {
	unit := message(0x8180, 1, 1, 0, 0, exampleA, answerA, "\xc0\x00\x02\x01")
	f := parse(t, unit, udp).Fields[3]
	want := field.Field{ID: field.DNSAnswer, Value: []byte{192, 0, 2, 1}, Span: field.Span{Off: 29, End: 45}, Editable: true, Detail: 1<<16 | 1}
	if !bytes.Equal(f.Value, want.Value) || f.Span != want.Span || !f.Editable || f.Detail != want.Detail {
		t.Errorf("got %+v, want %+v", f, want)
	}
	r, ok := ParseRecord(unit, f.Span)
	if !ok || string(r.Owner) != "\xc0\x0c" || r.Type != 1 || r.Class != 1 || r.TTL != 60 || r.TTLOff != 6 || !bytes.Equal(r.RData, want.Value) {
		t.Errorf("ParseRecord = %+v, %v", r, ok)
	}
	again := AppendRecord(nil, r.Owner, r.Type, r.Class, r.TTL, r.RData)
	if !bytes.Equal(again, unit[f.Span.Off:f.Span.End]) {
		t.Errorf("AppendRecord = %q", again)
	}
	for _, s := range []field.Span{{Off: 29, End: 44}, {Off: 30, End: 45}, {Off: 29, End: 99}, {Off: -1, End: 4}, {Off: 45, End: 29}, {Off: 45, End: 45}} {
		if _, ok := ParseRecord(unit, s); ok {
			t.Errorf("ParseRecord took %v", s)
		}
	}
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("a", 63), 3)
	chain := make([]byte, 0, 600) // a name, then pointers each to the one before
	chain = append(chain, "\x01a\x00\x00\x01\x00\x01"...)
	for i := range 130 {
		at := 12
		if i > 0 {
			at = 12 + 7 + 12*(i-1)
		}
		chain = append(chain, 0xc0|byte(at>>8), byte(at), 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	}
	for _, c := range []struct {
		name string
		unit []byte
		why  packet.Reason
	}{
		{"no header", []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00"), short},
		{"no question", message(0, 1, 0, 0, 0), short},
		{"half a name", message(0, 1, 0, 0, 0, "\x07exam"), short},
		{"half a pointer", message(0, 1, 0, 0, 0, "\x07example\xc0"), short},
		{"half a question", message(0, 1, 0, 0, 0, "\x00\x00\x01\x00"), short},
		{"half a record", message(0, 0, 1, 0, 0, "\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00"), short},
		{"RDATA beyond the end", message(0, 0, 1, 0, 0, "\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x01\x02\x03"), short},
		{"17 questions", message(0, 17, 0, 0, 0), tooMany},
		{"65 records", message(0, 1, 64, 0, 0), tooMany},
		{"counts that overflow together", message(0, 0xffff, 0xffff, 0xffff, 0xffff), tooMany},
		{"pointer to itself", message(0, 1, 0, 0, 0, "\xc0\x0c\x00\x01\x00\x01"), badPointer},
		{"pointer into its own name", message(0, 1, 0, 0, 0, "\x01a\xc0\x0c\x00\x01\x00\x01"), badPointer},
		{"pointer forwards", message(0, 1, 0, 0, 0, "\xc0\x12\x00\x01\x00\x01\x00"), badPointer},
		{"pointer into the header", message(0, 1, 0, 0, 0, "\xc0\x04\x00\x01\x00\x01"), badPointer},
		{"pointer back, then forward again", message(0, 3, 0, 0, 0, "\x01a\x00\x00\x01\x00\x01", "\xc0\x0c\x00\x01\x00\x01",
			"\x01b\xc0\x19\x00\x01\x00\x01"), badPointer},
		{"129 jumps", func() []byte { g := message(0, 1, 130, 0, 0); return append(g, chain...) }(), badPointer},
		{"label type 01", message(0, 1, 0, 0, 0, "\x41a\x00\x00\x01\x00\x01"), badLabel},
		{"label type 10", message(0, 1, 0, 0, 0, "\x80\x00\x00\x01\x00\x01"), badLabel},
		{"256 bytes", message(0, 1, 0, 0, 0, long, "\x3e", strings.Repeat("b", 62), "\x00\x00\x01\x00\x01"), longName},
		{"256 bytes by a pointer", message(0, 2, 0, 0, 0, long, "\x00\x00\x01\x00\x01", "\x3e", strings.Repeat("b", 62), "\xc0\x0c\x00\x01\x00\x01"), longName},
		{"A of three bytes", message(0, 0, 1, 0, 0, "\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x03\x01\x02\x03"), badRData},
		{"CNAME that runs over", message(0, 0, 1, 0, 0, "\x00\x00\x05\x00\x01\x00\x00\x00\x00\x00\x03\x03www\x00"), badRData},
		{"CNAME that runs over the end", message(0, 0, 1, 0, 0, "\x00\x00\x05\x00\x01\x00\x00\x00\x00\x00\x02\x03w"), badRData},
		{"CNAME and more", message(0, 0, 1, 0, 0, "\x00\x00\x05\x00\x01\x00\x00\x00\x00\x00\x03\x00xx"), badRData},
		{"MX without a name", message(0, 0, 1, 0, 0, "\x00\x00\x0f\x00\x01\x00\x00\x00\x00\x00\x01\x00"), badRData},
		{"NAPTR whose strings run over", message(0, 0, 1, 0, 0, "\x00\x00\x23\x00\x01\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x09"), badRData},
		{"CNAME to a loop", message(0, 0, 1, 0, 0, "\x00\x00\x05\x00\x01\x00\x00\x00\x00\x00\x02\xc0\x17"), badPointer},
		{"two OPT", message(0, 0, 0, 0, 2, optEmpty, optEmpty), badOPT},
		{"OPT as an answer", message(0, 0, 1, 0, 0, optEmpty), badOPT},
		{"OPT of a name", message(0, 0, 0, 0, 1, "\x01a", optEmpty), badOPT},
		{"OPT option that runs over", message(0, 0, 0, 0, 1, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x08"), badOPT},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &Grammar{}
			if c.name == "129 jumps" {
				g.MaxRecords = 200
			}
			m := new(field.Message)
			if n, why := g.Parse(m, c.unit, udp, all); n != 0 || why != c.why || m.Complete || len(m.Fields) != 0 {
				t.Errorf("Parse = %d, %q with %d fields; want 0, %q with none", n, why, len(m.Fields), c.why)
			}
		})
	}
}

// TestLimitsAreReached holds the limits from the other side: what is just within them is read.
func TestLimitsAreReached(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("a", 63), 3) + "\x3d" + strings.Repeat("b", 61) + "\x00"
	if len(long) != maxName {
		t.Fatal(len(long))
	}
	m := parse(t, message(0, 1, 0, 0, 0, long, "\x00\x01\x00\x01"), udp)
	if got := len(m.Get(field.DNSQuery)); got != maxName-2 {
		t.Errorf("longest name shows %d bytes", got)
	}
	parse(t, message(0, 16, 48, 0, 0, strings.Repeat("\x00\x00\x01\x00\x01", 16), strings.Repeat("\x00\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00", 48)), udp)
}

// TestCutAnywhereOverTCP holds that a message cut short yields only fields of the whole one, and that over UDP it is
// refused.
func TestCutAnywhereOverTCP(t *testing.T) {
	msg := message(0x8180, 1, 2, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02", optCode1)
	unit := append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	whole := parse(t, unit, tcp)
	g, m := New(), new(field.Message)
	for cut := range unit {
		n, why := g.Parse(m, unit[:cut], tcp, all)
		if n != 0 || why != proto.Incomplete || m.Complete {
			t.Fatalf("cut at %d: %d, %q", cut, n, why)
		}
		if match := g.Recognise(unit[:cut], tcp); match == proto.No || match == proto.Yes && cut < 14+17 {
			t.Errorf("cut at %d: recognised as %v", cut, match)
		}
		for _, f := range m.Fields {
			if !contains(whole, &f) {
				t.Errorf("cut at %d: wrong field %+v", cut, f)
			}
		}
		if cut < len(msg) {
			if n, why := g.Parse(m, msg[:cut], udp, all); n != 0 || why != short {
				t.Errorf("UDP cut at %d: %d, %q", cut, n, why)
			}
		}
	}
}

func contains(m *field.Message, f *field.Field) bool {
	for _, w := range m.Fields {
		if w.ID == f.ID && w.Span == f.Span && w.Detail == f.Detail && bytes.Equal(w.Value, f.Value) {
			return true
		}
	}
	return false
}

func TestSecondMessageOverTCPIsLeftAlone(t *testing.T) {
	msg := message(0x0100, 1, 0, 0, 0, exampleA)
	unit := append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	m := new(field.Message)
	n, why := New().Parse(m, append(unit, unit...), tcp, all)
	if n != len(unit) || why != "" || len(m.Unit) != len(unit) || len(m.Fields) != 2 {
		t.Errorf("Parse = %d, %q, unit of %d, %d fields", n, why, len(m.Unit), len(m.Fields))
	}
}

func TestParseAndRecogniseAllocateNothing(t *testing.T) {
	g, m := New(), new(field.Message)
	unit := message(0x8180, 2, 2, 0, 1, exampleA, "\x03www\xc0\x0c\xff\x00\x00\x01", answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02", optCode1)
	g.Parse(m, unit, udp, all)
	if n := testing.AllocsPerRun(100, func() {
		if g.Recognise(unit, udp) != proto.Yes {
			t.Fatal("not recognised")
		}
		g.Parse(m, unit, udp, all)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOnlyWantedFieldsAreMade(t *testing.T) {
	g, m := New(), new(field.Message)
	unit := message(0x8180, 1, 1, 0, 0, exampleA, answerA, "\xc0\x00\x02\x01")
	for _, id := range []field.ID{field.DNSQuery, field.DNSType, field.DNSRCode, field.DNSAnswer} {
		g.Parse(m, unit, udp, field.SetOf(id))
		if len(m.Fields) != 1 || m.Fields[0].ID != id {
			t.Errorf("wanted %v, got %+v", id, m.Fields)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	g, m := New(), new(field.Message)
	unit := message(0x8180, 1, 2, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02", optEmpty)
	b.ReportAllocs()
	for b.Loop() {
		g.Parse(m, unit, udp, all)
	}
}

func BenchmarkRecogniseOther(b *testing.B) {
	g := New()
	unit := bytes.Repeat([]byte{0x17, 0x03, 0x99}, 400)
	for b.Loop() {
		g.Recognise(unit, udp)
	}
}
