// Runs a static GOOS=freebsd GOARCH=amd64 test binary on Linux, to test what it asks of divert(4) sockets (see divert.h).
//
// Syscall User Dispatch (Linux 5.11) makes SIGSYS of every system call that does not come from this loader's own text, and
// the handler serves FreeBSD's call by Linux's. The program gets no signals, no processes, and no network but divert
// sockets.
//
// Build, for an address where no Go binary lies:
//
//	gcc -O2 -static -nostdlib -ffreestanding -fno-stack-protector -Wl,-Ttext-segment=0x70000000 -Wl,--build-id=none -o freebsd freebsd.c
//
// Run: GODEBUG=asyncpreemptoff=1 ./freebsd some.test -test.v

#define _GNU_SOURCE
#undef _FORTIFY_SOURCE // it needs the C library
#include <asm/prctl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum {
	BSD_AT_REMOVEDIR = 0x800,
	BSD_CLOCK_REALTIME = 0,
	BSD_CLOCK_MONOTONIC = 4,
	BSD_F_DUPFD_CLOEXEC = 17,
	BSD_O_CLOEXEC = 0x100000,
	BSD_SOCK_CLOEXEC = 0x10000000,
	BSD_SOCK_NONBLOCK = 0x20000000,
	EVENT_EXTENSIONS = 4,
};

#include "bsd.h"
#include "divert.h"

// FreeBSD's numbers of system calls.
enum {
	CALL_exit = 1, CALL_read = 3, CALL_write = 4, CALL_open = 5, CALL_close = 6, CALL_unlink = 10,
	CALL_chdir = 12, CALL_fchdir = 13, CALL_chmod = 15, CALL_getpid = 20, CALL_getuid = 24,
	CALL_geteuid = 25, CALL_recvfrom = 29, CALL_kill = 37, CALL_getppid = 39, CALL_getegid = 43,
	CALL_getgid = 47, CALL_sigaltstack = 53, CALL_munmap = 73, CALL_mprotect = 74, CALL_madvise = 75,
	CALL_setitimer = 83, CALL_fcntl = 92, CALL_socket = 97, CALL_bind = 104, CALL_setsockopt = 105,
	CALL_getsockopt = 118, CALL_rename = 128, CALL_sendto = 133, CALL_mkdir = 136, CALL_rmdir = 137,
	CALL_sysarch = 165, CALL_getrlimit = 194, CALL_sysctl = 202, CALL_poll = 209, CALL_clock_gettime = 232,
	CALL_nanosleep = 240, CALL_issetugid = 253, CALL_getcwd = 326, CALL_sched_yield = 331,
	CALL_sigprocmask = 340, CALL_kqueue = 362, CALL_sigaction = 416, CALL_thr_exit = 431,
	CALL_thr_self = 432, CALL_thr_kill = 433, CALL_umtx_op = 454, CALL_thr_new = 455, CALL_pread = 475,
	CALL_pwrite = 476, CALL_mmap = 477, CALL_lseek = 478, CALL_cpuset_getaffinity = 487, CALL_openat = 499,
	CALL_unlinkat = 503, CALL_pipe2 = 542, CALL_ppoll = 545, CALL_fstat = 551, CALL_fstatat = 552,
	CALL_getdirentries = 554, CALL_kevent = 560, CALL_getrandom = 563, CALLS = 600,
};

// What is needed of the C library, which is not there. The compiler must not make a call of a function in its own body.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	void *start = to;
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	return start;
}

void *memset(void *to, int byte, size_t size)
{
	void *start = to;
	asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a;
	const unsigned char *y = b;
	for (size_t i = 0; i < size; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *text)
{
	const char *end = text;
	while (*end != '\0')
		end++;
	return end - text;
}

int strncmp(const char *a, const char *b, size_t size)
{
	while (size > 0 && *a == *b && *a != '\0') {
		a++;
		b++;
		size--;
	}
	return size == 0 ? 0 : *a - *b;
}

// ---- Threads

static void use_alternate_stack(void)
{
	stack_t stack = {.ss_size = 256 << 10}; // for a signal's frame and the largest packet
	stack.ss_sp = (void *)LINUX(SYS_mmap, 0, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (LINUX(SYS_sigaltstack, &stack, 0) < 0)
		die("no stack for signals", "");
}

static void dispatch_system_calls(void)
{
	extern char __executable_start[], etext[];
	size_t size = etext - __executable_start;
	if (LINUX(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, __executable_start, size) < 0)
		die("this Linux has no Syscall User Dispatch", "");
}

struct thread { // the beginning of struct thr_param: Go asks for no identifiers
	void (*start)(void *);
	void *argument;
	char *stack;
	size_t stack_size;
	void *tls;
};

// run_thread is where a thread begins. Neither setting is inherited.
__attribute__((used)) static void run_thread(const struct thread *thread)
{
	use_alternate_stack();
	dispatch_system_calls();
	thread->start(thread->argument);
}

static long bsd_thr_new(const long *a)
{
	const struct thread *asked = (const struct thread *)a[0];
	uintptr_t top = (uintptr_t)asked->stack + asked->stack_size;
	struct thread *thread = (struct thread *)((top - sizeof *thread) & ~15UL); // its stack begins here, too
	*thread = *asked;
	long result;
	register long no_identifier asm("r10") = 0;
	register void *tls asm("r8") = thread->tls;
	asm volatile("syscall\n\t"
		     "test %%rax, %%rax\n\t"
		     "jnz 1f\n\t"
		     "mov %%rsp, %%rdi\n\t"
		     "call run_thread\n"
		     "1:"
		     : "=a"(result)
		     : "a"(SYS_clone), "S"(thread), "d"(0), "r"(no_identifier), "r"(tls),
		       "D"(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS)
		     : "rcx", "r11", "memory");
	return result < 0 ? -BSD_EAGAIN : 0;
}

// bsd_thr_exit gives the alternate stack back. Since it stands on it, it does without from there on.
static long bsd_thr_exit(const long *a)
{
	(void)a;
	stack_t stack;
	LINUX(SYS_sigaltstack, 0, &stack);
	asm volatile("syscall\n\t"
		     "mov %[exit], %%eax\n\t"
		     "xor %%edi, %%edi\n\t"
		     "syscall"
		     :
		     : "a"(SYS_munmap), "D"(stack.ss_sp), "S"(stack.ss_size), [exit] "i"(SYS_exit)
		     : "rcx", "r11", "memory");
	__builtin_unreachable();
}

static long bsd_thr_self(const long *a)
{
	*(long *)a[0] = LINUX(SYS_gettid, 0);
	return 0;
}

static long bsd_umtx_op(const long *a)
{
	enum { WAIT_UINT_PRIVATE = 15, WAKE_PRIVATE = 16 };
	long result;
	switch (a[1]) {
	case WAIT_UINT_PRIVATE: // a[4] begins with the timeout
		result = LINUX(SYS_futex, a[0], FUTEX_WAIT_PRIVATE, a[2], a[4]);
		return result == -BSD_EAGAIN ? 0 : result;
	case WAKE_PRIVATE:
		result = LINUX(SYS_futex, a[0], FUTEX_WAKE_PRIVATE, a[2]);
		return result < 0 ? result : 0;
	}
	return not_implemented("_umtx_op", a[1]);
}

static long bsd_sysarch(const long *a)
{
	enum { AMD64_SET_FSBASE = 129 };
	if (a[0] != AMD64_SET_FSBASE)
		return not_implemented("sysarch", a[0]);
	return LINUX(SYS_arch_prctl, ARCH_SET_FS, *(long *)a[1]);
}

// ---- The machine

static long bsd_exit(const long *a)
{
	return LINUX(SYS_exit_group, a[0]);
}

// bsd_sysctl knows what the runtime asks before it asks for the processors. FreeBSD, too, makes the number up at run time.
static long bsd_sysctl(const long *a)
{
	enum { CTL_SYSCTL = 0, CTL_SYSCTL_NAME2OID = 3, KERN_SMP_MAXCPUS = 4711 };
	static const char name[] = "kern.smp.maxcpus";
	const int *number = (const int *)a[0];
	int *value = (int *)a[2];
	if (number[0] == KERN_SMP_MAXCPUS)
		*value = 64;
	else if (number[0] == CTL_SYSCTL && number[1] == CTL_SYSCTL_NAME2OID && strncmp((char *)a[4], name, a[5]) == 0)
		*value = KERN_SMP_MAXCPUS;
	else
		return -BSD_ENOENT;
	*(size_t *)a[3] = sizeof *value;
	return 0;
}

static long bsd_cpuset_getaffinity(const long *a)
{
	if (a[3] != sizeof(uint64_t))
		return -BSD_EINVAL;
	*(uint64_t *)a[4] = (1UL << processors()) - 1;
	return 0;
}

static long bsd_getcwd(const long *a)
{
	long result = LINUX(SYS_getcwd, a[0], a[1]);
	return result < 0 ? result : 0;
}

struct bsd_stat {
	uint64_t device;
	uint64_t inode;
	uint64_t links;
	uint16_t mode;
	uint16_t padding;
	uint32_t user;
	uint32_t group;
	uint32_t padding2;
	uint64_t special_device;
	struct timespec accessed;
	struct timespec modified;
	struct timespec changed;
	struct timespec born;
	int64_t size;
	int64_t blocks;
	int32_t block_size;
	uint32_t flags;
	uint64_t generation;
	uint64_t spare[10];
};

_Static_assert(sizeof(struct bsd_stat) == 224, "layout of struct stat");

static void give_stat(struct bsd_stat *to, const struct stat *from)
{
	*to = (struct bsd_stat){
		.device = from->st_dev, .inode = from->st_ino, .links = from->st_nlink, .mode = from->st_mode,
		.user = from->st_uid, .group = from->st_gid, .special_device = from->st_rdev, .accessed = from->st_atim,
		.modified = from->st_mtim, .changed = from->st_ctim, .born = from->st_ctim, .size = from->st_size,
		.blocks = from->st_blocks, .block_size = from->st_blksize,
	};
}

static long bsd_fstat(const long *a)
{
	struct stat status;
	long result = LINUX(SYS_fstat, a[0], &status);
	if (result == 0)
		give_stat((struct bsd_stat *)a[1], &status);
	return result;
}

static long bsd_fstatat(const long *a)
{
	enum { BSD_AT_SYMLINK_NOFOLLOW = 0x200 };
	struct stat status;
	int flags = a[3] & BSD_AT_SYMLINK_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
	long result = LINUX(SYS_newfstatat, a[0], a[1], &status, flags);
	if (result == 0)
		give_stat((struct bsd_stat *)a[2], &status);
	return result;
}

// ---- Dispatch

static service *const services[CALLS] = {
	[CALL_exit] = bsd_exit, [CALL_read] = bsd_read, [CALL_write] = bsd_write, [CALL_open] = bsd_open,
	[CALL_close] = bsd_close, [CALL_recvfrom] = bsd_recvfrom, [CALL_fcntl] = bsd_fcntl,
	[CALL_socket] = bsd_socket, [CALL_bind] = bsd_bind, [CALL_setsockopt] = bsd_setsockopt,
	[CALL_getsockopt] = bsd_getsockopt, [CALL_sendto] = bsd_sendto, [CALL_sysarch] = bsd_sysarch,
	[CALL_sysctl] = bsd_sysctl, [CALL_clock_gettime] = bsd_clock_gettime, [CALL_getcwd] = bsd_getcwd,
	[CALL_kqueue] = bsd_kqueue, [CALL_thr_exit] = bsd_thr_exit, [CALL_thr_self] = bsd_thr_self,
	[CALL_umtx_op] = bsd_umtx_op, [CALL_thr_new] = bsd_thr_new, [CALL_mmap] = bsd_mmap,
	[CALL_cpuset_getaffinity] = bsd_cpuset_getaffinity, [CALL_openat] = bsd_openat,
	[CALL_unlinkat] = bsd_unlinkat, [CALL_pipe2] = bsd_pipe2, [CALL_ppoll] = bsd_ppoll,
	[CALL_fstat] = bsd_fstat, [CALL_fstatat] = bsd_fstatat, [CALL_getdirentries] = bsd_getdents,
	[CALL_kevent] = bsd_kevent,
	[CALL_kill] = succeed, [CALL_sigaltstack] = succeed, [CALL_madvise] = succeed,
	[CALL_setitimer] = succeed, [CALL_getrlimit] = succeed, [CALL_issetugid] = succeed,
	[CALL_sigprocmask] = succeed, [CALL_sigaction] = succeed, [CALL_thr_kill] = succeed,
};

// same_in_linux has Linux's numbers of those calls that take the same arguments there.
static const short same_in_linux[CALLS] = {
	[CALL_unlink] = SYS_unlink, [CALL_chdir] = SYS_chdir, [CALL_fchdir] = SYS_fchdir,
	[CALL_chmod] = SYS_chmod, [CALL_getpid] = SYS_getpid, [CALL_getuid] = SYS_getuid,
	[CALL_geteuid] = SYS_geteuid, [CALL_getppid] = SYS_getppid, [CALL_getegid] = SYS_getegid,
	[CALL_getgid] = SYS_getgid, [CALL_munmap] = SYS_munmap, [CALL_mprotect] = SYS_mprotect,
	[CALL_rename] = SYS_rename, [CALL_mkdir] = SYS_mkdir, [CALL_rmdir] = SYS_rmdir, [CALL_poll] = SYS_poll,
	[CALL_nanosleep] = SYS_nanosleep, [CALL_sched_yield] = SYS_sched_yield, [CALL_pread] = SYS_pread64,
	[CALL_pwrite] = SYS_pwrite64, [CALL_lseek] = SYS_lseek, [CALL_getrandom] = SYS_getrandom,
};

static long serve(unsigned long number, const long *a)
{
	if (number < CALLS && services[number] != NULL)
		return services[number](a);
	if (number < CALLS && same_in_linux[number] != 0)
		return LINUX(same_in_linux[number], a[0], a[1], a[2], a[3], a[4], a[5]);
	return not_implemented("FreeBSD system call", number);
}

// on_system_call answers as FreeBSD does: the carry flag says that there is an error.
static void on_system_call(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	enum { CARRY = 1 };
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	long arguments[] = {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
			    registers[REG_R10], registers[REG_R8], registers[REG_R9]};
	long result = serve(registers[REG_RAX], arguments);
	int failed = result < 0 && result >= -4095;
	registers[REG_RAX] = failed ? -result : result;
	registers[REG_RDX] = 0;
	registers[REG_EFL] &= ~CARRY;
	registers[REG_EFL] |= failed ? CARRY : 0;
}

// return_from_signal is in the loader's text, so this call is Linux's own.
__attribute__((naked)) static void return_from_signal(void)
{
	asm("mov %0, %%eax\n\tsyscall" : : "i"(SYS_rt_sigreturn));
}

static void handle_signal(int signal, void (*handler)(int, siginfo_t *, void *))
{
	enum { SA_RESTORER = 0x04000000 };
	const struct { // what the kernel calls struct sigaction
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} action = {handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER, return_from_signal, 0};
	if (LINUX(SYS_rt_sigaction, signal, &action, 0, sizeof action.mask) < 0)
		die("cannot handle a signal", "");
}

__attribute__((used, noreturn)) static void start(long *stack)
{
	char **arguments = (char **)stack + 1;
	if (stack[0] < 2)
		die("usage: freebsd program [argument ...]", "");
	find_channels(arguments + stack[0] + 1);
	load(arguments[1], ELFOSABI_FREEBSD);
	long *program_arguments = program_stack(stack);
	handle_signal(SIGPIPE, (void *)SIG_IGN);
	handle_signal(SIGSEGV, on_fault);
	handle_signal(SIGBUS, on_fault);
	handle_signal(SIGFPE, on_fault);
	handle_signal(SIGSYS, on_system_call);
	use_alternate_stack();
	dispatch_system_calls();
	asm volatile("mov %0, %%rsp\n\t"
		     "jmp *%1"
		     :
		     : "r"((uintptr_t)program_arguments & ~15UL), "r"(program.header.e_entry), "D"(program_arguments)
		     : "memory");
	__builtin_unreachable();
}

asm(".globl _start\n"
    "_start:\n\t"
    "mov %rsp, %rdi\n\t"
    "and $-16, %rsp\n\t"
    "call start");
