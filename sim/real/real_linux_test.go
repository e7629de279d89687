package real

import (
	"flag"
	"testing"

	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/sim"
)

var seeds = flag.Uint64("seeds", 0, "how many seeds TestSeeds runs; 0: as many as fit its time")

func TestMain(m *testing.M) { labtest.Main(m) }

// TestSeeds has Linux's TCP at one end.
func TestSeeds(t *testing.T) {
	labtest.Need(t)
	n, err := Open()
	if err != nil {
		labtest.SkipIfDenied(t, err)
		t.Fatal(err)
	}
	defer n.Close()
	count := *seeds
	if count == 0 {
		count = 2000
		if testing.Short() {
			count = 300
		}
	}
	total := sim.Many(0, count, Width, sim.Options{Real: n.Host}, nil, func(r sim.Report) { t.Error(r.String()) })
	t.Log(total)
	if total.Unsteady > total.Seeds/200 {
		t.Errorf("%d seeds failed only once", total.Unsteady)
	}
	if total.Failed == 0 && (total.Strict < total.Seeds/2 || total.Edits < total.Seeds || total.Resets == 0) {
		t.Errorf("the seeds try too little: %v", total)
	}
}
