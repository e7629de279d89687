package main

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/sandbox"
)

// evidence is what doctor has seen; the findings are drawn from it alone.
type evidence struct {
	root  fs.FS // the system's files
	env   func(string) string
	uname string

	uid      int
	caps     uint64            // effective capabilities
	landlock int               // version; 0: there is none
	probe    probe             // what a child found out in namespaces of its own
	features firewall.Features // of the kernel, tried as far as the user may
	tables   []string          // "table chain" of all nft tables; nil if they cannot be read
	queues   []divert.TakenQueue
	queueErr error
	fwmarks  []fwmark
	links    []linkOffloads
	session  string // the interface that has the machine's own address of the SSH session; "": not known
}

// examine looks at the machine.
func examine() *diagnosis {
	e := evidence{root: os.DirFS("/"), env: os.Getenv, uid: os.Geteuid(), uname: uname(), landlock: landlockVersion()}
	if s, err := sandbox.ReadStatus(); err == nil {
		e.caps = s.CapEff
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.probe = runProbe(e.has(unix.CAP_SYS_ADMIN) && e.has(unix.CAP_NET_ADMIN))
	}()
	if e.has(unix.CAP_NET_ADMIN) {
		e.features = firewall.Detect(firewall.Options{})
		e.tables = listTables()
		e.queues, e.queueErr = divert.TakenQueues()
	}
	e.fwmarks = listFwmarks()
	e.links = listOffloads()
	e.session = sessionLink(e.env("SSH_CONNECTION"))
	<-done
	if !e.has(unix.CAP_NET_ADMIN) {
		e.features = e.probe.Features
	}
	return e.diagnose()
}

func (e *evidence) has(capability int) bool { return e.caps&(1<<capability) != 0 }

// diagnose draws the findings.
func (e *evidence) diagnose() *diagnosis {
	d := newDiagnosis(e.uname)
	for _, g := range []struct {
		name  string
		looks []func(*evidence) []finding
	}{
		{"Diverting", []func(*evidence) []finding{lookQueue, lookQueueFlags, lookInjection, lookBuffer, lookTaken}},
		{"Firewall", []func(*evidence) []finding{lookBackends, lookHandBack, lookFlowtables, lookOthers, lookFwmarks}},
		{"Network", []func(*evidence) []finding{lookForwarding, lookConntrack, lookOffloads, lookBridges, lookSession}},
		{"Privileges", []func(*evidence) []finding{lookCapabilities, lookUserNamespaces, lookConfinement}},
	} {
		for _, look := range g.looks {
			for _, f := range look(e) {
				f.Group = g.name
				d.Findings = append(d.Findings, f)
			}
		}
	}
	e.conclude(d)
	return d
}

// conclude says whether a policy can run.
func (e *evidence) conclude(d *diagnosis) {
	best, err := e.features.Best()
	able := err == nil && e.probe.Bound
	d.Host = able && e.has(unix.CAP_NET_ADMIN)
	d.Router = d.Host && e.forwards()
	if err == nil {
		d.Backend = best.String()
	}
	const check, run = "weir check weir.yaml", "sudo weir run -p weir.yaml --confirm 60s"
	switch {
	case d.Router:
		d.Advice, d.Next = "Policies for forwarded and for local traffic can run here. Next:", []string{"weir init -o weir.yaml", check, run}
	case d.Host:
		d.Advice, d.Next = "Policies for local traffic can run here; the machine forwards nothing yet. Next:", []string{"weir init --local -o weir.yaml", check, run}
	case able:
		d.Advice, d.Next = "The kernel can do it, but not for this user. Look again as root:", []string{"sudo weir doctor"}
	default:
		d.Advice, d.Next = "No policy can run here until what is missing above is there. Captures can be replayed:", []string{"weir replay in.pcap -p weir.yaml -w out.pcap"}
	}
}

// read returns a file's text without white space at the ends; "" if it cannot be read.
func (e *evidence) read(name string) string {
	b, err := fs.ReadFile(e.root, strings.TrimPrefix(name, "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number reads a file that holds one; ok is false if there is none.
func (e *evidence) number(name string) (n int, ok bool) {
	n, err := strconv.Atoi(e.read(name))
	return n, err == nil
}

func (e *evidence) exists(name string) bool {
	_, err := fs.Stat(e.root, strings.TrimPrefix(name, "/"))
	return err == nil
}

func uname() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "Linux"
	}
	return fmt.Sprintf("Linux %s", unix.ByteSliceToString(u.Release[:]))
}

func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}
