//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/control"
)

func init() {
	for _, c := range []struct{ name, short, done string }{
		{"reload", "Have a running weir read its policy anew", "reloaded"},
		{"confirm", "Keep the rules of a weir run --confirm", "confirmed: the rules stay"},
		{"stop", "End a running weir: rules first, then what waits", "stopping"},
		{"status", "Print what a running weir is doing, as JSON", ""},
	} {
		commands = append(commands, func() *cobra.Command { return newAsk(c.name, c.short, c.done) })
	}
}

func newAsk(name, short, done string) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: name, Short: short, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			var data json.RawMessage
			if err := control.Ask(path, name, &data); err != nil {
				return err
			}
			if done != "" {
				fmt.Fprintln(c.OutOrStdout(), done)
				return nil
			}
			out := json.NewEncoder(os.Stdout)
			out.SetIndent("", "  ")
			return out.Encode(data)
		},
	}
	c.Flags().StringVar(&path, "control", defaultControlPath, "`socket` of the running weir")
	return c
}

const defaultControlPath = "/run/weir/control.sock"
