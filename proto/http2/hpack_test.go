package http2

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newDecoder(size uint32) *decoder {
	return &decoder{table: table{max: size}, limit: size}
}

// dump is the table as RFC 7541 shows it: the newest entry first.
func (t *table) dump() string {
	var b strings.Builder
	for i := range t.n {
		fmt.Fprintf(&b, "%s: %s|", t.appendName(nil, i), t.appendValue(nil, i))
	}
	return fmt.Sprintf("%s %d", b.String(), t.size)
}

// TestExamples are those of RFC 7541, appendix C.
func TestExamples(t *testing.T) {
	type step struct{ block, want, table string }
	for _, c := range []struct {
		name  string
		size  uint32
		steps []step
	}{
		{"C.2.1 literal, inserted", 4096, []step{{"400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header", "custom-key: custom-header| 55"}}},
		{"C.2.2 literal, plain", 4096, []step{{"040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path", " 0"}}},
		{"C.2.3 literal, never", 4096, []step{{"1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret", " 0"}}},
		{"C.2.4 indexed", 4096, []step{{"82", ":method: GET", " 0"}}},
		{"C.3 requests", 4096, []step{
			{"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", ":method: GET|:scheme: http|:path: /|:authority: www.example.com", ":authority: www.example.com| 57"},
			{"8286 84be 5808 6e6f 2d63 6163 6865", ":method: GET|:scheme: http|:path: /|:authority: www.example.com|cache-control: no-cache", "cache-control: no-cache|:authority: www.example.com| 110"},
			{"8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", ":method: GET|:scheme: https|:path: /index.html|:authority: www.example.com|custom-key: custom-value", "custom-key: custom-value|cache-control: no-cache|:authority: www.example.com| 164"},
		}},
		{"C.4 requests, Huffman", 4096, []step{
			{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", ":method: GET|:scheme: http|:path: /|:authority: www.example.com", ":authority: www.example.com| 57"},
			{"8286 84be 5886 a8eb 1064 9cbf", ":method: GET|:scheme: http|:path: /|:authority: www.example.com|cache-control: no-cache", "cache-control: no-cache|:authority: www.example.com| 110"},
			{"8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", ":method: GET|:scheme: https|:path: /index.html|:authority: www.example.com|custom-key: custom-value", "custom-key: custom-value|cache-control: no-cache|:authority: www.example.com| 164"},
		}},
		{"C.5 responses", 256, []step{
			{"4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", ":status: 302|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com", "location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private|:status: 302| 222"},
			{"4803 3330 37c1 c0bf", ":status: 307|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com", ":status: 307|location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private| 222"},
			{"88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31", ":status: 200|cache-control: private|date: Mon, 21 Oct 2013 20:13:22 GMT|location: https://www.example.com|content-encoding: gzip|set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1", "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1|content-encoding: gzip|date: Mon, 21 Oct 2013 20:13:22 GMT| 215"},
		}},
		{"C.6 responses, Huffman", 256, []step{
			{"4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3", ":status: 302|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com", "location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private|:status: 302| 222"},
			{"4883 640e ffc1 c0bf", ":status: 307|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com", ":status: 307|location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private| 222"},
			{"88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07", ":status: 200|cache-control: private|date: Mon, 21 Oct 2013 20:13:22 GMT|location: https://www.example.com|content-encoding: gzip|set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1", "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1|content-encoding: gzip|date: Mon, 21 Oct 2013 20:13:22 GMT| 215"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, d, l := New(), newDecoder(c.size), new(list)
			for i, s := range c.steps {
				why := d.read(g, unhex(t, s.block), l)
				got := strings.TrimSuffix(strings.ReplaceAll(string(l.text), "\r\n", "|"), "|")
				if why != "" || got != s.want || d.table.dump() != s.table {
					t.Errorf("%d: %q %s\nwant %s\ntable %s\nwant  %s", i, why, got, s.want, d.table.dump(), s.table)
				}
			}
		})
	}
}

// TestHuffman: each byte and many strings, as another encoder writes them.
func TestHuffman(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		b := []byte{byte(i)}
		if i >= 256 {
			b = make([]byte, r.IntN(40))
			for k := range b {
				b[k] = byte(r.IntN(256))
			}
		}
		got, ok := appendPlain(nil, hpack.AppendHuffmanString(nil, string(b)))
		if !ok || !bytes.Equal(got, b) {
			t.Fatalf("%q became %q, %v", b, got, ok)
		}
	}
}

func TestBadHuffman(t *testing.T) {
	for _, s := range []string{
		"ff ff ff ff", // the end of the string, written
		"1f ff",       // padding of more than seven bits
		"ff",
		"18", // padding with zeros
	} {
		if got, ok := appendPlain(nil, unhex(t, s)); ok {
			t.Errorf("%s: %q", s, got)
		}
	}
}

// TestBadBlocks: each breaks RFC 7541, or a limit.
func TestBadBlocks(t *testing.T) {
	long := "00 01 61 " + "7f e1 ff 01 " + strings.Repeat("78", 0x7f+0x61+0x7f<<7+1<<14)
	for _, c := range []struct {
		name, block string
		want        string
	}{
		{"index 0", "80", "http2-bad-header-block"},
		{"index beyond the tables", "be", "http2-bad-header-block"},
		{"name beyond the tables", "7e 01 61", "http2-bad-header-block"},
		{"integer cut", "ff", "http2-bad-header-block"},
		{"integer too large", "ff ff ff ff ff ff ff ff 7f", "http2-bad-header-block"},
		{"string cut", "00 05 61", "http2-bad-header-block"},
		{"no value", "00 01 61", "http2-bad-header-block"},
		{"Huffman wrong", "00 01 61 81 18", "http2-bad-header-block"},
		{"size beyond what was said", "3f e2 1f", "http2-bad-header-block"},
		{"size behind a field", "82 20", "http2-late-table-size"},
		{"two sizes", "20 3f e1 1f 82", ""},
		{"text without end", strings.Repeat(long, 3), "http2-head-too-large"},
		{"fields without end", strings.Repeat("82", 600), "http2-too-many-headers"},
	} {
		g, d, l := New(), newDecoder(defaultSize), new(list)
		if why := d.read(g, unhex(t, c.block), l); string(why) != c.want {
			t.Errorf("%s: %q, want %q", c.name, why, c.want)
		}
	}
}

// TestBomb: a short block of references to a long entry ends at the limit, and costs no more than that.
func TestBomb(t *testing.T) {
	g, d, l := New(), newDecoder(defaultSize), new(list)
	entry := appendField(nil, inserted, []byte("a"), bytes.Repeat([]byte{'x'}, 4000))
	if why := d.read(g, entry, l); why != "" {
		t.Fatal(why)
	}
	if why := d.read(g, bytes.Repeat([]byte{0xbe}, 60000), l); why != headTooLarge {
		t.Errorf("%q", why)
	}
	if len(l.text) > maxHead+2*defaultSize || cap(l.text) > 4*maxHead {
		t.Errorf("%d bytes of text in %d", len(l.text), cap(l.text))
	}
}

// TestTableSizes: the encoder of x/net changes its table at random, within what it may.
func TestTableSizes(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		g, l := New(), new(list)
		d := newDecoder(defaultSize)
		var buf bytes.Buffer
		e := hpack.NewEncoder(&buf)
		e.SetMaxDynamicTableSizeLimit(maxSize)
		d.limit = maxSize
		for range 300 {
			if r.IntN(10) == 0 {
				e.SetMaxDynamicTableSize(uint32([]int{0, 40, 100, 4096, 10000, maxSize}[r.IntN(6)]))
			}
			buf.Reset()
			var want strings.Builder
			for range r.IntN(6) {
				f := hpack.HeaderField{Name: fmt.Sprint("n", r.IntN(9)), Value: strings.Repeat("v", r.IntN(400)) + fmt.Sprint(r.IntN(30)), Sensitive: r.IntN(9) == 0}
				if err := e.WriteField(f); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&want, "%s: %s\r\n", f.Name, f.Value)
			}
			if why := d.read(g, buf.Bytes(), l); why != "" || string(l.text) != want.String() {
				t.Fatalf("seed %d: %q %q, want %q", seed, why, l.text, want.String())
			}
			if d.table.size > d.table.max || d.table.n > len(static)+maxSize/entryCost {
				t.Fatalf("seed %d: table of %d bytes, of %d", seed, d.table.size, d.table.max)
			}
		}
	}
}

// FuzzBlocks: blocks one after the other are read as x/net reads them, or refused where that does, or for a limit of ours.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte("\x82\x86\x84\x41\x0fwww.example.com"), []byte("\x82\x86\x84\xbe\x58\x08no-cache"), uint8(0))
	f.Add([]byte("\x3f\x45\x40\x01a\x01b"), []byte("\xbe\x20\x3f\x45\xbe"), uint8(1))
	f.Add([]byte("\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf"), []byte("\xbe\x7e\x00"), uint8(2))
	g := New()
	f.Fuzz(func(t *testing.T, one, two []byte, size uint8) {
		limit := []uint32{defaultSize, 100, 0, maxSize}[size%4]
		d, l := newDecoder(limit), new(list)
		defer func() { g.dropStore(d.table.store) }()
		twin := hpack.NewDecoder(limit, nil)
		for _, b := range [][]byte{one, two} {
			want, err := twin.DecodeFull(b)
			why := d.read(g, b, l)
			if why == headTooLarge || why == tooManyFields || why == lateSize {
				return
			}
			if (err != nil) != (why != "") {
				t.Fatalf("%x: %q, and x/net says %v", b, why, err)
			}
			if why != "" {
				return
			}
			var text strings.Builder
			for _, f := range want {
				fmt.Fprintf(&text, "%s: %s\r\n", f.Name, f.Value)
			}
			if text.String() != string(l.text) {
				t.Fatalf("%x: %q, want %q", b, l.text, text.String())
			}
			for i := range l.headers {
				h := &l.headers[i]
				again := new(list)
				if why := newDecoder(0).read(g, appendField(nil, plain, l.nameOf(h), l.valueOf(h)), again); why != "" || !bytes.Equal(again.valueOf(&again.headers[0]), l.valueOf(h)) {
					t.Fatalf("%q written: %q, %q", l.valueOf(h), again.text, why)
				}
			}
		}
	})
}

// TestTablesAreGivenBack: large tables are bounded in a lane.
func TestTablesAreGivenBack(t *testing.T) {
	g := New()
	var all []*store
	for s := g.store(maxSize); s != nil; s = g.store(maxSize) {
		all = append(all, s)
	}
	if n := len(all); n < 300 || n*all[0].cost() > allLarge {
		t.Errorf("%d large tables, of %d bytes", n, n*all[0].cost())
	}
	d, l := newDecoder(maxSize), new(list)
	d.table.max = 0
	if why := d.read(g, append([]byte("\x3f\xe1\xff\x03"), appendField(nil, inserted, []byte("a"), []byte("b"))...), l); why != tablesFull {
		t.Errorf("%q", why)
	}
	if g.store(defaultSize) == nil {
		t.Error("there is no small one")
	}
	g.dropStore(all[0])
	if g.store(maxSize) == nil {
		t.Error("what was given back is not had again")
	}
	g.dropStore(all[1])
	all = all[2:]
	for range 3 {
		s := g.store(defaultSize + 1)
		if s == nil || len(s.bytes) != 16<<10 {
			t.Fatal("what was given back is not had as another")
		}
		all = append(all, s)
	}
	out := 0
	for _, s := range all {
		out += s.cost()
	}
	if g.large != out+all[0].cost()+g.idle() { // one is in use since before
		t.Errorf("%d bytes are counted, %d are out, and %d idle", g.large, out+all[0].cost(), g.idle())
	}
}
