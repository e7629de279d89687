package journal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// memory returns an empty journal's memory.
func memory(c Config) []byte {
	c.setDefaults()
	words := make([]uint64, c.Bytes()/8)
	b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), c.Bytes())
	format(b, c)
	return b
}

func mustOpen(t testing.TB, b []byte) *Journal {
	t.Helper()
	j, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func contents(s *Shard) map[string]string {
	m := make(map[string]string)
	for k, v := range s.All() {
		m[string(k)] = string(v)
	}
	return m
}

func TestFullRefusesNewKeysOnly(t *testing.T) {
	s := mustOpen(t, memory(Config{Slots: 3, Value: 100})).Shard(0)
	for _, k := range []string{"a", "b", "c"} {
		if !s.Put([]byte(k), []byte("1"+k)) {
			t.Fatalf("no room for %s", k)
		}
	}
	if s.Put([]byte("d"), nil) {
		t.Error("there was room for a fourth of three")
	}
	if !s.Put([]byte("b"), []byte("2b")) {
		t.Error("a record that is there could not be replaced")
	}
	if !s.Delete([]byte("a")) || s.Delete([]byte("a")) || !s.Put([]byte("d"), nil) {
		t.Error("what was deleted is still in the way")
	}
	if want := map[string]string{"b": "2b", "c": "1c", "d": ""}; !maps.Equal(contents(s), want) {
		t.Errorf("%q, want %q", contents(s), want)
	}
	if st := s.Stats(); st.Full != 1 || st.Records != 3 || st.TooLong != 0 {
		t.Errorf("%+v", st)
	}
}

func TestTooLong(t *testing.T) {
	s := mustOpen(t, memory(Config{Slots: 3, Value: 100})).Shard(0)
	k, v := bytes.Repeat([]byte("k"), MaxKey), bytes.Repeat([]byte("v"), 100)
	if !s.Put(k, v) {
		t.Error("the longest key and value do not fit")
	}
	for _, c := range [][2][]byte{{nil, v}, {append(k, 'k'), v}, {k, append(v, 'v')}} {
		if s.Put(c[0], c[1]) {
			t.Errorf("took a key of %d and a value of %d bytes", len(c[0]), len(c[1]))
		}
	}
	if got, ok := s.Get(k); !ok || !bytes.Equal(got, v) || s.Stats().TooLong != 3 {
		t.Errorf("then %q, %v, %+v", got, ok, s.Stats())
	}
}

// TestLikeAMap holds a shard against a map, over many openings.
func TestLikeAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Slots: rapid.IntRange(1, 20).Draw(t, "slots"), Value: 64, Shards: 2}
		b := memory(c)
		j, err := open(b)
		if err != nil {
			t.Fatal(err)
		}
		twin := map[string]string{}
		key := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("key", rapid.IntRange(0, 30).Draw(t, "n")) })
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k, v := key.Draw(t, "key"), rapid.StringN(0, 16, 64).Draw(t, "value")
				_, there := twin[k]
				want := there || len(twin) < c.Slots
				if got := j.Shard(1).Put([]byte(k), []byte(v)); got != want {
					t.Fatalf("Put is %v with %d of %d", got, len(twin), c.Slots)
				}
				if want {
					twin[k] = v
				}
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "key")
				_, there := twin[k]
				if j.Shard(1).Delete([]byte(k)) != there {
					t.Fatalf("Delete is not %v", there)
				}
				delete(twin, k)
			},
			"reopen": func(t *rapid.T) {
				if j, err = open(b); err != nil {
					t.Fatal(err)
				}
				if st := j.Shard(1).Stats(); st.Found != len(twin) || st.Torn+st.Stale != 0 {
					t.Fatalf("%+v, want %d", st, len(twin))
				}
			},
			"": func(t *rapid.T) {
				if got := contents(j.Shard(1)); !maps.Equal(got, twin) {
					t.Fatalf("%q, want %q", got, twin)
				}
				for k, v := range twin {
					if got, ok := j.Shard(1).Get([]byte(k)); !ok || string(got) != v {
						t.Fatalf("Get %q is %q, %v", k, got, ok)
					}
				}
				if j.Shard(0).Stats().Records != 0 {
					t.Fatal("another shard has records")
				}
			},
		})
	})
}

func TestDeleteWhileListing(t *testing.T) {
	s := mustOpen(t, memory(Config{Slots: 50, Value: 8})).Shard(0)
	for i := range 50 {
		s.Put(fmt.Append(nil, i), nil)
	}
	n := 0
	for k := range s.All() {
		n++
		s.Delete(slices.Clone(k))
	}
	if n != 50 || s.Stats().Records != 0 {
		t.Errorf("listed %d, left %d", n, s.Stats().Records)
	}
}

func TestPutAllocatesNothing(t *testing.T) {
	s := mustOpen(t, memory(Config{Slots: 100})).Shard(0)
	key, value := []byte("192.0.2.1 198.51.100.2 6 40000 443"), make([]byte, DefaultValue)
	n := byte(0)
	allocs := testing.AllocsPerRun(1000, func() {
		n++
		key[0] = n % 90
		s.Put(key, value)
		s.Get(key)
		if n%3 == 0 {
			s.Delete(key)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestConfigOutOfBounds(t *testing.T) {
	for _, c := range []Config{
		{Slots: -1}, {Slots: MaxSlots + 1}, {Value: MaxValue + 1}, {Shards: MaxShards + 1}, {Slots: MaxSlots, Value: MaxValue},
	} {
		c.setDefaults()
		if c.check() == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestOtherMemoryIsRefused(t *testing.T) {
	good := memory(Config{Slots: 3, Value: 100})
	for name, spoil := range map[string]func(b []byte) []byte{
		"magic":   func(b []byte) []byte { b[0]++; return b },
		"version": func(b []byte) []byte { b[6]++; return b },
		"slots":   func(b []byte) []byte { put64(b[8:], 1000); return b },
		"huge":    func(b []byte) []byte { put64(b[8:], 1<<63); return b },
		"value":   func(b []byte) []byte { put64(b[16:], 1<<40); return b },
		"none":    func(b []byte) []byte { put64(b[24:], 0); return b },
		"shards":  func(b []byte) []byte { put64(b[24:], ^uint64(0)); return b },
		"short":   func(b []byte) []byte { return b[:len(b)-pageSize] },
		"shorter": func(b []byte) []byte { return b[:100] },
		"empty":   func(b []byte) []byte { return nil },
	} {
		words := make([]uint64, len(good)/8)
		b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(good))
		copy(b, good)
		if _, err := open(spoil(b)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	for _, n := range []int{64, 1024, DefaultValue} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := mustOpen(b, memory(Config{})).Shard(0)
			key, value := []byte("192.0.2.1 198.51.100.2 6 40000 443"), make([]byte, n)
			b.SetBytes(int64(n))
			for i := range b.N {
				key[0] = byte(i)
				s.Put(key, value)
			}
		})
	}
}
