package event

import (
	"bytes"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func drawText(t *rapid.T, limit int, name string) string {
	if rapid.Bool().Draw(t, name+" as bytes") {
		return string(rapid.SliceOfN(rapid.Byte(), 0, limit).Draw(t, name))
	}
	return rapid.StringN(-1, limit/4, limit).Draw(t, name)
}

func drawAddrPort(t *rapid.T, name string) netip.AddrPort {
	port := rapid.Uint16().Draw(t, name+" port")
	b := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, name))
	switch rapid.IntRange(0, 3).Draw(t, name+" family") {
	case 0:
		return netip.AddrPortFrom(netip.Addr{}, port)
	case 1:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), port)
	case 2: // an IPv4-mapped address stays one
		return netip.AddrPortFrom(netip.AddrFrom16(netip.AddrFrom4([4]byte(b[:4])).As16()), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(b), port)
}

// drawEvent draws an event within all limits but those of its details.
func drawEvent(t *rapid.T, pairs, text int) Event {
	e := Event{
		Kind:     Kind(rapid.IntRange(1, int(KindEngine)).Draw(t, "kind")),
		Time:     time.Unix(rapid.Int64Range(minSeconds, maxSeconds).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
		Severity: Severity(rapid.IntRange(0, int(Info)).Draw(t, "severity")),
		Author:   drawText(t, MaxAuthor, "author"),
		Name:     drawText(t, MaxName, "name"),
		Reason:   drawText(t, MaxReason, "reason"),
		Verdict:  drawText(t, MaxVerdict, "verdict"),
		Would:    rapid.Bool().Draw(t, "would"),
		FlowID:   rapid.Uint64().Draw(t, "flow"),
		Packet:   rapid.Uint64().Draw(t, "packet"),
		Proto:    rapid.Byte().Draw(t, "proto"),
		AppProto: drawText(t, MaxAppProto, "app"),
		Src:      drawAddrPort(t, "src"),
		Dst:      drawAddrPort(t, "dst"),
		ToServer: rapid.Bool().Draw(t, "to server"),
		Rule:     rapid.Uint32().Draw(t, "rule"),
		RuleRev:  rapid.Uint32().Draw(t, "rev"),
		Class:    drawText(t, MaxClass, "class"),
		Field:    drawText(t, MaxField, "field"),
		Offset:   rapid.Int32().Draw(t, "offset"),
		Length:   rapid.Int32().Draw(t, "length"),
		Cut:      rapid.Bool().Draw(t, "cut"),
	}
	for range rapid.IntRange(0, pairs).Draw(t, "pairs") {
		key := drawText(t, MaxKey, "key")
		if rapid.Bool().Draw(t, "number") {
			e.Num(key, rapid.Int64().Draw(t, "num"))
		} else {
			e.Text(key, drawText(t, text, "text"))
		}
	}
	return e
}

func TestRoundTripWithinLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t, MaxPairs, 40) // 24 pairs of 64 + 40 bytes fit beside 944 of strings
		prefix := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "prefix")
		rec := Append(bytes.Clone(prefix), &e)
		if !bytes.HasPrefix(rec, prefix) {
			t.Fatal("Append changed what was there")
		}
		var got Event
		if err := Decode(rec[len(prefix):], &got); err != nil {
			t.Fatal(err)
		}
		if got != e {
			t.Fatalf("got  %+v\nwant %+v", got, e)
		}
	})
}

// TestCutKeepsPrefixes holds what is too long against what arrives: each string a
// prefix of its own, details in order, Cut exactly if something is missing.
func TestCutKeepsPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t, MaxPairs, 900)
		e.Name += strings.Repeat("é", rapid.IntRange(0, MaxName).Draw(t, "longer"))
		e.Class += strings.Repeat("x", rapid.IntRange(0, MaxClass).Draw(t, "longer class"))
		rec := Append(nil, &e)
		if len(rec) > MaxBytes {
			t.Fatalf("%d bytes", len(rec))
		}
		var got Event
		if err := Decode(rec, &got); err != nil {
			t.Fatal(err)
		}
		missing := got.Name != e.Name || got.Class != e.Class || got.npairs != e.npairs
		if !strings.HasPrefix(e.Name, got.Name) || !strings.HasPrefix(e.Class, got.Class) {
			t.Fatal("a string is no prefix of its own")
		}
		for i, p := range got.Pairs() {
			want := e.pairs[i]
			if p.Key != want.Key || p.IsNum != want.IsNum || p.Num != want.Num || !strings.HasPrefix(want.Text, p.Text) {
				t.Fatalf("detail %d: %+v of %+v", i, p, want)
			}
			if utf8.ValidString(want.Text) && !utf8.ValidString(p.Text) {
				t.Fatalf("detail %d: cut inside a rune", i)
			}
			missing = missing || p.Text != want.Text
		}
		if got.Cut != (e.Cut || missing) {
			t.Fatalf("Cut is %v, missing %v", got.Cut, missing)
		}
		if again := Append(nil, &got); !bytes.Equal(again, rec) {
			t.Fatal("encoding again gives other bytes")
		}
	})
}

func TestAppendNormalises(t *testing.T) {
	decode := func(e Event) (got Event) {
		t.Helper()
		if err := Decode(Append(nil, &e), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := decode(Event{Kind: KindFlow, Severity: 200}); got.Severity != Info {
		t.Errorf("severity %d", got.Severity)
	}
	if got := decode(Event{Kind: KindFlow, Time: time.Unix(math.MaxInt64/2, 5)}); !got.Time.IsZero() {
		t.Errorf("time %v", got.Time)
	}
	zoned := netip.MustParseAddrPort("[fe80::1%\"]:80")
	if got := decode(Event{Kind: KindFlow, Src: zoned}); got.Src.String() != "[fe80::1]:80" {
		t.Errorf("zone: %v", got.Src)
	}
	if err := Decode(Append(nil, &Event{}), new(Event)); err != ErrRecord {
		t.Errorf("an event without kind: %v", err)
	}
}

func TestClipAtRunes(t *testing.T) {
	for _, c := range []struct {
		s     string
		limit int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abc", 2, "ab"},
		{"aé", 2, "a"},
		{"€", 2, ""},
		{"€", 0, ""},
		{"a😀", 4, "a"},
		{"\x80\x80\x80\x80\x80", 4, "\x80\x80\x80\x80"},
	} {
		var cut bool
		if got := clip(c.s, c.limit, &cut); got != c.want || cut != (got != c.s) {
			t.Errorf("clip(%q, %d) = %q, cut %v", c.s, c.limit, got, cut)
		}
	}
}

func typical() Event {
	e := Event{
		Kind: KindAlert, Time: time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC), Severity: Medium,
		Author: "ids", Name: "TEST a signature of the usual length", Reason: "rule", Verdict: "drop",
		FlowID: 1234567890123, Packet: 77, Proto: 6, AppProto: "http", ToServer: true,
		Src: netip.MustParseAddrPort("192.0.2.1:40000"), Dst: netip.MustParseAddrPort("198.51.100.2:80"),
		Rule: 2000001, RuleRev: 3, Class: "trojan-activity", Field: "http.uri", Offset: 12, Length: 8,
	}
	e.Text("http.host", "example.org")
	e.Num("status", 404)
	return e
}

func TestAppendAllocatesNothing(t *testing.T) {
	e, buf := typical(), make([]byte, 0, MaxBytes)
	if n := testing.AllocsPerRun(100, func() { buf = Append(buf[:0], &e) }); n != 0 {
		t.Errorf("Append: %v allocations", n)
	}
	var got Event
	if n := testing.AllocsPerRun(100, func() { _ = Decode(buf, &got) }); n > 1 {
		t.Errorf("Decode: %v allocations", n)
	}
}

func FuzzDecode(f *testing.F) {
	e := typical()
	f.Add(Append(nil, &e))
	f.Add(Append(nil, &Event{Kind: KindEngine}))
	e.Text("long", strings.Repeat("x", MaxBytes))
	f.Add(Append(nil, &e))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, rec []byte) {
		var e Event
		if Decode(rec, &e) != nil {
			return
		}
		if again := Append(nil, &e); !bytes.Equal(again, rec) {
			t.Fatalf("accepted a record that is not canonical:\n%x\n%x", rec, again)
		}
	})
}

// TestDecodeEveryTruncationAndFlip tries what a fuzzer would try first.
func TestDecodeEveryTruncationAndFlip(t *testing.T) {
	e := typical()
	rec := Append(nil, &e)
	for n := range rec {
		if Decode(rec[:n], new(Event)) == nil {
			t.Errorf("accepted the first %d bytes of %d", n, len(rec))
		}
	}
	if Decode(append(bytes.Clone(rec), 0), new(Event)) == nil {
		t.Error("accepted a byte too many")
	}
	for i := range rec {
		for bit := range 8 {
			bad := bytes.Clone(rec)
			bad[i] ^= 1 << bit
			var got Event
			if Decode(bad, &got) == nil && !bytes.Equal(Append(nil, &got), bad) {
				t.Errorf("byte %d bit %d: not canonical", i, bit)
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	e, buf := typical(), make([]byte, 0, MaxBytes)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], &e)
	}
}

func BenchmarkDecode(b *testing.B) {
	e := typical()
	rec := Append(nil, &e)
	var got Event
	b.ReportAllocs()
	for b.Loop() {
		_ = Decode(rec, &got)
	}
}
