package sandbox

import (
	"errors"
	"fmt"
	"slices"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// Enter gives up what the process does not need, for all its threads and for good: core dumps and tracing, new privileges,
// files and network by Landlock, system calls by seccomp. An error means that the process must not go on; a feature that
// the kernel lacks is no error but stands in the report.
func Enter(n Needs) (Report, error) {
	var r Report
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return r, fmt.Errorf("sandbox: switch off core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return r, fmt.Errorf("sandbox: switch off tracing: %w", err)
	}
	if uid := unix.Geteuid(); uid != int(n.User) {
		return r, fmt.Errorf("sandbox: process runs as user %d, not %d: start it with sandbox.Attributes", uid, n.User)
	}
	if err := dropCapabilities(n); err != nil {
		return r, err
	}
	if err := restrictFiles(n, &r); err != nil {
		return r, err
	}
	if err := filterCalls(n, &r); err != nil {
		return r, err
	}
	s, err := ReadStatus()
	if err == nil {
		r.NoNewPrivs, r.Seccomp = s.NoNewPrivs, s.Seccomp == seccompFilter
	} else {
		r.NoNewPrivs, r.Seccomp = true, true // /proc is out of reach, as it should be; the calls above succeeded
	}
	return r, nil
}

func (r Report) means() []means {
	return []means{{"no-new-privs", r.NoNewPrivs}, {"seccomp", r.Seccomp}, {"landlock", r.Landlock}}
}

// dropCapabilities refuses to go on with more than was meant: the parent's Attributes should have seen to it.
func dropCapabilities(n Needs) error {
	s, err := ReadStatus()
	if err != nil {
		return fmt.Errorf("sandbox: read own capabilities: %w", err)
	}
	want := uint64(0)
	if n.NetAdmin {
		want = 1 << unix.CAP_NET_ADMIN
	}
	if s.CapEff&^want != 0 || s.CapPrm&^want != 0 {
		return fmt.Errorf("sandbox: process has capabilities %#x and needs %#x: start it with sandbox.Attributes", s.CapEff|s.CapPrm, want)
	}
	if s.CapEff != want {
		return fmt.Errorf("sandbox: process has capabilities %#x and lacks of %#x: verdicts would fail with EPERM", s.CapEff, want)
	}
	return nil
}

func restrictFiles(n Needs, r *Report) error {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		r.Missing = append(r.Missing, "This kernel has no Landlock, so files are kept out of reach by the user id and system call filter alone (CONFIG_SECURITY_LANDLOCK, lsm=landlock).")
		return nil
	}
	r.Landlock = true
	c := landlock.V7
	if version < 7 {
		r.Missing = append(r.Missing, fmt.Sprintf("This kernel's Landlock is of version %d; newer ones restrict more.", version))
	}
	var rules []landlock.Rule
	for _, dir := range n.Write {
		rules = append(rules, landlock.RWDirs(dir))
	}
	if err := c.BestEffort().RestrictPaths(rules...); err != nil {
		return fmt.Errorf("sandbox: landlock paths: %w", err)
	}
	if len(n.Connect) > 0 {
		return nil
	}
	if err := c.BestEffort().RestrictNet(); err != nil {
		return fmt.Errorf("sandbox: landlock network: %w", err)
	}
	if err := c.BestEffort().RestrictScoped(); err != nil {
		return fmt.Errorf("sandbox: landlock scopes: %w", err)
	}
	return nil
}

const seccompFilter = 2 // SECCOMP_MODE_FILTER

// runtimeCalls are what Go's runtime, its poller and its garbage collector use.
var runtimeCalls = []string{
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "futex", "set_robust_list", "rseq",
	"exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "tgkill", "gettid", "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid",
	"nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "restart_syscall", "sched_yield", "sched_getaffinity",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "pipe2", "getrandom", "membarrier",
	"timer_create", "timer_settime", "timer_delete", "setitimer", "uname", "getrlimit", "prlimit64",
}

// threads may be started, and no namespaces be made: a user namespace would give back all
// capabilities within it. The flags of clone3 lie in memory, where a filter cannot look; whoever
// tries it is told that this kernel lacks it, and takes clone.
var threads = []seccomp.NameWithConditions{{Name: "clone", Conditions: seccomp.ArgumentConditions{{
	Argument: 0, Operation: seccomp.BitsNotSet,
	Value: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP,
}}}}

// descriptorCalls work on descriptors that the process holds.
var descriptorCalls = []string{
	"read", "readv", "pread64", "write", "writev", "pwrite64", "close", "dup", "dup3", "fcntl", "fstat", "newfstatat", "lseek", "ftruncate",
	"recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
	"poll", "ppoll", "fsync", "fdatasync",
}

// fileCalls and socketCalls open new ones, for processes that need them; Landlock says where.
var (
	fileCalls   = []string{"openat", "mkdirat", "unlinkat", "renameat", "renameat2", "rename", "unlink", "mkdir", "readlinkat", "getdents64", "fchmod", "fchmodat", "linkat", "statx", "getcwd", "faccessat", "faccessat2"}
	socketCalls = []string{"socket", "connect", "bind", "listen", "accept4", "socketpair"}
)

// filterCalls allows the system calls of the needs and has all others fail with EPERM. An error instead of a
// signal lets a program that tries say so.
func filterCalls(n Needs, r *Report) error {
	if !seccomp.Supported() {
		r.Missing = append(r.Missing, "This kernel has no seccomp filter (CONFIG_SECCOMP_FILTER).")
		return nil
	}
	names := slices.Concat(runtimeCalls, descriptorCalls)
	if len(n.Write) > 0 {
		names = append(names, fileCalls...)
	}
	if len(n.Connect) > 0 {
		names = append(names, socketCalls...)
	}
	info, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("sandbox: seccomp: %w", err)
	}
	known := slices.DeleteFunc(names, func(name string) bool { _, ok := info.SyscallNames[name]; return !ok })
	err = seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno, // EPERM
			Syscalls: []seccomp.SyscallGroup{
				{Action: seccomp.ActionAllow, Names: known, NamesWithCondtions: threads},
				{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
			},
		},
	})
	if err != nil {
		return fmt.Errorf("sandbox: seccomp: %w", err)
	}
	return nil
}

// Probe tries from inside what a sandboxed worker must not be able to do, and says what came of it. It does no harm
// where it succeeds.
func Probe() []Attempt {
	try := func(name string, f func() error) Attempt {
		err := f()
		a := Attempt{Name: name, Refused: errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)}
		if err != nil {
			a.Err = err.Error()
		}
		return a
	}
	return []Attempt{
		try("open", func() error {
			fd, err := unix.Open("/", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}),
		try("socket", func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}),
		try("exec", func() error { return unix.Exec("/nonexistent", []string{"nonexistent"}, nil) }),
		try("ptrace", func() error { return unix.PtraceSeize(unix.Getppid()) }),
		try("namespace", func() error {
			// A thread cannot have a user namespace of its own: where the flags are let through, the
			// kernel refuses them with EINVAL.
			_, _, errno := unix.RawSyscall(unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_THREAD, 0, 0)
			if errno != 0 {
				return errno
			}
			return nil
		}),
	}
}
