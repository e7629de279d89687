package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/weir-project/weir/evade"
)

// TestEvasionsAreJudged wants an error if an attempt passed, its twin broke, or bytes went by unseen; and only then.
func TestEvasionsAreJudged(t *testing.T) {
	good := evade.Result{Row: "T8", Name: "cut behind byte 9", Family: evade.IPv4, By: "Weir", Works: true, Arrives: true, Intact: true}
	for name, c := range map[string]struct {
		change func(*evade.Result)
		fails  bool
		shows  string
	}{
		"good":          {func(*evade.Result) {}, false, "yes            no       intact"},
		"passed":        {func(r *evade.Result) { r.Passed = true }, true, "YES"},
		"unseen bytes":  {func(r *evade.Result) { r.Unseen = true }, true, "YES"},
		"broken":        {func(r *evade.Result) { r.Intact = false }, true, "BROKEN"},
		"no twin":       {func(r *evade.Result) { r.NoTwin, r.Arrives, r.Intact = "RFC 5722", false, false }, false, "there is none"},
		"does not work": {func(r *evade.Result) { r.Works, r.Arrives, r.Intact = false, false, false }, false, "fails without, too"},
	} {
		r := good
		c.change(&r)
		var out bytes.Buffer
		if err := printEvasions(&out, []evade.Result{good, r}); (err != nil) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(out.String(), c.shows) {
			t.Errorf("%s: %q does not show in\n%s", name, c.shows, &out)
		}
	}
}
