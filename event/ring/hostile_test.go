package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/weir-project/weir/event"
)

func TestCheckRefusesOtherMemory(t *testing.T) {
	for name, spoil := range map[string]func(*Mem){
		"magic":    func(m *Mem) { m.b[offMagic]++ },
		"version":  func(m *Mem) { m.b[offMagic+6]++ },
		"capacity": func(m *Mem) { m.b[offCapacity+3]++ },
		"size":     func(m *Mem) { m.b = m.b[:len(m.b)-8] },
	} {
		m := NewMem(MinCapacity)
		spoil(m)
		_, err := m.Writer()
		_, err2 := m.Reader()
		if !errors.Is(err, ErrFormat) || !errors.Is(err2, ErrFormat) {
			t.Errorf("%s: %v, %v", name, err, err2)
		}
	}
}

// TestHostileHeader gives the header values that a worker gone bad would, then lets an
// honest writer follow: the reader notices, and the ring heals.
func TestHostileHeader(t *testing.T) {
	for _, off := range []int{offHead, offTail} {
		for _, v := range []uint64{1, 7, 8, 24, MinCapacity - 8, MinCapacity + 8, 1 << 40, 1<<63 + 4, ^uint64(0), ^uint64(0) - 7} {
			t.Run(fmt.Sprintf("%d=%#x", off, v), func(t *testing.T) {
				m := NewMem(MinCapacity)
				w, r := open(t, m)
				e := sample(5, 50)
				w.Put(&e)
				m.word(off).Store(v)
				r2, err := m.Reader()
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range []*Reader{r, r2} {
					for range MinCapacity {
						if r.Next(&e) == ErrEmpty {
							break
						}
					}
				}
				r2.Release()
				w, err = m.Writer()
				if err != nil {
					t.Fatal(err)
				}
				e = sample(77, 50)
				if !w.Put(&e) {
					t.Fatal("does not heal")
				}
				var got event.Event
				if err := r2.Next(&got); err == ErrCorrupt {
					r2.Release()
					w.Put(&e)
					err = r2.Next(&got)
					if err != nil {
						t.Fatalf("still %v", err)
					}
				}
				if got.Packet != 77 {
					t.Fatalf("read %d", got.Packet)
				}
			})
		}
	}
}

// FuzzReader makes a whole ring of hostile bytes.
func FuzzReader(f *testing.F) {
	m := NewMem(MinCapacity)
	w, _ := m.Writer()
	for n := range uint64(3) {
		e := sample(n, 10)
		w.Put(&e)
	}
	f.Add(m.word(offHead).Load(), uint64(0), slices.Clone(m.b[headerSize:headerSize+512]))
	f.Add(uint64(MinCapacity), uint64(8), []byte{0, 0, 0, 0, 0, 0, 0, 0, 255, 15})
	f.Fuzz(func(t *testing.T, head, tail uint64, data []byte) {
		m := NewMem(MinCapacity)
		m.word(offHead).Store(head)
		m.word(offTail).Store(tail)
		copy(m.b[headerSize:], data)
		r, err := m.Reader()
		if err != nil {
			t.Fatal(err)
		}
		var e event.Event
		for range MinCapacity/recordHead + 1 {
			if err := r.Next(&e); err == ErrEmpty {
				r.Release()
				return
			}
		}
		t.Fatal("the reader does not come to an end")
	})
}

// TestTornRecordIsInvisible stops a writer at every byte of a record and lets another
// follow.
func TestTornRecordIsInvisible(t *testing.T) {
	torn := sample(1, 60)
	image := make([]byte, 256)
	n := len(event.Append(image[recordHead:recordHead], &torn)) + recordHead
	binary.NativeEndian.PutUint64(image[8:], uint64(n-recordHead))
	for at := range n {
		m := NewMem(MinCapacity)
		w, r := open(t, m)
		first, second := sample(0, 10), sample(1, 10)
		w.Put(&first)
		binary.NativeEndian.PutUint64(image, w.nextSeq())
		w.area.in(w.head, image[:at])
		w, err := m.Writer()
		if err != nil {
			t.Fatal(err)
		}
		var e event.Event
		if r.Next(&e) != nil || r.Next(&e) != ErrEmpty {
			t.Fatalf("stopped at %d: the torn record is seen", at)
		}
		w.Put(&second)
		if err := r.Next(&e); err != nil || e.Packet != 1 || len(e.Pairs()[0].Text) != 10 || r.Seq() != 1 {
			t.Fatalf("stopped at %d: then %v, number %d", at, err, r.Seq())
		}
	}
}
