package ids

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/rule"
)

// An interval is the values from first to last, both included.
type interval struct{ first, last value }

// A value is an IPv6 address as two numbers; an IPv4 address, and a port, in the low one.
type value struct{ hi, lo uint64 }

func (v value) compare(w value) int {
	return cmp.Or(cmp.Compare(v.hi, w.hi), cmp.Compare(v.lo, w.lo))
}

// A space is all values of one kind, up to last.
type space struct{ last value }

var (
	space4     = space{value{0, 1<<32 - 1}}
	space6     = space{value{1<<64 - 1, 1<<64 - 1}}
	spacePorts = space{value{0, 1<<16 - 1}}
)

// intervals are sorted and do not touch.
type intervals []interval

func (s intervals) has(v value) bool {
	i, found := slices.BinarySearchFunc(s, v, func(i interval, v value) int { return i.first.compare(v) })
	return found || i > 0 && s[i-1].last.compare(v) >= 0
}

// union sorts s and joins what overlaps or touches.
func (s intervals) union() intervals {
	slices.SortFunc(s, func(a, b interval) int { return a.first.compare(b.first) })
	var out intervals
	for _, i := range s {
		if n := len(out); n > 0 && !out[n-1].last.before(i.first) {
			if out[n-1].last.compare(i.last) < 0 {
				out[n-1].last = i.last
			}
			continue
		}
		out = append(out, i)
	}
	return out
}

// before says whether a value lies between v and w.
func (v value) before(w value) bool { return v.compare(w) < 0 && v.next().compare(w) < 0 }

// next and prev return the values beside v; of the ends of all values, the other end.
func (v value) next() value {
	lo, carry := bits.Add64(v.lo, 1, 0)
	return value{v.hi + carry, lo}
}

func (v value) prev() value {
	lo, borrow := bits.Sub64(v.lo, 1, 0)
	return value{v.hi - borrow, lo}
}

// complement returns what s, a union, leaves of the space.
func (s intervals) complement(of space) intervals {
	var out intervals
	from, open := value{}, true
	for _, i := range s {
		if from.compare(i.first) < 0 {
			out = append(out, interval{from, i.first.prev()})
		}
		if open = i.last.compare(of.last) < 0; open {
			from = i.last.next()
		}
	}
	if open {
		out = append(out, interval{from, of.last})
	}
	return out
}

// less returns what is in s and not in t, both unions.
func (s intervals) less(t intervals, in space) intervals {
	return append(s.complement(in), t...).union().complement(in)
}

// addrs is a set of addresses of both families; nil is all.
type addrs struct{ v4, v6 intervals }

func (a *addrs) has(b []byte) bool {
	switch {
	case a == nil:
		return true
	case len(b) == 4:
		return a.v4.has(value{0, uint64(binary.BigEndian.Uint32(b))})
	}
	return a.v6.has(value{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])})
}

// ports is a set of ports; nil is all.
type ports struct{ set intervals }

func (p *ports) has(n uint16) bool { return p == nil || p.set.has(value{0, uint64(n)}) }

// A solver turns sets of rules into intervals, following variables.
type solver struct {
	addresses map[string]rule.Addresses
	ports     map[string]rule.Ports
	addrsDone map[string]*addrs // by text, shared by all rules
	portsDone map[string]*ports
}

const maxVariables = 16 // depth of variables that name variables

func (s *solver) addrsOf(set *rule.Addresses) (*addrs, error) {
	if set.Any {
		return nil, nil
	}
	key := set.String()
	if a, ok := s.addrsDone[key]; ok {
		return a, nil
	}
	v4, err := solve(set, space4, s.addresses, range4, 0)
	if err != nil {
		return nil, err
	}
	v6, err := solve(set, space6, s.addresses, range6, 0)
	if err != nil {
		return nil, err
	}
	if len(v4)+len(v6) == 0 {
		return nil, fmt.Errorf("%s is no address at all", key)
	}
	a := &addrs{v4, v6}
	s.addrsDone[key] = a
	return a, nil
}

func (s *solver) portsOf(set *rule.Ports) (*ports, error) {
	if set.Any {
		return nil, nil
	}
	key := set.String()
	if p, ok := s.portsDone[key]; ok {
		return p, nil
	}
	in, err := solve(set, spacePorts, s.ports, rangePorts, 0)
	if err != nil {
		return nil, err
	}
	if len(in) == 0 {
		return nil, fmt.Errorf("%s is no port at all", key)
	}
	p := &ports{in}
	s.portsDone[key] = p
	return p, nil
}

func range4(r rule.AddrRange) (interval, bool) {
	if !r.First.Is4() {
		return interval{}, false
	}
	return interval{valueOf(r.First), valueOf(r.Last)}, true
}

func range6(r rule.AddrRange) (interval, bool) {
	if !r.First.Is6() {
		return interval{}, false
	}
	return interval{valueOf(r.First), valueOf(r.Last)}, true
}

func rangePorts(r rule.PortRange) (interval, bool) {
	return interval{value{0, uint64(r.First)}, value{0, uint64(r.Last)}}, true
}

func valueOf(a netip.Addr) value {
	if a.Is4() {
		b := a.As4()
		return value{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return value{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// solve returns the part of set that lies in the space: for a list the union of what is not negated, or all if everything
// is, less what is negated.
func solve[T rule.Range](set *rule.Set[T], in space, vars map[string]rule.Set[T], leaf func(T) (interval, bool), depth int) (out intervals, err error) {
	switch {
	case depth > maxVariables:
		return nil, fmt.Errorf("variables that name each other in a circle, or deeper than %d", maxVariables)
	case set.Any:
		out = intervals{{value{}, in.last}}
	case set.Var != "":
		v, ok := vars[set.Var]
		if !ok {
			return nil, fmt.Errorf("$%s is not defined", set.Var)
		}
		out, err = solve(&v, in, vars, leaf, depth+1)
	case set.Grouped:
		out, err = solveGroup(set.Group, in, vars, leaf, depth+1)
	default:
		if i, ok := leaf(set.Range); ok {
			out = intervals{i}
		}
	}
	if set.Not {
		out = out.complement(in)
	}
	return out, err
}

func solveGroup[T rule.Range](group []rule.Set[T], in space, vars map[string]rule.Set[T], leaf func(T) (interval, bool), depth int) (intervals, error) {
	var with, without intervals
	negated := 0
	for i := range group {
		member := group[i]
		not := member.Not
		member.Not = false
		part, err := solve(&member, in, vars, leaf, depth)
		if err != nil {
			return nil, err
		}
		if not {
			negated++
			without = append(without, part...)
		} else {
			with = append(with, part...)
		}
	}
	if negated == len(group) {
		with = intervals{{value{}, in.last}}
	}
	return with.union().less(without.union(), in), nil
}

// A header is what a rule says of the packet.
type header struct {
	proto            protocol
	src, dst         *addrs
	srcPort, dstPort *ports
	both             bool
}

// protocol is the transport that a rule is about.
type protocol uint8

const (
	anyProtocol protocol = iota
	tcp
	udp
	icmp
)

func (h *header) matches(p *packet.Packet) bool {
	switch h.proto {
	case tcp:
		if p.Proto != packet.TCP {
			return false
		}
	case udp:
		if p.Proto != packet.UDP {
			return false
		}
	case icmp:
		if p.Proto != packet.ICMP && p.Proto != packet.ICMPv6 {
			return false
		}
	}
	src, dst := p.Addrs()
	return h.oneWay(src, dst, p.SrcPort, p.DstPort) || h.both && h.oneWay(dst, src, p.DstPort, p.SrcPort)
}

func (h *header) oneWay(src, dst []byte, srcPort, dstPort uint16) bool {
	return h.srcPort.has(srcPort) && h.dstPort.has(dstPort) && h.src.has(src) && h.dst.has(dst)
}
