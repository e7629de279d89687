package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// unreleased is the version of builds that know no other: go run, and builds without a repository.
const unreleased = "0.1.0-dev"

// version is what Go derived from the repository: the tag, or time and commit.
var version, commit = versionOf(debug.ReadBuildInfo())

func versionOf(info *debug.BuildInfo, ok bool) (version, commit string) {
	version, commit = unreleased, "unknown"
	if !ok {
		return version, commit
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = strings.TrimPrefix(v, "v")
	}
	changed := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed since"
		}
	}
	return version, commit + changed
}

func init() {
	commands = append(commands, func() *cobra.Command {
		return &cobra.Command{
			Use: "version", Short: "Print version, commit and build", Args: exactly(0),
			Run: func(c *cobra.Command, _ []string) {
				fmt.Fprintf(c.OutOrStdout(), "weir %s (commit %s, %s, %s/%s)\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			},
		}
	})
}
