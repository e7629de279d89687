package lab

import (
	"crypto/ecdh"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A wireGuard is what the kernel has to know of one end of a tunnel that all packets may take.
type wireGuard struct {
	port  uint16
	key   *ecdh.PrivateKey
	peer  *ecdh.PublicKey
	where netip.AddrPort // of the peer; IPv4
}

// Commands and attributes of the generic netlink family (linux/wireguard.h).
const (
	wgSetDevice = 1
	wgVersion   = 1

	wgDeviceIfname, wgDevicePrivateKey, wgDevicePort, wgDevicePeers = 2, 3, 6, 8

	wgPeerPublicKey, wgPeerEndpoint, wgPeerAllowed = 1, 4, 9

	wgAllowedFamily, wgAllowedAddr, wgAllowedBits = 1, 2, 3
)

// configure tells the interface of that name in the present namespace.
func (w wireGuard) configure(name string) error {
	family, err := netlink.GenlFamilyGet("wireguard")
	if err != nil {
		return fmt.Errorf("wireguard: %w", err)
	}
	peers := nl.NewRtAttr(wgDevicePeers|unix.NLA_F_NESTED, nil)
	peer := peers.AddRtAttr(unix.NLA_F_NESTED, nil)
	peer.AddRtAttr(wgPeerPublicKey, w.peer.Bytes())
	peer.AddRtAttr(wgPeerEndpoint, w.endpoint())
	allowed := peer.AddRtAttr(wgPeerAllowed|unix.NLA_F_NESTED, nil)
	for _, all := range []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")} {
		v := uint16(unix.AF_INET6)
		if all.Addr().Is4() {
			v = unix.AF_INET
		}
		a := allowed.AddRtAttr(unix.NLA_F_NESTED, nil)
		a.AddRtAttr(wgAllowedFamily, binary.NativeEndian.AppendUint16(nil, v))
		a.AddRtAttr(wgAllowedAddr, all.Addr().AsSlice())
		a.AddRtAttr(wgAllowedBits, []byte{byte(all.Bits())})
	}
	r := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_ACK)
	for _, d := range []nl.NetlinkRequestData{
		&nl.Genlmsg{Command: wgSetDevice, Version: wgVersion},
		nl.NewRtAttr(wgDeviceIfname, nl.ZeroTerminated(name)),
		nl.NewRtAttr(wgDevicePrivateKey, w.key.Bytes()),
		nl.NewRtAttr(wgDevicePort, binary.NativeEndian.AppendUint16(nil, w.port)),
		peers,
	} {
		r.AddData(d)
	}
	if _, err := r.Execute(unix.NETLINK_GENERIC, 0); err != nil {
		return fmt.Errorf("wireguard: configure %s: %w", name, err)
	}
	return nil
}

// endpoint is a struct sockaddr_in.
func (w wireGuard) endpoint() []byte {
	b := binary.NativeEndian.AppendUint16(nil, unix.AF_INET)
	b = binary.BigEndian.AppendUint16(b, w.where.Port())
	b = append(b, w.where.Addr().AsSlice()...)
	return append(b, make([]byte, 8)...)
}
