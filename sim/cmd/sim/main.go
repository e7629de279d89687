// Command sim runs seeds of the simulator: one, with a trace of its packets, or many.
//
//	go run ./sim/cmd/sim -seed 42 -v
//	go run ./sim/cmd/sim -from 1 -n 200000
//	go run ./sim/cmd/sim -kills -n 200000
//	go run ./sim/cmd/sim -real -n 20000
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/sim"
	"github.com/weir-project/weir/sim/real"
)

func main() {
	seed := flag.Int64("seed", -1, "run this seed alone")
	verbose := flag.Bool("v", false, "with -seed, print each packet")
	without := flag.Bool("without", false, "run the two ends without Weir between them")
	kills := flag.Bool("kills", false, "have Weir be killed in every seed")
	from := flag.Uint64("from", 0, "first of many seeds")
	n := flag.Uint64("n", 10000, "how many seeds")
	width := flag.Int("width", 0, "how many at a time; 0: as many as are good")
	kernel := flag.Bool("real", false, "have Linux's TCP at one end, in a network namespace; takes real time")
	flag.Parse()
	o := sim.Options{Without: *without, Kills: *kills}
	if *width == 0 {
		*width = min(runtime.NumCPU(), 2)
	}
	if *kernel {
		network, err := openReal()
		if err != nil {
			fmt.Fprintln(os.Stderr, "sim:", err)
			os.Exit(1)
		}
		o.Real, *width = network.Host, real.Width
	}
	if *seed >= 0 {
		os.Exit(one(uint64(*seed), *verbose, o))
	}
	os.Exit(many(*from, *n, *width, o))
}

func openReal() (*real.Network, error) {
	if err := lab.Enter(); err != nil {
		return nil, err
	}
	return real.Open()
}

func one(seed uint64, verbose bool, o sim.Options) int {
	if verbose {
		o.Trace = func(line string) { fmt.Println(line) }
	}
	var run sim.Runner
	r := run.Run(seed, o)
	fmt.Print(r.String())
	if r.Failed() {
		return 1
	}
	return 0
}

func many(from, n uint64, width int, o sim.Options) int {
	start := time.Now()
	total := sim.Many(from, n, width, o, func(t sim.Total) {
		fmt.Printf("%v: %v\n", time.Since(start).Round(time.Second), t)
	}, func(r sim.Report) { fmt.Print(r.String()) })
	took := time.Since(start)
	fmt.Printf("%v\n%.0f seeds a second\n", total, float64(total.Seeds)/took.Seconds())
	if total.Failed > 0 {
		return 1
	}
	return 0
}
