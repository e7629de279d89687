// Package evade makes evasions of packet inspection, each under a name: what a sender does to have a
// receiver read what nobody on the way has recognised. They are the rows I1 to I12 (IP), T1 to T29
// (TCP) and A1 to A9 (applications) of the list that Weir is held against.
//
// An Attempt speaks IP and TCP itself, over a Link, to a receiver that is not part of it: a real
// kernel's stack (package lab/evade), or the Model of one here. It tries to deliver a Text that holds
// a word which is forbidden. Whether that worked is for the receiver's application to say, by the
// bytes that it has read.
//
// Its law: dropping everything proves nothing. Each attempt has a twin, the same manipulation of a
// text without the word, which must arrive as it would have without inspection; and it counts only
// if it works where nobody inspects. What a receiver cannot take (a wrong checksum, a place in no
// window) carries other bytes in the twin too. Where two contradicting copies of the same bytes are
// both such that a receiver may take them, nobody on the way can know which was meant, and in the
// twin both copies agree (Attempt.Either).
//
// It knows no clock: a Link says how time passes. It does not follow congestion control, and what it
// sends again it sends a few times only.
package evade

import (
	"net/netip"
	"time"
)

// A Link carries the datagrams of one conversation.
type Link interface {
	// Send sends a datagram from the attempt's side.
	Send(datagram []byte)
	// Back sends a datagram from the receiver's side, as somebody there would who forges its address.
	Back(datagram []byte)
	// Recv waits for the next datagram that comes for the conversation, and returns nil if none does
	// within wait. It is also how time passes.
	Recv(wait time.Duration) []byte
	// Divert begins the inspection of an attempt that is Late.
	Divert()
}

// A Path is the two ends of a conversation, of one family.
type Path struct {
	Me, Peer netip.AddrPort
	ID       uint32 // identification of the first datagram; the next seven are for the attempt too
}

func (p Path) v4() bool { return p.Me.Addr().Is4() }

// Family is an IP version.
type Family uint8

// The families.
const (
	IPv4 Family = 1 << iota
	IPv6
	Both = IPv4 | IPv6
)

// String is the version's name.
func (f Family) String() string { return map[Family]string{IPv4: "IPv4", IPv6: "IPv6"}[f] }

// An Attempt is one evasion.
type Attempt struct {
	Row      string // of the list: "T10"
	Name     string // within the row
	Families Family
	UDP      bool // the receiver is a datagram socket, otherwise a TCP one
	Reverse  bool // the attempt is the server, and the receiver the client
	Either   bool // contradicting copies of the text are such that the receiver may take either
	Slow     bool // takes seconds

	App     App  // what the receiving application speaks
	OddPort bool // not on the port that is for that
	Secret  bool // the text holds a card number, and no word

	// What the receiver, or the place of inspection, is to be like.
	FastOpen bool          // it takes data in a SYN
	Signed   bool          // it wants RFC 2385 signatures, made with SignKey
	Lazy     time.Duration // its application does not read before
	Late     bool          // inspection begins when the Link is told
	OneWay   bool          // only what the attempt sends comes to inspection
	Floor    bool          // inspection drops what has too few hops left for the receiver
	Crowded  bool          // inspection has room for CrowdedFlows flows
	Tunnel   bool          // it takes datagrams out of others (IP in IP)

	// NoTwin says why no honest sender does the same: there is nothing that must arrive.
	NoTwin string

	// Open says why the attempt still passes, or breaks its twin: it is known, and not mended yet.
	Open string

	// Inline says that the twin may arrive with its urgent byte among the others, which is what
	// inspection has made of it.
	Inline bool

	fragments bool // it sends some
	steps     []step
}

// SignKey is the key of Attempt.Signed.
const SignKey = "not a secret"

// CrowdedFlows is how many flows fit where an Attempt is Crowded.
const CrowdedFlows = 128

// A step is one thing that an attempt does.
type step func(*talk)

// Play makes the attempt. It returns when it is over, or will not come to anything.
func (a *Attempt) Play(link Link, path Path, text Text) {
	t := &talk{link: link, path: path, text: text, attempt: a, iss: defaultISN, window: 65535, id: path.ID, chunk: chunk}
	for _, s := range a.steps {
		if t.broken {
			return
		}
		s(t)
	}
}

// All returns every attempt.
func All() []Attempt {
	var all []Attempt
	for _, rows := range []func() []Attempt{fragments, headers, tunnels, openings, segments, overlaps, closings, applications} {
		all = append(all, rows()...)
	}
	return all
}

// Fragments reports whether the attempt is about fragments, which connection tracking puts together.
func (a *Attempt) Fragments() bool { return a.fragments }
