//go:build linux

package main

import "strings"

// A config is one way for packets to cross the router.
type config struct {
	name    string
	about   string // VERSION in it is what the command version prints
	version []string
	build   []string // command that makes the program; BIN is a directory for it
	rules   []string // iptables arguments, in the router
	command []string // runs in the router; none to do without
	ready   []string // succeeds, in the router, when the program is; none: when a queue is bound
	bridged bool     // client and server are each other's neighbours, and the router is the wire between them
}

const (
	divertAll = "-t mangle -A FORWARD -j NFQUEUE --queue-num 0"
	tracked   = "-t mangle -A FORWARD -m connmark --mark 0x8000000/0xf8000000 -j ACCEPT" // nothing sets it
)

// configs are run in this order in every round. The first is what ratios refer to.
var configs = []config{
	{name: "none", about: "no divert: plain forwarding"},
	{
		name: "tracked", about: "no divert either: connection tracking and one rule on its mark, the least with which a flow can be handed back",
		rules: []string{tracked},
	},
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
		name: "c-tracked", about: "the same behind connection tracking, as the whole daemon's packets are",
		build:   strings.Fields("gcc -O2 -o BIN/cnfq bench/peers/cnfq.c -lnetfilter_queue -lnfnetlink"),
		rules:   []string{tracked, divertAll},
		command: strings.Fields("BIN/cnfq"),
	},
	{
		name: "go-nfqueue", about: "Go, go-nfqueue v2.0.2, a verdict for each packet, GSO",
		build:   strings.Fields("go build -C bench/peers/go-nfqueue -o BIN/go-nfqueue ."),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/go-nfqueue"),
	},
	{
		name: "bridge", about: "C, from packet ring to packet ring past netfilter: what a bridge of its own would cost, for comparison",
		build:   strings.Fields("gcc -O2 -o BIN/bridge bench/peers/bridge.c"),
		rules:   []string{"-t mangle -A PREROUTING -j DROP"},
		command: strings.Fields("BIN/bridge c s"),
		ready:   atOnce,
	},
	debian("python", "python NetfilterQueue, VERSION of Debian 13", "python3-netfilterqueue", "python3 /peers/nfq.py"),
	debian("suricata", "Suricata VERSION inline, batch verdicts, three rules", "suricata", suricata),
	bypassing(debian("suricata-bypass", "the same with stream.bypass: a flow leaves once its first 1 MiB is read", "suricata", suricata+" --set stream.bypass=yes")),
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
		name: "divert-bridge", about: "the accept loop between two packet rings, past netfilter",
		build:   strings.Fields("go build -o BIN/accept ./bench/accept"),
		command: strings.Fields("BIN/accept -a bridge:c,s"),
		ready:   atOnce,
		bridged: true,
	},
	{
		name: "relay", about: "Go accept loop without privilege, verdicts sent by a second process",
		build:   strings.Fields("go build -o BIN/relay ./bench/relay"),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/relay"),
	},
	{
		name: "divert-spin", about: "the accept loop, which polls for 2 ms before it sleeps",
		build:   strings.Fields("go build -o BIN/accept ./bench/accept"),
		rules:   []string{divertAll},
		command: strings.Fields("BIN/accept -spin 2ms"),
	},
	lane("accept", "the engine alone, in one process: the accept path"),
	lane("track", "the same, every TCP flow tracked, normalised and put in order"),
	lane("body", "the same, HTTP parsed, one inspector looks through all bodies"),
	lane("mask", "the same, a word in every response replaced by one of its length"),
	lane("grow", "the same, a word in every response replaced by a longer one"),
	weir("weir", "the whole daemon, every packet on the whole route, no inspectors", "accept"),
	bridging(weir("weir-bridge", "the same as the wire between two packet rings, past netfilter", "bridge")),
	weir("weir-spin", "the same, which polls for 2 ms before it sleeps", "accept", "--spin", "2ms"),
	weir("weir-edit", "the same, another DSCP in every packet", "edit"),
	weir("weir-back", "the same, each flow handed back to the kernel after its first packet", "back"),
	weir("weir-urls", "the whole daemon, names in HTTP and TLS looked up; of this traffic only HTTP short has flows that are decided before their end", "urls"),
	weir("weir-six", "the whole daemon with all six inspectors on every packet", "six"),
}

// atOnce is of programs of which nothing can be asked: that the server answers says that they are ready.
var atOnce = []string{"echo", `"Applied": true`}

const suricata = "suricata -q 0 --runmode workers -k none -c /peers/suricata.yaml -S /policies/bench.rules -l /tmp"

// debian is a configuration of a program that Debian packs, in a Debian of its own.
func debian(name, about, pack, command string) config {
	const root = "bin/peers"
	return config{
		name: name, about: about,
		version: []string{"chroot", root, "dpkg-query", "-W", "-f", "${Version}", pack},
		build:   strings.Fields("bench/peers/chroot.sh " + root),
		rules:   []string{divertAll},
		command: strings.Fields("bench/peers/inside.sh " + root + " " + command),
	}
}

// bypassing lets flows pass whose packets the program of c has marked.
func bypassing(c config) config {
	c.rules = []string{
		"-t mangle -A FORWARD -m connmark --mark 1/1 -j ACCEPT",
		divertAll,
		"-t mangle -A POSTROUTING -m mark --mark 1/1 -j CONNMARK --save-mark",
	}
	return c
}

// bridging makes neighbours of the client and the server of c.
func bridging(c config) config {
	c.bridged = true
	return c
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
func weir(name, about, policy string, flags ...string) config {
	const socket = " --control BIN/control"
	return config{
		name: name, about: about,
		build:   strings.Fields("go build -o BIN/weir ./cmd/weir"),
		command: append(strings.Fields("BIN/weir run -p bench/policies/"+policy+".yaml --state BIN/state"+socket), flags...),
		ready:   strings.Fields("BIN/weir status --json" + socket),
	}
}
