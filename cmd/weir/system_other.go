//go:build !linux && !freebsd && !openbsd

package main

const (
	defaultPolicy = "/etc/weir/weir.yaml"
	runDir        = "/var/run/weir"
)
