package ids

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
)

// TestProtocolsOfHTTP: http is both, http1 and http2 are each their own.
func TestProtocolsOfHTTP(t *testing.T) {
	l := rules(t,
		`alert http any any -> any any (msg:"both"; http.uri; content:"/up"; sid:1;)`,
		`alert http1 any any -> any any (msg:"old"; http.uri; content:"/up"; sid:2;)`,
		`alert http2 any any -> any any (msg:"new"; http.uri; content:"/up"; sid:3;)`,
		`alert tcp any any -> any any (msg:"any"; http.uri; content:"/up"; sid:4;)`,
		`alert http2 any any -> any any (msg:"no pattern"; http.uri; bsize:3; sid:5;)`,
		`alert http2 any any <> any any (msg:"status"; http.stat_code; content:"404"; sid:6;)`,
	)
	established(l)
	for name, want := range map[string][]uint32{"http": {1, 2, 4}, "http2": {1, 3, 4, 5}, "smtp": {}} {
		m := httpRequest("/up", "curl")
		m.Proto = name
		l.Message(inspecttest.TCP(client, server, m.Unit), m, inspect.MessageWhole)
		if diff := cmp.Diff(want, sids(l)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	m := inspecttest.Message("http2", true, inspecttest.Part{ID: field.HTTPStatus, Value: "404"})
	l.Message(inspecttest.TCP(server, client, m.Unit), m, inspect.MessageWhole)
	if diff := cmp.Diff([]uint32{6}, sids(l)); diff != "" {
		t.Error(diff)
	}
}

// TestBodiesInTurns: what waits for the body of one stream does not wait for another's.
func TestBodiesInTurns(t *testing.T) {
	l := rules(t,
		`alert http any any -> any any (msg:"a"; http.uri; content:"/a"; http.request_body; content:"needle"; sid:1;)`,
		`alert http any any -> any any (msg:"b"; http.uri; content:"/b"; http.request_body; content:"needle"; sid:2;)`,
	)
	established(l)
	p := inspecttest.TCP(client, server, nil)
	for stream, uri := range map[uint32]string{1: "/a", 3: "/b", 5: "/c"} {
		m := httpRequest(uri, "curl")
		m.Proto, m.Stream = "http2", stream
		l.Message(p, m, inspect.MessageStart)
	}
	sids(l)
	for stream, want := range map[uint32][]uint32{1: {1}, 3: {2}, 5: {}} {
		l.Begin(p)
		l.Cx.Shown = &field.Message{Proto: "http2", Stream: stream}
		l.Chain.Field[0].I.InspectField(&l.Cx, &field.Field{ID: field.HTTPRequestBody, Value: []byte("a needle"), More: true})
		if diff := cmp.Diff(want, sids(l)); diff != "" {
			t.Errorf("stream %d: %s", stream, diff)
		}
	}
}
