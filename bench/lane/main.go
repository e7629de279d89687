//go:build linux

// Command lane is a lane of Weir on queue 0, in one process and with nothing around it: what the engine itself costs,
// by what it does to every packet. With "accept" it is the accept path that the others are held against.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto/all"
)

// marker stands in every response of the load.
const marker = "weir-bench-marker"

// deeds are what a lane can be asked to do.
var deeds = map[string]func() []inspect.Inspector{
	"accept": func() []inspect.Inspector { return nil },
	"track":  func() []inspect.Inspector { return []inspect.Inspector{tracker{}} },
	"body":   func() []inspect.Inspector { return []inspect.Inspector{&reader{find: []byte("no such thing")}} },
	"mask": func() []inspect.Inspector {
		return []inspect.Inspector{&masker{reader{find: []byte(marker), with: []byte("XXXXXXXXXXXXXXXXX")}}}
	},
	"grow": func() []inspect.Inspector {
		return []inspect.Inspector{&grower{reader{find: []byte(marker), with: []byte("a marker that has become longer")}}}
	},
}

// A tracker has every stream put in order, and looks at none of it.
type tracker struct{}

func (tracker) Name() string { return "dlp" }

func (tracker) InspectStream(*inspect.Context, []byte) inspect.Decision { return inspect.Decision{} }

var bodies = field.SetOf(field.HTTPRequestBody, field.HTTPResponseBody)

// A reader looks for a word in every body, and replaces it if it has something to put in its place.
type reader struct{ find, with []byte }

func (*reader) Name() string { return "dlp" }

func (*reader) Fields() field.Set { return bodies }

func (r *reader) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	if at := bytes.Index(f.Value, r.find); at >= 0 && r.with != nil {
		cx.Edit(f, at, at+len(r.find), r.with)
	}
	return inspect.Decision{}
}

type masker struct{ reader }

func (*masker) Edits() field.Set { return bodies }

type grower struct{ reader }

func (*grower) Resizes() field.Set { return bodies }

func main() {
	if len(os.Args) != 2 || deeds[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: lane accept|track|body|mask|grow")
		os.Exit(2)
	}
	if err := run(deeds[os.Args[1]]()); err != nil {
		fmt.Fprintln(os.Stderr, "lane:", err)
		os.Exit(1)
	}
}

func run(inspectors []inspect.Inspector) error {
	var entries []inspect.Entry
	for _, in := range inspectors {
		entries = append(entries, inspect.Entry{Inspector: in})
	}
	chain, err := inspect.NewChain(1, &inspect.LabelTable{}, entries)
	if err != nil {
		return err
	}
	socket, err := divert.OpenSocket("nfqueue:0", divert.WithKeptProcessor())
	if err != nil {
		return err
	}
	defer socket.Close()
	begin := time.Now()
	lane := engine.New(engine.Config{
		Socket: socket, Events: &event.Buffer{}, Seed: 1, Grammars: all.Grammars(),
		Clock: func() (time.Duration, time.Time) { now := time.Now(); return now.Sub(begin), now },
		Program: engine.Program{Chain: chain, Outcomes: engine.Outcomes{
			Malformed: packet.Drop, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Drop,
		}},
	})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		lane.Stop()
		socket.Wake()
	}()
	if err := lane.Run(); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, divert.ErrClosed) {
		return err
	}
	s := lane.Snapshot()
	fmt.Fprintf(os.Stderr, "%d packets, %d edits, anomalies %v\n", s.Packets, s.Edits, s.Anomalies)
	return nil
}
