package http2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const (
	up   = flow.ToServer
	down = flow.ToClient
)

var (
	bodies = field.SetOf(field.HTTPRequestBody, field.HTTPResponseBody)
	heads  = field.SetOf(field.HTTPMethod, field.HTTPURI, field.HTTPHost, field.HTTPStatus)
)

// A wire is both directions of a connection with a parser between them: it does what a lane does with what the parser leaves unread, replaces
// and holds. Its inspector replaces a word in bodies and in values of fields by another, however they are cut.
type wire struct {
	t    testing.TB
	p    proto.Parser
	want field.Set

	old, with string
	edits     field.Set
	inHeads   bool // the word is replaced in fields, too
	whole     bool // by one edit
	greedy    bool // what follows a word is awaited
	left      []int

	in   [2][]byte // all that came
	at   [2]int    // done with
	gone [2]int    // released
	reps [2][]rep
	skip [2]int64

	dir   flow.Direction
	late  bool
	log   [2]map[uint32]*strings.Builder // what was shown, by stream, bodies joined
	part  [2]map[uint32][]byte           // bodies shown so far
	marks []field.Span                   // of the last call, as places in what came
	told  []packet.Reason

	spare  bool // what is held may leave
	missed int  // words that were found when a part of them had left
	why    packet.Reason
	as     proto.Trouble
	list   []field.Edit
}

type rep struct {
	off, end int
	with     string
}

func newWire(t testing.TB, g *Grammar) *wire {
	w := &wire{t: t, p: g.Open(), want: bodies.Union(heads)}
	for d := range w.log {
		w.log[d], w.part[d] = map[uint32]*strings.Builder{}, map[uint32][]byte{}
	}
	return w
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
		w.dir, w.late, w.marks = dir, late || end, w.marks[:0]
		fed := bytes.Clone(unread) // so that whoever keeps it is found out
		got := w.p.Feed(proto.Input{Bytes: fed, Dir: dir, End: end, Late: late, Want: w.want, Edits: w.edits}, w)
		clear(fed)
		if got.N < 0 || got.N > len(fed) {
			w.t.Fatalf("Progress %+v of %d bytes", got, len(fed))
		}
		w.at[dir] += got.N
		if spare = got.Spare; spare < 0 || w.at[dir]+spare > len(w.in[dir]) || spare > 0 && !w.spare {
			w.t.Fatalf("Progress %+v of %d bytes", got, len(fed))
		}
		w.skip[dir], w.why, w.as = got.Skip, got.Why, got.As
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
	log := w.log[w.dir][m.Stream]
	if log == nil {
		log = new(strings.Builder)
		w.log[w.dir][m.Stream] = log
	}
	if phase == field.MessageStart || phase == field.MessageWhole {
		w.part[w.dir][m.Stream] = nil
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.Editable && !bytes.Equal(f.Value, m.Unit[f.Span.Off:f.Span.End]) {
			w.t.Fatalf("%v is not what lies in its span", f.ID)
		}
		if !isBody(f.ID) {
			fmt.Fprintf(log, "%s=%q ", strings.TrimPrefix(f.ID.String(), "http."), f.Value)
			if w.inHeads && f.ID == field.HTTP2Head {
				w.look(f)
			}
			continue
		}
		part := w.part[w.dir][m.Stream]
		if phase != field.MessagePart || int(f.Offset)+f.Seen != len(part) || f.Seen > 0 && !bytes.HasSuffix(part, f.Value[:f.Seen]) {
			w.t.Fatalf("phase %v: a part at %d with %d bytes seen, after %d bytes", phase, f.Offset, f.Seen, len(part))
		}
		w.part[w.dir][m.Stream] = append(part, f.Value[f.Seen:]...)
		a.Hold = w.look(f)
	}
	switch phase {
	case field.MessageEnd:
		fmt.Fprintf(log, "body=%q end ", w.part[w.dir][m.Stream])
	case field.MessageWhole:
		log.WriteString("whole ")
	}
	if n := len(w.list); w.whole && n > 1 {
		off, end := w.list[0].Span.Off, w.list[n-1].Span.End
		with := bytes.ReplaceAll(m.Unit[off:end], []byte(w.old), []byte(w.with))
		w.list = []field.Edit{{Span: field.Span{Off: off, End: end}, New: with}}
	}
	a.Edits, a.Spare = w.list, w.spare
	return a
}

// look finds the word in a field, and returns how much of its end may be the begin of one.
func (w *wire) look(f *field.Field) (hold int) {
	if w.old == "" {
		return 0
	}
	if f.Left > 0 {
		w.left = append(w.left, f.Left)
	}
	at := 0
	for i := bytes.Index(f.Value, []byte(w.old)); i >= 0; i = bytes.Index(f.Value[at:], []byte(w.old)) {
		switch {
		case w.greedy && f.More && at+i+len(w.old) == len(f.Value) && !w.late:
			return len(w.old)
		case at+i < f.Left:
			w.missed++
		case f.Editable:
			w.list = append(w.list, field.Edit{Span: field.Span{Off: at + i, End: at + i + len(w.old)}, New: []byte(w.with)})
		}
		at += i + len(w.old)
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
	off, end = off+base, end+base
	for _, r := range w.reps[w.dir] {
		if off < r.end && r.off < end {
			w.t.Fatalf("Replace(%d, %d) over (%d, %d)", off, end, r.off, r.end)
		}
	}
	if off < w.gone[w.dir] {
		w.told = append(w.told, "edit-too-late")
		return false
	}
	w.reps[w.dir] = append(w.reps[w.dir], rep{off, end, string(with)})
	return true
}

func (w *wire) Tell(_ proto.Trouble, why packet.Reason) bool {
	w.told = append(w.told, why)
	return false
}

func (w *wire) Mark(off, end int) {
	if n := len(w.marks); off < 0 || end < off || w.at[w.dir]+end > len(w.in[w.dir]) || n > 0 && w.at[w.dir]+off < w.marks[n-1].Off {
		w.t.Fatalf("Mark(%d, %d) behind %v", off, end, w.marks)
	}
	w.marks = append(w.marks, field.Span{Off: w.at[w.dir] + off, End: w.at[w.dir] + end})
}

// out is what has left of a direction.
func (w *wire) out(dir flow.Direction) []byte {
	sort.Slice(w.reps[dir], func(i, j int) bool { return w.reps[dir][i].off < w.reps[dir][j].off })
	var b []byte
	at := 0
	for _, r := range w.reps[dir] {
		b = append(append(b, w.in[dir][at:r.off]...), r.with...)
		at = r.end
	}
	return append(b, w.in[dir][at:]...)
}

// shown is what was shown of all streams.
func (w *wire) shown() string {
	var b strings.Builder
	for d, all := range w.log {
		var ids []int
		for id := range all {
			ids = append(ids, int(id))
		}
		sort.Ints(ids)
		for _, id := range ids {
			fmt.Fprintf(&b, "%c%d: %s\n", "><"[d], id, strings.TrimSpace(all[uint32(id)].String()))
		}
	}
	return b.String()
}

// A talk is what the two ends say, in the order in which they do. Its writers are those of x/net.
type talk struct {
	said []said
	side [2]speaker
}

type said struct {
	dir flow.Direction
	b   []byte
}

type speaker struct {
	buf, block bytes.Buffer
	framer     *http2.Framer
	encoder    *hpack.Encoder
}

// newTalk is a connection whose ends have greeted each other.
func newTalk() *talk {
	k := new(talk)
	for d := range k.side {
		s := &k.side[d]
		s.framer = http2.NewFramer(&s.buf, nil)
		s.framer.AllowIllegalWrites = true
		s.encoder = hpack.NewEncoder(&s.block)
	}
	k.raw(up, preface)
	k.frame(up, func(f *http2.Framer) error { return f.WriteSettings() })
	k.frame(down, func(f *http2.Framer) error { return f.WriteSettings() })
	k.frame(up, func(f *http2.Framer) error { return f.WriteSettingsAck() })
	k.frame(down, func(f *http2.Framer) error { return f.WriteSettingsAck() })
	return k
}

func (k *talk) raw(d flow.Direction, text string) *talk {
	k.said = append(k.said, said{d, []byte(text)})
	return k
}

func (k *talk) frame(d flow.Direction, write func(f *http2.Framer) error) *talk {
	s := &k.side[d]
	s.buf.Reset()
	if err := write(s.framer); err != nil {
		panic(err)
	}
	return k.raw(d, s.buf.String())
}

// fields is a header block: names and values in turns.
func (k *talk) fields(d flow.Direction, text ...string) []byte {
	s := &k.side[d]
	s.block.Reset()
	for i := 0; i < len(text); i += 2 {
		name, never := strings.CutPrefix(text[i], "!")
		_ = s.encoder.WriteField(hpack.HeaderField{Name: name, Value: text[i+1], Sensitive: never}) // into memory
	}
	return bytes.Clone(s.block.Bytes())
}

// head says HEADERS.
func (k *talk) head(d flow.Direction, id uint32, ends bool, text ...string) *talk {
	b := k.fields(d, text...)
	return k.frame(d, func(f *http2.Framer) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b, EndStream: ends, EndHeaders: true})
	})
}

func (k *talk) data(d flow.Direction, id uint32, ends bool, text string) *talk {
	return k.frame(d, func(f *http2.Framer) error { return f.WriteData(id, ends, []byte(text)) })
}

// get and post are the fields of requests.
func get(path string, more ...string) []string {
	return append([]string{":method", "GET", ":scheme", "http", ":path", path, ":authority", "a.example"}, more...)
}

func post(path string, more ...string) []string {
	return append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "a.example"}, more...)
}

func (k *talk) size() (n int) {
	for _, s := range k.said {
		n += len(s.b)
	}
	return n
}

// anyCuts cuts n bytes at random, or at every byte.
func anyCuts(r *rand.Rand, n int) (cuts []int) {
	if r.IntN(8) == 0 {
		for i := range n {
			cuts = append(cuts, i)
		}
		return cuts
	}
	for range r.IntN(12) {
		cuts = append(cuts, r.IntN(n+1))
	}
	return cuts
}

// cut says all at the given places. Behind some pieces time is up, if late is not nil.
func (w *wire) cut(k *talk, cuts []int, late func() bool) {
	sort.Ints(cuts)
	base := 0
	for _, s := range k.said {
		at := 0
		for _, c := range cuts {
			if c -= base; c > at && c < len(s.b) {
				w.send(s.dir, s.b[at:c], false, false)
				if late != nil && late() {
					w.send(s.dir, nil, false, true)
				}
				at = c
			}
		}
		w.send(s.dir, s.b[at:], false, false)
		base += len(s.b)
	}
	w.send(up, nil, true, false)
	w.send(down, nil, true, false)
}

// read has x/net read what left of a direction, and returns its streams: fields and bodies.
func read(t testing.TB, b []byte, d flow.Direction) map[uint32]string {
	t.Helper()
	if d == up {
		b = bytes.TrimPrefix(b, []byte(preface))
	}
	f := http2.NewFramer(nil, bytes.NewReader(b))
	f.ReadMetaHeaders = hpack.NewDecoder(defaultSize, nil)
	all := map[uint32]string{}
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			if err.Error() != "EOF" {
				t.Fatalf("%v in %.200q", err, b)
			}
			return all
		}
		id := fr.Header().StreamID
		switch fr := fr.(type) {
		case *http2.MetaHeadersFrame:
			for _, h := range fr.Fields {
				all[id] += h.Name + "=" + h.Value + ";"
			}
		case *http2.DataFrame:
			all[id] += string(fr.Data())
		}
	}
}
