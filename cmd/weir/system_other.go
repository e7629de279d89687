//go:build !linux && !freebsd && !openbsd

package main

import "github.com/weir-project/weir/firewall"

const (
	defaultPolicy = "/etc/weir/weir.yaml"
	runDir        = "/var/run/weir"
)

func backendHere() firewall.Kind { return firewall.Auto }
