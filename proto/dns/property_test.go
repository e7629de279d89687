package dns

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"testing"

	oracle "github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/proto"
)

// names share their ends, so that compression has work to do.
var names = []string{
	"example.com.", "www.example.com.", "a.www.example.com.", "EXAMPLE.com.", "cdn.example.net.", "x.cdn.example.net.",
	"net.", ".", `odd\.dot.example.com.`, `nul\000.example.com.`, strings.Repeat("long-label-of-many-bytes.", 9) + "example.com.",
}

func anyName(t *rapid.T) string { return rapid.SampledFrom(names).Draw(t, "name") }

// anyRecord draws a record of a type with or without names.
func anyRecord(t *rapid.T) oracle.RR {
	h := oracle.RR_Header{Name: anyName(t), Class: oracle.ClassINET, Ttl: rapid.Uint32().Draw(t, "ttl")}
	kind := rapid.SampledFrom([]uint16{
		oracle.TypeA, oracle.TypeAAAA, oracle.TypeCNAME, oracle.TypeNS, oracle.TypePTR, oracle.TypeMX, oracle.TypeSOA,
		oracle.TypeSRV, oracle.TypeTXT, oracle.TypeDNAME, oracle.TypeNAPTR, oracle.TypeRP, oracle.TypeHTTPS, oracle.TypeNSEC, 65280,
	}).Draw(t, "type")
	h.Rrtype = kind
	number := rapid.Uint16().Draw(t, "number")
	switch kind {
	case oracle.TypeA:
		return &oracle.A{Hdr: h, A: net.IPv4(192, 0, 2, byte(number))}
	case oracle.TypeAAAA:
		ip := net.ParseIP("2001:db8::")
		ip[15] = byte(number)
		return &oracle.AAAA{Hdr: h, AAAA: ip}
	case oracle.TypeCNAME:
		return &oracle.CNAME{Hdr: h, Target: anyName(t)}
	case oracle.TypeNS:
		return &oracle.NS{Hdr: h, Ns: anyName(t)}
	case oracle.TypePTR:
		return &oracle.PTR{Hdr: h, Ptr: anyName(t)}
	case oracle.TypeMX:
		return &oracle.MX{Hdr: h, Preference: number, Mx: anyName(t)}
	case oracle.TypeSOA:
		return &oracle.SOA{Hdr: h, Ns: anyName(t), Mbox: anyName(t), Serial: uint32(number), Minttl: 3600}
	case oracle.TypeSRV:
		return &oracle.SRV{Hdr: h, Port: number, Target: anyName(t)}
	case oracle.TypeTXT:
		return &oracle.TXT{Hdr: h, Txt: []string{"some text", anyName(t)[:1]}}
	case oracle.TypeDNAME:
		return &oracle.DNAME{Hdr: h, Target: anyName(t)}
	case oracle.TypeNAPTR:
		return &oracle.NAPTR{Hdr: h, Order: number, Flags: "u", Service: "E2U+sip", Regexp: "!^.*$!sip:a@example.com!", Replacement: anyName(t)}
	case oracle.TypeRP:
		return &oracle.RP{Hdr: h, Mbox: anyName(t), Txt: anyName(t)}
	case oracle.TypeHTTPS:
		return &oracle.HTTPS{SVCB: oracle.SVCB{Hdr: h, Priority: 1, Target: anyName(t), Value: []oracle.SVCBKeyValue{&oracle.SVCBAlpn{Alpn: []string{"h2"}}}}}
	case oracle.TypeNSEC:
		return &oracle.NSEC{Hdr: h, NextDomain: anyName(t), TypeBitMap: []uint16{oracle.TypeA, oracle.TypeMX}}
	}
	return &oracle.RFC3597{Hdr: h, Rdata: "c00c0102"}
}

func anyMessage(t *rapid.T) *oracle.Msg {
	m := new(oracle.Msg)
	m.Id = rapid.Uint16().Draw(t, "id")
	m.Response, m.AuthenticatedData, m.RecursionDesired = true, rapid.Bool().Draw(t, "ad"), true
	m.Rcode = rapid.IntRange(0, 15).Draw(t, "rcode")
	for range rapid.IntRange(0, 2).Draw(t, "questions") {
		m.Question = append(m.Question, oracle.Question{Name: anyName(t), Qtype: oracle.TypeA, Qclass: oracle.ClassINET})
	}
	for _, s := range []*[]oracle.RR{&m.Answer, &m.Ns, &m.Extra} {
		for range rapid.IntRange(0, 5).Draw(t, "records") {
			*s = append(*s, anyRecord(t))
		}
	}
	if rapid.Bool().Draw(t, "edns") {
		m.SetEdns0(1232, true)
	}
	m.Compress = rapid.Bool().Draw(t, "compress")
	return m
}

func text(rrs []oracle.RR) string {
	var b strings.Builder
	for _, rr := range rrs {
		b.WriteString(rr.String() + "\n")
	}
	return b.String()
}

// pack returns m on the wire and read back from there, which is how the oracle prints it after a repair.
func pack(t *rapid.T, m *oracle.Msg) ([]byte, *oracle.Msg) {
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire, read(t, wire)
}

func read(t *rapid.T, wire []byte) *oracle.Msg {
	m := new(oracle.Msg)
	if err := m.Unpack(wire); err != nil {
		t.Fatalf("miekg/dns cannot read %x: %v", wire, err)
	}
	return m
}

func framed(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// TestFieldsAgreeWithMiekg holds parsing against the oracle's.
func TestFieldsAgreeWithMiekg(t *testing.T) {
	g, m := New(), new(field.Message)
	rapid.Check(t, func(t *rapid.T) {
		wire, want := pack(t, anyMessage(t))
		if n, why := g.Parse(m, wire, udp, all); n != len(wire) || why != "" {
			t.Fatalf("Parse = %d, %q", n, why)
		}
		if len(want.Question)+len(want.Answer)+len(want.Ns)+len(want.Extra) > 0 && g.Recognise(wire, udp) != proto.Yes {
			t.Fatal("not recognised")
		}
		q, a := 0, 0
		for _, f := range m.Fields {
			switch f.ID {
			case field.DNSRCode:
				if string(f.Value) != oracle.RcodeToString[want.Rcode] && want.Rcode < 11 {
					t.Fatalf("rcode %s, want %d", f.Value, want.Rcode)
				}
			case field.DNSQuery:
				name := strings.ToLower(strings.TrimSuffix(want.Question[q].Name, "."))
				if string(f.Value) != name {
					t.Fatalf("query %q, want %q", f.Value, name)
				}
				q++
			case field.DNSAnswer:
				h := want.Answer[a].Header()
				if f.Detail != uint32(h.Rrtype)<<16|uint32(h.Class) || len(f.Value) != int(h.Rdlength) {
					t.Fatalf("answer %+v, want %v", f, h)
				}
				a++
			}
		}
		if q != len(want.Question) || a != len(want.Answer) {
			t.Fatalf("%d questions and %d answers, want %d and %d", q, a, len(want.Question), len(want.Answer))
		}
	})
}

// TestRepairChangesOnlyWhatWasEdited: whatever is replaced by whatever, the oracle reads the same message with just those
// records replaced.
func TestRepairChangesOnlyWhatWasEdited(t *testing.T) {
	g := &Grammar{MaxUDP: 1 << 16}
	m := new(field.Message)
	pointed := 0
	rapid.Check(t, func(t *rapid.T) {
		wire, want := pack(t, anyMessage(t))
		unit, from := wire, udp
		if rapid.Bool().Draw(t, "over TCP") {
			unit, from = framed(wire), tcp
		}
		g.Parse(m, unit, from, all)
		var edits []field.Edit
		var kept []oracle.RR
		for i, span := range answers(m) {
			if !rapid.Bool().Draw(t, "edit") {
				kept = append(kept, want.Answer[i])
				continue
			}
			e := field.Edit{Span: span}
			for range rapid.IntRange(0, 2).Draw(t, "new") {
				rr := anyRecord(t)
				if len(want.Question) > 0 && rapid.Bool().Draw(t, "of the question") {
					// a target where the question's name is, and an owner below it
					e.New = AppendRecord(e.New, []byte("\x03sub\xc0\x0c"), oracle.TypeMX, 1, 7, []byte("\x00\x0a\xc0\x0c"))
					pointed++
					name := want.Question[0].Name
					sub := "sub." + strings.TrimPrefix(name, ".")
					rr = &oracle.MX{Hdr: oracle.RR_Header{Name: sub, Rrtype: oracle.TypeMX, Class: 1, Ttl: 7}, Preference: 10, Mx: name}
				} else {
					buf := make([]byte, 2048)
					n, err := oracle.PackRR(rr, buf, 0, nil, false)
					if err != nil {
						t.Fatal(err)
					}
					e.New = append(e.New, buf[:n]...)
					rr, _, _ = oracle.UnpackRR(buf, 0)
				}
				kept = append(kept, rr)
			}
			edits = append(edits, e)
		}
		out, why := g.Repair(nil, m, edits)
		if why != "" {
			t.Fatalf("Repair: %s", why)
		}
		if len(edits) == 0 {
			wire[3] &^= flagAD
			if !bytes.Equal(out[m.Detail:], wire) {
				t.Fatalf("no edit, but\n%x became\n%x", wire, out)
			}
		}
		if n, why := g.Parse(m, out, from, all); n != len(out) || why != "" {
			t.Fatalf("result is refused: %d of %d, %q", n, len(out), why)
		}
		got := read(t, out[m.Detail:])
		if text(got.Answer) != text(kept) || text(got.Ns) != text(want.Ns) || text(got.Extra) != text(want.Extra) {
			t.Fatalf("got\n%v\nwant answers\n%s\nwant the rest of\n%v", got, text(kept), want)
		}
		want.AuthenticatedData = false
		if got.MsgHdr != want.MsgHdr || len(got.Question) != len(want.Question) {
			t.Fatalf("header %+v, want %+v", got.MsgHdr, want.MsgHdr)
		}
	})
	if pointed == 0 {
		t.Error("no edit used a pointer")
	}
}

var seeds = [][]byte{
	message(0x0100, 1, 0, 0, 1, exampleA, optEmpty),
	message(0x81a0, 1, 2, 1, 1, exampleA, "\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03cdn\xc0\x0c",
		"\xc0\x29\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01", "\xc0\x0c\x00\x02\x00\x01\x00\x00\x00\x01\x00\x02\xc0\x29", optCode1),
	message(0x8400, 0, 1, 0, 0, "\x01a\x00\x00\x21\x80\x01\x00\x00\x00\x78\x00\x09\x00\x00\x00\x00\x00\x50\xc0\x0c\x00"),
	message(0, 2, 0, 0, 0, exampleA, "\x03www\xc0\x0c\x00\x10\x00\x01"),
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, false)
		f.Add(framed(s), true)
	}
	g, m := New(), new(field.Message)
	f.Fuzz(func(t *testing.T, unit []byte, overTCP bool) {
		from := udp
		if overTCP {
			from = tcp
		}
		match := g.Recognise(unit, from)
		if rest, known := g.behind(unit, from.ServerPort); overTCP && known == proto.Yes {
			unit = rest // what says nothing of the protocol is skipped by whoever parses streams
		}
		n, why := g.Parse(m, unit, from, all)
		if (n == 0) != (why != "") || n > len(unit) {
			t.Fatalf("n %d, why %q", n, why)
		}
		if match == proto.Yes && n == 0 && why != proto.Incomplete {
			t.Fatalf("recognised, then refused: %s", why)
		}
		for _, fd := range m.Fields {
			if fd.Span.Off < 0 || fd.Span.End > len(unit) || fd.Span.Len() < 0 {
				t.Fatalf("span %v of %d bytes", fd.Span, len(unit))
			}
			if _, ok := ParseRecord(unit, fd.Span); fd.ID == field.DNSAnswer && !ok {
				t.Fatalf("answer at %v is no record", fd.Span)
			}
		}
	})
}

// plain is every question and record of a message without compression: what a repair must keep.
func plain(g *Grammar, msg []byte) (questions []byte, records [][]byte) {
	g.layout.read(msg, g.maxRecords())
	for _, q := range g.layout.questions {
		questions = append(appendName(questions, msg, q.off), msg[q.fixed:q.fixed+4]...)
	}
	for i := range g.layout.records {
		r := &g.layout.records[i]
		b := append(appendName(nil, msg, r.off), msg[r.fixed:r.fixed+8]...)
		s := shapeOf(r.typ, r.class, r.end == r.rdata)
		at := r.rdata
		if s.names > 0 {
			at = s.firstName(msg, r)
			b = append(b, msg[r.rdata:at]...)
			for range s.names {
				b = appendName(b, msg, at)
				at, _ = checkName(msg, at, r.end, nil)
			}
		}
		records = append(records, append(b, msg[at:r.end]...))
	}
	return questions, records
}

func FuzzRepair(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, []byte{}, uint8(1))
		f.Add(s, AppendRecord(nil, QuestionName, 5, 1, 1, []byte("\x01z\xc0\x0c")), uint8(3))
	}
	g := &Grammar{MaxUDP: 1 << 20}
	twin := New()
	m := new(field.Message)
	f.Fuzz(func(t *testing.T, unit, with []byte, mask uint8) {
		if n, _ := g.Parse(m, unit, udp, all); n == 0 {
			return
		}
		var edits []field.Edit
		edited := map[int]bool{}
		for i, span := range answers(m) {
			if i < 8 && mask>>i&1 != 0 {
				edits = append(edits, field.Edit{Span: span, New: with})
				edited[i] = true
			}
		}
		out, why := g.Repair(nil, m, edits)
		if why != "" {
			if len(out) != 0 {
				t.Fatal("refused, but wrote")
			}
			return
		}
		oldQuestions, old := plain(twin, unit)
		questions, records := plain(twin, out)
		if !twin.layout.whole {
			t.Fatalf("result is refused: %x", out)
		}
		if !bytes.Equal(oldQuestions, questions) {
			t.Fatalf("questions changed:\n%x\n%x", unit, out)
		}
		inserted := 0
		if len(edits) > 0 {
			inserted = (len(records) - len(old) + len(edits)) / len(edits)
		}
		at := 0
		for i, r := range old {
			if edited[i] {
				at += inserted
				continue
			}
			if at >= len(records) || !bytes.Equal(records[at], r) {
				t.Fatalf("record %d changed:\n%x\n%x", i, unit, out)
			}
			at++
		}
		if at != len(records) {
			t.Fatalf("%d records, want %d", len(records), at)
		}
	})
}
