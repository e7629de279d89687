//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A sample is what one run of a configuration measured.
type sample map[string]float64

// columns of the table: metric, heading, unit.
var columns = [][3]string{
	{"bulk", "bulk TCP, GSO", "Gbit/s"},
	{"mtu", "bulk TCP, MTU size", "Gbit/s"},
	{"kpps", "64-byte UDP", "kpps"},
	{"keepalive", "HTTP keep-alive", "k/s"},
	{"short", "HTTP short", "k/s"},
}

func (s sample) String() string {
	var b strings.Builder
	for _, c := range columns {
		if v, ok := s[c[0]]; ok {
			fmt.Fprintf(&b, "%s %.4g %s  ", c[0], v, c[2])
		}
	}
	return b.String()
}

type results struct {
	configs []config
	samples map[string][]sample
}

func newResults(cs []config) *results {
	return &results{configs: cs, samples: map[string][]sample{}}
}

func (r *results) add(name string, s sample) { r.samples[name] = append(r.samples[name], s) }

// median of a metric over the rounds; 0 if it was not taken.
func (r *results) median(name, metric string) float64 {
	var vs []float64
	for _, s := range r.samples[name] {
		if v, ok := s[metric]; ok {
			vs = append(vs, v)
		}
	}
	if len(vs) == 0 {
		return 0
	}
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

// table has a row for each configuration: median, ratio to the first one, ratio to "c".
func (r *results) table() string {
	var b strings.Builder
	b.WriteString("| path |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s (%s) |", c[1], c[2])
	}
	b.WriteString(" RSS (MB) |\n|---|" + strings.Repeat("---|", len(columns)+1) + "\n")
	for _, c := range r.configs {
		fmt.Fprintf(&b, "| %s |", c.name)
		for _, col := range columns {
			fmt.Fprintf(&b, " %s |", r.cell(c.name, col[0]))
		}
		fmt.Fprintf(&b, " %.1f |\n", r.median(c.name, "rss"))
	}
	return b.String()
}

func (r *results) cell(name, metric string) string {
	v := r.median(name, metric)
	s := fmt.Sprintf("%.4g", v)
	if base := r.median(r.configs[0].name, metric); name != r.configs[0].name && base > 0 {
		s += fmt.Sprintf(" · %.2f", v/base)
	}
	if c := r.median("c", metric); name != "c" && name != r.configs[0].name && c > 0 {
		s += fmt.Sprintf(" · **%.2f**", v/c)
	}
	return s
}

// lanesTable holds what lanes do against the accept path of the same build.
func (r *results) lanesTable() string {
	base := lanes + "accept"
	if len(r.samples[base]) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Of the accept path of the same build:\n\n| lane |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c[1])
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, c := range r.configs {
		deed, is := strings.CutPrefix(c.name, lanes)
		if !is || c.name == base {
			continue
		}
		fmt.Fprintf(&b, "| %s |", deed)
		for _, col := range columns {
			ratio := 0.0
			if v := r.median(base, col[0]); v > 0 {
				ratio = r.median(c.name, col[0]) / v
			}
			fmt.Fprintf(&b, " %.2f |", ratio)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (r *results) document() string {
	var u unix.Utsname
	unix.Uname(&u)
	var b strings.Builder
	b.WriteString("# Divert paths compared\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench` on %s: %s, %d CPUs, Linux %s, %s. Client, router and server share the CPUs.\n",
		time.Now().UTC().Format("2006-01-02"), cpuModel(), runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]), runtime.Version())
	fmt.Fprintf(&b, "Medians of %d interleaved rounds, %d s each. Behind each figure its ratio to no divert, and **to the tuned C loop** of the same run.\n\n", *rounds, *seconds)
	b.WriteString(r.table() + "\n")
	if t := r.lanesTable(); t != "" {
		b.WriteString(t + "\n")
	}
	for _, c := range r.configs {
		fmt.Fprintf(&b, "- `%s`: %s\n", c.name, c.about)
	}
	b.WriteString("\nAll rounds; where they spread, other programs were running:\n\n```\n")
	for round := range *rounds {
		for _, c := range r.configs {
			fmt.Fprintf(&b, "round %d  %-12s %s\n", round+1, c.name, r.samples[c.name][round])
		}
	}
	b.WriteString("```\n")
	return b.String()
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return runtime.GOARCH
}
