package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/sandbox"
)

// What is Linux's own about weir run.

const (
	defaultPolicy = "/etc/weir/weir.yaml"
	runDir        = "/run/weir"
	confinement   = "confined by seccomp and Landlock with CAP_NET_ADMIN alone"
	lanesHere     = 0 // one for each queue
)

func forgetPrivileges() error { return sandbox.ForgetAmbient() }

// thisProgram is what a child runs, also when the file was replaced meanwhile.
func thisProgram() (string, error) { return "/proc/self/exe", nil }

// nameProcess says what ps shows, else "exe".
func nameProcess(name string) { _ = os.WriteFile("/proc/self/comm", []byte(name), 0) }

// aloneWithin is how long the worker of a weir that was killed may take to end.
const aloneWithin = 2 * time.Second

// alone refuses to go on beside another weir in this network namespace, on whichever queues: there
// is one table of rules, and each would take it from the other. Where nobody may see, it passes.
func alone() error {
	for end := time.Now().Add(aloneWithin); ; time.Sleep(50 * time.Millisecond) {
		taken, _ := divert.TakenQueues()
		i := slices.IndexFunc(taken, func(q divert.TakenQueue) bool { return q.Program == "weir" || q.Program == "weir-worker" })
		if i < 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("queue %d is taken by pid %d (%s): another weir runs in this network namespace; stop it first (weir stop)", taken[i].Number, taken[i].PID, taken[i].Program)
		}
	}
}

// lookFeatures is firewall.Detect; without privilege it looks in a namespace of its own, where that is allowed.
func lookFeatures() firewall.Features {
	if s, err := sandbox.ReadStatus(); err == nil && s.CapEff&(1<<unix.CAP_NET_ADMIN) == 0 {
		return runProbe(false).Features
	}
	return firewall.Detect(firewall.Options{})
}

// backendHere is not of interest: the kinds of Linux can do the same.
func backendHere() firewall.Kind { return firewall.Auto }
