//go:build !linux

package evade

import (
	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/lab"
)

// Run returns lab.ErrUnsupported.
func Run(Options) ([]evade.Result, error) { return nil, lab.ErrUnsupported }
