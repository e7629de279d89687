package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/demo"
)

func init() { commands = append(commands, newDemo) }

type demoFlags struct {
	card, pcap    string
	keep, noColor bool
}

func newDemo() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use: "demo", Short: "Show it at work, on real diverted traffic in a lab of its own",
		Long: `Demo builds a client, a router and a server as network namespaces, runs weir run in the router, has real
programs talk through it, and shows for each of the six uses what was sent beside what arrived. It checks
everything that it claims, and exits with 1 if something was not so. It takes a few seconds, touches no network
of this machine, and leaves nothing behind.

It needs a Linux kernel, and neither root nor other programs: as an ordinary user it works in a user namespace. curl and
dig take part where they are installed. Where the kernel cannot divert, it says why and replays a capture
instead.`,
		Example: "  weir demo\n  weir demo --card '5500 0000 0000 0004'\n  weir demo --pcap /tmp/demo\n  weir demo --keep",
		Args:    exactly(0),
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	fl := c.Flags()
	fl.StringVar(&f.card, "card", demo.DefaultCard, "card `number` to send; it stays on this machine")
	fl.StringVar(&f.pcap, "pcap", "", "write client.pcap and server.pcap, as taken at both ends, to this `directory`")
	fl.BoolVar(&f.keep, "keep", false, "leave the lab open afterwards and say how to use it")
	fl.BoolVar(&f.noColor, "no-color", false, "no colours, as with NO_COLOR in the environment")
	return c
}

func (f *demoFlags) run(c *cobra.Command) error {
	if err := demo.CheckCard(f.card); err != nil {
		return fail(exitUsage, fmt.Errorf("--card: %w", err))
	}
	noLab := lab.Enter() // without root, everything from here on is done by the process that this starts
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o := demo.Options{
		Out: c.OutOrStdout(), Color: !f.noColor && colourful(c.OutOrStdout()),
		Weir: self, Card: f.card, NoLab: noLab,
	}
	if f.pcap != "" {
		if o.PcapDir, err = filepath.Abs(f.pcap); err != nil {
			return err
		}
	}
	if f.keep {
		o.Keep = os.Stdin
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // weir demo | head: clean up all the same
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	err = demo.Run(ctx, o)
	if errors.Is(err, demo.ErrUnproved) {
		return fail(exitFailed, err)
	}
	return err
}
