//go:build freebsd || openbsd

package sandbox

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Nobody is the user and group that processes without a user of their own run as.
const Nobody = 65534

// emptyRoot is a directory with nothing in it, which both systems have for this (hier(7)).
const emptyRoot = "/var/empty"

// Attributes returns how a parent starts a child with these needs: as its user and group, with no other groups. One that is to
// have no files starts as the parent's user, and becomes its own in Enter: chroot(2) is root's. A child learns of its parent's
// end over the link between them, not by a signal: it has things to finish.
func Attributes(n Needs) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if !n.Empty && syscall.Getuid() != int(n.User) {
		a.Credential = &syscall.Credential{Uid: n.User, Gid: n.User}
	}
	return a
}

// Enter gives up what the process does not need, for good. Credentials, root directory and limits are those of the whole process
// on these systems, so that it may be called on any thread. An error means that the process must not go on; a feature that the
// kernel lacks is no error but stands in the report.
func Enter(n Needs) (Report, error) {
	var r Report
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return r, fmt.Errorf("sandbox: switch off core dumps: %w", err)
	}
	if n.Empty {
		if err := leaveFiles(&r); err != nil {
			return r, err
		}
	}
	if err := become(n.User); err != nil {
		return r, err
	}
	return r, confine(n, &r)
}

// leaveFiles makes an empty directory the root. Who is not root has to do without.
func leaveFiles(r *Report) error {
	if unix.Geteuid() != 0 {
		r.Missing = append(r.Missing, "Weir was not started as root, so that files are kept out of reach by the user id alone.")
		return nil
	}
	if err := unix.Chroot(emptyRoot); err != nil {
		return fmt.Errorf("sandbox: chroot %s: %w", emptyRoot, err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("sandbox: chdir: %w", err)
	}
	r.Chroot = true
	return nil
}

// become makes the process a user's, all its ids, and proves that there is no way back.
func become(user uint32) error {
	id := int(user)
	if unix.Geteuid() == 0 && id != 0 {
		if err := unix.Setgroups([]int{id}); err != nil {
			return fmt.Errorf("sandbox: give up groups: %w", err)
		}
		if err := unix.Setresgid(id, id, id); err != nil {
			return fmt.Errorf("sandbox: become group %d: %w", id, err)
		}
		if err := unix.Setresuid(id, id, id); err != nil {
			return fmt.Errorf("sandbox: become user %d: %w", id, err)
		}
	}
	switch {
	case id == 0:
		return fmt.Errorf("sandbox: user 0 is root: name another")
	case unix.Getuid() != id || unix.Geteuid() != id:
		return fmt.Errorf("sandbox: process runs as user %d, not %d", unix.Geteuid(), id)
	case unix.Setuid(0) == nil:
		return fmt.Errorf("sandbox: process of user %d can become root again", id)
	}
	return nil
}

// Probe tries nothing on this system.
func Probe() []Attempt { return nil }
