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

// A column of a table is one metric.
type column struct{ metric, heading, unit string }

// speeds are better when higher, costs when lower. Round trips are told less the one without divert.
var (
	speeds = []column{
		{"bulk", "bulk TCP, GSO", "Gbit/s"},
		{"mtu", "bulk TCP, MTU size", "Gbit/s"},
		{"kpps", "64-byte UDP", "kpps"},
		{"keepalive", "HTTP keep-alive", "k/s"},
		{"short", "HTTP short", "k/s"},
	}
	costs = []column{
		{rttMedian, "added round trip, p50", "µs"},
		{rttTail, "added round trip, p99", "µs"},
		{"kppscpu", "CPU a packet, 64-byte UDP", "µs"},
		{"mtucpu", "CPU a packet, bulk TCP, MTU size", "µs"},
		{"rss", "RSS", "MB"},
	}
)

const (
	rttMedian = "rtt50"
	rttTail   = "rtt99"
)

func (s sample) String() string {
	var b strings.Builder
	for _, c := range slices.Concat(speeds, costs) {
		if v, ok := s[c.metric]; ok {
			fmt.Fprintf(&b, "%s %.4g %s  ", c.metric, v, c.unit)
		}
	}
	return strings.TrimSpace(b.String())
}

type results struct {
	configs []config
	left    []config // could not be built
	samples map[string][]sample
}

func newResults(cs []config) *results {
	return &results{configs: cs, samples: map[string][]sample{}}
}

func (r *results) add(name string, s sample) { r.samples[name] = append(r.samples[name], s) }

// median of a metric over the rounds; 0 if it was not taken.
func (r *results) median(name, metric string) float64 {
	return r.medianOf(name, func(round int) (float64, bool) { return r.value(round, name, metric) })
}

// ratio is the median of the ratios of two configurations in each round: what slows down a whole round changes none of them. 0 if there are none.
func (r *results) ratio(name, base, metric string) float64 {
	return r.medianOf(name, func(round int) (float64, bool) {
		v, ok := r.value(round, name, metric)
		b, is := r.value(round, base, metric)
		return v / b, ok && is && b != 0
	})
}

// value is a metric in a round; of a round trip, what is added to the median one of the first configuration in that round.
func (r *results) value(round int, name, metric string) (v float64, ok bool) {
	if round >= len(r.samples[name]) {
		return 0, false
	}
	v, ok = r.samples[name][round][metric]
	if first := r.configs[0].name; ok && name != first && (metric == rttMedian || metric == rttTail) {
		base, is := r.value(round, first, rttMedian)
		return v - base, is
	}
	return v, ok
}

func (r *results) medianOf(name string, of func(round int) (float64, bool)) float64 {
	var vs []float64
	for round := range r.samples[name] {
		if v, ok := of(round); ok {
			vs = append(vs, v)
		}
	}
	if len(vs) == 0 {
		return 0
	}
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

// table has a row for each configuration, and in its cells what cell says.
func (r *results) table(cols []column, cell func(name, metric string) string) string {
	var b strings.Builder
	b.WriteString("| path |")
	for _, c := range cols {
		fmt.Fprintf(&b, " %s (%s) |", c.heading, c.unit)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(cols)) + "\n")
	for _, c := range r.configs {
		fmt.Fprintf(&b, "| %s |", c.name)
		for _, col := range cols {
			fmt.Fprintf(&b, " %s |", cell(c.name, col.metric))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// speed is a median, its ratio to the first configuration and its ratio to "c".
func (r *results) speed(name, metric string) string {
	v := r.median(name, metric)
	if v == 0 {
		return "–"
	}
	s := fmt.Sprintf("%.4g", v)
	if name != r.configs[0].name {
		s += fmt.Sprintf(" · %.2f", r.ratio(name, r.configs[0].name, metric))
	}
	return s + r.toC(name, metric)
}

// cost is a median and its ratio to "c".
func (r *results) cost(name, metric string) string {
	v := r.median(name, metric)
	switch {
	case v == 0:
		return "–"
	case name == r.configs[0].name:
		return fmt.Sprintf("(%.1f)", v)
	}
	return fmt.Sprintf("%.*f", decimals(v), v) + r.toC(name, metric)
}

// decimals are those that leave about three digits.
func decimals(v float64) int {
	switch {
	case v < 10:
		return 2
	case v < 100:
		return 1
	}
	return 0
}

func (r *results) toC(name, metric string) string {
	if name == "c" || name == r.configs[0].name || r.median("c", metric) == 0 {
		return ""
	}
	return fmt.Sprintf(" · **%.2f**", r.ratio(name, "c", metric))
}

// lanesTable holds what lanes do against the accept path of the same build.
func (r *results) lanesTable() string {
	base := lanes + "accept"
	if len(r.samples[base]) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Of the accept path of the same build:\n\n| lane |")
	for _, c := range speeds {
		fmt.Fprintf(&b, " %s |", c.heading)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(speeds)) + "\n")
	for _, c := range r.configs {
		deed, is := strings.CutPrefix(c.name, lanes)
		if !is || c.name == base {
			continue
		}
		fmt.Fprintf(&b, "| %s |", deed)
		for _, col := range speeds {
			fmt.Fprintf(&b, " %.2f |", r.ratio(c.name, base, col.metric))
		}
		b.WriteString("\n")
	}
	return b.String()
}

const costsText = `Lower is better here. Behind each figure its ratio **to the tuned C loop**. The round trip is that of a small datagram each
millisecond, less the median without divert in the same round (in parentheses); both its ends are one thread that polls, so what is added is the router's program and its
waking up. CPU is user and system time of the program: what the kernel does for a packet within the program's system calls is in it.`

func (r *results) document() string {
	var u unix.Utsname
	unix.Uname(&u)
	var b strings.Builder
	b.WriteString("# Divert paths compared\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench` on %s: %s, %d CPUs, Linux %s, %s. Client, router and server share the CPUs.\n",
		time.Now().UTC().Format("2006-01-02"), cpuModel(), runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]), runtime.Version())
	fmt.Fprintf(&b, "Medians of %d interleaved rounds, %d s each. Behind each figure its ratio to no divert, and **to the tuned C loop**: the median of the ratios in each round.\n\n", *rounds, *seconds)
	b.WriteString("![Medians as bars](" + plotName + ")\n\n")
	b.WriteString(r.table(speeds, r.speed) + "\n")
	b.WriteString(costsText + "\n\n" + r.table(costs, r.cost) + "\n")
	if t := r.lanesTable(); t != "" {
		b.WriteString(t + "\n")
	}
	for _, c := range r.configs {
		fmt.Fprintf(&b, "- `%s`: %s\n", c.name, c.about)
	}
	for _, c := range r.left {
		fmt.Fprintf(&b, "- `%s` was left out: it could not be built there\n", c.name)
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
