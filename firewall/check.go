package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// check returns every reason why c cannot work with features f, joined.
func (c *Config) check(f Features) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("firewall: "+format, args...)) }

	if c.Traffic&Both == 0 || c.Traffic&^Both != 0 {
		fail("nothing to divert: choose forwarded traffic, local traffic or both")
	}
	if c.Queues.Last < c.Queues.First && !c.Backend.Sockets() {
		fail("queues %d-%d: the last is before the first", c.Queues.First, c.Queues.Last)
	}
	if c.Position == AfterFilter && c.Backend == IPTables {
		fail("iptables cannot divert after the filter: a queued packet would skip the rest of the filter's rules; leave the position to Weir")
	}
	if err := c.Marks.check(); err != nil {
		errs = append(errs, err)
	}
	c.checkHandBack(f, fail)
	c.checkSockets(f, fail)
	c.checkBridge(fail)
	c.checkExempt(fail)
	prefixes := len(c.Management)
	for i := range c.Select {
		prefixes += len(c.Select[i].Networks) + len(c.Select[i].Except)
		c.Select[i].check(c.Traffic, func(format string, args ...any) {
			fail("selection %d: "+format, append([]any{i + 1}, args...)...)
		})
	}
	if prefixes > MaxPrefixes {
		fail("%d networks in all; the limit is %d: divert more and let an inspector decide", prefixes, MaxPrefixes)
	}
	return errors.Join(errs...)
}

func (c *Config) checkHandBack(f Features, fail func(string, ...any)) {
	switch {
	case c.HandBack && !c.Backend.Marks():
		fail("flows cannot be handed back to the kernel: %s has no connection marks; switch hand-back off", c.Backend)
	case c.HandBack && !f.handBack(c.Backend):
		fail("flows cannot be handed back to the kernel: this kernel has no conntrack marks for %s rules; switch hand-back off", c.Backend)
	case c.HandBack && (c.Generation == 0 || c.Generation > c.Marks.Generations()):
		fail("generation %d: the mark field holds 1 to %d", c.Generation, c.Marks.Generations())
	case !c.HandBack && len(c.OwnUIDs) > 0:
		fail("exempting a user's sockets needs hand-back: only the conntrack mark shows that a reply is for them")
	}
}

func (c *Config) checkExempt(fail func(string, ...any)) {
	for _, p := range c.Management {
		switch {
		case !p.IsValid():
			fail("a management network is not valid")
		case p.Bits() == 0:
			fail("management network %s exempts everything: nothing would be diverted", p)
		}
	}
	for _, s := range c.Sessions {
		if !s.Client.IsValid() || !s.Server.IsValid() || s.Client.Is4() != s.Server.Is4() || s.ServerPort == 0 {
			fail("session %v is not complete: want two addresses of one family and the server's port", s)
		}
	}
}

func (s *Selection) check(traffic Traffic, fail func(string, ...any)) {
	for _, name := range append(append([]string{}, s.In...), s.Out...) {
		if err := checkIface(name); err != nil {
			fail("%w", err)
		}
		if name == "lo" && traffic&Local == 0 {
			fail("interface lo never forwards: divert local traffic to see it")
		}
	}
	for _, r := range s.Ports {
		if r.Last < r.First {
			fail("ports %d-%d: the last is before the first", r.First, r.Last)
		}
	}
	for _, p := range s.Protocols {
		if p == 0 {
			fail("protocol 0 is not an upper-layer protocol")
		} else if len(s.Ports) > 0 && !p.HasPorts() {
			fail("protocol %s has no ports: put it into a selection of its own", p)
		}
	}
	s.checkNetworks(fail)
}

func (s *Selection) checkNetworks(fail func(string, ...any)) {
	for _, p := range append(append([]netip.Prefix{}, s.Networks...), s.Except...) {
		if !p.IsValid() {
			fail("a network is not valid")
			return
		}
	}
	except := append(canonical(s.Except, V4), canonical(s.Except, V6)...)
	left := len(s.Networks) == 0
	for _, p := range s.Networks {
		left = left || !covers(except, p)
	}
	everything := covers(except, netip.PrefixFrom(netip.IPv4Unspecified(), 0)) && covers(except, netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	if !left || everything {
		fail("the exceptions cover every network: nothing is left to divert")
	}
}

// checkIface holds a name to what the kernel accepts (dev_valid_name in
// net/core/dev.c) and rules can carry: 1 to 15 bytes, a * only at the end.
func checkIface(name string) error {
	base := strings.TrimSuffix(name, "*")
	switch {
	case base == "":
		return fmt.Errorf("interface name %q is empty: leave the list empty for all", name)
	case len(name) > 15:
		return fmt.Errorf("interface name %q is longer than 15 bytes", name)
	case base == "." || base == ".." || strings.ContainsAny(base, "/:*+\"'\\{}$;#!"):
		return fmt.Errorf("interface name %q has a character that names cannot have", name)
	}
	for _, r := range base {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("interface name %q has a character that names cannot have", name)
		}
	}
	return nil
}
