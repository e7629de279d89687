package main

import (
	"encoding/binary"
	"net"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// How doctor asks the kernel what no file tells.

// listTables returns "table chain" of all nft chains, and "table " of tables without; nil if they cannot be read.
func listTables() []string {
	c, err := nftables.New()
	if err != nil {
		return nil
	}
	tables, err := c.ListTables()
	if err != nil {
		return nil
	}
	out := []string{}
	for _, t := range tables {
		out = append(out, t.Name+" ")
	}
	chains, err := c.ListChains()
	if err != nil {
		return out
	}
	for _, ch := range chains {
		out = append(out, ch.Table.Name+" "+ch.Name)
	}
	return out
}

// A fwmark is what a policy routing rule compares packet marks with.
type fwmark struct{ mark, mask uint32 }

// listFwmarks returns the marks of all routing rules that look at them (rtnetlink(7), RTM_GETRULE).
func listFwmarks() []fwmark {
	dump, err := syscall.NetlinkRIB(unix.RTM_GETRULE, unix.AF_UNSPEC)
	if err != nil {
		return nil
	}
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return nil
	}
	var out []fwmark
	for _, m := range messages {
		if m.Header.Type != unix.RTM_NEWRULE {
			continue
		}
		if r, ok := parseRule(m.Data); ok {
			out = append(out, r)
		}
	}
	return out
}

// parseRule reads a struct fib_rule_hdr and the attributes behind it. ok is false for a rule that does not look at marks.
func parseRule(b []byte) (r fwmark, ok bool) {
	const header = 12
	r.mask = 0xffffffff
	for b = b[min(header, len(b)):]; len(b) >= 4; {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			break
		}
		if value := b[4:n]; len(value) == 4 {
			switch binary.NativeEndian.Uint16(b[2:]) {
			case unix.FRA_FWMARK:
				r.mark, ok = binary.NativeEndian.Uint32(value), true
			case unix.FRA_FWMASK:
				r.mask = binary.NativeEndian.Uint32(value)
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return r, ok
}

// listOffloads asks the interfaces that are up, but for the loopback.
func listOffloads() []linkOffloads {
	ifs, err := net.Interfaces()
	if err != nil {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var out []linkOffloads
	for _, i := range ifs {
		if i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		const lro = 1 << 15 // ETH_FLAG_LRO
		out = append(out, linkOffloads{
			name: i.Name, gro: ethtool(fd, i.Name, unix.ETHTOOL_GGRO) != 0, tso: ethtool(fd, i.Name, unix.ETHTOOL_GTSO) != 0,
			lro: ethtool(fd, i.Name, unix.ETHTOOL_GFLAGS)&lro != 0,
		})
	}
	return out
}

// ethtool makes a request that is answered by a struct ethtool_value; 0 if it is refused.
func ethtool(fd int, name string, command uint32) uint32 {
	value := struct{ command, data uint32 }{command: command}
	var request struct { // struct ifreq
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	request.data = unsafe.Pointer(&value)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	runtime.KeepAlive(&value)
	if errno != 0 {
		return 0
	}
	return value.data
}
