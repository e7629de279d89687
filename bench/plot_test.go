//go:build linux

package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"strconv"
	"testing"
)

// bars reads a plot, which must be XML, and returns the lengths of the bars of each colour.
func bars(t *testing.T, plot []byte) map[string][]float64 {
	t.Helper()
	found := map[string][]float64{}
	for d := xml.NewDecoder(bytes.NewReader(plot)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, plot)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			at := map[string]string{}
			for _, a := range e.Attr {
				at[a.Name.Local] = a.Value
			}
			width, err := strconv.ParseFloat(at["width"], 64)
			if err != nil || width < 0 {
				t.Errorf("a bar of length %q", at["width"])
			}
			found[at["class"]] = append(found[at["class"]], width)
		}
	}
}

func TestPlotHasABarForEachMedian(t *testing.T) {
	const legend = 12
	got := bars(t, threeRounds().plot())
	for kind, want := range map[string][]float64{ // ratios of one metric, two round trips, resident memory
		"none": {legend, plotBar},
		"peer": {legend, plotBar * .5, plotBar, plotBar * .5, 9.8},
		"weir": {legend, 24.5, plotBar * .5, plotBar, plotBar},
	} {
		if len(got[kind]) != len(want) {
			t.Errorf("%s: bars %v, want %v", kind, got[kind], want)
			continue
		}
		for i := range want {
			if got[kind][i] != want[i] {
				t.Errorf("%s: bar %d is %v long, want %v", kind, i, got[kind][i], want[i])
			}
		}
	}
}

// TestPlotOfStrangeNames: a name given with -x may hold what XML does not.
func TestPlotOfStrangeNames(t *testing.T) {
	r := newResults([]config{{name: "none"}, {name: `sh -c "a<b&&c"`}})
	r.add("none", sample{"bulk": 2})
	r.add(`sh -c "a<b&&c"`, sample{"bulk": 1})
	if got := bars(t, r.plot()); len(got["peer"]) != 2 {
		t.Errorf("bars %v, want the legend's and one", got["peer"])
	}
}

// TestPlotOfNothing: no median, no bar, and still a picture.
func TestPlotOfNothing(t *testing.T) {
	if got := bars(t, newResults([]config{{name: "none"}}).plot()); len(got["none"]) != 1 {
		t.Errorf("bars %v, want the legend's alone", got)
	}
}
