package inspect

// An Aside is what an inspector remembers of messages that come interleaved in one direction of a flow (field.Message.Stream), where a State
// has room for one. It is a lane's, for all flows: there are asideSets·asideWays places, and who has not been looked for longest among few gives way, so that its T
// is zero again. It takes its memory when it is first needed.
type Aside[T any] struct {
	sets [][asideWays]asideOne[T]
	tick uint64
}

const (
	asideSets = 1024
	asideWays = 4
)

type asideKey struct {
	flow   uint64
	stream uint32
	dir    uint8
}

type asideOne[T any] struct {
	key  asideKey
	used uint64 // 0: never
	t    T
}

// Of returns the T of the message that is being shown, which must have a Stream. It is valid until the next call.
func (a *Aside[T]) Of(cx *Context) *T {
	if a.sets == nil {
		a.sets = make([][asideWays]asideOne[T], asideSets)
	}
	k := asideKey{flow: cx.Flow.ID, stream: cx.Shown.Stream, dir: uint8(cx.Dir)}
	set := &a.sets[k.hash()%asideSets]
	a.tick++
	oldest := &set[0]
	for i := range set {
		one := &set[i]
		if one.used > 0 && one.key == k {
			one.used = a.tick
			return &one.t
		}
		if one.used < oldest.used {
			oldest = one
		}
	}
	*oldest = asideOne[T]{key: k, used: a.tick}
	return &oldest.t
}

// hash mixes the key (the finalizer of MurmurHash3).
func (k asideKey) hash() uint64 {
	h := k.flow<<1 ^ uint64(k.dir) ^ uint64(k.stream)<<32
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
