package ids

import (
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
)

// Rank orders the actions: Suricata's default action-order. A rule that passes silences all others.
type rank uint8

const (
	pass rank = iota
	drop
	reject
	alert
)

var rankNames = [...]string{"pass", "drop", "reject", "alert"}

// view is where a rule is looked at.
type view uint8

const (
	packets  view = iota // nothing but the header, and the payload's size
	payloads             // contents of the payload
	messages             // a protocol, or contents of its fields
)

// A signature is one rule, compiled.
type signature struct {
	header
	rank     rank
	view     view
	apps     apps // the protocols of its messages; none for any. Valid iff view is messages
	dir      int8 // flow.Direction; -1 for both
	mustBe   flow.State
	once     bool // once for each direction of a flow
	late     bool // looks into bodies
	mixed    bool // and into what is in front of them; valid iff late
	monitor  bool
	dsize    sizes
	matches  []bufferMatch
	hint     buffer // of the prefilter pattern
	msg      string
	class    string
	severity event.Severity
	gid      uint32
	sid, rev uint32
}

// A bufferMatch is what a rule asks of one buffer.
type bufferMatch struct {
	buffer   buffer
	contents []content
	size     sizes
	any      bool // of the contents is without case
}

// sizes is a range of lengths in bytes, both ends included; the zero sizes is unlimited.
type sizes struct {
	isSet    bool
	min, max int
}

func (s sizes) has(n int) bool { return !s.isSet || n >= s.min && n <= s.max }

// fits says whether everything but the buffers matches.
func (s *signature) fits(cx *inspect.Context) bool {
	if s.dir >= 0 && (cx.Flow == nil || cx.Dir != flow.Direction(s.dir)) {
		return false
	}
	if s.mustBe > flow.New && (cx.Flow == nil || cx.Flow.State < s.mustBe) {
		return false
	}
	return s.header.matches(cx.Packet) && s.dsize.has(len(cx.Packet.Payload()))
}

// matchAll says whether each buffer the rule asks about has an instance that matches.
func (m *matcher) matchAll(s *signature, in *instances) bool {
	for i := range s.matches {
		if !m.matchAny(&s.matches[i], in) {
			return false
		}
	}
	return true
}

func (m *matcher) matchAny(b *bufferMatch, in *instances) bool {
	for k := range in.all {
		i := &in.all[k]
		if i.buffer != b.buffer || !b.size.has(len(i.text.plain)) {
			continue
		}
		if b.any {
			in.lower(i)
		}
		if m.match(i.text, b.contents) {
			return true
		}
	}
	return false
}
