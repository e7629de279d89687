package sim

import (
	"fmt"
	"strings"
)

var names = [2]string{"client", "server"}

func (e *end) name() string { return names[e.who] }

// say adds a remark to the trace.
func (n *network) say(format string, args ...any) {
	if n.trace != nil {
		n.trace(fmt.Sprintf("%9.4f %s", n.now.Seconds(), "  ("+fmt.Sprintf(format, args...)+")"))
	}
}

// tell adds a segment that end from sent to the trace. Numbers count from the beginning of the data.
func (n *network) tell(where string, from int, s *segment) {
	if n.trace == nil {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%9.4f %-38s %s", n.now.Seconds(), where, flagNames(s.flags))
	at := n.ends[from].placeOf(s.seq)
	fmt.Fprintf(&b, " %d..%d", at, at+s.length())
	if s.has(ack) {
		fmt.Fprintf(&b, " ack %d", n.ends[1-from].placeOf(s.ack))
	}
	fmt.Fprintf(&b, " wnd %d", s.wnd)
	for _, k := range s.sacks[:s.blocks] {
		fmt.Fprintf(&b, " [%d,%d)", n.ends[1-from].placeOf(k[0]), n.ends[1-from].placeOf(k[1]))
	}
	if s.mss > 0 {
		fmt.Fprintf(&b, " mss %d", s.mss)
	}
	if s.stamped {
		fmt.Fprintf(&b, " ts %d", s.ts)
	}
	if s.ttl <= shortTTL {
		b.WriteString(" short ttl")
	}
	if s.spoiled {
		b.WriteString(" wrong checksum")
	}
	if len(s.payload) > 0 {
		p := s.payload
		if len(p) > 40 {
			fmt.Fprintf(&b, " %q..%q", p[:20], p[len(p)-20:])
		} else {
			fmt.Fprintf(&b, " %q", p)
		}
	}
	n.trace(b.String())
}

func flagNames(f uint8) string {
	const letters = "FSRPAU"
	b := []byte("......")
	for i := range letters {
		if f&(1<<i) != 0 {
			b[i] = letters[i]
		}
	}
	return string(b)
}
