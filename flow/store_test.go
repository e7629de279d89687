package flow

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// checkIndex fails if a live flow cannot be found, or if the index holds anything else.
func checkIndex(t interface{ Fatalf(string, ...any) }, table *Table) {
	filed := 0
	for i, s := range table.slots {
		if s.index == 0 {
			continue
		}
		filed++
		for at := s.hash & table.mask; at != uint32(i); at = (at + 1) & table.mask {
			if table.slots[at].index == 0 {
				t.Fatalf("slot %d cannot be reached: slot %d is empty, home is %d", i, at, s.hash&table.mask)
			}
		}
		if f := table.at(s.index - 1); !f.live || f.Key.hash(&table.secrets) != s.hash {
			t.Fatalf("slot %d names a flow that is not there", i)
		}
	}
	if filed != table.stats.Live {
		t.Fatalf("%d slots filed for %d flows: tombstones, or flows lost", filed, table.stats.Live)
	}
}

// TestIndexDeletion inserts into and deletes from an index so small that its runs meet and wrap
// around, and holds every slot against the rule of linear probing.
func TestIndexDeletion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := wheel.New(0)
		table := NewTable(Limits{Flows: 200}, w, rapid.Uint64().Draw(t, "seed"), func(*Flow, End) {})
		table.slots, table.mask = make([]slot, 8), 7
		if rapid.IntRange(0, 9).Draw(t, "all collide") == 0 {
			table.secrets = secrets{}
		}
		live := map[uint16]*Flow{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			port := rapid.Uint16Range(1, 150).Draw(t, "port")
			if f := live[port]; f != nil {
				table.end(f, EndTimeout)
				delete(live, port)
			} else {
				key := Key{aLo: 1, bLo: 2, aPort: port, Proto: packet.UDP, Version: 4}
				live[port] = table.create(key, key.hash(&table.secrets), 0)
			}
			checkIndex(t, table)
			for port, f := range live {
				if table.find(&f.Key, f.Key.hash(&table.secrets)) != f {
					t.Fatalf("port %d is lost", port)
				}
			}
		}
	})
}

// keySets are keys as an adversary would choose them: one thing counts, or everything is related.
var keySets = map[string]func(i uint64) Key{
	"ports":       func(i uint64) Key { return Key{aLo: 1, bLo: 2, aPort: uint16(i), bPort: 80, Version: 4} },
	"both ports":  func(i uint64) Key { return Key{aLo: 1, bLo: 2, aPort: uint16(i), bPort: ^uint16(i), Version: 4} },
	"addresses 4": func(i uint64) Key { return Key{aLo: 0xc0000200 + i, bLo: 0xc6336401, bPort: 80, Version: 4} },
	"both hosts":  func(i uint64) Key { return Key{aLo: i, bLo: i, aPort: 1, bPort: 1, Version: 4} },
	"networks 6":  func(i uint64) Key { return Key{aHi: i, bHi: 1 << 63, aLo: 1, bLo: 1, Version: 6} },
	"hosts 6":     func(i uint64) Key { return Key{aHi: 1, bHi: 2, aLo: i, bLo: 1, Version: 6} },
	"high bits":   func(i uint64) Key { return Key{aHi: i << 48, bHi: i << 48, aLo: i << 48, bLo: 1, Version: 6} },
	"sums":        func(i uint64) Key { return Key{aHi: i, bHi: -i, aLo: -i, bLo: i, Version: 6} },
	// Constants of well-known mixers, as an interface identifier: a factor that could become 0.
	"wyhash":     func(i uint64) Key { return Key{aLo: i, bLo: 0xe7037ed1a0b428db, Version: 6} },
	"splitmix64": func(i uint64) Key { return Key{aLo: 0x9e3779b97f4a7c15, bLo: i, Version: 6} },
}

// TestHashQuality fills an index half with such keys. Uniform hashing needs 1.5 probes on average
// for a find at that load, and hardly ever 100 (Knuth vol. 3, §6.4).
func TestHashQuality(t *testing.T) {
	for name, key := range keySets {
		for _, seed := range []uint64{0, 1, 1 << 63, 0xa0761d6478bd642f} {
			secrets := secretsOf(seed)
			const n = 65536
			table := &Table{slots: make([]slot, 2*n), mask: 2*n - 1}
			for i := range uint64(n) {
				k := key(i)
				table.place(slot{k.hash(&secrets), uint32(i) + 1})
			}
			sum, worst := 0, 0
			for i, s := range table.slots {
				if s.index != 0 {
					probes := int((uint32(i)-s.hash)&table.mask) + 1
					sum, worst = sum+probes, max(worst, probes)
				}
			}
			if mean := float64(sum) / n; mean > 1.6 || worst > 100 {
				t.Errorf("%s, seed %#x: %.2f probes on average, %d at worst", name, seed, mean, worst)
			}
		}
	}
}

// TestSeedChangesHash wants the secrets to matter to every key.
func TestSeedChangesHash(t *testing.T) {
	a, b := secretsOf(1), secretsOf(2)
	for name, key := range keySets {
		same := 0
		for i := range uint64(1000) {
			if k := key(i); k.hash(&a) == k.hash(&b) {
				same++
			}
		}
		if same > 1 {
			t.Errorf("%s: %d hashes of 1000 are the same under two seeds", name, same)
		}
	}
}

func poison(m []uint64) {
	for i := range m {
		m[i] = ^uint64(0)
	}
}

// TestMemory follows the inspectors' memory through reuse and through chains of other sizes.
func TestMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := NewTable(Limits{Flows: 40}, wheel.New(0), 1, func(*Flow, End) {})
		sizes := map[*Flow]int{}
		fresh := func(f *Flow, words int) {
			if len(f.Memory) != words || cap(f.Memory) != words {
				t.Fatalf("memory of %d words, capacity %d, want %d", len(f.Memory), cap(f.Memory), words)
			}
			for _, w := range f.Memory {
				if w != 0 {
					t.Fatalf("memory of another flow")
				}
			}
			poison(f.Memory)
			sizes[f] = words
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			port := rapid.Uint16Range(1, 30).Draw(t, "port")
			key := Key{aLo: 1, bLo: 2, aPort: port, Proto: packet.UDP, Version: 4}
			hash := key.hash(&table.secrets)
			f := table.find(&key, hash)
			switch do := rapid.IntRange(0, 9).Draw(t, "do"); {
			case do == 0:
				table.SetMemory(rapid.SampledFrom([]int{0, 1, 3, 8}).Draw(t, "words"))
			case f == nil:
				fresh(table.create(key, hash, 0), table.words)
			case do < 5:
				table.Renew(f)
				fresh(f, table.words)
			default:
				delete(sizes, f)
				table.end(f, EndTimeout)
			}
			seen := map[*uint64]bool{}
			for f, words := range sizes {
				if len(f.Memory) != words {
					t.Fatalf("memory changed its size to %d words before Renew", len(f.Memory))
				}
				if words > 0 && seen[&f.Memory[0]] {
					t.Fatal("two flows share memory")
				}
				if words > 0 {
					seen[&f.Memory[0]] = true
				}
			}
			if n := len(table.spare); n > chunkFlows+len(sizes) {
				t.Fatalf("%d pieces of memory to spare for %d flows", n, len(sizes))
			}
		}
	})
}

// crowd opens n UDP flows.
func crowd(table *Table, n int, now time.Duration) {
	src, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	for i := range n {
		dst := netip.AddrPortFrom(dst, uint16(1+i>>16))
		m := message{src: netip.AddrPortFrom(src, uint16(i)), dst: dst, proto: packet.UDP}
		table.Observe(m.packet(), now)
	}
}

// TestIdleFlowSize holds 65,536 idle flows with 128 bytes of inspectors' memory each to 1 KiB per
// flow, timers and index included (limits of the product, HAZARDS).
func TestIdleFlowSize(t *testing.T) {
	const n = 65536
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := NewTable(Limits{}, wheel.New(0), 1, func(*Flow, End) {})
	table.SetMemory(16)
	crowd(table, n, 0)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if live := table.Stats().Live; live != n {
		t.Fatalf("%d flows", live)
	}
	each := (after.HeapAlloc - before.HeapAlloc) / n
	t.Logf("%d bytes per flow", each)
	if each > 1024 {
		t.Errorf("an idle flow takes %d bytes", each)
	}
	runtime.KeepAlive(table)
}

// TestNoGrowth turns over a full table many times: nothing may grow with the number of flows that
// have been.
func TestNoGrowth(t *testing.T) {
	const limit = 1000
	table := NewTable(Limits{Flows: limit}, wheel.New(0), 1, func(*Flow, End) {})
	table.SetMemory(2)
	crowd(table, limit, 0)
	shape := func() string {
		return fmt.Sprint(len(table.slots), len(table.chunks), len(table.free), len(table.spare))
	}
	before := shape()
	crowd(table, 50*limit, 0)
	if after := shape(); after != before {
		t.Errorf("slots, chunks, free places and spare memory went from %s to %s", before, after)
	}
	checkIndex(t, table)
	table.Shutdown()
	if n := table.Stats().Live; n != 0 || table.oldest != nil || table.newest != nil {
		t.Errorf("%d flows left after Shutdown", n)
	}
}
