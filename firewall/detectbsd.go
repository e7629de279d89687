package firewall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// detectPF finds out what pf is and does here; divertTo says whose it is.
func (f *Features) detectPF(run runner, divertTo bool) {
	f.DivertTo = divertTo
	if divertTo && !loaded(run, "ipdivert") {
		f.Missing = append(f.Missing, "pf cannot divert: ipdivert is not loaded (kldload ipdivert)")
		return
	}
	info, err := run("", pfctlPath, "-si")
	switch {
	case err != nil:
		f.Missing = append(f.Missing, fmt.Sprintf("pf cannot be used (%v)", err))
		return
	case !pfEnabled(info):
		f.Missing = append(f.Missing, "pf is switched off (pfctl -e -f /etc/pf.conf)")
		return
	}
	main, err := run("", pfctlPath, "-sr")
	if err != nil {
		f.Missing = append(f.Missing, fmt.Sprintf("pf does not show its rules (%v)", err))
		return
	}
	f.PF = true
	if f.Anchor, f.Blocks = pfMain(main); !f.Anchor {
		f.Missing = append(f.Missing, `pf.conf does not refer to anchor "`+pfAnchor+`"`)
	}
	if out, err := run("", pfctlPath, "-sI"); err == nil {
		f.Ifaces = trimmedLines(out)
	}
}

func pfEnabled(info string) bool { return strings.Contains(info, "Status: Enabled") }

// pfMain reads the main ruleset: whether it refers to our anchor, and what blocks ahead of that without quick.
func pfMain(rules string) (anchor bool, blocks []string) {
	for _, line := range trimmedLines(rules) {
		words := strings.Fields(line)
		switch {
		case words[0] == "anchor" && len(words) > 1 && words[1] == strconv.Quote(pfAnchor):
			return true, blocks
		case words[0] == "block" && !slices.Contains(words, "quick"):
			blocks = append(blocks, line)
		}
	}
	return false, nil
}

// detectIPFW finds out whether ipfw is there and diverts, and which rules stand ahead of ours.
func (f *Features) detectIPFW(run runner) {
	rules, err := run("", ipfwPath, "-S", "list")
	if err != nil {
		f.Missing = append(f.Missing, fmt.Sprintf("ipfw cannot be used (%v)", err))
		return
	}
	switch on, err := ipfwOn(run); {
	case err != nil:
		f.Missing = append(f.Missing, fmt.Sprintf("ipfw does not say whether it is on (%v)", err))
		return
	case !on:
		f.Missing = append(f.Missing, "ipfw is switched off (sysctl net.inet.ip.fw.enable=1 net.inet6.ip6.fw.enable=1)")
		return
	case !loaded(run, "ipdivert"):
		f.Missing = append(f.Missing, "ipfw cannot divert: ipdivert is not loaded (kldload ipdivert)")
		return
	}
	f.IPFW, f.Lower = true, lowest(rules)
}

// ipfwOn reports whether packets of both families pass ipfw.
func ipfwOn(run runner) (bool, error) {
	out, err := run("", sysctlPath, "-n", "net.inet.ip.fw.enable", "net.inet6.ip6.fw.enable")
	if err != nil {
		return false, fmt.Errorf("firewall: %w", err)
	}
	return slices.Equal(strings.Fields(out), []string{"1", "1"}), nil
}

func loaded(run runner, module string) bool {
	_, err := run("", kldstatPath, "-q", "-m", module)
	return err == nil
}

// lowest returns the lowest number of a rule that is not in a set of Weir's.
func lowest(rules string) uint16 {
	for _, line := range trimmedLines(rules) { // in ascending order
		f := strings.Fields(strings.TrimPrefix(line, "# DISABLED "))
		n, err := strconv.ParseUint(f[0], 10, 16)
		ours := len(f) > 2 && f[1] == "set" && (f[2] == strconv.Itoa(ipfwSet) || f[2] == strconv.Itoa(ipfwNext))
		if err == nil && !ours {
			return uint16(n)
		}
	}
	return 0
}
