package packet

import (
	"hash/maphash"
	"testing"
)

// full returns b with as much payload as makes n bytes.
func full(b []byte, n int) []byte { return fixed(append(b, make([]byte, n-len(b))...)) }

func TestNothingAllocates(t *testing.T) {
	chain := chain6(tcp6(t), DestinationOptions, []byte{6, 0, 1, 4, 0, 0, 0, 0})
	seed := maphash.MakeSeed()
	buf, out := make([]byte, 4000), make([]byte, 0, MaxUnreachable)
	kinds := everyKind(t)
	kinds["chain"] = chain
	for name, b := range kinds {
		p := new(Packet)
		work := make([]byte, len(b))
		if n := testing.AllocsPerRun(100, func() {
			copy(work, b)
			p.Set(work)
			p.Decode()
			readAll(p)
			p.Fingerprint(seed)
			Reset(out, p)
			ResetReceiver(out, p)
			Unreachable(out, p)
			p.SetTTL(3)
			p.SetDSCP(4)
			p.SetSeq(5)
			p.Overwrite(0, out[:1])
			p.MutablePayload()
			p.Splice(buf, 0, 1, out[:2])
			p.Repair()
			p.MarkDirty()
			p.Repair()
			p.Rewrite(buf[:len(b)])
			_ = p.Malformed.Reason()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

var sink int

func benchmarkDecode(b *testing.B, data []byte) {
	var p Packet
	p.Set(data)
	b.ReportAllocs()
	for b.Loop() {
		p.Decode()
		src, dst := p.Addrs()
		sink += int(src[3]) + int(dst[3]) + int(p.SrcPort) + len(p.Payload())
	}
	if p.Malformed != WellFormed {
		b.Fatal(p.Malformed)
	}
}

func BenchmarkDecodeTCP4(b *testing.B) { benchmarkDecode(b, full(tcp4(b), 1500)) }
func BenchmarkDecodeTCP6(b *testing.B) { benchmarkDecode(b, full(tcp6(b), 1500)) }
func BenchmarkDecodeUDP4(b *testing.B) { benchmarkDecode(b, full(udp4(b), 1500)) }
func BenchmarkDecodeUDP6(b *testing.B) { benchmarkDecode(b, full(udp6(b), 1500)) }
func BenchmarkDecodeExtensions(b *testing.B) {
	benchmarkDecode(b, chain6(tcp6(b), HopByHop, []byte{60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0}))
}

func BenchmarkVerifyChecksum(b *testing.B) {
	p := decoded(full(tcp4(b), 1500))
	for b.Loop() {
		if !p.VerifyChecksum() {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkRepairPayload(b *testing.B) {
	p := decoded(full(tcp4(b), 1500))
	b.ReportAllocs()
	for b.Loop() {
		p.MutablePayload()[7]++
		p.Repair()
	}
}

func BenchmarkRepairOverwrite16(b *testing.B) {
	p := decoded(full(tcp4(b), 1500))
	with := []byte("4111111111111111")
	b.ReportAllocs()
	for b.Loop() {
		with[0]++
		p.Overwrite(101, with)
		p.Repair()
	}
}

func BenchmarkRepairSplice(b *testing.B) {
	data, buf := full(tcp4(b), 1400), make([]byte, 2000)
	b.ReportAllocs()
	for b.Loop() {
		var p Packet
		p.Set(data)
		p.Decode()
		p.Splice(buf, 100, 110, data[:20])
		p.Repair()
	}
}

func BenchmarkRepairDSCP(b *testing.B) {
	p := decoded(full(tcp4(b), 1500))
	var v uint8
	for b.Loop() {
		v++
		p.SetDSCP(v & 63)
		p.Repair()
	}
}

func BenchmarkFingerprint(b *testing.B) {
	p, seed := decoded(full(tcp4(b), 1500)), maphash.MakeSeed()
	for b.Loop() {
		sink += int(p.Fingerprint(seed))
	}
}

func BenchmarkReset(b *testing.B) {
	p, out := decoded(tcp4(b)), make([]byte, 0, MaxReset)
	b.ReportAllocs()
	for b.Loop() {
		sink += len(Reset(out, p))
	}
}
