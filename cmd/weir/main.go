// Command weir inspects packets inline: a firewall diverts chosen packets to it, it looks at them, may change them, and puts them
// back into the flow. See weir help.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes. They are part of the interface: scripts rely on them.
const (
	exitOK     = 0
	exitFailed = 1 // it was tried and did not work
	exitUsage  = 2 // wrong flags or arguments
	exitPolicy = 3 // the policy has mistakes; they are on standard error
	exitSystem = 4 // this system cannot do it: privilege, kernel feature
	exitAiling = 5 // weir status: weir runs, and something is wrong with it; weir dlp scan: there are values
)

// commands make the subcommands, in the order in which help lists them. Each file of this package adds its own.
var commands []func() *cobra.Command

// An exitError ends the program with its code, after its error has been printed.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

// fail gives an error an exit code.
func fail(code int, err error) error {
	if err == nil {
		return nil
	}
	return exitError{code, err}
}

func main() { os.Exit(run(os.Args[1:])) }

// run is the program, but for leaving it.
func run(args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	code := exitFailed
	var coded exitError
	if errors.As(err, &coded) {
		code = coded.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "weir: "+text)
	}
	return code
}

const intro = `Weir inspects packets inline. Your firewall diverts chosen packets to it; it looks at them, may change
them, and puts them back into the flow: masks card numbers, rewrites DNS answers, blocks names, runs
Suricata rules, marks and polices, and counts, by one policy.

  weir demo                        see it work on real diverted traffic, in a lab of its own
  weir init > weir.yaml            a policy that only watches (mode: monitor)
  weir check weir.yaml             every mistake in it, by line and column
  weir replay in.pcap -p weir.yaml what it would do to a capture
  weir run -p weir.yaml --confirm 60s

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 mistakes in the policy, 4 the system cannot do it,
5 (weir status) weir runs, but needs somebody to look.`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use: "weir", Short: "Inline packet inspection", Long: intro,
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2,
		Args: cobra.ArbitraryArgs, // else the library answers, with another exit code
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			hint := "See weir --help"
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "Did you mean weir " + strings.Join(near, ", weir ") + "?"
			}
			return fail(exitUsage, fmt.Errorf("there is no command %q\n%s", args[0], hint))
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fail(exitUsage, fmt.Errorf("%w\nSee %s --help", err, c.CommandPath()))
	})
	for _, make := range commands {
		root.AddCommand(make())
	}
	strictHelp(root)
	complete(root)
	return root
}

// strictHelp has the library's own commands say what is wrong, instead of showing something else and ending well.
func strictHelp(root *cobra.Command) {
	root.SetHelpCommand(&cobra.Command{
		Use: "help [command]", Short: "Help about any command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if c, _, err := root.Find(args); err == nil {
				for _, sub := range c.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return fail(exitUsage, fmt.Errorf("there is no help about %q\nSee weir --help", strings.Join(args, " ")))
			}
			return c.Help()
		},
	})
	root.InitDefaultCompletionCmd()
	c, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	c.Args = cobra.ArbitraryArgs // else it answers with another exit code
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fail(exitUsage, errors.New("weir completion needs the name of a shell: bash, zsh, fish or powershell\nSee weir completion --help"))
		}
		return fail(exitUsage, fmt.Errorf("weir completion %s: bash, zsh, fish or powershell?", args[0]))
	}
}

// complete teaches the shells which files and words fit.
func complete(root *cobra.Command) {
	files := func(endings ...string) cobra.CompletionFunc {
		return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return endings, cobra.ShellCompDirectiveFilterFileExt
		}
	}
	none := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words := func(ws ...string) cobra.CompletionFunc {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return ws, cobra.ShellCompDirectiveNoFileComp
		}
	}
	anyOf := func(endings ...string) cobra.CompletionFunc { // of a flag: whatever the arguments are
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return endings, cobra.ShellCompDirectiveFilterFileExt
		}
	}
	flags := map[string]cobra.CompletionFunc{
		"policy": anyOf("yaml", "yml"), "backend": words("auto", "nft", "nft-compat", "iptables", "ipfw", "pf"),
		"confirm": words("30s", "60s", "5m"), "batch": none, "spin": none, "queues": none, "user": none, "card": none,
	}
	for _, c := range root.Commands() {
		switch c.Name() {
		case "check":
			c.ValidArgsFunction = files("yaml", "yml")
		case "replay":
			c.ValidArgsFunction = files("pcap", "pcapng", "cap")
		case "rules", "completion", "help":
		default:
			c.ValidArgsFunction = none
		}
		for name, f := range flags {
			if c.Flags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, f) // fails only if it is registered already
			}
		}
	}
}

// exactly is cobra.ExactArgs with the exit code of wrong usage.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			want := "no arguments"
			if n > 0 {
				want = count(n, "argument")
			}
			return fail(exitUsage, fmt.Errorf("%s takes %s, not %d\nUsage: %s", c.CommandPath(), want, len(args), c.UseLine()))
		}
		return nil
	}
}
