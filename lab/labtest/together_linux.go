package labtest

import (
	"sync"
	"testing"
)

// Together runs a subtest for each of all at the same time, whatever -parallel says: in a lab they wait most of the time.
func Together[T any](t *testing.T, all []T, name func(*T) string, do func(*testing.T, *T)) {
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() {
			t.Run(name(&all[i]), func(t *testing.T) { do(t, &all[i]) })
		})
	}
	group.Wait()
}
