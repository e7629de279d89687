// Package eve writes events as EVE JSON, the line format of Suricata, so that what
// reads Suricata's eve.json reads Weir's: one object per line, UTF-8, no line longer
// than MaxLine.
//
// # Mapping
//
// Members appear in this order; one whose event field does not apply is left out.
//
//	timestamp                 Time, in UTC, "2026-11-22T10:00:00.000000+0000"
//	flow_id                   FlowID, its low 51 bits, as Suricata does for JavaScript's sake
//	pcap_cnt                  Packet, iff Format.PcapCount
//	event_type                Kind
//	src_ip src_port           Src; IPv6 is written in full, as Suricata does by default
//	dest_ip dest_port         Dst; no ports for ICMP
//	proto                     Proto: "TCP" "UDP" "ICMP" "IPv6-ICMP" "SCTP" …, else three digits
//	app_proto                 AppProto
//	direction                 "to_server" or "to_client", for an event of a flow
//	alert                     for an alert, and for a drop that a rule made:
//	  action                  "blocked" if Verdict is drop or reject and not Would, else "allowed"
//	  gid signature_id rev    1, Rule, RuleRev
//	  signature category      Name, Class
//	  severity                Severity; 3 if there is none (Suricata's default)
//	KIND                      an object named as the event_type, for all but alerts:
//	  reason                  drop: Reason
//	  type event              anomaly: "decode" (authors packet, defrag), "stream" (flow,
//	                          stream) or "applayer" (all others); Name
//	  …                       the details, in their order, strings and integers
//	weir                      what Suricata has no place for:
//	  author name reason      Author, Name (not for alerts, whose Name is the signature), Reason
//	  severity                Severity, except for alerts
//	  verdict would           Verdict; true iff Would
//	  packet                  Packet
//	  field offset length     Field; with it Offset and Length in bytes
//	  cut                     true iff Cut
//	  details                 an alert's details
//
// The kinds alert, dns, drop, anomaly, flow and stats are Suricata's; inspectors that
// name their details as Suricata does (dns: type, rrname, rrtype, rcode; flow:
// pkts_toserver, bytes_toclient, state, reason, age) are understood by its readers. The
// kinds dlp, url, qos, edit and engine are Weir's own, in the same form.
//
// A detail whose key was already used in its object is left out: a JSON object with one
// name twice means different things to different readers.
//
// Text is written as UTF-8; bytes that are none become U+FFFD; controls (C0, DEL, C1),
// quotes and backslashes, and U+2028, U+2029 are escaped, so that no line can steer a
// terminal or break a reader. The package writes what events say and never looks at
// payloads; keeping secrets out of events is their authors' duty.
package eve

import (
	"github.com/weir-project/weir/event"
)

// MaxLine is an upper bound of one line in bytes: every byte of an event escaped, and
// the names.
const MaxLine = 6*event.MaxBytes + 2048

// Format says how events are written. The zero Format is the usual one.
type Format struct {
	// PcapCount writes Packet as pcap_cnt, which holds for a replay with one lane.
	PcapCount bool
}

// Append appends e as one JSON object, without a newline, and returns the extended
// slice. It allocates only if dst has less room than the object needs.
func (f Format) Append(dst []byte, e *event.Event) []byte {
	o := object{b: append(dst, '{')}
	f.head(&o, e)
	addresses(&o, e)
	if e.Kind == event.KindAlert || e.Kind == event.KindDrop && e.Rule != 0 {
		alert(&o, e)
	}
	if e.Kind != event.KindAlert {
		own(&o, e)
	}
	weir(&o, e)
	return append(o.b, '}')
}

// Append is Append of the zero Format.
func Append(dst []byte, e *event.Event) []byte { return Format{}.Append(dst, e) }

const flowIDMask = 1<<51 - 1

func (f Format) head(o *object, e *event.Event) {
	if year := e.Time.UTC().Year(); !e.Time.IsZero() && year >= 0 && year <= 9999 {
		o.key(`,"timestamp":`)
		o.b = appendTime(o.b, e.Time)
	}
	if e.FlowID != 0 {
		o.uint(`,"flow_id":`, e.FlowID&flowIDMask)
	}
	if f.PcapCount && e.Packet != 0 {
		o.uint(`,"pcap_cnt":`, e.Packet)
	}
	o.plain(`,"event_type":`, e.Kind.String())
}

func alert(o *object, e *event.Event) {
	start := `,"alert":{"action":"allowed","gid":1,"signature_id":`
	if !e.Would && (e.Verdict == "drop" || e.Verdict == "reject") {
		start = `,"alert":{"action":"blocked","gid":1,"signature_id":`
	}
	o.uint(start, uint64(e.Rule))
	o.uint(`,"rev":`, uint64(e.RuleRev))
	o.text(`,"signature":`, e.Name)
	o.text(`,"category":`, e.Class)
	severity := e.Severity
	if severity == 0 {
		severity = event.Low
	}
	o.uint(`,"severity":`, uint64(severity))
	o.close()
}

var kindKeys = func() (keys [event.Kinds]string) {
	for k := range keys {
		keys[k] = `,"` + event.Kind(k).String() + `":`
	}
	return keys
}()

// own writes the object that is named as the kind.
func own(o *object, e *event.Event) {
	name := kindKeys[0]
	if e.Kind.Valid() {
		name = kindKeys[e.Kind]
	}
	o.open(name)
	reserved := ""
	switch e.Kind {
	case event.KindDrop:
		if e.Reason != "" {
			o.text(`,"reason":`, e.Reason)
			reserved = "reason"
		}
	case event.KindAnomaly:
		o.plain(`,"type":`, anomalyType(e.Author))
		o.text(`,"event":`, e.Name)
		reserved = "type event"
	}
	details(o, e.Pairs(), reserved)
	o.close()
}

func anomalyType(author string) string {
	switch author {
	case "packet", "defrag":
		return "decode"
	case "flow", "stream":
		return "stream"
	}
	return "applayer"
}

func weir(o *object, e *event.Event) {
	o.open(`,"weir":`)
	isAlert := e.Kind == event.KindAlert
	o.some(`,"author":`, e.Author)
	if !isAlert {
		o.some(`,"name":`, e.Name)
	}
	o.some(`,"reason":`, e.Reason)
	if !isAlert && e.Severity != 0 {
		o.uint(`,"severity":`, uint64(e.Severity))
	}
	o.some(`,"verdict":`, e.Verdict)
	o.yes(`,"would":`, e.Would)
	if e.Packet != 0 {
		o.uint(`,"packet":`, e.Packet)
	}
	if e.Field != "" {
		o.text(`,"field":`, e.Field)
		o.int(`,"offset":`, int64(e.Offset))
		o.int(`,"length":`, int64(e.Length))
	}
	o.yes(`,"cut":`, e.Cut)
	if isAlert && len(e.Pairs()) > 0 {
		o.open(`,"details":`)
		details(o, e.Pairs(), "")
		o.close()
	}
	o.close()
}

// details writes pairs whose key is neither among the reserved ones, which are joined
// by a space, nor that of an earlier pair.
func details(o *object, pairs []event.Pair, reserved string) {
	for i := range pairs {
		p := &pairs[i]
		if taken(p.Key, pairs[:i], reserved) {
			continue
		}
		if o.b[len(o.b)-1] != '{' {
			o.b = append(o.b, ',')
		}
		o.b = append(appendText(o.b, p.Key), ':')
		if p.IsNum {
			o.b = appendInt(o.b, p.Num)
		} else {
			o.b = appendText(o.b, p.Text)
		}
	}
}
