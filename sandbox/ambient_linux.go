package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// ForgetAmbient empties the ambient capabilities of all threads, and leaves the others as they are.
// A parent that is not root calls it before it starts children: what it was given itself by way of
// the ambient set, as in a rootless user namespace, they would inherit beyond what Attributes says.
func ForgetAmbient() error {
	_, _, errno := psx.Syscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("sandbox: empty the ambient capabilities: %w", errno)
	}
	return nil
}
