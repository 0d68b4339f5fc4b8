/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anything said to the engine, which runs in a thread of this process
 *
 * The lowest bit of the first byte says at which seat: one where an administrator
 * is signed in, or one where nobody is. Then packets, each behind two bytes of
 * length. The engine goes on answering, and where nobody is signed in nothing is
 * done that asks for a role.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <careward/sign_in.h>

#include "broker/engine.h"
#include "broker/listen.h"
#include "broker/requests.h"
#include "tests/broker/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_sandbox_engine(void);

static const char *const seats[] = { "main", "service" };
static struct world world;
static struct engine_setup setup;
static struct caller admin;
static pthread_t thread;
static int control = -1;

static void must(bool good) {
	if (!good)
		abort();
}

/* The engine's filter would hold for the fuzzer, which shares its process. */
int __wrap_sandbox_engine(void) {
	return 0;
}

static void *run(void *unused) {
	(void)engine_main(&setup);
	return unused;
}

static void tidy(void) {
	const struct control_message stop = { .kind = CONTROL_STOP };

	caller_close(&admin);
	(void)send(control, &stop, sizeof(stop), 0);
	(void)pthread_join(thread, NULL);
	world_remove(&world);
}

static void begin(void) {
	char recovery[64];
	int pair[2];

	world_make(&world);
	must(chown(world.state, geteuid(), getegid()) == 0);
	must(chown(world.run, geteuid(), getegid()) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	control = pair[0];
	setup = (struct engine_setup){
		.control_fd = pair[1],
		.client_fd = -1,
		.token_fd = -1,
		.state_fd = open(world.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.config_fd = open(world.config, O_PATH | O_DIRECTORY | O_CLOEXEC),
		.config_path = world.config,
		.n_seats = 2,
		.seats_source = SEATS_DEVICE,
	};
	for (uint32_t i = 0; i < 2; ++i) {
		struct seat_socket *s = &setup.seats[i];

		*s = (struct seat_socket){ .gid = getegid(), .mode = 0666, .uid = SEAT_NO_UID };
		memcpy(s->name, seats[i], strlen(seats[i]));
		must(listen_bind(world.run, s, geteuid(), &setup.listen_fds[i]) == 0);
		must(listen_begin(setup.listen_fds[i]) == 0);
	}
	must(pthread_create(&thread, NULL, run, NULL) == 0);
	caller_open_as(&admin, &world, "service", 0);
	world_commission(&world, &admin, recovery);
	(void)atexit(tidy);
}

/* One try; a fuzzer may have locked her out, and then it goes on without. */
static void sign_in_again(void) {
	uint64_t end = boot_now_ms() + 20000, attempt = 0, field = 0;
	struct policy_state state;
	struct frame_writer w;
	uint8_t buffer[256];

	if (state_page_read(admin.page, &state) == 0 && state.session != 0 &&
	    state.lock_at > boot_now_ms())
		return;
	caller_begin(&admin, &w, buffer, sizeof(buffer), "attempt.begin");
	frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
	frame_text(&w, "name", "anna");
	caller_send(&admin, &w);
	while (boot_now_ms() < end && caller_next(&admin, 10000) == 1) {
		if (admin.frame.kind == FRAME_REPLY &&
		    frame_get_uint(admin.frame.body, "attempt", &attempt) < 0)
			return; /* refused */
		if (strcmp(admin.frame.name, "prompt") == 0 &&
		    frame_get_uint(admin.frame.body, "field", &field) == 0) {
			bool asked = field == CW_FIELD_PASSWORD;

			caller_begin(&admin, &w, buffer, sizeof(buffer),
			             asked ? "attempt.answer" : "attempt.cancel");
			frame_uint(&w, "attempt", attempt);
			if (asked)
				frame_bytes(&w, "value", ADMIN_PASSWORD, strlen(ADMIN_PASSWORD));
			caller_send(&admin, &w);
		}
		if (strcmp(admin.frame.name, "signed-in") == 0 ||
		    strcmp(admin.frame.name, "attempt-over") == 0)
			return;
	}
}

static bool asks_for_a_role(const char *verb) {
	for (uint32_t v = 0; v < VERB_N; ++v) {
		if (request_rules[v].name && strcmp(request_rules[v].name, verb) == 0)
			return request_rules[v].builtin != REQUEST_OPEN;
	}
	return true; /* a verb that there is not */
}

static void judge(const struct frame *frame, bool anybody) {
	uint64_t result = RESULT_FAILED;

	if (frame->kind != FRAME_REPLY)
		return;
	must(frame_get_uint(frame->body, "result", &result) == 0);
	must(anybody || result != RESULT_OK || !asks_for_a_role(frame->name));
}

/* Everything is answered before this is; or the connection has been closed. */
static void until_answered(struct caller *c, bool anybody) {
	uint8_t buffer[64];
	struct frame_writer w;
	uint64_t end = boot_now_ms() + 30000;

	c->serial = UINT32_MAX;
	caller_begin(c, &w, buffer, sizeof(buffer), "status");
	caller_send(c, &w);
	while (boot_now_ms() < end) {
		int r = caller_next(c, 1000);

		if (r < 0)
			return;
		if (r == 0)
			continue;
		judge(&c->frame, anybody);
		if (c->frame.kind == FRAME_REPLY && c->frame.serial == c->serial)
			return;
	}
	abort(); /* it answers nobody any more */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct control_message said;
	struct caller c;
	unsigned seat;

	if (size < 1)
		return 0;
	if (control < 0)
		begin();
	while (recv(control, &said, sizeof(said), 0) > 0)
		; /* alive, rings: their descriptors are dropped */
	seat = data[0] & 1;
	if (seat == 1)
		sign_in_again();
	caller_open_as(&c, &world, seats[seat], 0);
	for (size_t at = 1, n = 0; at + 2 <= size; at += n) {
		n = (size_t)data[at] << 8 | data[at + 1];
		at += 2;
		n = n > size - at ? size - at : n;
		if (send(c.fd, data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	}
	until_answered(&c, seat == 1);
	caller_close(&c);
	return 0;
}
