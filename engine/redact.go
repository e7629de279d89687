package engine

import (
	"bytes"
	"unsafe"

	"github.com/weir-project/weir/event"
)

// redact has those inspectors that look for secrets overwrite them in the details of the others'
// events: names that clients ask for can hold anything.
func (l *Lane) redact(e *event.Event) {
	if len(l.chain.Redact) == 0 {
		return
	}
	l.redacted = l.redacted[:0]
	pairs := e.Pairs()
	for i := range pairs {
		p := &pairs[i]
		if p.IsNum || len(p.Text) == 0 {
			continue
		}
		text := l.redactText(p.Text)
		p.Text = unsafe.String(&text[0], len(text))
	}
}

// redactText returns what may be told of a text, in memory of l.redacted. Names are told in lower case, in which a token or base64 cannot be
// known: looked at is the text as it came.
func (l *Lane) redactText(s string) []byte {
	n, at := len(s), len(l.redacted)
	l.redacted = append(append(append(l.redacted, s...), s...), s...)
	told, came, looked := l.redacted[at:at+n:at+n], l.redacted[at+n:at+2*n], l.redacted[at+2*n:at+3*n]
	l.asItCame(came)
	copy(looked, came)
	for k := range l.chain.Redact {
		if v := &l.chain.Redact[k]; v.Index != l.cx.Author {
			v.I.Redact(looked)
		}
	}
	for i, c := range looked {
		if c != came[i] {
			told[i] = c
		}
	}
	return told
}

// asItCame gives letters of a text that is a field of the message in view the case that they have there, label by label: names of DNS have
// lengths between theirs.
func (l *Lane) asItCame(text []byte) {
	if l.cx.Shown == nil {
		return
	}
	for i := range l.cx.Shown.Fields {
		f := &l.cx.Shown.Fields[i]
		if !bytes.Equal(f.Value, text) || f.Span.Off < 0 || f.Span.End > len(l.cx.Shown.Unit) {
			continue
		}
		wire := l.cx.Shown.Unit[f.Span.Off:f.Span.End]
		for len(text) > 0 {
			n := bytes.IndexByte(text, '.')
			if n < 0 {
				n = len(text)
			}
			k := indexFold(wire, text[:n])
			if k < 0 {
				return
			}
			copy(text, wire[k:k+n])
			text, wire = text[min(n+1, len(text)):], wire[k+n:]
		}
		return
	}
}

// indexFold is where in b the label, which is in lower case, begins in any case; -1 if nowhere.
func indexFold(b, label []byte) int {
	for i := 0; i+len(label) <= len(b); i++ {
		k := 0
		for k < len(label) && (b[i+k] == label[k] || b[i+k]|0x20 == label[k] && label[k]-'a' < 26) {
			k++
		}
		if k == len(label) {
			return i
		}
	}
	return -1
}
