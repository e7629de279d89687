package coding

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/codingtest"
	"github.com/weir-project/weir/packet"
)

// endsWith are those that do not come to the end of what was fed.
var endsWith = map[string]packet.Reason{
	"raw/longest-matches": Expands, "raw/matches-of-2-bits": Laborious,
	"gzip/longest-matches": Expands, "gzip/matches-of-2-bits": Laborious,

	"br/literals-of-0-bits": Expands, "br/longest-copy": Expands, "br/commands-of-0-bits": Laborious, "br/maps": Laborious, "br/commands-of-3-bits": Laborious,
	"br/maps-of-1-bit": Laborious, "br/switches": Laborious,

	"zstd/runs": Expands, "zstd/empty-blocks": Laborious, "zstd/frames": Laborious, "zstd/raw-of-1": Laborious,
	"zstd/runs-of-1": Laborious, "zstd/sequences-of-0-bits": Laborious, "zstd/skipped": Laborious,
}

// read reads what s was fed, and returns why it ended.
func read(s *Stream, dst []byte) packet.Reason {
	for {
		if n, why := s.Read(dst); n == 0 || why != "" {
			return why
		}
	}
}

// TestWorkIsBounded: what 64 KiB cost is bounded, in work that is counted, whatever they are.
func TestWorkIsBounded(t *testing.T) {
	const n, most = 64 << 10, 48 // for each byte
	dst := make([]byte, n)
	for codings, bodies := range codingtest.Hostile(t, n) {
		for name, b := range bodies {
			s := NewPool(Limits{}).Open(layers(t, strings.Fields(codings)...))
			s.Feed(b, false)
			why := read(s, dst)
			if s.Work() > most*n {
				t.Errorf("%s/%s: work %d of coded %d", codings, name, s.Work(), s.read)
			}
			if len(strings.Fields(codings)) == 1 && why != endsWith[codings+"/"+name] || why == Bad {
				t.Errorf("%s/%s: %q", codings, name, why)
			}
		}
	}
}

// TestLittleIsDecodedAtOnce: a few bits of br that stand for 16 MiB are not decoded beyond what is read.
func TestLittleIsDecodedAtOnce(t *testing.T) {
	for _, name := range []string{"longest-copy", "literals-of-0-bits"} {
		s := NewPool(Limits{}).Open(layers(t, "br"))
		s.Feed(codingtest.Brotli(100)[name], false)
		s.Read(make([]byte, 1))
		s.Read(make([]byte, 1000))
		if z := s.layer[0].brotli; z.w > 2*atOnce {
			t.Errorf("%s: %d bytes for 1001", name, z.w)
		}
	}
}

// BenchmarkWorst is what 64 KiB of a body take, and half of it.
func BenchmarkWorst(b *testing.B) {
	dst := make([]byte, 64<<10)
	for _, n := range []int{64 << 10, 32 << 10} {
		for codings, bodies := range codingtest.Hostile(b, n) {
			for name, body := range bodies {
				b.Run(strings.ReplaceAll(codings, " ", "-")+"/"+name+"/"+dec(n), func(b *testing.B) {
					p, l := NewPool(Limits{}), layers(b, strings.Fields(codings)...)
					var work int64
					b.ReportAllocs()
					for b.Loop() {
						s := p.Open(l)
						s.Feed(body, false)
						read(s, dst)
						work = s.Work()
						s.Close()
					}
					b.ReportMetric(float64(work), "work")
				})
			}
		}
	}
}
