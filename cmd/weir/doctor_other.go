//go:build !linux && !freebsd && !openbsd

package main

import "runtime"

// examine says what there is on systems on which weir run does not work yet.
func examine() *diagnosis {
	d := newDiagnosis(runtime.GOOS)
	d.Findings = []finding{
		{"Diverting", "weir run", markMissing, "the daemon runs on Linux, FreeBSD and OpenBSD only", []string{"run weir on one of them"}},
		{"Without diverting", "captures", markOK, "weir check, init and replay work here", nil},
	}
	d.Advice, d.Next = "No policy can run on this system. Captures can be replayed:", []string{"weir replay in.pcap -p weir.yaml -w out.pcap"}
	return d
}
