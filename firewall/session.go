package firewall

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Session is a TCP session through which the host is administered. It is exempted
// for every port of its client, so that the owner can come back after a break.
type Session struct {
	Client     netip.Addr
	Server     netip.Addr
	ServerPort uint16
}

// ParseSession reads the value of the environment variable SSH_CONNECTION (sshd(8)):
// client address, client port, server address, server port, separated by spaces. Zones
// are taken off and IPv4-mapped addresses undone, as packets show them. ok is false
// for an empty value: there is no such session.
func ParseSession(sshConnection string) (s Session, ok bool, err error) {
	f := strings.Fields(sshConnection)
	if len(f) == 0 {
		return Session{}, false, nil
	}
	if len(f) != 4 {
		return Session{}, false, fmt.Errorf("firewall: SSH_CONNECTION %q: want client address, port, server address, port", sshConnection)
	}
	client, err := netip.ParseAddr(f[0])
	if err != nil {
		return Session{}, false, fmt.Errorf("firewall: SSH_CONNECTION: client address: %w", err)
	}
	server, err := netip.ParseAddr(f[2])
	if err != nil {
		return Session{}, false, fmt.Errorf("firewall: SSH_CONNECTION: server address: %w", err)
	}
	if _, err := strconv.ParseUint(f[1], 10, 16); err != nil {
		return Session{}, false, fmt.Errorf("firewall: SSH_CONNECTION: client port: %w", err)
	}
	port, err := strconv.ParseUint(f[3], 10, 16)
	if err != nil || port == 0 {
		return Session{}, false, fmt.Errorf("firewall: SSH_CONNECTION: server port %q is not a port", f[3])
	}
	s = Session{Client: client.Unmap().WithZone(""), Server: server.Unmap().WithZone(""), ServerPort: uint16(port)}
	if s.Client.Is4() != s.Server.Is4() {
		return Session{}, false, fmt.Errorf("firewall: SSH_CONNECTION %q mixes address families", sshConnection)
	}
	return s, true, nil
}
