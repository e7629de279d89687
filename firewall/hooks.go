package firewall

// Path is a way of packets through the host.
type Path uint8

const (
	PathForward    Path = iota // routed, addresses unchanged
	PathMasquerade             // routed, source NAT (SNAT, MASQUERADE) at postrouting
	PathDNAT                   // routed, destination NAT at prerouting
	PathLocalIn                // a connection to this host
	PathLocalOut               // a connection from this host
)

var pathNames = [...]string{"forward", "masquerade", "dnat", "local-in", "local-out"}

func (p Path) String() string {
	if int(p) < len(pathNames) {
		return pathNames[p]
	}
	return "invalid"
}

// Side is where a connection is opened from: the inside is the private network, or for
// local paths this host.
type Side uint8

const (
	Inside Side = iota
	Outside
)

func (s Side) String() string { return [...]string{"inside", "outside"}[s&1] }

// A HookRow says, for one Path and one opening Side, where Weir diverts and what it
// sees and can do there.
type HookRow struct {
	Path Path
	From Side
	// Exists is false for combinations that no packet takes; the rest is empty then.
	Exists bool
	// Original and Reply are the hooks at which the opener's packets and the
	// answers are diverted.
	Original, Reply Hook
	// Tuple is the pair of ends that both directions show, "a > b" meaning that the
	// opener's packets go from a to b and replies from b to a.
	Tuple string
	// Edit: payloads may change at equal length. Grow: and in length, where
	// nf_conntrack_tcp_be_liberal is 1 (Config.MayGrow), since conntrack saw the
	// sequence numbers before the edit.
	Edit, Grow bool
	// HandBack: a settled flow can be handed back by conntrack mark.
	HandBack bool
	Note     string
}

// Hooks returns the table of the hooks that Plan uses, row by row. The lab tests hold
// the system against it.
//
// The reason for these hooks: at forward, input and output (behind priority -100) both
// directions of a connection show one tuple under source and destination NAT, which
// neither prerouting nor postrouting does, so one flow key and one queue serve both.
func Hooks() []HookRow {
	routed := HookRow{Exists: true, Original: HookForward, Reply: HookForward, Edit: true, Grow: true, HandBack: true}
	local := HookRow{Exists: true, Edit: true, Grow: true, HandBack: true}
	row := func(base HookRow, p Path, s Side, tuple, note string) HookRow {
		base.Path, base.From, base.Tuple, base.Note = p, s, tuple, note
		return base
	}
	in, out := local, local
	in.Original, in.Reply = HookInput, HookOutput
	out.Original, out.Reply = HookOutput, HookInput
	return []HookRow{
		row(routed, PathForward, Inside, "client > server", ""),
		row(routed, PathForward, Outside, "client > server", ""),
		row(routed, PathMasquerade, Inside, "client (inside address) > server",
			"without liberal conntrack a grown payload gets the connection reset"),
		{Path: PathMasquerade, From: Outside, Note: "source NAT hides the inside: outside opens connections through DNAT only"},
		row(routed, PathDNAT, Inside, "client > real server",
			"a client inside that uses the public address (hairpin) needs source NAT too; forward shows its inside address"),
		row(routed, PathDNAT, Outside, "client > real server", ""),
		row(in, PathLocalIn, Inside, "client > this host (after DNAT or redirect)", ""),
		row(in, PathLocalIn, Outside, "client > this host (after DNAT or redirect)", ""),
		row(out, PathLocalOut, Inside, "this host (before source NAT) > server (after DNAT)",
			"with iptables output is diverted at mangle, ahead of destination NAT: under DNAT of local output the directions differ"),
		{Path: PathLocalOut, From: Outside, Note: "a connection from outside to this host is local-in"},
	}
}
