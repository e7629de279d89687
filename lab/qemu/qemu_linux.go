// Command qemu runs tests inside a virtual machine with a kernel of Debian's, because that kernel has what
// the one outside may lack: nftables' own queue statement, the conntrack attributes of NFQUEUE, VLANs, WireGuard and flow
// tables.
//
// Its law: the machine is made of files that are here already, namely a kernel with its modules (kernel.sh fetches
// them), the tests, the commands that they call and this program, which is the machine's init and its modprobe. It
// needs no privilege, no disk and no network, and nothing of it stays. What the tests print is printed as go test
// -json would, for internal/testsum.
//
// Emulation is slow, some ten times: no test in there says anything about speed. x86-64 only.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-project/weir/internal/gotest"
)

const module = "github.com/weir-project/weir/"

// A job is the tests of one room.
type job struct {
	Room string // and directory
	Run  string // which tests: a pattern of go test -run
}

// What has to do with rules and queues, and what runs the whole daemon on them. Other backends of the firewall are
// tested outside.
var jobs = []job{
	{"firewall", "^Test/^nft$"},
	{"divert", "^Test"},
	{"lab/bridge", "^TestBytesArrive$|^TestEditsThatGrow$"},
	{"lab/stream", "^TestLinks$/^(VLAN|WireGuard)"},
	{"lab", "^TestHooks$/^(masquerade|dnat|local-out)$|^TestInjectedSegmentsKeepTheirPorts$/^auto$/^(masquerade|dnat)"},
	{"holder", "^TestSixUses$|^TestFlowTable|^TestFlushedRules$|^TestConfirm$|^TestChildrenAreConfined$"}, // none that loads the machine
}

// Tests that prove that what only this kernel has was used.
var mustPass = []string{
	"TestForwardedBehindMasquerade/nft",
	"TestSettledFlowIsHandedBackUntilReload/nft",
	"TestFailOpenIsCounted/nft",
	"TestVerifySeesTampering/nft",
	"TestPauseThenRemove/nft",
	"TestCommandsOfDocuments",
	"TestOffloads",
	"TestFlowTableTakesFlowsPastWeir/IPv4",
	"TestFlowTableForWhatIsHandedBack/IPv4",
	"TestFlowTableForWhatIsHandedBack/IPv6",
	"TestAStuckRingIsMadeAnew",
	"TestBytesArrive/large_packets,_tagged/v6=true",
	"TestEditsThatGrow/longer,_tagged",
	"TestLinks/VLAN,_plain_packets/v6=true",
	"TestLinks/WireGuard/v6=true",
	"TestLinks/WireGuard,_masquerade/v6=false",
}

func main() {
	switch {
	case os.Getpid() == 1:
		guest()
	case filepath.Base(os.Args[0]) == "modprobe":
		os.Exit(modprobe(os.Args[1:]))
	}
	kernel := flag.String("kernel", "bin/kernel", "the directory with boot/vmlinuz-* and lib/modules/*")
	limit := flag.Duration("timeout", 8*time.Minute, "for the whole machine")
	memory := flag.Int("memory", 2048, "MiB of the machine")
	run := flag.String("run", "", "ROOM:PATTERN: only these tests")
	verbose := flag.Bool("v", false, "the kernel's messages on standard error")
	flag.Parse()
	if *run != "" {
		room, pattern, _ := strings.Cut(*run, ":")
		jobs, mustPass = []job{{room, pattern}}, nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	if err := host(ctx, *kernel, *memory, *verbose); err != nil {
		_ = gotest.Fail(os.Stdout, module+"lab/qemu", err.Error())
		os.Exit(1)
	}
}

func host(ctx context.Context, kernelDir string, memory int, verbose bool) error {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return errors.New("qemu-system-x86_64 is not installed (Debian: qemu-system-x86)")
	}
	dir, err := os.MkdirTemp("", "weir-qemu-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	image, initrd, err := build(ctx, kernelDir, dir)
	if err != nil {
		return err
	}
	messages, err := os.Create(filepath.Join(dir, "kernel.log"))
	if err != nil {
		return err
	}
	defer messages.Close()
	// The first serial port is the console, the second one what the tests say.
	cmd := exec.CommandContext(ctx, qemu, "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", fmt.Sprint(memory), "-nodefaults",
		"-display", "none", "-no-reboot", "-kernel", image, "-initrd", initrd, "-append", "console=ttyS0 panic=-1 loglevel=4 mitigations=off",
		"-serial", "file:"+messages.Name(), "-serial", "stdio")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	results, err := report(out, os.Stdout)
	err = errors.Join(err, cmd.Wait(), ctx.Err())
	if err == nil {
		err = results.judge()
	}
	if log, e := os.ReadFile(messages.Name()); e == nil && (verbose || err != nil) {
		fmt.Fprintf(os.Stderr, "--- the kernel said:\n%s---\n", log)
	}
	return err
}

// Lines by which init says where the output of one room begins, and how it ended.
const (
	beginMark = "#room "
	endMark   = "#exit "
)

// results are what the tests said of themselves.
type results struct {
	passed map[string]bool
	ended  int // rooms that exited
}

// report turns what the machine says into what go test -json says.
func report(in io.Reader, out io.Writer) (*results, error) {
	r := &results{passed: map[string]bool{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), 16<<20)
	var room string
	var text bytes.Buffer
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r") // a serial line's end
		switch {
		case strings.HasPrefix(line, beginMark):
			room = strings.TrimPrefix(line, beginMark)
			text.Reset()
		case strings.HasPrefix(line, endMark):
			r.ended++
			if err := r.room(room, strings.TrimPrefix(line, endMark), &text, out); err != nil {
				return r, err
			}
			room = ""
		default:
			fmt.Fprintln(&text, line)
		}
	}
	if room != "" {
		return r, errors.Join(r.room(room, "the machine went down", &text, out), lines.Err())
	}
	return r, lines.Err()
}

func (r *results) room(room, how string, text *bytes.Buffer, out io.Writer) error {
	for line := range strings.Lines(text.String()) {
		line = strings.TrimSpace(strings.Trim(line, "\x16\n")) // test2json's mark of what the testing package says
		if name, ok := strings.CutPrefix(line, "--- PASS: "); ok {
			name, _, _ = strings.Cut(name, " ")
			r.passed[name] = true
		}
	}
	cmd := exec.Command("go", "tool", "test2json", "-t", "-p", module+room)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = text, out, os.Stderr
	err := cmd.Run()
	if how == "0" {
		return err
	}
	return errors.Join(err, gotest.Fail(out, module+room, how)) // a test that was cut short says nothing of its end
}

// judge wants everything to have run, on what only this kernel has.
func (r *results) judge() error {
	var errs []error
	if r.ended != len(jobs) {
		errs = append(errs, fmt.Errorf("%d of %d rooms were tested", r.ended, len(jobs)))
	}
	for _, name := range mustPass {
		if !r.passed[name] {
			errs = append(errs, fmt.Errorf("%s did not pass: what only this kernel has is not proved", name))
		}
	}
	return errors.Join(errs...)
}
