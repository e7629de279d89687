package engine_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/canary"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/policy"
)

// splitting is a policy that masks the values of TestSplits.
const splitting = `
divert: {queues: 0, select: [{protocols: [tcp]}]}
outcomes: {malformed: drop, limit: drop, error: drop, edit: drop}
inspect:
  dlp:
    detectors:
      - {name: card, action: mask}
      - {name: github-token, action: mask}
`

// A parcel is a connection on which a client says one text with a value in it, between what both say as it must be.
type parcel struct {
	name          string
	secret        string // as a reader of the text would read it
	before, after []canary.Turn
	text          string
	value         [2]int // where in text the value may lie: from, to
	read          func(t testing.TB, said string) string
	mayLie        bool // other bytes in its place leave the rest as it is
}

// parcels are values in carriers and codes. What a reader reads is what the carriers' own formats say.
func parcels(t testing.TB) (all []parcel) {
	plainly := func(_ testing.TB, said string) string { return said }
	body := func(t testing.TB, said string) string {
		b, head, err := bodyOf([]byte(said), false)
		if err != nil {
			t.Fatalf("%v: %q", err, said)
		}
		return b + head.Get("Content-Encoding")
	}
	chunks := canary.Carrier{Name: "chunks", Port: 80, Say: func(s string) []canary.Turn {
		return []canary.Turn{{Text: "POST /in HTTP/1.1\r\nHost: www.example.org\r\n" + framed("note: "+s+", bye", "", 9)}}
	}}
	readers := map[string]func(testing.TB, string) string{"chunks": body, "gzip": body, "multipart": body, "JSON": body}
	const token = "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"
	for _, c := range append([]canary.Carrier{chunks}, canary.Carriers...) {
		switch c.Name {
		case "TCP", "chunks", "gzip", "multipart", "form", "attachment":
		default:
			continue
		}
		for _, v := range []struct{ name, secret, text string }{
			{"a card", "4000-0000-0000-0002", "card 4000-0000-0000-0002"},
			{"a token", token, "token " + token},
			{"a card in base64", "NDAwMC0wMDAwLTAwMDAtMDAwM", canary.Codes[2].In("card: 4000-0000-0000-0002")},
		} {
			p := parcel{name: c.Name + ": " + v.name, secret: v.secret, read: readers[c.Name], mayLie: c.Name == "TCP" && v.name != "a card in base64"}
			if p.read == nil {
				p.read = plainly
			}
			turns := c.Say(v.text)
			longest := 0
			for i, turn := range turns {
				if !turn.Server && len(turn.Text) > len(turns[longest].Text) {
					longest = i
				}
			}
			p.before, p.text, p.after = turns[:longest], turns[longest].Text, turns[longest+1:]
			p.value = [2]int{0, len(p.text)}
			if i := strings.Index(p.text, v.text); i >= 0 {
				p.value = [2]int{max(0, i-2), min(len(p.text), i+len(v.text)+2)}
			}
			all = append(all, p)
		}
	}
	return all
}

// A piece is bytes of a parcel's text in one segment; lie, if it is not empty, are other bytes that are said in their place.
type piece struct {
	off, end int
	lie      string
}

// packets are the connection, with the text in these pieces.
func (p *parcel) packets(e ends, pieces []piece) (out [][]byte) {
	out = e.handshake()
	seq := [2]uint32{1001, 5001}
	say := func(server bool, at uint32, flags packet.TCPFlags, text string) {
		d, back := e, seq[1]
		if server {
			d, back = e.back(), seq[0]
		}
		out = append(out, craft.TCP(d.client, d.server, craft.Segment{Flags: packet.ACK | flags, Seq: at, Ack: back, Window: 60000}, []byte(text)))
	}
	talk := func(turns []canary.Turn) {
		for _, turn := range turns {
			i := 0
			if turn.Server {
				i = 1
			}
			say(turn.Server, seq[i], 0, turn.Text)
			seq[i] += uint32(len(turn.Text))
		}
	}
	talk(p.before)
	for _, s := range pieces {
		text := p.text[s.off:s.end]
		if s.lie != "" {
			text = s.lie
		}
		say(false, seq[0]+uint32(s.off), 0, text)
	}
	seq[0] += uint32(len(p.text))
	talk(p.after)
	say(false, seq[0], packet.FIN, "")
	return out
}

// whole is the text in one piece.
func (p *parcel) whole() []piece { return []piece{{end: len(p.text)}} }

// first is how many bytes the client says before the text.
func (p *parcel) first() (n int) {
	for _, turn := range p.before {
		if !turn.Server {
			n += len(turn.Text)
		}
	}
	return n
}

// said is what the server of each client has got, in order. No byte may have left in two ways.
func heard(t testing.TB, r *result) map[netip.AddrPort]string {
	t.Helper()
	got := map[netip.AddrPort][]int16{} // 1 and the byte; 0 is none
	take := func(b []byte) {
		var p packet.Packet
		p.Set(b)
		p.Decode()
		if p.DstPort >= 20000 {
			return // to a client
		}
		if !p.VerifyChecksum() {
			t.Error("a wrong checksum")
		}
		from := netip.AddrPortFrom(p.SrcAddr(), p.SrcPort)
		text := got[from]
		for i, c := range p.Payload() {
			at := int(int32(uint32(p.TCP().Seq())-1001)) + i
			if at < 0 {
				continue // a probe
			}
			for len(text) <= at {
				text = append(text, 0)
			}
			if old := text[at]; old != 0 && old != 1+int16(c) {
				t.Errorf("byte %d left as %q and as %q", at, byte(old-1), c)
			}
			text[at] = 1 + int16(c)
		}
		got[from] = text
	}
	for _, f := range r.out {
		if !f.Verdict.Final() {
			take(f.Bytes)
		}
	}
	for _, b := range r.injected {
		take(b)
	}
	all := map[netip.AddrPort]string{}
	for from, text := range got {
		var b strings.Builder
		for _, c := range text {
			if c == 0 {
				break
			}
			b.WriteByte(byte(c - 1))
		}
		all[from] = b.String()
	}
	return all
}

// A splitTest takes connections through lanes, many at a time.
type splitTest struct {
	*testing.T
	policy *policy.Policy
	parcel *parcel
	want   string // what a server reads of the text in one piece
	batch  []([]piece)
	made   int
}

// splits is most connections of a lane: each has a port of its own.
const splits = 3000

func newSplitTest(t *testing.T, p *policy.Policy, c *parcel) *splitTest {
	s := &splitTest{T: t, policy: p, parcel: c}
	e := pair(0, 8080)
	var in []step
	for _, d := range c.packets(e, c.whole()) {
		in = append(in, step{10 * time.Microsecond, d})
	}
	said := heard(t, run(t, config(t, p), in))[netip.MustParseAddrPort(e.client)]
	s.want = c.read(t, said)
	if strings.Contains(s.want, c.secret) || s.want == c.read(t, c.everything()) || len(said) < len(c.text)/2 {
		t.Fatalf("%s in one piece: %q arrives", c.name, said)
	}
	return s
}

// everything is what the client says.
func (p *parcel) everything() string {
	var b strings.Builder
	for _, turn := range p.before {
		if !turn.Server {
			b.WriteString(turn.Text)
		}
	}
	b.WriteString(p.text)
	for _, turn := range p.after {
		if !turn.Server {
			b.WriteString(turn.Text)
		}
	}
	return b.String()
}

// try adds a connection, and has those that were added go when there are enough.
func (s *splitTest) try(pieces []piece) {
	s.batch = append(s.batch, pieces)
	if len(s.batch) == splits {
		s.flush()
	}
}

// flush has the connections go, and wants each server to read what it reads of the text in one piece; where somebody has lied, no value, and
// no byte that was not said in its place.
func (s *splitTest) flush() {
	var in []step
	for i, pieces := range s.batch {
		for _, d := range s.parcel.packets(pair(i, 8080), pieces) {
			in = append(in, step{10 * time.Microsecond, d})
		}
	}
	r := run(s, config(s, s.policy), in)
	got := heard(s, r)
	for i, pieces := range s.batch {
		said := got[netip.MustParseAddrPort(pair(i, 8080).client)]
		if lied(pieces) {
			s.checkLie(pieces, said)
		} else if read := s.parcel.read(s, said); read != s.want {
			s.Fatalf("%s as %v: %q arrives, want %q", s.parcel.name, pieces, read, s.want)
		}
	}
	for _, e := range r.events {
		if e.Kind == event.KindEngine || e.Name == "edit-too-late" {
			s.Fatalf("%s: told %s", s.parcel.name, e.Name)
		}
	}
	s.made += len(s.batch)
	s.batch = s.batch[:0]
}

func lied(pieces []piece) bool {
	for _, p := range pieces {
		if p.lie != "" {
			return true
		}
	}
	return false
}

// checkLie wants no value to be in what a receiver has, whichever of the copies that is: the lies may have made the value another text, in which the
// detectors find nothing. Every byte is one of the copies, or of a mask.
func (s *splitTest) checkLie(pieces []piece, said string) {
	s.Helper()
	scanner := detect.NewSet(detect.Card, detect.GitHubToken).Scanner()
	scanner.Reset(nil, []byte(said), false)
	if m, ok := scanner.Next(); ok {
		s.Fatalf("%s as %v: %v arrives: %q", s.parcel.name, pieces, m.Kind, said)
	}
	first := s.parcel.first()
	for i := first; i < min(len(said), first+len(s.parcel.text)); i++ {
		at, ok := i-first, said[i] == 'X'
		for _, p := range pieces {
			if p.off <= at && at < p.end {
				c := s.parcel.text[at]
				if p.lie != "" {
					c = p.lie[at-p.off]
				}
				ok = ok || c == said[i]
			}
		}
		if !ok {
			s.Fatalf("%s as %v: byte %d is %q: %q", s.parcel.name, pieces, at, said[i], said)
		}
	}
}

// cuts returns the pieces of a text that is cut there, in that order.
func cuts(n int, order []int, at ...int) []piece {
	at = append(append([]int{0}, at...), n)
	pieces := make([]piece, len(order))
	for i, k := range order {
		pieces[i] = piece{off: at[k], end: at[k+1]}
	}
	return pieces
}

// orders are all orders of n pieces.
func orders(n int) (all [][]int) {
	if n == 0 {
		return [][]int{{}}
	}
	for _, o := range orders(n - 1) {
		for i := range n {
			all = append(all, append(append(append([]int{}, o[:i]...), n-1), o[i:]...))
		}
	}
	return all
}

// overlapped has each piece come twice, or begin some bytes earlier, or both.
func overlapped(pieces []piece, twice bool, by int) (out []piece) {
	for _, p := range pieces {
		p.off = max(0, p.off-by)
		if out = append(out, p); twice {
			out = append(out, p)
		}
	}
	return out
}

// TestSplits cuts a text with a value in it at every byte into two segments, in both orders, with overlaps and without; into three, and a card
// into four, at every byte of the value, in all orders; and beyond anyhow, from a seed.
func TestSplits(t *testing.T) {
	p := load(t, "prevent", splitting)
	for _, c := range parcels(t) {
		t.Run(c.name, func(t *testing.T) {
			s := newSplitTest(t, p, &c)
			s.pairs()
			if !testing.Short() {
				s.counted(c.name == "TCP: a card")
			}
			s.anyhow(rand.New(rand.NewPCG(1, uint64(len(c.text)))))
			s.flush()
			t.Logf("%d connections", s.made)
		})
	}
}

// pairs cuts the text in two, at every byte.
func (s *splitTest) pairs() {
	n := len(s.parcel.text)
	for at := 1; at < n; at++ {
		for _, order := range orders(2) {
			pieces := cuts(n, order, at)
			s.try(pieces)
			s.try(overlapped(pieces, true, 0))
			s.try(overlapped(pieces, false, 5))
		}
	}
}

// counted cuts it in three, and maybe four, at every byte of the value, in all orders. A value that is in no place of the text of its own is left out.
func (s *splitTest) counted(four bool) {
	n, v := len(s.parcel.text), s.parcel.value
	if v[1]-v[0] > 60 {
		return
	}
	for a := v[0] + 1; a < v[1]; a++ {
		for b := a + 1; b < v[1]; b++ {
			for _, order := range orders(3) {
				s.try(cuts(n, order, a, b))
			}
			for c := b + 1; four && c < v[1]; c++ {
				for _, order := range orders(4) {
					s.try(cuts(n, order, a, b, c))
				}
			}
		}
	}
}

// TestBeginOfBase64: of a value with which a text in base64 begins at most three characters leave, if that is all that comes first.
func TestBeginOfBase64(t *testing.T) {
	code := canary.Codes[2].In("4000-0000-0000-0002, and more")
	c := parcel{name: "a card in base64", secret: code, text: "hello, " + code + ", bye\n", read: func(_ testing.TB, said string) string { return said }}
	p := load(t, "prevent", splitting)
	s := newSplitTest(t, p, &c)
	for at := 1; at < len(c.text); at++ {
		e := pair(at, 8080)
		got := heard(t, run(t, config(t, p), steps(c.packets(e, cuts(len(c.text), []int{0, 1}, at))...)))[netip.MustParseAddrPort(e.client)]
		if free := len("hello, ") + 3; len(got) != len(s.want) || got[free:] != s.want[free:] {
			t.Errorf("cut at %d: %q arrives, want %q", at, got, s.want)
		}
	}
}

// anyhow cuts it in two to four, mostly in the value, in any order, with pieces that come again, overlap, and lie.
func (s *splitTest) anyhow(r *rand.Rand) {
	n, v, seeds := len(s.parcel.text), s.parcel.value, 3000
	if testing.Short() {
		seeds = 300
	}
	for range seeds {
		var at []int
		for range 1 + r.IntN(3) {
			if k := v[0] + 1 + r.IntN(v[1]-v[0]-1); k > 0 && k < n {
				at = append(at, k)
			}
		}
		slices.Sort(at)
		at = slices.Compact(at)
		pieces := overlapped(cuts(n, r.Perm(len(at)+1), at...), r.IntN(3) == 0, r.IntN(12))
		for range r.IntN(3) { // again, at any time, and maybe other bytes
			p := pieces[r.IntN(len(pieces))]
			if s.parcel.mayLie && r.IntN(2) == 0 {
				p.lie = lie(r, s.parcel.text[p.off:p.end])
			}
			i := r.IntN(len(pieces) + 1)
			pieces = append(pieces[:i:i], append([]piece{p}, pieces[i:]...)...)
		}
		s.try(pieces)
	}
}

// lie is other digits and letters for some of a text.
func lie(r *rand.Rand, text string) string {
	b := []byte(text)
	for i := range b {
		if r.IntN(3) == 0 {
			b[i] = "0123456789abcdefNDAwMC-= "[r.IntN(25)]
		}
	}
	return string(b)
}
