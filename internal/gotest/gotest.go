// Package gotest speaks as go test -json does, for the programs that run tests elsewhere.
package gotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Fail says that the tests of a package failed, and how.
func Fail(out io.Writer, pkg, how string) error {
	type action struct{ Action, Package, Output string }
	end := json.NewEncoder(out)
	return errors.Join(
		end.Encode(action{"output", pkg, fmt.Sprintf("FAIL\t%s: %s\n", pkg, how)}),
		end.Encode(action{Action: "fail", Package: pkg}))
}
