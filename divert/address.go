package divert

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxQueues bounds the queues of one socket. More belong on several sockets, one to a
// lane.
const maxQueues = 64

const schemes = "nfqueue:0, nfqueue:0-3, pcap:in.pcap, pcap:in.pcap>out.pcap, fake:"

// Open opens the divert socket that the address names:
//
//	nfqueue:0          Linux NFQUEUE number 0
//	nfqueue:0-3        queues 0 to 3 on one socket
//	pcap:in>out        a capture file (pcap or pcapng); what is accepted goes to out (pcap)
//	pcap:in            the same, and nothing is written
//	fake:              a model queue in memory; Conn.Socket is a *Fake
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
		return openNFQueue(address, opts)
	case scheme == "pcap":
		return openPcap(rest, opts)
	case scheme == "fake" && rest == "":
		return NewFake(opts...), nil
	case scheme == "fake":
		return nil, fmt.Errorf("divert: address %q: nothing may follow \"fake:\"", address)
	case scheme == "divert":
		return nil, fmt.Errorf("divert: address %q: divert sockets exist on FreeBSD and OpenBSD and are not supported yet (on Linux write nfqueue:0)", address)
	}
	return nil, fmt.Errorf("divert: address %q: unknown scheme %q (write one of %s)", address, scheme, schemes)
}

// Lanes splits an address into one address for each lane that can work on its own:
// "nfqueue:0-3" into four, any other address into itself.
func Lanes(address string) ([]string, error) {
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
