//go:build freebsd || openbsd

package divert_test

import (
	"runtime"
	"testing"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
)

// TestSystemConforms has the system calls of this system do all that a backend must.
func TestSystemConforms(t *testing.T) {
	addresses := map[string]string{"openbsd": "divert:700"}
	if runtime.GOOS == "freebsd" {
		addresses = map[string]string{"freebsd-ipfw": "divert:700", "freebsd-pf": "divert:700,pf"}
	}
	for dialect, address := range addresses {
		t.Run(dialect, func(t *testing.T) {
			conforms(t, func(t *testing.T) conform.Kernel {
				channels := divert.ServeChannels(t, dialect)
				return &passingKernel{
					t: t, divert: channels.Divert, next: channels.Next,
					open: func(opts ...divert.Option) (divert.Socket, error) { return divert.OpenSocket(address, opts...) },
				}
			})
		})
	}
}
