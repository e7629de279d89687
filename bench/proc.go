//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// tickMicros is the unit of times in /proc: the kernel shows 100 of them a second on every machine (USER_HZ).
const tickMicros = 10_000

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMegabytes returns the most resident memory of a process, or of its largest child: of a daemon in
// several processes the one that inspects.
func peakMegabytes(pid int) float64 {
	most := 0.0
	for _, child := range childrenOf(pid) {
		most = max(most, peakMegabytes(child))
	}
	if most > 0 {
		return most
	}
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	m := highWater.FindSubmatch(text)
	if m == nil {
		return 0
	}
	kb, _ := strconv.Atoi(string(m[1]))
	return float64(kb) / 1024
}

// cpuTicksOf returns how long a process and all below it have run, in user and system mode. The kernel's
// work on a packet whose verdict they send is in it: it is done within their system call.
func cpuTicksOf(pid int) int {
	if pid == 0 {
		return 0
	}
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	sum := statTicks(text)
	for _, child := range childrenOf(pid) {
		sum += cpuTicksOf(child)
	}
	return sum
}

// statTicks adds utime and stime of /proc/PID/stat (proc_pid_stat(5), fields 14 and 15). The second field
// is the program's name in parentheses, and may hold blanks and parentheses itself.
func statTicks(stat []byte) int {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0
	}
	user, _ := strconv.Atoi(string(fields[utime]))
	system, _ := strconv.Atoi(string(fields[stime]))
	return user + system
}

// childrenOf returns what all threads of a process have started.
func childrenOf(pid int) (children []int) {
	files, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for child := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				children = append(children, n)
			}
		}
	}
	return children
}

// crossed returns how many packets have come to the router; one of offload size counts once.
func (l *lab) crossed() int {
	out, _ := exec.Command("ip", "netns", "exec", l.router, "cat", "/proc/net/dev").Output()
	return received(out, "c") + received(out, "s")
}

// received returns the packets that an interface has received, of /proc/net/dev.
func received(table []byte, dev string) int {
	for line := range strings.Lines(string(table)) {
		name, counts, _ := strings.Cut(line, ":")
		if fields := strings.Fields(counts); strings.TrimSpace(name) == dev && len(fields) > 1 {
			n, _ := strconv.Atoi(fields[1]) // bytes packets errs drop …
			return n
		}
	}
	return 0
}
