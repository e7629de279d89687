//go:build unix

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/control"
)

func init() {
	for _, c := range []struct{ name, short, done string }{
		{"reload", "Have a running weir read its policy anew", "reloaded"},
		{"confirm", "Keep the rules of a weir run --confirm", "confirmed: the rules stay"},
		{"stop", "End a running weir: rules first, then what waits", "stopping"},
	} {
		commands = append(commands, func() *cobra.Command { return newAsk(c.name, c.short, c.done) })
	}
}

func newAsk(name, short, done string) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: name, Short: short, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := control.Ask(path, name, nil); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), done)
			return nil
		},
	}
	controlFlag(c, &path)
	return c
}

const defaultControlPath = runDir + "/control.sock"

func controlFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "control", defaultControlPath, "`socket` of the running weir")
}
