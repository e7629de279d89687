package policy

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/firewall"
)

// A valueError is a value that its type cannot take.
type valueError struct{ what, hint string }

func (e *valueError) Error() string { return e.what + "; " + e.hint }

func wrongf(hint, format string, args ...any) error {
	return &valueError{fmt.Sprintf(format, args...), hint}
}

// A Size is a number of bytes: "16MiB", "64KiB", "512", with units of 1024 only.
type Size int64

var sizeUnits = []struct {
	name  string
	shift uint
}{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	digits, shift := strings.TrimSpace(string(text)), uint(0)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(digits, u.name); ok {
			digits, shift = strings.TrimRight(rest, " "), u.shift
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return wrongf("write "+s.example(), "%s is not a size", quote(string(text)))
	}
	if n > math.MaxInt64>>shift {
		return wrongf("write less", "%s is more bytes than can be counted", quote(string(text)))
	}
	*s = Size(n << shift)
	return nil
}

// MarshalText writes the size in the largest unit that takes no fraction.
func (s Size) MarshalText() ([]byte, error) {
	for _, u := range sizeUnits {
		if s != 0 && s%(1<<u.shift) == 0 && u.shift > 0 {
			return []byte(strconv.FormatInt(int64(s>>u.shift), 10) + u.name), nil
		}
	}
	return []byte(strconv.FormatInt(int64(s), 10) + "B"), nil
}

func (Size) example() string { return "a number of bytes such as 64KiB or 16MiB" }

// A Duration is a time.Duration as people write it: "30s", "5m", "1h30m".
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if _, err := strconv.ParseFloat(s, 64); err == nil && s != "0" {
		return wrongf("write "+s+"s for seconds, or another unit (ms, m, h)", "%s has no unit", quote(s))
	}
	x, err := time.ParseDuration(s)
	if err != nil {
		return wrongf("write "+d.example(), "%s is not a time", quote(s))
	}
	*d = Duration(x)
	return nil
}

// MarshalText writes the duration without units that are zero.
func (d Duration) MarshalText() ([]byte, error) {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return []byte(s), nil
}

func (Duration) example() string { return "a time such as 30s, 5m or 24h" }

// A Network is an address or a network in CIDR notation.
type Network struct{ netip.Prefix }

// UnmarshalText reads an address or a prefix. A prefix with bits beyond its length is refused: it
// is a mistake about as often as it is meant.
func (n *Network) UnmarshalText(text []byte) error {
	s := string(text)
	p, err := netip.ParsePrefix(s)
	if !strings.Contains(s, "/") {
		var a netip.Addr
		a, err = netip.ParseAddr(s)
		p = netip.PrefixFrom(a, a.BitLen())
	}
	switch a := p.Addr(); {
	case err != nil || strings.Contains(s, "%"):
		return wrongf("write "+n.example(), "%s is neither an address nor a network", quote(s))
	case a.Is4In6():
		return wrongf("write it as "+a.Unmap().String(), "%s is an IPv4 address in IPv6 clothes, which no packet carries", quote(s))
	case p.Masked() != p:
		return wrongf(fmt.Sprintf("write %s for the network, or %s for the one address", p.Masked(), a), "%s has bits set behind the prefix", quote(s))
	}
	n.Prefix = p
	return nil
}

// MarshalText writes a network of one address as the address.
func (n Network) MarshalText() ([]byte, error) {
	if n.IsSingleIP() {
		return n.Addr().MarshalText()
	}
	return n.Prefix.MarshalText()
}

func (Network) example() string {
	return "an address such as 192.0.2.1, or a network such as 192.0.2.0/24"
}

// Ports is a port, or a range of ports.
type Ports struct{ firewall.PortRange }

// UnmarshalText reads "443" or "8000-8080".
func (p *Ports) UnmarshalText(text []byte) error {
	first, last, ok := twoNumbers(string(text))
	if !ok || first == 0 {
		return wrongf("write "+p.example(), "%s is not a port", quote(string(text)))
	}
	if last < first {
		return wrongf(fmt.Sprintf("write %d-%d", last, first), "%s: the last port is before the first", quote(string(text)))
	}
	p.PortRange = firewall.PortRange{First: first, Last: last}
	return nil
}

// MarshalYAML writes one port as a number, more as a range.
func (p Ports) MarshalYAML() (any, error) { return oneOrRange(p.First, p.Last), nil }

func (Ports) example() string { return "a port from 1 to 65535, or a range such as 8000-8080" }

// MaxQueues is how many queues, and so lanes, a policy can have.
const MaxQueues = 64

// Queues is a range of NFQUEUE numbers.
type Queues struct{ First, Last uint16 }

// UnmarshalText reads "0" or "0-3".
func (q *Queues) UnmarshalText(text []byte) error {
	first, last, ok := twoNumbers(string(text))
	switch {
	case !ok:
		return wrongf("write "+q.example(), "%s is not a range of queues", quote(string(text)))
	case last < first:
		return wrongf(fmt.Sprintf("write %d-%d", last, first), "%s: the last queue is before the first", quote(string(text)))
	case int(last)-int(first) >= MaxQueues:
		return wrongf(fmt.Sprintf("write %d-%d, or less", first, int(first)+MaxQueues-1), "%s: %d queues, at most %d", quote(string(text)), int(last)-int(first)+1, MaxQueues)
	}
	*q = Queues{first, last}
	return nil
}

// MarshalYAML writes one queue as a number, more as a range.
func (q Queues) MarshalYAML() (any, error) { return oneOrRange(q.First, q.Last), nil }

func (Queues) example() string { return "a queue number from 0 to 65535, or a range such as 0-3" }

// Total returns the number of queues.
func (q Queues) Total() int { return int(q.Last) - int(q.First) + 1 }

func oneOrRange(first, last uint16) any {
	if first == last {
		return int(first)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

func twoNumbers(s string) (first, last uint16, ok bool) {
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	a, err1 := strconv.ParseUint(low, 10, 16)
	b, err2 := strconv.ParseUint(high, 10, 16)
	return uint16(a), uint16(b), err1 == nil && err2 == nil
}

// A Protocol is the number of an upper-layer protocol.
type Protocol firewall.Proto

// UnmarshalText reads a name or a number from 1 to 255.
func (p *Protocol) UnmarshalText(text []byte) error {
	proto, err := firewall.ParseProto(string(text))
	if err != nil {
		return wrongf("write "+p.example(), "%s is not a protocol", quote(string(text)))
	}
	*p = Protocol(proto)
	return nil
}

// MarshalText writes the name, or the number of what has none.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(firewall.Proto(p).String()), nil }

func (Protocol) example() string {
	return "a name such as tcp, udp, icmp, icmpv6 or sctp, or a number from 1 to 255"
}

// An Interface is the name of a network interface, or its beginning followed by *.
type Interface string

// UnmarshalText reads a name by the kernel's rules (dev_valid_name in net/core/dev.c).
func (i *Interface) UnmarshalText(text []byte) error {
	s := string(text)
	base := strings.TrimSuffix(s, "*")
	bad := strings.ContainsFunc(base, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/:*+"'\{}$;#!`, r) })
	switch {
	case base == "":
		return wrongf("leave the list out for all interfaces", "%s names no interface", quote(s))
	case len(s) > 15:
		return wrongf("ip link shows the names", "%s is longer than the 15 bytes of an interface name", quote(s))
	case bad || base == "." || base == "..":
		return wrongf("write "+i.example(), "%s cannot be the name of an interface", quote(s))
	}
	*i = Interface(s)
	return nil
}

func (Interface) example() string { return `a name such as eth0, or "eth*" for all that begin so` }

// A Mask is bits of a packet mark or of a connection mark.
type Mask uint32

// UnmarshalText reads a number, hexadecimal after 0x.
func (m *Mask) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 0, 32)
	if err != nil {
		return wrongf("write "+m.example(), "%s is not a mask of 32 bits", quote(string(text)))
	}
	*m = Mask(n)
	return nil
}

// MarshalText writes eight hexadecimal digits.
func (m Mask) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "0x%08x", uint32(m)), nil }

func (Mask) example() string { return "bits such as 0x01000000" }
