/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "run.h"

/* What a process at the seat may try against the broker and against other seats. */

static struct caller service, ui;
static char recovery[64];

static void begin(void) {
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

static bool is_answer(const char *name) {
	return strcmp(name, "attempt-over") == 0 || strcmp(name, "authorized") == 0;
}

/* A receipt for installing @content, by whoever is signed in with STAFF_PASSWORD. */
static void approve(struct caller *c, const uint8_t digest[32], uint8_t ret[4096], size_t *ret_n) {
	uint8_t buffer[512];
	const uint8_t *p = NULL;
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "authorize");
	frame_text(&w, "action", "careward.config");
	frame_bytes(&w, "digest", digest, 32);
	frame_text(&w, "words", "Install place.cfg");
	caller_send(c, &w);
	ck_assert_uint_eq(caller_reply(c), RESULT_OK);
	for (;;) {
		uint64_t attempt = 0, field = 0;
		const char *value = STAFF_PASSWORD;

		ck_assert_int_eq(caller_next(c, 10000), 1);
		if (c->frame.kind != FRAME_EVENT)
			continue;
		if (is_answer(c->frame.name))
			break;
		if (strcmp(c->frame.name, "prompt") != 0)
			continue;
		ck_assert_int_eq(frame_get_uint(c->frame.body, "attempt", &attempt), 0);
		ck_assert_int_eq(frame_get_uint(c->frame.body, "field", &field), 0);
		if (field == CW_FIELD_CONFIRM)
			value = "yes";
		caller_begin(c, &w, buffer, sizeof(buffer), "attempt.answer");
		frame_uint(&w, "attempt", attempt);
		frame_bytes(&w, "value", value, strlen(value));
		caller_send(c, &w);
	}
	ck_assert_str_eq(c->frame.name, "authorized");
	ck_assert_int_eq(frame_get_bytes(c->frame.body, "receipt", &p, ret_n), 0);
	ck_assert_uint_le(*ret_n, 4096);
	memcpy(ret, p, *ret_n);
}

static uint64_t install(struct caller *c, const char *kind, const char *content,
                        const uint8_t *receipt, size_t n_receipt) {
	uint8_t buffer[8192];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "config.install");
	frame_text(&w, "kind", kind);
	frame_bytes(&w, "content", content, strlen(content));
	frame_bytes(&w, "receipt", receipt, n_receipt);
	caller_send(c, &w);
	return caller_reply(c);
}

static void install_place(struct caller *c, const char *room) {
	char content[256];
	uint8_t digest[32], receipt[4096];
	unsigned size = 32;
	size_t n = 0;

	snprintf(content, sizeof(content), "place = { inventory = \"P1\"; room = \"%s\"; };\nend = true;\n", room);
	ck_assert_int_eq(EVP_Digest(content, strlen(content), digest, &size, EVP_sha256(), NULL),
			 1);
	approve(c, digest, receipt, &n);
	ck_assert_uint_eq(install(c, "place", content, receipt, n), RESULT_OK);
}

static void ask_without_reading(struct caller *c, unsigned n) {
	for (unsigned i = 0; i < n; ++i) {
		uint8_t buffer[64];
		struct frame_writer w;

		caller_begin(c, &w, buffer, sizeof(buffer), "attempt.cancel");
		frame_uint(&w, "attempt", 1);
		caller_send(c, &w);
	}
}

/* Replies that fit into the socket of one who never reads. */
static unsigned room_of_a_socket(void) {
	struct caller deaf;
	unsigned n = 0;

	caller_open(&deaf, &world, "main");
	ask_without_reading(&deaf, 2000);
	while (caller_next(&deaf, 1000) == 1)
		++n;
	caller_close(&deaf);
	ck_assert_uint_gt(n, 60);
	return n;
}

/*
 * A client that does not read leaves a policy page waiting in the engine. When
 * the next page takes its place, the number of its descriptor may become anything.
 */
START_TEST(a_page_that_waits_to_be_read_never_becomes_another_descriptor) {
	static struct caller deaf, later[8];
	const struct policy_table *page = NULL;
	unsigned room = 0, pages = 0;

	begin();
	world_add(&service, &service, "max", "biomed");
	room = room_of_a_socket();
	caller_open(&deaf, &world, "main");
	ask_without_reading(&deaf, room + 8);
	install_place(&service, "1");
	install_place(&service, "2");
	for (int i = 0; i < 8; ++i)
		caller_open(&later[i], &world, "main");
	while (pages < 2) {
		ck_assert_msg(caller_next(&deaf, 10000) == 1, "after %u pages the connection ended",
		              pages);
		if (deaf.frame.kind != FRAME_EVENT || strcmp(deaf.frame.name, "policy") != 0)
			continue;
		ck_assert_int_eq(deaf.n_fds, 1);
		ck_assert_msg(page_map_policy(deaf.fds[0], &page) == 0, "page %u is no page", pages);
		page_unmap_policy(page);
		++pages;
	}
	for (int i = 0; i < 8; ++i)
		caller_close(&later[i]);
	caller_close(&deaf);
	end();
}
END_TEST

/* Sends a record without a ring, and reads what there is to read. */
static void send_record(struct caller *c, uint8_t kind, const uint8_t id[16], uint64_t serial,
                        uint64_t deadline_in_ms) {
	struct ring_record r;

	record_make(c, &r, kind, id, serial, deadline_in_ms);
	caller_record(c, &r);
	ring_release(c->ring, id, serial);
	while (caller_next(c, 0) == 1)
		continue;
}

static void fresh_id(uint8_t id[16], unsigned i) {
	memset(id, 0x77, 16);
	memcpy(id, &i, sizeof(i));
}

/* Entries that a second of records may cost, and one that was cut in two. */
static uint64_t bound(uint64_t begun_ms, uint64_t per_second) {
	return ((boot_now_ms() - begun_ms) / 1000 + 2) * per_second;
}

static void flood(uint8_t kind, const char *event) {
	uint64_t begun = 0, n = 0, most = 0;

	begin();
	world_add(&service, &service, "lena", "lead");
	begun = boot_now_ms();
	for (unsigned i = 0; i < 600; ++i) {
		uint8_t id[16];

		fresh_id(id, i);
		send_record(&ui, kind, id, i + 1, 0);
	}
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	most = bound(begun, 50);
	n = history_count(&service, event);
	ck_assert_msg(n <= most, "%llu entries of %s, at most %llu", (unsigned long long)n, event,
	              (unsigned long long)most);
	ck_assert_uint_gt(n, 0);
	end();
}

START_TEST(a_flood_of_ends_of_nothing_is_joined) {
	flood(RECORD_END, "emergency-ended");
}
END_TEST

START_TEST(a_flood_of_starts_that_are_late_is_joined) {
	flood(RECORD_START, "emergency-late-request");
}
END_TEST

START_TEST(a_flood_of_reasons_is_joined) {
	flood(RECORD_REASON, "emergency-reason");
}
END_TEST

static bool recorded(struct caller *c, uint64_t serial) {
	uint64_t s = 0;

	while (caller_event(c, "recorded"))
		if (frame_get_uint(c->frame.body, "serial", &s) == 0 && s == serial)
			return true;
	return false;
}

static uint64_t emergency_of(struct caller *c) {
	struct policy_state s;

	ck_assert_int_eq(state_page_read(c->page, &s), 0);
	return s.emergency;
}

/* The id may be known: whoever reads history or reviews at another seat sees it. */
START_TEST(another_seat_ends_nobodys_emergency_not_even_for_the_next_engine) {
	static const uint8_t id[16] = { 0xaa, 1, 2 };
	struct ring_record r;
	pid_t engine = 0;

	begin();
	record_make(&ui, &r, RECORD_START, id, 1, 5000);
	caller_record(&ui, &r);
	ck_assert(recorded(&ui, 1));
	record_make(&service, &r, RECORD_END, id, 2, 0);
	caller_record(&service, &r);
	ck_assert(recorded(&service, 2));
	ck_assert_uint_ne(emergency_of(&ui), 0);
	engine = world_engine(&world);
	ck_assert_int_eq(kill(engine, SIGKILL), 0);
	ck_assert(caller_is_closed(&ui));
	caller_close(&ui);
	while (world_engine(&world) == engine)
		usleep(10000);
	caller_open(&ui, &world, "main");
	ck_assert_msg(emergency_of(&ui) != 0, "the emergency of one seat was ended from another");
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}
END_TEST

START_TEST(a_flood_of_protocol_errors_does_not_fill_the_journal) {
	uint64_t begun = 0, n = 0, most = 0;

	begin();
	world_add(&service, &service, "lena", "lead");
	begun = boot_now_ms();
	for (unsigned i = 0; i < 600; ++i) {
		struct caller c;

		ck_assert_int_eq(caller_connect(&c, &world, "main", UI_UID), 0);
		(void)send(c.fd, "x", 1, MSG_NOSIGNAL);
		ck_assert(caller_is_closed(&c));
		close(c.fd);
	}
	most = bound(begun, 40);
	n = history_count(&service, "protocol-error");
	ck_assert_msg(n <= most, "%llu entries, at most %llu", (unsigned long long)n,
	              (unsigned long long)most);
	ck_assert_uint_gt(n, 0);
	end();
}
END_TEST

/* What is sent while the engine sleeps is read when its sender has gone. */
static void send_and_go(struct caller *c, struct frame_writer *w, pid_t engine) {
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
	caller_send(c, w);
	caller_close(c);
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
}

static void expect_engine(pid_t engine) {
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	ck_assert_uint_eq(caller_call(&service, "status"), RESULT_OK);
	ck_assert_int_eq(world_engine(&world), engine);
}

START_TEST(who_begins_an_attempt_and_goes_takes_nobody_along) {
	uint8_t buffer[64];
	struct frame_writer w;
	struct caller c;
	pid_t engine = 0;

	begin();
	engine = world_engine(&world);
	for (int i = 0; i < 20; ++i) {
		caller_open(&c, &world, "main");
		caller_begin(&c, &w, buffer, sizeof(buffer), "attempt.begin");
		frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
		send_and_go(&c, &w, engine);
	}
	expect_engine(engine);
	end();
}
END_TEST

START_TEST(who_answers_a_prompt_and_goes_takes_nobody_along) {
	uint8_t buffer[64];
	struct frame_writer w;
	struct caller c;
	pid_t engine = 0;

	begin();
	engine = world_engine(&world);
	for (int i = 0; i < 20; ++i) {
		uint64_t attempt = 0;

		caller_open(&c, &world, "main");
		caller_begin(&c, &w, buffer, sizeof(buffer), "attempt.begin");
		frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
		frame_text(&w, "name", "anna");
		caller_send(&c, &w);
		ck_assert(caller_event(&c, "prompt"));
		ck_assert_int_eq(frame_get_uint(c.frame.body, "attempt", &attempt), 0);
		caller_begin(&c, &w, buffer, sizeof(buffer), "attempt.answer");
		frame_uint(&w, "attempt", attempt);
		frame_bytes(&w, "value", ADMIN_PASSWORD, strlen(ADMIN_PASSWORD));
		send_and_go(&c, &w, engine);
	}
	expect_engine(engine);
	end();
}
END_TEST

/* Comes with a full ring, goes, comes again: each ring is drained when its client goes. */
START_TEST(a_flood_of_full_rings_is_joined) {
	uint64_t begun = 0, n = 0, most = 0;

	begin();
	world_add(&service, &service, "lena", "lead");
	begun = boot_now_ms();
	for (unsigned i = 0; i < 16; ++i) {
		struct caller c;

		caller_open(&c, &world, "main");
		for (unsigned k = 0; k < LIMIT_RING_RECORDS; ++k) {
			static const uint8_t none[16];
			struct ring_record r;

			record_make(&c, &r, RECORD_USE, none, i * 1000 + k + 1, 0);
			memcpy(r.action, "therapy.stop", sizeof("therapy.stop"));
			r.verdict = CW_ALLOW;
			ck_assert(ring_write(c.ring, &r));
		}
		caller_close(&c);
	}
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	most = ((boot_now_ms() - begun) / 60000 + 2) * 512;
	n = history_count(&service, "use");
	ck_assert_msg(n <= most, "%llu entries, at most %llu", (unsigned long long)n,
	              (unsigned long long)most);
	ck_assert_uint_ge(n, LIMIT_RING_RECORDS);
	ck_assert_uint_gt(history_count(&service, "claims-coalesced"), 0);
	end();
}
END_TEST

/* A configuration that takes long to compile: names without end. */
static int long_site(void) {
	static const char begin_text[] = "roles = ( { name = \"n\"; allow = [ ";
	static const char end_text[] = "\"*\" ]; } );\nend = true;\n";
	int fd = memfd_create("site", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t n = sizeof(begin_text) - 1;

	ck_assert_int_eq(write(fd, begin_text, n), (ssize_t)n);
	for (unsigned i = 0; n < LIMIT_CONFIG - 64; ++i) {
		char name[32];
		int k = snprintf(name, sizeof(name), "\"therapy.x%u\",", i);

		ck_assert_int_eq(write(fd, name, (size_t)k), k);
		n += (size_t)k;
	}
	ck_assert_int_eq(write(fd, end_text, sizeof(end_text) - 1), sizeof(end_text) - 1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

static void send_check(struct caller *c, int fd) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	uint8_t buffer[64];
	struct frame_writer w;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	caller_begin(c, &w, buffer, sizeof(buffer), "check");
	frame_text(&w, "kind", "site");
	ck_assert_int_eq(frame_end(&w), 0);
	iov = (struct iovec){ buffer, w.n };
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	(void)sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Work that anybody may ask for does not keep the engine from saying that it lives. */
START_TEST(a_flood_of_long_configurations_does_not_end_the_engine) {
	static struct caller many[60];
	pid_t engine = 0;
	int fd = long_site();

	begin();
	engine = world_engine(&world);
	for (int i = 0; i < 60; ++i)
		caller_open(&many[i], &world, "main");
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
	for (int i = 0; i < 60; ++i)
		for (int k = 0; k < 16; ++k)
			send_check(&many[i], fd);
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	for (int i = 0; i < 60; ++i)
		caller_close(&many[i]);
	close(fd);
	ck_assert_int_eq(world_engine(&world), engine);
	end();
}
END_TEST

/* Processor time of a process so far, in ticks. */
static unsigned long ticks_of(pid_t pid) {
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
	                        &user, &system),
			 2);
	fclose(f);
	return user + system;
}

/* As many connections as the engine has descriptors: one more waits in the socket. */
START_TEST(an_engine_without_descriptors_does_not_turn_in_circles) {
	static int fds[2][60];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	unsigned long begun = 0, spent = 0;
	pid_t engine = 0;

	world.files = 96;
	begin();
	engine = world_engine(&world);
	for (int i = 0; i < 120; ++i) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", world.run,
		         i % 2 ? "main" : "service");
		(void)connect(fd, (struct sockaddr *)&address, sizeof(address));
		fds[i % 2][i / 2] = fd;
	}
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	begun = ticks_of(engine);
	sleep(2);
	spent = ticks_of(engine) - begun;
	ck_assert_msg(spent < 20, "%lu hundredths of a second in two seconds", spent);
	for (int i = 0; i < 120; ++i)
		close(fds[i % 2][i / 2]);
	/* It takes new ones as soon as it can. */
	caller_close(&ui);
	caller_open(&ui, &world, "main");
	end();
}
END_TEST

/* The guesses of one seat leave room in the queue for the others. */
START_TEST(one_seats_guesses_do_not_keep_another_from_signing_in) {
	static struct caller guessers[12];
	uint64_t attempts[12];
	uint8_t buffer[128];
	struct frame_writer w;
	pid_t engine = 0;

	world_edit(&world, "site.cfg", "argon2_memory = 19456;", "argon2_memory = 131072;");
	begin();
	engine = world_engine(&world);
	for (int i = 0; i < 12; ++i) {
		char name[16];

		snprintf(name, sizeof(name), "nobody-%d", i);
		caller_open(&guessers[i], &world, "main");
		caller_begin(&guessers[i], &w, buffer, sizeof(buffer), "attempt.begin");
		frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
		frame_text(&w, "name", name);
		caller_send(&guessers[i], &w);
		ck_assert(caller_event(&guessers[i], "prompt"));
		ck_assert_int_eq(frame_get_uint(guessers[i].frame.body, "attempt", &attempts[i]), 0);
	}
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
	for (int i = 0; i < 12; ++i) {
		caller_begin(&guessers[i], &w, buffer, sizeof(buffer), "attempt.answer");
		frame_uint(&w, "attempt", attempts[i]);
		frame_bytes(&w, "value", "guess", 5);
		caller_send(&guessers[i], &w);
	}
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
	caller_sign_in(&service, "anna");
	for (int i = 0; i < 12; ++i)
		caller_close(&guessers[i]);
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		who_begins_an_attempt_and_goes_takes_nobody_along,
		who_answers_a_prompt_and_goes_takes_nobody_along,
		a_page_that_waits_to_be_read_never_becomes_another_descriptor,
		a_flood_of_ends_of_nothing_is_joined,
		a_flood_of_starts_that_are_late_is_joined,
		a_flood_of_reasons_is_joined,
		another_seat_ends_nobodys_emergency_not_even_for_the_next_engine,
		a_flood_of_full_rings_is_joined,
		an_engine_without_descriptors_does_not_turn_in_circles,
		one_seats_guesses_do_not_keep_another_from_signing_in,
		a_flood_of_long_configurations_does_not_end_the_engine,
		a_flood_of_protocol_errors_does_not_fill_the_journal,
	};

	return RUN_TESTS("broker hostile", tests);
}
