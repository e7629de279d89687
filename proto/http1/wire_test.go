package http1

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

// A wire is both directions of a connection with a parser between them: it does what a lane does with what the parser
// leaves unread, replaces and holds. Its inspector replaces a word in bodies by another, however they are cut.
type wire struct {
	t    testing.TB
	p    proto.Parser
	want field.Set

	old, with     string
	edits, resize field.Set
	heads         func(m *field.Message) []field.Edit

	in   [2][]byte // all that came
	at   [2]int    // done with
	gone [2]int    // released
	reps [2][]rep
	skip [2]int64

	dir  flow.Direction
	late bool
	log  strings.Builder // what was shown, bodies joined
	body []byte
	part [2][]byte // by direction: the body shown so far
	told []packet.Reason

	missed  int // words that were found when a part of them had left
	why     packet.Reason
	dead    bool
	list    []field.Edit
	holdAll bool   // also of what cannot be edited
	looks   bool   // edits nothing
	spare   bool   // what is held may leave
	ended   func() // at the end of each message that comes down
}

type rep struct {
	off, end int
	with     string
}

func newWire(t testing.TB, g *Grammar) *wire {
	return &wire{t: t, p: g.Open(), want: g.Fields()}
}

// send brings bytes and feeds the parser with what is unread.
func (w *wire) send(dir flow.Direction, b []byte, end, late bool) {
	w.in[dir] = append(w.in[dir], b...)
	spare := 0
	for w.why == "" {
		n := min(w.skip[dir], int64(len(w.in[dir])-w.at[dir]))
		w.skip[dir] -= n
		w.at[dir] += int(n)
		unread := w.in[dir][w.at[dir]:]
		if w.skip[dir] > 0 || len(unread) == 0 && !end {
			break
		}
		w.dir, w.late = dir, late
		fed := bytes.Clone(unread) // so that whoever keeps it is found out
		got := w.p.Feed(proto.Input{Bytes: fed, Dir: dir, End: end, Late: late, Want: w.want, Edits: w.edits, Resize: w.resize}, w)
		clear(fed)
		w.at[dir] += got.N
		if spare = got.Spare; spare < 0 || w.at[dir]+spare > len(w.in[dir]) || spare > 0 && !w.spare {
			w.t.Fatalf("Progress %+v of %d bytes", got, len(fed))
		}
		w.skip[dir], w.why, w.dead = got.Skip, got.Why, got.Broken
		if !got.More && (got.Skip == 0 || w.at[dir] == len(w.in[dir])) {
			break
		}
	}
	w.gone[dir] = max(w.gone[dir], w.at[dir]+spare)
	if late || end || w.why != "" {
		w.gone[dir] = len(w.in[dir])
	}
}

func isBody(id field.ID) bool { return id == field.HTTPRequestBody || id == field.HTTPResponseBody }

func (w *wire) Show(m *field.Message, phase field.Phase) proto.Answer {
	var a proto.Answer
	w.list = w.list[:0]
	if phase == field.MessageStart || phase == field.MessageWhole {
		w.body, w.part[w.dir] = nil, nil
		if w.heads != nil {
			w.list = append(w.list, w.heads(m)...)
		}
	}
	for _, f := range m.Fields {
		if f.Editable && !bytes.Equal(f.Value, m.Unit[f.Span.Off:f.Span.End]) {
			w.t.Fatalf("%v is not what lies in its span", f.ID)
		}
		if !isBody(f.ID) {
			fmt.Fprintf(&w.log, "%s=%q ", strings.TrimPrefix(f.ID.String(), "http."), f.Value)
			continue
		}
		if phase != field.MessagePart || int(f.Offset)+f.Seen != len(w.part[w.dir]) || f.Seen > 0 && !bytes.HasSuffix(w.part[w.dir], f.Value[:f.Seen]) {
			w.t.Fatalf("phase %v: a part at %d with %d bytes seen, after %d bytes", phase, f.Offset, f.Seen, len(w.part[w.dir]))
		}
		w.part[w.dir] = append(w.part[w.dir], f.Value[f.Seen:]...)
		w.body = w.part[w.dir]
		a.Hold = w.look(&f)
	}
	if phase == field.MessageEnd {
		if w.ended != nil && w.dir == down {
			w.ended()
		}
		fmt.Fprintf(&w.log, "body=%q end ", w.part[w.dir])
	}
	if phase == field.MessageWhole {
		w.log.WriteString("whole ")
	}
	a.Edits, a.Spare = w.list, w.spare
	return a
}

// look finds the word in a part of a body, and returns how much of its end may be the begin of one.
func (w *wire) look(f *field.Field) (hold int) {
	if w.old == "" || !f.Editable && !w.holdAll {
		return 0
	}
	if !f.Editable || w.looks {
		return beginOf(w.old, f, 0)
	}
	at := 0
	for i := bytes.Index(f.Value, []byte(w.old)); i >= 0; i = bytes.Index(f.Value[at:], []byte(w.old)) {
		if at+i < f.Left {
			w.missed++
			at += i + len(w.old)
			continue
		}
		w.list = append(w.list, field.Edit{Span: field.Span{Off: at + i, End: at + i + len(w.old)}, New: []byte(w.with)})
		at += i + len(w.old)
	}
	return beginOf(w.old, f, at)
}

// beginOf is how many of the last bytes, behind at, may be the begin of a word that goes on.
func beginOf(word string, f *field.Field, at int) int {
	for n := min(len(word)-1, len(f.Value)-at); n > 0 && f.More; n-- {
		if bytes.HasSuffix(f.Value, []byte(word[:n])) {
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
		w.told = append(w.told, "edit-too-late")
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

// An exchange is what the two ends say, in the order in which they do.
type exchange []said

type said struct {
	dir  flow.Direction
	text string
}

const (
	up   = flow.ToServer
	down = flow.ToClient
)

// cut says both at the given places of all that is said. Behind some pieces time is up, if late is not nil.
func (w *wire) cut(x exchange, cuts []int, end bool, late func(int) bool) {
	sort.Ints(cuts)
	base := 0
	for _, s := range x {
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
	if end {
		w.send(up, nil, true, false)
		w.send(down, nil, true, false)
	}
}
