package dlp

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
)

// TestInterleavedBodies: parts of two bodies in turns are each read on behind its own: neither what is known of one, nor how far it was
// decided, is taken for the other's.
func TestInterleavedBodies(t *testing.T) {
	maker, _ := New(inspecttest.Load[Config](t, "detectors: [{name: card, action: mask, count: 2}]"), inspect.Env{Lanes: 1})
	d := maker().(*Inspector)
	l := inspecttest.New(t, new(inspect.LabelTable), d)
	l.Begin(inspecttest.TCP(client, server, nil))
	const card = "4111 1111 1111 1111 "
	m := new(field.Message)
	l.Cx.Shown = m
	offset := [3]int64{}
	for i, part := range []struct {
		stream uint32
		text   string
		last   bool
	}{
		{1, "a " + card + strings.Repeat("x", 100), false},
		{3, "b " + strings.Repeat("y", 10), false},
		{1, "c 5500 0000 0000 0004 and", true},
		{3, "d " + card, true},
		{0, "e " + card, true},
	} {
		m.Stream = part.stream
		n := &offset[part.stream/2+part.stream%2]
		b := []byte(part.text)
		f := field.Field{ID: field.HTTPRequestBody, Value: b, Span: field.Span{End: len(b)}, Editable: true, Offset: *n, More: !part.last}
		before := len(l.Events)
		d.InspectField(&l.Cx, &f)
		*n += int64(len(b))
		if told := len(l.Events) > before; told != (i == 2) {
			t.Errorf("part %d: told %v", i, told)
		}
	}
}

// TestHeadsOfHTTP2: a list of fields is looked at as those of HTTP/1 are.
func TestHeadsOfHTTP2(t *testing.T) {
	for _, c := range []struct {
		fields string
		masked bool
	}{
		{"[http.uri, http.headers]", true}, {"[]", true}, {"[http.request_body]", false}, {"[payload]", false},
	} {
		maker, _ := New(inspecttest.Load[Config](t, "detectors: [{name: card, action: mask, keep: 4, fields: "+c.fields+"}]"), inspect.Env{Lanes: 1})
		d := maker().(*Inspector)
		l := inspecttest.New(t, new(inspect.LabelTable), d)
		l.Begin(inspecttest.TCP(client, server, nil))
		l.Cx.Shown = &field.Message{Stream: 1}
		text := []byte(":path: /pay?card=4111111111111111\r\nx-more: 4111 1111 1111 1111\r\n")
		f := field.Field{ID: field.HTTP2Head, Value: text, Span: field.Span{End: len(text)}, Editable: true}
		d.InspectField(&l.Cx, &f)
		want := ":path: /pay?card=XXXXXXXXXXXX1111\r\nx-more: XXXX XXXX XXXX 1111\r\n"
		if !c.masked {
			want = string(text)
		}
		if got := string(l.Apply(text)); got != want || (len(l.Events) > 0) != c.masked {
			t.Errorf("%s: %q, %d events", c.fields, got, len(l.Events))
		}
		for _, e := range l.Events {
			if want := map[bool]string{true: "http.uri", false: "http.headers"}[e.Offset < 34]; e.Field != want {
				t.Errorf("told of %s at %d", e.Field, e.Offset)
			}
		}
	}
}
