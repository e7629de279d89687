//go:build linux

// Command bench compares ways to divert packets: it builds a client, a router and a
// server as network namespaces, runs the same work through each configuration in turn,
// several rounds, and writes medians and ratios to bench/RESULTS.md
// and bench/results.svg.
//
// It needs root, iproute2, iptables and ethtool; for the C peers gcc and libnetfilter-queue-dev; for
// Suricata and python NetfilterQueue debootstrap, which puts a Debian 13 with them into bin/peers,
// once. What cannot be built is left out and named.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var (
	rounds   = flag.Int("rounds", 3, "how often to run every configuration")
	seconds  = flag.Int("t", 2, "seconds of each measurement")
	only     = flag.String("c", "", "run only these `configurations`, comma-separated")
	metrics  = flag.String("m", "rtt,bulk,mtu,kpps,keepalive,short", "take only these `metrics`")
	patience = flag.Duration("quiet", 10*time.Second, "wait this long at most, before each measurement, for other programs to leave the CPUs alone")
	output   = flag.String("o", "bench/RESULTS.md", "write the tables to this file, and beside it "+plotName+"; \"-\" for none")
	extra    = flag.String("x", "", "more configurations: `commands` to run in the router, separated by semicolons, for trying things out")
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "gen" {
		generate(os.Args[2:])
		return
	}
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("needs root: it makes network namespaces")
	}
	shield()
	bin, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	chosen, left := built(choose(), bin)
	if len(chosen) == 0 {
		return fmt.Errorf("none of these configurations can be measured: -c %s", *only)
	}
	l, err := newLab()
	if err != nil {
		return err
	}
	defer l.close()
	res := newResults(chosen)
	res.left = left
	for round := range *rounds {
		for _, c := range chosen {
			m, err := l.measure(c, strings.Split(*metrics, ","), time.Duration(*seconds)*time.Second)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			res.add(c.name, m)
			fmt.Fprintf(os.Stderr, "round %d  %-12s %s\n", round+1, c.name, m)
		}
	}
	fmt.Print(res.table(speeds, res.speed) + "\n" + res.table(costs, res.cost) + "\n" + res.lanesTable())
	if *output == "-" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(*output), plotName), res.plot(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(*output, []byte(res.document()), 0o644)
}

// shield puts us and our children into a scheduling group of our own, ahead of what else
// this machine does (sched(7), autogroup). Where that is refused, figures are noisier.
func shield() {
	unix.Setsid()
	os.WriteFile("/proc/self/autogroup", []byte("-11"), 0)
}

// choose returns the configurations that the flags ask for.
func choose() (chosen []config) {
	for _, c := range configs {
		if *only == "" || strings.Contains(","+*only+",", ","+c.name+",") {
			chosen = append(chosen, c)
		}
	}
	for x := range strings.SplitSeq(*extra, ";") {
		if args := strings.Fields(x); len(args) > 0 {
			chosen = append(chosen, config{name: strings.Join(args, " "), about: "extra", rules: []string{divertAll}, command: args})
		}
	}
	return chosen
}

// built builds the programs, and tells apart the configurations whose program cannot be.
func built(cs []config, bin string) (good, left []config) {
	for _, c := range cs {
		for _, args := range [][]string{c.build, c.command, c.ready} {
			for i, a := range args {
				args[i] = strings.ReplaceAll(a, "BIN", bin)
			}
		}
		if err := c.make(bin); err != nil {
			fmt.Fprintf(os.Stderr, "left out %s: %v\n", c.name, err)
			left = append(left, c)
			continue
		}
		good = append(good, c)
	}
	return good, left
}

// make builds the program of a configuration, unless another had it built, and asks it for its version.
func (c *config) make(bin string) error {
	if len(c.build) == 0 {
		return nil
	}
	if _, err := os.Stat(filepath.Join(bin, filepath.Base(c.command[0]))); err != nil {
		if err := command(c.build...); err != nil {
			return err
		}
	}
	if len(c.version) == 0 {
		return nil
	}
	out, err := exec.Command(c.version[0], c.version[1:]...).Output()
	c.about = strings.ReplaceAll(c.about, "VERSION", string(bytes.TrimSpace(out)))
	return err
}
