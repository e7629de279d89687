// Runs a GOOS=openbsd GOARCH=amd64 test binary on Linux, to test what it asks of divert(4) sockets (see divert.h).
//
// On OpenBSD, Go calls the C library, from which it imports as any dynamic executable does. Here each import leads to a stub
// that passes its number and the arguments on to a service. The program gets no signals, no processes, and no network but
// divert sockets.
//
// Build:
//
//	gcc -O2 -o openbsd openbsd.c
//
// Run: GODEBUG=asyncpreemptoff=1 ./openbsd some.test -test.v

#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sys/stat.h>

enum {
	BSD_AT_REMOVEDIR = 0x8,
	BSD_CLOCK_REALTIME = 0,
	BSD_CLOCK_MONOTONIC = 3,
	BSD_F_DUPFD_CLOEXEC = 10,
	BSD_O_CLOEXEC = 0x10000,
	BSD_SOCK_CLOEXEC = 0x8000,
	BSD_SOCK_NONBLOCK = 0x4000,
	EVENT_EXTENSIONS = 0,
};

#include "bsd.h"
#include "divert.h"

// thread is all of the thread-local storage of this executable, so it ends where FS points to: Go has its g at -8(FS).
static __thread struct {
	long error;
	void *g;
} thread;

static long bsd_errno(const long *a)
{
	(void)a;
	return (long)&thread.error;
}

// ---- Threads. These services return errnos as results.

enum {
	THREAD_STACK = 1 << 20,
	SPARE_STACK = 64 << 10, // for what the C library puts onto it
};

static long bsd_pthread_attr_getstacksize(const long *a)
{
	*(size_t *)a[1] = THREAD_STACK;
	return 0;
}

static long bsd_pthread_create(const long *a)
{
	pthread_attr_t attributes;
	pthread_t unused;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK + SPARE_STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int error = pthread_create(&unused, &attributes, (void *(*)(void *))a[2], (void *)a[3]);
	pthread_attr_destroy(&attributes);
	return error == 0 ? 0 : BSD_EAGAIN;
}

// bsd_thrsleep sleeps while *abort is zero, which is all that Go wants: its identifier is abort.
static long bsd_thrsleep(const long *a)
{
	enum { BSD_EINTR = 4, BSD_EWOULDBLOCK = BSD_EAGAIN };
	long identifier = a[0];
	long clock = a[1];
	long timeout = a[2]; // absolute
	long abort = a[4];
	if (abort != identifier || clock != BSD_CLOCK_MONOTONIC)
		return -not_implemented("__thrsleep that does not wait for abort, or on clock", clock);
	switch (LINUX(SYS_futex, abort, FUTEX_WAIT_BITSET_PRIVATE, 0, timeout, 0, FUTEX_BITSET_MATCH_ANY)) {
	case 0:
		return 0;
	case -BSD_ETIMEDOUT:
		return BSD_EWOULDBLOCK;
	}
	return BSD_EINTR;
}

static long bsd_thrwakeup(const long *a)
{
	LINUX(SYS_futex, a[0], FUTEX_WAKE_PRIVATE, a[1]);
	return 0;
}

static long bsd_usleep(const long *a)
{
	uint32_t microseconds = a[0];
	struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
	return LINUX(SYS_nanosleep, &time, 0);
}

// ---- The machine

static long bsd_sysctl(const long *a)
{
	enum { CTL_HW = 6, HW_PAGESIZE = 7, HW_NCPUONLINE = 25 };
	const int *number = (const int *)a[0];
	int *value = (int *)a[2];
	if (a[1] != 2 || number[0] != CTL_HW || value == NULL)
		return -BSD_ENOENT;
	switch (number[1]) {
	case HW_PAGESIZE:
		*value = PAGE;
		return 0;
	case HW_NCPUONLINE:
		*value = processors();
		return 0;
	}
	return -BSD_ENOENT;
}

static long bsd_arc4random_buf(const long *a)
{
	long done = 0;
	while (done < a[1]) {
		long got = LINUX(SYS_getrandom, a[0] + done, a[1] - done, 0);
		done += got > 0 ? got : 0;
	}
	return 0;
}

static long bsd_getcwd(const long *a)
{
	long result = LINUX(SYS_getcwd, a[0], a[1]);
	return result < 0 ? result : a[0];
}

struct bsd_stat {
	uint32_t mode;
	int32_t device;
	uint64_t inode;
	uint32_t links;
	uint32_t user;
	uint32_t group;
	int32_t special_device;
	struct timespec accessed;
	struct timespec modified;
	struct timespec changed;
	int64_t size;
	int64_t blocks;
	uint32_t block_size;
	uint32_t flags;
	uint32_t generation;
	struct timespec born;
};

_Static_assert(sizeof(struct bsd_stat) == 128, "layout of struct stat");

static long give_stat(long path_descriptor, long path, long to, int flags)
{
	struct stat status;
	long result = LINUX(SYS_newfstatat, path_descriptor, path, &status, flags);
	if (result < 0)
		return result;
	*(struct bsd_stat *)to = (struct bsd_stat){
		.mode = status.st_mode, .device = status.st_dev, .inode = status.st_ino, .links = status.st_nlink,
		.user = status.st_uid, .group = status.st_gid, .special_device = status.st_rdev, .accessed = status.st_atim,
		.modified = status.st_mtim, .changed = status.st_ctim, .size = status.st_size, .blocks = status.st_blocks,
		.block_size = status.st_blksize, .born = status.st_ctim,
	};
	return 0;
}

static long bsd_stat(const long *a)
{
	return give_stat(AT_FDCWD, a[0], a[1], 0);
}

static long bsd_lstat(const long *a)
{
	return give_stat(AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW);
}

static long bsd_fstat(const long *a)
{
	return give_stat(a[0], (long)"", a[1], AT_EMPTY_PATH);
}

static long bsd_fstatat(const long *a)
{
	enum { BSD_AT_SYMLINK_NOFOLLOW = 0x2 };
	return give_stat(a[0], a[1], a[2], a[3] & BSD_AT_SYMLINK_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0);
}

// ---- Imports

// A function has a service, or the number of a call in Linux that takes the same arguments.
static const struct function {
	const char *name;
	service *serve;
	int same_in_linux;
} functions[] = {
	{"__errno", bsd_errno, 0},
	{"__thrsleep", bsd_thrsleep, 0},
	{"__thrwakeup", bsd_thrwakeup, 0},
	{"arc4random_buf", bsd_arc4random_buf, 0},
	{"bind", bsd_bind, 0},
	{"chdir", NULL, SYS_chdir},
	{"chmod", NULL, SYS_chmod},
	{"clock_gettime", bsd_clock_gettime, 0},
	{"close", bsd_close, 0},
	{"exit", NULL, SYS_exit_group},
	{"fchdir", NULL, SYS_fchdir},
	{"fcntl", bsd_fcntl, 0},
	{"fstat", bsd_fstat, 0},
	{"fstatat", bsd_fstatat, 0},
	{"getcwd", bsd_getcwd, 0},
	{"getdents", bsd_getdents, 0},
	{"getegid", NULL, SYS_getegid},
	{"geteuid", NULL, SYS_geteuid},
	{"getgid", NULL, SYS_getgid},
	{"getpid", NULL, SYS_getpid},
	{"getppid", NULL, SYS_getppid},
	{"getrlimit", succeed, 0},
	{"getsockopt", bsd_getsockopt, 0},
	{"getthrid", NULL, SYS_gettid},
	{"getuid", NULL, SYS_getuid},
	{"issetugid", succeed, 0},
	{"kevent", bsd_kevent, 0},
	{"kill", succeed, 0},
	{"kqueue", bsd_kqueue, 0},
	{"lseek", NULL, SYS_lseek},
	{"lstat", bsd_lstat, 0},
	{"madvise", succeed, 0},
	{"mkdir", NULL, SYS_mkdir},
	{"mmap", bsd_mmap, 0},
	{"munmap", NULL, SYS_munmap},
	{"nanosleep", NULL, SYS_nanosleep},
	{"open", bsd_open, 0},
	{"openat", bsd_openat, 0},
	{"pipe2", bsd_pipe2, 0},
	{"poll", NULL, SYS_poll},
	{"ppoll", bsd_ppoll, 0},
	{"pread", NULL, SYS_pread64},
	{"pthread_attr_destroy", succeed, 0},
	{"pthread_attr_getstacksize", bsd_pthread_attr_getstacksize, 0},
	{"pthread_attr_init", succeed, 0},
	{"pthread_attr_setdetachstate", succeed, 0},
	{"pthread_create", bsd_pthread_create, 0},
	{"pthread_sigmask", succeed, 0},
	{"pwrite", NULL, SYS_pwrite64},
	{"read", bsd_read, 0},
	{"recvfrom", bsd_recvfrom, 0},
	{"rename", NULL, SYS_rename},
	{"rmdir", NULL, SYS_rmdir},
	{"sched_yield", NULL, SYS_sched_yield},
	{"sendto", bsd_sendto, 0},
	{"setitimer", succeed, 0},
	{"setsockopt", bsd_setsockopt, 0},
	{"sigaction", succeed, 0},
	{"sigaltstack", succeed, 0},
	{"socket", bsd_socket, 0},
	{"stat", bsd_stat, 0},
	{"sysctl", bsd_sysctl, 0},
	{"thrkill", succeed, 0},
	{"unlink", NULL, SYS_unlink},
	{"unlinkat", bsd_unlinkat, 0},
	{"usleep", bsd_usleep, 0},
	{"write", bsd_write, 0},
	{NULL, NULL, 0}, // all others
};

enum { MAX_IMPORTS = 512 };

static struct {
	const char *name;
	const struct function *function;
} imports[MAX_IMPORTS];

// The stubs, 16 bytes each, one for each import: arguments become an array on the stack.
asm("	.text\n"
    "	.balign 16\n"
    "stubs:\n"
    "	.set number, 0\n"
    "	.rept 512\n"
    "	mov $number, %r11d\n"
    "	jmp pass_on\n"
    "	.balign 16\n"
    "	.set number, number + 1\n"
    "	.endr\n"
    "pass_on:\n"
    "	push %r9\n"
    "	push %r8\n"
    "	push %rcx\n"
    "	push %rdx\n"
    "	push %rsi\n"
    "	push %rdi\n"
    "	mov %rsp, %rdi\n"
    "	mov %r11d, %esi\n"
    "	sub $8, %rsp\n"
    "	call answer\n"
    "	add $56, %rsp\n"
    "	ret\n");

extern char stubs[][16];

static long serve(unsigned number, const long *a)
{
	const struct function *function = imports[number].function;
	if (function->serve != NULL)
		return function->serve(a);
	if (function->same_in_linux != 0)
		return LINUX(function->same_in_linux, a[0], a[1], a[2], a[3], a[4], a[5]);
	say("loader: OpenBSD's function ");
	say(imports[number].name);
	say(" is not implemented\n");
	return -BSD_ENOSYS;
}

__attribute__((used)) static long answer(const long *a, unsigned number)
{
	long result = serve(number, a);
	if (result >= 0 || result < -4095)
		return result;
	thread.error = -result;
	return -1;
}

static const struct function *find_function(const char *name)
{
	const struct function *function = functions;
	while (function->name != NULL && strcmp(function->name, name) != 0)
		function++;
	return function;
}

static uintptr_t dynamic_value(long tag)
{
	for (int i = 0; i < program.header.e_phnum; i++) {
		if (segments()[i].p_type != PT_DYNAMIC)
			continue;
		for (const Elf64_Dyn *entry = (const Elf64_Dyn *)segments()[i].p_vaddr; entry->d_tag != DT_NULL; entry++)
			if (entry->d_tag == tag)
				return entry->d_un.d_val;
	}
	die("the program imports nothing", "");
}

static void bind_imports(void)
{
	const char *strings = (const char *)dynamic_value(DT_STRTAB);
	const Elf64_Sym *symbols = (const Elf64_Sym *)dynamic_value(DT_SYMTAB);
	const Elf64_Rela *slots = (const Elf64_Rela *)dynamic_value(DT_JMPREL);
	size_t count = dynamic_value(DT_PLTRELSZ) / sizeof *slots;
	if (count > MAX_IMPORTS)
		die("the program imports too much", "");
	for (size_t i = 0; i < count; i++) {
		imports[i].name = strings + symbols[ELF64_R_SYM(slots[i].r_info)].st_name;
		imports[i].function = find_function(imports[i].name);
		*(void **)slots[i].r_offset = stubs[i];
	}
}

static void handle_signal(int signal, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	if (sigaction(signal, &action, NULL) < 0)
		die("cannot handle a signal", "");
}

int main(int argc, char **arguments, char **environment)
{
	uintptr_t thread_pointer;
	asm("mov %%fs:0, %0" : "=r"(thread_pointer));
	if ((uintptr_t)&thread.g != thread_pointer - sizeof thread.g)
		die("the thread-local storage is not where Go expects it", "");
	if (argc < 2)
		die("usage: openbsd program [argument ...]", "");
	find_channels(environment);
	load(arguments[1], ELFOSABI_OPENBSD);
	bind_imports();
	handle_signal(SIGPIPE, (void *)SIG_IGN);
	handle_signal(SIGSEGV, on_fault);
	handle_signal(SIGBUS, on_fault);
	handle_signal(SIGFPE, on_fault);
	asm volatile("mov %0, %%rsp\n\t"
		     "jmp *%1"
		     :
		     : "r"(program_stack((long *)arguments - 1)), "r"(program.header.e_entry)
		     : "memory");
	__builtin_unreachable();
}
