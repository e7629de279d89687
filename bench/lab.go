//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	clientAddr = "192.0.2.2"
	serverAddr = "198.51.100.2"
)

// A lab is client – router – server, each a network namespace, joined by veth pairs.
type lab struct {
	client, router, server string // namespace names
	self                   string // this program, which is also the load generator
	serve                  *exec.Cmd
}

func newLab() (*lab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	tag := fmt.Sprintf("weirbench-%d-", os.Getpid())
	l := &lab{client: tag + "c", router: tag + "r", server: tag + "s", self: self}
	if err := l.build(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// build is the lab as a script: N is the namespaces' common prefix.
func (l *lab) build() error {
	script := `
ip netns add Nc
ip netns add Nr
ip netns add Ns
ip link add eth0 netns Nc type veth peer name c netns Nr
ip link add eth0 netns Ns type veth peer name s netns Nr
ip -n Nc addr add ` + clientAddr + `/24 dev eth0
ip -n Nr addr add 192.0.2.1/24 dev c
ip -n Nr addr add 198.51.100.1/24 dev s
ip -n Ns addr add ` + serverAddr + `/24 dev eth0
ip -n Nc link set lo up
ip -n Ns link set lo up
ip -n Nc link set eth0 up
ip -n Nr link set c up
ip -n Nr link set s up
ip -n Ns link set eth0 up
ip -n Nc route add default via 192.0.2.1
ip -n Ns route add default via 198.51.100.1
ip netns exec Nr sysctl -qw net.ipv4.ip_forward=1
ip netns exec Nc sysctl -qw net.ipv4.tcp_tw_reuse=1
ip netns exec Nc sysctl -qw net.ipv4.ip_local_port_range=10000\t65000`
	for line := range strings.Lines(script) {
		args := strings.Fields(strings.ReplaceAll(line, "N", strings.TrimSuffix(l.client, "c")))
		if len(args) == 0 {
			continue
		}
		last := len(args) - 1
		args[last] = strings.ReplaceAll(args[last], `\t`, "\t")
		if err := command(args...); err != nil {
			return err
		}
	}
	l.serve = l.inside(l.server, "serve")
	if err := l.serve.Start(); err != nil {
		return err
	}
	return l.reachable()
}

func (l *lab) close() {
	if l.serve != nil && l.serve.Process != nil {
		l.serve.Process.Kill()
		l.serve.Wait()
	}
	for _, n := range []string{l.client, l.router, l.server} {
		command("ip", "netns", "del", n)
	}
}

// inside is the load generator, to run in a namespace.
func (l *lab) inside(ns string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", ns, l.self, "gen"}, args...)...)
}

// reachable waits until the server answers over the router.
func (l *lab) reachable() error {
	out, err := l.inside(l.client, "ready").CombinedOutput()
	if err != nil {
		return fmt.Errorf("the server does not answer the client: %w: %s", err, out)
	}
	return nil
}

// offloads switches between packets as large as the stack likes and ones of MTU size.
func (l *lab) offloads(on bool) error {
	state := "off"
	if on {
		state = "on"
	}
	for _, at := range []string{l.client + " eth0", l.router + " c", l.router + " s", l.server + " eth0"} {
		ns, dev, _ := strings.Cut(at, " ")
		if err := command("ip", "netns", "exec", ns, "ethtool", "-K", dev, "tso", state, "gso", state, "gro", state); err != nil {
			return err
		}
	}
	return nil
}

// measure runs a configuration once.
func (l *lab) measure(c config, metrics []string, t time.Duration) (sample, error) {
	stop, pid, err := l.start(c)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := l.reachable(); err != nil {
		return nil, err
	}
	m := sample{}
	for _, name := range metrics {
		if err := l.offloads(name != "mtu"); err != nil {
			return nil, err
		}
		awaitQuiet(*patience)
		if err := l.take(m, name, pid, t); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if pid != 0 {
		m["rss"] = peakMegabytes(pid)
	}
	return m, nil
}

// start installs the rules and runs the program of a configuration.
func (l *lab) start(c config) (stop func(), pid int, err error) {
	var cmd *exec.Cmd
	if len(c.command) > 0 {
		// A pipe would have Go's scheduler wait for it beside what is measured, which made each round trip of a path with a program 10 µs longer.
		said, err := os.CreateTemp("", "weir-bench-")
		if err != nil {
			return nil, 0, err
		}
		defer said.Close()
		os.Remove(said.Name())
		cmd = exec.Command("ip", append([]string{"netns", "exec", l.router}, c.command...)...)
		cmd.Stdout, cmd.Stderr = said, said
		if err := cmd.Start(); err != nil {
			return nil, 0, err
		}
		pid = cmd.Process.Pid // ip execs the program
		if err := l.ready(c); err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			words, _ := io.ReadAll(io.NewSectionReader(said, 0, 1<<20))
			return nil, 0, fmt.Errorf("%w: %s", err, words[max(0, len(words)-4096):])
		}
	}
	for _, r := range c.rules {
		if err := command(append([]string{"ip", "netns", "exec", l.router, "iptables"}, strings.Fields(r)...)...); err != nil {
			return nil, 0, err
		}
	}
	if c.bridged {
		if err := l.acquaint(true); err != nil {
			return nil, 0, err
		}
	}
	return func() {
		if c.bridged {
			_ = l.acquaint(false)
		}
		command("ip", "netns", "exec", l.router, "iptables", "-t", "mangle", "-F")
		if cmd != nil {
			cmd.Process.Signal(unix.SIGTERM)
			cmd.Wait()
		}
	}, pid, nil
}

// acquaint has client and server take each other for the router, so that frames need no new addresses on their way, or has them ask again
// who the router is.
func (l *lab) acquaint(yes bool) error {
	for _, end := range []struct{ ns, router, other string }{{l.client, "192.0.2.1", l.server}, {l.server, "198.51.100.1", l.client}} {
		args := []string{"ip", "-n", end.ns, "neigh", "del", end.router, "dev", "eth0"}
		if yes {
			mac, err := exec.Command("ip", "netns", "exec", end.other, "cat", "/sys/class/net/eth0/address").Output()
			if err != nil {
				return fmt.Errorf("address of eth0 in %s: %w", end.other, err)
			}
			args = []string{"ip", "-n", end.ns, "neigh", "replace", end.router, "lladdr", strings.TrimSpace(string(mac)), "dev", "eth0", "nud", "permanent"}
		}
		if err := command(args...); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until the program of a configuration answers for its packets.
func (l *lab) ready(c config) error {
	if len(c.ready) == 0 {
		return l.bound()
	}
	for range 200 {
		out, err := exec.Command(c.ready[0], c.ready[1:]...).Output()
		if err == nil && bytes.Contains(out, []byte(`"Applied": true`)) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("the daemon was not ready within 4 s")
}

// bound waits until some program is bound to a queue.
func (l *lab) bound() error {
	for range 500 {
		out, _ := exec.Command("ip", "netns", "exec", l.router, "cat", "/proc/net/netfilter/nfnetlink_queue").Output()
		if len(out) > 0 {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("the program did not bind its queue within 10 s")
}

// take puts one metric into m, and for the two that press most packets through, what each cost the program.
func (l *lab) take(m sample, name string, pid int, t time.Duration) (err error) {
	if name == "rtt" {
		m[rttMedian], m[rttTail], err = l.roundTrips(t)
		return err
	}
	ticks, packets := cpuTicksOf(pid), l.crossed()
	if m[name], err = l.load(name, t); err != nil || pid == 0 {
		return err
	}
	if packets = l.crossed() - packets; packets > 0 && (name == "kpps" || name == "mtu") {
		m[name+"cpu"] = float64(cpuTicksOf(pid)-ticks) * tickMicros / float64(packets)
	}
	return nil
}

// load runs the work of one metric and returns how fast it went.
func (l *lab) load(name string, t time.Duration) (float64, error) {
	if name == "kpps" {
		return l.packetRate(t)
	}
	if name == "mtu" {
		name = "bulk"
	}
	out, err := l.inside(l.client, name, t.String()).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// awaitQuiet waits until the machine does little else, or patience is over.
func awaitQuiet(patience time.Duration) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		idle, total := cpuTicks()
		time.Sleep(100 * time.Millisecond)
		idle2, total2 := cpuTicks()
		if 100*(idle2-idle) >= 85*(total2-total) {
			return
		}
	}
}

// cpuTicks reads how long all CPUs have idled, and how long they have existed.
func cpuTicks() (idle, total int) {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(line)[1:] { // user nice system idle iowait …
		n, _ := strconv.Atoi(f)
		total += n
		if i == 3 || i == 4 {
			idle += n
		}
	}
	return idle, total
}

func command(args ...string) error {
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
