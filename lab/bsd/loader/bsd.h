// What the loaders of both systems have in common: calls of Linux, messages, the ELF file, descriptors, kqueue.
//
// A service serves one system call of the program. It takes the call's arguments, and returns the result or, below zero,
// an errno of the BSDs. What it does not know, it names on stderr.

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>

typedef long service(const long *a);

// Errnos, the same on both BSDs: those that differ from Linux's, and those that services give by themselves.
enum {
	BSD_ENOENT = 2, BSD_EIO = 5, BSD_EEXIST = 17, BSD_EINVAL = 22, BSD_EMFILE = 24, BSD_EAGAIN = 35, BSD_ENOTSOCK = 38,
	BSD_EMSGSIZE = 40, BSD_EOPNOTSUPP = 45, BSD_ECONNRESET = 54, BSD_ENOBUFS = 55, BSD_ENOTCONN = 57, BSD_ETIMEDOUT = 60,
	BSD_ELOOP = 62, BSD_ENAMETOOLONG = 63, BSD_ENOTEMPTY = 66, BSD_ENOSYS = 78,
};

// bsd_errnos is by Linux's number. Below EDEADLK the others are the same; above it they are not to be expected.
static const unsigned char bsd_errnos[] = {
	[EAGAIN] = BSD_EAGAIN, [ENAMETOOLONG] = BSD_ENAMETOOLONG, [ENOSYS] = BSD_ENOSYS, [ENOTEMPTY] = BSD_ENOTEMPTY,
	[ELOOP] = BSD_ELOOP, [ENOTSOCK] = BSD_ENOTSOCK, [EMSGSIZE] = BSD_EMSGSIZE, [EOPNOTSUPP] = BSD_EOPNOTSUPP,
	[ECONNRESET] = BSD_ECONNRESET, [ENOBUFS] = BSD_ENOBUFS, [ENOTCONN] = BSD_ENOTCONN, [ETIMEDOUT] = BSD_ETIMEDOUT,
};

static long bsd_result(long result)
{
	if (result >= 0 || result < -4095)
		return result;
	size_t error = -result;
	if (error < sizeof bsd_errnos && bsd_errnos[error] != 0)
		return -(long)bsd_errnos[error];
	return error < EDEADLK ? result : -BSD_EIO;
}

static long linux_call(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;
	asm volatile("syscall"
		     : "=a"(result)
		     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return bsd_result(result);
}

// LINUX makes a system call of Linux, with up to six arguments, and returns what a service does.
#define LINUX(...) LINUX_OF_SIX(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define LINUX_OF_SIX(number, a, b, c, d, e, f, ...) \
	linux_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

// ---- Messages

static void say(const char *text)
{
	LINUX(SYS_write, 2, text, strlen(text));
}

static void say_number(unsigned long number, unsigned base)
{
	char digits[24] = "";
	char *first = digits + sizeof digits - 1;
	do {
		*--first = "0123456789abcdef"[number % base];
		number /= base;
	} while (number > 0);
	say(first);
}

static long not_implemented(const char *what, unsigned long number)
{
	say("loader: ");
	say(what);
	say(" ");
	say_number(number, 10);
	say(" is not implemented\n");
	return -BSD_ENOSYS;
}

__attribute__((noreturn)) static void die(const char *why, const char *what)
{
	say("loader: ");
	say(why);
	say(what);
	say("\n");
	LINUX(SYS_exit_group, 99);
	__builtin_unreachable();
}

// on_fault handles what Go would make a panic of: since no signal gets to the program, this is its end.
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	say("loader: the program faults at 0x");
	say_number(((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP], 16);
	say(" (ask go tool addr2line), for address 0x");
	say_number((uintptr_t)info->si_addr, 16);
	say("\n");
	LINUX(SYS_exit_group, 2);
}

// ---- The program

enum { PAGE = 4096 };

static union {
	Elf64_Ehdr header;
	char bytes[PAGE];
} program;

static const Elf64_Phdr *segments(void)
{
	return (const Elf64_Phdr *)(program.bytes + program.header.e_phoff);
}

// map fails where something lies already, such as the loader.
static void map(uintptr_t from, uintptr_t to, int protection, int flags, int file, long offset)
{
	if (LINUX(SYS_mmap, from, to - from, protection, flags | MAP_PRIVATE | MAP_FIXED_NOREPLACE, file, offset) < 0)
		die("the program cannot be mapped: does the loader lie where it should?", "");
}

static void map_segment(const Elf64_Phdr *segment, int file)
{
	uintptr_t skew = segment->p_vaddr % PAGE;
	uintptr_t file_end = segment->p_vaddr + segment->p_filesz;
	uintptr_t page_end = (file_end + PAGE - 1) & -PAGE;
	uintptr_t end = segment->p_vaddr + segment->p_memsz;
	int protection = (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0) |
			 (segment->p_flags & PF_X ? PROT_EXEC : 0);
	map(segment->p_vaddr - skew, file_end, protection, 0, file, segment->p_offset - skew);
	if (protection & PROT_WRITE)
		memset((void *)file_end, 0, page_end - file_end);
	if (end > page_end)
		map(page_end, end, protection, MAP_ANONYMOUS, -1, 0);
}

static void load(const char *path, int system)
{
	long file = LINUX(SYS_open, path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		die("cannot open ", path);
	const Elf64_Ehdr *header = &program.header;
	long size = LINUX(SYS_pread64, file, program.bytes, sizeof program.bytes, 0);
	if (size < (long)sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_OSABI] != system || header->e_machine != EM_X86_64 || header->e_type != ET_EXEC ||
	    header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr) > (size_t)size)
		die("not this system's executable for amd64, or a position-independent one: ", path);
	for (int i = 0; i < header->e_phnum; i++)
		if (segments()[i].p_type == PT_LOAD)
			map_segment(&segments()[i], file);
	LINUX(SYS_close, file);
}

// program_stack makes the program's stack of the loader's, which begins with the number of arguments: without the first of
// them, and with only that entry of the auxiliary vector that has the same number everywhere.
static long *program_stack(long *stack)
{
	long *vector = stack + 1 + stack[0] + 1;
	while (*vector != 0)
		vector++;
	memcpy(vector + 1, (long[]){AT_PAGESZ, PAGE, AT_NULL, 0}, 4 * sizeof(long));
	stack[1] = stack[0] - 1;
	return stack + 1;
}

// ---- Files, memory, time

static const struct flag {
	int bsd;
	int native;
} file_flags[] = {
	{0x4, O_NONBLOCK}, {0x8, O_APPEND}, {0x200, O_CREAT}, {0x400, O_TRUNC}, {0x800, O_EXCL}, {0x20000, O_DIRECTORY},
	{BSD_O_CLOEXEC, O_CLOEXEC}, {0, 0},
};

static int native_flags(int bsd)
{
	int native = bsd & O_ACCMODE;
	for (const struct flag *flag = file_flags; flag->bsd != 0; flag++)
		if (bsd & flag->bsd)
			native |= flag->native;
	return native;
}

static int bsd_flags(int native)
{
	int bsd = native & O_ACCMODE;
	for (const struct flag *flag = file_flags; flag->bsd != 0; flag++)
		if (native & flag->native)
			bsd |= flag->bsd;
	return bsd;
}

static long bsd_open(const long *a)
{
	return LINUX(SYS_open, a[0], native_flags(a[1]), a[2]);
}

static long bsd_openat(const long *a)
{
	return LINUX(SYS_openat, a[0], a[1], native_flags(a[2]), a[3]);
}

static long bsd_unlinkat(const long *a)
{
	return LINUX(SYS_unlinkat, a[0], a[1], a[2] & BSD_AT_REMOVEDIR ? AT_REMOVEDIR : 0);
}

struct native_entry { // of a directory, struct linux_dirent64
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

struct bsd_entry { // struct dirent; both systems' sizes of the name, each where the other has padding
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	uint8_t openbsd_name_size;
	uint16_t freebsd_name_size;
	uint16_t padding;
	char name[];
};

// bsd_getdents asks Linux for half of what it is asked for, since the BSDs' entries are larger.
static long bsd_getdents(const long *a)
{
	_Alignas(struct native_entry) char natives[PAGE];
	size_t half = (size_t)a[2] / 2;
	long got = LINUX(SYS_getdents64, a[0], natives, half < sizeof natives ? half : sizeof natives);
	char *next = (char *)a[1];
	for (long done = 0; done < got;) {
		const struct native_entry *native = (const struct native_entry *)(natives + done);
		struct bsd_entry *entry = (struct bsd_entry *)next;
		size_t name_size = strlen(native->name);
		size_t size = (sizeof *entry + name_size + 8) & ~7UL;
		memset(entry, 0, size);
		*entry = (struct bsd_entry){native->inode, native->offset, size, native->type, name_size, name_size, 0};
		memcpy(entry->name, native->name, name_size);
		next += size;
		done += native->size;
	}
	return got < 0 ? got : next - (char *)a[1];
}

static long bsd_pipe2(const long *a)
{
	return LINUX(SYS_pipe2, a[0], native_flags(a[1]));
}

static long bsd_fcntl(const long *a)
{
	long flags;
	switch (a[1]) {
	case F_GETFD:
	case F_SETFD:
		return LINUX(SYS_fcntl, a[0], a[1], a[2]);
	case F_GETFL:
		flags = LINUX(SYS_fcntl, a[0], F_GETFL);
		return flags < 0 ? flags : bsd_flags(flags);
	case F_SETFL:
		return LINUX(SYS_fcntl, a[0], F_SETFL, native_flags(a[2]));
	case BSD_F_DUPFD_CLOEXEC:
		return LINUX(SYS_fcntl, a[0], F_DUPFD_CLOEXEC, a[2]);
	}
	return not_implemented("fcntl with command", a[1]);
}

static long bsd_ppoll(const long *a)
{
	if (a[2] == 0)
		return LINUX(SYS_poll, a[0], a[1], -1);
	struct timespec timeout = *(const struct timespec *)a[2]; // Linux writes into it
	return LINUX(SYS_ppoll, a[0], a[1], &timeout);
}

static long bsd_mmap(const long *a)
{
	enum { SAME_FLAGS = MAP_SHARED | MAP_PRIVATE | MAP_FIXED, BSD_MAP_ANON = 0x1000 };
	int flags = (a[3] & SAME_FLAGS) | (a[3] & BSD_MAP_ANON ? MAP_ANONYMOUS | MAP_NORESERVE : 0);
	return LINUX(SYS_mmap, a[0], a[1], a[2], flags, a[4], a[5]);
}

static long bsd_clock_gettime(const long *a)
{
	switch (a[0]) {
	case BSD_CLOCK_REALTIME:
		return LINUX(SYS_clock_gettime, CLOCK_REALTIME, a[1]);
	case BSD_CLOCK_MONOTONIC:
		return LINUX(SYS_clock_gettime, CLOCK_MONOTONIC, a[1]);
	}
	return not_implemented("clock", a[0]);
}

// succeed serves what may as well be left undone: signals do not come, advice on memory need not be taken.
static long succeed(const long *a)
{
	(void)a;
	return 0;
}

// ---- kqueue, by epoll

enum {
	EVFILT_READ = -1, EVFILT_WRITE = -2, EVFILT_USER = -11,
	EV_ADD = 0x1, EV_CLEAR = 0x20, EV_EOF = 0x8000, NOTE_TRIGGER = 0x1000000,
	MAX_WATCHED = 1024, // descriptors
};

struct event { // struct kevent
	uint64_t identifier;
	int16_t filter;
	uint16_t flags;
	uint32_t filter_flags;
	int64_t data;
	void *user_data;
	uint64_t extensions[EVENT_EXTENSIONS];
};

static struct event watched[MAX_WATCHED]; // by descriptor
static int epoll = -1;      // what the program has for its kqueue
static int user_event = -1; // an eventfd, which becomes ready when EVFILT_USER is triggered

static long bsd_kqueue(const long *a)
{
	(void)a;
	if (epoll >= 0)
		return not_implemented("kqueue number", 2);
	user_event = LINUX(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	epoll = LINUX(SYS_epoll_create1, EPOLL_CLOEXEC);
	return epoll;
}

// change_event watches both directions, whatever the filter: Go's runtime wants both, or has a pipe's end, which has one.
static long change_event(const struct event *change)
{
	int is_user = change->filter == EVFILT_USER;
	if (is_user && change->filter_flags & NOTE_TRIGGER)
		return LINUX(SYS_write, user_event, &(uint64_t){1}, sizeof(uint64_t));
	uint64_t descriptor = is_user ? (uint64_t)user_event : change->identifier;
	if (!(change->flags & EV_ADD) || descriptor >= MAX_WATCHED)
		return -BSD_EINVAL;
	watched[descriptor] = *change;
	uint32_t edge = change->flags & EV_CLEAR ? EPOLLET : 0;
	uint32_t directions = is_user ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLRDHUP;
	struct epoll_event asked = {.events = directions | edge, .data.fd = descriptor};
	long result = LINUX(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, descriptor, &asked);
	return result == -BSD_EEXIST ? 0 : result;
}

// add_event puts an event of the filter into the list, if the descriptor is ready for it.
static int add_event(struct event *list, int filter, const struct epoll_event *ready, uint32_t wanted)
{
	if (!(ready->events & (wanted | EPOLLHUP | EPOLLERR)))
		return 0;
	*list = watched[ready->data.fd];
	list->filter = filter;
	list->flags = ready->events & (EPOLLHUP | EPOLLRDHUP) ? EV_EOF : 0;
	list->data = 1;
	return 1;
}

static long bsd_kevent(const long *a)
{
	const struct event *changes = (const struct event *)a[1];
	struct event *list = (struct event *)a[3];
	struct epoll_event ready[32];
	for (int i = 0; i < (int)a[2]; i++) {
		long result = change_event(&changes[i]);
		if (result < 0)
			return result;
	}
	int room = (int)a[4] / 2; // every descriptor may be ready for reading and for writing
	if (room == 0)
		return 0;
	long count = LINUX(SYS_epoll_pwait2, a[0], ready, room < 32 ? room : 32, a[5]);
	if (count < 0)
		return count;
	int filled = 0;
	for (int i = 0; i < count; i++) {
		if (ready[i].data.fd == user_event) {
			filled += add_event(list + filled, EVFILT_USER, &ready[i], EPOLLIN);
			continue;
		}
		filled += add_event(list + filled, EVFILT_READ, &ready[i], EPOLLIN | EPOLLRDHUP);
		filled += add_event(list + filled, EVFILT_WRITE, &ready[i], EPOLLOUT);
	}
	return filled;
}
