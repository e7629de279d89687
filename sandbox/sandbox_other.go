//go:build !linux

package sandbox

import "syscall"

// Nobody is the user and group that processes without a user of their own run as.
const Nobody = 65534

// Attributes returns how a parent starts a child: as user and group id.
func Attributes(_ Needs, id uint32) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if syscall.Getuid() != int(id) {
		a.Credential = &syscall.Credential{Uid: id, Gid: id}
	}
	return a
}

// Enter reports that this system's own means are not used yet.
func Enter(Needs) (Report, error) {
	return Report{Missing: []string{"On this system a process is restricted by its user id alone."}}, nil
}

// Probe tries nothing on this system.
func Probe() []Attempt { return nil }
