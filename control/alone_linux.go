package control

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// aloneName is a socket without a file: such names belong to the network namespace, as the firewall's
// rules do, and go with their process, however it ends (unix(7), abstract sockets).
const aloneName = "@weir.running"

// Alone makes this process the only weir of its network namespace, until the listener is closed. It
// fails, naming the process, if there is one already. Another user who sits on the name keeps nobody
// from running.
func Alone() (*net.UnixListener, error) {
	at := &net.UnixAddr{Name: aloneName, Net: "unix"}
	l, err := net.ListenUnix("unix", at)
	if !errors.Is(err, unix.EADDRINUSE) {
		return l, err
	}
	c, dialErr := net.DialUnix("unix", nil, at)
	if dialErr != nil { // it has gone meanwhile
		return net.ListenUnix("unix", at)
	}
	defer c.Close()
	uid, pid, err := peer(c)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if uid != 0 && uid != os.Geteuid() {
		return net.ListenUnix("unix", &net.UnixAddr{Name: "", Net: "unix"})
	}
	return nil, fmt.Errorf("another weir (pid %d) runs in this network namespace; stop it first (weir stop)", pid)
}
