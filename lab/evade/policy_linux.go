package evade

import (
	"bytes"
	"testing/fstest"

	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/policy"
)

// policyText is the policy of the rows about applications: names are blocked by urls, secrets by dlp. What else
// messages hold, fieldWatch looks for.
const policyText = `
mode: prevent
inspect:
  urls:
    lists:
      - {category: forbidden, domains: [` + evade.Forbidden + `example], action: drop}
  dlp:
    detectors:
      - {name: card, action: drop}
`

// policyChain is the policy's chain with fieldWatch in it.
func policyChain() (*inspect.Chain, error) {
	fs := fstest.MapFS{"weir.yaml": {Data: []byte(policyText)}}
	p, err := policy.Load(fs, "weir.yaml", policy.Options{Lanes: 1})
	if err != nil {
		return nil, err
	}
	c, err := p.Chain(1)
	if err != nil {
		return nil, err
	}
	entries := append([]inspect.Entry{{Inspector: fieldWatch{}}}, c.Entries...)
	return inspect.NewChain(1, c.Labels, entries)
}

// A fieldWatch drops flows with the word in a field that grammars make.
type fieldWatch struct{}

func (fieldWatch) Name() string { return "ids" }

func (fieldWatch) Fields() field.Set {
	return field.SetOf(field.HTTPURI, field.HTTPHost, field.HTTPRequestBody, field.HTTPResponseBody, field.TLSSNI, field.DNSQuery)
}

func (fieldWatch) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	if bytes.Contains(f.Value, []byte(evade.Forbidden)) { // secrets are for dlp
		return inspect.Drop(inspect.ScopeFlow, "forbidden-word")
	}
	if n := partial(f.Value); n > 0 && f.More {
		cx.Hold(n)
	}
	return inspect.Decision{}
}
