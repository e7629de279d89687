// Package urls filters by the name of the server that a client asks for: the host of each HTTP request and the
// server name of a TLS ClientHello. Names are looked up in lists, exactly and by the domains above them;
// lists have an action and a category, which becomes a label of the flow.
//
// It believes names as they are sent: a client that lies about the name, or encrypts it (ECH), gets past. A request that can be
// read in two ways is not judged here: what becomes of it says outcomes.malformed. Paths are not looked at.
package urls

import (
	"unsafe"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Blocked is the reason of this room's verdicts.
const Blocked packet.Reason = "url-blocked"

// An Inspector filters one lane. It implements inspect.MessageInspector.
type Inspector struct {
	set   *filter
	event event.Event
	host  [maxName]byte
}

// Name implements inspect.Inspector.
func (u *Inspector) Name() string { return "urls" }

// Fields implements inspect.MessageInspector. Status and version are for responses to be shown.
func (u *Inspector) Fields() field.Set {
	return field.SetOf(field.HTTPMethod, field.HTTPURI, field.HTTPHost, field.HTTPStatus, field.TLSSNI, field.TLSVersion)
}

// InspectMessage implements inspect.MessageInspector. A TLS flow whose ClientHello may pass is released when the server
// has answered it: until then it can ask for another one. Each request of an HTTP flow can name another host, so it is released
// when the server says that it heeds no further one. A flow of QUIC never is: another connection can begin in it at any time.
func (u *Inspector) InspectMessage(cx *inspect.Context, m *field.Message, phase inspect.Phase) inspect.Decision {
	if m.Response && (m.Proto == "tls" || m.Last) {
		return inspect.Release()
	}
	if m.Response || phase == inspect.MessageEnd {
		return inspect.Decision{}
	}
	var d inspect.Decision
	switch m.Proto {
	case "http", "http2":
		if a := authority(m.Get(field.HTTPMethod), m.Get(field.HTTPURI)); a != nil {
			d = u.judge(cx, a, field.HTTPURI, d)
		}
		d = u.judgeAll(cx, m, field.HTTPHost, d)
	case "tls", "quic":
		d = u.judgeAll(cx, m, field.TLSSNI, d)
	}
	return d
}

// judgeAll judges every field with the given id: of two Host fields, whoever answers may believe either.
func (u *Inspector) judgeAll(cx *inspect.Context, m *field.Message, id field.ID, d inspect.Decision) inspect.Decision {
	for i := range m.Fields {
		if m.Fields[i].ID == id {
			d = u.judge(cx, m.Fields[i].Value, id, d)
		}
	}
	return d
}

// judge looks up the host that value names and returns the graver of d and what the lists say.
func (u *Inspector) judge(cx *inspect.Context, value []byte, id field.ID, d inspect.Decision) inspect.Decision {
	host := appendHost(u.host[:0], value)
	if len(host) == 0 || u.set.allow.has(host) {
		return d
	}
	for i := range u.set.lists {
		l := &u.set.lists[i]
		if !l.names.has(host) {
			continue
		}
		cx.Label(l.label)
		u.tell(cx, host, id, l)
		if opinion := l.decision(); d.Verdict == packet.Pass || d.Monitor && opinion.Verdict.Final() {
			d = opinion
		}
		if l.action != alert && !l.monitor {
			break
		}
	}
	return d
}

func (u *Inspector) tell(cx *inspect.Context, host []byte, id field.ID, l *list) {
	u.event.Begin(event.KindURL, event.Low, "url-listed")
	u.event.Verdict, u.event.Would, u.event.Field = l.action.verdict(), l.monitor, id.String()
	if l.action != alert {
		u.event.Severity, u.event.Name, u.event.Reason = event.Medium, string(Blocked), string(Blocked)
	}
	u.event.Text("host", unsafe.String(&host[0], len(host)))
	u.event.Text("list", l.name)
	if l.category != "" {
		u.event.Text("category", l.category)
	}
	cx.Emit(&u.event)
}
