package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto/all"
)

// shown returns what a differ shows of a payload that edit changes.
func shown(t *testing.T, original bool, payload string, edit func(p *packet.Packet)) string {
	t.Helper()
	s, err := divert.OpenSocket("fake:")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.(*divert.Fake).Push(craft.UDP("192.0.2.1:1000", "198.51.100.1:2000", []byte(payload)))
	var out bytes.Buffer
	d := newDiffer(s, &out, false, original)
	ps := []*packet.Packet{new(packet.Packet)}
	if n, err := d.Recv(ps, 0); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	ps[0].Decode()
	edit(ps[0])
	if err := d.Finish(ps); err != nil {
		t.Fatal(err)
	}
	if len(d.seen) != 0 {
		t.Errorf("%d packets are still remembered", len(d.seen))
	}
	return out.String()
}

func overwrite(at int, with string) func(*packet.Packet) {
	return func(p *packet.Packet) { copy(p.MutablePayload()[at:], with) }
}

func TestDiffShowsWhatLeaves(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload string
		edit    func(*packet.Packet)
		want    string
	}{
		{"nothing changed", "abc", func(*packet.Packet) {}, ""},
		{
			"text", "pay with 4111111111111111 now", overwrite(9, "XXXXXXXXXXXX"),
			"#1 udp 192.0.2.1:1000 > 198.51.100.1:2000\n  + pay with XXXXXXXXXXXX1111 now\n    12 bytes at offset 9 became 12\n",
		},
		{
			"a number beside it", "123-45-6789 and 4111111111111111", overwrite(16, "XXXXXXXXXXXX"),
			"#1 udp 192.0.2.1:1000 > 198.51.100.1:2000\n  + ###-##-#### and XXXXXXXXXXXX1111\n    12 bytes at offset 16 became 12\n",
		},
		{
			"bytes", "abc\x00\x01\x02def", overwrite(3, "\xc0\xaa\xbb"),
			"#1 udp 192.0.2.1:1000 > 198.51.100.1:2000\n  + c0 aa bb\n    3 bytes at offset 3 became 3\n",
		},
		{
			"longer", "one two", func(p *packet.Packet) { p.ReplacePayload(make([]byte, 200), []byte("one and two")) },
			"#1 udp 192.0.2.1:1000 > 198.51.100.1:2000\n  + one and two\n    0 bytes at offset 4 became 4\n",
		},
		{
			"dropped", "secret", func(p *packet.Packet) { p.Verdict, p.Reason = packet.Drop, "url-blocked" },
			"#1 udp 192.0.2.1:1000 > 198.51.100.1:2000\n  drop: url-blocked\n",
		},
	} {
		if got := shown(t, false, c.payload, c.edit); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestDiffShowsTheOriginalWhenAsked(t *testing.T) {
	const payload = "123-45-6789 and 4111111111111111"
	got := shown(t, true, payload, overwrite(16, "XXXXXXXXXXXX"))
	if !strings.Contains(got, "- "+payload+"\n") || !strings.Contains(got, "+ 123-45-6789 and XXXXXXXXXXXX1111\n") {
		t.Error(got)
	}
}

// TestNoLongNumberIsShown: whatever lies around an edit, no digit of a long number of the original is shown unasked.
func TestNoLongNumberIsShown(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before := rapid.StringMatching(`[a-z ]{0,30}`).Draw(rt, "before")
		number := rapid.StringMatching(`[0-9]{3}[- .]?[0-9]{2}[- .]?[0-9]{4,12}`).Draw(rt, "number")
		between := rapid.StringMatching(`[a-z,;]{1,30}`).Draw(rt, "between")
		masked := "4111111111111111"
		parts := []string{before, number, between, masked, "x"}
		if rapid.Bool().Draw(rt, "behind") {
			parts = []string{before, masked, between, number, "x"}
		}
		payload := strings.Join(parts, "")
		at := strings.LastIndex(payload, masked)
		got := shown(t, false, payload, overwrite(at, "XXXXXXXXXXXX"))
		for _, secret := range []string{number, number[:5], number[len(number)-5:], masked[:6]} {
			if strings.Contains(strings.Join(strings.Split(got, "\n")[1:2], ""), secret) {
				rt.Fatalf("%q is in %s", secret, got)
			}
		}
	})
}

func TestHideNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"year 2026, port 8080": "year 2026, port 8080",
		"12345":                "#####",
		"1234 5":               "#### #",
		"12-34-56 7":           "##-##-## #",
		"12--345":              "12--345",
		"1.2.3.4":              "1.2.3.4",
		"9 ":                   "9 ",
		"a1b2c3d4e5":           "a1b2c3d4e5",
	} {
		if got := string(hideNumbers([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestDifferForgets runs the office, with its fragments, duplicates, delays and refusals, through the whole engine, and wants
// the differ to remember nothing in the end, and never much.
func TestDifferForgets(t *testing.T) {
	in := t.TempDir() + "/in.pcap"
	if err := makeCapture([]string{"office", in}); err != nil {
		t.Fatal(err)
	}
	s, err := divert.OpenSocket("pcap:" + in)
	if err != nil {
		t.Fatal(err)
	}
	d := &spy{differ: newDiffer(s, io.Discard, false, false)}
	runOffice(t, d)
	if len(d.seen) != 0 {
		t.Errorf("%d packets are still remembered", len(d.seen))
	}
	if d.number < 150 || d.most > 64+16 {
		t.Errorf("%d packets came, %d were remembered at once", d.number, d.most)
	}
}

// A spy notes how many packets a differ remembers.
type spy struct {
	*differ
	most int
}

func (s *spy) Finish(ps []*packet.Packet) error {
	s.most = max(s.most, len(s.seen))
	return s.differ.Finish(ps)
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 5 << 40: "5.0 TiB", 1 << 62: "4096.0 PiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// runOffice takes a socket's packets along the route under a policy with every inspector that edits, drops or delays.
func runOffice(t *testing.T, s divert.Socket) {
	t.Helper()
	p, err := loadPolicy("testdata/office.yaml", 1)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := p.Chain(1)
	if err != nil {
		t.Fatal(err)
	}
	events, err := openEventFile("", nil)
	if err != nil {
		t.Fatal(err)
	}
	lane := engine.New(engine.Config{Socket: s, Events: events, Grammars: all.Grammars(), Limits: p.Limits(), Program: engine.Program{Chain: chain, Outcomes: p.Outcomes()}})
	if err := lane.Run(); err != nil {
		t.Fatal(err)
	}
	if n := lane.Snapshot(); n.Delayed == 0 || n.Edited == 0 || n.Injected == 0 || n.Dropped == 0 {
		t.Errorf("the office is too quiet: %d delayed, %d edited, %d injected, %d dropped", n.Delayed, n.Edited, n.Injected, n.Dropped)
	}
}
