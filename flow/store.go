package flow

import (
	"time"

	"github.com/weir-project/weir/internal/wheel"
)

// This file is the table's memory: the hash index, the chunks of flows, the list of those that
// may give way.

func (t *Table) at(index uint32) *Flow {
	return &t.chunks[index/chunkFlows][index%chunkFlows]
}

func (t *Table) find(key *Key, hash uint32) *Flow {
	for i := hash & t.mask; ; i = (i + 1) & t.mask {
		s := t.slots[i]
		if s.index == 0 {
			return nil
		}
		if s.hash == hash {
			if f := t.at(s.index - 1); f.Key == *key {
				return f
			}
		}
	}
}

// create makes room if it must and may, and files a new half-open flow; nil if it may not.
func (t *Table) create(key Key, hash uint32, now time.Duration) *Flow {
	if t.stats.Live >= t.limits.Flows {
		if t.limits.RefuseNew || t.oldest == nil {
			return nil
		}
		t.end(t.oldest, EndEvicted)
	}
	if len(t.free) == 0 {
		t.addChunk()
	}
	index := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	f := t.at(index)
	t.lastID++
	*f = Flow{Key: key, ID: t.lastID, First: now, Last: now, Memory: t.memory(), index: index}
	f.live = true
	f.timer = wheel.Timer{Kind: TimerKind, Index: index}
	t.wheel.Schedule(&f.timer, now+t.timeout(f))
	t.list(f)
	t.stats.HalfOpen++
	t.stats.Live++
	t.stats.Created++
	if 2*t.stats.Live > len(t.slots) {
		t.grow()
	}
	t.place(slot{hash, index + 1})
	return f
}

func (t *Table) end(f *Flow, why End) {
	t.onEnd(f, why)
	t.stats.Ended[why]++
	t.stats.Sights[f.Sight]++
	t.stats.Live--
	if f.State == New {
		t.stats.HalfOpen--
	}
	if f.listed {
		t.unlist(f)
	}
	t.wheel.Cancel(&f.timer)
	t.displace(f)
	t.giveBack(f)
	f.ID, f.live = 0, false
	t.free = append(t.free, f.index)
}

func (t *Table) addChunk() {
	base := uint32(len(t.chunks) * chunkFlows)
	t.chunks = append(t.chunks, make([]Flow, chunkFlows))
	for i := uint32(chunkFlows); i > 0; i-- {
		t.free = append(t.free, base+i-1)
	}
}

func (t *Table) place(s slot) {
	i := s.hash & t.mask
	for t.slots[i].index != 0 {
		i = (i + 1) & t.mask
	}
	t.slots[i] = s
}

// displace takes f out of the index and closes the gap (Knuth vol. 3, §6.4, algorithm R), so
// that no tombstones gather.
func (t *Table) displace(f *Flow) {
	i := f.Key.hash(&t.secrets) & t.mask
	for t.slots[i].index != f.index+1 {
		i = (i + 1) & t.mask
	}
	for j := i; ; {
		j = (j + 1) & t.mask
		s := t.slots[j]
		if s.index == 0 {
			break
		}
		if home := s.hash & t.mask; (j-home)&t.mask >= (j-i)&t.mask {
			t.slots[i] = s
			i = j
		}
	}
	t.slots[i] = slot{}
}

func (t *Table) grow() {
	old := t.slots
	t.slots = make([]slot, 2*len(old))
	t.mask = uint32(len(t.slots) - 1)
	for _, s := range old {
		if s.index != 0 {
			t.place(s)
		}
	}
}

func (t *Table) memory() []uint64 {
	if n := len(t.spare); n > 0 {
		m := t.spare[n-1]
		t.spare = t.spare[:n-1]
		clear(m)
		return m
	}
	if t.words == 0 {
		return nil
	}
	block := make([]uint64, t.words*chunkFlows)
	for i := 1; i < chunkFlows; i++ {
		t.spare = append(t.spare, block[i*t.words:(i+1)*t.words:(i+1)*t.words])
	}
	return block[:t.words:t.words]
}

// giveBack keeps f's memory for another flow, unless its size is of the past.
func (t *Table) giveBack(f *Flow) {
	if len(f.Memory) == t.words && t.words > 0 {
		t.spare = append(t.spare, f.Memory)
	}
	f.Memory = nil
}

// list puts f behind those that became expendable before it.
func (t *Table) list(f *Flow) {
	f.listed = true
	f.older, f.newer = t.newest, nil
	if t.newest != nil {
		t.newest.newer = f
	} else {
		t.oldest = f
	}
	t.newest = f
}

func (t *Table) unlist(f *Flow) {
	if f.older != nil {
		f.older.newer = f.newer
	} else {
		t.oldest = f.newer
	}
	if f.newer != nil {
		f.newer.older = f.older
	} else {
		t.newest = f.older
	}
	f.older, f.newer, f.listed = nil, nil, false
}
