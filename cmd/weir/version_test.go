package main

import (
	"runtime/debug"
	"testing"
)

func TestVersionOf(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: modified}}
	}
	for _, c := range []struct {
		info            *debug.BuildInfo
		version, commit string
	}{
		{nil, unreleased, "unknown"},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, unreleased, "unknown"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: vcs("false")}, "1.2.3", "abc"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.4-0.20260102030405-abc+dirty"}, Settings: vcs("true")}, "1.2.4-0.20260102030405-abc+dirty", "abc, changed since"},
	} {
		if version, commit := versionOf(c.info, c.info != nil); version != c.version || commit != c.commit {
			t.Errorf("%s, %s; want %s, %s", version, commit, c.version, c.commit)
		}
	}
}
