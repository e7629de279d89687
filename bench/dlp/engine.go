//go:build linux

package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/dlpcorpus"
)

// An engine looks at payloads.
type engine struct {
	name, about string
	slow        bool // it looks at a share
	look        func(payload []byte) (found int)
}

// engines are what is compared, the regexps last.
func engines() []engine {
	return []engine{
		{"Weir, as written", "package inspect/dlp/detect alone, all its kinds, on the bytes as they are", false, detectors()},
		{"Weir, with views", "the inspector inspect/dlp with a rule for each kind: the same, and in the texts written in that one with escapes, in base64 and in UTF-16, " +
			"three deep; a masked sample and an event of each value", false, inspector()},
		{"regexps, one by one", "internal/dlpcorpus/regexps.go: what people write for the same kinds, package regexp, FindAllIndex of each over each payload, as written", true, regexps()},
	}
}

func detectors() func([]byte) int {
	var all []detect.Kind
	for k := range detect.Bundled() {
		all = append(all, detect.Kind(k))
	}
	s := detect.NewSet(all...).Scanner()
	return func(payload []byte) (found int) {
		s.Reset(nil, payload, false)
		for m, ok := s.Next(); ok; m, ok = s.Next() {
			if !m.Part {
				found++
			}
		}
		return found
	}
}

func inspector() func([]byte) int {
	c := dlp.Config{MaxEvents: 1 << 20}
	for _, i := range detect.Bundled() {
		c.Detectors = append(c.Detectors, dlp.Detector{Name: i.Name})
	}
	make, mistakes := dlp.New(c, inspect.Env{Lanes: 1})
	if len(mistakes) > 0 {
		panic(fmt.Sprint("dlp: ", mistakes))
	}
	d, h := make().(inspect.StreamInspector), new(host)
	cx := &inspect.Context{Host: h, Wall: time.Unix(0, 0), Dir: flow.ToServer}
	return func(payload []byte) int {
		h.events = 0
		d.InspectStream(cx, payload)
		return h.events
	}
}

func regexps() func([]byte) int {
	var all []*regexp.Regexp
	for _, kind := range slices.Sorted(maps.Keys(dlpcorpus.PlainRegexps)) {
		all = append(all, regexp.MustCompile(dlpcorpus.PlainRegexps[kind]))
	}
	return func(payload []byte) (found int) {
		for _, e := range all {
			found += len(e.FindAllIndex(payload, -1))
		}
		return found
	}
}

// A host counts events. It is asked for nothing else, since nothing is masked and datagrams hold nothing.
type host struct{ events int }

// Emit implements inspect.Host.
func (h *host) Emit(*inspect.Context, *event.Event) { h.events++ }

// Edit implements inspect.Host.
func (h *host) Edit(*inspect.Context, field.ID, field.Span, []byte) bool { return false }

// After implements inspect.Host.
func (h *host) After(*inspect.Context, time.Duration, uint64) bool { return false }

// Release implements inspect.Host.
func (h *host) Release(*inspect.Context) {}

// Hold implements inspect.Host.
func (h *host) Hold(*inspect.Context, int) bool { return false }

// Keep implements inspect.Host.
func (h *host) Keep(*inspect.Context, int) bool { return false }

// TooLate implements inspect.Host.
func (h *host) TooLate(*inspect.Context) {}
