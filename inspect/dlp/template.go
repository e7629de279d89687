package dlp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/detect"
)

// A template is detectors for a purpose.
type template struct {
	name   string
	names  []string
	action action
	keep   int
}

var templates = []template{
	{"pci", []string{"card"}, mask, 4}, // PCI DSS 4.0, requirement 3.4.1: the last four may be seen
	{"personal", []string{
		"us-ssn", "us-itin", "iban", "uk-nhs", "ca-sin", "de-steuerid", "fr-nir", "es-dni", "it-codicefiscale", "br-cpf", "in-aadhaar", "pl-pesel",
		"nl-bsn", "se-personnummer", "au-tfn", "email", "phone",
	}, alert, 0},
	{"health", []string{"us-ssn", "uk-nhs", "fr-nir", "it-codicefiscale", "nl-bsn", "email", "phone"}, alert, 0}, // of 45 CFR 164.514(b)(2) what can be told by its form
	{"secrets", []string{
		"private-key", "aws-access-key", "aws-secret-key", "github-token", "gitlab-token", "slack-token", "slack-webhook", "stripe-key", "google-api-key", "google-oauth",
		"npm-token", "pypi-token", "sendgrid-key", "twilio-key", "discord-token", "telegram-token", "openai-key", "anthropic-key", "azure-storage-key", "jwt",
		"connection-string", "secret",
	}, alert, 0},
}

// addTemplates adds the rules of templates behind those that are there.
func (s *ruleSet) addTemplates(names []string, m *inspect.Mistakes) {
	for i, name := range names {
		k := slices.IndexFunc(templates, func(t template) bool { return t.name == name })
		if k < 0 {
			m.Add(fmt.Sprintf("templates[%d]", i), "write "+templateNames(), "unknown template %q", name)
			continue
		}
		if slices.Contains(names[:i], name) {
			m.Add(fmt.Sprintf("templates[%d]", i), "remove one of them", "a second template %q", name)
			continue
		}
		for _, d := range templates[k].names {
			kind, ok := detect.Parse(d)
			r := &rule{name: d, kind: kind, shown: detect.Bundled()[kind].Shown, action: templates[k].action, keep: templates[k].keep, char: 'X', score: minScore, count: 1, severity: severities[0].severity, scope: scope{dirs: s.dirs}}
			if !ok {
				panic("dlp: template of an unknown detector: " + d)
			}
			if !s.covers(r) {
				s.rules = append(s.rules, r)
			}
		}
	}
}

// TemplatesOf returns, by detector, the names of the templates that it is in.
func TemplatesOf() map[string][]string {
	in := map[string][]string{}
	for _, t := range templates {
		for _, d := range t.names {
			in[d] = append(in[d], t.name)
		}
	}
	return in
}

func templateNames() string {
	var names []string
	for _, t := range templates {
		names = append(names, t.name)
	}
	return strings.Join(names, ", ")
}
