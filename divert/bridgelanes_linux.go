package divert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// The lanes of a bridge are a fanout group on each interface (packet(7), PACKET_FANOUT), to whose members the kernel gives the
// frames by a program of ours. It goes by the address pair, the same for both directions, as NFQUEUE does; ports are left out, since fragments
// have none: so all pieces of a datagram are in the lane of its conversation. What is no IP, or behind two VLAN tags, is in the
// first. A bridge of one lane is a group too, since a group has room for so many lanes and no more: nobody opens a bridge twice.

// lanesHash is odd, and differs between processes: from outside it cannot be known what shares a lane.
var lanesHash = rand.Uint32() | 1

// spread carries every bit of a product up to those that choose the lane: one with lanesHash alone leaves the last bits of addresses, which are all
// in which the hosts of a network differ, below them for one hash in a hundred. It is of MurmurHash3's last step.
const spread = 0x85ebca6b

// joinLanes makes the socket one of its interface's lanes.
func joinLanes(fd int, p *bridgePort, a bridgeAddress) error {
	id, kind := uint16(p.Index), uint16(unix.PACKET_FANOUT_CBPF|unix.PACKET_FANOUT_FLAG_IGNORE_OUTGOING)
	err := joinGroup(fd, id, kind, a.lanes)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.10 the flag is not known
		err = joinGroup(fd, id, unix.PACKET_FANOUT_CBPF, a.lanes)
	}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EALREADY), errors.Is(err, unix.EINVAL):
		return takenError{fmt.Errorf("bridge: interface %s: fanout group %d: %w (another program reads there, perhaps another weir: ss -0p shows which)", p.Name, id, err)}
	case err != nil:
		return fmt.Errorf("bridge: interface %s: PACKET_FANOUT: %w", p.Name, err)
	case a.lanes == 1:
		return nil // without a program all frames go to the first
	}
	prog := laneProgram(lanesHash)
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, &unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}); err != nil {
		return fmt.Errorf("bridge: interface %s: PACKET_FANOUT_DATA: %w", p.Name, err)
	}
	return nil
}

// joinGroup joins or makes the group. Before Linux 5.11 it cannot be said how many members it has at most.
func joinGroup(fd int, id, kind uint16, most int) error {
	var args [8]byte // struct fanout_args
	word := uint32(id) | uint32(kind)<<16
	binary.NativeEndian.PutUint32(args[:], word)
	binary.NativeEndian.PutUint32(args[4:], uint32(most))
	err := unix.SetsockoptString(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, string(args[:]))
	if errors.Is(err, unix.EINVAL) {
		return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, int(int32(word)))
	}
	return err
}

// laneProgram hashes the addresses of IPv4 and IPv6; the kernel takes the rest of what it returns by the number of lanes.
func laneProgram(hash uint32) []unix.SockFilter {
	const protocol = 0xfffff000 // SKF_AD_OFF + SKF_AD_PROTOCOL
	load := func(off uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: off}
	}
	sum := func(from, words uint32) (p []unix.SockFilter) {
		p = append(p, load(from))
		for i := uint32(1); i < words; i++ {
			p = append(p, unix.SockFilter{Code: unix.BPF_MISC | unix.BPF_TAX}, load(from+4*i), unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_XOR | unix.BPF_X})
		}
		return append(p,
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_MUL | unix.BPF_K, K: hash},
			unix.SockFilter{Code: unix.BPF_MISC | unix.BPF_TAX},
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K, K: 16},
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_XOR | unix.BPF_X},
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_MUL | unix.BPF_K, K: spread},
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K, K: 16},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_A})
	}
	only := func(ether uint32, then []unix.SockFilter) []unix.SockFilter {
		return append([]unix.SockFilter{{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: ether, Jf: uint8(len(then))}}, then...)
	}
	p := []unix.SockFilter{load(protocol)}
	p = append(p, only(etherIPv4, sum(12, 2))...)
	p = append(p, only(etherIPv6, sum(8, 8))...)
	return append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K})
}
