package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the release build.
var version = "0.1.0-dev"

func init() {
	commands = append(commands, func() *cobra.Command {
		return &cobra.Command{
			Use: "version", Short: "Print version, commit and build", Args: exactly(0),
			Run: func(c *cobra.Command, _ []string) {
				commit := "unknown"
				if info, ok := debug.ReadBuildInfo(); ok {
					for _, s := range info.Settings {
						if s.Key == "vcs.revision" {
							commit = s.Value
						}
					}
				}
				fmt.Fprintf(c.OutOrStdout(), "weir %s (commit %s, %s, %s/%s)\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			},
		}
	})
}
