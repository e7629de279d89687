package labtest

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
)

// An Editor replaces a word in every stream by another, however it is cut.
type Editor struct{ Word, With []byte }

// Name implements inspect.Inspector.
func (e *Editor) Name() string { return "dlp" }

// InspectStream implements inspect.StreamInspector.
func (e *Editor) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	at := 0
	for i := bytes.Index(b, e.Word); i >= 0; i = bytes.Index(b[at:], e.Word) {
		cx.EditPayload(at+i, at+i+len(e.Word), e.With)
		at += i + len(e.Word)
	}
	for n := min(len(e.Word)-1, len(b)-at); n > 0; n-- {
		if bytes.HasSuffix(b, e.Word[:n]) {
			cx.Hold(n)
			break
		}
	}
	return inspect.Decision{}
}

// Resizes implements inspect.ResizeInspector.
func (e *Editor) Resizes() field.Set {
	if len(e.With) == len(e.Word) {
		return 0
	}
	return field.SetOf(field.Payload)
}
