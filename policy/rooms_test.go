package policy

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const everyRoom = `
inspect:
  stats: {}
  qos: {classes: [{name: all, dscp: cs1}]}
  dlp: {detectors: [{name: card}]}
  dns: {answers: [{name: example.com, action: remove}]}
  ids: {rules: ['alert tcp any any -> any any (content:"x"; sid:1;)']}
  urls: {lists: [{domains: [example.com]}]}
`

// TestRoomsAreInChainOrder makes every inspector there is, and wants none to be missing.
func TestRoomsAreInChainOrder(t *testing.T) {
	p := mustLoad(t, everyRoom)
	c, err := p.Chain(1)
	if err != nil {
		t.Fatal(err)
	}
	var chained []string
	for _, e := range c.Entries {
		chained = append(chained, e.Inspector.Name())
		if !e.Monitor {
			t.Errorf("%s acts, and the policy monitors", e.Inspector.Name())
		}
	}
	if !slices.Equal(chained, p.Inspectors()) {
		t.Errorf("the chain is %v, the rooms are %v", chained, p.Inspectors())
	}
	dirs, err := os.ReadDir("../inspect")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if d.IsDir() && !slices.Contains(chained, d.Name()) {
			t.Errorf("inspect/%s cannot be named in a policy", d.Name())
		}
	}
}

// TestInspectorsSpeakOfPlaces gives each inspector something that its own New refuses.
func TestInspectorsSpeakOfPlaces(t *testing.T) {
	for src, want := range map[string]string{
		"inspect:\n  dlp:\n    detectors:\n      - {name: card}\n      - {name: nothing}\n":                      "weir.yaml:5:16: inspect.dlp.detectors[1].name: ",
		"inspect:\n  dns:\n    answers:\n      - {name: a.example, replace: [192.0.2.1, nowhere]}\n":             "weir.yaml:4:48: inspect.dns.answers[0].replace[1]: ",
		"inspect:\n  urls:\n    lists:\n      - {name: x, files: [none.txt]}\n":                                  "weir.yaml:4:27: inspect.urls.lists[0].files[0]: ",
		"inspect:\n  qos:\n    classes:\n      - {name: x, dscp: high}\n":                                        "weir.yaml:4:25: inspect.qos.classes[0].dscp: ",
		"inspect:\n  stats:\n    top: 1000\n":                                                                    "weir.yaml:3:10: inspect.stats.top: ",
		"inspect:\n  ids:\n    strict: true\n    rules: ['alert tcp any any -> any any (sid:1;)', 'nonsense']\n": "weir.yaml:4:54: inspect.ids.rules[1]: ",
	} {
		_, err := loadText(t, src)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s…", src, err, want)
		}
	}
}
