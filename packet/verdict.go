package packet

// A Verdict is what becomes of a packet, or of every later packet of a flow. It
// always travels with its Reason; event and counter use the same word.
type Verdict uint8

const (
	Pass   Verdict = iota // no opinion: the next one decides, in the end Accept
	Accept                // goes on its way, with whatever edits were made
	Drop                  // disappears
	Reject                // disappears, and the sender is told: TCP RST, or ICMP unreachable
	Delay                 // goes on its way later (shaping, holding)
)

var verdictNames = [...]string{"pass", "accept", "drop", "reject", "delay"}

// String returns the verdict's name as policy, events and metrics spell it.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "invalid"
}

// Final reports whether later opinions can no longer change the verdict.
func (v Verdict) Final() bool { return v == Drop || v == Reject }

// A Reason says in a few words joined by hyphens why a verdict was given:
// "url-blocked", "bad-checksum". Reasons are constants, so that counting and
// reporting them allocates nothing.
type Reason string

// Mark says which bits of the packet mark to set on re-injection: the new mark is
// (old &^ Mask) | (Value & Mask). The zero Mark changes nothing.
type Mark struct{ Value, Mask uint32 }

// Apply returns the mark that results from old.
func (m Mark) Apply(old uint32) uint32 { return old&^m.Mask | m.Value&m.Mask }

// Merge returns the mark change that applies m first and then over.
func (m Mark) Merge(over Mark) Mark {
	return Mark{Value: m.Value&m.Mask&^over.Mask | over.Value&over.Mask, Mask: m.Mask | over.Mask}
}
