// Package event is what Weir tells people: alerts, blocks, edits, anomalies, flows
// and counts, as one flat type with bounded size, and the bounded queue that takes
// events off the packet path. An event that does not fit is counted and lost; the
// packet path never waits for a reader.
//
// Sinks (package event/eve and its siblings) write events; they run in another
// process than the one that makes them.
package event

import (
	"net/netip"
	"time"
)

// Kind says what an event is about. Its name is the EVE event_type.
type Kind uint8

const (
	KindAlert   Kind = iota + 1 // an IDS rule matched
	KindDLP                     // a sensitive value was found
	KindURL                     // the URL filter decided
	KindDNS                     // a DNS message was seen or rewritten
	KindQoS                     // a class was policed or shaped
	KindDrop                    // a packet or flow was dropped or rejected
	KindEdit                    // bytes were changed, or an edit could not be made
	KindAnomaly                 // decode, fragment, flow, stream or application anomaly
	KindFlow                    // a flow has ended
	KindStats                   // counters, periodically
	KindEngine                  // Weir itself: reload, limit reached, crash, rules changed
)

// Severity orders events; 1 is the gravest, as in Suricata.
type Severity uint8

const (
	High Severity = iota + 1
	Medium
	Low
	Info
)

// MaxBytes is the limit of one event in the queue; longer details are cut and the
// event says so (Cut).
const MaxBytes = 4096

// MaxPairs is the number of details an event can carry.
const MaxPairs = 24

// An Event is one thing worth telling. Strings and byte slices in it are borrowed
// until Queue.Put returns; Put copies what it keeps. The zero values of all fields
// but Kind mean "does not apply".
type Event struct {
	Kind     Kind
	Time     time.Time // wall clock for people; a capture's time in a replay
	Severity Severity
	Author   string // inspector or room: "dlp", "ids", "defrag"
	Name     string // what happened, in hyphenated words or an IDS message: "card", "url-blocked"
	Reason   string // a packet.Reason, iff a verdict was given

	// Verdict is what was done ("accept", "drop", "reject", "edit"), or, with Would, what
	// would have been done if the policy or rule were not in monitor mode.
	Verdict string
	Would   bool

	FlowID   uint64 // 0 if the packet belongs to no flow
	Packet   uint64 // number of the packet in its lane, 1 for the first; 0 if none
	Proto    uint8  // IP protocol number
	AppProto string // "dns", "http", "tls"; "" while unknown
	Src, Dst netip.AddrPort
	ToServer bool // direction of the packet in its flow

	Rule    uint32 // IDS: sid
	RuleRev uint32
	Class   string // IDS: classtype
	Field   string // the field looked at, such as "http.host"
	Offset  int32  // bytes from the start of the field
	Length  int32  // bytes
	Cut     bool   // details were cut to MaxBytes

	pairs  [MaxPairs]Pair
	npairs int
}

// A Pair is one detail of an event: a key and a text or a number.
type Pair struct {
	Key   string
	Text  string
	Num   int64
	IsNum bool
}

// Begin makes e a new event with this kind, severity and name, and nothing else. Assigning an Event does the same and moves
// all details, of which most were never set.
func (e *Event) Begin(k Kind, s Severity, name string) {
	e.Kind, e.Time, e.Severity = k, time.Time{}, s
	e.Author, e.Name, e.Reason, e.Verdict, e.Would = "", name, "", "", false
	e.FlowID, e.Packet, e.Proto, e.AppProto = 0, 0, 0, ""
	e.Src, e.Dst, e.ToServer = netip.AddrPort{}, netip.AddrPort{}, false
	e.Rule, e.RuleRev, e.Class = 0, 0, ""
	e.Field, e.Offset, e.Length, e.Cut = "", 0, 0, false
	clear(e.pairs[:e.npairs])
	e.npairs = 0
}

// Text adds a detail. More than MaxPairs are dropped and Cut is set.
func (e *Event) Text(key, text string) { e.add(Pair{Key: key, Text: text}) }

// Num adds a numeric detail.
func (e *Event) Num(key string, n int64) { e.add(Pair{Key: key, Num: n, IsNum: true}) }

// Pairs returns the details in the order they were added.
func (e *Event) Pairs() []Pair { return e.pairs[:e.npairs] }

func (e *Event) add(p Pair) {
	if e.npairs == len(e.pairs) {
		e.Cut = true
		return
	}
	e.pairs[e.npairs] = p
	e.npairs++
}

// A Queue takes events off the packet path. Put never blocks and never keeps e; it
// reports whether the event found a place, and counts it as lost if not.
type Queue interface {
	Put(e *Event) bool
}
