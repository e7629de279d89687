package http_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/proto/all"
)

// An editor replaces the word in every body by another, however it is cut.
type editor struct{ with []byte }

func (e *editor) Name() string { return "dlp" }

func (e *editor) Fields() field.Set { return bodies }

func (e *editor) Edits() field.Set { return bodies }

func (e *editor) Resizes() field.Set {
	if len(e.with) == len(word) {
		return 0
	}
	return bodies
}

func (e *editor) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	at := 0
	for i := bytes.Index(f.Value, []byte(word)); i >= 0; i = bytes.Index(f.Value[at:], []byte(word)) {
		cx.Edit(f, at+i, at+i+len(word), e.with)
		at += i + len(word)
	}
	for n := min(len(word)-1, len(f.Value)-at); n > 0; n-- {
		if bytes.HasSuffix(f.Value, []byte(word[:n])) {
			cx.Hold(n)
			break
		}
	}
	return inspect.Decision{}
}

// limits leave a word time to come whole although segments are lost, and room for a batch's worth of edits.
var limits = engine.Limits{Hold: 20 * time.Second, Edits: 20_000}

// newWeir edits what passes the node.
func newWeir(t *testing.T, n *lab.Node, with string) *lane.Lane {
	t.Helper()
	rules := firewall.Config{Inject: true, MayGrow: true, Select: lane.Port(servicePort)}
	alone := labtest.Alone(t, new(inspect.LabelTable), &editor{with: []byte(with)})
	return labtest.Lane(t, n, rules, engine.Config{Program: alone, Grammars: all.Grammars(), Limits: limits})
}
