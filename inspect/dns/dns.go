// Package dns rewrites answers: of the names that the policy lists, the addresses that a
// server gave are replaced, or records removed, or the exchange dropped. It writes records as wire bytes
// (RFC 1035 §4.1.3); counts, lengths and name compression around them are for the grammar to repair.
//
// It sees what the DNS grammar reads, over UDP and TCP. It does not look into DNS
// over TLS, HTTPS or QUIC, and it cannot sign: a client that validates DNSSEC takes a replaced answer for a forgery.
package dns

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Reasons of the decisions and events here.
const (
	Blocked packet.Reason = "dns-blocked"
	Unable  packet.Reason = "dns-not-replaced" // an answer that should be edited and cannot be
)

// An Inspector rewrites DNS messages. It implements inspect.MessageInspector, ResizeInspector and
// AnomalyInspector.
type Inspector struct {
	set    *ruleSet
	event  event.Event
	owner  [maxName]byte
	wire   []byte   // scratch: the records of one edit
	done   []uint32 // by rule, twice: the message in which A, and AAAA, was replaced last
	told   []uint32 // by rule: the message of which an event told last
	number uint32   // of the message
	was    [64]byte
	now    [64]byte
}

// Name implements inspect.Inspector.
func (d *Inspector) Name() string { return "dns" }

// Fields implements inspect.MessageInspector.
func (d *Inspector) Fields() field.Set {
	return field.SetOf(field.DNSQuery, field.DNSType, field.DNSAnswer)
}

// InspectMessage implements inspect.MessageInspector.
func (d *Inspector) InspectMessage(cx *inspect.Context, m *field.Message, _ inspect.Phase) inspect.Decision {
	if m.Proto != "dns" {
		return inspect.Decision{}
	}
	d.nextNumber()
	query := trimDot(m.Get(field.DNSQuery))
	if !d.set.drops.isEmpty() {
		if r := d.set.drops.find(query, typeOf(m.Get(field.DNSType))); r != nil {
			d.tell(cx, r, query, nil, packet.Drop)
			return inspect.Decision{Verdict: packet.Drop, Reason: Blocked, Monitor: r.monitor}
		}
	}
	var decision inspect.Decision
	if !m.Response || d.set.answers.isEmpty() {
		return decision
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.ID != field.DNSAnswer || f.Detail&0xffff != classIN {
			continue
		}
		if opinion := d.answer(cx, m, f, query); opinion.Verdict.Final() {
			decision = opinion
		}
	}
	return decision
}

// Resizes implements inspect.ResizeInspector.
func (d *Inspector) Resizes() field.Set {
	if !d.set.edits {
		return 0
	}
	return field.SetOf(field.DNSAnswer)
}

// InspectAnomaly implements inspect.AnomalyInspector: a message that cannot be read cannot be edited or blocked
// either.
func (d *Inspector) InspectAnomaly(cx *inspect.Context, a inspect.Anomaly) inspect.Decision {
	if !d.set.dropUnable || a.Layer != inspect.LayerApp || cx.Flow == nil || !strings.HasPrefix(string(a.Reason), "dns-") {
		return inspect.Decision{}
	}
	return inspect.Drop(inspect.ScopePacket, a.Reason)
}

// answer does to one record what the rules say.
func (d *Inspector) answer(cx *inspect.Context, m *field.Message, f *field.Field, query []byte) inspect.Decision {
	rec, ok := readRecord(m, f, d.owner[:0])
	if !ok {
		return inspect.Decision{}
	}
	typ := uint16(f.Detail >> 16)
	if typ == typeRRSIG && len(f.Value) > 2 {
		typ = binary.BigEndian.Uint16(f.Value) // a signature goes the way of what it signs
	}
	r := d.set.answers.find(rec.name, typ)
	if r == nil {
		if string(rec.name) == string(query) {
			return inspect.Decision{}
		}
		if r = d.set.answers.find(query, typ); r == nil {
			return inspect.Decision{}
		}
	}
	if r.action == alert || r.monitor {
		d.tell(cx, r, query, f, packet.Pass)
		return inspect.Decision{}
	}
	d.wire = d.wire[:0]
	if r.action == replace && uint16(f.Detail>>16) != typeRRSIG && d.isFirst(r, typ) {
		d.wire = rec.appendNew(d.wire, r, typ)
	}
	if !m.Complete || !cx.Edit(f, 0, f.Span.Len(), d.wire) {
		return d.unable(cx, r, query, f)
	}
	d.tell(cx, r, query, f, packet.Pass)
	return inspect.Decision{}
}

// unable tells of an answer that stays as it was, and decides what becomes of it. While the inspector only monitors, no edit is
// made and nothing is wrong.
func (d *Inspector) unable(cx *inspect.Context, r *rule, query []byte, f *field.Field) inspect.Decision {
	if cx.Monitor {
		d.tell(cx, r, query, f, packet.Pass)
		return inspect.Decision{}
	}
	var decision inspect.Decision
	if d.set.dropUnable {
		decision = inspect.Drop(inspect.ScopePacket, Unable)
	}
	d.event.Begin(event.KindDNS, event.Medium, string(Unable))
	d.event.Reason, d.event.Verdict, d.event.Field = string(Unable), "accept", "dns.answer"
	if d.set.dropUnable {
		d.event.Verdict = "drop"
	}
	d.event.Text("query", borrow(query))
	cx.Emit(&d.event)
	return decision
}

// tell emits one event for each rule that a message meets: about the query if f is nil, else about the first answer.
func (d *Inspector) tell(cx *inspect.Context, r *rule, query []byte, f *field.Field, verdict packet.Verdict) {
	if d.told[r.index] == d.number {
		return
	}
	d.told[r.index] = d.number
	d.event.Begin(event.KindDNS, event.Low, r.action.event())
	d.event.Verdict, d.event.Would, d.event.Field = r.action.verdict(), r.monitor, "dns.query"
	if verdict.Final() {
		d.event.Severity, d.event.Reason = event.Medium, string(Blocked)
	}
	d.event.Text("query", borrow(query))
	d.event.Text("rule", r.name)
	if f != nil {
		d.event.Field, d.event.Offset, d.event.Length = "dns.answer", int32(f.Span.Off), int32(f.Span.Len())
		if a, ok := netip.AddrFromSlice(f.Value); ok && isAddress(uint16(f.Detail>>16)) {
			d.event.Text("was", borrow(a.AppendTo(d.was[:0])))
			if next := r.addresses(uint16(f.Detail >> 16)); r.action == replace && len(next) > 0 {
				d.event.Text("now", borrow(next[0].AppendTo(d.now[:0])))
			}
		}
	}
	cx.Emit(&d.event)
}

// isFirst says whether this is the first record of the message that r replaces by its addresses of typ; the others go.
func (d *Inspector) isFirst(r *rule, typ uint16) bool {
	slot := &d.done[2*r.index]
	if typ == typeAAAA {
		slot = &d.done[2*r.index+1]
	}
	if *slot == d.number {
		return false
	}
	*slot = d.number
	return true
}

// nextNumber begins a message.
func (d *Inspector) nextNumber() {
	d.number++
	if d.number == 0 {
		clear(d.done)
		clear(d.told)
		d.number = 1
	}
}

// borrow returns b as a string until b changes; events borrow theirs until Emit returns.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func trimDot(name []byte) []byte {
	if n := len(name); n > 0 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}
