package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// A hop is one direction of one link.
type hop struct {
	delay   time.Duration
	jitter  time.Duration // of those that are reordered
	reorder int           // percent
	loss    int           // percent
	twice   int           // percent
	last    time.Duration // when the last datagram in order arrives
}

// The hops: from each end to Weir, and from Weir to each end.
const (
	hopUp   = 0
	hopDown = 2
	hops    = 4
)

// A gram is a datagram on its way.
type gram struct {
	b   []byte
	hop uint8
}

// A network is two ends, what lies between them, and what is to happen.
type network struct {
	agenda
	rand   *rand.Rand
	path   *path
	ends   [2]end
	hops   [hops]hop
	narrow int           // bytes of a datagram that a router behind Weir bears; 0: all
	linger time.Duration // for which Weir's host gathers datagrams
	merge  bool          // and merges them to larger ones

	grams    []gram
	free     []uint32
	flying   int      // datagrams on hops
	waiting  []uint32 // at Weir's host
	middle   *middle  // nil: none
	problems []string
	trust    bool // no end misbehaves
	packets  int
	trace    func(string)
	host     Host // in place of ends[real]; nil: none
	real     int
	heard    time.Duration // when the host sent something last
	scratch  segment
	spare    []byte
	piece    []byte
}

func (n *network) reset(o Options) {
	for i := range n.grams {
		n.grams[i].b = n.grams[i].b[:0]
	}
	n.free = n.free[:0]
	for i := range n.grams {
		n.free = append(n.free, uint32(i))
	}
	n.agenda.reset()
	n.flying, n.packets, n.middle = 0, 0, nil
	n.waiting, n.problems, n.trace = n.waiting[:0], nil, o.Trace
	n.host, n.heard = nil, n.now
	n.hops, n.narrow, n.linger, n.merge = [hops]hop{}, 0, 0, false
}

// problem notes what should not be so.
func (n *network) problem(format string, args ...any) {
	if len(n.problems) < 8 {
		n.problems = append(n.problems, fmt.Sprintf("%9.3f ", n.now.Seconds())+fmt.Sprintf(format, args...))
	}
}

// suspect is problem for what is wrong only as long as both ends behave.
func (n *network) suspect(format string, args ...any) {
	if n.trust {
		n.problem(format, args...)
	}
}

// storm is more than any connection here needs: two ends that answer each other for ever.
const storm = 100_000

// emit has end who send a segment.
func (n *network) emit(who int, s *segment) {
	if n.packets++; n.packets == storm {
		n.problem("%d packets were sent: a storm", storm)
	}
	n.tell(names[who]+" >", who, s)
	n.spare = n.path.encode(n.spare[:0], s, who)
	n.launch(hopUp+who, n.spare)
}

// launch puts a datagram on a hop. It is copied.
func (n *network) launch(at int, b []byte) {
	h := &n.hops[at]
	if h.loss > 0 && n.rand.IntN(100) < h.loss {
		n.say("lost")
		return
	}
	n.fly(at, b)
	if h.twice > 0 && n.rand.IntN(100) < h.twice {
		n.fly(at, b)
	}
}

func (n *network) fly(at int, b []byte) {
	h := &n.hops[at]
	when := n.now + h.delay
	if h.reorder > 0 && n.rand.IntN(100) < h.reorder {
		when += time.Duration(n.rand.Int64N(int64(h.jitter) + 1))
	} else {
		when = max(when, h.last)
		h.last = when
	}
	i := n.gram()
	g := &n.grams[i]
	g.b, g.hop = append(g.b[:0], b...), uint8(at)
	n.flying++
	n.add(when, kindArrive, 0, i)
}

func (n *network) gram() uint32 {
	if len(n.free) == 0 {
		n.grams = append(n.grams, gram{})
		return uint32(len(n.grams) - 1)
	}
	i := n.free[len(n.free)-1]
	n.free = n.free[:len(n.free)-1]
	return i
}

// do has one deed happen.
func (n *network) do(d deed) {
	switch d.kind {
	case kindArrive:
		n.arrive(d.arg)
	case kindPoll:
		n.poll()
	case kindTimer:
		n.ends[d.who].fire(int(d.arg), d.at)
	case kindApp:
		n.ends[d.who].resume(d.arg)
	}
}

func (n *network) arrive(i uint32) {
	g := &n.grams[i]
	n.flying--
	if g.hop < hopDown {
		if n.middle == nil {
			n.forward(g.b, 0)
			n.free = append(n.free, i)
			return
		}
		if len(n.waiting) == 0 {
			n.add(n.now+n.gather(), kindPoll, 0, 0)
		}
		n.waiting = append(n.waiting, i)
		return
	}
	who := int(g.hop - hopDown)
	s := &n.scratch
	if err := n.path.decode(g.b, s); err != nil {
		if n.middle != nil {
			n.problem("%s got %v", names[who], err)
		}
	} else {
		n.tell("                            > "+names[who], 1-who, s)
		if n.host != nil && who == n.real {
			n.host.Send(g.b)
		} else {
			in := *s
			n.ends[who].arrive(&in)
		}
	}
	n.free = append(n.free, i)
}

func (n *network) gather() time.Duration {
	if n.linger == 0 {
		return 0
	}
	return time.Duration(n.rand.Int64N(int64(n.linger)))
}

// forward sends a datagram on that Weir has let go; gso is the payload of the segments that it is cut
// into, 0 if it stays whole.
func (n *network) forward(b []byte, gso int) {
	if n.told(b) {
		return
	}
	from := n.path.sender(b)
	if gso > 0 {
		n.cutGSO(b, gso, from)
		return
	}
	if len(b) > linkMTU {
		n.problem("a datagram of %d bytes leaves for a link of %d", len(b), linkMTU)
		return
	}
	n.pass(b, from)
}

// linkMTU is what all links bear.
const linkMTU = 1500

// pass takes a datagram over the hops behind Weir.
func (n *network) pass(b []byte, from int) {
	if ttl := b[n.ttlAt()]; ttl <= shortTTL {
		n.say("dies on the way")
		return
	}
	if n.narrow > 0 && len(b) > n.narrow {
		n.say("is too long for a link behind, and its sender is told")
		n.tooLong(from, binary.BigEndian.Uint32(b[n.path.headers()-16:]), n.narrow)
		return
	}
	n.launch(hopDown+1-from, b)
}

func (n *network) ttlAt() int {
	if n.path.v4() {
		return 8
	}
	return 7
}

// over reports whether nothing can happen any more that either end would notice.
func (n *network) over() bool {
	if n.flying > 0 || len(n.waiting) > 0 {
		return false
	}
	for i := range n.ends {
		if !n.ended(i) && !(n.ended(1-i) && n.silent(i)) {
			return false
		}
	}
	return true
}

// silent reports whether an end has nothing to say unless it is spoken to.
func (n *network) silent(who int) bool {
	if n.host != nil && n.now <= n.heard+hostSilence {
		return false // the host's TCP may go on when its application does not
	}
	return n.host != nil && who == n.real || n.ends[who].silent()
}

// ended reports whether the connection is over as far as an end can tell.
func (n *network) ended(who int) bool {
	if n.host != nil && who == n.real {
		return n.host.Done()
	}
	return n.ends[who].done()
}

// alone runs the ends without Weir.
func (n *network) alone() {
	n.call()
	for !n.over() && n.now < n.patience() && n.elapse(patience) {
	}
}

// call has the client call.
func (n *network) call() {
	if n.host != nil {
		n.host.Start()
	}
	if n.host == nil || n.real != 0 {
		n.ends[0].call()
	}
}

// elapse has what comes next happen. It reports false if that is not before the given time, which it then is.
func (n *network) elapse(until time.Duration) bool {
	at, ok := n.next()
	if n.host != nil {
		return n.elapseReal(at, ok, until)
	}
	if !ok || at > until {
		n.now = max(n.now, until)
		return false
	}
	n.do(n.take())
	return true
}
