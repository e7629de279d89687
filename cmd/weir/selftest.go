package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
	"github.com/weir-project/weir/packet"
)

// Ports of the self-test on loopback: what leaves for the one, and what comes in for the other, is to be diverted.
const (
	selftestOut = 9047
	selftestIn  = 9048
)

// selftestRules are the commands that divert to an address, and those that take it back. The self-test does not touch the firewall
// itself: it is another's.
func selftestRules(system, address string) (do, undo []string) {
	_, at, _ := strings.Cut(address, ":")
	port, words, _ := strings.Cut(at, ",")
	port, _, _ = strings.Cut(port, "-") // the first of several queues
	pf := slices.Contains(strings.Split(words, ","), "pf")
	switch {
	case system == "freebsd" && pf:
		return []string{
			fmt.Sprintf("echo 'pass out on lo0 inet proto udp to port %d divert-to 127.0.0.1 port %s no state' >  /tmp/weir.pf", selftestOut, port),
			fmt.Sprintf("echo 'pass in  on lo0 inet proto udp to port %d divert-to 127.0.0.1 port %s no state' >> /tmp/weir.pf", selftestIn, port),
			"pfctl -a weir -f /tmp/weir.pf   # with  anchor \"weir\"  in pf.conf, and no  set skip on lo0",
		}, []string{"pfctl -a weir -F rules"}
	case system == "freebsd":
		return []string{
			fmt.Sprintf("ipfw add 47 divert %s udp from any to any %d out via lo0", port, selftestOut),
			fmt.Sprintf("ipfw add 48 divert %s udp from any to any %d in via lo0", port, selftestIn),
		}, []string{"ipfw delete 47 48"}
	case system == "openbsd":
		return []string{
			fmt.Sprintf("echo 'pass out on lo0 proto udp to port %d divert-packet port %s no state' >  /tmp/weir.pf", selftestOut, port),
			fmt.Sprintf("echo 'pass in  on lo0 proto udp to port %d divert-packet port %s no state' >> /tmp/weir.pf", selftestIn, port),
			"pfctl -a weir -f /tmp/weir.pf   # with  anchor \"weir\"  in pf.conf, and no  set skip on lo",
		}, []string{"pfctl -a weir -F rules"}
	}
	for _, tables := range []string{"iptables", "ip6tables"} {
		rule := fmt.Sprintf("-m mark ! --mark %d -j NFQUEUE --queue-num %s", conform.InjectMark, port)
		do = append(do, fmt.Sprintf("%s -I OUTPUT -o lo -p udp --dport %d %s", tables, selftestOut, rule),
			fmt.Sprintf("%s -I INPUT -i lo -p udp --dport %d %s", tables, selftestIn, rule))
		undo = append(undo, fmt.Sprintf("%s -D OUTPUT -o lo -p udp --dport %d %s", tables, selftestOut, rule),
			fmt.Sprintf("%s -D INPUT -i lo -p udp --dport %d %s", tables, selftestIn, rule))
	}
	return do, undo
}

// doctorSelftest runs the checks of every backend against the socket at an address, on this machine's kernel, and writes a report.
func doctorSelftest(o io.Writer, address string) error {
	if strings.HasPrefix(address, "bridge:") {
		return fail(exitUsage, fmt.Errorf("%s: the self-test sends over the loopback interface, which is no end of a bridge; go test ./divert -run Bridge tries one", address))
	}
	do, undo := selftestRules(runtime.GOOS, address)
	ways, caps, err := selftestWays(address)
	if err != nil {
		return fail(exitSystem, err)
	}
	if len(ways) == 0 {
		return fail(exitSystem, fmt.Errorf("nothing was diverted to %s. Divert datagrams to it first:\n\n  %s\n\nand afterwards:\n\n  %s",
			address, strings.Join(do, "\n  "), strings.Join(undo, "\n  ")))
	}
	fmt.Fprintf(o, "weir     %s, %s\n", version, runtime.Version())
	fmt.Fprintf(o, "system   %s\n", systemText())
	fmt.Fprintf(o, "address  %s, backend %s\n", address, caps.Backend)
	fmt.Fprintf(o, "diverts  %s\n", waysText(ways))
	for _, m := range caps.Missing {
		fmt.Fprintf(o, "note     %s\n", m)
	}
	fmt.Fprintln(o)
	failed := 0
	colour := colourful(o)
	for _, c := range conform.Checks() {
		k, err := newLoopback(address)
		if err == nil {
			k.Use(ways...)
			err = c.Run(k)
		}
		if err != nil {
			failed++
			fmt.Fprintln(o, paint(colour, red, "FAILED   "+c.Name+": "+err.Error()))
			continue
		}
		fmt.Fprintln(o, "ok       "+c.Name)
	}
	fmt.Fprintf(o, "\n%d of %d checks passed. Take the rules away again:\n\n  %s\n", len(conform.Checks())-failed, len(conform.Checks()), strings.Join(undo, "\n  "))
	if failed > 0 {
		return fail(exitFailed, errors.New("please send this report; it says all that we need"))
	}
	return nil
}

func waysText(ways []conform.Way) string {
	var all []string
	for _, w := range ways {
		all = append(all, w.String())
	}
	return strings.Join(all, ", ")
}

// systemText is of what uname -a says that which names nobody: FreeBSD's version has who built the kernel, and where.
func systemText() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS
	}
	return fmt.Sprintf("%s %s %s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:]))
}

// newLoopback has datagrams come along on the loopback interface to the ports of the self-test.
func newLoopback(address string) (*conform.Loopback, error) {
	open := func(opts ...divert.Option) (divert.Socket, error) { return divert.OpenSocket(address, opts...) }
	return conform.NewLoopback(open, map[conform.Way]int{
		{}: selftestOut, {In: true}: selftestIn, {Inet6: true}: selftestOut, {In: true, Inet6: true}: selftestIn,
	})
}

// selftestWays finds out which datagrams on loopback are diverted to an address.
func selftestWays(address string) (ways []conform.Way, caps divert.Caps, err error) {
	k, err := newLoopback(address)
	if err != nil {
		return nil, caps, err
	}
	defer k.Close()
	s, err := k.Open()
	if err != nil {
		return nil, caps, err
	}
	defer s.Close()
	p := []*packet.Packet{new(packet.Packet)}
	for _, w := range k.Ways() {
		if k.Send(w, []byte("is this diverted?")) != nil {
			continue
		}
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
			n, err := s.Recv(p, max(0, time.Until(end)))
			if err != nil {
				return nil, caps, err
			}
			if n == 0 {
				continue
			}
			ways = append(ways, w)
			p[0].Verdict = packet.Drop
			if err := s.Finish(p); err != nil {
				return nil, caps, err
			}
			break
		}
	}
	return ways, s.Caps(), nil
}
