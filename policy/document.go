package policy

import "go.yaml.in/yaml/v4"

// A Document is weir.yaml. Every key may be left out. The comments of the fields are what the JSON
// schema and docs/policy.md say of the keys.
type Document struct {
	// What becomes of the inspectors' decisions. In monitor nothing is dropped or altered and
	// events say what would have been done; in prevent it is done.
	Mode Mode `yaml:"mode"`
	// Which packets the firewall diverts to Weir.
	Divert Divert `yaml:"divert"`
	// Addresses and networks whose packets are never diverted: those from which the host is
	// administered. The SSH session that starts Weir is exempt in any case.
	Management []Network `yaml:"management"`
	// What becomes of packets that cannot be inspected as meant.
	Outcomes Outcomes `yaml:"outcomes"`
	// Well-formed packets that are treated as malformed all the same (see outcomes.malformed):
	// those by which hosts behind a filter are reached around it, and those that a receiver discards
	// unless it knows what hardly any knows (unknown_extension: RFC 8200 §4.2, §4.4).
	Refuse []Trait `yaml:"refuse"`
	// What is asked of packets beside being well formed.
	Normalise Normalise `yaml:"normalise"`
	// Ceilings of memory and time. What gives when one is reached is said by outcomes.limit; each
	// time is an event.
	Limits Limits `yaml:"limits"`
	// How flows that nobody looks at any more go back to the kernel.
	Settle Settle `yaml:"settle"`
	// The bits of packet marks and connection marks that are Weir's. Change them only where another
	// program uses the same.
	Marks Marks `yaml:"marks"`
	// The inspectors, each with its own keys. One that is not named is not there; its order among
	// the others is Weir's.
	Inspect map[string]*yaml.Node `yaml:"inspect"`
	// Where events go.
	Events Events `yaml:"events"`
}

// Divert is the block of that name.
type Divert struct {
	// Whose packets: forwarded (those that this host passes on: a router), local (from and to this
	// host itself), or both.
	Traffic Traffic `yaml:"traffic"`
	// NFQUEUE numbers, each with a lane of its own. A pair of hosts stays on one queue.
	Queues Queues `yaml:"queues"`
	// What to divert: what any item selects. An empty list selects everything.
	Select []Selection `yaml:"select"`
	// On which side of the host's own packet filter Weir stands. after_filter sees only what the
	// filter lets pass; auto is that with nftables, and before_filter with iptables. With ipfw and pf
	// the place of the rules decides, and only auto is possible.
	Position Position `yaml:"position"`
	// How rules are written into the kernel; auto takes the best that works. ipfw is
	// FreeBSD's, pf that of FreeBSD or OpenBSD; both divert to a socket and hand no flows back. With bridge,
	// on Linux, no rule diverts: Weir is the wire between two interfaces.
	Backend Backend `yaml:"backend"`
	// The two interfaces between which Weir is the wire, iff the backend is bridge. They have no addresses. queues counts
	// lanes then. Iff both are ports of one bridge of the kernel, that carries what Weir does not, while it is absent.
	Bridge []Interface `yaml:"bridge"`
	// Port of the divert socket, on FreeBSD and OpenBSD. Linux has queues instead.
	Port int `yaml:"port" bounds:"1..65535"`
	// Number of Weir's rules in ipfw; the one before it and the one behind are used too. Rules with lower
	// numbers decide before Weir.
	Rule int `yaml:"rule" bounds:"2..65533"`
}

// A Selection is a kind of conversation, in both directions. Keys that are left out select
// everything.
type Selection struct {
	// Interfaces by which conversations enter, by name or by the beginning of the name with a *.
	// With local traffic in and out together are the interfaces that count. With pf forwarded traffic
	// needs it: the inside interfaces, or a group of them.
	In []Interface `yaml:"in"`
	// Interfaces by which they leave.
	Out []Interface `yaml:"out"`
	// Protocols by name or number.
	Protocols []Protocol `yaml:"protocols"`
	// Ports on the far side; without protocols those of TCP and UDP.
	Ports []Ports `yaml:"ports"`
	// Source or destination is in one of these networks.
	Networks []Network `yaml:"networks"`
	// Neither source nor destination is in one of these.
	Except []Network `yaml:"except"`
}

// Outcomes is the block of that name: an outcome for each way in which inspection can fail.
type Outcomes struct {
	// Nobody listens: Weir is stopped, or was killed with all its processes. While only the worker
	// restarts, packets wait in the kernel and this does not apply.
	Absent Outcome `yaml:"absent"`
	// Flows whose state was lost in a crash of the worker, and which cannot go on being edited.
	Crash Outcome `yaml:"crash"`
	// Packets come faster than they are inspected and the queue is full. Left out it is pass in
	// mode monitor and drop in mode prevent: a packet that passes unread can carry what was to be
	// stopped, and corrupts a flow that is being edited, while one that is dropped is sent again.
	Overload Outcome `yaml:"overload"`
	// Packets that cannot be read one way only: bad headers, bad checksums, contradicting
	// fragments, and what refuse names. Streams that break their protocol, such as a request with two
	// hosts: the whole flow gets this outcome.
	Malformed Outcome `yaml:"malformed"`
	// A ceiling of limits is reached, or one of a protocol: a head of 64 KiB, a third content coding.
	Limit Outcome `yaml:"limit"`
	// Weir itself failed on the packet. Its whole flow gets this outcome.
	Error Outcome `yaml:"error"`
	// An edit that an inspector asked for cannot be made, so the packet still holds what was to be
	// masked.
	Edit Outcome `yaml:"edit"`
}

// Normalise is the block of that name.
type Normalise struct {
	// Hops (TTL, hop limit) that a forwarded packet must have left; what has fewer is dropped, so that nobody can
	// show Weir what dies behind it. Write by how many routers the nearest of the protected hosts lies behind this
	// one, and one more; 0 asks for nothing. ICMP is exempt, and so are multicast and link-local receivers; routers that
	// are nearer no longer show in a traceroute by UDP or TCP. Weir finds most of such fakes without this, by the
	// TTLs of the same connection or datagram.
	MinTTL int `yaml:"min_ttl" bounds:"0..64"`
}

// Limits is the block of that name. Sizes and flows are those of the whole worker; its lanes share
// them evenly.
type Limits struct {
	// Memory that the worker's heap aims to stay below, lists and rules included: near it, memory is collected more often. The other ceilings here are what bounds it.
	Memory Size `yaml:"memory" bounds:"64MiB..1TiB"`
	// Conversations followed at a time, by all lanes together. One costs up to 1 KiB.
	Flows int `yaml:"flows" bounds:"1024..16777216"`
	// When the table of flows is full: evict the oldest half-open one, or refuse the new one. If
	// all are established the new one is refused in any case.
	WhenFull WhenFull `yaml:"when_full"`
	// Memory for fragments that wait for the rest of their datagram. When it is full the oldest
	// datagram gives way.
	Fragments Size `yaml:"fragments" bounds:"256KiB..4GiB"`
	// Fragments of one datagram.
	FragmentPieces int `yaml:"fragment_pieces" bounds:"2..1024"`
	// How long fragments wait, from the first one.
	FragmentTimeout Duration `yaml:"fragment_timeout" bounds:"1s..2m"`
	// Memory for packets that are delayed or held.
	Held Size `yaml:"held" bounds:"256KiB..16GiB"`
	// Edits of one packet.
	Edits int `yaml:"edits" bounds:"1..4096"`
	// Payloads of a flow in which a known protocol is sought; after that the flow counts as dark.
	Recognise int `yaml:"recognise" bounds:"1..64"`
	// Packets that wait in the kernel for each queue; beyond that see outcomes.overload.
	Queue int `yaml:"queue" bounds:"64..1048576"`
	// Memory in which the events of one lane wait for the reporter. When it is full events are lost
	// and counted.
	EventRing Size `yaml:"event_ring" bounds:"64KiB..256MiB"`
	// Silence after which a flow is forgotten.
	Timeouts Timeouts `yaml:"timeouts"`
}

// Timeouts is the block of that name.
type Timeouts struct {
	// TCP before the handshake is over.
	TCPOpening Duration `yaml:"tcp_opening" bounds:"1s..1h"`
	// TCP after it. Less than a keep-alive makes Weir pick up flows in their middle.
	TCPEstablished Duration `yaml:"tcp_established" bounds:"10s..168h"`
	// TCP after both sides have ended, or one has reset.
	TCPClosing Duration `yaml:"tcp_closing" bounds:"1s..1h"`
	// UDP while only one side has spoken.
	UDPOpening Duration `yaml:"udp_opening" bounds:"1s..1h"`
	// UDP once both have.
	UDPEstablished Duration `yaml:"udp_established" bounds:"1s..24h"`
	// Other protocols while only one side has spoken.
	OtherOpening Duration `yaml:"other_opening" bounds:"1s..1h"`
	// Other protocols once both have.
	OtherEstablished Duration `yaml:"other_established" bounds:"1s..24h"`
}

// Settle is the block of that name.
type Settle struct {
	// Whether flows that every inspector has released pass in the kernel from then on, which needs
	// connection tracking. auto: where the kernel can.
	HandBack HandBack `yaml:"hand_back"`
}

// Marks is the block of that name.
type Marks struct {
	// Packet mark of datagrams that Weir sends itself, so that they are not diverted again.
	Injected Mask `yaml:"injected"`
	// Packet mark of what is on its way to a worker.
	Pending Mask `yaml:"pending"`
	// Packet mark of what comes to a worker with an address that NAT has translated, and of datagrams of
	// Weir's own that NAT and connection tracking are to leave alone.
	Translated Mask `yaml:"translated"`
	// Bits of the packet mark by which a verdict hands a flow back: one unbroken run, which numbers
	// the policy.
	Settle Mask `yaml:"settle"`
	// Bits of the connection mark that keep that number: as many.
	Connection Mask `yaml:"connection"`
}

// Events is the block of that name.
type Events struct {
	// Outputs of EVE JSON lines, the format of Suricata. Every event goes to each.
	EVE []EVE `yaml:"eve"`
}

// EVE is one output of events.
type EVE struct {
	// A file by its full path, stdout, unix:/path for a stream socket on which another program
	// listens, or unixgram:/path for a datagram socket.
	To Target `yaml:"to"`
	// When a file is put aside and begun anew. Only for files.
	Rotate Rotate `yaml:"rotate,omitempty"`
}

// Rotate is the block of that name.
type Rotate struct {
	// Size at which the file is rotated.
	Size Size `yaml:"size" bounds:"64KiB..1TiB"`
	// Age at which it is: multiples since 1970 in UTC, so 24h means midnight. 0s means never.
	Age Duration `yaml:"age" bounds:"0s..8760h"`
	// Rotated files that are kept; the oldest goes.
	Keep int `yaml:"keep" bounds:"1..1000"`
}
