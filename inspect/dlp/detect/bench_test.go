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

// variants is how many payloads of each sort there are, so that the processor cannot learn one by heart.
const variants = 64

// clean are texts of each sort, as long as variants payloads, in which there is nothing to find.
func clean() map[string]string {
	r := rand.New(rand.NewPCG(5, 6))
	random := make([]byte, variants*payloadBytes)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var page, rows, lines, prose strings.Builder
	for i := 0; prose.Len() < len(random); i++ {
		fmt.Fprintf(&page, "<div class=\"row-%d\"><p>%s</p><a href=\"/about/%s?page=%d\">More</a><img src=\"/img/%s-%d.png\" width=\"%d\" alt=\"Logo\"></div>\n",
			i, sentence(r), sentence(r)[:5], r.IntN(30), sentence(r)[:4], i, r.IntN(900))
		fmt.Fprintf(&rows, `{"id":%d,"name":"%s","price":%d.%02d,"stock":%d,"tags":["a%d","b"],"created":"2024-05-%02dT12:%02d:%02dZ"},`,
			100000+r.IntN(99999), sentence(r)[:12], r.IntN(1000), r.IntN(100), r.IntN(5000), i, 1+i%28, r.IntN(60), r.IntN(60))
		fmt.Fprintf(&lines, "192.0.2.%d - - [10/Oct/2024:13:55:%02d +0000] \"GET /static/app.%08x.js HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n",
			r.IntN(256), r.IntN(60), r.Uint32(), r.IntN(99999))
		prose.WriteString(sentence(r) + " ")
	}
	fit := func(s string) string { return s[:len(random)] }
	return map[string]string{
		"html": fit(page.String()), "json": fit(rows.String()), "logs": fit(lines.String()), "english": fit(prose.String()),
		"base64": fit(base64.StdEncoding.EncodeToString(random)),
	}
}

// sentence is words in no order, some of which begin like what shows a value.
func sentence(r *rand.Rand) string {
	words := strings.Fields("it was a bright cold day in April and the clocks were striking to pass time he kept secret diary at access gate they asked " +
		"for token of his trust basic meal came noon private garden stayed closed party send please skill glass ask task service stream begins page")
	var b strings.Builder
	for range 6 + r.IntN(12) {
		b.WriteString(words[r.IntN(len(words))] + " ")
	}
	return b.String()[:b.Len()-1] + "."
}

func BenchmarkClean(b *testing.B) { benchmarkClean(b, everything) }

// BenchmarkCleanNumbers is a set without literals, which is looked for from digit to digit.
func BenchmarkCleanNumbers(b *testing.B) { benchmarkClean(b, NewSet(Card, USSSN)) }

func benchmarkClean(b *testing.B, set *Set) {
	for name, text := range clean() {
		b.Run(name, func(b *testing.B) {
			s := set.Scanner()
			t := []byte(text)
			b.SetBytes(payloadBytes)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at := i % variants * payloadBytes
				s.Reset(t[max(0, at-ContextBytes):at], t[at:at+payloadBytes], false)
				if m, ok := s.Next(); ok {
					b.Fatalf("found %v %q", m, t[at+m.Off:at+m.End])
				}
			}
		})
	}
}

// regexps are what people write for these kinds.
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
			b.SetBytes(payloadBytes)
			for i := 0; b.Loop(); i++ {
				at := i % variants * payloadBytes
				for _, re := range regexps {
					re.FindAllIndex(t[at:at+payloadBytes], -1)
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
		"wide":    "1\u202f85\u202f05\u202f",
		"fields":  "user=a;password=",
		"java":    "jdbc:a?password=",
		"shared":  "sv=20&sig=",
		"phones":  "tel 030 (0) ",
		"tokens":  "token=",
		"emails":  "a@b.co@",
		"jwts":    "eyJhbGciOiJIUzI1NiJ9.eyJ.",
		"at":      "@",
		"plus":    "+1",
		"pem":     "-----BEGIN PRIVATE KEY-----\n",
		"local":   strings.Repeat("a", 64) + "@",
		"secrets": "pwd=a1b2c3d ",
		"names":   "token\nx:1\n",
		"cells":   "|pwd|a1b2c3d|\n",
		"tags":    "pwd</b></b></b></b>",
		"columns": "pwd,a\nx1,y\n",
	} {
		b.Run(name, func(b *testing.B) {
			s := everything.Scanner()
			t := []byte(strings.Repeat(text, 1+payloadBytes/len(text))[:payloadBytes])
			table := new(Table)
			b.SetBytes(int64(len(t)))
			b.ReportAllocs()
			for b.Loop() {
				s.Reset(nil, t, false)
				s.Under(table)
				for _, ok := s.Next(); ok; _, ok = s.Next() {
				}
			}
		})
	}
}
