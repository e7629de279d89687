package policy

import (
	_ "embed"
	"strings"
	"text/template"
)

//go:embed init.yaml.tmpl
var initTemplate string

// A Host is what InitText is told of the machine that the policy is for. All of it may be empty.
type Host struct {
	Inside     []string // interfaces to the hosts that are to be watched over
	Outside    []string // interfaces to the Internet
	Management []string // addresses from which the host is administered
	Local      bool     // the machine is no router: divert its own traffic
	Queues     int      // lanes; 0 means one
}

// InitText returns the commented policy that weir init writes for a host: it only monitors.
func InitText(h Host) string {
	if h.Queues <= 0 {
		h.Queues = 1
	}
	h.Queues = min(h.Queues, MaxQueues)
	t := template.Must(template.New("weir.yaml").Funcs(template.FuncMap{"list": flowList, "dec": func(n int) int { return n - 1 }}).Parse(initTemplate))
	var b strings.Builder
	if err := t.Execute(&b, struct {
		Host
		Schema string
	}{h, SchemaURL}); err != nil {
		panic("policy: the template of weir init: " + err.Error())
	}
	return b.String()
}

// flowList writes strings as a YAML list on one line.
func flowList(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = s
		if strings.ContainsAny(s, `:*@.{}[],&!|>%#'" `) {
			quoted[i] = "'" + strings.ReplaceAll(s, "'", "''") + "'"
		}
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
