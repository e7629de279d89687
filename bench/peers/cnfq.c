/*
 * cnfq: the yardstick. An accept loop on libnetfilter_queue as fast as it gets:
 * offload-sized packets whole (GSO), one batch verdict for up to 64 packets, a large
 * receive buffer, no allocation.
 *
 * usage: cnfq [-q queue] [-e]     -e: a verdict for each packet, no GSO (the textbook loop)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, RCVBUF = 32 << 20, QUEUE_LEN = 65535 };

static int each;
static unsigned pending; /* packets received and not yet accepted */
static uint32_t last;    /* the newest of them */

static int on_packet(struct nfq_q_handle *queue, struct nfgenmsg *msg, struct nfq_data *data, void *arg)
{
	uint32_t id = ntohl(nfq_get_msg_packet_hdr(data)->packet_id);

	(void)msg, (void)arg;
	if (each)
		return nfq_set_verdict(queue, id, NF_ACCEPT, 0, NULL);
	last = id;
	pending++;
	return 0;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct nfq_q_handle *bind_queue(struct nfq_handle *h, uint16_t number)
{
	struct nfq_q_handle *queue = nfq_create_queue(h, number, on_packet, NULL);
	int fd = nfq_fd(h), size = RCVBUF, on = 1;

	if (!queue)
		die("nfq_create_queue");
	if (nfq_set_mode(queue, NFQNL_COPY_PACKET, 0xffff) < 0)
		die("nfq_set_mode");
	nfq_set_queue_maxlen(queue, QUEUE_LEN);
	if (!each && nfq_set_queue_flags(queue, NFQA_CFG_F_GSO, NFQA_CFG_F_GSO) < 0)
		die("nfq_set_queue_flags");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
	return queue;
}

int main(int argc, char **argv)
{
	static char buf[0x11000] __attribute__((aligned));
	uint16_t number = 0;
	int opt;

	while ((opt = getopt(argc, argv, "q:e")) != -1) {
		if (opt == 'q')
			number = atoi(optarg);
		else if (opt == 'e')
			each = 1;
		else
			return 2;
	}
	struct nfq_handle *h = nfq_open();
	if (!h)
		die("nfq_open");
	struct nfq_q_handle *queue = bind_queue(h, number);
	for (;;) {
		ssize_t n = recv(nfq_fd(h), buf, sizeof buf, pending ? MSG_DONTWAIT : 0);
		if (n >= 0) {
			nfq_handle_packet(h, buf, n);
			if (pending < BATCH)
				continue;
		} else if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
			die("recv");
		}
		if (pending)
			nfq_set_verdict_batch(queue, last, NF_ACCEPT);
		pending = 0;
	}
}
