package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Promises of pledge(2). "error" has what was not promised fail instead of ending the process, which can say so then.
//
// A verdict is a sendto with an address, which is of "inet"; a reload's policy comes as a descriptor, which is of "recvfd".
// The reporter makes, rotates and opens files again, and connects to unix sockets. The number of descriptors stays as it is:
// poll(2) refuses more entries than RLIMIT_NOFILE.
const (
	verdictPromises = "stdio inet recvfd error"
	filePromises    = "stdio rpath wpath cpath fattr error"
	socketPromises  = " unix"
)

// confine unveils what the needs name, and promises to do no more than they take.
func confine(n Needs, r *Report) error {
	promises := verdictPromises
	if !n.Empty {
		promises = filePromises
		if len(n.Connect) > 0 {
			promises += socketPromises
		}
		if err := unveil(n, r); err != nil {
			return err
		}
	}
	if err := unix.PledgePromises(promises); err != nil {
		return fmt.Errorf("sandbox: pledge %q: %w", promises, err)
	}
	r.Pledge = true
	return nil
}

// unveil leaves the directories to write in, and the sockets to connect to. What cannot be unveiled, since nothing is there, stays
// out of reach: for the outputs of events another reporter is started then.
func unveil(n Needs, r *Report) error {
	show := func(path, permissions string) error {
		err := unix.Unveil(path, permissions)
		if errors.Is(err, unix.ENOENT) {
			r.Missing = append(r.Missing, fmt.Sprintf("%s was not there when the process began, and stays out of its reach.", path))
			return nil
		}
		if err != nil {
			return fmt.Errorf("sandbox: unveil %s: %w", path, err)
		}
		return nil
	}
	for _, dir := range n.Write {
		if err := show(dir, "rwc"); err != nil {
			return err
		}
	}
	for _, socket := range n.Connect {
		if err := show(socket, "rw"); err != nil {
			return err
		}
	}
	if err := unix.UnveilBlock(); err != nil {
		return fmt.Errorf("sandbox: unveil: %w", err)
	}
	r.Unveil = true
	return nil
}

func (r Report) means() []means {
	files := means{"unveil", r.Unveil}
	if r.Chroot {
		files = means{"chroot", true}
	}
	return []means{files, {"pledge", r.Pledge}}
}
