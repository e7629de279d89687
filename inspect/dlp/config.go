package dlp

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/detect"
)

// Config is the dlp block of a policy.
type Config struct {
	// Templates are lists of detectors for a purpose: "pci" (cards, masked but for four digits), "personal" (names of people in
	// numbers: national ids, IBAN, e-mail, phone), "health" (the numbers of patients and insured) and "secrets" (keys, tokens, passwords).
	// All but pci only alert; what detectors says of one of theirs goes before.
	Templates []string `yaml:"templates,omitempty"`

	// Detectors are what to look for, and what to do about it. Of several with the same name the first one that applies to a
	// packet counts.
	Detectors []Detector `yaml:"detectors,omitempty"`

	// Direction is the payloads and bodies to look at: "to-server", "to-client" or "both" (default).
	Direction string `yaml:"direction,omitempty"`

	// Allow lists values that are left alone, with or without separators. The word "test-cards" stands for the
	// numbers that payment providers publish for tests; "@example.com" for all addresses of mail there.
	Allow []string `yaml:"allow,omitempty"`

	// ExactKey is the secret with which the tables of exact were made, of at least 16 characters.
	ExactKey string `yaml:"exact_key,omitempty"`

	// FingerprintKey, of at least 16 characters, adds to each event the first eight bytes of HMAC-SHA256 of the value
	// under this key, so that the same value can be recognised in several events. There are few enough cards and SSNs to try
	// them all, so who knows the key can learn the values. Empty (default): no fingerprint.
	FingerprintKey string `yaml:"fingerprint_key,omitempty"`

	// PageNote is what the page says below its reason, such as whom to ask. The page has 1200 bytes at most.
	PageNote string `yaml:"page_note,omitempty"`

	// MaxEvents is the number of events for one payload, or part of a body; one more counts the values beyond. All are masked or blocked
	// in any case. Default 16.
	MaxEvents int `yaml:"max_events,omitempty"`

	// Unable is what becomes of a packet that should be masked and cannot: "drop" (default), which ends a TCP connection, or "pass".
	Unable string `yaml:"unable,omitempty"`
}

// A Detector is one kind of value, where it is looked for, and what is done.
type Detector struct {
	// Name is what to look for: "card", "us-ssn", "github-token", …; weir dlp list names them. With keywords, regex or exact it is
	// what events call it.
	Name string `yaml:"name"`

	// Keywords are words and phrases of one's own, in any case. What stands between the words of a phrase does not count.
	Keywords []string `yaml:"keywords,omitempty"`

	// Regex is an expression of one's own, in the syntax of Go's package regexp, which takes linear time. Its matches have 3 to 256 bytes.
	Regex string `yaml:"regex,omitempty"`

	// Exact names a file that weir dlp hash has made of values of one's own, such as customers' numbers.
	Exact string `yaml:"exact,omitempty"`

	// Action is "alert" (default), "mask", "drop", "reject", "page" or "ignore". Mask overwrites letters and digits, keeping separators and
	// length, and has bodies of HTTP/1 that are compressed leave as plain text (in those of HTTP/2 it cannot be made); drop and reject end the packet's flow; page answers a request of HTTP/1 by a page that says what was found, though not the value, and is reject elsewhere; ignore leaves alone what
	// a later entry, or a template, would find.
	Action string `yaml:"action,omitempty"`

	// Keep is how many of the last characters a mask leaves, 0 (default) to 4.
	Keep int `yaml:"keep,omitempty"`

	// Char is what a mask writes instead of letters and digits: one printable ASCII character, default "X".
	Char string `yaml:"char,omitempty"`

	// With is what stands in the place of a masked value, such as "(removed)": 1 to 64 letters, digits, spaces and signs that mean nothing in JSON,
	// XML and forms. Where the length must not change it is cut, or filled up with Char: in payloads, in codes within a text, in bodies
	// whose framing is fixed.
	With string `yaml:"with,omitempty"`

	// Pseudonym masks by other digits in place of digits and other letters in place of letters, which who expects a number, say, takes for one. The
	// same value gets the same pseudonym, under FingerprintKey if there is one, otherwise until the policy is loaded anew. A number never
	// becomes one whose check digit is right.
	Pseudonym bool `yaml:"pseudonym,omitempty"`

	// Score is how sure a detector has to be, 50 (default) to 100: words around a value raise it or lower it.
	Score int `yaml:"score,omitempty"`

	// Direction is "to-server" or "to-client". Default: that of the inspector.
	Direction string `yaml:"direction,omitempty"`

	// Fields are where to look: "http.request_body", "http.response_body", "http.uri", "http.headers", "email.body", "email.headers", "smtp.rcpt_to",
	// "ftp.command_data", "dns.query" …, and "payload" for all that is read as no field of its own. Default: everywhere.
	Fields []string `yaml:"fields,omitempty"`

	// Clients and Servers are addresses or networks of the ends of a flow to which this applies. Default: all.
	Clients []string `yaml:"clients,omitempty"`
	Servers []string `yaml:"servers,omitempty"`

	// Count is how many values it takes: this applies from that one on, and those before it are left alone and not told of. Default 1, at most 500.
	Count int `yaml:"count,omitempty"`

	// Distinct counts a value that comes several times once.
	Distinct bool `yaml:"distinct,omitempty"`

	// Per is what values are counted in: a "message" (default: a body, a part of a mail; what is neither counts by flow), a "flow", or all of a
	// "client".
	Per string `yaml:"per,omitempty"`

	// Within is for how long the values of a client count, 1s to 24h. Default 1h.
	Within time.Duration `yaml:"within,omitempty"`

	// Severity is that of events: "high" (default), "medium" or "low".
	Severity string `yaml:"severity,omitempty"`

	// Mode "monitor" only tells what would be done.
	Mode string `yaml:"mode,omitempty"`
}

// New checks c and returns what makes the inspectors of it.
func New(c Config, env inspect.Env) (inspect.Maker, inspect.Mistakes) {
	var m inspect.Mistakes
	s := &ruleSet{maxEvents: 16, allow: map[string]struct{}{}}
	s.dirs = directions(c.Direction, "direction", &m)
	s.addDetectors(c.Detectors, owner{env.Files, c.ExactKey}, &m)
	s.addTemplates(c.Templates, &m)
	if len(c.Detectors)+len(c.Templates) == 0 {
		m.Add("detectors", "- {name: card, action: alert}", "nothing to look for")
	}
	s.addAllowed(c.Allow, &m)
	s.addPages(c.PageNote, &m)
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
		s.names = newPrintKey(k)
	} else {
		s.names = newPrintKey(rand.Text())
	}
	if len(m) > 0 {
		return nil, m
	}
	s.compile()
	return func() inspect.Inspector { return newInspector(s) }, nil
}

func (s *ruleSet) addDetectors(ds []Detector, o owner, m *inspect.Mistakes) {
	for i, d := range ds {
		path := fmt.Sprintf("detectors[%d]", i)
		r := s.check(d, path, m)
		if r.own = o.source(d, path, m); r.own == nil {
			k, ok := detect.Parse(d.Name)
			if !ok {
				m.Add(path+".name", "write "+closest(d.Name)+"; or give it keywords, a regex or exact", "unknown detector %q", d.Name)
				continue
			}
			r.kind, r.shown = k, detect.Bundled()[k].Shown
		}
		if s.covers(r) {
			m.Add(path+".name", "remove it, or put it before the entry that takes everything", "a detector %q before this one applies wherever it does", d.Name)
			continue
		}
		s.rules = append(s.rules, r)
	}
}

// addPages makes the pages of the rules that answer by one.
func (s *ruleSet) addPages(note string, m *inspect.Mistakes) {
	pages := inspect.Pages{Note: note, Mistakes: m}
	for _, r := range s.rules {
		if r.action != page {
			continue
		}
		what := r.name
		if r.own == nil {
			what = detect.Bundled()[r.kind].Title
		}
		r.page = pages.New("This request was blocked", "It holds what must not leave this network: "+what+".", r.name)
	}
	pages.End("detector")
}

// covers reports whether a rule before r applies wherever r does.
func (s *ruleSet) covers(r *rule) bool {
	return slices.ContainsFunc(s.rules, func(o *rule) bool {
		return r.own == nil && o.own == nil && o.count <= r.count && o.kind == r.kind && o.score <= r.score && o.scope.covers(&r.scope)
	})
}

// closest is the names of detectors that begin like name, or all.
func closest(name string) string {
	var all, near []string
	for _, i := range detect.Bundled() {
		all = append(all, i.Name)
		if n := strings.ToLower(name); n != "" && (strings.Contains(i.Name, n) || strings.Contains(n, i.Name)) {
			near = append(near, i.Name)
		}
	}
	if len(near) > 0 {
		all = near
	}
	return strings.Join(all, ", ")
}

func (s *ruleSet) check(d Detector, path string, m *inspect.Mistakes) *rule {
	r := &rule{name: d.Name, keep: d.Keep, char: 'X', score: minScore, severity: severities[0].severity}
	if d.Action != "" {
		a := slices.Index(actionNames, d.Action)
		if a < 0 {
			m.Add(path+".action", "write alert, mask, drop, reject, page or ignore", "unknown action %q", d.Action)
		}
		r.action = action(max(a, 0))
	}
	if d.Keep < 0 || d.Keep > 4 {
		m.Add(path+".keep", "write 0 to 4", "a mask cannot keep %d characters", d.Keep)
	}
	if d.Char != "" {
		r.char = d.Char[0]
		if len(d.Char) != 1 || r.char < ' ' || r.char > '~' {
			m.Add(path+".char", `write one character, such as "X"`, "%q is not one printable ASCII character", d.Char)
		}
	}
	r.with, r.pseudonym = d.With, d.Pseudonym
	checkMask(r, d, path, m)
	if d.Score != 0 {
		r.score = uint8(max(0, min(d.Score, 100)))
		if d.Score < minScore || d.Score > 100 {
			m.Add(path+".score", "write 50 to 100", "a score of %d", d.Score)
		}
	}
	s.checkSeverity(r, d.Severity, path, m)
	checkCount(r, d, path, m)
	switch d.Mode {
	case "", "enforce":
	case "monitor":
		r.monitor = true
	default:
		m.Add(path+".mode", "write monitor, or remove it", "unknown mode %q", d.Mode)
	}
	r.scope = s.checkScope(d, path, m)
	return r
}

// checkMask looks at how d masks.
func checkMask(r *rule, d Detector, path string, m *inspect.Mistakes) {
	if len(d.With) > maxWith || strings.ContainsFunc(d.With, means) {
		m.Add(path+".with", `write 64 letters, digits, spaces and signs at most, without any of "\'<>&%+=;`, "%q cannot stand in a text of any kind", d.With)
	}
	switch {
	case r.action != mask && (d.Keep != 0 || d.Char != "" || d.With != "" || d.Pseudonym) && (d.Action == "" || slices.Contains(actionNames, d.Action)):
		m.Add(path+".action", "write action: mask, or remove keep, char, with and pseudonym", "keep, char, with and pseudonym belong to masks")
	case d.With != "" && (d.Pseudonym || d.Keep != 0):
		m.Add(path+".with", "write one of them", "with keeps nothing, and is no pseudonym")
	case d.Pseudonym && d.Char != "":
		m.Add(path+".pseudonym", "write one of them", "a pseudonym has other characters in the place of each, and no char")
	}
}

const maxWith = 64

// means reports whether c means something, or nothing good, in JSON, XML, forms or headers.
func means(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune("\"\\'<>&%+=;", c) }

func (s *ruleSet) checkSeverity(r *rule, name, path string, m *inspect.Mistakes) {
	if name == "" {
		return
	}
	for _, v := range severities {
		if v.name == name {
			r.severity = v.severity
			return
		}
	}
	m.Add(path+".severity", "write high, medium or low", "unknown severity %q", name)
}

func (s *ruleSet) checkScope(d Detector, path string, m *inspect.Mistakes) scope {
	c := scope{dirs: s.dirs}
	if d.Direction != "" {
		c.dirs = directions(d.Direction, path+".direction", m)
		if c.dirs&s.dirs == 0 {
			m.Add(path+".direction", "remove one of them", "the inspector does not look at what goes %s", d.Direction)
		}
	}
	for i, name := range d.Fields {
		id, ok := field.Parse(name)
		if !ok || !fields.Has(id) && id != field.Payload {
			m.Add(fmt.Sprintf("%s.fields[%d]", path, i), "write "+fieldNames(), "no field %q is looked at", name)
			continue
		}
		c.fields = c.fields.Union(field.SetOf(id))
	}
	c.clients = networks(d.Clients, path+".clients", m)
	c.servers = networks(d.Servers, path+".servers", m)
	return c
}

// fieldNames lists what a scope may name.
func fieldNames() string {
	names := []string{field.Payload.String()}
	for id := range field.ID(field.Count) {
		if fields.Has(id) {
			names = append(names, id.String())
		}
	}
	return strings.Join(names, ", ")
}

func (s *ruleSet) addAllowed(values []string, m *inspect.Mistakes) {
	for i, v := range values {
		switch key := allowKey(v); {
		case v == "test-cards":
			for _, t := range testCards {
				s.allow[t] = struct{}{}
			}
		case strings.HasPrefix(v, "@") && len(v) > 3:
			s.domains = append(s.domains, []byte(v))
		case len(key) < minAllowed:
			m.Add(fmt.Sprintf("allow[%d]", i), `write a whole value in quotes, "@example.com", or "test-cards"`, "%q is too short to be a value that a detector finds", v)
		default:
			s.allow[key] = struct{}{}
			s.allow[v] = struct{}{}
		}
	}
}

const minAllowed = 6 // characters of the shortest value, without separators

// allowKey is a value as detectors have it: without separators.
func allowKey(v string) string { return strings.NewReplacer(" ", "", "-", "").Replace(v) }

// testCards are the numbers that payment providers publish for tests of shops (Stripe, "Test card numbers"; Adyen,
// "Test card numbers"; PayPal, "Card testing").
var testCards = []string{
	"4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556", "4222222222222",
	"5555555555554444", "5105105105105100", "5200828282828210", "2223003122003222", "2223000048400011",
	"378282246310005", "371449635398431", "378734493671000", "370000000000002",
	"6011111111111117", "6011000990139424", "6011000400000000", "3056930009020004", "30569309025904", "38520000023237",
	"36006666333344", "3566002020360505", "3530111333300000", "6200000000000005", "6205500000000000004", "6771798021000008",
}
