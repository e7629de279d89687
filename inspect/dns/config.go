package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/weir-project/weir/inspect"
)

// MaxAddresses is how many addresses of each family one rule can put into an answer.
const MaxAddresses = 16

// Config is the dns block of a policy.
type Config struct {
	// Answers are the rules. For each record the first one that fits its owner, else the first one that fits the name asked for,
	// says what becomes of it.
	Answers []Answer `yaml:"answers"`

	// Unable is what becomes of a packet whose answer should be edited and cannot be, such as one that is signed
	// as a whole, or whose message cannot be read: "pass" (default) with an event, or "drop".
	Unable string `yaml:"unable,omitempty"`
}

// An Answer is one rule.
type Answer struct {
	// Name is "example.com" for that name, "*.example.com" for all below it, or ".example.com" for both.
	Name string `yaml:"name"`

	// Type is the record type that the rule is about: A, AAAA, CNAME, HTTPS, TYPE257 …. Empty: for replace the types of which there
	// is an address, else all.
	Type string `yaml:"type,omitempty"`

	// Action is "replace" (default), "remove", "drop" (the query and the answer) or "alert".
	Action string `yaml:"action,omitempty"`

	// Replace lists the addresses that take the place of all those of the same type; for action replace.
	Replace []string `yaml:"replace,omitempty"`

	// TTL of the new records in seconds; without it that of the first old one stays.
	TTL *uint32 `yaml:"ttl,omitempty"`

	// Mode "monitor" only tells what would be done.
	Mode string `yaml:"mode,omitempty"`
}

type action uint8

const (
	replace action = iota
	remove
	drop
	alert
)

var actionNames = []string{replace: "replace", remove: "remove", drop: "drop", alert: "alert"}

func (a action) event() string {
	return [...]string{"answer-replaced", "answer-removed", "dns-blocked", "dns-listed"}[a]
}

func (a action) verdict() string { return [...]string{"edit", "edit", "drop", "accept"}[a] }

// A rule is an Answer, checked.
type rule struct {
	index   int
	name    string // as in the policy
	typ     uint16 // 0: see fits
	action  action
	v4, v6  []netip.Addr
	ttl     uint32
	hasTTL  bool
	monitor bool
}

// addresses returns those that replace records of typ.
func (r *rule) addresses(typ uint16) []netip.Addr {
	if typ == typeAAAA {
		return r.v6
	}
	return r.v4
}

// fits says whether the rule is about records of typ.
func (r *rule) fits(typ uint16) bool {
	switch {
	case r.typ != 0:
		return r.typ == typ
	case r.action == replace:
		return isAddress(typ) && len(r.addresses(typ)) > 0
	}
	return true
}

// A ruleSet is a Config, checked; lanes share it.
type ruleSet struct {
	rules      int
	drops      nameSet // rules that drop, which are about questions
	answers    nameSet // the others
	dropUnable bool
	edits      bool // some rule changes answers
}

// A nameSet is rules by name.
type nameSet struct {
	self, below nameTable
}

// A nameTable is rules by name, in the order of the policy. Most names that are asked for are in no rule, and most of
// these have a length that no rule has.
type nameTable struct {
	rules   map[string][]*rule
	lengths [maxName + 1]bool
}

func (t *nameTable) add(name string, r *rule) {
	if t.rules == nil {
		t.rules = make(map[string][]*rule)
	}
	t.rules[name] = append(t.rules[name], r)
	t.lengths[min(len(name), maxName)] = true
}

func (t *nameTable) get(name []byte) []*rule {
	if !t.lengths[min(len(name), maxName)] {
		return nil
	}
	return t.rules[string(name)]
}

// find returns the first rule, in the order of the policy, that fits name and typ.
func (s *nameSet) find(name []byte, typ uint16) *rule {
	best := first(nil, s.self.get(name), typ)
	if s.below.rules == nil {
		return best
	}
	for i := range name {
		if name[i] == '.' {
			best = first(best, s.below.get(name[i+1:]), typ)
		}
	}
	return best
}

func (s *nameSet) isEmpty() bool { return s.self.rules == nil && s.below.rules == nil }

func first(best *rule, rules []*rule, typ uint16) *rule {
	for _, r := range rules {
		if best != nil && best.index < r.index {
			break
		}
		if r.fits(typ) {
			return r
		}
	}
	return best
}

// New checks c and returns what makes the inspectors of it.
func New(c Config, _ inspect.Env) (inspect.Maker, inspect.Mistakes) {
	var m inspect.Mistakes
	s := &ruleSet{rules: len(c.Answers)}
	if len(c.Answers) == 0 {
		m.Add("answers", "- {name: example.com, replace: [192.0.2.1]}", "no rules")
	}
	for i := range c.Answers {
		s.add(&c.Answers[i], i, &m)
	}
	switch c.Unable {
	case "", "pass":
	case "drop":
		s.dropUnable = true
	default:
		m.Add("unable", "write pass or drop", "unknown outcome %q", c.Unable)
	}
	if len(m) > 0 {
		return nil, m
	}
	s.edits = slices.ContainsFunc(c.Answers, func(a Answer) bool {
		return a.Action == "" || a.Action == actionNames[replace] || a.Action == actionNames[remove]
	})
	return func() inspect.Inspector {
		return &Inspector{
			set: s, wire: make([]byte, 0, MaxAddresses*(maxName+10+16)),
			done: make([]uint32, 2*s.rules), told: make([]uint32, s.rules),
		}
	}, nil
}

func (s *ruleSet) add(a *Answer, index int, m *inspect.Mistakes) {
	path := fmt.Sprintf("answers[%d]", index)
	r := &rule{index: index, name: a.Name}
	name, err := canonical(strings.TrimPrefix(strings.TrimPrefix(a.Name, "*"), "."))
	if err != nil || strings.HasPrefix(a.Name, "*") && !strings.HasPrefix(a.Name, "*.") {
		m.Add(path+".name", "write a name such as example.com, *.example.com or .example.com", "%q is not a domain name", a.Name)
	}
	if a.Type != "" {
		if r.typ = typeOf([]byte(strings.ToUpper(a.Type))); r.typ == 0 {
			m.Add(path+".type", "write a record type such as A or AAAA, or TYPEnnn", "unknown record type %q", a.Type)
		}
	}
	if a.Action != "" {
		n := slices.Index(actionNames, a.Action)
		if n < 0 {
			m.Add(path+".action", "write replace, remove, drop or alert", "unknown action %q", a.Action)
		}
		r.action = action(max(n, 0))
	}
	r.addAddresses(a, path, m)
	if a.TTL != nil {
		if r.ttl, r.hasTTL = *a.TTL, true; r.ttl > 1<<31-1 {
			m.Add(path+".ttl", "write at most 2147483647", "a TTL of %d seconds is too long (RFC 2181 §8)", r.ttl)
		}
	}
	switch a.Mode {
	case "", "enforce":
	case "monitor":
		r.monitor = true
	default:
		m.Add(path+".mode", "write monitor, or remove it", "unknown mode %q", a.Mode)
	}
	set := &s.answers
	if r.action == drop {
		set = &s.drops
	}
	all := strings.HasPrefix(a.Name, ".")
	if all || strings.HasPrefix(a.Name, "*") {
		set.below.add(name, r)
	}
	if all || !strings.HasPrefix(a.Name, "*") {
		set.self.add(name, r)
	}
}

func (r *rule) addAddresses(a *Answer, path string, m *inspect.Mistakes) {
	switch {
	case r.action != replace && len(a.Replace) > 0:
		m.Add(path+".replace", "write action: replace, or remove the addresses", "action %s replaces nothing", a.Action)
	case r.action == replace && len(a.Replace) == 0:
		m.Add(path+".replace", "write replace: [192.0.2.1], or action: remove", "no address to answer with")
	case r.action == replace && r.typ != 0 && !isAddress(r.typ):
		m.Add(path+".type", "write A or AAAA", "only A and AAAA answers can be replaced")
	}
	for i, text := range a.Replace {
		ip, err := netip.ParseAddr(text)
		at := fmt.Sprintf("%s.replace[%d]", path, i)
		switch {
		case err != nil || ip.Zone() != "" || ip.Is4In6():
			m.Add(at, "write an IPv4 or IPv6 address", "%q is not an address", text)
		case r.typ == typeA && !ip.Is4():
			m.Add(at, "write an IPv4 address, or type: AAAA", "an A record holds no IPv6 address")
		case r.typ == typeAAAA && ip.Is4():
			m.Add(at, "write an IPv6 address, or type: A", "an AAAA record holds no IPv4 address")
		case ip.Is4():
			r.v4 = append(r.v4, ip)
		default:
			r.v6 = append(r.v6, ip)
		}
	}
	if len(r.v4) > MaxAddresses || len(r.v6) > MaxAddresses {
		m.Add(path+".replace", "leave some out", "more than %d addresses of one family", MaxAddresses)
	}
}

// canonical returns the name as the grammar shows names: ASCII, lower case, without the final dot.
func canonical(name string) (string, error) {
	name, err := idna.Punycode.ToASCII(strings.TrimSuffix(name, "."))
	if err != nil {
		return "", err
	}
	if name == "" || len(name) > maxName-2 || strings.ContainsAny(name, " \t*/:@\\") {
		return "", fmt.Errorf("not a name")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("not a label")
		}
	}
	return strings.ToLower(name), nil
}
