package dlp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Config is the dlp block of a policy.
type Config struct {
	// Detectors are what to look for, and what to do about it. At least one; each name once.
	Detectors []Detector `yaml:"detectors"`

	// Direction is the payloads and bodies to look at: "to-server", "to-client" or "both" (default).
	Direction string `yaml:"direction,omitempty"`

	// Allow lists values that are left alone, with or without separators. The word "test-cards" stands for the
	// numbers that payment providers publish for tests.
	Allow []string `yaml:"allow,omitempty"`

	// FingerprintKey, of at least 16 characters, adds to each event the first eight bytes of HMAC-SHA256 of the value
	// under this key, so that the same value can be recognised in several events. There are few enough cards and SSNs to try
	// them all, so who knows the key can learn the values. Empty (default): no fingerprint.
	FingerprintKey string `yaml:"fingerprint_key,omitempty"`

	// MaxEvents is the number of events for one payload, or part of a body; one more counts the values beyond. All are masked or blocked
	// in any case. Default 16.
	MaxEvents int `yaml:"max_events,omitempty"`

	// Unable is what becomes of a packet that should be masked and cannot: "drop" (default), which ends a TCP connection, or "pass".
	Unable string `yaml:"unable,omitempty"`
}

// A Detector is one kind of value.
type Detector struct {
	// Name is "card" or "us-ssn".
	Name string `yaml:"name"`

	// Action is "alert" (default), "mask", "drop" or "reject". Mask overwrites the digits, keeping separators and
	// length, and has bodies of HTTP that are compressed leave as plain text; drop and reject end the packet's flow.
	Action string `yaml:"action,omitempty"`

	// Keep is how many of the last digits a mask leaves, 0 (default) to 4.
	Keep int `yaml:"keep,omitempty"`

	// Char is what a mask writes instead of digits: one printable ASCII character, default "X".
	Char string `yaml:"char,omitempty"`

	// Mode "monitor" only tells what would be done.
	Mode string `yaml:"mode,omitempty"`
}

type action uint8

const (
	alert action = iota
	mask
	drop
	reject
)

var actionNames = []string{alert: "alert", mask: "mask", drop: "drop", reject: "reject"}

// verdict is the action's name in events.
func (a action) verdict() string { return [...]string{"accept", "edit", "drop", "reject"}[a] }

// A rule is a Detector, checked.
type rule struct {
	kind    kind
	action  action
	keep    int
	char    byte
	monitor bool
}

func (r *rule) decision() inspect.Decision {
	d := inspect.Decision{Scope: inspect.ScopeFlow, Reason: Blocked, Monitor: r.monitor}
	switch r.action {
	case drop:
		d.Verdict = packet.Drop
	case reject:
		d.Verdict = packet.Reject
	default:
		return inspect.Decision{}
	}
	return d
}

// A ruleSet is a Config, checked; lanes share it.
type ruleSet struct {
	rules     [kinds]*rule
	kinds     [kinds]bool
	dirs      uint8 // bit per flow.Direction
	allow     map[string]struct{}
	key       printKey
	maxEvents int
	passes    bool // what cannot be masked passes
}

func (s *ruleSet) allowed(digits []byte) bool {
	_, ok := s.allow[string(digits)]
	return ok
}

// unable is the decision about a packet whose mask could not be made. While the inspector only monitors none is made,
// and nothing is wrong.
func (s *ruleSet) unable(cx *inspect.Context) inspect.Decision {
	if cx.Monitor || s.passes {
		return inspect.Decision{}
	}
	return inspect.Drop(inspect.ScopePacket, MaskFailed)
}

// New checks c and returns what makes the inspectors of it.
func New(c Config, _ inspect.Env) (inspect.Maker, inspect.Mistakes) {
	var m inspect.Mistakes
	s := &ruleSet{maxEvents: 16, allow: map[string]struct{}{}}
	s.addDetectors(c.Detectors, &m)
	s.addAllowed(c.Allow, &m)
	switch c.Direction {
	case "", "both":
		s.dirs = 1<<flow.ToServer | 1<<flow.ToClient
	case "to-server":
		s.dirs = 1 << flow.ToServer
	case "to-client":
		s.dirs = 1 << flow.ToClient
	default:
		m.Add("direction", "write to-server, to-client or both", "unknown direction %q", c.Direction)
	}
	switch c.Unable {
	case "", "drop":
	case "pass":
		s.passes = true
	default:
		m.Add("unable", "write drop or pass", "unknown outcome %q", c.Unable)
	}
	if c.MaxEvents < 0 {
		m.Add("max_events", "write a number from 1 up", "%d is negative", c.MaxEvents)
	} else if c.MaxEvents > 0 {
		s.maxEvents = c.MaxEvents
	}
	if k := c.FingerprintKey; k != "" {
		if len(k) < 16 {
			m.Add("fingerprint_key", "write at least 16 characters that nobody can guess", "the key is too short")
		}
		s.key = newPrintKey(k)
	}
	if len(m) > 0 {
		return nil, m
	}
	return func() inspect.Inspector { return &Inspector{set: s, masked: make([]byte, 0, 1<<16)} }, nil
}

func (s *ruleSet) addDetectors(ds []Detector, m *inspect.Mistakes) {
	if len(ds) == 0 {
		m.Add("detectors", "- {name: card, action: alert}", "nothing to look for")
	}
	for i, d := range ds {
		path := fmt.Sprintf("detectors[%d]", i)
		r := s.check(d, path, m)
		k := slices.Index(kindNames[:], d.Name)
		switch {
		case k < 0:
			m.Add(path+".name", "write card or us-ssn", "unknown detector %q", d.Name)
		case s.kinds[k]:
			m.Add(path+".name", "remove one of them", "a second detector %q", d.Name)
		default:
			r.kind = kind(k)
			s.rules[k], s.kinds[k] = r, true
		}
	}
}

func (s *ruleSet) check(d Detector, path string, m *inspect.Mistakes) *rule {
	r := &rule{keep: d.Keep, char: 'X'}
	if d.Action != "" {
		a := slices.Index(actionNames, d.Action)
		if a < 0 {
			m.Add(path+".action", "write alert, mask, drop or reject", "unknown action %q", d.Action)
		}
		r.action = action(max(a, 0))
	}
	if d.Keep < 0 || d.Keep > 4 {
		m.Add(path+".keep", "write 0 to 4", "a mask cannot keep %d digits", d.Keep)
	}
	if d.Char != "" {
		r.char = d.Char[0]
		if len(d.Char) != 1 || r.char < ' ' || r.char > '~' {
			m.Add(path+".char", `write one character, such as "X"`, "%q is not one printable ASCII character", d.Char)
		}
	}
	if r.action != mask && (d.Keep != 0 || d.Char != "") && slices.Contains(actionNames, d.Action) {
		m.Add(path+".action", "write action: mask, or remove keep and char", "keep and char belong to masks")
	}
	switch d.Mode {
	case "", "enforce":
	case "monitor":
		r.monitor = true
	default:
		m.Add(path+".mode", "write monitor, or remove it", "unknown mode %q", d.Mode)
	}
	return r
}

func (s *ruleSet) addAllowed(values []string, m *inspect.Mistakes) {
	for i, v := range values {
		if v == "test-cards" {
			for _, t := range testCards {
				s.allow[t] = struct{}{}
			}
			continue
		}
		digits := strings.NewReplacer(" ", "", "-", "").Replace(v)
		if len(digits) < minDigits || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
			m.Add(fmt.Sprintf("allow[%d]", i), `write a card or an SSN in quotes, or "test-cards"`, "not a value that a detector finds")
			continue
		}
		s.allow[digits] = struct{}{}
	}
}

// testCards are the numbers that payment providers publish for tests of shops (Stripe, "Test card numbers"; Adyen,
// "Test card numbers"; PayPal, "Card testing").
var testCards = []string{
	"4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556", "4222222222222",
	"5555555555554444", "5105105105105100", "5200828282828210", "2223003122003222", "2223000048400011",
	"378282246310005", "371449635398431", "378734493671000", "370000000000002",
	"6011111111111117", "6011000990139424", "6011000400000000", "3056930009020004", "30569309025904", "38520000023237",
	"36006666333344", "3566002020360505", "3530111333300000", "6200000000000005", "6205500000000000004", "6771798021000008",
}
