package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func init() { commands = append(commands, newCheck) }

func newCheck() *cobra.Command {
	var quiet bool
	c := &cobra.Command{
		Use: "check FILE", Short: "Find every mistake in a policy",
		Long: `Check reads a policy and all files it names, and prints each mistake as file:line:col with what to write
instead. It needs no privilege and changes nothing. Exit code 0: no mistakes; 3: there are some.`,
		Example: "  weir check " + defaultPolicy,
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := loadPolicy(args[0], 0)
			if err != nil || quiet {
				return err
			}
			out := c.OutOrStdout()
			mode := "prevent: what inspectors decide is done"
			if p.Monitors() {
				mode = "monitor: events only, nothing is dropped or altered"
			}
			fmt.Fprintf(out, "%s: no mistakes\n", args[0])
			fmt.Fprintf(out, "  mode        %s\n", mode)
			fmt.Fprintf(out, "  inspectors  %s\n", strings.Join(p.Inspectors(), ", "))
			fmt.Fprintf(out, "  files       %d, fingerprint %s\n", len(p.Files()), p.Fingerprint())
			return nil
		},
	}
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print mistakes and warnings only")
	return c
}
