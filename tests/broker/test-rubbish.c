/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "run.h"

/*
 * Nonsense that looks like sense: frames of the right form with any value, in any
 * order, and the same frames with bytes changed. The engine may refuse all of it;
 * it may not die, hang, or stop to serve others. The seed is fixed.
 *
 * Called with two numbers, a seed and a count of packets, it goes on for longer.
 */

#define CALLERS 8
#define PACKETS 2500u
#define PER_CONNECTION 40u /* fewer than the requests of a second                      */

static uint64_t seed = 0x63617265, packets = PACKETS;

static uint32_t draw(uint32_t below) {
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 11) % below);
}

static bool one_in(uint32_t n) {
	return draw(n) == 0;
}

struct fool {
	struct caller c;
	bool open;
	uint32_t sent;
	uint64_t attempt, field, session;
	uint8_t receipt[4096];
	size_t n_receipt;
};

static struct fool fools[CALLERS];
static uint8_t ids[6][16];
static uint8_t digests[2][32];

static const char *const verbs[] = {
#define VERB(symbol, name) name,
	PROTOCOL_VERBS(VERB)
#undef VERB
};

static const char *const texts[] = {
	"anna", "lena", "max", "eve", "ANNA", "", "nurse", "admin", "lead", "reviewer", "biomed",
	"therapy.start", "therapy.stop", "settings.limits", "settings.display", "data.export",
	"careward.accounts", "careward.config", "careward.history", "patient-connected", "device",
	"site", "place", "sign-in", "emergency-started", "justified", "role-gap", "routine",
	"\xe2\x80\xae\x61nna", "a\xcc\x81\xcc\x81\xcc\x81", "\xef\xac\x80\xef\xb7\xba", "..", "*",
	"therapy.*", "%n%s", "' OR 1=1 --", "\x01\x02", "place = {}; end = true;",
	"device = { model = \"x\"; }; end = true;", "((((((((((((((((((((((((((", "@include \"x\"",
	ADMIN_PASSWORD, STAFF_PASSWORD, "yes",
};

static const uint64_t numbers[] = { 0, 1, 2, 3, 4, 5, 6, 100, 255, 256, 65535, UINT32_MAX,
				    1ull << 32, INT64_MAX, 1ull << 63, UINT64_MAX };

/* The key lists of broker/requests.c, and what each key usually holds. */
static const struct {
	const char *verb;
	const char *keys; /* "name:type"; t text, u number, i signed, b bytes, f flag, a texts */
} bodies[] = {
	{ "hello", "version:1 actions:0 app:t" },
	{ "signal", "name:t value:f" },
	{ "use", "action:t object:t session:s" },
	{ "attempt.begin", "purpose:p name:t" },
	{ "attempt.answer", "attempt:n value:v" },
	{ "attempt.cancel", "attempt:n reason:t" },
	{ "approval.sign", "approval:n factor:u" },
	{ "approval.refuse", "approval:n reason:t" },
	{ "witness", "action:t object:t factor:u" },
	{ "authorize", "action:t digest:d object:t words:t" },
	{ "redeem", "action:t digest:d receipt:r" },
	{ "explain", "action:t role:t name:t context:t" },
	{ "check", "kind:t content:c" },
	{ "init", "name:t person:t roles:a" },
	{ "config.install", "kind:t content:c receipt:r" },
	{ "user.add", "name:t roles:a person:t display:t from_ms:i until_ms:i" },
	{ "user.list", "after:u" },
	{ "user.disable", "name:t" },
	{ "user.enable", "name:t" },
	{ "user.reset", "name:t" },
	{ "user.role", "name:t add:a remove:a" },
	{ "history", "before:u n:u name:t event:t emergency:e" },
	{ "verify", "head:h anchor:d" },
	{ "review.list", "all:f" },
	{ "review.close", "id:e outcome:t text:t" },
};

static const char *any_text(void) {
	return texts[draw(sizeof(texts) / sizeof(texts[0]))];
}

static uint64_t any_number(void) {
	return one_in(4) ? draw(1000) : numbers[draw(sizeof(numbers) / sizeof(numbers[0]))];
}

static void any_texts(struct frame_writer *w, const char *key) {
	uint32_t n = one_in(10) ? 20 : draw(4);

	frame_open_array(w, key);
	for (uint32_t i = 0; i < n; ++i)
		frame_text(w, NULL, any_text());
	frame_close(w);
}

static void long_bytes(struct frame_writer *w, const char *key) {
	static uint8_t bytes[15000];
	size_t n = draw(sizeof(bytes));

	for (size_t i = 0; i < n; ++i)
		bytes[i] = (uint8_t)(one_in(3) ? '(' : 32 + draw(96));
	frame_bytes(w, key, bytes, n);
}

static void value(struct fool *f, struct frame_writer *w, const char *key, char type) {
	const char *text = any_text();

	switch (one_in(25) ? "tuibfade"[draw(8)] : type) {
	case '1':
	case '0':
		frame_uint(w, key, one_in(20) ? any_number() : (uint64_t)(type - '0'));
		return;
	case 'u':
		frame_uint(w, key, any_number());
		return;
	case 's':
		frame_uint(w, key, one_in(4) ? any_number() : f->session);
		return;
	case 'n':
		frame_uint(w, key, one_in(8) ? draw(200) : f->attempt);
		return;
	case 'p':
		frame_uint(w, key, one_in(20) ? any_number() : 1 + draw(5));
		return;
	case 'i':
		frame_int(w, key, (int64_t)any_number());
		return;
	case 'f':
		if (one_in(3))
			frame_null(w, key);
		else
			frame_bool(w, key, one_in(2));
		return;
	case 'a':
		any_texts(w, key);
		return;
	case 'd':
		frame_bytes(w, key, digests[draw(2)], 32);
		return;
	case 'h':
		frame_bytes(w, key, digests, 40);
		return;
	case 'e':
		frame_bytes(w, key, ids[draw(6)], 16);
		return;
	case 'r':
		frame_bytes(w, key, f->receipt, f->n_receipt);
		return;
	case 'b':
		long_bytes(w, key);
		return;
	case 'c':
		if (one_in(2))
			long_bytes(w, key);
		else
			frame_bytes(w, key, text, strlen(text));
		return;
	case 'v':
		if (f->field == CW_FIELD_CONFIRM)
			text = "yes";
		else if (f->field != CW_FIELD_NAME && !one_in(3))
			text = one_in(2) ? ADMIN_PASSWORD : STAFF_PASSWORD;
		frame_bytes(w, key, text, strlen(text));
		return;
	default:
		frame_text(w, key, text);
		return;
	}
}

static void body(struct fool *f, struct frame_writer *w, const char *verb) {
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); ++i) {
		char keys[128], *rest = NULL;

		if (strcmp(bodies[i].verb, verb) != 0)
			continue;
		snprintf(keys, sizeof(keys), "%s", bodies[i].keys);
		for (char *k = strtok_r(keys, " ", &rest); k; k = strtok_r(NULL, " ", &rest)) {
			char *colon = strchr(k, ':');

			*colon = '\0';
			if (!one_in(6))
				value(f, w, k, colon[1]);
		}
	}
	if (one_in(60))
		value(f, w, "stranger", 't');
}

/* Nobody can take memory away that is sealed. */
#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static void mutate(uint8_t *p, size_t *n, size_t room) {
	for (uint32_t i = 1 + draw(6); i > 0; --i) {
		if (*n == 0)
			return;
		if (one_in(8))
			*n = draw((uint32_t)*n + 1);
		else if (one_in(8) && *n + 8 < room)
			*n += draw(8);
		else
			p[draw((uint32_t)*n)] = (uint8_t)draw(256);
	}
}

/* Descriptors that nobody asked for, or that are not what they should be. */
static int any_fd(void) {
	static const char text[] = "place = { inventory = \"1\"; };\nend = true;\n";
	struct ring *ring = NULL;
	int pipes[2], fd = -1;

	switch (draw(6)) {
	case 0:
		ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
		close(pipes[1]);
		return pipes[0];
	case 1:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case 2:
		fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ck_assert_int_eq(ftruncate(fd, one_in(2) ? 1ll << 40 : 1 << 20), 0);
		(void)fcntl(fd, F_ADD_SEALS, ALL_SEALS);
		return fd;
	case 3:
		fd = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
		(void)fcntl(fd, F_ADD_SEALS, ALL_SEALS);
		return fd;
	case 4:
		return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	default:
		ck_assert_int_eq(ring_make(&ring, &fd), 0);
		/* A ring full of anything: it is drained when the connection ends. */
		for (uint32_t i = 0; i < 64; ++i) {
			uint8_t *p = (uint8_t *)&ring->slots[draw(LIMIT_RING_RECORDS)];

			p[0] = RECORD_WRITTEN;
			p[8 + draw(sizeof(struct ring_record))] = (uint8_t)draw(256);
		}
		ring_unmap(ring);
		return fd;
	}
}

static void send_packet(struct fool *f, const uint8_t *p, size_t n, uint32_t n_fds) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * 6)];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[6];

	for (uint32_t i = 0; i < n_fds; ++i)
		fds[i] = any_fd();
	if (n_fds > 0) {
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	}
	(void)sendmsg(f->c.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (uint32_t i = 0; i < n_fds; ++i)
		close(fds[i]);
}

static void send_record(struct fool *f) {
	static struct ring *ring;
	uint8_t packet[1 + sizeof(struct ring_record)] = { PROTOCOL_RAW_RECORD };
	struct ring_record r;
	int fd = -1;

	if (!ring) {
		ck_assert_int_eq(ring_make(&ring, &fd), 0);
		close(fd);
	}
	record_make(&f->c, &r, (uint8_t)(1 + draw(4)), ids[draw(6)], 1 + draw(50),
		    one_in(3) ? 0 : 5000);
	if (one_in(10))
		r.serial = any_number();
	if (one_in(10))
		r.deadline_ms = any_number();
	if (one_in(10))
		r.boot_ms = any_number();
	if (one_in(10))
		r.wall_ms = (int64_t)any_number();
	r.account = draw(5);
	r.session = one_in(2) ? f->session : any_number();
	snprintf(r.action, sizeof(r.action), "%s", any_text());
	snprintf(r.name, sizeof(r.name), "%s", any_text());
	snprintf(r.object, sizeof(r.object), "%s", any_text());
	snprintf(r.text, sizeof(r.text), "%s", any_text());
	if (r.kind == RECORD_USE)
		r.verdict = CW_ALLOW;
	ck_assert(ring_write(ring, &r));
	ring_release(ring, r.emergency, r.serial);
	memcpy(packet + 1, &r, sizeof(r));
	if (one_in(40))
		packet[1 + draw(sizeof(r))] ^= (uint8_t)(1u << draw(8));
	send_packet(f, packet, one_in(60) ? draw(sizeof(packet)) : sizeof(packet), one_in(60));
}

static void listen_to(struct fool *f) {
	for (int i = 0; i < 200; ++i) {
		const uint8_t *p = NULL;
		size_t n = 0;
		int r = caller_next(&f->c, 0);

		if (r == 0)
			return;
		if (r < 0) {
			f->open = false;
			return;
		}
		for (int k = 0; k < f->c.n_fds; ++k)
			close(f->c.fds[k]);
		(void)frame_get_uint(f->c.frame.body, "attempt", &f->attempt);
		(void)frame_get_uint(f->c.frame.body, "field", &f->field);
		(void)frame_get_uint(f->c.frame.body, "session", &f->session);
		if (frame_get_bytes(f->c.frame.body, "receipt", &p, &n) == 0 && n <= sizeof(f->receipt)) {
			memcpy(f->receipt, p, n);
			f->n_receipt = n;
		}
	}
}

static void connect_fool(struct fool *f) {
	uint8_t buffer[256], boot[16];
	struct frame_writer w;

	if (f->c.fd >= 0)
		close(f->c.fd);
	memcpy(boot, f->c.boot, 16);
	ck_assert_int_eq(caller_connect(&f->c, &world, one_in(3) ? "service" : "main",
	                                one_in(8) ? 0 : UI_UID),
	                 0);
	memcpy(f->c.boot, boot, 16);
	f->open = true;
	f->sent = 0;
	if (one_in(12))
		return;
	caller_begin(&f->c, &w, buffer, sizeof(buffer), "hello");
	frame_uint(&w, "version", PROTOCOL_VERSION);
	frame_uint(&w, "actions", 0);
	ck_assert_int_eq(frame_end(&w), 0);
	send_packet(f, buffer, w.n, one_in(4));
}

static void speak(struct fool *f) {
	uint8_t packet[LIMIT_FRAME + 64] = { 0 };
	const char *verb = verbs[draw(sizeof(verbs) / sizeof(verbs[0]))];
	struct frame_writer w;

	if (f->open)
		listen_to(f);
	if (!f->open || f->sent++ >= PER_CONNECTION) {
		connect_fool(f);
		return;
	}
	if (one_in(8)) {
		send_record(f);
		return;
	}
	if (f->field != CW_FIELD_NONE && one_in(2))
		verb = "attempt.answer";
	else if (one_in(8))
		verb = "attempt.begin";
	caller_begin(&f->c, &w, packet, LIMIT_FRAME, verb);
	body(f, &w, verb);
	if (frame_end(&w) < 0)
		return;
	if (strcmp(verb, "attempt.answer") == 0)
		f->field = CW_FIELD_NONE;
	if (one_in(30))
		mutate(packet, &w.n, sizeof(packet));
	send_packet(f, packet, w.n, one_in(20) ? draw(7) : strcmp(verb, "check") == 0 && one_in(3));
}

static void children(char ret[256]) {
	char path[64];
	FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)world.pid, (int)world.pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	memset(ret, 0, 256);
	ck_assert_uint_gt(fread(ret, 1, 255, f), 0);
	fclose(f);
}

/* The same processes before and after, and somebody decent is served. */
static void be_foolish(void) {
	char before[256], after[256];
	struct caller decent;

	children(before);
	caller_open(&decent, &world, "main");
	for (int i = 0; i < CALLERS; ++i) {
		fools[i] = (struct fool){ .c = { .fd = -1 } };
		memcpy(fools[i].c.boot, decent.boot, 16);
	}
	for (uint64_t n = 0; n < packets; ++n) {
		speak(&fools[draw(CALLERS)]);
		if (n % 500 == 0) /* "busy" when it asks too often */
			ck_assert_uint_le(caller_call(&decent, "status"), RESULT_BUSY);
	}
	for (int i = 0; i < CALLERS; ++i)
		if (fools[i].c.fd >= 0)
			close(fools[i].c.fd);
	ck_assert_uint_le(caller_call(&decent, "status"), RESULT_BUSY);
	children(after);
	ck_assert_msg(strcmp(before, after) == 0, "processes %s became %s", before, after);
	caller_close(&decent);
}

static void begin(void) {
	for (size_t i = 0; i < 6; ++i)
		ids[i][0] = (uint8_t)i;
	digests[1][0] = 1;
}

START_TEST(before_init_rubbish_kills_nobody) {
	begin();
	world_start(&world);
	be_foolish();
	world_stop(&world);
}
END_TEST

static void commission(bool with_people) {
	struct caller service;
	char recovery[64];

	begin();
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	if (with_people) {
		world_add(&service, &service, "lena", "lead");
		caller_sign_in(&service, "anna");
		world_add(&service, &service, "max", "biomed");
		caller_sign_in(&service, "anna");
	}
	caller_close(&service);
}

START_TEST(with_people_rubbish_kills_nobody) {
	commission(true);
	be_foolish();
	world_stop(&world);
}
END_TEST

START_TEST(without_a_policy_rubbish_kills_nobody) {
	begin();
	world_edit(&world, "site.cfg", "roles = (", "rolls = (");
	world_start(&world);
	be_foolish();
	world_stop(&world);
}
END_TEST

START_TEST(without_a_database_rubbish_kills_nobody) {
	char path[256];

	commission(false);
	world_stop(&world);
	snprintf(path, sizeof(path), "%s/careward.db", world.state);
	ck_assert_int_eq(truncate(path, 100), 0);
	world_start(&world);
	be_foolish();
	world_stop(&world);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *const tests[] = {
		before_init_rubbish_kills_nobody,
		with_people_rubbish_kills_nobody,
		without_a_policy_rubbish_kills_nobody,
		without_a_database_rubbish_kills_nobody,
	};

	if (argc == 3) {
		seed = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
		packets = strtoull(argv[2], NULL, 10);
	}
	return RUN_TESTS("broker rubbish", tests);
}
