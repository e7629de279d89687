package names_test

import (
	"testing"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/urls"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/proto/all"
)

// newWeir blocks one name on the node.
func newWeir(t *testing.T, n *lab.Node, action string) *lane.Lane {
	t.Helper()
	labels := new(inspect.LabelTable)
	list := urls.List{Domains: []string{"blocked.example"}, Action: action}
	maker, mistakes := urls.New(urls.Config{Lists: []urls.List{list}}, inspect.Env{Lanes: 1, Labels: labels})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	rules := firewall.Config{Inject: true, Select: lane.Port(port)}
	return labtest.Lane(t, n, rules, engine.Config{Program: labtest.Alone(t, labels, maker()), Grammars: all.Grammars()})
}
