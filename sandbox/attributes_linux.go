package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Nobody is the user and group that processes without a user of their own run as.
const Nobody = 65534

// Attributes returns how a parent starts a child with these needs: as its user and group, with no other groups and with no
// capability but the needed one. A child learns of its parent's end over the link between them, not by a signal: it has things to
// finish. A parent without CAP_SETUID, as in a rootless user namespace that maps only its own id, gives that.
func Attributes(n Needs) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if syscall.Getuid() != int(n.User) {
		a.Credential = &syscall.Credential{Uid: n.User, Gid: n.User}
	}
	if n.NetAdmin {
		a.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN}
	}
	return a
}
