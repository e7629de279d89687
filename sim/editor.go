package sim

import (
	"bytes"
	"fmt"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
)

// A rule is what the editor does in one direction.
type rule struct {
	word, with string
	insert     bool // with goes before the word, which stays
	lines      bool // whole lines are held until they end
}

// want is what becomes of a text.
func (r *rule) want(text []byte) []byte {
	if r.word == "" {
		return text
	}
	with := r.with
	if r.insert {
		with += r.word
	}
	return bytes.ReplaceAll(text, []byte(r.word), []byte(with))
}

// An alteration is an edit that was accepted: bytes [at, at+n) of what was shown.
type alteration struct {
	at, n int
	with  string
}

// An editor is an inspector that replaces words in streams however they are cut: what could become
// the word waits. It remembers what it was shown and which edits were accepted; that is what the
// receiver must get.
type editor struct {
	rules   [2]rule
	shown   [2][]byte
	altered [2][]alteration
	late    [2]bool // something was shown for the last time before its end was known
	wrong   string
	dies    bool // lanes are killed: what was shown may be shown again
}

// A resizer is an editor that has said that it changes lengths.
type resizer struct{ *editor }

// Resizes implements inspect.ResizeInspector.
func (*resizer) Resizes() field.Set { return field.SetOf(field.Payload) }

// Name implements inspect.Inspector.
func (e *editor) Name() string { return "sim" }

// InspectStream implements inspect.StreamInspector.
func (e *editor) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	d := cx.Dir
	base := len(e.shown[d]) - cx.Seen
	if e.dies && base < 0 { // a lane that was killed was shown the beginning
		base = 0
	}
	if !e.dies && (base < 0 || cx.Seen > len(b) || !bytes.Equal(e.shown[d][base:], b[:cx.Seen])) {
		e.wrong = fmt.Sprintf("direction %d: %d bytes were shown again as %q", d, cx.Seen, b[:min(cx.Seen, len(b))])
		return inspect.Decision{}
	}
	e.shown[d] = append(e.shown[d], b[cx.Seen:]...)
	at := e.edit(cx, d, b, base)
	if n := e.rules[d].open(b[at:]); n > 0 && !cx.Hold(n) {
		e.late[d] = true
	}
	return inspect.Decision{}
}

// edit replaces what is there as a whole, and returns where it came to.
func (e *editor) edit(cx *inspect.Context, d flow.Direction, b []byte, base int) (at int) {
	r := &e.rules[d]
	for r.word != "" {
		i := bytes.Index(b[at:], []byte(r.word))
		if i < 0 {
			break
		}
		from, to := at+i, at+i+len(r.word)
		at = to
		if r.insert {
			to = from
		}
		if cx.EditPayload(from, to, []byte(r.with)) {
			e.altered[d] = append(e.altered[d], alteration{base + from, to - from, r.with})
		} else {
			e.late[d] = true
		}
	}
	return at
}

// open is how many bytes at the end of b wait for what follows.
func (r *rule) open(b []byte) int {
	if r.lines {
		return len(b) - 1 - bytes.LastIndexByte(b, '\n')
	}
	for n := min(len(r.word)-1, len(b)); n > 0; n-- {
		if string(b[len(b)-n:]) == r.word[:n] {
			return n
		}
	}
	return 0
}

// released is what was shown, with the edits that were accepted.
func (e *editor) released(d int) []byte {
	var out []byte
	at := 0
	for _, a := range e.altered[d] {
		out = append(out, e.shown[d][at:a.at]...)
		out = append(out, a.with...)
		at = a.at + a.n
	}
	return append(out, e.shown[d][at:]...)
}
