/*
 * bridge: what packets would cost that do not cross netfilter at all. Frames of one interface are written to another from
 * ring to ring (AF_PACKET, TPACKET_V2), with the addresses that a router would give them; sizes and checksums that the
 * stack left to the device go along (PACKET_VNET_HDR). Whoever runs it has the kernel forward nothing itself.
 *
 * usage: bridge interface interface     the next hops are the only neighbours of each in /proc/net/arp
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>

enum { FRAME = 0x12000, FRAMES = 256, BATCH = 64, VNET = sizeof(struct virtio_net_hdr) };

struct port {
	int fd;
	char *rx, *tx;
	unsigned in, out, unsent;
	unsigned char own[ETH_ALEN], next[ETH_ALEN];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct tpacket2_hdr *frame(char *ring, unsigned i)
{
	return (struct tpacket2_hdr *)(ring + (size_t)(i % FRAMES) * FRAME);
}

/* neighbour reads the address of the only neighbour behind an interface. */
static void neighbour(const char *name, unsigned char *mac)
{
	char line[256], dev[32];
	FILE *f = fopen("/proc/net/arp", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%*s 0x%*x 0x%*x %hhx:%hhx:%hhx:%hhx:%hhx:%hhx %*s %31s", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5, dev) == 7 &&
		    !strcmp(dev, name)) {
			fclose(f);
			return;
		}
	errno = ENOENT;
	die(name);
}

static void set(int fd, int option, int value)
{
	if (setsockopt(fd, SOL_PACKET, option, &value, sizeof value) < 0)
		die("setsockopt");
}

static void open_port(struct port *p, const char *name)
{
	struct tpacket_req ring = { .tp_block_size = FRAME * 16, .tp_block_nr = FRAMES / 16, .tp_frame_size = FRAME, .tp_frame_nr = FRAMES };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = if_nametoindex(name) };
	struct ifreq ifr = { 0 };

	if ((p->fd = socket(AF_PACKET, SOCK_RAW, 0)) < 0)
		die("socket");
	set(p->fd, PACKET_VERSION, TPACKET_V2);
	set(p->fd, PACKET_VNET_HDR, 1);
	set(p->fd, PACKET_IGNORE_OUTGOING, 1);
	set(p->fd, PACKET_QDISC_BYPASS, 1);
	if (setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0 || setsockopt(p->fd, SOL_PACKET, PACKET_TX_RING, &ring, sizeof ring) < 0)
		die("ring");
	p->rx = mmap(NULL, 2ul * FRAMES * FRAME, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, p->fd, 0);
	if (p->rx == MAP_FAILED)
		die("mmap");
	p->tx = p->rx + (size_t)FRAMES * FRAME;
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(p->fd, SIOCGIFHWADDR, &ifr) < 0 || bind(p->fd, (struct sockaddr *)&at, sizeof at) < 0)
		die(name);
	memcpy(p->own, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	neighbour(name, p->next);
}

static void flush(struct port *p)
{
	if (p->unsent && send(p->fd, NULL, 0, MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != ENOBUFS)
		die("send");
	p->unsent = 0;
}

/* pass moves what has come at one port to the other, at most BATCH frames, and returns how many. */
static int pass(struct port *from, struct port *to)
{
	int n = 0;

	for (; n < BATCH; n++) {
		struct tpacket2_hdr *in = frame(from->rx, from->in), *out = frame(to->tx, to->out);
		if (!(__atomic_load_n(&in->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		if (__atomic_load_n(&out->tp_status, __ATOMIC_ACQUIRE) != TP_STATUS_AVAILABLE) {
			flush(to);
			break;
		}
		char *data = (char *)in + in->tp_mac - VNET, *copy = (char *)out + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll);
		memcpy(copy, data, VNET + in->tp_snaplen);
		memcpy(copy + VNET, to->next, ETH_ALEN);
		memcpy(copy + VNET + ETH_ALEN, to->own, ETH_ALEN);
		out->tp_len = VNET + in->tp_snaplen;
		__atomic_store_n(&out->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
		__atomic_store_n(&in->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		from->in++, to->out++, to->unsent++;
	}
	flush(to);
	return n;
}

int main(int argc, char **argv)
{
	struct port a = { 0 }, b = { 0 };

	if (argc != 3)
		return 2;
	open_port(&a, argv[1]);
	open_port(&b, argv[2]);
	for (;;) {
		if (pass(&a, &b) + pass(&b, &a))
			continue;
		struct pollfd fds[] = { { a.fd, POLLIN, 0 }, { b.fd, POLLIN, 0 } };
		poll(fds, 2, -1);
	}
}
