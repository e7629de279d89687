//go:build linux || freebsd || openbsd

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/policy"
)

func init() { commands = append(commands, newRules) }

func newRules() *cobra.Command {
	var file, backend, state string
	c := &cobra.Command{
		Use: "rules print|apply|remove", Short: "Print, apply or remove the firewall rules of a policy",
		Long: `Rules works on the firewall rules that divert packets, without running anything. weir run puts them in place
and takes them away by itself; this is for looking at them, for putting them into your own configuration,
and for cleaning up.

  print   show what weir run would put in place here, by which backend and why; with --backend, what it would
          be by another. Needs no privilege where ordinary users may make namespaces to try the kernel in
  apply   put them in place, in one transaction; without a running weir packets pass or drop by outcomes.absent
  remove  take away all that weir ever put in place, and restore kernel settings; touches nothing else`,
		Args:      exactly(1),
		ValidArgs: []string{"print", "apply", "remove"},
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "print":
				return printRules(c, file, backend)
			case "apply":
				return applyRules(file, backend, state)
			case "remove":
				return removeRules(backend, state)
			}
			return fail(exitUsage, fmt.Errorf("rules %s: print, apply or remove?", args[0]))
		},
	}
	c.Flags().StringVarP(&file, "policy", "p", defaultPolicy, "policy `file`")
	c.Flags().StringVar(&backend, "backend", "auto", "nft, nft-compat, iptables, ipfw, pf, or auto: the policy's; for remove all of them")
	c.Flags().StringVar(&state, "state", defaultState, "`file` that remembers kernel settings to restore")
	return c
}

// policyFor loads a policy, and says by which backend its rules are: the one of the flag, else its own.
func policyFor(file, backend string) (*policy.Policy, firewall.Kind, error) {
	k, err := firewall.ParseKind(backend)
	if err != nil {
		return nil, k, fail(exitUsage, err)
	}
	p, err := loadPolicy(file, 0)
	if err == nil && k == firewall.Auto {
		k, err = firewall.ParseKind(string(p.Document().Divert.Backend))
	}
	return p, k, err
}

// plan makes the rules of a policy for the given features.
func plan(p *policy.Policy, f firewall.Features, k firewall.Kind) (*firewall.Ruleset, error) {
	c := p.Firewall(f, 1)
	if k != firewall.Auto {
		c.Backend = k
	}
	if !k.Marks() && p.Document().Settle.HandBack == "auto" {
		c.HandBack, c.Generation = false, 0 // the policy has asked for its own backend
	}
	return firewall.Plan(withSession(c), f)
}

// withSession exempts the SSH session that we were started from.
func withSession(c firewall.Config) firewall.Config {
	s, ok, err := firewall.ParseSession(os.Getenv("SSH_CONNECTION"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "warning: cannot read SSH_CONNECTION (%v): name the hosts you administer from under management:\n", err)
	} else if ok {
		c.Sessions = append(c.Sessions, s)
	}
	return c
}

func printRules(c *cobra.Command, file, backend string) error {
	p, k, err := policyFor(file, backend)
	if err != nil {
		return err
	}
	choice := firewall.Choose(k, lookFeatures())
	rs, err := plan(p, choice.Features, choice.Kind)
	if err != nil {
		return err
	}
	text, err := rs.Text(choice.Kind)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "# Backend %s: %s\n", choice.Kind, choice.Why)
	for _, n := range rs.Notes {
		fmt.Fprintf(c.OutOrStdout(), "# Note: %s\n", n)
	}
	fmt.Fprint(c.OutOrStdout(), text)
	return nil
}

func applyRules(file, backend, state string) error {
	p, k, err := policyFor(file, backend)
	if err != nil {
		return err
	}
	if k == firewall.Bridge {
		return fail(exitUsage, errors.New("a bridge has no rules that outlive a process: weir run is the bridge"))
	}
	f := firewall.Detect(firewall.Options{})
	b, err := firewall.Open(k, f, firewall.Options{})
	if err != nil {
		return fail(exitSystem, err)
	}
	rs, err := plan(p, f, k)
	if err != nil {
		return err
	}
	if err := b.Apply(rs); err != nil {
		return fail(exitSystem, err)
	}
	return fail(exitSystem, firewall.SetSysctls(state, rs.Sysctls, firewall.Options{}))
}

// removeRules takes away what a backend has written; by default what any has.
func removeRules(backend, state string) error {
	k, err := firewall.ParseKind(backend)
	if err != nil {
		return fail(exitUsage, err)
	}
	f := firewall.Detect(firewall.Options{})
	b, err := firewall.Open(k, f, firewall.Options{}) // says what is missing, if nothing can be done here
	if err == nil {
		err = b.Remove()
	}
	if err == nil && k == firewall.Auto {
		err = firewall.RemoveOthers(k, f, firewall.Options{})
	}
	if err != nil {
		return fail(exitSystem, err)
	}
	return fail(exitSystem, firewall.RestoreSysctls(state, firewall.Options{}))
}
