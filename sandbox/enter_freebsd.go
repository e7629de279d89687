package sandbox

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FreeBSD's numbers (sys/sys/procctl.h, sys/sys/wait.h); package unix has none of them.
const (
	ofProcess      = 0 // P_PID
	traceControl   = 7 // PROC_TRACE_CTL
	traceDisable   = 2
	noNewPrivs     = 19 // PROC_NO_NEW_PRIVS_CTL, since 14.0
	noNewPrivsOn   = 1
	limitProcesses = 7 // RLIMIT_NPROC; threads are not counted
)

// confine switches off tracing, new privileges and, for who has no files, new processes. The number of descriptors stays as
// it is: a reload brings one.
func confine(n Needs, r *Report) error {
	r.NoTrace = procctl(traceControl, traceDisable) == 0
	if !r.NoTrace {
		r.Missing = append(r.Missing, "This kernel does not forbid that a process is traced by others of its user (procctl PROC_TRACE_CTL).")
	}
	r.NoNewPrivs = procctl(noNewPrivs, noNewPrivsOn) == 0
	if !r.NoNewPrivs {
		r.Missing = append(r.Missing, "This kernel cannot forbid programs that give new privileges (procctl PROC_NO_NEW_PRIVS_CTL, FreeBSD 14).")
	}
	if !n.Empty {
		return nil
	}
	if err := unix.Setrlimit(limitProcesses, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("sandbox: forbid new processes: %w", err)
	}
	return nil
}

// procctl does procctl(2) to this process.
func procctl(command uintptr, arg int32) syscall.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_PROCCTL, ofProcess, uintptr(unix.Getpid()), command, uintptr(unsafe.Pointer(&arg)), 0, 0)
	return errno
}

func (r Report) means() []means {
	return []means{{"chroot", r.Chroot}, {"no-new-privs", r.NoNewPrivs}, {"no-trace", r.NoTrace}}
}
