package divert

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// maxQueues bounds the queues of one socket. More belong on several sockets, one to a
// lane.
const maxQueues = 64

const schemes = "nfqueue:0, nfqueue:0-3, bridge:eth0,eth1, divert:700, pcap:in.pcap, pcap:in.pcap>out.pcap, fake:"

// Open opens the divert socket that the address names:
//
//	nfqueue:0          Linux NFQUEUE number 0
//	nfqueue:0-3        queues 0 to 3 on one socket
//	bridge:eth0,eth1   Linux: all that one Ethernet interface receives, on its way out of the other, both directions
//	bridge:eth0,eth1/2of4  one lane of four between them; Lanes splits bridge:eth0,eth1/4
//	divert:700         port 700 of divert(4), on FreeBSD and OpenBSD
//	divert:700,pf      the same where FreeBSD's pf diverts (divert-to); without it ipfw does
//	divert:700,in      the same; the rules send there what comes in, and nothing else
//	divert:701,out     the same; what goes out
//	pcap:in>out        a capture file (pcap or pcapng); what is accepted goes to out (pcap)
//	pcap:in            the same, and nothing is written
//	fake:              a model queue in memory; Conn.Socket is a *Fake
//	fake:openbsd       a model of OpenBSD's divert socket; Conn.Socket is a *Model; also fake:freebsd-ipfw and fake:freebsd-pf
//	fake:openbsd@/path the same, of a kernel that another process plays there (ServeModel)
//
// The error says what failed, where, and what to do about it.
func Open(address string, opts ...Option) (*Conn, error) {
	s, err := OpenSocket(address, opts...)
	if err != nil {
		return nil, err
	}
	return NewConn(s, opts...), nil
}

// OpenSocket is Open for those who work in batches.
func OpenSocket(address string, opts ...Option) (Socket, error) {
	scheme, rest, found := strings.Cut(address, ":")
	switch {
	case !found:
		return nil, fmt.Errorf("divert: address %q has no scheme (write one of %s)", address, schemes)
	case scheme == "nfqueue":
		return openWhole(address, opts)
	case scheme == "bridge":
		return openBridge(address, rest, configure(opts))
	case scheme == "fake" && strings.Contains(rest, "@"):
		return openWire(address, rest, configure(opts))
	case scheme == "pcap":
		return openPcap(rest, opts)
	case scheme == "fake" && rest == "":
		return NewFake(opts...), nil
	case scheme == "fake":
		m, err := NewModel(rest, opts...)
		if err != nil {
			return nil, fmt.Errorf("divert: address %q: %w", address, err)
		}
		return m, nil
	case scheme == "divert":
		return openDivert(address, rest, opts)
	}
	return nil, fmt.Errorf("divert: address %q: unknown scheme %q (write one of %s)", address, scheme, schemes)
}

// openWhole binds and attaches in one process.
func openWhole(address string, opts []Option) (Socket, error) {
	b, err := Bind(address, opts...)
	if err != nil {
		return nil, err
	}
	s, err := Attach(address, b.Caps, b.Files(), opts...)
	if err != nil {
		b.Close()
	}
	return s, err
}

// openDivert opens the divert socket of this machine.
func openDivert(address, rest string, opts []Option) (Socket, error) {
	at, sys, err := divertAt(address, rest)
	if err != nil {
		return nil, err
	}
	s, err := openDivertSocket(sys, at, configure(opts))
	if err != nil {
		return nil, fmt.Errorf("divert: address %q: %w", address, err)
	}
	return s, nil
}

// divertAt returns what an address means, and this machine.
func divertAt(address, rest string) (at divertPort, sys system, err error) {
	if at, err = parseDivert(rest, machineDialect[runtime.GOOS]); err == nil {
		sys, err = openMachine()
	}
	if err != nil {
		return at, nil, fmt.Errorf("divert: address %q: %w", address, err)
	}
	return at, sys, nil
}

// parseDivert reads what follows "divert:". by is the dialect if the address does not say.
func parseDivert(s, by string) (at divertPort, err error) {
	number, more, found := strings.Cut(s, ",")
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil || port == 0 {
		return at, fmt.Errorf("%q is no divert port (write a number from 1 to 65535, such as divert:700)", number)
	}
	at.port = uint16(port)
	if !found {
		at.dialect = dialects[by]
		return at, nil
	}
	for word := range strings.SplitSeq(more, ",") {
		switch {
		case word == "in" && at.toward == eitherWay:
			at.toward = goingIn
		case word == "out" && at.toward == eitherWay:
			at.toward = goingOut
		case (word == "pf" || word == "ipfw") && (by == "freebsd-ipfw" || by == ""):
			by = "freebsd-" + word
		case word == "pf" && by == "openbsd":
		default:
			return at, fmt.Errorf("%q cannot stand there (write in or out, and on FreeBSD pf or ipfw: divert:700,pf,in)", word)
		}
	}
	at.dialect = dialects[by]
	return at, nil
}

// Lanes splits an address into one address for each lane that can work on its own:
// "nfqueue:0-3" and "bridge:eth0,eth1/4" into four, any other address into itself.
func Lanes(address string) ([]string, error) {
	if rest, ok := strings.CutPrefix(address, "bridge:"); ok {
		lanes, err := bridgeLanes(rest)
		if err != nil {
			return nil, fmt.Errorf("divert: address %q: %w", address, err)
		}
		return lanes, nil
	}
	rest, ok := strings.CutPrefix(address, "nfqueue:")
	if !ok {
		return []string{address}, nil
	}
	first, last, err := queueRange(rest)
	if err != nil {
		return nil, fmt.Errorf("divert: address %q: %w", address, err)
	}
	lanes := make([]string, 0, int(last)-int(first)+1)
	for q := int(first); q <= int(last); q++ {
		lanes = append(lanes, "nfqueue:"+strconv.Itoa(q))
	}
	return lanes, nil
}

var errQueueRange = errors.New("want a queue number from 0 to 65535, or a range like 0-3")

func queueRange(s string) (first, last uint16, err error) {
	lo, hi, ranged := strings.Cut(s, "-")
	if !ranged {
		hi = lo
	}
	a, err1 := strconv.ParseUint(lo, 10, 16)
	b, err2 := strconv.ParseUint(hi, 10, 16)
	switch {
	case err1 != nil || err2 != nil:
		return 0, 0, errQueueRange
	case b < a:
		return 0, 0, fmt.Errorf("queue range %s runs backwards (write %d-%d)", s, b, a)
	case b-a >= maxQueues:
		return 0, 0, fmt.Errorf("%d queues are more than one socket takes (%d)", b-a+1, maxQueues)
	}
	return uint16(a), uint16(b), nil
}
