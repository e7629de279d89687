//go:build freebsd || openbsd

package main

import (
	"os"
	"runtime"

	"github.com/weir-project/weir/firewall"
)

// What is the BSDs' own about weir run.

const (
	runDir    = "/var/run/weir"
	lanesHere = 1 // a port is one socket of a family
)

// forgetPrivileges has nothing to do: a child has its user's privileges, and no others.
func forgetPrivileges() error { return nil }

// thisProgram is what a child runs.
func thisProgram() (string, error) { return os.Executable() }

// nameProcess has nothing to do: ps shows the name that the holder has given.
func nameProcess(string) {}

// alone has nothing to do: control.Alone holds for all of this system.
func alone() error { return nil }

func lookFeatures() firewall.Features { return firewall.Detect(firewall.Options{}) }

// backendHere is what divert.backend: auto means. Without root it is known on OpenBSD alone, which has one.
func backendHere() firewall.Kind {
	best, err := lookFeatures().Best()
	if err != nil && runtime.GOOS == "openbsd" {
		return firewall.PF
	}
	return best // Auto where there is none
}
