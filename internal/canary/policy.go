package canary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/inspect/dlp/exact"
)

// HashFile is the name by which Block calls the table of hashes.
const HashFile = "own.hashes"

// Secrets are the keys in Block, which no output may show either.
var Secrets = []string{"the key of the canaries", "another key of the canaries"}

// Block is the dlp block of a policy, two spaces deep, that looks for all values and does the same about each, with the table of hashes that it names.
func Block(action string, values []Value) (yaml string, hashes []byte, err error) {
	var words []string
	key, err := exact.NewKey([]byte(Secrets[0]))
	if err != nil {
		return "", nil, err
	}
	table := exact.NewBuilder(key)
	for _, v := range values {
		switch v.Kind {
		case "own-keyword":
			words = append(words, v.Text)
		case "own-exact":
			if err := table.Add(v.Text); err != nil {
				return "", nil, err
			}
		}
	}
	quoted, err := json.Marshal(words)
	if err != nil {
		return "", nil, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "  dlp:\n    exact_key: %s\n    fingerprint_key: %s\n    allow: [\"@example.org\"]\n    detectors:\n", Secrets[0], Secrets[1])
	for _, i := range detect.Bundled() {
		fmt.Fprintf(&text, "      - {name: %s, action: %s}\n", i.Name, action)
	}
	fmt.Fprintf(&text, "      - {name: own-keyword, keywords: %s, action: %s}\n", quoted, action)
	fmt.Fprintf(&text, "      - {name: own-regex, regex: 'ACME-\\d{12}', action: %s}\n", action)
	fmt.Fprintf(&text, "      - {name: own-exact, exact: %s, action: %s}\n", HashFile, action)
	var written bytes.Buffer
	err = table.Table().Write(&written)
	return text.String(), written.Bytes(), err
}
