package lab

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The offloads that plainPackets turns off, by their ethtool commands (linux/ethtool.h), in an
// order that the kernel takes: what depends on checksum offload first.
var offloads = []struct {
	name string
	set  uint32
}{
	{"tso", unix.ETHTOOL_STSO}, {"gso", unix.ETHTOOL_SGSO}, {"gro", unix.ETHTOOL_SGRO}, {"tx", unix.ETHTOOL_STXCSUM},
}

// plainPackets turns the offloads of the node's interfaces off.
func (n *Node) plainPackets() error {
	return n.links(func(name string, _ int) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, o := range offloads {
			if err := ethtool(fd, name, o.set, 0); err != nil {
				return fmt.Errorf("turn off %s: %w", o.name, err)
			}
		}
		return nil
	})
}

// ethtool sets one value (struct ethtool_value) by SIOCETHTOOL.
func ethtool(fd int, name string, command, value uint32) error {
	data := struct{ command, value uint32 }{command, value}
	request := struct { // struct ifreq
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&data)}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}
