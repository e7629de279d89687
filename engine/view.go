package engine

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/proto"
)

// This file is step 5 for datagrams, each of which is a unit of its own; read.go is that for TCP.

// lookInside shows a payload as messages and their fields, and then as bytes, with the names of what was read in them.
func (l *Lane) lookInside(unit []byte, f *flow.Flow, d inspect.Decision) inspect.Decision {
	l.base, l.names = 0, l.names[:0]
	if l.chain.Wanted != 0 {
		d = l.messages(unit, f, d)
	} else {
		l.see(f, flow.SightDark)
	}
	if d.Verdict.Final() || f.Interest == 0 {
		return d
	}
	l.base, l.cx.Names = 0, l.names
	for i := range l.chain.Stream {
		v := &l.chain.Stream[i]
		if f.Interest&v.Bit == 0 {
			continue
		}
		l.call(v.Index)
		d = l.combine(d, v.I.InspectStream(&l.cx, unit))
	}
	l.cx.Names = nil
	if l.chain.Wanted.Has(field.Payload) && !d.Verdict.Final() {
		l.msg.Reset("", unit)
		l.msg.Add(field.Field{ID: field.Payload, Value: unit, Span: field.Span{End: len(unit)}, Editable: true})
		d = l.show(f, d, inspect.MessageWhole)
	}
	return d
}

// messages recognises the grammar of the unit and shows its messages.
func (l *Lane) messages(unit []byte, f *flow.Flow, d inspect.Decision) inspect.Decision {
	peer := proto.Peer{Transport: f.Key.Proto, Dir: l.cx.Dir, ServerPort: f.Server().Port()}
	if l.speaks = l.grammar(unit, f, peer); l.speaks < 0 {
		l.see(f, flow.SightDark)
		return d
	}
	g := l.grammars[l.speaks]
	l.see(f, g.Sight())
	if l.talks.grammars[l.speaks] != nil {
		return l.hear(unit, f, d)
	}
	for len(unit) > 0 && !d.Verdict.Final() && f.Interest != 0 {
		n, why := g.Parse(&l.msg, unit, peer, l.chain.Wanted)
		if n == 0 && why != proto.Incomplete {
			return graver(d, l.anomaly(inspect.LayerApp, why, l.outcomes.Malformed))
		}
		phase := inspect.MessageWhole
		if why == proto.Incomplete {
			phase = inspect.MessageStart
		}
		l.nameFields()
		d = l.show(f, d, phase)
		if n == 0 {
			break
		}
		unit = unit[n:]
		l.base += n
	}
	return d
}

// nameFields notes where in the datagram the fields of the message lie.
func (l *Lane) nameFields() {
	for i := range l.msg.Fields {
		f := &l.msg.Fields[i]
		n := field.Named{ID: f.ID, Span: field.Span{Off: l.base + f.Span.Off, End: l.base + f.Span.End}}
		if k := len(l.names); k < maxNames && n.Span.Off < n.Span.End && (k == 0 || l.names[k-1].Span.End <= n.Span.Off) {
			l.names = append(l.names, n)
		}
	}
}

// grammar returns the index of the grammar that reads the unit, or -1. The one that first recognised the
// flow comes first. Every datagram is looked at: it reaches its receiver whatever came before it, so junk would hide what
// follows; and what is no message is seen by its first bytes.
func (l *Lane) grammar(unit []byte, f *flow.Flow, peer proto.Peer) int {
	app := int(f.App) - 1
	if app >= 0 && l.grammars[app].Recognise(unit, peer) == proto.Yes {
		return app
	}
	for i, g := range l.grammars {
		if i != app && g.Over(f.Key.Proto) && g.Recognise(unit, peer) == proto.Yes {
			if app < 0 {
				f.App = uint8(i + 1)
			}
			return i
		}
	}
	return -1
}

// see notes how much of the flow can be read; the best moment counts.
func (l *Lane) see(f *flow.Flow, s flow.Sight) {
	f.Sight = max(f.Sight, s)
}

// show shows the message in l.msg, field by field and whole.
func (l *Lane) show(f *flow.Flow, d inspect.Decision, phase inspect.Phase) inspect.Decision {
	return l.showMessage(&l.msg, f, d, phase)
}

func (l *Lane) showMessage(m *field.Message, f *flow.Flow, d inspect.Decision, phase inspect.Phase) inspect.Decision {
	cx := &l.cx
	cx.Shown = m
	defer func() { cx.Shown = nil }()
	var made field.Set
	for i := range m.Fields {
		made |= field.SetOf(m.Fields[i].ID)
	}
	for i := range l.chain.Field {
		v := &l.chain.Field[i]
		if v.Want&made == 0 {
			continue
		}
		for n := range m.Fields {
			if fd := &m.Fields[n]; v.Want.Has(fd.ID) && f.Interest&v.Bit != 0 {
				l.call(v.Index)
				d = l.combine(d, v.I.InspectField(cx, fd))
			}
		}
	}
	if phase == field.MessagePart {
		return d
	}
	for i := range l.chain.Message {
		v := &l.chain.Message[i]
		if (v.Want&made != 0 || phase == field.MessageEnd) && f.Interest&v.Bit != 0 {
			l.call(v.Index)
			d = l.combine(d, v.I.InspectMessage(cx, m, phase))
		}
	}
	return d
}
