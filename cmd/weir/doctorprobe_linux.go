package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
)

// A probe is what a child of doctor found out by trying, in namespaces that end with it.
type probe struct {
	Bound    bool // a queue can be bound
	Caps     divert.Caps
	Refusal  string            // why not
	Features firewall.Features // valid iff the caller may not look itself
	UserNS   bool              // it was a user namespace, made without privilege
}

// probeTime bounds a probe.
const probeTime = 2500 * time.Millisecond

func init() {
	commands = append(commands, func() *cobra.Command {
		var features bool
		c := &cobra.Command{Use: "child-probe", Hidden: true, Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
			return json.NewEncoder(c.OutOrStdout()).Encode(probeHere(features))
		}}
		c.Flags().BoolVar(&features, "features", false, "look at the firewall too")
		return c
	})
}

// probeHere tries in the network namespace of the process, which is nobody else's.
func probeHere(features bool) probe {
	var p probe
	b, err := divert.Bind("nfqueue:0", divert.WithFailOpen(), divert.WithInjectMark(firewall.DefaultMarks.Injected.Value))
	if err != nil {
		p.Refusal = err.Error()
	} else {
		p.Bound, p.Caps = true, b.Caps
		b.Close()
	}
	if features {
		p.Features = firewall.Detect(firewall.Options{})
	}
	return p
}

// runProbe has a child probe in a new network namespace: with a new user namespace around it unless the caller is privileged.
func runProbe(privileged bool) probe {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	c := exec.CommandContext(ctx, "/proc/self/exe", "child-probe")
	c.Args[0] = "weir"
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if !privileged {
		c.Args = append(c.Args, "--features")
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	var p probe
	if err == nil {
		err = json.Unmarshal(out, &p)
	}
	if err != nil {
		return probe{Refusal: strings.TrimSpace(fmt.Sprintf("it could not be tried in a namespace (%v) %s", err, stderr.String()))}
	}
	p.UserNS = !privileged
	return p
}
