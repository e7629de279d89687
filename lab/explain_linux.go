package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// An obstacle is a setting that keeps ordinary users from making namespaces.
type obstacle struct {
	setting string // below /proc/sys
	value   string // that stands in the way
	why     string
}

var obstacles = []obstacle{
	{"user/max_user_namespaces", "0", "this system allows no user namespaces (sysctl user.max_user_namespaces is 0)"},
	{"user/max_net_namespaces", "0", "this system allows no network namespaces (sysctl user.max_net_namespaces is 0)"},
	{"kernel/unprivileged_userns_clone", "0", "user namespaces are for root alone here (sysctl kernel.unprivileged_userns_clone is 0)"},
	{"kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor takes the power from user namespaces of ordinary users (sysctl kernel.apparmor_restrict_unprivileged_userns is 1, as in Ubuntu since 24.04)"},
}

// explain adds to an error of permission, or of a namespace that cannot be had, what on this system
// is the reason.
func explain(err error) error {
	var reason string
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		reason = "too many namespaces exist already (sysctl user.max_user_namespaces, user.max_net_namespaces)"
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		reason = "this kernel may lack user or network namespaces (CONFIG_USER_NS, CONFIG_NET_NS)"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		reason = "a container's seccomp profile, a chroot or a missing capability may forbid it"
	default:
		return err
	}
	if known := blocking(); known != "" {
		reason = known
	}
	if os.Geteuid() != 0 {
		reason += "; as root it may work"
	}
	return fmt.Errorf("%w: %s", err, reason)
}

// blocking names the settings that are known to stand in the way here.
func blocking() string {
	var all []string
	for _, o := range obstacles {
		value, err := os.ReadFile("/proc/sys/" + o.setting)
		if err == nil && strings.TrimSpace(string(value)) == o.value {
			all = append(all, o.why)
		}
	}
	return strings.Join(all, "; ")
}
