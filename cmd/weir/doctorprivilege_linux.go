package main

import (
	"fmt"
	"strings"

	"github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// What doctor finds about privileges, and about giving them up.

func lookCapabilities(e *evidence) []finding {
	var lacks []string
	for _, c := range []struct {
		bit  int
		name string
	}{
		{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {unix.CAP_NET_RAW, "CAP_NET_RAW"}, {unix.CAP_SETUID, "CAP_SETUID"}, {unix.CAP_SETGID, "CAP_SETGID"},
	} {
		if !e.has(c.bit) {
			lacks = append(lacks, c.name)
		}
	}
	f := finding{Name: "capabilities", Mark: markOK, Text: fmt.Sprintf("user %d has what weir run needs", e.uid)}
	if len(lacks) > 0 {
		f.Mark, f.Text = markWarn, fmt.Sprintf("user %d lacks %s", e.uid, strings.Join(lacks, ", "))
		if !e.has(unix.CAP_NET_ADMIN) {
			f.Mark = markMissing
		}
		f.Hint = []string{"run weir as root: it gives up what it does not need"}
	}
	return []finding{f}
}

// lookUserNamespaces is about weir demo without root.
func lookUserNamespaces(e *evidence) []finding {
	const name = "without root"
	if e.probe.UserNS && e.probe.Bound {
		return []finding{{Name: name, Mark: markOK, Text: "user namespaces work: weir demo needs no root"}}
	}
	for _, s := range []struct{ file, bad, key, good string }{
		{"/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces", "10000"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone", "1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns", "0"},
	} {
		if e.read(s.file) == s.bad {
			return []finding{{
				Name: name, Mark: markNote, Text: fmt.Sprintf("%s is %s: ordinary users can make no network namespace, so weir demo needs root", s.key, s.bad),
				Hint: []string{"sudo weir demo", fmt.Sprintf("or: sudo sysctl -w %s=%s", s.key, s.good)},
			}}
		}
	}
	if e.exists("/proc/self/ns/user") && (e.probe.Bound || e.has(unix.CAP_SYS_ADMIN)) {
		return []finding{{Name: name, Mark: markOK, Text: "ordinary users may make user namespaces: weir demo needs no root"}}
	}
	return []finding{{Name: name, Mark: markNote, Text: "user namespaces do not work for this user: weir demo needs root", Hint: []string{"sudo weir demo"}}}
}

// lookConfinement is about what the worker is locked up with.
func lookConfinement(e *evidence) []finding {
	out := []finding{either(seccomp.Supported(), finding{Name: "seccomp", Text: "the worker's system calls will be filtered"},
		finding{Mark: markWarn, Text: "this kernel filters no system calls (CONFIG_SECCOMP_FILTER): the worker is confined by its user alone"})}
	const full = 7
	f := finding{Name: "Landlock", Mark: markOK, Text: fmt.Sprintf("version %d: the worker will reach no file and no address", e.landlock)}
	switch {
	case e.landlock == 0:
		f.Mark, f.Text = markWarn, "not there: files are kept from the worker by its user and the system call filter alone"
		f.Hint = []string{"add landlock to lsm= on the kernel's command line (CONFIG_SECURITY_LANDLOCK)"}
	case e.landlock < full:
		f.Text = fmt.Sprintf("version %d: the worker will reach no file; newer kernels restrict more", e.landlock)
	}
	return append(out, f)
}
