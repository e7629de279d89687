package engine_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/packet"
)

// A tape is packets as a fuzzer can write them: a byte of flags, two of length, the datagram;
// again. The flags say how much later it came, and whether the kernel vouches for its checksums.
const (
	tapeVerified = 1 << 7
	tapeFixed    = 1 << 6 // the IPv4 header checksum is put right
	tapeLater    = 0x3f   // milliseconds, squared
)

func appendTape(tape []byte, s step) []byte {
	flags := byte(0)
	for d := time.Duration(flags); d*d*time.Millisecond < s.after && flags < tapeLater; d++ {
		flags++
	}
	tape = append(tape, flags)
	tape = binary.BigEndian.AppendUint16(tape, uint16(len(s.datagram)))
	return append(tape, s.datagram...)
}

// pushTape pushes what is on the tape and returns how many packets that is.
func pushTape(fake *divert.Fake, tape []byte) (n int) {
	at := start
	for ; len(tape) >= 3 && n < 64; n++ {
		flags, size := tape[0], int(binary.BigEndian.Uint16(tape[1:]))
		d := tape[3:min(3+size, len(tape))]
		tape = tape[3+len(d):]
		if flags&tapeFixed != 0 && len(d) >= 20 && d[0]>>4 == 4 && int(d[0]&15)*4 <= len(d) && d[0]&15 >= 5 {
			d = fixSum(append([]byte{}, d...))
		}
		later := time.Duration(flags & tapeLater)
		at += later * later * time.Millisecond
		meta := packet.Meta{Captured: at}
		if flags&tapeVerified != 0 {
			meta.Checksum = packet.ChecksumVerified
		}
		fake.PushMeta(d, meta)
	}
	return n
}

// FuzzRoute takes any bytes at all through the whole route with all six inspectors, in both modes:
// nothing panics, and each packet is answered exactly once; under a policy that monitors, as it
// came.
func FuzzRoute(f *testing.F) {
	for _, s := range scenes(f) {
		var tape []byte
		for _, step := range steps(s.in...) {
			tape = appendTape(tape, step)
		}
		f.Add(tape)
	}
	for _, m := range malformations() {
		var tape []byte
		for _, step := range m.in {
			tape = appendTape(tape, step)
		}
		f.Add(tape)
	}
	lanes := []func(*divert.Fake) *engine.Lane{reusing(f, "prevent"), reusing(f, "monitor")}
	f.Fuzz(func(t *testing.T, tape []byte) {
		for mode, lane := range lanes {
			fake := divert.NewFake()
			n := pushTape(fake, tape)
			fake.End()
			l := lane(fake)
			if err := l.Run(); err != nil {
				t.Fatal(err)
			}
			if err := fake.Check(); err != nil {
				t.Error(err)
			}
			s, out := l.Snapshot(), fake.Out()
			if s.Panics != 0 || len(out) != n || int(s.Accepted+s.Dropped) != n {
				t.Errorf("%d panics; of %d packets %d answered, %d counted", s.Panics, n, len(out), s.Accepted+s.Dropped)
			}
			for _, o := range out {
				if mode == 1 && (o.Rewritten || o.Verdict != packet.Accept || o.Mark != 0) {
					t.Errorf("monitoring: %v, rewritten %v, mark %#x", o.Verdict, o.Rewritten, o.Mark)
				}
			}
		}
	})
}

// reusing returns what makes lanes of one chain, one after the other: making chains is slow.
func reusing(f *testing.F, mode string) func(*divert.Fake) *engine.Lane {
	c := config(f, load(f, mode, everything))
	c.Events = &nowhere{make([]byte, 0, event.MaxBytes)}
	c.Limits.HeldBytes, c.Limits.Fragments.Bytes, c.Limits.Flow.Flows = 1<<16, 1<<16, 16
	return func(fake *divert.Fake) *engine.Lane {
		c.Socket = fake
		return engine.New(c)
	}
}
