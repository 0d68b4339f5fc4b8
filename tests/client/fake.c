/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/client/fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

const struct cw_action fake_actions[N_ACTIONS] = {
	[STOP] = {"therapy.stop",     CW_KIND_ALWAYS   },
	[START] = { "therapy.start",   CW_KIND_CARE     },
	[LIMITS] = { "settings.limits", CW_KIND_GUARDED  },
	[UPDATE] = { "software.update", CW_KIND_SENSITIVE},
	[LOST] = { "therapy.lost",    CW_KIND_CARE     },
};

/* Not an assertion of Check: programs without it use this, too. */
static void must(bool good, const char *what) {
	if (good)
		return;
	(void)fprintf(stderr, "fake broker: %s: %s\n", what, strerror(errno));
	abort();
}

uint64_t fake_now(void) {
	struct timespec t;

	must(clock_gettime(CLOCK_BOOTTIME, &t) == 0, "clock");
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void table_make(struct policy_table *t) {
	memset(t, 0, sizeof(*t));
	t->magic = POLICY_TABLE_MAGIC;
	t->version = POLICY_TABLE_VERSION;
	t->size = sizeof(*t);
	t->generation = 3;
	t->n_actions = 4;
	t->n_roles = 1;
	t->n_contexts = 1;
	t->n_seats = 1;
	for (uint32_t i = 0; i < 4; ++i) {
		t->actions[i].kind = fake_actions[i].kind;
		t->actions[i].roles = 1;
		(void)snprintf(t->action_names[i], sizeof(t->action_names[i]), "%s",
		               fake_actions[i].name);
	}
	t->actions[STOP].roles = 0;
	t->actions[LIMITS].assurance = CW_ASSURANCE_PASSWORD;
	t->actions[UPDATE].assurance = CW_ASSURANCE_STRONG;
	t->actions[UPDATE].fresh_ms = 120000;
	t->actions[UPDATE].confirm = CW_CONFIRM_SAME_PERSON;
	memcpy(t->role_names[0], "nurse", sizeof("nurse"));
	memcpy(t->context_names[0], "routine", sizeof("routine"));
	memcpy(t->seat_names[0], "main", sizeof("main"));
	t->contexts[0].idle_lock_ms = 300000;
	t->contexts[0].care = CW_ASSURANCE_CODE;
	t->contexts[0].guarded = CW_ASSURANCE_PASSWORD;
	t->checksum = policy_table_checksum(t);
	must(policy_table_is_valid(t), "the table is not valid");
}

void fake_publish(struct fake *f, uint64_t lease_ms) {
	f->state.lease_until = fake_now() + lease_ms;
	state_page_write(f->page, &f->state);
}

void fake_begin(struct fake *f) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool sealed;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->ring_fd = -1;
	memcpy(f->folder, "/tmp/careward-test-XXXXXX", sizeof("/tmp/careward-test-XXXXXX"));
	must(mkdtemp(f->folder) != NULL, "folder");
	(void)snprintf(f->path, sizeof(f->path), "%s/main", f->folder);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
	f->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(f->listen_fd >= 0, "socket");
	must(bind(f->listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	must(listen(f->listen_fd, 4) == 0, "listen");
	table_make(&f->table);
	must(page_make_policy(&f->table, &f->policy_fd) == 0, "policy page");
	must(page_make_state(&f->page, &sealed, &f->state_fd) == 0, "state page");
	f->state.policy_generation = 3;
	f->state.session = 42;
	f->state.account = 7;
	f->state.roles = 1;
	f->state.assurance = CW_ASSURANCE_PASSWORD;
	f->state.lock_at = fake_now() + 600000;
	f->state.contexts_now = 1;
	f->state.contexts_later = 1;
	fake_publish(f, 60000);
}

void fake_hang_up(struct fake *f) {
	ring_unmap(f->ring);
	f->ring = NULL;
	if (f->ring_fd >= 0)
		(void)close(f->ring_fd);
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
	f->ring_fd = -1;
}

void fake_done(struct fake *f) {
	fake_hang_up(f);
	page_unmap_state(f->page);
	(void)close(f->state_fd);
	(void)close(f->policy_fd);
	if (f->listen_fd >= 0)
		(void)close(f->listen_fd);
	(void)unlink(f->path);
	(void)rmdir(f->folder);
}

struct cw_options fake_options(const struct fake *f) {
	return (struct cw_options){
		.size = sizeof(struct cw_options),
		.n_actions = N_ACTIONS,
		.actions = fake_actions,
		.socket = f->path,
		.broker_uid = (uint32_t)geteuid(),
	};
}

/* Return: true when a packet was there, in f->packet, with its descriptor if it had one. */
static bool receive(struct fake *f, int *ret_fd) {
	struct iovec iov = { f->packet, sizeof(f->packet) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes };
	struct cmsghdr *cmsg;
	ssize_t n;

	msg.msg_controllen = sizeof(control.bytes);
	n = recvmsg(f->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return false;
	f->n_packet = (size_t)n;
	cmsg = CMSG_FIRSTHDR(&msg);
	*ret_fd = -1;
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(int));
	return true;
}

bool fake_has_packet(struct fake *f) {
	uint8_t byte;

	return recv(f->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

void fake_read_frame(struct fake *f, const char *verb) {
	int fd = -1;

	must(receive(f, &fd), verb);
	must(frame_parse(f->packet, f->n_packet, &f->frame) == 0, "not a frame");
	if (strcmp(f->frame.name, verb) != 0)
		(void)fprintf(stderr, "wanted %s, came %s\n", verb, f->frame.name);
	must(strcmp(f->frame.name, verb) == 0 && f->frame.kind == FRAME_REQUEST, "another verb");
	must(strcmp(verb, "hello") == 0 || fd == -1, "a descriptor that nobody asked for");
	if (fd >= 0)
		f->ring_fd = fd;
}

void fake_read_record(struct fake *f, enum record_kind kind) {
	int fd = -1;

	must(receive(f, &fd), "record");
	must(f->n_packet == 513 && f->packet[0] == PROTOCOL_RAW_RECORD && fd == -1, "no record");
	memcpy(&f->record, f->packet + 1, sizeof(f->record));
	must(ring_record_is_valid(&f->record), "a record that is not valid");
	must(f->record.kind == (uint8_t)kind, "another kind of record");
}

void fake_accept(struct fake *f) {
	f->fd = accept4(f->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	must(f->fd >= 0, "accept");
	fake_read_frame(f, "hello");
	must(f->ring_fd >= 0 && ring_map(f->ring_fd, &f->ring) == 0, "ring");
}

void fake_send_raw(struct fake *f, const void *p, size_t n, const int *fds, size_t n_fds) {
	struct iovec iov = { (void *)(uintptr_t)p, n };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	must(sendmsg(f->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n, "send");
}

void fake_reply(struct fake *f, uint64_t result) {
	frame_begin(&f->w, f->out, sizeof(f->out), FRAME_REPLY, f->frame.serial, f->frame.name);
	frame_uint(&f->w, "result", result);
}

void fake_event(struct fake *f, const char *name) {
	frame_begin(&f->w, f->out, sizeof(f->out), FRAME_EVENT, 0, name);
}

void fake_send(struct fake *f) {
	must(frame_end(&f->w) == 0, "frame");
	fake_send_raw(f, f->out, f->w.n, NULL, 0);
}

void fake_greet(struct fake *f, bool with_policy) {
	static const uint8_t zeroes[32];
	int fds[2] = { f->policy_fd, f->state_fd };

	fake_reply(f, RESULT_OK);
	frame_text(&f->w, "seat", "main");
	frame_uint(&f->w, "index", 0);
	frame_bytes(&f->w, "boot", zeroes, 16);
	frame_bytes(&f->w, "device", zeroes, 16);
	frame_bool(&f->w, "initialised", true);
	frame_bool(&f->w, "embedded", false);
	frame_uint(&f->w, "pages", with_policy ? 2 : 1);
	must(frame_end(&f->w) == 0, "greeting");
	fake_send_raw(f, f->out, f->w.n, with_policy ? fds : fds + 1, with_policy ? 2 : 1);
}

unsigned fake_ring_count(const struct fake *f, const struct ring *ring) {
	struct ring_record record;
	uint32_t cursor = 0;
	unsigned n = 0;

	while (ring_next(ring, &cursor, &record) == 1)
		++n;
	return n;
}
