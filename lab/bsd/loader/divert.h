// The program's sockets, all of which are served at the far ends of channels: by a model of divert(4), in the test binary.
//
// A channel is two pairs of AF_UNIX sockets of type SOCK_SEQPACKET, of which the loader has one end each. The environment
// variable LOADER_CHANNELS="P1:C1,P2:C2,..." says which descriptors they are.
//
//	P: packets to the program. In one byte the size of the address, the address, the packet.
//	C: calls of the program. A letter, and arguments as said below; numbers are native int32.
//
// A call is answered by an int32, zero or an errno of the system's own; closing is not. A program that opens a socket by
// unix.Socket keeps its processor (a P of Go's) until then, and the garbage collector waits for it: if that stops the
// answering goroutine, both wait for ever. So open sockets by unix.Syscall, or libc through syscall.syscall6.

enum {
	MAX_CHANNELS = 60,
	MAX_ADDRESS = 255,
	MAX_PACKET = 40 + 65535,
	LEAST_DESCRIPTOR = 10,
	PATIENCE = 30 * 1000, // milliseconds
	BSD_SOL_SOCKET = 0xffff,
	BSD_SO_RCVBUF = 0x1002,
	BSD_MSG_DONTWAIT = 0x80,
};

struct channel {
	int packets;
	int calls;
	int taken;
	int lock;           // held during a call
	int descriptor;     // the program's, or -1
	int receive_buffer; // bytes, as the program has set it
};

static struct channel channels[MAX_CHANNELS];
static int channel_count;

static int parse_descriptor(const char **text)
{
	const char *all = *text;
	int descriptor = 0;
	for (; **text >= '0' && **text <= '9'; ++*text)
		descriptor = descriptor * 10 + **text - '0';
	if (*text == all || LINUX(SYS_fcntl, descriptor, F_GETFD) < 0)
		die("LOADER_CHANNELS: want an open descriptor instead of ", all);
	return descriptor;
}

// find_channels learns which channels there are from the environment.
static void find_channels(char **environment)
{
	static const char name[] = "LOADER_CHANNELS=";
	while (*environment != NULL && strncmp(*environment, name, sizeof name - 1) != 0)
		environment++;
	const char *text = *environment == NULL ? "" : *environment + sizeof name - 1;
	while (*text != '\0') {
		if (channel_count == MAX_CHANNELS)
			die("LOADER_CHANNELS: too many at ", text);
		struct channel *channel = &channels[channel_count++];
		channel->descriptor = -1;
		channel->packets = parse_descriptor(&text);
		if (*text++ != ':')
			die("LOADER_CHANNELS: want a colon before ", text - 1);
		channel->calls = parse_descriptor(&text);
		if (*text != '\0' && *text++ != ',')
			die("LOADER_CHANNELS: want a comma before ", text - 1);
	}
}

static void lock(struct channel *channel)
{
	while (__atomic_exchange_n(&channel->lock, 1, __ATOMIC_ACQUIRE) != 0)
		LINUX(SYS_futex, &channel->lock, FUTEX_WAIT_PRIVATE, 1);
}

static void unlock(struct channel *channel)
{
	__atomic_store_n(&channel->lock, 0, __ATOMIC_RELEASE);
	LINUX(SYS_futex, &channel->lock, FUTEX_WAKE_PRIVATE, 1);
}

static struct channel *channel_of(int descriptor)
{
	for (int i = 0; i < channel_count && descriptor >= 0; i++)
		if (__atomic_load_n(&channels[i].descriptor, __ATOMIC_ACQUIRE) == descriptor)
			return &channels[i];
	return NULL;
}

// locked_channel_of looks twice, for the descriptor may be closed while it waits for the lock.
static struct channel *locked_channel_of(int descriptor)
{
	struct channel *channel = channel_of(descriptor);
	if (channel == NULL)
		return NULL;
	lock(channel);
	if (channel->descriptor == descriptor)
		return channel;
	unlock(channel);
	return NULL;
}

static long send_call(struct channel *channel, struct iovec *parts, int count)
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	return LINUX(SYS_sendmsg, channel->calls, &message, MSG_NOSIGNAL);
}

// processors is how many the program is told of: one for each channel whose socket is just being opened, and more for those
// who answer.
static int processors(void)
{
	return channel_count + 2;
}

// call makes a call and waits for the answer. The channel is locked.
static long call(struct channel *channel, struct iovec *parts, int count)
{
	int answer = 0;
	long result = send_call(channel, parts, count);
	struct pollfd answered = {.fd = channel->calls, .events = POLLIN};
	while (LINUX(SYS_poll, &answered, 1, PATIENCE) == 0) {
		say("loader: no answer for half a minute to call ");
		say((char[]){*(const char *)parts->iov_base, '\n', '\0'});
	}
	if (result >= 0)
		result = LINUX(SYS_recvfrom, channel->calls, &answer, sizeof answer);
	if (result < 0)
		return result;
	return result == sizeof answer && answer >= 0 ? -answer : -BSD_ECONNRESET;
}

static struct channel *take_channel(void)
{
	for (int i = 0; i < channel_count; i++)
		if (__atomic_exchange_n(&channels[i].taken, 1, __ATOMIC_ACQUIRE) == 0)
			return &channels[i];
	return NULL;
}

// give_descriptor makes the descriptor that the program gets. What the channel's former socket has left is forgotten.
static long give_descriptor(struct channel *channel, int type)
{
	char rest;
	while (LINUX(SYS_recvfrom, channel->packets, &rest, sizeof rest, MSG_DONTWAIT) > 0)
		;
	channel->receive_buffer = 0;
	LINUX(SYS_fcntl, channel->packets, F_SETFL, type & BSD_SOCK_NONBLOCK ? O_NONBLOCK : 0);
	return LINUX(SYS_fcntl, channel->packets, type & BSD_SOCK_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, LEAST_DESCRIPTOR);
}

// 'S', domain, type without flags, protocol.
static long bsd_socket(const long *a)
{
	struct channel *channel = take_channel();
	if (channel == NULL)
		return -BSD_EMFILE;
	lock(channel);
	int what[] = {a[0], a[1] & ~(BSD_SOCK_CLOEXEC | BSD_SOCK_NONBLOCK), a[2]};
	long descriptor = give_descriptor(channel, a[1]);
	long result = descriptor < 0 ? descriptor : call(channel, (struct iovec[]){{"S", 1}, {what, sizeof what}}, 2);
	if (result == 0)
		__atomic_store_n(&channel->descriptor, descriptor, __ATOMIC_RELEASE);
	else if (descriptor >= 0)
		LINUX(SYS_close, descriptor);
	unlock(channel);
	if (result == 0)
		return descriptor;
	__atomic_store_n(&channel->taken, 0, __ATOMIC_RELEASE);
	return result;
}

// 'B', address.
static long bsd_bind(const long *a)
{
	struct channel *channel = locked_channel_of(a[0]);
	if (channel == NULL)
		return -BSD_ENOTSOCK;
	long result = call(channel, (struct iovec[]){{"B", 1}, {(void *)a[1], (uint32_t)a[2]}}, 2);
	unlock(channel);
	return result;
}

// 'O', level, name, value.
static long bsd_setsockopt(const long *a)
{
	struct channel *channel = locked_channel_of(a[0]);
	if (channel == NULL)
		return -BSD_ENOTSOCK;
	int what[] = {a[1], a[2]};
	long result = call(channel, (struct iovec[]){{"O", 1}, {what, sizeof what}, {(void *)a[3], (uint32_t)a[4]}}, 3);
	if (result == 0 && what[0] == BSD_SOL_SOCKET && what[1] == BSD_SO_RCVBUF) {
		channel->receive_buffer = *(int *)a[3];
		LINUX(SYS_setsockopt, channel->packets, SOL_SOCKET, SO_RCVBUF, a[3], a[4]);
	}
	unlock(channel);
	return result;
}

// bsd_getsockopt makes no call: it knows the receive buffer, and all others are zero.
static long bsd_getsockopt(const long *a)
{
	struct channel *channel = channel_of(a[0]);
	uint32_t *size = (uint32_t *)a[4];
	if (channel == NULL)
		return -BSD_ENOTSOCK;
	if (*size < sizeof(int))
		return -BSD_EINVAL;
	*(int *)a[3] = (int)a[1] == BSD_SOL_SOCKET && a[2] == BSD_SO_RCVBUF ? channel->receive_buffer : 0;
	*size = sizeof(int);
	return 0;
}

// 'W', size of the address in one byte, address, packet.
static long bsd_sendto(const long *a)
{
	struct channel *channel = locked_channel_of(a[0]);
	if (channel == NULL)
		return -BSD_ENOTSOCK;
	uint32_t address_size = a[4] == 0 ? 0 : a[5];
	char head[] = {'W', address_size};
	struct iovec parts[] = {{head, sizeof head}, {(void *)a[4], address_size}, {(void *)a[1], a[2]}};
	long result = address_size > MAX_ADDRESS ? -BSD_ENAMETOOLONG : call(channel, parts, 3);
	unlock(channel);
	return result < 0 ? result : a[2];
}

static long bsd_recvfrom(const long *a)
{
	struct {
		unsigned char address_size;
		char rest[MAX_ADDRESS + MAX_PACKET];
	} frame;
	if (channel_of(a[0]) == NULL)
		return -BSD_ENOTSOCK;
	if (a[3] & ~BSD_MSG_DONTWAIT)
		return not_implemented("recvfrom with flags", a[3]);
	long got = LINUX(SYS_recvfrom, a[0], &frame, sizeof frame, a[3] & BSD_MSG_DONTWAIT ? MSG_DONTWAIT : 0);
	if (got <= 0)
		return got;
	uint32_t address_size = frame.address_size;
	long packet_size = got - 1 - address_size;
	if (packet_size < 0)
		return -BSD_EIO;
	if (a[4] != 0) {
		uint32_t *room = (uint32_t *)a[5];
		memcpy((void *)a[4], frame.rest, address_size < *room ? address_size : *room);
		*room = address_size;
	}
	if (packet_size > a[2])
		packet_size = a[2];
	memcpy((void *)a[1], frame.rest + address_size, packet_size);
	return packet_size;
}

static long bsd_read(const long *a)
{
	if (channel_of(a[0]) != NULL)
		return bsd_recvfrom((long[]){a[0], a[1], a[2], 0, 0, 0});
	return LINUX(SYS_read, a[0], a[1], a[2]);
}

static long bsd_write(const long *a)
{
	if (channel_of(a[0]) != NULL)
		return bsd_sendto((long[]){a[0], a[1], a[2], 0, 0, 0});
	return LINUX(SYS_write, a[0], a[1], a[2]);
}

// 'C'. Since the channel keeps the packets' end open, the kqueue has to be told.
static long bsd_close(const long *a)
{
	struct channel *channel = locked_channel_of(a[0]);
	if (channel == NULL)
		return LINUX(SYS_close, a[0]);
	send_call(channel, (struct iovec[]){{"C", 1}}, 1);
	LINUX(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, a[0]);
	__atomic_store_n(&channel->descriptor, -1, __ATOMIC_RELEASE);
	LINUX(SYS_close, a[0]);
	unlock(channel);
	__atomic_store_n(&channel->taken, 0, __ATOMIC_RELEASE);
	return 0;
}
