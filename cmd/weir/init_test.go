package main

import "testing"

func TestRouteInterface(t *testing.T) {
	const freebsd = "   route to: 0.0.0.0\ndestination: 0.0.0.0\n       mask: 0.0.0.0\n    gateway: 192.0.2.1\n        fib: 0\n  interface: em0\n" +
		"      flags: <UP,GATEWAY,DONE,STATIC>\n recvpipe  sendpipe  ssthresh  rtt,msec    mtu        weight    expire\n"
	const openbsd = "   route to: default\ndestination: default\n       mask: default\n    gateway: fe80::1%vio0\n  interface: vio0\n if address: fe80::2%vio0\n"
	for text, want := range map[string]string{freebsd: "em0", openbsd: "vio0", "": "", "route: writing to routing socket: not in table\n": ""} {
		if got := routeInterface(text); got != want {
			t.Errorf("%q, want %q, of\n%s", got, want, text)
		}
	}
}
