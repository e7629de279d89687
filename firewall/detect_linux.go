package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Detect tries what the kernel and the installed commands can do. It tries in a network
// namespace of its own where it may make one, so that no rule of the host is touched,
// and otherwise (no CAP_SYS_ADMIN) in o.NetNS with a table that no packet passes and
// that is gone when Detect returns. It needs CAP_NET_ADMIN; without, everything is missing.
func Detect(o Options) Features {
	var f Features
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with its namespace.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		own := err == nil
		if !own && o.NetNS != nil {
			if err := unix.Setns(int(o.NetNS.Fd()), unix.CLONE_NEWNET); err != nil {
				f.Missing = append(f.Missing, fmt.Sprintf("the network namespace cannot be entered (%v)", err))
				return
			}
		}
		f.detect(own)
	}()
	<-done
	f.Offloads, f.NAT = Offloads(o), translates(o)
	return f
}

func (f *Features) detect(own bool) {
	lacks := func(what string, err error) {
		f.Missing = append(f.Missing, fmt.Sprintf("%s (%v)", what, err))
	}
	_, err := os.Stat("/proc/thread-self/net/if_inet6")
	f.IPv6 = err == nil
	if err != nil {
		lacks("IPv6 is off: its rules are left out", err)
	}

	if err := probeRule(nftables.TableFamilyIPv4, nil); err != nil {
		lacks("nf_tables does not answer: no rules over netlink", err)
	} else {
		f.NFTables = true
		f.detectExprs(lacks)
	}
	f.detectIPTables(own, lacks)
	if _, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal"); err != nil {
		lacks("connection tracking is not there: no hand-back, and nothing to set for growing payloads", err)
	} else {
		f.TCPLiberal = true
	}
}

func (f *Features) detectExprs(lacks func(string, error)) {
	native, compat := nftDialect{}, nftDialect{xtQueue: true, xtConnMark: true}
	queue := Action{Kind: Queue}
	mark := Action{Kind: SetConnMark, Bits: Bits{Mask: 1}}
	test := MarkTest{Bits: Bits{Value: 1, Mask: 1}}
	untrack := append(OriginalDNAT.exprs(), native.action(Action{Kind: NoTrack})...)
	for _, p := range []struct {
		has    *bool
		family nftables.TableFamily
		es     []expr.Any
		lacks  string
	}{
		{&f.NativeQueue, nftables.TableFamilyIPv4, native.action(queue), "nf_tables has no queue statement (CONFIG_NFT_QUEUE)"},
		{&f.CompatQueue, nftables.TableFamilyIPv4, compat.action(queue), "nf_tables cannot use the xtables target NFQUEUE (CONFIG_NFT_COMPAT, CONFIG_NETFILTER_XT_TARGET_NFQUEUE)"},
		{&f.ConnMark, nftables.TableFamilyIPv4, append(native.connMark(test), native.action(mark)...), "nf_tables has no ct mark (CONFIG_NFT_CT, CONFIG_NF_CONNTRACK_MARK)"},
		{&f.CompatConnMark, nftables.TableFamilyIPv4, append(compat.connMark(test), compat.action(mark)...), "nf_tables cannot use the xtables connmark (CONFIG_NETFILTER_XT_CONNMARK)"},
		{&f.Untrack, nftables.TableFamilyIPv4, untrack, "nf_tables has no ct direction, ct status and notrack (CONFIG_NFT_CT)"},
		{&f.Bridge, nftables.TableFamilyBridge, nil, "nf_tables has no bridge family"},
	} {
		if err := probeRule(p.family, p.es); err != nil {
			lacks(p.lacks, err)
		} else {
			*p.has = true
		}
	}
	es := compat.action(queue)
	if f.NativeQueue {
		es = native.action(queue)
	}
	if err := probeRule(nftables.TableFamilyINet, es); err != nil {
		lacks("nf_tables cannot queue in the inet family: two tables instead of one", err)
	} else {
		f.Inet = true
	}
}

// probeRule makes a table with a chain that hangs on no hook and a rule of these
// expressions, and takes it away again, in one transaction.
func probeRule(family nftables.TableFamily, es []expr.Any) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	t := c.AddTable(&nftables.Table{Name: TableName + "_probe", Family: family})
	ch := c.AddChain(&nftables.Chain{Table: t, Name: "probe"})
	if len(es) > 0 {
		c.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: es})
	}
	c.DelTable(t)
	return first(c.Flush())
}

// first returns the first of errors that were joined: the others follow from it.
func first(err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && len(joined.Unwrap()) > 0 {
		return joined.Unwrap()[0]
	}
	return err
}

const commandTimeout = 10 * time.Second

// detectIPTables tries the commands. Rules are put in place only where the namespace is our own.
func (f *Features) detectIPTables(own bool, lacks func(string, error)) {
	restore := func(fam iptFamily, text string, flags ...string) error {
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		defer cancel()
		c := exec.CommandContext(ctx, commandPath(fam.restore), append([]string{"-w", "5", "--noflush"}, flags...)...)
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	}
	version := func(fam iptFamily) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		defer cancel()
		out, err := exec.CommandContext(ctx, commandPath(fam.restore), "--version").Output()
		if err != nil {
			return "", err
		}
		return strings.TrimSpace(string(out)), restore(fam, iptProbe("mangle", "-j NFQUEUE --queue-num 0 --queue-bypass"), "--test")
	}
	for i, to := range []*string{&f.IPTables, &f.IP6Tables} {
		v, err := version(iptFamilies[i])
		if err != nil {
			lacks(iptFamilies[i].restore+" cannot be used", err)
			continue
		}
		*to = v
	}
	untrack := iptProbe("raw", strings.Join(append(Match{Translation: OriginalDNAT}.iptTests(), Action{Kind: NoTrack}.iptText()), " "))
	flags := []string{"--test"}
	if own {
		flags = nil // what the kernel lacks shows only when it is asked
	}
	f.IPTablesUntrack = f.IPTables != ""
	for i, v := range []string{f.IPTables, f.IP6Tables} {
		if v == "" {
			continue
		}
		if err := restore(iptFamilies[i], untrack, flags...); err != nil {
			lacks(iptFamilies[i].restore+" has no table raw, match conntrack and target CT (notrack)", err)
			f.IPTablesUntrack = false
		}
	}
}

// iptProbe is input of iptables-restore: a chain that nothing calls, with a rule.
func iptProbe(table, rule string) string {
	return fmt.Sprintf("*%s\n:%[2]sPROBE - [0:0]\n-A %[2]sPROBE %[3]s\nCOMMIT\n", table, chainPrefix, rule)
}

// translates reports whether something in the namespace translates addresses.
func translates(o Options) bool {
	nat := false
	_ = inNetNS(o.NetNS, func() error {
		names, err := os.ReadFile("/proc/thread-self/net/ip_tables_names") // of iptables-legacy
		names6, _ := os.ReadFile("/proc/thread-self/net/ip6_tables_names")
		nat = slices.Contains(strings.Fields(string(names)+string(names6)), "nat")
		return err
	})
	n := nft{ns: o.NetNS}
	c, err := n.conn()
	if err != nil {
		return nat
	}
	defer c.CloseLasting()
	chains, _ := c.ListChains()
	return nat || slices.ContainsFunc(chains, func(ch *nftables.Chain) bool { return ch.Type == nftables.ChainTypeNAT })
}
