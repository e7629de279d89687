package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/policy"
)

func init() { commands = append(commands, newInit) }

func newInit() *cobra.Command {
	var out string
	var local bool
	var queues int
	c := &cobra.Command{
		Use: "init", Short: "Write a first policy, which only watches",
		Long: `Init writes a commented weir.yaml for this machine: mode monitor, the interfaces as they are found here, statistics
and the search for card and social security numbers. Nothing is dropped or altered until you change mode to prevent.`,
		Example: "  weir init -o " + defaultPolicy + "\n  weir init --local",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if queues < 1 || queues > policy.MaxQueues {
				return fail(exitUsage, fmt.Errorf("--queues %d: from 1 to %d", queues, policy.MaxQueues))
			}
			h := thisHost()
			h.Local, h.Queues = local, queues
			text := policy.InitText(h)
			if out == "" {
				if _, err := fmt.Fprint(c.OutOrStdout(), text); err != nil {
					return err
				}
			} else if err := writeNew(out, text); err != nil {
				return err
			} else {
				fmt.Fprintf(c.OutOrStdout(), "%s: a policy that only watches. Next: weir check %[1]s\n", out)
			}
			if !local && forwardsNothing() {
				fmt.Fprintln(c.ErrOrStderr(), "note: this machine forwards nothing, so a policy for what it forwards sees nothing; weir init --local watches its own traffic")
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to this `file` instead of standard output; never overwrites")
	c.Flags().BoolVar(&local, "local", false, "the machine is no router: watch its own traffic")
	c.Flags().IntVar(&queues, "queues", 1, "lanes: packets of different hosts are inspected side by side")
	return c
}

// writeNew writes a file that must not be there.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; move it away first, or choose another -o", name)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// forwardsNothing says that Linux is told not to route; elsewhere it is not known.
func forwardsNothing() bool {
	v4, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	v6, _ := os.ReadFile("/proc/sys/net/ipv6/conf/all/forwarding")
	return err == nil && string(v4) == "0\n" && string(v6) != "1\n"
}

// thisHost finds the interfaces: those of the default routes lead outside, the others inside.
func thisHost() policy.Host {
	var h policy.Host
	outside := defaultRoutes()
	ifs, err := net.Interfaces()
	if err != nil {
		return h
	}
	for _, i := range ifs {
		addrs, err := i.Addrs()
		switch {
		case runtime.GOOS != "linux" && err == nil && len(addrs) == 0: // pflog and its like; a divert socket needs an address too
		case i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagUp == 0:
		case outside[i.Name]:
			h.Outside = append(h.Outside, i.Name)
		default:
			h.Inside = append(h.Inside, i.Name)
		}
	}
	if client, _, ok := strings.Cut(os.Getenv("SSH_CLIENT"), " "); ok && net.ParseIP(client) != nil {
		h.Management = append(h.Management, client)
	}
	return h
}

// defaultRoutes returns the interfaces of IPv4 and IPv6 default routes, as far as they can be found.
func defaultRoutes() map[string]bool {
	found := map[string]bool{}
	if runtime.GOOS != "linux" {
		for _, family := range []string{"-inet", "-inet6"} {
			text, err := exec.Command("/sbin/route", "-n", "get", family, "default").Output()
			if name := routeInterface(string(text)); err == nil && name != "" {
				found[name] = true
			}
		}
		return found
	}
	for _, t := range []struct {
		file             string
		dst, mask, iface int
	}{
		{"/proc/net/route", 1, 7, 0},
		{"/proc/net/ipv6_route", 0, 1, 9},
	} {
		text, err := os.ReadFile(t.file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > max(t.iface, t.mask) && strings.Trim(f[t.dst], "0") == "" && strings.Trim(f[t.mask], "0") == "" && f[t.iface] != "lo" {
				found[f[t.iface]] = true
			}
		}
	}
	return found
}

// routeInterface reads what route(8) of the BSDs prints of a route: the line "  interface: em0".
func routeInterface(text string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "interface" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
