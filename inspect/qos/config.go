package qos

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Config is the qos block of a policy.
type Config struct {
	// Classes are tried in their order; a packet belongs to the first one that it matches.
	Classes []Class `yaml:"classes"`
}

// A Class is some packets and what they get.
type Class struct {
	Name  string `yaml:"name"`
	Match Match  `yaml:"match,omitempty"`

	// DSCP is the code point to set: a name such as "ef", "af41", "cs1", "le", or a number from 0 to 63. Empty: left as it is.
	DSCP string `yaml:"dscp,omitempty"`

	// Mark is the packet mark to leave with: "value" or "value/mask", in any base that Go reads. Only the bits of the mask change. Not with
	// ipfw and pf, which take a packet back without a mark.
	Mark string `yaml:"mark,omitempty"`

	// Police drops what exceeds a rate.
	Police *Police `yaml:"police,omitempty"`

	// Shape delays what exceeds a rate.
	Shape *Shape `yaml:"shape,omitempty"`

	// Mode "monitor" only tells what would be done.
	Mode string `yaml:"mode,omitempty"`
}

// Marks returns the keys of c that set packet marks.
func (c Config) Marks() (keys []string) {
	for i, k := range c.Classes {
		if k.Mark != "" {
			keys = append(keys, fmt.Sprintf("classes[%d].mark", i))
		}
	}
	return keys
}

// Match is conditions, all of which must hold; an empty one always does. Within one, any of its values will do. Ports and
// networks fit the packet's source or destination.
type Match struct {
	Protos   []string `yaml:"protos,omitempty"`   // tcp, udp, icmp (both families), or protocol numbers
	Ports    []string `yaml:"ports,omitempty"`    // "443" or "5000-5999"
	Networks []string `yaml:"networks,omitempty"` // prefixes or addresses
	Labels   []string `yaml:"labels,omitempty"`   // of the flow, such as "category=ads"
	Apps     []string `yaml:"apps,omitempty"`     // recognised protocols: http, tls, dns
}

// A Police is a rate that is not exceeded.
type Police struct {
	// Rate of all lanes together: "10mbit" (kbit, mbit, gbit: decimal, bits per second), or "500kB" (B, kB, MB, GB: bytes per second).
	Rate string `yaml:"rate"`

	// Burst is how many bytes may come at once: "64kB". Default: what the rate yields in 100 ms, at least 16 kB. Each lane
	// allows its share, at least 2 kB; a larger packet passes when nothing came before it for long enough.
	Burst string `yaml:"burst,omitempty"`
}

// A Shape is a rate whose excess waits.
type Shape struct {
	Rate  string `yaml:"rate"`
	Burst string `yaml:"burst,omitempty"`

	// MaxDelay bounds how long a packet waits, and so how many bytes are held; what would wait longer is dropped. Default
	// 200ms, at most 2s.
	MaxDelay time.Duration `yaml:"max_delay,omitempty"`
}

// A class is a Class, checked; lanes share it.
type class struct {
	name            string
	match           match
	dscp            uint8
	setsDSCP        bool
	mark            packet.Mark
	polices, shapes bool
	police, shape   rate
	maxDelay        time.Duration
	monitor         bool
}

// New checks c and returns what makes the inspectors of it.
func New(c Config, env inspect.Env) (inspect.Maker, inspect.Mistakes) {
	var m inspect.Mistakes
	var classes []*class
	if len(c.Classes) == 0 {
		m.Add("classes", "- {name: voice, match: {ports: [\"5060\"]}, dscp: ef}", "no classes")
	}
	for i := range c.Classes {
		classes = append(classes, newClass(&c.Classes[i], fmt.Sprintf("classes[%d]", i), env, &m))
	}
	if len(m) > 0 {
		return nil, m
	}
	asksApps := slices.ContainsFunc(classes, func(c *class) bool { return c.match.apps != nil })
	return func() inspect.Inspector {
		return &Inspector{classes: classes, asksApps: asksApps, lane: make([]laneClass, len(classes))}
	}, nil
}

func newClass(c *Class, path string, env inspect.Env, m *inspect.Mistakes) *class {
	k := &class{name: c.Name}
	if c.Name == "" {
		m.Add(path+".name", "name: voice", "a class without a name")
	}
	k.match = newMatch(&c.Match, path+".match", env, m)
	var ok bool
	if c.DSCP != "" {
		if k.dscp, ok = dscpOf(c.DSCP); !ok {
			m.Add(path+".dscp", "write ef, af11 to af43, cs0 to cs7, le, va, or a number up to 63", "unknown code point %q", c.DSCP)
		}
		k.setsDSCP = true
	}
	if c.Mark != "" {
		if k.mark, ok = markOf(c.Mark); !ok {
			m.Add(path+".mark", "write 0x10/0xff", "%q is no mark", c.Mark)
		}
	}
	lanes := int64(max(env.Lanes, 1))
	if c.Police != nil {
		k.polices = true
		k.police = newRate(c.Police.Rate, c.Police.Burst, lanes, path+".police", m)
	}
	if c.Shape != nil {
		k.shapes, k.maxDelay = true, 200*time.Millisecond
		k.shape = newRate(c.Shape.Rate, c.Shape.Burst, lanes, path+".shape", m)
		if d := c.Shape.MaxDelay; d < 0 || d > 2*time.Second {
			m.Add(path+".shape.max_delay", "write at most 2s", "cannot hold packets for %v", d)
		} else if d > 0 {
			k.maxDelay = d
		}
	}
	if !k.setsDSCP && c.Mark == "" && !k.polices && !k.shapes {
		m.Add(path, "add dscp, mark, police or shape", "the class does nothing")
	}
	switch c.Mode {
	case "", "enforce":
	case "monitor":
		k.monitor = true
	default:
		m.Add(path+".mode", "write monitor, or remove it", "unknown mode %q", c.Mode)
	}
	return k
}

func newMatch(c *Match, path string, env inspect.Env, m *inspect.Mistakes) (out match) {
	for i, s := range c.Protos {
		ps, ok := protosOf(s)
		if !ok {
			m.Add(fmt.Sprintf("%s.protos[%d]", path, i), "write tcp, udp, icmp or a number up to 255", "unknown protocol %q", s)
		}
		out.protos = append(out.protos, ps...)
	}
	for i, s := range c.Ports {
		r, ok := portsOf(s)
		if !ok {
			m.Add(fmt.Sprintf("%s.ports[%d]", path, i), `write "443" or "5000-5999"`, "%q is no port", s)
		}
		out.ports = append(out.ports, r)
	}
	for i, s := range c.Networks {
		n, ok := networkOf(s)
		if !ok {
			m.Add(fmt.Sprintf("%s.networks[%d]", path, i), "write 192.0.2.0/24 or 2001:db8::/32", "%q is no network", s)
		}
		out.networks = append(out.networks, n)
	}
	for i, s := range c.Labels {
		l, err := env.Labels.Define(s)
		if err != nil {
			m.Add(fmt.Sprintf("%s.labels[%d]", path, i), "use fewer labels", "%v", err)
		}
		out.labels |= uint64(l)
	}
	for i, s := range c.Apps {
		n := slices.Index(env.Apps, s)
		if n < 0 {
			m.Add(fmt.Sprintf("%s.apps[%d]", path, i), "write one of: "+strings.Join(env.Apps, ", "), "unknown protocol %q", s)
		}
		out.apps = append(out.apps, uint8(n+1))
	}
	return out
}

func protosOf(s string) ([]packet.Proto, bool) {
	switch strings.ToLower(s) {
	case "tcp":
		return []packet.Proto{packet.TCP}, true
	case "udp":
		return []packet.Proto{packet.UDP}, true
	case "icmp":
		return []packet.Proto{packet.ICMP, packet.ICMPv6}, true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return []packet.Proto{packet.Proto(n)}, err == nil
}

func portsOf(s string) (portRange, bool) {
	lo, hi, isRange := strings.Cut(s, "-")
	if !isRange {
		hi = lo
	}
	a, err1 := strconv.ParseUint(lo, 10, 16)
	b, err2 := strconv.ParseUint(hi, 10, 16)
	return portRange{uint16(a), uint16(b)}, err1 == nil && err2 == nil && a <= b
}

func networkOf(s string) (network, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return network{}, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	p = p.Masked()
	if p.Addr().Is4() {
		b := p.Addr().As4()
		return network{lo: uint64(binary.BigEndian.Uint32(b[:])), maskLo: 1<<32 - 1<<(32-p.Bits()), isV4: true}, true
	}
	b := p.Addr().As16()
	n := network{hi: binary.BigEndian.Uint64(b[:8]), lo: binary.BigEndian.Uint64(b[8:])}
	n.maskHi = ^uint64(0) << (64 - min(p.Bits(), 64))
	n.maskLo = ^uint64(0) << (128 - max(p.Bits(), 64))
	return n, true
}

func markOf(s string) (packet.Mark, bool) {
	value, mask, hasMask := strings.Cut(s, "/")
	if !hasMask {
		mask = "0xffffffff"
	}
	v, err1 := strconv.ParseUint(value, 0, 32)
	k, err2 := strconv.ParseUint(mask, 0, 32)
	return packet.Mark{Value: uint32(v), Mask: uint32(k)}, err1 == nil && err2 == nil && k != 0 && v&^k == 0
}
