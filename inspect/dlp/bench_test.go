package dlp

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/dlpcorpus"
	"github.com/weir-project/weir/internal/inspecttest"
	"github.com/weir-project/weir/packet"
)

const (
	segmentBytes = 1460               // what a segment carries over Ethernet
	largeBytes   = 1<<16 - 1 - 20 - 8 // what the longest packet carries, such as the kernel makes of many segments
)

// kinds are sorts of what crosses a network and holds nothing, as many bytes as asked for.
var kinds = map[string]func(n int) string{
	"html":    repeat(`<div class="card-body"><p>In Xanadu did Kubla Khan</p><a href="/a/b?x=1&amp;y=2">more</a></div>`),
	"json":    repeat(`{"id":129834,"name":"a name","ok":true,"at":"2026-11-30T10:00:00Z"},`),
	"prose":   repeat("In Xanadu did Kubla Khan a stately pleasure-dome decree. "),
	"log":     repeat("192.0.2.1 - - [30/Nov/2026:10:00:00 +0000] \"GET /index.html HTTP/1.1\" 200 5316\n"),
	"base64":  func(n int) string { return base64.StdEncoding.EncodeToString(noise(n))[:n] },
	"zeros":   repeat("\x00"),
	"digits":  repeat("0123456789"),
	"letters": repeat("abcdefghijklmnopqrstuvwxyz"),
	"noise":   func(n int) string { return string(noise(n)) },
}

func repeat(text string) func(n int) string {
	return func(n int) string { return strings.Repeat(text, 1+n/len(text))[:n] }
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

// TestCleanTrafficAllocatesNothing looks at what holds nothing, in datagrams and streams, and finds nothing.
func TestCleanTrafficAllocatesNothing(t *testing.T) {
	for name, text := range kinds {
		for _, size := range []int{segmentBytes, largeBytes} {
			l := lane(t, everything)
			payload := []byte(text(size))
			for _, p := range []*packet.Packet{inspecttest.UDP(client, server, payload), inspecttest.TCP(client, server, payload[:size-12])} {
				look := func() { l.Stream(p) }
				look()
				if n := testing.AllocsPerRun(20, look); n != 0 || len(l.Events) > 0 {
					t.Errorf("%s, %d bytes: %v allocations, %d events", name, size, n, len(l.Events))
				}
			}
		}
	}
}

func BenchmarkClean(b *testing.B) { benchmarkClean(b, segmentBytes) }

func BenchmarkCleanLarge(b *testing.B) { benchmarkClean(b, largeBytes) }

func benchmarkClean(b *testing.B, size int) {
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		b.Run(name, func(b *testing.B) {
			l := lane(b, everything)
			l.Quiet = true
			p := inspecttest.UDP(client, server, []byte(kinds[name](size)))
			b.SetBytes(int64(size))
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

// BenchmarkMixed is traffic of many sorts, in which there is a value here and there.
func BenchmarkMixed(b *testing.B) {
	const variants = 256
	text, _ := dlpcorpus.Traffic(1, variants*largeBytes)
	for name, size := range map[string]int{"segment": segmentBytes, "large": largeBytes} {
		b.Run(name, func(b *testing.B) {
			l := lane(b, everything)
			l.Quiet = true
			var packets []*packet.Packet
			for rest := text; len(packets) < variants; rest = rest[size:] {
				packets = append(packets, inspecttest.UDP(client, server, rest[:size]))
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.Stream(packets[i%variants])
			}
		})
	}
}
