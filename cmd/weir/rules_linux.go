package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/firewall"
)

func init() { commands = append(commands, newRules) }

func newRules() *cobra.Command {
	var file, backend, state string
	c := &cobra.Command{
		Use: "rules print|apply|remove", Short: "Print, apply or remove the firewall rules of a policy",
		Long: `Rules works on the firewall rules that divert packets, without running anything. weir run puts them in place
and takes them away by itself; this is for looking at them, for putting them into your own configuration,
and for cleaning up.

  print   show them as nft or iptables-restore would read them; needs no privilege
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
	c.Flags().StringVar(&backend, "backend", "auto", "nft, nft-compat, iptables or auto")
	c.Flags().StringVar(&state, "state", defaultState, "`file` that remembers kernel settings to restore")
	return c
}

// plan makes the rules of a policy for the given features.
func plan(file string, f firewall.Features, k firewall.Kind) (*firewall.Ruleset, error) {
	p, err := loadPolicy(file, 0)
	if err != nil {
		return nil, err
	}
	c := p.Firewall(f, 1)
	if k != firewall.Auto {
		c.Backend = k
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
	k, err := firewall.ParseKind(backend)
	if err != nil {
		return fail(exitUsage, err)
	}
	if k == firewall.Auto {
		k = firewall.NFT
	}
	rs, err := plan(file, firewall.AllFeatures(), k)
	if err != nil {
		return err
	}
	text, err := rs.Text(k)
	if err != nil {
		return err
	}
	fmt.Fprint(c.OutOrStdout(), text)
	return nil
}

// openFirewall returns the backend by name and what the kernel can do.
func openFirewall(backend string) (firewall.Backend, firewall.Features, error) {
	k, err := firewall.ParseKind(backend)
	if err != nil {
		return nil, firewall.Features{}, fail(exitUsage, err)
	}
	f := firewall.Detect(firewall.Options{})
	b, err := firewall.Open(k, f, firewall.Options{})
	return b, f, fail(exitSystem, err)
}

func applyRules(file, backend, state string) error {
	b, f, err := openFirewall(backend)
	if err != nil {
		return err
	}
	k, _ := firewall.ParseKind(backend)
	rs, err := plan(file, f, k)
	if err != nil {
		return err
	}
	if err := b.Apply(rs); err != nil {
		return fail(exitSystem, err)
	}
	return fail(exitSystem, firewall.SetSysctls(state, rs.Sysctls, firewall.Options{}))
}

func removeRules(backend, state string) error {
	b, _, err := openFirewall(backend)
	if err != nil {
		return err
	}
	if err := b.Remove(); err != nil {
		return fail(exitSystem, err)
	}
	return fail(exitSystem, firewall.RestoreSysctls(state, firewall.Options{}))
}
