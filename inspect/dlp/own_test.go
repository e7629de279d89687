package dlp

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/exact"
	"github.com/weir-project/weir/internal/inspecttest"
)

type eventOf = event.Event

const secret = "a secret of the tests"

// staff is files with a table of the values of somebody's own.
func staff(t *testing.T, values ...string) fstest.MapFS {
	t.Helper()
	key, err := exact.NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	b := exact.NewBuilder(key)
	for _, v := range values {
		if err := b.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := b.Table().Write(&file); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"staff.edm": {Data: file.Bytes()}, "other.edm": {Data: []byte("something else")}}
}

// TestValuesOfOnesOwn are found as others are, also in codes, and told of under their own names without a character of them.
func TestValuesOfOnesOwn(t *testing.T) {
	c := inspecttest.Load[Config](t, `
exact_key: a secret of the tests
detectors:
  - {name: staff, exact: staff.edm, action: mask}
  - {name: project, keywords: [blue bird, "Ödland"], action: mask, char: "#"}
  - {name: ticket, regex: 'ACME-\d{4,6}\b', action: mask, keep: 2}
`)
	maker, m := New(c, inspect.Env{Lanes: 1, Files: staff(t, "4711-AB", "Jane Q. Public")})
	if len(m) > 0 {
		t.Fatal(m)
	}
	for text, want := range map[string]string{
		"4711/ab and jane q public":         "XXXX/XX and XXXX X XXXXXX",
		"Project Blue-Bird in Ödland, ACME": "Project ####-#### in #######, ACME",
		"see ACME-12345, not ACME-1":        "see XXXX-XXX45, not ACME-1",
		"name=Jane+Q.+Public":               "name=XXXX+X.+XXXXXX",
		"t=%41CME-1234":                     "t=%58XXX-XX34",
	} {
		l := inspecttest.New(t, new(inspect.LabelTable), maker())
		l.Stream(inspecttest.UDP(client, server, []byte(text)))
		if got := string(l.Apply([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		for _, e := range l.Events {
			if s := inspecttest.Pair(&e, "sample").Text; strings.Trim(s, "X -/.+") != "" {
				t.Errorf("%q: sample %q", text, s)
			}
		}
	}
}

func TestMistakesOfOnesOwn(t *testing.T) {
	for _, c := range []struct{ yaml, path, what string }{
		{`detectors: [{name: card, keywords: [secret]}]`, "detectors[0].name", "not a name for one"},
		{`detectors: [{keywords: [secret]}]`, "detectors[0].name", "not a name for one"},
		{`detectors: [{name: own, keywords: [secret], regex: abc}]`, "detectors[0]", "in one entry"},
		{`detectors: [{name: own, keywords: [secret, ab]}]`, "detectors[0].keywords[1]", `"ab"`},
		{`detectors: [{name: own, regex: '(a)\1bc'}]`, "detectors[0].regex", "linear time"},
		{`detectors: [{name: own, exact: staff.edm}]`, "detectors[0].exact", "key is too short"},
		{`{exact_key: another secret of the tests, detectors: [{name: own, exact: staff.edm}]}`, "detectors[0].exact", "another key"},
		{`{exact_key: a secret of the tests, detectors: [{name: own, exact: other.edm}]}`, "detectors[0].exact", "no table"},
		{`{exact_key: a secret of the tests, detectors: [{name: own, exact: none.edm}]}`, "detectors[0].exact", "none.edm"},
		{`detectors: [{name: card, fields: [http.host]}]`, "detectors[0].fields[0]", "http.host"},
		{`detectors: [{name: card, clients: [192.0.2.1/24]}]`, "detectors[0].clients[0]", "neither"},
		{`{direction: to-server, detectors: [{name: card, direction: to-client}]}`, "detectors[0].direction", "does not look"},
		{`detectors: [{name: card}, {name: card, clients: [192.0.2.1]}]`, "detectors[1].name", "applies wherever"},
		{`detectors: [{name: card, score: 40}]`, "detectors[0].score", "40"},
		{`detectors: [{name: card, severity: grave}]`, "detectors[0].severity", "grave"},
	} {
		maker, m := New(inspecttest.Load[Config](t, c.yaml), inspect.Env{Lanes: 1, Files: staff(t, "4711-AB")})
		if maker != nil || len(m) != 1 || m[0].Path != c.path || !strings.Contains(m[0].What, c.what) {
			t.Errorf("%s: %+v", c.yaml, m)
		}
	}
}
