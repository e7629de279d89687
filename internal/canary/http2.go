package canary

import (
	"bytes"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// multiplexed is a client that speaks HTTP/2 in clear text: a request with one more field, and a body in frames of some bytes if there is one.
func multiplexed(path, name, value, body string) string {
	var out, block bytes.Buffer
	f, e := http2.NewFramer(&out, nil), hpack.NewEncoder(&block)
	out.WriteString(http2.ClientPreface)
	_ = f.WriteSettings() // into memory, as all that follows
	for _, h := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: path},
		{Name: ":authority", Value: "www.example.org"},
		{Name: name, Value: value},
	} {
		_ = e.WriteField(h)
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: body == "", EndHeaders: true})
	for body != "" {
		n := min(len(body), 11)
		_ = f.WriteData(1, n == len(body), []byte(body[:n]))
		_ = f.WritePing(false, [8]byte{})
		body = body[n:]
	}
	return out.String()
}
