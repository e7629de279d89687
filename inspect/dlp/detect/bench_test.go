package detect

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/dlpcorpus"
)

// payloadBytes is what a TCP segment carries over Ethernet.
const payloadBytes = 1460

// clean are payloads of each sort in which there is nothing to find.
func clean() map[string]string {
	r := rand.New(rand.NewPCG(5, 6))
	random := make([]byte, payloadBytes)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var rows, lines strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, `{"id":%d,"name":"item %d","price":%d.%02d,"stock":%d,"tags":["a%d","b"],"created":"2024-05-%02dT12:%02d:%02dZ"},`,
			100000+i*7, i, r.IntN(1000), r.IntN(100), r.IntN(5000), i, 1+i%28, i, i)
		fmt.Fprintf(&lines, "192.0.2.%d - - [10/Oct/2024:13:55:%02d +0000] \"GET /static/app.%08x.js HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n",
			i, i, r.Uint32(), r.IntN(99999))
	}
	fit := func(s string) string {
		return strings.Repeat(s, 1+payloadBytes/len(s))[:payloadBytes]
	}
	return map[string]string{
		"html": fit(`<div class="row"><p>The quick brown fox jumps over the lazy dog.</p><a href="/about/us?page=2">More about us</a>` +
			`<img src="/img/logo-2.png" width="120" height="40" alt="Logo"><ul><li>One</li><li>Two</li></ul></div>` + "\n"),
		"json": fit(rows.String()),
		"english": fit("It was a bright cold day in April, and the clocks were striking thirteen. To pass the time he kept a secret diary, and " +
			"at the access gate they asked for a token of his trust. A basic meal came at noon; the private garden stayed closed. "),
		"base64": fit(base64.StdEncoding.EncodeToString(random)),
		"logs":   fit(lines.String()),
	}
}

func BenchmarkClean(b *testing.B) {
	for name, text := range clean() {
		b.Run(name, func(b *testing.B) {
			s := everything.Scanner()
			t := []byte(text)
			b.SetBytes(int64(len(t)))
			b.ReportAllocs()
			for b.Loop() {
				s.Reset(nil, t, false)
				if m, ok := s.Next(); ok {
					b.Fatalf("found %v %q", m, t[m.Off:m.End])
				}
			}
		})
	}
}

// regexps are what people write for these kinds: from the tutorials and rule sets that come up first.
var regexps = func() (all []*regexp.Regexp) {
	for _, e := range dlpcorpus.PlainRegexps {
		all = append(all, regexp.MustCompile(e))
	}
	return all
}()

func BenchmarkCleanRegexps(b *testing.B) {
	for name, text := range clean() {
		b.Run(name, func(b *testing.B) {
			t := []byte(text)
			b.SetBytes(int64(len(t)))
			for b.Loop() {
				for _, re := range regexps {
					re.FindAllIndex(t, -1)
				}
			}
		})
	}
}

// BenchmarkHostile is texts that are made to cost much: numbers that check, literals that lead nowhere.
func BenchmarkHostile(b *testing.B) {
	for name, text := range map[string]string{
		"cards":   "4111 1111 1111 1111 ",
		"groups":  "4111 ",
		"digits":  "4 1 4 1 ",
		"nine":    "111222333 ",
		"tokens":  "token=",
		"emails":  "a@b.co@",
		"jwts":    "eyJhbGciOiJIUzI1NiJ9.eyJ.",
		"at":      "@",
		"plus":    "+1",
		"pem":     "-----BEGIN PRIVATE KEY-----\n",
		"local":   strings.Repeat("a", 64) + "@",
		"secrets": "pwd=a1b2c3d ",
	} {
		b.Run(name, func(b *testing.B) {
			s := everything.Scanner()
			t := []byte(strings.Repeat(text, 1+payloadBytes/len(text))[:payloadBytes])
			b.SetBytes(int64(len(t)))
			b.ReportAllocs()
			for b.Loop() {
				s.Reset(nil, t, false)
				for _, ok := s.Next(); ok; _, ok = s.Next() {
				}
			}
		})
	}
}
