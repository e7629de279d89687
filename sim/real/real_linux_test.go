package real

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/sim"
)

var seeds = flag.Uint64("seeds", 2000, "how many seeds TestSeeds runs")

var noLab error

func TestMain(m *testing.M) {
	flag.Parse()
	if noLab = lab.Enter(); noLab != nil {
		fmt.Fprintln(os.Stderr, "seeds against the kernel's TCP are skipped:", noLab)
	}
	os.Exit(m.Run())
}

// TestSeeds has Linux's TCP at one end.
func TestSeeds(t *testing.T) {
	if noLab != nil {
		t.Skipf("SKIPPED: %v", noLab)
	}
	n, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	total := sim.Many(0, *seeds, Width, sim.Options{Real: n.Host}, nil, func(r sim.Report) { t.Error(r.String()) })
	t.Log(total)
	if total.Failed == 0 && (total.Strict < total.Seeds/2 || total.Edits < total.Seeds || total.Resets == 0) {
		t.Errorf("the seeds try too little: %v", total)
	}
}
