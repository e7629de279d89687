package packet

const (
	// fewHops is what no packet of our time has left on its way: hosts begin with 64, 128 or 255, and no path is
	// longer than some 40 hops.
	fewHops = 24
	// fewerHops is by how many two packets of one host differ at least if that is no change of the path, which costs
	// a few.
	fewerHops = 16
)

// Expires reports whether a packet with ttl hops left is made to expire before it arrives, held against another of the
// same sender and receiver that had before. docs/adr/0012 has the reasons for the figures.
func Expires(ttl, before uint8) bool { return ttl < fewHops && before >= ttl+fewerHops }
