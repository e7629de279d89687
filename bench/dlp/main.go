//go:build linux

// Command dlp compares the speed of the bundled detectors of sensitive values with that of the regexps that people write for the same values, with
// the standard library, one after the other over each payload. What either finds is not compared here: make dlp-report does.
//
// All look at the same traffic, of dlpcorpus from a seed, in turns: in each round each looks at a share of it.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/internal/dlpcorpus"
)

var (
	rounds   = flag.Int("rounds", 9, "how often each is measured")
	total    = flag.Int("mb", 1024, "MiB of traffic that Weir looks at, in all rounds together")
	buffered = flag.Int("buffer", 64, "MiB of traffic that are made and looked at again and again")
	share    = flag.Int("share", 64, "the regexps look at one part in so many of that")
	seed     = flag.Uint64("seed", 1, "of the traffic")
	output   = flag.String("o", "", "where to write the table as well")
)

// sizes are bytes of payloads: of a segment of an Ethernet, and of the largest packet that the kernel makes of several.
var sizes = []int{1460, 1<<16 - 1 - 40}

func main() {
	flag.Parse()
	text, values := dlpcorpus.Traffic(*seed, *buffered<<20)
	r := measure(text)
	table := r.report(values)
	fmt.Print(table)
	if *output != "" {
		if err := os.WriteFile(*output, []byte(table), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "dlp:", err)
			os.Exit(1)
		}
	}
}

// A result is seconds of the processor for a byte in each round, by engine and size, and what each found in all of them.
type result struct {
	engines []engine
	seconds map[string][]float64
	bytes   map[string]int
	found   map[string]int
}

func measure(text []byte) *result {
	r := &result{engines: engines(), seconds: map[string][]float64{}, bytes: map[string]int{}, found: map[string]int{}}
	for round := range *rounds {
		for _, size := range sizes {
			for i := range r.engines {
				r.one(&r.engines[i], text, size, round)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, *rounds)
	}
	return r
}

// one has e look at its share of a round, which begins where the one of the round before ended.
func (r *result) one(e *engine, text []byte, size, round int) {
	n := *total << 20 / *rounds
	if e.slow {
		n = max(size, n / *share)
	}
	at := round * n % len(text)
	begin := cpuTime()
	key, looked, found := e.key(size), 0, 0
	for looked < n {
		p := text[at:min(at+size, len(text))]
		found += e.look(p)
		looked += len(p)
		if at += len(p); at == len(text) {
			at = 0
		}
	}
	r.seconds[key] = append(r.seconds[key], (cpuTime()-begin).Seconds()/float64(looked))
	r.bytes[key] += looked
	r.found[key] += found
}

func (e *engine) key(size int) string { return fmt.Sprint(e.name, size) }

// cpuTime is how long processors have worked for this program: other programs do not count.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// median is the seconds for a byte of the median round.
func (r *result) median(e *engine, size int) float64 {
	all := slices.Sorted(slices.Values(r.seconds[e.key(size)]))
	return all[len(all)/2]
}

func (r *result) report(values int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Sensitive values: detectors and regexps compared\n\nWritten by `go run ./bench/dlp -o bench/DLP.md` on %s: %s, %d CPUs, %s.\n",
		time.Now().UTC().Format("2006-01-02"), cpuModel(), runtime.NumCPU(), runtime.Version())
	fmt.Fprintf(&b, "Medians of %d interleaved rounds, by time of the processor. The traffic is made by internal/dlpcorpus from seed %d, evenly of %s; one text with a true value in %d KiB. It is "+
		"%d MiB, which are looked at again and again: %d MiB by Weir in each row and size of payload, **by the regexps 1/%d of that**, since all of it would take them too long. All figures are by "+
		"byte, so that they can be compared all the same.\n\n", *rounds, *seed, strings.Join(dlpcorpus.Sorts, ", "), *buffered<<10/values, *buffered, *total, *share)
	b.WriteString(r.table())
	b.WriteString("\n`ratio` is to the regexps on payloads of the same size. All are given each payload by itself, and look for all kinds at once. What the rows find differs, in kind and number: " +
		"the regexps take for a value whatever has its form.\n\n")
	for _, e := range r.engines {
		fmt.Fprintf(&b, "- %s: %s\n", e.name, e.about)
	}
	b.WriteString("\nAll rounds, MB/s:\n\n```\n" + r.spread() + "```\n")
	return b.String()
}

func (r *result) table() string {
	var b strings.Builder
	b.WriteString("| |")
	for _, size := range sizes {
		fmt.Fprintf(&b, " %d bytes: MB/s | ratio | found in a MiB |", size)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", 3*len(sizes)) + "\n")
	for i := range r.engines {
		e := &r.engines[i]
		fmt.Fprintf(&b, "| %s |", e.name)
		for _, size := range sizes {
			slow := r.median(&r.engines[len(r.engines)-1], size)
			fmt.Fprintf(&b, " %.3g | **%.3g** | %.3g |", 1e-6/r.median(e, size), slow/r.median(e, size), float64(r.found[e.key(size)])/float64(r.bytes[e.key(size)])*(1<<20))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (r *result) spread() string {
	var b strings.Builder
	for _, size := range sizes {
		for i := range r.engines {
			e := &r.engines[i]
			fmt.Fprintf(&b, "%-32s %5d:", e.name, size)
			for _, s := range r.seconds[e.key(size)] {
				fmt.Fprintf(&b, " %.3g", 1e-6/s)
			}
			b.WriteString("\n")
		}
	}
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
