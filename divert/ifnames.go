package divert

import "net"

// ifnames knows which interface the at most seven characters of a name mean that FreeBSD puts into sin_zero. The kernel cuts longer
// names: "bridge10" becomes "bridge1", which may be another interface.
type ifnames struct {
	list  func() ([]net.Interface, error)
	known map[[8]byte]ifname
	age   int // of what is known, see find
}

type ifname struct {
	index     uint32 // 0 if it is not known
	ambiguous bool   // another interface has the same first characters
}

const (
	shownName = 7   // characters of a name that fit in
	maxNames  = 256 // names remembered; beyond, what is not known is unknown

	oldAge = 64 << 10 // look-ups until the system is asked again; of a name that may be cut, 64 times fewer
)

// learn asks the system for its interfaces. What it did not know before and does not know now stays unknown.
func (n *ifnames) learn() {
	all, err := n.list()
	if n.age = 0; err != nil && n.known != nil {
		return // what was known is the best there is
	}
	before := n.known
	n.known = make(map[[8]byte]ifname)
	for k, i := range before {
		if i == (ifname{}) {
			n.known[k] = i
		}
	}
	for _, i := range all {
		k := key([]byte(i.Name))
		was, seen := n.known[k]
		switch {
		case !seen || was == (ifname{}):
			n.known[k] = ifname{index: uint32(i.Index)}
		case len(i.Name) <= shownName:
			n.known[k] = ifname{index: uint32(i.Index), ambiguous: true}
		default:
			n.known[k] = ifname{index: was.index, ambiguous: true}
		}
	}
}

// key is a name as the kernel writes it: cut, and zeros behind it.
func key(name []byte) (k [8]byte) {
	for i, c := range name[:min(len(name), shownName)] {
		if c == 0 {
			break
		}
		k[i] = c
	}
	return k
}

// find looks a name up. It asks the system once about one that is new, and now and then about all: interfaces come and go, and
// with them what a name means.
func (n *ifnames) find(name []byte) ifname {
	k := key(name)
	if k[0] == 0 {
		return ifname{}
	}
	n.age++
	if k[shownName-1] != 0 {
		n.age += 63
	}
	if n.age >= oldAge {
		n.learn()
	}
	got, ok := n.known[k]
	if !ok && len(n.known) < maxNames {
		n.learn()
		if got, ok = n.known[k]; !ok {
			n.known[k] = ifname{}
		}
	}
	return got
}

// alike returns a name that several interfaces share once it is cut, "" if there is none.
func (n *ifnames) alike() string {
	for k, i := range n.known {
		if i.ambiguous {
			return string(k[:shownName])
		}
	}
	return ""
}
