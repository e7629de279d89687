package ids

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
)

// body shows a message's head and then its body in parts, and returns the rules told of.
func body(l *inspecttest.Lane, uri string, parts ...string) []uint32 {
	m := httpRequest(uri, "curl")
	p := inspecttest.TCP(client, server, m.Unit)
	l.Message(p, m, inspect.MessageStart)
	off := int64(0)
	for i, text := range parts {
		l.Field(p, &field.Field{ID: field.HTTPRequestBody, Value: []byte(text), Offset: off, More: i < len(parts)-1})
		off += int64(len(text))
	}
	return sids(l)
}

func TestBodiesInParts(t *testing.T) {
	l := rules(t,
		`alert http any any -> any any (msg:"body"; http.request_body; content:"needle"; sid:1;)`,
		`alert http any any -> any any (msg:"head and body"; http.uri; content:"/up"; http.request_body; content:"needle"; sid:2;)`,
		`alert http any any -> any any (msg:"body, not head"; http.uri; content:!"/up"; http.request_body; content:"pin"; sid:3;)`,
		`alert http any any -> any any (msg:"begin"; http.request_body; content:"pin"; startswith; sid:4;)`,
		`alert http any any -> any any (msg:"end"; http.request_body; content:"end"; endswith; sid:5;)`,
		`alert http any any -> any any (msg:"size"; http.uri; content:"/up"; http.request_body; bsize:3; sid:6;)`,
		`alert http any any -> any any (msg:"long hint"; http.method; content:"GET"; http.request_body; content:"a very long pattern"; sid:7;)`,
	)
	established(l)
	for _, c := range []struct {
		uri   string
		parts []string
		want  []uint32
	}{
		{"/up", []string{"a needle"}, []uint32{1, 2}},
		{"/down", []string{"a needle"}, []uint32{1}},
		{"/up", []string{"hay", "a needle", "and a needle"}, []uint32{1, 2}},
		{"/up", []string{"a pin"}, []uint32{}},
		{"/down", []string{"a pin"}, []uint32{3}},
		{"/down", []string{"pins", "x"}, []uint32{3, 4}},
		{"/down", []string{"x", "pins"}, []uint32{3}},
		{"/down", []string{"x end", "end x"}, []uint32{}},
		{"/down", []string{"x", "the end"}, []uint32{5}},
		{"/up", []string{"abc"}, []uint32{6}},
		{"/up", []string{"abc", "d"}, []uint32{}},
		{"/down", []string{"x", "a very long pattern"}, []uint32{7}},
		{"/up", nil, []uint32{}},
	} {
		if diff := cmp.Diff(c.want, body(l, c.uri, c.parts...)); diff != "" {
			t.Errorf("%s %q: %s", c.uri, c.parts, diff)
		}
	}
}
