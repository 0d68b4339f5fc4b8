/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/peer.h"
#include "broker/requests.h"
#include "common/cleanup.h"

bool budget_take(struct budget *budget, uint64_t boot_ms, uint32_t limit) {
	uint64_t second = boot_ms / 1000;

	if (budget->second != second) {
		budget->second = second;
		budget->used = 0;
	}
	if (budget->used >= limit)
		return false;
	++budget->used;
	return true;
}

struct peer *peer_by_number(struct engine *engine, uint64_t number) {
	for (struct peer *p = engine->peers; p; p = p->next)
		if (p->number == number && p->phase != PEER_CLOSED && !p->failed)
			return p;
	return NULL;
}

static void close_fds(int *fds, uint32_t n) {
	for (uint32_t i = 0; i < n; ++i)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static void packet_free(struct packet *packet) {
	close_fds(packet->fds, packet->n_fds);
	explicit_bzero(packet->bytes, packet->n);
	free(packet);
}

static void on_poll_closed(uv_handle_t *handle) {
	struct peer *p = handle->data;

	for (struct peer **at = &p->engine->peers; *at; at = &(*at)->next) {
		if (*at != p)
			continue;
		*at = p->next;
		break;
	}
	free(handle);
	free(p);
}

/* The structure lives until the loop has let go of its handle. */
void peer_close(struct peer *peer) {
	if (peer->phase == PEER_CLOSED)
		return;
	peer->phase = PEER_CLOSED;
	attempts_drop_peer(peer->engine, peer->number);
	claims_drain_ring(peer);
	claims_flush_budget(peer);
	while (peer->queue) {
		struct packet *first = peer->queue;

		peer->queue = first->next;
		packet_free(first);
	}
	if (peer->ring) {
		ring_unmap(peer->ring);
		peer->ring = NULL;
	}
	--peer->seat->n_peers;
	uv_close((uv_handle_t *)peer->poll, on_poll_closed);
	(void)close(peer->fd);
	peer->fd = -1;
}

/* Anybody who may connect can make as much of it as he likes: it fills no journal. */
static void record_noise(struct seat_runtime *seat, struct journal_entry *entry) {
	struct moment now = engine_now(seat->engine);

	if (budget_take(&seat->noise, now.boot_ms, SEAT_NOISE_PER_S))
		(void)engine_record(seat->engine, entry);
}

void seat_noise_flush(struct seat_runtime *seat) {
	char detail[48];
	struct journal_entry entry = {
		.event = EVENT_PROTOCOL_ERROR,
		.outcome = OUTCOME_REFUSED,
		.seat = (uint8_t)(seat->seat.index + 1),
		.peer_uid = UINT32_MAX,
		.detail = detail,
	};

	if (seat->noise.over == 0)
		return;
	(void)snprintf(detail, sizeof(detail), "count=%llu",
	               (unsigned long long)seat->noise.over);
	if (engine_record(seat->engine, &entry) == 0)
		seat->noise.over = 0;
}

void peer_fail(struct peer *peer) {
	peer->failed = true;
	peer->engine->any_failed = true;
}

void peers_reap(struct engine *engine) {
	while (engine->any_failed) {
		engine->any_failed = false; /* closing one may let another fail */
		for (struct peer *p = engine->peers; p; p = p->next)
			if (p->failed)
				peer_close(p);
	}
}

void peer_protocol_error(struct peer *peer, const char *what) {
	struct journal_entry entry = {
		.event = EVENT_PROTOCOL_ERROR,
		.outcome = OUTCOME_REFUSED,
		.seat = (uint8_t)(peer->seat->seat.index + 1),
		.peer_uid = peer->uid,
		.detail = what,
	};

	record_noise(peer->seat, &entry);
	peer_close(peer);
}

/* Return: 0 sent; -EAGAIN; -errno when the client is gone. */
static int send_now(int fd, const uint8_t *bytes, size_t n, const int *fds, uint32_t n_fds) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * 2)];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	}
	if (sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == ENOBUFS || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return 0;
}

static void on_peer(uv_poll_t *poll, int status, int events);

static void watch(struct peer *peer) {
	int events = UV_READABLE | UV_DISCONNECT | (peer->queue ? UV_WRITABLE : 0);

	(void)uv_poll_start(peer->poll, events, on_peer);
}

/*
 * A frame that waits. Its descriptors are duplicates: a page may be replaced and
 * closed meanwhile, and its number may then be anything's, the database's too.
 */
static struct packet *packet_new(const uint8_t *frame, size_t n, const int *fds, uint32_t n_fds) {
	struct packet *packet = calloc(1, sizeof(*packet) + n);

	if (!packet)
		return NULL;
	packet->n = n;
	memcpy(packet->bytes, frame, n);
	for (; packet->n_fds < n_fds; ++packet->n_fds) {
		int fd = fcntl(fds[packet->n_fds], F_DUPFD_CLOEXEC, 0);

		if (fd < 0) {
			packet_free(packet);
			return NULL;
		}
		packet->fds[packet->n_fds] = fd;
	}
	return packet;
}

void peer_send(struct peer *peer, const uint8_t *frame, size_t n, const int *fds, uint32_t n_fds) {
	struct packet *packet = NULL;
	int r = -EAGAIN;

	if (peer->phase == PEER_CLOSED || peer->failed || n_fds > 2)
		return;
	if (!peer->queue)
		r = send_now(peer->fd, frame, n, fds, n_fds);
	if (r == 0)
		return;
	if (r == -EAGAIN && peer->n_queue < PEER_QUEUE_MAX)
		packet = packet_new(frame, n, fds, n_fds);
	if (!packet) {
		peer_fail(peer);
		return;
	}
	*peer->queue_end = packet;
	peer->queue_end = &packet->next;
	++peer->n_queue;
	watch(peer);
}

static void send_queue(struct peer *peer) {
	while (peer->queue) {
		struct packet *first = peer->queue;
		int r = send_now(peer->fd, first->bytes, first->n, first->fds, first->n_fds);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			peer_fail(peer);
			return;
		}
		peer->queue = first->next;
		if (!peer->queue)
			peer->queue_end = &peer->queue;
		--peer->n_queue;
		packet_free(first);
	}
	watch(peer);
}

/* Descriptors of one received message. More than expected: all closed, error. */
static int take_fds(struct msghdr *msg, int fds[PEER_FDS_MAX], uint32_t *ret_n) {
	uint32_t n = 0;
	bool bad = (msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i + sizeof(int) <= bytes; i += sizeof(int)) {
			int fd = -1;

			memcpy(&fd, CMSG_DATA(c) + i, sizeof(fd));
			if (n < PEER_FDS_MAX) {
				fds[n++] = fd;
			} else {
				(void)close(fd);
				bad = true;
			}
		}
	}
	*ret_n = n;
	return bad ? -EPROTO : 0;
}

/* Takes one packet. Return: 1; 0 when there is none; -EPROTO; -ECONNRESET. */
static int read_packet(struct peer *peer) {
	static uint8_t buffer[LIMIT_FRAME + 1];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * PEER_FDS_MAX)];
	} control;
	struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fds[PEER_FDS_MAX];
	uint32_t n_fds = 0;
	ssize_t n = recvmsg(peer->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int r = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	r = take_fds(&msg, fds, &n_fds);
	if (r == 0 && n == 0 && n_fds == 0)
		return -ECONNRESET;
	if (r == 0 && (size_t)n > LIMIT_FRAME)
		r = -EPROTO;
	if (r == 0)
		r = buffer[0] == PROTOCOL_RAW_RECORD && n > 0 && n_fds == 0
			    ? claims_packet(peer, buffer, (size_t)n)
			    : request_handle(peer, buffer, (size_t)n, fds, n_fds);
	explicit_bzero(buffer, (size_t)n);
	close_fds(fds, n_fds);
	return r < 0 ? r : 1;
}

/* Has this turn of the loop taken so long that time has to be passed on first? */
static bool is_late(const struct peer *peer) {
	return uv_hrtime() / 1000000 - uv_now(&peer->engine->loop) > PEER_TURN_MS;
}

static void on_peer(uv_poll_t *poll, int status, int events) {
	struct peer *peer = poll->data;

	if (peer->phase == PEER_CLOSED)
		return;
	if (events & UV_WRITABLE)
		send_queue(peer);
	/* At most 16 packets in a row: every connection gets its turn. */
	for (int i = 0; i < 16 && peer->phase != PEER_CLOSED && !peer->failed; ++i) {
		int r = read_packet(peer);

		if (r == 0)
			break;
		if (r == -ECONNRESET)
			peer_close(peer);
		else if (r < 0)
			peer_protocol_error(peer, "malformed or unpermitted packet");
		if (is_late(peer))
			break;
	}
	if (status < 0 && peer->phase != PEER_CLOSED)
		peer_close(peer);
}

static int check_peer(struct seat_runtime *seat, int fd, struct ucred *ret_cred) {
	socklen_t n = sizeof(*ret_cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_cred, &n) < 0 || n != sizeof(*ret_cred))
		return -EPERM; /* an unknown peer is nobody, never root */
	if (seat->socket.one_user && ret_cred->uid != seat->socket.uid)
		return -EPERM;
	return 0;
}

static void record_refused(struct seat_runtime *seat, uint32_t uid, const char *why) {
	struct journal_entry entry = {
		.event = EVENT_PEER_REFUSED,
		.outcome = OUTCOME_REFUSED,
		.seat = (uint8_t)(seat->seat.index + 1),
		.peer_uid = uid,
		.detail = why,
	};

	record_noise(seat, &entry);
}

int peer_new(struct engine *engine, struct seat_runtime *seat, int fd) {
	cleanup_(close_fdp) int owned = fd;
	struct ucred cred = { .uid = UINT32_MAX };
	struct peer *peer = NULL;
	uv_poll_t *poll = NULL;

	if (check_peer(seat, fd, &cred) < 0) {
		record_refused(seat, cred.uid, "uid is not the seat's");
		return -EPERM;
	}
	if (seat->n_peers >= LIMIT_PEERS)
		return -EBUSY;
	peer = calloc(1, sizeof(*peer));
	poll = calloc(1, sizeof(*poll));
	if (!peer || !poll || uv_poll_init(&engine->loop, poll, fd) < 0) {
		free(peer);
		free(poll);
		return -ENOMEM;
	}
	*peer = (struct peer){ .number = ++engine->next_peer,
			       .engine = engine,
			       .seat = seat,
			       .phase = PEER_GREETING,
			       .fd = fd,
			       .poll = poll,
			       .uid = cred.uid,
			       .pid = (uint32_t)cred.pid,
			       .next = engine->peers };
	owned = -1; /* the peer's */
	peer->queue_end = &peer->queue;
	poll->data = peer;
	engine->peers = peer;
	++seat->n_peers;
	watch(peer);
	return 0;
}

void seat_broadcast(struct seat_runtime *seat, const uint8_t *frame, size_t n,
                    const struct peer *except) {
	for (struct peer *p = seat->engine->peers, *next = NULL; p; p = next) {
		next = p->next;
		if (p->seat == seat && p->phase == PEER_OPEN && p != except)
			peer_send(p, frame, n, NULL, 0);
	}
}

void seat_event(struct seat_runtime *seat, const char *name) {
	uint8_t buffer[64];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, name);
	if (frame_end(&w) == 0)
		seat_broadcast(seat, buffer, w.n, NULL);
}
