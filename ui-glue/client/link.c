/* SPDX-License-Identifier: Apache-2.0 */
/* The connection. Nothing in here waits; one protocol error ends it. */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define FDS_MAX 4u

struct packet {
	size_t n;
	int fds[FDS_MAX]; /* -1: none, or handed over                               */
	uint32_t n_fds;
};

static void packet_donep(struct packet *packet) {
	for (uint32_t i = 0; i < packet->n_fds; ++i)
		close_fdp(&packet->fds[i]);
}

struct pending *pending_find(struct cw *cw, uint64_t serial) {
	for (uint32_t i = 0; i < CLIENT_PENDING; ++i) {
		if (cw->pending[i].what != PENDING_NONE && cw->pending[i].serial == serial)
			return &cw->pending[i];
	}
	return NULL;
}

struct pending *pending_free(struct cw *cw, enum pending_what what) {
	uint32_t n = what == PENDING_CARE ? CLIENT_PENDING_CARE : CLIENT_PENDING;

	for (uint32_t i = 0; i < n; ++i) {
		/* From the end, so that care and the rest meet late. */
		struct pending *pending = &cw->pending[what == PENDING_CARE ? i : n - 1 - i];

		if (pending->what == PENDING_NONE)
			return pending;
	}
	return NULL;
}

void frame_start(struct cw *cw, struct frame_writer *w, const char *verb) {
	frame_begin(w, cw->out, sizeof(cw->out), FRAME_REQUEST, ++cw->serial, verb);
}

/* What send() answered, as our callers tell it. */
static int send_result(struct cw *cw, ssize_t n, size_t wanted) {
	if (n == (ssize_t)wanted)
		return 0;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		return -EAGAIN;
	cw->broken = true;
	return -ENOTCONN;
}

int frame_send(struct cw *cw, struct frame_writer *w) {
	if (frame_end(w) < 0)
		return -EINVAL;
	if (cw->link != LINK_UP || cw->broken)
		return -ENOTCONN;
	return send_result(cw, send(cw->socket_fd, w->p, w->n, MSG_DONTWAIT | MSG_NOSIGNAL), w->n);
}

int request_send(struct cw *cw, struct frame_writer *w, enum pending_what what, uint64_t attempt,
		 uint64_t *ret_serial) {
	struct pending *pending;
	uint64_t serial = cw->serial;
	int r;

	if (cw->link != LINK_UP || cw->broken)
		return -ENOTCONN;
	pending = pending_free(cw, what);
	if (!pending)
		return -EAGAIN;
	r = frame_send(cw, w);
	if (r < 0)
		return r;
	*pending = (struct pending){ .what = what, .serial = serial, .attempt = attempt };
	if (ret_serial)
		*ret_serial = serial;
	return 0;
}

/* The greeting carries the descriptor of the ring. */
static int hello_send(struct cw *cw) {
	struct frame_writer w;
	struct iovec iov;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	frame_start(cw, &w, "hello");
	cw->hello_serial = cw->serial;
	frame_uint(&w, "version", PROTOCOL_VERSION);
	frame_uint(&w, "actions", cw->n_actions);
	frame_text(&w, "app", cw->app);
	if (frame_end(&w) < 0)
		return -EINVAL;
	iov = (struct iovec){ w.p, w.n };
	msg.msg_control = control.bytes;
	msg.msg_controllen = sizeof(control.bytes);
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &cw->ring_fd, sizeof(int));
	return send_result(cw, sendmsg(cw->socket_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL), w.n);
}

static int socket_connect(struct cw *cw) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_(close_fdp) int fd = -1;
	int connected;

	fd = fd_lift(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	memcpy(address.sun_path, cw->path, sizeof(address.sun_path));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (!peer_is_right(cw, fd))
		return -EPERM;
	connected = fd;
	fd = -1; /* handed over */
	return connected;
}

/* The next try, later each time. */
static void retry_set(struct cw *cw, uint64_t now) {
	cw->deadline_ms = now + cw->retry_ms;
	cw->retry_ms =
		cw->retry_ms * 2 > CLIENT_RETRY_LAST_MS ? CLIENT_RETRY_LAST_MS : cw->retry_ms * 2;
}

int link_connect(struct cw *cw, int fd, uint64_t now) {
	struct epoll_event interest = { .events = EPOLLIN | EPOLLRDHUP };
	int r;

	if (fd < 0)
		fd = socket_connect(cw);
	if (fd < 0) {
		retry_set(cw, now);
		return fd;
	}
	cw->socket_fd = fd;
	cw->broken = false;
	cw->link = LINK_GREETING;
	cw->deadline_ms = now + CLIENT_GREETING_MS;
	r = epoll_ctl(cw->epoll_fd, EPOLL_CTL_ADD, fd, &interest) < 0 ? -errno : hello_send(cw);
	if (r < 0)
		link_down(cw, now);
	return r;
}

void link_down(struct cw *cw, uint64_t now) {
	if (cw->link == LINK_DOWN)
		return;
	/* One that breaks off at once is not asked ever again at the shortest distance. */
	if (cw->link == LINK_UP && now - cw->up_ms >= CLIENT_RETRY_LAST_MS)
		cw->retry_ms = CLIENT_RETRY_FIRST_MS;
	/* Last looked at while it was the truth. */
	state_refresh(cw);
	(void)epoll_ctl(cw->epoll_fd, EPOLL_CTL_DEL, cw->socket_fd, NULL);
	close_fdp(&cw->socket_fd);
	cw->socket_fd = -1;
	cw->link = LINK_DOWN;
	cw->broken = false;
	pending_fail(cw);
	if ((cw->told & 1u) != 0) {
		cw->told &= ~1u;
		(void)event_push(cw, CW_EVENT_DISCONNECTED);
		(void)event_push(cw, CW_EVENT_STATE);
	}
	retry_set(cw, now);
}

/* Takes the descriptors out of the control message; more than we hold are closed. */
static void fds_take(struct msghdr *msg, struct packet *packet) {
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; ++i) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (packet->n_fds < FDS_MAX)
				packet->fds[packet->n_fds++] = fd;
			else
				(void)close(fd);
		}
	}
}

/* Return: 1 with a packet; 0: nothing there; -ENOTCONN; -EBADMSG. */
static int packet_receive(struct cw *cw, struct packet *packet) {
	struct iovec iov = { cw->in, sizeof(cw->in) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes };
	ssize_t n;

	msg.msg_controllen = sizeof(control.bytes);
	n = recvmsg(cw->socket_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ENOTCONN;
	fds_take(&msg, packet);
	if (n == 0)
		return -ENOTCONN;
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return -EBADMSG;
	packet->n = (size_t)n;
	return 1;
}

/* The broker's greeting: the state page, and before it the policy page if there is one. */
static int hello_take(struct cw *cw, const struct frame *frame, struct packet *packet,
		      uint64_t now) {
	const struct policy_table *table = NULL;
	const struct state_page *page = NULL;
	uint64_t result, pages;

	if (frame->kind != FRAME_REPLY || frame->serial != cw->hello_serial ||
	    strcmp(frame->name, "hello") != 0 || frame_get_uint(frame->body, "result", &result) < 0)
		return -EBADMSG;
	if (result != RESULT_OK)
		return -ENOTCONN;
	if (frame_get_uint(frame->body, "pages", &pages) < 0 || pages != packet->n_fds ||
	    pages < 1 || pages > 2)
		return -EBADMSG;
	if (page_map_state(packet->fds[pages - 1], &page) < 0)
		return -EBADMSG;
	/* A policy that cannot be believed is none: always and care go on. */
	if (pages == 2 && page_map_policy(packet->fds[0], &table) < 0)
		table = NULL;
	cw->link = LINK_UP;
	cw->up_ms = now;
	pages_take(cw, table, page);
	(void)event_push(cw, CW_EVENT_POLICY);
	record_resend_all(cw, now);
	return 0;
}

static int packet_take(struct cw *cw, struct packet *packet, uint64_t now) {
	struct frame frame;
	bool wants_fd;

	if (frame_parse(cw->in, packet->n, &frame) < 0)
		return -EBADMSG;
	if (cw->link == LINK_GREETING)
		return hello_take(cw, &frame, packet, now);
	wants_fd = frame.kind == FRAME_EVENT && strcmp(frame.name, "policy") == 0;
	if (packet->n_fds > (wants_fd ? 1u : 0u))
		return -EBADMSG;
	if (frame.kind == FRAME_REPLY)
		return reply_take(cw, &frame);
	if (frame.kind == FRAME_EVENT)
		return event_take(cw, &frame, packet->n_fds > 0 ? packet->fds[0] : -1, now);
	return -EBADMSG;
}

/* Takes in what is there, as long as the queue has room. Return: 0; < 0: it is over. */
static int link_receive(struct cw *cw, uint64_t now) {
	while (cw->link != LINK_DOWN && cw->n_events < CLIENT_EVENTS_HIGH) {
		cleanup_(packet_donep) struct packet packet = { 0 };
		int r = packet_receive(cw, &packet);

		if (r <= 0)
			return r;
		r = packet_take(cw, &packet, now);
		if (r < 0)
			return r;
	}
	return 0;
}

static void embedded_reap(struct cw *cw) {
	if (cw->embedded_pid > 0 && waitpid(cw->embedded_pid, NULL, WNOHANG) != 0)
		cw->embedded_pid = 0;
}

int cw_dispatch(struct cw *cw) {
	uint64_t now = clock_boot_ms();

	ids_draw(cw);
	tables_tidy(cw);
	/* What was answered before it broke counts: else it would be said, and recorded, twice. */
	if (cw->broken) {
		(void)link_receive(cw, now);
		link_down(cw, now);
	}
	if (cw->link == LINK_DOWN && now >= cw->deadline_ms)
		(void)link_connect(cw, -1, now);
	if (link_receive(cw, now) < 0 || (cw->link == LINK_GREETING && now >= cw->deadline_ms))
		link_down(cw, now);
	if (cw->link == LINK_DOWN)
		embedded_reap(cw);
	record_offer(cw, now);
	record_resend(cw, now);
	state_tick(cw, now);
	return broker_is_alive(cw, now) ? 0 : -ENOTCONN;
}

int cw_fd(const struct cw *cw) {
	return cw->epoll_fd;
}

int cw_timeout_ms(const struct cw *cw) {
	uint64_t now = clock_boot_ms();
	uint64_t next = state_deadline(cw, now);

	if (cw->n_events > 0 || cw->broken)
		return 0;
	if (cw->link != LINK_UP && cw->deadline_ms < next)
		next = cw->deadline_ms;
	if (cw->link == LINK_UP && cw->resend_from != 0 && cw->resend_at_ms < next)
		next = cw->resend_at_ms;
	if (cw->offer_at_ms != 0 && cw->resend_from == 0 && cw->offer_at_ms < next &&
	    broker_is_alive(cw, now))
		next = cw->offer_at_ms;
	if (next == UINT64_MAX)
		return -1;
	if (next <= now)
		return 0;
	return next - now > INT_MAX ? INT_MAX : (int)(next - now);
}
