//go:build !linux

package demo

import (
	"context"
	"fmt"
	"runtime"
)

func (s *story) live(context.Context) error {
	return fmt.Errorf("%w: the lab is made of Linux network namespaces, and this is %s", errCannotDivert, runtime.GOOS)
}
