package sim

import (
	"net/netip"
	"time"
)

// A Part is what a real host is to do in place of an end.
type Part struct {
	V6     bool
	Client bool // it calls
	Script []Act
	Data   []byte // whatever its application will ever write

	MSS     int  // that it announces
	Room    int  // bytes of the receive buffer, as near as it can
	NoDelay bool // it does not wait for full segments (RFC 9293 §3.7.4)

	ReadMost, ReadPause int // a slow reader: bytes, milliseconds; 0: reads at once
}

// A Host is a real TCP in place of one end: what it does follows from no seed, and takes real time.
type Host interface {
	// Path returns the addresses of client and server, one of which is the host's.
	Path() (client, server netip.AddrPort)
	// Now is the time since Start, at which it is one second.
	Now() time.Duration
	// Start has the application begin.
	Start()
	// Send gives the host a datagram, which it does not keep.
	Send(b []byte)
	// Wait returns the next datagram of the host, valid until the next call. It returns nil when d is over, and
	// when Done has become true.
	Wait(d time.Duration) []byte
	// Done reports whether the application has come to its end.
	Done() bool
	// Close ends the application, if need be, and returns what came of it: what it has read, how much it has
	// written, and how the connection has ended for it.
	Close() (read []byte, wrote int, how Ending)
}

// realPatience is how long a connection of a real host may take.
const realPatience = 100 * time.Second

// hostSilence is for how long a host says nothing that has nothing to say: longer than until most retransmissions.
const hostSilence = 15 * time.Second

func (n *network) patience() time.Duration {
	if n.host != nil {
		return realPatience
	}
	return patience
}

// hasten makes a scenario one that takes little real time, and that a host's network can play.
func (s *scenario) hasten() {
	for i := range s.hops {
		h := &s.hops[i]
		h.delay, h.jitter = h.delay/10, h.jitter/10
		h.loss = min(h.loss, 8)
	}
	for who := range s.scripts {
		for i := range s.scripts[who] {
			if a := &s.scripts[who][i]; a.Op == OpSleep {
				a.N = (a.N + 9) / 10
			}
		}
		h := &s.habits[who]
		h.readPause = (h.readPause + 9) / 10
		if h.keep > 0 { // Linux sets its persist timer anew at each segment that it gets, and may never come to probe
			h.keep = max(h.keep, 5*time.Second)
		}
	}
	s.limits.Hold = min(s.limits.Hold, 500*time.Millisecond)
	s.narrow = 0 // nobody tells a host by ICMP
}

// replace puts a real host in the place of an end.
func (n *network) replace(who int, s *scenario, host func(Part) Host) {
	h := &s.habits[who]
	n.real = who
	n.host = host(Part{
		V6: s.v6, Client: who == 0, Script: s.scripts[who], Data: s.data[who],
		MSS: h.mss, Room: h.room, NoDelay: !h.nagle, ReadMost: h.readMost, ReadPause: h.readPause,
	})
	p := newPath(s.v6, first(n.host.Path()), second(n.host.Path()))
	n.path = &p
}

func first(a, _ netip.AddrPort) netip.AddrPort  { return a }
func second(_, b netip.AddrPort) netip.AddrPort { return b }

// elapseReal is elapse in the time of the host.
func (n *network) elapseReal(at time.Duration, ok bool, until time.Duration) bool {
	n.now = max(n.now, n.host.Now())
	if ok && at <= n.now {
		n.do(n.take())
		return true
	}
	if n.now >= until {
		return false
	}
	wake := until
	if ok {
		wake = min(wake, at)
	}
	if b := n.host.Wait(wake - n.now); b != nil {
		n.now = max(n.now, n.host.Now())
		n.hear(b)
	}
	return true
}

// hear takes in a datagram of the real host.
func (n *network) hear(b []byte) {
	n.packets++
	n.heard = n.now
	s := &n.scratch
	if err := n.path.decode(b, s); err != nil {
		n.problem("the host sent %v", err)
		return
	}
	if s.has(syn) {
		n.ends[n.real].iss = s.seq // for the trace
	}
	n.tell(names[n.real]+" >", n.real, s)
	n.launch(hopUp+n.real, b)
}

// dismiss takes down what came of the real host's connection.
func (n *network) dismiss() {
	if n.host == nil {
		return
	}
	e := &n.ends[n.real]
	e.in, e.wrote, e.ending = n.host.Close()
	e.rcvd = len(e.in)
	if e.ending != Unended {
		e.phase = phaseOver
	}
}
