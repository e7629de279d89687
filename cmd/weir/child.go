//go:build linux || freebsd || openbsd

package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event/eve"
	"github.com/weir-project/weir/event/ring"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/internal/bundle"
	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/policy"
	"github.com/weir-project/weir/proto/all"
	"github.com/weir-project/weir/report"
	"github.com/weir-project/weir/sandbox"
	"github.com/weir-project/weir/worker"
)

// The children of weir run are this program again. They are told everything over the link on descriptor 3.

func init() {
	commands = append(commands, func() *cobra.Command {
		return newChild("worker USER", runWorker)
	}, func() *cobra.Command {
		return newChild("reporter USER", runReporter)
	}, func() *cobra.Command {
		return &cobra.Command{Use: "child-guard BACKEND", Hidden: true, Args: exactly(1), RunE: func(_ *cobra.Command, args []string) error {
			return runGuard(args[0])
		}}
	})
}

// newChild is the command of a child. USER is the number of whom it is to run as.
func newChild(use string, run func(user uint32) error) *cobra.Command {
	return &cobra.Command{Use: "child-" + use, Hidden: true, Args: exactly(1), RunE: func(_ *cobra.Command, args []string) error {
		user, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil {
			return fail(exitUsage, err)
		}
		return run(uint32(user))
	}}
}

// parent returns the link to the holder. Signals of the terminal are the holder's to judge. The name is what ps shows.
func parent(name string) (*link.Conn, error) {
	nameProcess(name)
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM)
	l, err := link.New(os.NewFile(3, "link"))
	if err != nil {
		return nil, fmt.Errorf("this command is for weir run alone: %w", err)
	}
	return l, nil
}

func runWorker(user uint32) error {
	l, err := parent("weir-worker")
	if err != nil {
		return err
	}
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return err
	}
	return worker.Run(l, worker.Config{User: user, Load: loadForWorker, Grammars: all.Grammars, Seed: binary.NativeEndian.Uint64(seed[:])})
}

// runGuard takes the rules of a backend away if the holder dies.
func runGuard(backend string) error {
	k, err := firewall.ParseKind(backend)
	if err != nil {
		return fail(exitUsage, err)
	}
	l, err := parent("weir-guard")
	if err != nil {
		return err
	}
	b, err := host.open(k, firewall.Features{}, firewall.Options{})
	if err != nil {
		return err
	}
	return holder.Guard(l, b.Remove)
}

// loadForWorker loads the policy that the holder has checked.
func loadForWorker(f *os.File) (*worker.Loaded, error) {
	root, name, err := bundle.Open(f)
	if err != nil {
		return nil, err
	}
	p, err := loadBundled(root, name, lanesHere)
	if err != nil {
		return nil, err
	}
	return &worker.Loaded{
		Limits: p.Limits(),
		Program: func(_ int, generation uint32, marks link.Marks) (*engine.Program, error) {
			chain, err := p.Chain(generation)
			if err != nil {
				return nil, err
			}
			return &engine.Program{
				Chain: chain, Outcomes: p.Outcomes(),
				Settle: engine.Settle{Mark: marks.Settle}, Inspected: marks.Inspected, Translated: marks.Translated,
			}, nil
		},
	}, nil
}

func runReporter(user uint32) error {
	l, err := parent("weir-reporter")
	if err != nil {
		return err
	}
	m, files, err := l.Recv()
	if err != nil {
		return err
	}
	if m.Kind != link.KindStart || len(files) < 3 {
		return fmt.Errorf("reporter: first message is %q with %d files", m.Kind, len(files))
	}
	var start link.Report
	if err := json.Unmarshal(m.Data, &start); err != nil {
		return fmt.Errorf("reporter: first message: %w", err)
	}
	needs := sandbox.Needs{User: user}
	sinks, err := openSinks(files[0], start.Lenient, &needs)
	if err != nil {
		return err
	}
	bell := make(chan struct{}, 1)
	config := report.Config{Sinks: sinks, Bell: bell}
	for _, f := range files[2:] {
		mem, err := ring.Map(f)
		if err != nil {
			return err
		}
		r, err := mem.Reader()
		if err != nil {
			return err
		}
		config.Rings = append(config.Rings, r)
	}
	if _, err := sandbox.Enter(needs); err != nil {
		return err
	}
	r, err := report.New(config)
	if err != nil {
		return err
	}
	if err := l.Send(link.KindReady, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go follow(l, r, cancel)
	go func() { _ = ring.Listen(files[1], bell) }() // its end closes bell
	telling := make(chan struct{})
	go func() { tellOutputs(ctx, l, r); close(telling) }()
	_ = r.Run(ctx) // what could not be written at the end is in the last message
	cancel()
	<-telling
	_ = l.Send(link.KindStatus, outputsOf(r.Status(), time.Now()))
	return nil
}

// follow does what the holder says, until it says stop or is gone.
func follow(l *link.Conn, r *report.Reporter, stop context.CancelFunc) {
	defer stop()
	for {
		m, files, err := l.Recv()
		for _, f := range files {
			f.Close()
		}
		if err != nil || m.Kind == link.KindStop {
			return
		}
		if m.Kind == link.KindPolicy {
			r.Reopen() // logrotate and its like move files and then send SIGHUP
		}
	}
}

// openSinks opens the outputs of the policy, and adds to needs what they take: directories in which files are rotated, sockets. If
// lenient, what cannot be opened is tried again later.
func openSinks(f *os.File, lenient bool, needs *sandbox.Needs) (sinks []report.Sink, err error) {
	root, name, err := bundle.Open(f)
	if err != nil {
		return nil, err
	}
	p, err := loadBundled(root, name, lanesHere)
	if err != nil {
		return nil, err
	}
	for _, s := range p.Events() {
		dir := filepath.Dir(s.File.Path)
		there := s.Kind != "file" || isDir(dir)
		open := func() (eve.Output, error) {
			if !there {
				return nil, fmt.Errorf("reporter: directory %s: %w when this reporter began; weir reload makes it", dir, os.ErrNotExist)
			}
			out, err := s.Open(os.Stdout)
			return out, unwritable(s, err)
		}
		out, err := open()
		if err != nil && !lenient {
			return nil, err
		}
		if err != nil {
			out = eve.OpenLater(open)
		}
		w := eve.NewWriter(out, eve.Format{}, 0)
		if err != nil {
			w.Reopen() // so that it is seen to fail before there is an event
		}
		sinks = append(sinks, report.Sink{Name: s.Name, Sink: w})
		switch {
		case s.Kind == "unix" || s.Kind == "unixgram":
			needs.Connect = append(needs.Connect, s.Path)
		case s.Kind == "file" && there:
			needs.Write = append(needs.Write, dir)
		}
	}
	return sinks, nil
}

func isDir(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// unwritable says what to do about an output that cannot be opened. Files are made and rotated in their directory.
func unwritable(s policy.Sink, err error) error {
	if err == nil {
		return nil
	}
	if s.Kind != "file" || !errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("reporter: %w", err)
	}
	uid, dir := os.Geteuid(), filepath.Dir(s.File.Path)
	return fmt.Errorf("reporter: %w: user %d must be able to write there; chown -R %d %s, or choose a directory of its own, which weir makes if it is missing",
		err, uid, uid, dir)
}
