package event

// Kinds is the length of a table indexed by Kind. Index 0 stands for no kind or one
// that this version does not know.
const Kinds = int(KindEngine) + 1

var kindNames = [Kinds]string{
	"unknown", "alert", "dlp", "url", "dns", "qos", "drop", "edit", "anomaly", "flow", "stats", "engine",
}

// String returns the EVE event_type, or "unknown" for a value that is no kind.
func (k Kind) String() string { return kindNames[k.index()] }

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool { return k >= KindAlert && k <= KindEngine }

func (k Kind) index() int {
	if k.Valid() {
		return int(k)
	}
	return 0
}

// Counts holds one number per kind, in events.
type Counts [Kinds]uint64

// Add counts one event of kind k; an invalid kind counts at index 0.
func (c *Counts) Add(k Kind) { c[k.index()]++ }

// Of returns the number for kind k.
func (c *Counts) Of(k Kind) uint64 { return c[k.index()] }

// Total returns the sum over all kinds.
func (c *Counts) Total() uint64 {
	var n uint64
	for _, v := range c {
		n += v
	}
	return n
}

// Map returns the numbers that are not zero by the kinds' names, for people and JSON.
func (c *Counts) Map() map[string]uint64 {
	m := make(map[string]uint64)
	for i, v := range c {
		if v != 0 {
			m[kindNames[i]] = v
		}
	}
	return m
}
