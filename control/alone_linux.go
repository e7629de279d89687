package control

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// aloneName is a socket without a file: such names belong to the network namespace, as the firewall's
// rules do, and go with their process, however it ends (unix(7), abstract sockets).
const aloneName = "@weir.running"

// Alone makes this process the only weir of its network namespace, until what it returns is closed.
// It fails, naming the process, if there is one already. Another user who sits on the name keeps
// nobody from running.
func Alone() (io.Closer, error) {
	at := &net.UnixAddr{Name: aloneName, Net: "unix"}
	l, err := listen(at)
	if !errors.Is(err, unix.EADDRINUSE) {
		return l, err
	}
	c, dialErr := net.DialUnix("unix", nil, at)
	if dialErr != nil { // it has gone meanwhile
		return listen(at)
	}
	defer c.Close()
	uid, pid, err := peer(c)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if uid != 0 && uid != os.Geteuid() {
		return listen(&net.UnixAddr{Name: "", Net: "unix"})
	}
	return nil, fmt.Errorf("another weir (pid %d) runs in this network namespace; stop it first (weir stop)", pid)
}

// listen is net.ListenUnix whose failure is a nil Closer.
func listen(at *net.UnixAddr) (io.Closer, error) {
	l, err := net.ListenUnix("unix", at)
	if err != nil {
		return nil, err
	}
	return l, nil
}
