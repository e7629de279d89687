//go:build linux

// Command bench compares ways to divert packets: it builds a client, a router and a
// server as network namespaces, runs the same work through each configuration in turn,
// several rounds, and writes medians and ratios to bench/RESULTS.md.
//
// It needs root, iproute2, iptables and ethtool, and for the C peer gcc and
// libnetfilter-queue-dev; what cannot be built is left out and named.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A config is one way for packets to cross the router.
type config struct {
	name    string
	about   string
	build   []string // command that makes the program; BIN is a directory for it
	rules   []string // iptables arguments, in the router
	command []string // runs in the router; none to do without
	ready   []string // succeeds, in the router, when the program is; none: when a queue is bound
}

const divertAll = "-t mangle -A FORWARD -j NFQUEUE --queue-num 0"

// configs are run in this order in every round. The first is what ratios refer to.
var configs = []config{
	{name: "none", about: "no divert: plain forwarding"},
	{
		name: "c-each", about: "C, libnetfilter_queue, a verdict for each packet",
		build:   strings.Fields("gcc -O2 -o BIN/cnfq bench/peers/cnfq.c -lnetfilter_queue -lnfnetlink"),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/cnfq -e"),
	},
	{
		name: "c", about: "C, libnetfilter_queue, tuned: GSO, batch verdicts",
		build:   strings.Fields("gcc -O2 -o BIN/cnfq bench/peers/cnfq.c -lnetfilter_queue -lnfnetlink"),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/cnfq"),
	},
	{
		name: "go-nfqueue", about: "Go, go-nfqueue v2.0.2, a verdict for each packet, GSO",
		build:   strings.Fields("go build -C bench/peers/go-nfqueue -o BIN/go-nfqueue ."),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/go-nfqueue"),
	},
	{
		name: "divert", about: "Go accept loop on package divert",
		build:   strings.Fields("go build -o BIN/accept ./bench/accept"),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/accept"),
	},
	{
		name: "divert-edit", about: "the same, every packet written back with new checksums",
		build:   strings.Fields("go build -o BIN/accept ./bench/accept"),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/accept -edit"),
	},
	{
		name: "relay", about: "Go accept loop without privilege, verdicts sent by a second process",
		build:   strings.Fields("go build -o BIN/relay ./bench/relay"),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/relay"),
	},
	lane("accept", "the engine alone, in one process: the accept path"),
	lane("track", "the same, every TCP flow tracked, normalised and put in order"),
	lane("body", "the same, HTTP parsed, one inspector looks through all bodies"),
	lane("mask", "the same, a word in every response replaced by one of its length"),
	lane("grow", "the same, a word in every response replaced by a longer one"),
	weir("weir-urls", "the whole daemon, names in HTTP and TLS looked up, flows handed back to the kernel once decided", "urls"),
	weir("weir", "the whole daemon, every packet on the whole route, no inspectors", "accept"),
	weir("weir-six", "the whole daemon with all six inspectors on every packet", "six"),
}

// lane is a configuration of a lane of the engine.
func lane(deed, about string) config {
	return config{
		name: lanes + deed, about: about,
		build:   strings.Fields("go build -o BIN/lane ./bench/lane"),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/lane " + deed),
	}
}

// lanes is what names of lanes begin with.
const lanes = "lane-"

// weir is a configuration of the whole daemon, which brings its own rules.
func weir(name, about, policy string) config {
	const socket = " --control BIN/control"
	return config{
		name: name, about: about,
		build:   strings.Fields("go build -o BIN/weir ./cmd/weir"),
		command: strings.Fields("BIN/weir run -p bench/policies/" + policy + ".yaml --state BIN/state" + socket),
		ready:   strings.Fields("BIN/weir status --json" + socket),
	}
}

var (
	rounds   = flag.Int("rounds", 3, "how often to run every configuration")
	seconds  = flag.Int("t", 2, "seconds of each measurement")
	only     = flag.String("c", "", "run only these `configurations`, comma-separated")
	metrics  = flag.String("m", "bulk,mtu,kpps,keepalive,short", "take only these `metrics`")
	patience = flag.Duration("quiet", 10*time.Second, "wait this long at most, before each measurement, for other programs to leave the CPUs alone")
	output   = flag.String("o", "bench/RESULTS.md", "write the table to this file; \"-\" for none")
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
	chosen := built(choose(), bin)
	l, err := newLab()
	if err != nil {
		return err
	}
	defer l.close()
	res := newResults(chosen)
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
	fmt.Print(res.table() + "\n" + res.lanesTable())
	if *output == "-" {
		return nil
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

// built builds the programs, and leaves out the configurations whose program cannot be.
func built(cs []config, bin string) (good []config) {
	for _, c := range cs {
		for i, a := range c.command {
			c.command[i] = strings.ReplaceAll(a, "BIN", bin)
		}
		for i, a := range c.ready {
			c.ready[i] = strings.ReplaceAll(a, "BIN", bin)
		}
		if len(c.build) > 0 {
			args := strings.Fields(strings.ReplaceAll(strings.Join(c.build, " "), "BIN", bin))
			if _, err := os.Stat(filepath.Join(bin, filepath.Base(c.command[0]))); err != nil {
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					fmt.Fprintf(os.Stderr, "left out %s: %s: %v\n%s", c.name, args[0], err, out)
					continue
				}
			}
		}
		good = append(good, c)
	}
	return good
}
