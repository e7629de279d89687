package policy

import (
	_ "embed"
	"slices"
)

//go:embed weir.schema.json
var schema []byte

// SchemaURL is where the schema is published; editors find it by the first line that InitText
// writes.
const SchemaURL = "https://raw.githubusercontent.com/weir-project/weir/main/policy/weir.schema.json"

// Schema returns the JSON schema (draft 2020-12) of a policy, inspectors included, for editors
// and other tools. It knows keys and types; what Load finds beyond that, it does not.
func Schema() []byte { return slices.Clone(schema) }
