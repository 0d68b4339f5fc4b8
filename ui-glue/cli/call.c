/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/cli/call.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define BROKER_USER "careward"

static const char *const verb_names[VERB_N] = {
#define VERB(symbol, name) [VERB_##symbol] = name,
	PROTOCOL_VERBS(VERB)
#undef VERB
};

const char *call_verb_name(enum protocol_verb verb) {
	return verb > VERB_NONE && verb < VERB_N ? verb_names[verb] : "";
}

static bool is_broker(uint32_t uid, uint32_t broker_uid) {
	const struct passwd *user = NULL;

	if (uid == 0 || uid == (uint32_t)geteuid() ||
	    (broker_uid != UINT32_MAX && uid == broker_uid))
		return true;
	user = getpwnam(BROKER_USER);
	return user && (uint32_t)user->pw_uid == uid;
}

int call_open(struct call *call, const char *path, uint32_t broker_uid, uint32_t *ret_uid) {
	cleanup_(close_fdp) int fd = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t n_peer = sizeof(peer);

	*call = (struct call){ .fd = -1 };
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = fd_lift(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n_peer) < 0)
		return -errno;
	*ret_uid = (uint32_t)peer.uid;
	if (!is_broker((uint32_t)peer.uid, broker_uid))
		return -EPERM;
	call->fd = fd;
	fd = -1; /* handed over */
	return 0;
}

void call_close(struct call *call) {
	if (call->fd >= 0)
		(void)close(call->fd);
	explicit_bzero(call, sizeof(*call));
	call->fd = -1;
}

struct frame_writer *call_begin(struct call *call, enum protocol_verb verb) {
	frame_begin(&call->writer, call->out, sizeof(call->out), FRAME_REQUEST, ++call->serial,
	            call_verb_name(verb));
	return &call->writer;
}

static int send_packet(struct call *call, size_t n, int fd) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { call->out, n };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *c = NULL;
	ssize_t sent;

	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do {
		sent = sendmsg(call->fd, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	explicit_bzero(call->out, sizeof(call->out));
	return sent < 0 ? -errno : 0;
}

static int64_t now_ms(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One packet into call->in, parsed. Descriptors that come along are not taken. */
static int receive(struct call *call, int64_t deadline_ms, struct frame *ret_frame) {
	struct pollfd wanted = { .fd = call->fd, .events = POLLIN };
	int64_t left = 0;
	ssize_t n;
	int r;

	do {
		left = deadline_ms - now_ms();
		r = poll(&wanted, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (r == 0)
		return -ETIMEDOUT;
	do {
		n = recv(call->fd, call->in, sizeof(call->in), MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	if ((size_t)n > sizeof(call->in))
		return -EBADMSG;
	return frame_parse(call->in, (size_t)n, ret_frame);
}

/* Absent is fine and leaves the zero; anything else wrong is a protocol error. */
static bool is_bad(int r) {
	return r < 0 && r != -ENOENT;
}

static int take_prompt(struct frame_span body, struct call_event *e) {
	e->kind = CALL_EVENT_PROMPT;
	e->tries = UINT64_MAX;
	if (frame_get_uint(body, "field", &e->field) < 0 ||
	    frame_get_bool(body, "secret", &e->secret) < 0 ||
	    frame_get_text(body, "message", e->message, sizeof(e->message)) < 0 ||
	    is_bad(frame_get_text(body, "text", e->text, sizeof(e->text))) ||
	    is_bad(frame_get_uint(body, "tries", &e->tries)))
		return -EBADMSG;
	return 0;
}

static int take_signed_in(struct frame_span body, struct call_event *e) {
	e->kind = CALL_EVENT_SIGNED_IN;
	if (frame_get_uint(body, "session", &e->session) < 0 ||
	    frame_get_uint(body, "account", &e->account) < 0 ||
	    frame_get_text(body, "text", e->text, sizeof(e->text)) < 0 ||
	    is_bad(frame_get_bool(body, "handover", &e->handover)) ||
	    is_bad(frame_get_int(body, "last_ms", &e->last_ms)) ||
	    is_bad(frame_get_uint(body, "failures", &e->failures)) ||
	    is_bad(frame_get_int(body, "failure_ms", &e->failure_ms)) ||
	    is_bad(frame_get_text(body, "notice", e->notice, sizeof(e->notice))))
		return -EBADMSG;
	return 0;
}

static int take_over(struct frame_span body, struct call_event *e) {
	e->kind = CALL_EVENT_OVER;
	if (frame_get_text(body, "message", e->message, sizeof(e->message)) < 0 ||
	    is_bad(frame_get_text(body, "text", e->text, sizeof(e->text))) ||
	    is_bad(frame_get_uint(body, "wait_ms", &e->wait_ms)))
		return -EBADMSG;
	return 0;
}

static int take_authorized(struct frame_span body, struct call_event *e) {
	const uint8_t *p = NULL;
	size_t n = 0;

	e->kind = CALL_EVENT_AUTHORIZED;
	if (frame_get_bytes(body, "receipt", &p, &n) < 0 || n > sizeof(e->receipt))
		return -EBADMSG;
	memcpy(e->receipt, p, n);
	e->n_receipt = n;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct frame_span body, struct call_event *e);
} takers[] = {
	{ "prompt", take_prompt },
	{ "signed-in", take_signed_in },
	{ "attempt-over", take_over },
	{ "authorized", take_authorized },
};

/* Return: 0, with kind NONE for an event that belongs to no conversation; -EBADMSG. */
static int take_event(const struct frame *frame, struct call_event *ret) {
	struct call_event e = { 0 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(takers); ++i) {
		if (strcmp(takers[i].name, frame->name) != 0)
			continue;
		/* Without a number it tells of somebody else's. */
		if (frame_get_uint(frame->body, "attempt", &e.attempt) < 0)
			break;
		r = takers[i].take(frame->body, &e);
		if (r < 0)
			return r;
		break;
	}
	*ret = e;
	return 0;
}

static int wait_reply(struct call *call, int64_t deadline_ms) {
	struct call_event event;
	struct frame frame;
	int r = 0;

	for (;;) {
		r = receive(call, deadline_ms, &frame);
		if (r < 0)
			return r;
		if (frame.kind == FRAME_REPLY && frame.serial == call->serial)
			break;
		if (frame.kind != FRAME_EVENT)
			return -EBADMSG;
		r = take_event(&frame, &event);
		if (r < 0)
			return r;
		if (event.kind != CALL_EVENT_NONE)
			call->pending = event;
	}
	call->reply = frame;
	return 0;
}

int call_finish(struct call *call, int fd, int timeout_ms, uint64_t *ret_result) {
	uint64_t result = 0;
	int r = frame_end(&call->writer);

	if (r == 0)
		r = send_packet(call, call->writer.n, fd);
	if (r == 0)
		r = wait_reply(call, now_ms() + timeout_ms);
	if (r == 0 && frame_get_uint(call->reply.body, "result", &result) < 0)
		r = -EBADMSG;
	explicit_bzero(call->out, sizeof(call->out));
	if (r == 0)
		*ret_result = result;
	return r;
}

int call_event(struct call *call, uint64_t attempt, int timeout_ms, struct call_event *ret_event) {
	int64_t deadline = now_ms() + timeout_ms;
	struct call_event event = call->pending;
	struct frame frame;
	int r = 0;

	call->pending.kind = CALL_EVENT_NONE;
	while (event.kind == CALL_EVENT_NONE || event.attempt != attempt) {
		r = receive(call, deadline, &frame);
		if (r < 0)
			return r;
		if (frame.kind != FRAME_EVENT)
			return -EBADMSG;
		r = take_event(&frame, &event);
		if (r < 0)
			return r;
	}
	*ret_event = event;
	return 0;
}
