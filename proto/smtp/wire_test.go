package smtp

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const (
	up   = flow.ToServer
	down = flow.ToClient
)

// A wire is both directions of a connection with a parser between them: it does what a lane does with what the parser leaves unread,
// replaces and holds. Its inspector replaces a word in texts by another, however they are cut.
type wire struct {
	t    testing.TB
	p    proto.Parser
	want field.Set

	old, with     string
	edits, resize field.Set
	heads         func(m *field.Message) []field.Edit
	stop          func(m *field.Message) bool

	in   [2][]byte // all that came
	at   [2]int    // done with
	gone [2]int    // released
	reps [2][]rep
	skip [2]int64

	dir     flow.Direction
	log     strings.Builder // what was shown, texts joined
	edited  strings.Builder // likewise, as it should be read behind the edits
	part    []byte
	told    []packet.Reason
	missed  int
	why     packet.Reason
	as      proto.Trouble
	dead    bool
	list    []field.Edit
	tooLate int
	lost    rep
}

type rep struct {
	off, end int
	with     string
}

func newWire(t testing.TB, g *Grammar) *wire { return &wire{t: t, p: g.Open(), want: g.Fields()} }

// send brings bytes and feeds the parser with what is unread.
func (w *wire) send(dir flow.Direction, b []byte, end, late bool) {
	w.in[dir] = append(w.in[dir], b...)
	for w.why == "" {
		n := min(w.skip[dir], int64(len(w.in[dir])-w.at[dir]))
		w.skip[dir] -= n
		w.at[dir] += int(n)
		unread := w.in[dir][w.at[dir]:]
		if w.skip[dir] > 0 || len(unread) == 0 && !end {
			break
		}
		w.dir = dir
		fed := bytes.Clone(unread) // so that whoever keeps it is found out
		got := w.p.Feed(proto.Input{Bytes: fed, Dir: dir, End: end, Late: late, Want: w.want, Edits: w.edits, Resize: w.resize}, w)
		clear(fed)
		if got.N < 0 || got.N > len(unread) {
			w.t.Fatalf("%d of %d bytes", got.N, len(unread))
		}
		w.at[dir] += got.N
		w.skip[dir], w.why, w.as, w.dead = got.Skip, got.Why, got.As, got.Broken
		if !got.More && (got.Skip == 0 || w.at[dir] == len(w.in[dir])) {
			break
		}
	}
	w.gone[dir] = max(w.gone[dir], w.at[dir])
	if late || end || w.why != "" {
		w.gone[dir] = len(w.in[dir])
	}
}

func (w *wire) Show(m *field.Message, phase field.Phase) proto.Answer {
	var a proto.Answer
	w.list = w.list[:0]
	if phase == field.MessageStart || phase == field.MessageWhole {
		w.part = w.part[:0]
		if w.heads != nil {
			w.list = append(w.list, w.heads(m)...)
		}
	}
	for _, f := range m.Fields {
		if f.Editable && !bytes.Equal(f.Value, m.Unit[f.Span.Off:f.Span.End]) {
			w.t.Fatalf("%v is not what lies in its span", f.ID)
		}
		if f.ID == field.EmailBody {
			if phase != field.MessagePart || int(f.Offset)+f.Seen != len(w.part) || f.Seen > 0 && !bytes.HasSuffix(w.part, f.Value[:f.Seen]) {
				w.t.Fatalf("phase %v: a part at %d with %d bytes seen, after %d bytes", phase, f.Offset, f.Seen, len(w.part))
			}
			w.part = append(w.part, f.Value[f.Seen:]...)
			a.Hold = w.look(&f)
		} else if f.ID != field.EmailHeaders {
			for _, b := range []*strings.Builder{&w.log, &w.edited} {
				fmt.Fprintf(b, "%v=%q ", f.ID, f.Value)
			}
		}
	}
	if phase == field.MessageEnd {
		after := w.part
		if w.old != "" {
			after = bytes.ReplaceAll(after, []byte(w.old), []byte(w.with))
		}
		fmt.Fprintf(&w.log, "body=%q ", w.part)
		fmt.Fprintf(&w.edited, "body=%q ", after)
	}
	a.Edits, a.Stop = w.list, w.stop != nil && w.stop(m)
	return a
}

// look finds the word in a part of a text, and returns how much of its end may be the begin of one.
func (w *wire) look(f *field.Field) (hold int) {
	if w.old == "" {
		return 0
	}
	at := 0
	for i := bytes.Index(f.Value, []byte(w.old)); i >= 0; i = bytes.Index(f.Value[at:], []byte(w.old)) {
		off := at + i
		if at = off + len(w.old); off < f.Left {
			w.missed++
			continue
		}
		w.list = append(w.list, field.Edit{Span: field.Span{Off: f.Span.Off + off, End: f.Span.Off + at}, New: []byte(w.with)})
	}
	for n := min(len(w.old)-1, len(f.Value)-at); n > 0 && f.More; n-- {
		if bytes.HasSuffix(f.Value, []byte(w.old[:n])) {
			return n
		}
	}
	return 0
}

func (w *wire) Replace(off, end int, with []byte) bool {
	base := w.at[w.dir]
	if off < 0 || end < off || base+end > len(w.in[w.dir]) {
		w.t.Fatalf("Replace(%d, %d) of %d bytes", off, end, len(w.in[w.dir])-base)
	}
	list := w.reps[w.dir]
	if n := len(list); n > 0 && list[n-1].end > base+off {
		w.t.Fatalf("Replace(%d, %d) behind one that ends at %d", base+off, base+end, list[n-1].end)
	}
	if base+off < w.gone[w.dir] {
		w.tooLate++
		w.lost = rep{base + off, base + end, string(with)}
		return false
	}
	w.reps[w.dir] = append(list, rep{base + off, base + end, string(with)})
	return true
}

func (w *wire) Tell(_ proto.Trouble, why packet.Reason) bool {
	w.told = append(w.told, why)
	return false
}

// out is what has left of a direction.
func (w *wire) out(dir flow.Direction) []byte {
	var b []byte
	at := 0
	for _, r := range w.reps[dir] {
		b = append(append(b, w.in[dir][at:r.off]...), r.with...)
		at = r.end
	}
	return append(b, w.in[dir][at:]...)
}

// talk reads what both sides say in turn. Lines that begin with S: are the server's, what stands between two of them is the client's; of
// such the prefix C: is cut.
func (w *wire) talk(text string, cuts []int, late func(int) bool) *wire {
	sort.Ints(cuts)
	base := 0
	for _, s := range turns(text) {
		at := 0
		for _, c := range cuts {
			if c -= base; c > at && c < len(s.text) {
				w.send(s.dir, []byte(s.text[at:c]), false, false)
				if late != nil && late(c) {
					w.send(s.dir, nil, false, true)
				}
				at = c
			}
		}
		w.send(s.dir, []byte(s.text[at:]), false, false)
		base += len(s.text)
	}
	w.send(up, nil, true, false)
	w.send(down, nil, true, false)
	return w
}

type said struct {
	dir  flow.Direction
	text string
}

func turns(text string) (all []said) {
	for line := range strings.SplitAfterSeq(text, "\n") {
		dir := up
		if rest, ok := strings.CutPrefix(line, "S:"); ok {
			dir, line = down, rest
		}
		line = strings.TrimPrefix(line, "C:")
		if n := len(all); n > 0 && all[n-1].dir == dir {
			all[n-1].text += line
		} else if line != "" {
			all = append(all, said{dir, line})
		}
	}
	return all
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
