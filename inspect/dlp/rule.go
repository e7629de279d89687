package dlp

import (
	"bytes"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/packet"
)

type action uint8

const (
	alert action = iota
	mask
	drop
	reject
	page
	ignore
)

var actionNames = []string{alert: "alert", mask: "mask", drop: "drop", reject: "reject", page: "page", ignore: "ignore"}

// verdict is the action's name in events.
func (a action) verdict() string {
	return [...]string{"accept", "edit", "drop", "reject", "reject", "accept"}[a]
}

var severities = []struct {
	name     string
	severity event.Severity
}{{"high", event.High}, {"medium", event.Medium}, {"low", event.Low}}

// minScore is the lowest score with which detectors tell of a value.
const minScore = 50

// A rule is a Detector, checked.
type rule struct {
	name      string
	kind      detect.Kind // iff own is nil
	own       *source     // of values of one's own
	shown     int         // last characters of a value that an event may show
	action    action
	keep      int
	char      byte
	with      string // what stands in the place of a masked value; empty: its own form does
	pseudonym bool
	page      *inspect.Page // iff action is page
	monitor   bool
	score     uint8
	severity  event.Severity
	scope     scope
	index     uint16 // in ruleSet.rules

	count    uint32 // of values that it takes; 1 for any
	distinct bool
	per      unit
	within   time.Duration // iff per is perClient
}

func (r *rule) decision() inspect.Decision {
	d := inspect.Decision{Scope: inspect.ScopeFlow, Reason: Blocked, Monitor: r.monitor}
	switch r.action {
	case drop:
		d.Verdict = packet.Drop
	case reject, page:
		d.Verdict, d.Page = packet.Reject, r.page
	default:
		return inspect.Decision{}
	}
	return d
}

// A ruleSet is a Config, checked; lanes share it.
type ruleSet struct {
	rules     []*rule   // in order
	byKind    [][]*rule // by detect.Kind: those of rules, in order
	own       []*rule   // those of values of one's own
	set       *detect.Set
	dirs      uint8 // bit per flow.Direction
	allow     map[string]struct{}
	domains   [][]byte // "@example.com"
	key       printKey
	names     printKey // of pseudonyms
	maxEvents int
	passes    bool      // what cannot be masked passes
	fields    field.Set // that are asked for
	waits     bool      // some rule does
	byName    bool      // for some rule it matters in which field a value of the payload is
	edits     field.Set // that some rule may mask
	resizes   field.Set // of these, in which a mask may have another length
}

// compile sets what follows from the rules.
func (s *ruleSet) compile() {
	s.byKind = make([][]*rule, len(detect.Bundled()))
	var kinds []detect.Kind
	for i, r := range s.rules {
		r.index = uint16(i)
		switch {
		case r.own != nil:
			s.own = append(s.own, r)
		case len(s.byKind[r.kind]) == 0:
			kinds = append(kinds, r.kind)
			fallthrough
		default:
			s.byKind[r.kind] = append(s.byKind[r.kind], r)
		}
		looked := r.scope.looked()
		s.fields = s.fields.Union(r.scope.asked())
		s.byName = s.byName || r.scope.fields != 0
		if r.action == mask && !r.monitor {
			s.edits = s.edits.Union(looked)
			if r.with != "" {
				s.resizes = s.resizes.Union(looked)
			}
		}
	}
	s.set = detect.NewSet(kinds...)
	kinds = kinds[:0]
	for _, r := range s.rules {
		if r.waits() && r.own == nil {
			kinds = append(kinds, r.kind)
		}
		s.waits = s.waits || r.waits()
	}
	s.set.Waiting(kinds...)
}

// rule returns the rule for a value that was found, which may ignore it; nil if none applies.
func (s *ruleSet) rule(k detect.Kind, score uint8, p place) *rule {
	for _, r := range s.byKind[k] {
		if score >= r.score && r.scope.has(p) {
			return r
		}
	}
	return nil
}

// waits reports whether a value must not leave before it is decided about.
func (r *rule) waits() bool { return !r.monitor && r.action != alert && r.action != ignore }

// weight is what values of the rule weigh among those that overlap.
func (r *rule) weight() detect.Weight {
	switch {
	case !r.waits():
		return detect.Told
	case r.count > 1:
		return detect.Counted
	}
	return detect.Stopped
}

// allowed reports whether a value, in the form that detectors give it, is left alone.
func (s *ruleSet) allowed(value []byte) bool {
	if _, ok := s.allow[string(value)]; ok {
		return true
	}
	for _, d := range s.domains {
		if n := len(value) - len(d); n > 0 && bytes.EqualFold(value[n:], d) {
			return true
		}
	}
	return false
}

// unable is the decision about a packet whose mask could not be made. While the inspector only monitors none is made,
// and nothing is wrong.
func (s *ruleSet) unable(cx *inspect.Context) inspect.Decision {
	if cx.Monitor || s.passes {
		return inspect.Decision{}
	}
	return inspect.Drop(inspect.ScopePacket, MaskFailed)
}
