package dlp

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/inspecttest"
)

// payloads are what crosses a network and holds nothing, in segments of an Ethernet.
var payloads = map[string]string{
	"html":    strings.Repeat(`<div class="card-body"><p>In Xanadu did Kubla Khan</p><a href="/a/b?x=1&amp;y=2">more</a></div>`, 16)[:1460],
	"json":    strings.Repeat(`{"id":129834,"name":"a name","ok":true,"at":"2026-11-30T10:00:00Z"},`, 22)[:1460],
	"prose":   strings.Repeat("In Xanadu did Kubla Khan a stately pleasure-dome decree. ", 26)[:1460],
	"log":     strings.Repeat("192.0.2.1 - - [30/Nov/2026:10:00:00 +0000] \"GET /index.html HTTP/1.1\" 200 5316\n", 19)[:1460],
	"base64":  base64.StdEncoding.EncodeToString(noise(1095))[:1460],
	"zeros":   strings.Repeat("\x00", 1460),
	"digits":  strings.Repeat("0123456789", 146),
	"letters": strings.Repeat("abcdefghijklmnopqrstuvwxyz", 57)[:1460],
	"noise":   string(noise(1460)),
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

var everything = Config{Templates: []string{"pci", "personal", "secrets"}}

// TestCleanTrafficAllocatesNothing looks at what holds nothing, and finds nothing.
func TestCleanTrafficAllocatesNothing(t *testing.T) {
	for name, text := range payloads {
		l := lane(t, everything)
		p := inspecttest.UDP(client, server, []byte(text))
		if n := testing.AllocsPerRun(20, func() { l.Stream(p) }); n != 0 || len(l.Events) > 0 {
			t.Errorf("%s: %v allocations, %d events", name, n, len(l.Events))
		}
	}
}

func BenchmarkClean(b *testing.B) {
	for name, text := range payloads {
		b.Run(name, func(b *testing.B) {
			l := lane(b, everything)
			l.Quiet = true
			p := inspecttest.UDP(client, server, []byte(text))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				l.Stream(p)
			}
		})
	}
}

// BenchmarkCards is traffic full of values.
func BenchmarkCards(b *testing.B) {
	l := lane(b, everything)
	l.Quiet = true
	var text strings.Builder
	for i := 0; text.Len() < 1400; i++ {
		fmt.Fprintf(&text, "pay %d with 4000 0000 0000 0002; ", i)
	}
	p := inspecttest.UDP(client, server, []byte(text.String()))
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		l.Stream(p)
	}
}
