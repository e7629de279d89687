package ids

import (
	"slices"

	"github.com/weir-project/weir/field"
)

// An engine is the rules of one policy, ready to match; lanes share it.
type engine struct {
	signatures []*signature
	refused    int
	maxAlerts  int
	fields     field.Set

	once, each   []int32                    // packet rules: once for each direction of a flow, and for each packet
	payload      *automaton                 // of the payload rules
	payloadRules []int32                    // payload rules without a pattern to look for
	messages     [field.Count][2]*automaton // of the message rules, by buffer; second: dotted
	plainRules   [len(appNames)][]int32     // by protocol: message rules without a pattern to look for
	buffers      [field.Count][2]bool       // buffers that message rules look into; second: dotted
	apps         apps                       // protocols that message rules are about
	lists        int

	bodies      bool    // some message rules look into bodies
	blind       []int32 // those of them that ask something of the head in which there is no pattern to look for
	plainBodies []int32 // those without any pattern to look for
}

// engine files the signatures by where and how they are looked at.
func (l *loader) engine() *engine {
	e := &engine{
		signatures: l.signatures, refused: len(l.refused), maxAlerts: l.maxAlerts,
	}
	var inPayload []keyed
	inMessage := map[buffer][]keyed{}
	for n, s := range e.signatures {
		id, hint := int32(n), l.hints[n]
		switch {
		case s.view == packets && s.once:
			e.once = append(e.once, id)
		case s.view == packets:
			e.each = append(e.each, id)
		case s.view == payloads && hint != nil:
			inPayload = append(inPayload, keyed{hint, id})
		case s.view == payloads:
			e.payloadRules = append(e.payloadRules, id)
		case s.late && hint == nil && !s.mixed:
			e.plainBodies = append(e.plainBodies, id)
		case hint != nil:
			inMessage[s.hint] = append(inMessage[s.hint], keyed{hint, id})
		default:
			for i := range e.plainRules {
				if s.apps&(1<<i) != 0 {
					e.plainRules[i] = append(e.plainRules[i], id)
				}
			}
		}
		if s.view == messages {
			e.want(s)
			e.bodies = e.bodies || s.late
		}
		if s.late && s.mixed && (hint == nil || isBody(s.hint.field)) {
			e.blind = append(e.blind, id)
		}
	}
	e.payload = e.automaton(inPayload)
	for _, b := range bufferOrder(inMessage) {
		e.messages[b.field][b.index()] = e.automaton(inMessage[b])
	}
	return e
}

// want notes the fields that s looks into.
func (e *engine) want(s *signature) {
	e.apps |= s.apps
	for i := range shown {
		if s.apps&(1<<i) != 0 {
			e.fields = e.fields.Union(shown[i])
		}
	}
	for _, m := range s.matches {
		e.buffers[m.buffer.field][m.buffer.index()] = true
		if m.buffer.field != field.Payload {
			e.fields = e.fields.Union(field.SetOf(m.buffer.field))
		}
	}
}

func (e *engine) automaton(patterns []keyed) *automaton {
	a := newAutomaton(patterns, maxDense, e.lists)
	if a != nil {
		e.lists += len(a.lists)
	}
	return a
}

func bufferOrder(m map[buffer][]keyed) []buffer {
	var bs []buffer
	for b := range m {
		bs = append(bs, b)
	}
	slices.SortFunc(bs, func(a, b buffer) int {
		if a.field != b.field {
			return int(a.field) - int(b.field)
		}
		if a.dotted == b.dotted {
			return 0
		}
		return map[bool]int{true: 1, false: -1}[a.dotted]
	})
	return bs
}
