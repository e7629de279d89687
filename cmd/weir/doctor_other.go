//go:build !linux

package main

import "runtime"

// examine says what there is on systems on which weir run does not work yet.
func examine() *diagnosis {
	d := newDiagnosis(runtime.GOOS)
	d.Findings = []finding{
		{"Diverting", "weir run", markMissing, "the daemon runs on Linux only, so far", []string{"run weir on Linux"}},
		{"Without diverting", "captures", markOK, "weir check, init and replay work here", nil},
	}
	if runtime.GOOS == "freebsd" || runtime.GOOS == "openbsd" {
		d.Findings = append(d.Findings, finding{
			"Without the daemon", "divert socket", markNote, "programs of yours can use it (package divert); whether it does all that it should can be tried",
			[]string{"sudo weir doctor --divert-selftest divert:700"},
		})
	}
	d.Advice, d.Next = "No policy can run on this system. Captures can be replayed:", []string{"weir replay in.pcap -p weir.yaml -w out.pcap"}
	return d
}
