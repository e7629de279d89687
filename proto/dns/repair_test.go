package dns

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	oracle "github.com/miekg/dns"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// answers returns the spans of m's answers.
func answers(m *field.Message) (spans []field.Span) {
	for _, f := range m.Fields {
		if f.ID == field.DNSAnswer {
			spans = append(spans, f.Span)
		}
	}
	return spans
}

func repair(t *testing.T, g *Grammar, unit []byte, from proto.Peer, edits ...field.Edit) []byte {
	t.Helper()
	m := new(field.Message)
	if _, why := g.Parse(m, unit, from, all); why != "" {
		t.Fatalf("Parse: %s", why)
	}
	prefix := []byte("before")
	out, why := g.Repair(slices.Clone(prefix), m, edits)
	if why != "" {
		t.Fatalf("Repair: %s", why)
	}
	if !bytes.HasPrefix(out, prefix) {
		t.Fatalf("Repair overwrote what was in dst: %q", out)
	}
	return out[len(prefix):]
}

func TestReplaceByMoreRecords(t *testing.T) {
	unit := message(0x81a0, 1, 1, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", optEmpty)
	m := parse(t, unit, udp)
	var records []byte
	records = AppendRecord(records, QuestionName, 1, 1, 5, []byte{198, 51, 100, 1})
	records = AppendRecord(records, []byte("\x03www\xc0\x0c"), 1, 1, 5, []byte{198, 51, 100, 2})
	got := repair(t, New(), unit, udp, field.Edit{Span: answers(m)[0], New: records})
	want := message(0x8180, 1, 2, 0, 1, exampleA,
		"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc6\x33\x64\x01",
		"\x03www\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc6\x33\x64\x02", optEmpty)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestPointersToRemovedNames removes a CNAME on whose target all that follows hangs: the first pointer to it is
// written out, later ones lead to where that was.
func TestPointersToRemovedNames(t *testing.T) {
	unit := message(0x8180, 1, 3, 0, 0, exampleA, // example.com at 12
		"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03cdn\xc0\x0c", // at 29; its target at 41
		"\xc0\x29\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01",
		"\x01x\xc0\x29\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x06\x00\x0a\x01m\xc0\x29")
	m := parse(t, unit, udp)
	got := repair(t, New(), unit, udp, field.Edit{Span: answers(m)[0]})
	want := message(0x8180, 1, 2, 0, 0, exampleA,
		"\x03cdn\x07example\x03com\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01", // at 29
		"\x01x\xc0\x1d\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x06\x00\x0a\x01m\xc0\x1d")
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestEveryCompressibleTypeIsMoved shifts one record of each type that may carry names.
func TestEveryCompressibleTypeIsMoved(t *testing.T) {
	const name = "\x01t\xc0\x20" // into the answer that follows the edited one
	for typ, rdata := range map[uint16]string{
		oracle.TypeNS: name, oracle.TypeMD: name, oracle.TypeMF: name, oracle.TypeCNAME: name, oracle.TypeMB: name, oracle.TypeMG: name,
		oracle.TypeMR: name, oracle.TypePTR: name, oracle.TypeDNAME: name, oracle.TypeNSAPPTR: name,
		oracle.TypeSOA:   name + "\xc0\x20" + strings.Repeat("\x01", 20),
		oracle.TypeMINFO: name + name, oracle.TypeRP: name + name, oracle.TypeTALINK: name + name,
		oracle.TypeMX: "\x00\x0a" + name, oracle.TypeAFSDB: "\x00\x0a" + name, oracle.TypeRT: "\x00\x0a" + name, oracle.TypeKX: "\x00\x0a" + name,
		oracle.TypeLP:    "\x00\x0a" + name,
		oracle.TypeSRV:   "\x00\x01\x00\x02\x00\x03" + name,
		oracle.TypePX:    "\x00\x0a" + name + name,
		oracle.TypeNAPTR: "\x00\x01\x00\x02\x01s\x03sip\x00" + name,
		oracle.TypeRRSIG: "\x00\x01\x08\x02" + strings.Repeat("\x02", 14) + name + "signature",
		oracle.TypeSVCB:  "\x00\x01" + name + "\x00\x01\x00\x03\x02h2",
		oracle.TypeHTTPS: "\x00\x01" + name + "\x00\x01\x00\x03\x02h2",
		oracle.TypeNSEC:  name + "\x00\x01\x40",
	} {
		t.Run(oracle.TypeToString[typ], func(t *testing.T) {
			unit := message(0x8180, 1, 3, 0, 0, "\x01q\x00\x00\x01\x00\x01",
				"\x00\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x02\x01x", // a TXT of the root at 19
				"\x05owner\x04zone", answerA, "\xc0\x00\x02\x01") // owner.zone.q at 32, zone.q at 38
			unit = AppendRecord(unit, []byte("\x01o\xc0\x26"), typ, 1, 60, []byte(rdata))
			before := unpack(t, unit)
			got := repair(t, New(), unit, udp, field.Edit{
				Span: field.Span{Off: 19, End: 32},
				New:  AppendRecord(nil, []byte("\x03new\xc0\x0c"), 16, 1, 1, []byte("\x05longer"[:6])),
			})
			after := unpack(t, got)
			if len(after.Answer) != 3 || after.Answer[1].String() != before.Answer[1].String() || after.Answer[2].String() != before.Answer[2].String() {
				t.Errorf("before %v\nafter  %v", before.Answer, after.Answer)
			}
		})
	}
}

func unpack(t testing.TB, msg []byte) *oracle.Msg {
	t.Helper()
	m := new(oracle.Msg)
	if err := m.Unpack(msg); err != nil {
		t.Fatalf("miekg/dns cannot read %x: %v", msg, err)
	}
	return m
}

func TestEqualLengthEdits(t *testing.T) {
	unit := message(0x81a0, 1, 2, 0, 0, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02")
	r, _ := ParseRecord(unit, field.Span{Off: 29, End: 45})
	got := repair(t, New(), unit, udp,
		field.Edit{Span: field.Span{Off: 29 + r.TTLOff, End: 29 + r.TTLOff + 4}, New: []byte{0, 0, 0, 9}},
		field.Edit{Span: field.Span{Off: 41, End: 45}, New: []byte{198, 51, 100, 7}},
		field.Edit{Span: field.Span{Off: 45, End: 61}})
	want := message(0x8180, 1, 1, 0, 0, exampleA, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x09\x00\x04\xc6\x33\x64\x07")
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestADStaysInQueries(t *testing.T) {
	unit := message(0x0120, 1, 0, 0, 0, exampleA)
	got := repair(t, New(), unit, udp, field.Edit{Span: field.Span{Off: 13, End: 14}, New: []byte("E")})
	if want := message(0x0120, 1, 0, 0, 0, "\x07Example\x03com\x00\x00\x01\x00\x01"); !bytes.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestRefusedEdits(t *testing.T) {
	unit := message(0x8180, 1, 2, 0, 0, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02")
	first := field.Span{Off: 29, End: 45}
	many := bytes.Repeat(AppendRecord(nil, QuestionName, 1, 1, 1, []byte{192, 0, 2, 9}), 63)
	for _, c := range []struct {
		name string
		unit []byte
		span field.Span
		with string
		why  packet.Reason
	}{
		{"part of a record, other length", unit, field.Span{Off: 41, End: 45}, "longer", badEdit},
		{"two records", unit, field.Span{Off: 29, End: 61}, "", badEdit},
		{"question", unit, field.Span{Off: 12, End: 25}, "\x00", badEdit},
		{"count by hand", unit, field.Span{Off: 6, End: 8}, "\x00\x01", breaks},
		{"length by hand", unit, field.Span{Off: 39, End: 41}, "\x00\x03", breaks},
		{"name that loops by hand", unit, field.Span{Off: 29, End: 31}, "\xc0\x1d", breaks},
		{"no record", unit, first, "\xc0\x0c", badRecord},
		{"record and a half", unit, first, answerA + "\xc0\x00\x02\x01\xc0", badRecord},
		{"RDATA that runs over", unit, first, answerA + "\xc0\x00\x02", badRecord},
		{"A of no length", unit, first, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x00", badRecord},
		{"pointer to itself", unit, first, "\xc0\x1d" + answerA[2:] + "\xc0\x00\x02\x02", badRecord},
		{"pointer behind itself", unit, first, "\xc0\x2d" + answerA[2:] + "\xc0\x00\x02\x02", badRecord},
		{"pointer into the header", unit, first, "\xc0\x04" + answerA[2:] + "\xc0\x00\x02\x02", badRecord},
		{"pointer to the middle of something", unit, first, "\xc0\x0d" + answerA[2:] + "\xc0\x00\x02\x02", badRecord},
		{"OPT", unit, first, optEmpty, badRecord},
		{"name of 256 bytes", unit, first, strings.Repeat("\x3f"+strings.Repeat("a", 63), 3) + "\x32" + strings.Repeat("b", 50) + answerA + "\xc0\x00\x02\x02", badRecord},
		{"65 records", unit, first, string(many), tooMany},
		{"signed message", message(0x8180, 1, 1, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", tsig), first, "", signed},
		{"signed message by public key", message(0x8180, 1, 1, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01",
			"\x00\x00\x18\x00\xff\x00\x00\x00\x00\x00\x13", strings.Repeat("\x00", 19)), first, "", signed},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, c.unit, udp)
			dst := []byte("dst")
			out, why := New().Repair(dst, m, []field.Edit{{Span: c.span, New: []byte(c.with)}})
			if why != c.why || string(out) != "dst" {
				t.Errorf("Repair = %q, %q; want %q", out, why, c.why)
			}
		})
	}
}

// TestTooLargeIsTruncated holds that a datagram which grew too much tells its client to ask over TCP.
func TestTooLargeIsTruncated(t *testing.T) {
	grow := AppendRecord(nil, QuestionName, 16, 1, 1, append([]byte{255}, bytes.Repeat([]byte{'x'}, 255)...))
	plain := message(0x81a0, 1, 1, 1, 0, exampleA, answerA, "\xc0\x00\x02\x01", "\xc0\x0c\x00\x02\x00\x01\x00\x00\x00\x01\x00\x02\xc0\x0c")
	edns := message(0x81a0, 1, 1, 0, 2, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x01", optEmpty)
	for _, c := range []struct {
		name      string
		unit      []byte
		max       int
		from      proto.Peer
		records   int
		truncated []byte // nil: whole
	}{
		{"512 without EDNS, within", plain, 0, udp, 1, nil},
		{"512 without EDNS", plain, 0, udp, 2, message(0x8380, 1, 0, 0, 0, exampleA)},
		{"1232 with EDNS, within", edns, 0, udp, 4, nil},
		{"1232 with EDNS", edns, 0, udp, 5, message(0x8380, 1, 0, 0, 1, exampleA, optEmpty)},
		{"as configured, within", plain, 2000, udp, 6, nil},
		{"as configured", edns, 600, udp, 3, message(0x8380, 1, 0, 0, 1, exampleA, optEmpty)},
		{"no limit over TCP", append([]byte{0, byte(len(plain))}, plain...), 0, tcp, 8, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &Grammar{MaxUDP: c.max}
			m := parse(t, c.unit, c.from)
			got := repair(t, g, c.unit, c.from, field.Edit{Span: answers(m)[0], New: bytes.Repeat(grow, c.records)})
			if c.truncated != nil {
				if !bytes.Equal(got, c.truncated) {
					t.Errorf("got  %q\nwant %q", got, c.truncated)
				}
				return
			}
			m = parse(t, got, c.from)
			if len(answers(m)) != c.records || unpack(t, got[m.Detail:]).Truncated {
				t.Errorf("%d answers in %q", len(answers(m)), got)
			}
		})
	}
	// What was larger before may stay so.
	big := message(0x8180, 1, 3, 0, 0, exampleA, string(grow), string(grow), string(grow))
	m := parse(t, big, udp)
	got := repair(t, New(), big, udp, field.Edit{Span: answers(m)[1], New: grow})
	if !bytes.Equal(got, big) {
		t.Errorf("a large message did not stay as it was: %d bytes of %d", len(got), len(big))
	}
}

// TestQueriesAreNotTruncated: TC in a query would mean that more known answers follow (RFC 6762 §7.2).
func TestQueriesAreNotTruncated(t *testing.T) {
	unit := message(0, 1, 1, 0, 0, exampleA, answerA, "\xc0\x00\x02\x01")
	m := parse(t, unit, udp)
	grow := AppendRecord(nil, QuestionName, 16, 1, 1, bytes.Repeat([]byte{0}, 600))
	if _, why := New().Repair(nil, m, []field.Edit{{Span: answers(m)[0], New: grow}}); why != tooLong {
		t.Errorf("Repair: %q", why)
	}
}

// TestPointersThroughLengths has a name that leads through the RDLENGTH bytes of a record, whose value changes
// in the repair.
func TestPointersThroughLengths(t *testing.T) {
	unit := message(0x8180, 1, 3, 0, 0, "\x01q\x00\x00\x01\x00\x01")
	unit = append(unit, "\x05first\x00\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x02\x01x"...)
	second := len(unit) // a CNAME to first; its TTL ends in 2, and so begins a label: the length
	unit = append(unit, "\x00\x00\x05\x00\x01\x00\x00\x00\x02\x00\x02\xc0\x13"...)
	unit = append(unit, 0xc0, byte(second+8)) // \000\002.first
	unit = append(unit, "\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"...)
	before := unpack(t, unit)
	got := repair(t, New(), unit, udp, field.Edit{Span: field.Span{Off: 19, End: second}})
	after := unpack(t, got)
	if len(after.Answer) != 2 || after.Answer[0].String() != before.Answer[1].String() || after.Answer[1].String() != before.Answer[2].String() {
		t.Errorf("before %v\nafter  %v", before.Answer, after.Answer)
	}
}

// TestOwnerThatRunsThroughItsLength has a name that leads into the middle of a label and on through the RDLENGTH of its own
// record, which the name before it changes.
func TestOwnerThatRunsThroughItsLength(t *testing.T) {
	unit := message(0x8180, 1, 2, 0, 0, "\x01q\x00\x00\x01\x00\x01")
	unit = append(unit, "\x05first\x00\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x02\x01x"...) // at 19
	second := byte(len(unit))
	unit = AppendRecord(unit, []byte("\x01\x0b\x00"), oracle.TypeMINFO, 1, 1, []byte{1, 'a', 0xc0, 19, 0xc0, second + 1})
	before := unpack(t, unit)
	got := repair(t, New(), unit, udp, field.Edit{Span: field.Span{Off: 19, End: int(second)}})
	after := unpack(t, got)
	if len(after.Answer) != 1 || after.Answer[0].String() != before.Answer[1].String() {
		t.Errorf("before %v\nafter  %v", before.Answer, after.Answer)
	}
}

// TestPointersReachSixteenKiB moves a name behind the last offset that a pointer can name.
func TestPointersReachSixteenKiB(t *testing.T) {
	msg := message(0x8180, 1, 3, 0, 0, exampleA, answerA, "\xc0\x00\x02\x01",
		"\x03far\x00", answerA[2:], "\xc0\x00\x02\x02", // at 45
		"\x01x\xc0\x2d", answerA[2:], "\xc0\x00\x02\x03")
	unit := framed(msg)
	m := parse(t, unit, tcp)
	before := unpack(t, msg)
	got := repair(t, New(), unit, tcp, field.Edit{Span: answers(m)[0], New: AppendRecord(nil, QuestionName, 65280, 1, 1, make([]byte, 0x4000))})
	after := unpack(t, got[2:])
	if len(after.Answer) != 3 || after.Answer[1].String() != before.Answer[1].String() || after.Answer[2].String() != before.Answer[2].String() {
		t.Errorf("before %v\nafter  %v", before.Answer[1:], after.Answer[1:])
	}
}

func TestRepairAllocatesNothing(t *testing.T) {
	g, m := New(), new(field.Message)
	unit := message(0x8180, 1, 2, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02", optEmpty)
	edits := []field.Edit{{Span: field.Span{Off: 29, End: 45}, New: AppendRecord(nil, QuestionName, 1, 1, 5, []byte{198, 51, 100, 1})}}
	dst := make([]byte, 0, 2048)
	run := func() {
		g.Parse(m, unit, udp, all)
		if _, why := g.Repair(dst, m, edits); why != "" {
			t.Fatal(why)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
