//go:build freebsd || openbsd

package main

import (
	"os"
	"runtime"

	"github.com/weir-project/weir/firewall"
)

// examine looks at the machine.
func examine() *diagnosis {
	return diagnoseSockets(runtime.GOOS, os.Geteuid(), firewall.Detect(firewall.Options{}))
}
