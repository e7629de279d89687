//go:build !linux && !freebsd && !openbsd

package sandbox

import "syscall"

// Nobody is the user and group that processes without a user of their own run as.
const Nobody = 65534

// Attributes returns how a parent starts a child: as its user and group.
func Attributes(n Needs) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if syscall.Getuid() != int(n.User) {
		a.Credential = &syscall.Credential{Uid: n.User, Gid: n.User}
	}
	return a
}

// Enter reports that this system has no means that are used.
func Enter(Needs) (Report, error) {
	return Report{Missing: []string{"On this system a process is restricted by its user id alone."}}, nil
}

func (Report) means() []means { return nil }

// Probe tries nothing on this system.
func Probe() []Attempt { return nil }
