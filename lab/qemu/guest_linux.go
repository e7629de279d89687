package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// guest is init: it makes the machine ready, runs the tests of each room, and switches it off.
func guest() {
	err := prepare()
	if err == nil {
		err = rooms()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err) // the console
	}
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func prepare() error {
	for _, m := range []struct{ what, where, options string }{
		{"devtmpfs", "/dev", ""},
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/var/tmp", "mode=1777"},
		{"tmpfs", "/run", "mode=755"},
	} {
		if err := unix.Mount(m.what, m.where, m.what, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.where, err)
		}
	}
	for _, module := range []string{"br_netfilter", "tun"} { // nothing asks for them by itself
		if code := modprobe([]string{module}); code != 0 {
			return fmt.Errorf("%s cannot be loaded", module)
		}
	}
	// Debian lets ordinary users make user namespaces, and so do we.
	_ = os.WriteFile("/proc/sys/kernel/unprivileged_userns_clone", []byte("1"), 0)
	return errors.Join(os.Setenv("PATH", "/usr/bin:/usr/sbin"), os.Setenv("HOME", "/root"), os.Setenv("WEIR_TEST_BINARY", "/usr/bin/weir"), os.Setenv("WEIR_TEST_QEMU", "1"))
}

func rooms() error {
	jobs, err := os.ReadFile("/jobs")
	if err != nil {
		return err
	}
	out, err := os.OpenFile("/dev/ttyS1", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	for line := range strings.SplitSeq(string(jobs), "\n") {
		room, pattern, _ := strings.Cut(line, " ")
		fmt.Fprintln(out, beginMark+room)
		cmd := exec.Command("/src/"+testOf(room), "-test.v=test2json", "-test.count=1", "-test.run="+pattern)
		cmd.Dir, cmd.Stdout, cmd.Stderr = "/src/"+room, out, out
		how := "0"
		if err := cmd.Run(); err != nil {
			how = err.Error()
		}
		fmt.Fprintln(out, endMark+how)
	}
	return nil
}
