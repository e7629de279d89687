package policy

import (
	"strings"

	"github.com/weir-project/weir/packet"
)

// Mode says whether decisions are carried out.
type Mode string

// The modes.
const (
	Monitor Mode = "monitor"
	Prevent Mode = "prevent"
)

// Words returns the modes.
func (Mode) Words() []string { return []string{string(Monitor), string(Prevent)} }

// An Outcome is what becomes of a packet that cannot be inspected as meant.
type Outcome string

// The outcomes.
const (
	Pass Outcome = "pass"
	Drop Outcome = "drop"
)

// Words returns the outcomes.
func (Outcome) Words() []string { return []string{string(Pass), string(Drop)} }

// verdict returns the outcome as the engine names it.
func (o Outcome) verdict() packet.Verdict {
	if o == Drop {
		return packet.Drop
	}
	return packet.Accept
}

// Traffic says whose packets are diverted.
type Traffic string

// Words returns the kinds of traffic.
func (Traffic) Words() []string { return []string{"forwarded", "local", "both"} }

// Position is where Weir stands among the rules of the host.
type Position string

// Words returns the positions, in the order of firewall.Position.
func (Position) Words() []string { return []string{"auto", "after_filter", "before_filter"} }

// Backend is a way to write rules.
type Backend string

// Words returns the backends by the names of firewall.Kind.
func (Backend) Words() []string {
	return []string{"auto", "nft", "nft-compat", "iptables", "ipfw", "pf", "bridge"}
}

// WhenFull says which flow has to go when there is no room.
type WhenFull string

// Words returns evict and refuse.
func (WhenFull) Words() []string { return []string{"evict", "refuse"} }

// HandBack says whether settled flows return to the kernel.
type HandBack string

// Words returns auto, always and never.
func (HandBack) Words() []string { return []string{"auto", "always", "never"} }

// A Trait is something unusual about the IP header of a packet that is well formed.
type Trait string

var traits = []struct {
	name Trait
	bit  packet.Traits
}{
	{"reserved_bit", packet.ReservedBit},
	{"ip_options", packet.IPOptions},
	{"source_route", packet.SourceRoute},
	{"trailing_bytes", packet.TrailingBytes},
	{"extension_headers", packet.Extensions},
	{"routing_header", packet.RoutingHeader},
	{"routing_header_0", packet.RoutingType0},
	{"atomic_fragment", packet.AtomicFragment},
	{"authenticated", packet.Authenticated},
	{"udp_surplus", packet.UDPSurplus},
	{"unknown_extension", packet.UnknownExtension},
	{"tunnel", packet.Tunnel},
}

// Words returns the names of the traits.
func (Trait) Words() []string {
	words := make([]string, len(traits))
	for i, t := range traits {
		words[i] = string(t.name)
	}
	return words
}

// A Target is where an output of events goes.
type Target string

// Stdout is the Target of standard output.
const Stdout Target = "stdout"

// split returns the kind of target, "file", "stdout", "unix" or "unixgram", and its path.
func (t Target) split() (kind, path string) {
	for _, network := range []string{"unix", "unixgram"} {
		if rest, ok := strings.CutPrefix(string(t), network+":"); ok {
			return network, rest
		}
	}
	if t == Stdout {
		return "stdout", ""
	}
	return "file", string(t)
}

// UnmarshalText reads a target.
func (t *Target) UnmarshalText(text []byte) error {
	*t = Target(text)
	if kind, path := t.split(); kind != "stdout" && !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
		return wrongf("write "+t.example(), "%s is no place for events", quote(string(text)))
	}
	return nil
}

func (Target) example() string {
	return "stdout, a full path such as /var/log/weir/eve.json, or unix:/path"
}
