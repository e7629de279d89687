//go:build linux || freebsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/control"
	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/ring"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/internal/bundle"
	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/policy"
	"github.com/weir-project/weir/sandbox"
)

const (
	defaultState = runDir + "/sysctl.json"
	maxBatch     = 1024 // of packets: each has room for 64 KiB
)

func init() { commands = append(commands, newRun) }

// runFlags are the command line of weir run.
type runFlags struct {
	policy, control, state, user string
	confirm, patience            time.Duration
	batch                        int
	spin                         time.Duration
}

func newRun() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "run", Short: "Divert and inspect, until stopped",
		Long: `Run starts three processes: a holder that owns the divert sockets and the firewall rules, a worker that
inspects, ` + confinement + `, and a reporter that writes events.
The rules are put in place when the worker is ready, and taken away at the end.

SIGHUP reloads the policy, as weir reload does; a policy with mistakes changes nothing. SIGTERM and
SIGINT take the rules away, let the worker answer what waits, and end.

With --confirm 60s weir takes the rules away and ends after a minute unless you say weir confirm: if
the policy has cut you off, wait.`,
		Example: "  weir run -p weir.yaml --confirm 60s",
		Args:    exactly(0),
		RunE:    func(*cobra.Command, []string) error { return f.run() },
	}
	fl := c.Flags()
	fl.StringVarP(&f.policy, "policy", "p", defaultPolicy, "policy `file`")
	fl.StringVar(&f.control, "control", defaultControlPath, "`socket` that weir status, reload, confirm and stop speak to")
	fl.StringVar(&f.state, "state", defaultState, "`file` that remembers kernel settings to restore")
	fl.StringVar(&f.user, "user", "", "user `id` of worker and reporter (default 65534, nobody)")
	fl.DurationVar(&f.confirm, "confirm", 0, "take the rules away and end after this `time` unless weir confirm is called")
	fl.IntVar(&f.batch, "batch", 64, "most packets to receive at once")
	fl.DurationVar(&f.spin, "spin", 0, "poll for this `time` before sleeping: less latency, more CPU")
	fl.DurationVar(&f.patience, "patience", 0, "kill a worker that says nothing for this `time`")
	_ = fl.MarkHidden("patience") // for tests; it is defined above
	return c
}

// check refuses values that make no sense, before anything is touched.
func (f *runFlags) check() error {
	switch _, err := strconv.ParseUint(f.user, 10, 32); {
	case f.user != "" && err != nil:
		return fail(exitUsage, fmt.Errorf("--user %s: it must be the number of a user", f.user))
	case f.confirm < 0:
		return fail(exitUsage, fmt.Errorf("--confirm %v: a time to come, such as 60s", f.confirm))
	case f.batch < 1 || f.batch > maxBatch:
		return fail(exitUsage, fmt.Errorf("--batch %d: it must be from 1 to %d packets", f.batch, maxBatch))
	case f.spin < 0:
		return fail(exitUsage, fmt.Errorf("--spin %v: a time such as 50us, or 0", f.spin))
	}
	return nil
}

func (f *runFlags) run() error {
	if err := f.check(); err != nil {
		return err
	}
	p, err := loadPolicy(f.policy, 0)
	if err != nil {
		return err
	}
	if err := forgetPrivileges(); err != nil {
		return fail(exitSystem, err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	listener, err := control.Listen(f.control) // first: it knows best whether another weir runs
	if errors.Is(err, os.ErrPermission) && os.Geteuid() != 0 {
		err = fmt.Errorf("%w; run weir as root: it gives up what it does not need", err)
	}
	if err != nil {
		return fail(exitSystem, err)
	}
	defer listener.Close()
	only, err := control.Alone()
	if err != nil {
		return fail(exitSystem, err)
	}
	defer only.Close()
	program, err := thisProgram()
	if err != nil {
		return fail(exitSystem, err)
	}
	d := &daemon{flags: f, program: program, only: only, log: slog.New(slog.NewTextHandler(os.Stderr, nil)), features: host.detect(firewall.Options{})}
	h, err := d.open(p)
	if err != nil {
		return fail(exitSystem, err)
	}
	go control.Serve(listener, func(ctx context.Context, request string) (any, error) { return h.Do(ctx, request) })
	go d.reloadOnHangup(ctx, h)
	return h.Run(ctx)
}

// A daemon is what the holder's parts are made from.
type daemon struct {
	flags    *runFlags
	program  string    // this one
	only     io.Closer // that no other weir runs; a guard shares it if it is a file
	log      *slog.Logger
	features firewall.Features
	kind     firewall.Kind // of the rules; never Auto once it is open
	rings    []*os.File
	tell     event.Queue
	first    *holder.Policy // read at start
	rules    uint32         // generation of the rules' marks
}

// open makes the holder of a policy.
func (d *daemon) open(p *policy.Policy) (*holder.Holder, error) {
	kind, err := firewall.ParseKind(string(p.Document().Divert.Backend))
	if err != nil {
		return nil, err
	}
	if kind == firewall.Auto {
		if kind, err = d.features.Best(); err != nil {
			return nil, err
		}
	}
	d.kind = kind
	backend, err := d.backend(kind)
	if err != nil {
		return nil, err
	}
	if err := alone(); err != nil {
		return nil, err
	}
	if d.first, err = d.prepare(p); err != nil {
		return nil, err
	}
	lanes, err := divert.Lanes(host.address(d.first.Rules))
	if err != nil {
		return nil, err
	}
	// One ring for each lane, and one for what the holder has to tell.
	for i := range len(lanes) + 1 {
		f, err := ring.Create(fmt.Sprintf("weir-events-%d", i), int(p.Document().Limits.EventRing))
		if err != nil {
			return nil, err
		}
		d.rings = append(d.rings, f)
	}
	mem, err := ring.Map(d.rings[len(lanes)])
	if err != nil {
		return nil, err
	}
	tell, err := mem.Writer()
	if err != nil {
		return nil, err
	}
	bell, err := ring.NewBell()
	if err != nil {
		return nil, err
	}
	tell.RingWith(bell.Strike)
	d.tell = tell
	if err := d.makeDirs(p); err != nil {
		return nil, err
	}
	options := []divert.Option{divert.WithQueueLen(p.Document().Limits.Queue), divert.WithInjectMark(uint32(p.Document().Marks.Injected))}
	if p.FailOpen() {
		options = append(options, divert.WithFailOpen())
	}
	guard := func() *exec.Cmd { return d.guard(kind) }
	if kind == firewall.Bridge {
		guard = nil // what it would take away goes with the holder
		site := lookAtSite(d.first.Rules.Ports)
		site.warn(d.log, d.first.Absent)
	}
	return holder.New(holder.Config{
		Lanes: lanes, Options: options, Batch: d.flags.batch, Spin: d.flags.spin,
		Worker:   func() *exec.Cmd { return d.child("worker", sandbox.Worker(d.uid(), kind == firewall.Bridge)) },
		Reporter: func() *exec.Cmd { return d.child("reporter", sandbox.Needs{User: d.uid()}) },
		Guard:    guard,
		Rings:    d.rings, Strike: bell.Strike, Hear: bell.Hear, Policy: d.policy, Backend: backend, StateFile: d.flags.state,
		Confirm: d.flags.confirm, Patience: d.flags.patience, Tell: d.told, Log: d.log,
	})
}

// backend opens the firewall. What a killed weir left by another backend would divert everything twice.
func (d *daemon) backend(k firewall.Kind) (firewall.Backend, error) {
	if err := firewall.RemoveOthers(k, d.features, firewall.Options{}); err != nil {
		d.log.Warn("cannot look for rules that another backend has left", "err", err)
	}
	return host.open(k, d.features, firewall.Options{})
}

// makeDirs makes the directories of event files that are missing, for the reporter's user to write and rotate in.
func (d *daemon) makeDirs(p *policy.Policy) error {
	for _, s := range p.Events() {
		dir := filepath.Dir(s.File.Path)
		if s.Kind != "file" {
			continue
		}
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("events: %w", err)
		}
		if err := os.Chown(dir, int(d.uid()), -1); err != nil {
			return fmt.Errorf("events: %w", err)
		}
	}
	return nil
}

// policy reads the policy for the holder: at start the one that was loaded already, afterwards anew.
func (d *daemon) policy(inForce *holder.Policy) (*holder.Policy, error) {
	if inForce == nil {
		return d.first, nil
	}
	p, err := policy.LoadFile(d.flags.policy, policy.Options{Apps: grammarNames(), Backend: d.kind})
	if err != nil {
		return nil, err
	}
	changes, effect := p.Changes(inForce.Origin.(*policy.Policy))
	for _, c := range changes {
		if c.Effect&policy.EffectRestart != 0 {
			return nil, fmt.Errorf("%s: %s is now %s: that takes another start of weir (weir stop, weir run)", c.Key, c.Old, c.New)
		}
	}
	if err := d.makeDirs(p); err != nil {
		return nil, err
	}
	next, err := d.prepare(p)
	if err == nil {
		next.Renew = holder.Renew{Worker: effect&policy.EffectWorker != 0, Reporter: effect&policy.EffectReporter != 0}
	}
	return next, err
}

// prepare makes of a policy what the holder needs.
func (d *daemon) prepare(p *policy.Policy) (*holder.Policy, error) {
	files := make([]bundle.File, 0, len(p.Files()))
	for _, f := range p.Files() {
		files = append(files, bundle.File{Name: f.Name, Data: f.Data})
	}
	config := d.firewallConfig(p)
	rules, err := firewall.Plan(config, d.features)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Pack(files)
	if err != nil {
		return nil, err
	}
	absent := packet.Drop
	if config.Queues.Bypass {
		absent = packet.Accept
	}
	inspected := config.Marks.Inspected()
	return &holder.Policy{Bundle: b, Rules: rules, Absent: absent, FailOpen: p.FailOpen(), MemLimit: int64(p.Document().Limits.Memory), Origin: p, Marks: link.Marks{
		Settle: policy.SettleMark(config).Mark, Inspected: packet.Mark{Value: inspected.Value, Mask: inspected.Mask}, Translated: rules.Translated,
	}}, nil
}

// firewallConfig adds to the policy's rules what only this process knows: a generation that tells flows settled under this
// policy from older ones, and the SSH session that must not be cut.
func (d *daemon) firewallConfig(p *policy.Policy) firewall.Config {
	c := p.Firewall(d.features, 1)
	d.rules = c.Marks.Next(d.rules)
	c = p.Firewall(d.features, d.rules)
	return withSession(c)
}

// child is this program again, as worker or reporter, with fewer privileges.
func (d *daemon) child(kind string, needs sandbox.Needs) *exec.Cmd {
	c := d.again(kind, strconv.Itoa(int(needs.User)))
	c.SysProcAttr = sandbox.Attributes(needs)
	return c
}

// guard is this program again, as root. The next weir waits for its end.
func (d *daemon) guard(k firewall.Kind) *exec.Cmd {
	c := d.again("guard", k.String())
	if f, ok := d.only.(*os.File); ok {
		c.ExtraFiles = []*os.File{f}
	}
	return c
}

func (d *daemon) again(kind, arg string) *exec.Cmd {
	c := exec.Command(d.program, "child-"+kind, arg)
	c.Args[0] = "weir-" + kind
	// There is a ring for each lane, and the holder's. Lanes keep their processor while packets come (divert.WithKeptProcessor), so there must be more of
	// them than lanes: one for all else, one for who collects garbage.
	c.Env = []string{"GOTRACEBACK=none", "GOMAXPROCS=" + strconv.Itoa(len(d.rings)+1)}
	c.Dir = "/"
	c.Stdout, c.Stderr = os.Stdout, &childLog{to: os.Stderr}
	return c
}

// uid is whom the children run as: the given user, or nobody; without the right to change it, whoever we are.
func (d *daemon) uid() uint32 {
	if n, err := strconv.ParseUint(d.flags.user, 10, 32); err == nil {
		return uint32(n)
	}
	if os.Geteuid() != 0 {
		return uint32(os.Geteuid())
	}
	return sandbox.Nobody
}

// told puts an event about Weir itself into the holder's ring.
func (d *daemon) told(name, detail string) {
	e := event.Event{Kind: event.KindEngine, Severity: event.Medium, Time: time.Now(), Author: "holder", Name: name}
	e.Text("detail", detail)
	d.tell.Put(&e)
}

func (d *daemon) reloadOnHangup(ctx context.Context, h *holder.Holder) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			if _, err := h.Do(ctx, holder.Reload); err != nil {
				d.log.Error("reload refused, the old policy stays", "err", err)
			}
		}
	}
}
