package inspect

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weir-project/weir/field"
)

// MaxInspectors is the number of inspectors in a chain.
const MaxInspectors = 64

// order is the order of the rooms in every chain: classification first, those that need the
// verdict and the edited bytes last. Policies cannot change it.
var order = []string{"urls", "ids", "dns", "dlp", "qos", "stats"}

// An Entry is one inspector of a chain.
type Entry struct {
	Inspector Inspector
	Monitor   bool // its verdicts and edits become events with Would; bytes are not altered
}

// A Chain is the inspectors of one policy on one lane, in order, sorted by what they
// want to see. It is immutable; a reload swaps the pointer.
type Chain struct {
	Generation uint32
	Entries    []Entry
	Labels     *LabelTable

	Packet  []View[PacketInspector]
	Stream  []View[StreamInspector]
	Field   []View[FieldInspector]
	Message []View[MessageInspector]
	Flow    []View[FlowInspector]
	Anomaly []View[AnomalyInspector]
	Outcome []View[OutcomeInspector]
	Idle    []View[IdleInspector]
	Redact  []View[RedactInspector]
	Timer   [MaxInspectors]TimerInspector // by index; nil where there is none

	Wanted   field.Set // fields that anybody asks for; nothing else is parsed
	Edits    field.Set // fields whose bytes somebody may change
	Resize   field.Set // of these, those whose length somebody may change
	Reads    uint64    // bit i is set iff inspector i reads what lies inside packets
	Interest uint64    // the interest of a new flow: bit i is set iff inspector i can lose it
	Hears    uint64    // bit i: inspector i wants messages and nothing else, so that a flow without any is of no interest to it
	Words    int       // inspectors' memory per flow, in 8-byte words
}

// A View is one inspector seen through one of its interfaces.
type View[T any] struct {
	I     T
	Index uint8     // of the inspector in the chain
	Bit   uint64    // 1 << Index
	Want  field.Set // for field and message inspectors
}

// NewChain sorts entries into chain order and lays out their state. An inspector whose name the
// order does not know (a stranger's, on the library) comes before qos and stats.
func NewChain(generation uint32, labels *LabelTable, entries []Entry) (*Chain, error) {
	if len(entries) > MaxInspectors {
		return nil, fmt.Errorf("inspect: %d inspectors in a chain, at most %d", len(entries), MaxInspectors)
	}
	c := &Chain{Generation: generation, Entries: slices.Clone(entries), Labels: labels}
	slices.SortStableFunc(c.Entries, func(a, b Entry) int {
		return cmp.Compare(place(a.Inspector.Name()), place(b.Inspector.Name()))
	})
	for i, e := range c.Entries {
		if err := c.add(uint8(i), e.Inspector); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func place(name string) int {
	if i := slices.Index(order, name); i >= 0 {
		return 2 * i
	}
	return 2*slices.Index(order, "qos") - 1
}

func (c *Chain) add(index uint8, in Inspector) error {
	bit := uint64(1) << index
	interested := false
	if v, ok := in.(PacketInspector); ok {
		c.Packet = append(c.Packet, View[PacketInspector]{I: v, Index: index, Bit: bit})
		interested = true
	}
	if v, ok := in.(StreamInspector); ok {
		c.Stream = append(c.Stream, View[StreamInspector]{I: v, Index: index, Bit: bit})
		c.Reads |= bit
		interested = true
	}
	if v, ok := in.(FieldInspector); ok {
		c.Field = append(c.Field, View[FieldInspector]{v, index, bit, v.Fields()})
		c.Wanted = c.Wanted.Union(v.Fields())
		c.Reads |= bit
		interested = true
	}
	if v, ok := in.(MessageInspector); ok {
		c.Message = append(c.Message, View[MessageInspector]{v, index, bit, v.Fields()})
		c.Wanted = c.Wanted.Union(v.Fields())
		c.Reads |= bit
		interested = true
	}
	if v, ok := in.(FlowInspector); ok {
		c.Flow = append(c.Flow, View[FlowInspector]{I: v, Index: index, Bit: bit})
	}
	if v, ok := in.(AnomalyInspector); ok {
		c.Anomaly = append(c.Anomaly, View[AnomalyInspector]{I: v, Index: index, Bit: bit})
	}
	if v, ok := in.(OutcomeInspector); ok {
		c.Outcome = append(c.Outcome, View[OutcomeInspector]{I: v, Index: index, Bit: bit})
		interested = true
	}
	if v, ok := in.(IdleInspector); ok {
		c.Idle = append(c.Idle, View[IdleInspector]{I: v, Index: index, Bit: bit})
	}
	if v, ok := in.(RedactInspector); ok {
		c.Redact = append(c.Redact, View[RedactInspector]{I: v, Index: index, Bit: bit})
	}
	if v, ok := in.(ResizeInspector); ok && !c.Entries[index].Monitor {
		c.Resize = c.Resize.Union(v.Resizes())
		c.Edits = c.Edits.Union(v.Resizes())
	}
	if v, ok := in.(EditInspector); ok && !c.Entries[index].Monitor {
		c.Edits = c.Edits.Union(v.Edits())
	}
	if v, ok := in.(TimerInspector); ok {
		c.Timer[index] = v
	}
	if interested {
		c.Interest |= bit
	}
	if hears(in) {
		c.Hears |= bit
	}
	return c.layOut(in)
}

// hears reports whether an inspector is shown messages of grammars and nothing else.
func hears(in Inspector) bool {
	var wanted field.Set
	if v, ok := in.(FieldInspector); ok {
		wanted = wanted.Union(v.Fields())
	}
	if v, ok := in.(MessageInspector); ok {
		wanted = wanted.Union(v.Fields())
	}
	_, packets := in.(PacketInspector)
	_, streams := in.(StreamInspector)
	_, outcomes := in.(OutcomeInspector)
	_, timers := in.(TimerInspector)
	return wanted != 0 && !wanted.Has(field.Payload) && !packets && !streams && !outcomes && !timers
}

// layOut gives the inspector's states their place in a flow's memory.
func (c *Chain) layOut(in Inspector) error {
	v, ok := in.(StateInspector)
	if !ok {
		return nil
	}
	for _, slot := range v.FlowState() {
		words, err := slot.place(c.Words)
		if err != nil {
			return fmt.Errorf("%s: %w", in.Name(), err)
		}
		c.Words += words
	}
	return nil
}
