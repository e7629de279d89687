//go:build linux || freebsd || openbsd

package main

import "github.com/weir-project/weir/firewall"

// A machine is what weir run diverts packets of.
type machine struct {
	detect  func(firewall.Options) firewall.Features
	open    func(firewall.Kind, firewall.Features, firewall.Options) (firewall.Backend, error)
	address func(*firewall.Ruleset) string // of the divert sockets, for divert.Lanes
}

// host is this machine. Tests of the whole program put a model in its place (model_linux.go).
var host = machine{firewall.Detect, firewall.Open, (*firewall.Ruleset).DivertAddress}
