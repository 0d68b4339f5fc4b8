/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the broker is or does: nothing waits, care goes on, and nothing else opens. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/client/fake.h"
#include "ui-glue/client/client.h"

static struct fake fake;
#define N_OTHERS 16

static struct cw *cw;
static struct cw *others[N_OTHERS]; /* that fill the backlog                     */

static void setup(void) {
	fake_begin(&fake);
}

static void teardown(void) {
	cw = cw_close(cw);
	for (int i = 0; i < N_OTHERS; ++i)
		others[i] = cw_close(others[i]);
	fake_done(&fake);
}

static void open_cw(uint32_t uid) {
	struct cw_options options = fake_options(&fake);

	options.broker_uid = uid;
	ck_assert_int_eq(cw_open(&options, &cw), 0);
	ck_assert_ptr_nonnull(cw);
}

static void open_greeted(void) {
	open_cw((uint32_t)geteuid());
	fake_accept(&fake);
	fake_greet(&fake, true);
	ck_assert_int_eq(cw_dispatch(cw), 0);
}

/* What the broker is like. */

static void nobody_listens(void) {
	(void)close(fake.listen_fd);
	fake.listen_fd = -1;
	open_cw((uint32_t)geteuid());
}

static void no_socket(void) {
	ck_assert_int_eq(unlink(fake.path), 0);
	open_cw((uint32_t)geteuid());
}

static void backlog_is_full(void) {
	for (int i = 0; i < N_OTHERS; ++i) {
		struct cw_options options = fake_options(&fake);

		ck_assert_int_eq(cw_open(&options, &others[i]), 0);
	}
	open_cw((uint32_t)geteuid());
}

static void accepts_and_is_silent(void) {
	open_cw((uint32_t)geteuid());
	fake_accept(&fake);
}

static void greets_without_policy(void) {
	open_cw((uint32_t)geteuid());
	fake_accept(&fake);
	fake_greet(&fake, false);
}

static void stops_answering(void) {
	open_greeted();
	fake_publish(&fake, 0); /* its lease is over, its socket is open */
}

static void dies(void) {
	open_greeted();
	fake_hang_up(&fake);
}

static void dies_in_a_frame(void) {
	open_greeted();
	fake_event(&fake, "state");
	ck_assert_int_eq(frame_end(&fake.w), 0);
	fake_send_raw(&fake, fake.out, fake.w.n - 1, NULL, 0);
	fake_hang_up(&fake);
}

static void speaks_garbage(void) {
	open_greeted();
	fake_send_raw(&fake, "garbage", 7, NULL, 0);
}

static void greets_with_garbage(void) {
	open_cw((uint32_t)geteuid());
	fake_accept(&fake);
	fake_send_raw(&fake, "\x84\x02\x01\x65hello\xa0", 10, NULL, 0);
}

static void greets_with_foreign_pages(void) {
	int fds[2] = { fake.listen_fd, fake.listen_fd };

	open_cw((uint32_t)geteuid());
	fake_accept(&fake);
	fake_reply(&fake, RESULT_OK);
	frame_uint(&fake.w, "pages", 2);
	ck_assert_int_eq(frame_end(&fake.w), 0);
	fake_send_raw(&fake, fake.out, fake.w.n, fds, 2);
}

static void sends_many_descriptors(void) {
	int fds[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };

	open_greeted();
	fake_event(&fake, "state");
	ck_assert_int_eq(frame_end(&fake.w), 0);
	fake_send_raw(&fake, fake.out, fake.w.n, fds, 8);
}

static void unknown_event(void) {
	open_greeted();
	fake_event(&fake, "nonsense");
	fake_send(&fake);
}

static void event_with_a_missing_key(void) {
	open_greeted();
	fake_event(&fake, "recorded");
	fake_send(&fake);
}

static void a_request_from_the_broker(void) {
	open_greeted();
	frame_begin(&fake.w, fake.out, sizeof(fake.out), FRAME_REQUEST, 9, "use");
	fake_send(&fake);
}

static void has_another_uid(void) {
	open_cw((uint32_t)geteuid() + 1);
}

/* Nobody can sign in any more: care is not to be sent where nothing answers. */
static void dies_with_nobody_signed_in(void) {
	open_greeted();
	fake.state.session = 0;
	fake_publish(&fake, 5000);
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_SIGN_IN);
	fake_hang_up(&fake);
}

static void stops_with_the_session_locked(void) {
	open_greeted();
	fake.state.lock_at = 0;
	fake_publish(&fake, 5000);
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_UNLOCK);
	fake_publish(&fake, 0);
}

static void reads_nothing(void) {
	struct frame_writer w;

	open_greeted();
	do {
		frame_start(cw, &w, "activity");
	} while (frame_send(cw, &w) == 0);
	ck_assert(!cw->broken);
}

static const struct {
	const char *why;
	void (*make)(void);
	enum cw_verdict care;    /* before break-glass                                  */
	int dispatch;            /* of cw_dispatch(): 0 when it may be believed          */
} brokers[] = {
	{ "nobody listens", nobody_listens, CW_BREAK_GLASS, -ENOTCONN },
	{ "there is no socket", no_socket, CW_BREAK_GLASS, -ENOTCONN },
	{ "its backlog is full", backlog_is_full, CW_BREAK_GLASS, -ENOTCONN },
	{ "it accepts and is silent", accepts_and_is_silent, CW_BREAK_GLASS, -ENOTCONN },
	{ "it has no policy", greets_without_policy, CW_BREAK_GLASS, 0 },
	{ "it stops answering", stops_answering, CW_ALLOW, -ENOTCONN },
	{ "it dies", dies, CW_ALLOW, -ENOTCONN },
	{ "it dies, and nobody is signed in", dies_with_nobody_signed_in, CW_BREAK_GLASS,
	  -ENOTCONN },
	{ "it stops, and the session is locked", stops_with_the_session_locked, CW_BREAK_GLASS,
	  -ENOTCONN },
	{ "it dies in the middle of a frame", dies_in_a_frame, CW_ALLOW, -ENOTCONN },
	{ "it speaks garbage", speaks_garbage, CW_ALLOW, -ENOTCONN },
	{ "it greets with garbage", greets_with_garbage, CW_BREAK_GLASS, -ENOTCONN },
	{ "it greets with foreign pages", greets_with_foreign_pages, CW_BREAK_GLASS, -ENOTCONN },
	{ "it sends many descriptors", sends_many_descriptors, CW_ALLOW, -ENOTCONN },
	{ "it sends an unknown event", unknown_event, CW_ALLOW, -ENOTCONN },
	{ "it sends an event without its keys", event_with_a_missing_key, CW_ALLOW, -ENOTCONN },
	{ "it asks instead of answering", a_request_from_the_broker, CW_ALLOW, -ENOTCONN },
	{ "it has another uid", has_another_uid, CW_BREAK_GLASS, -ENOTCONN },
	{ "it reads nothing and its socket is full", reads_nothing, CW_ALLOW, 0 },
};

static enum cw_verdict check(uint32_t action) {
	return cw_check(cw, action, NULL);
}

/* Uses what may be used without an answer. Return: the verdict. */
static enum cw_verdict use(uint32_t action) {
	enum cw_verdict verdict = CW_ALLOW;

	ck_assert_int_eq(cw_use(cw, action, NULL, cw_session(cw), &verdict, NULL, NULL), 0);
	return verdict;
}

/* BG-04, in the application. */
START_TEST(care_goes_on_whatever_the_broker_does) {
	const char *why = brokers[_i].why;
	enum cw_recorded recorded = CW_RECORDED_NOT;
	struct ring_record record;
	uint8_t id[16] = { 0 }, again[16] = { 0 };
	uint32_t cursor = 0;
	int r, found = 0;

	brokers[_i].make();
	r = cw_dispatch(cw);
	ck_assert_msg(r == brokers[_i].dispatch, "%s: dispatch gave %d", why, r);
	ck_assert_msg(check(STOP) == CW_ALLOW && use(STOP) == CW_ALLOW, "%s: always", why);
	ck_assert_msg(check(START) == brokers[_i].care, "%s: care 0x%x", why, check(START));
	ck_assert_msg(check(LOST) == CW_BREAK_GLASS, "%s: care that the table lacks", why);
	ck_assert_msg(brokers[_i].dispatch == 0 || check(LIMITS) == CW_DENY, "%s: guarded", why);
	ck_assert_msg(check(UPDATE) != CW_ALLOW, "%s: sensitive", why);

	ck_assert_int_eq(cw_break_glass(cw, "Sister Agnes", id, &recorded), 0);
	ck_assert_int_eq(recorded, CW_RECORDED_IN_RING);
	ck_assert_msg(check(START) == CW_ALLOW && use(START) == CW_ALLOW, "%s: break-glass", why);
	ck_assert_msg(check(LOST) == CW_ALLOW && use(LOST) == CW_ALLOW, "%s: break-glass", why);
	ck_assert_msg(check(LIMITS) != CW_ALLOW, "%s: guarded in an emergency", why);
	ck_assert_msg(check(UPDATE) != CW_ALLOW, "%s: sensitive in an emergency", why);
	ck_assert_int_eq(cw_break_glass(cw, NULL, again, &recorded), 0);
	ck_assert_mem_eq(id, again, sizeof(id));

	while (ring_next(cw->ring, &cursor, &record) == 1) {
		if (record.kind != RECORD_START)
			continue;
		++found;
		ck_assert_mem_eq(record.emergency, id, sizeof(id));
		ck_assert_str_eq(record.name, "Sister Agnes");
		ck_assert_uint_eq(record.deadline_ms, record.boot_ms + CLIENT_DEADLINE_MS);
	}
	ck_assert_msg(found == 1, "%s: %d starts in the ring", why, found);

	ck_assert_int_eq(cw_break_glass_reason(cw, id, "locked-out", "forgot"), 0);
	ck_assert_int_eq(cw_break_glass_end(cw, id), 0);
	ck_assert_int_eq(cw_break_glass_end(cw, id), -ENOENT);
	ck_assert_msg(check(LOST) == CW_BREAK_GLASS, "%s: it is over, here", why);
	(void)cw_dispatch(cw);
	ck_assert_msg(check(STOP) == CW_ALLOW, "%s: always, at the end", why);
}
END_TEST

/* A new engine numbers its publications from 1 again: its page is another one. */
START_TEST(a_new_broker_s_page_is_read_although_its_number_is_the_same) {
	struct state_page *old, *page = NULL;
	int old_fd, fd = -1;
	bool sealed;

	open_greeted();
	ck_assert_int_eq(cw_check(cw, LIMITS, NULL), CW_ALLOW);
	fake_hang_up(&fake);
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	ck_assert_int_eq(page_make_state(&page, &sealed, &fd), 0);
	old = fake.page;
	old_fd = fake.state_fd;
	fake.page = page;
	fake.state_fd = fd;
	fake.state.session = 0; /* nobody is signed in any more */
	fake_publish(&fake, 60000);
	ck_assert_uint_eq(page->index, old->index);
	cw->deadline_ms = 0;
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	fake_accept(&fake);
	fake_greet(&fake, true);
	ck_assert_int_eq(cw_dispatch(cw), 0);
	ck_assert_int_eq(cw_check(cw, LIMITS, NULL), CW_SIGN_IN);
	page_unmap_state(old);
	(void)close(old_fd);
}
END_TEST

START_TEST(nothing_else_opens_and_nothing_waits_without_a_broker) {
	enum cw_verdict verdict = CW_ALLOW;
	enum cw_reason reason = CW_REASON_NONE;
	uint8_t digest[32] = { 0 };
	uint64_t number;

	no_socket();
	ck_assert_int_eq(cw_use(cw, LIMITS, NULL, 0, &verdict, &reason, &number), -ENOTCONN);
	ck_assert_int_eq(verdict, CW_DENY);
	ck_assert_int_eq(reason, CW_REASON_DEGRADED);
	ck_assert_int_eq(cw_use(cw, UPDATE, NULL, 0, &verdict, &reason, &number), 0);
	ck_assert_int_eq(verdict, CW_DENY);
	ck_assert_int_eq(cw_check(cw, START, &reason), CW_BREAK_GLASS);
	ck_assert_int_eq(reason, CW_REASON_DEGRADED);
	ck_assert_int_eq(cw_check(cw, N_ACTIONS, &reason), CW_DENY);
	ck_assert_int_eq(reason, CW_REASON_UNKNOWN_ACTION);
	ck_assert_int_eq(cw_use(cw, N_ACTIONS, NULL, 0, &verdict, &reason, &number), -EINVAL);
	ck_assert_int_eq(verdict, CW_DENY);
	ck_assert_int_eq(cw_sign_in(cw, CW_PURPOSE_SIGN_IN, NULL, &number), -ENOTCONN);
	ck_assert_int_eq(cw_authorize(cw, UPDATE, digest, NULL, "w", &number), -ENOTCONN);
	ck_assert_int_eq(cw_redeem(cw, digest, 32, UPDATE, digest, &number), -ENOTCONN);
	ck_assert_int_eq(cw_activity(cw), -ENOTCONN);
	ck_assert_int_eq(cw_lock(cw), -ENOTCONN);
	ck_assert_int_eq(cw_sign_out(cw), -ENOTCONN);
	ck_assert_int_eq(cw_signal(cw, "patient-connected", 1), -ENOTCONN);
	ck_assert_uint_eq(cw_session(cw), 0);
}
END_TEST

START_TEST(a_text_that_does_not_fit_never_stops_care) {
	char object[300];
	enum cw_verdict verdict = CW_DENY;
	struct ring_record record;
	uint32_t cursor = 0;
	uint8_t id[16];

	no_socket();
	memset(object, 'x', sizeof(object));
	object[10] = (char)0xff;
	object[sizeof(object) - 1] = 0;
	ck_assert_int_eq(cw_break_glass(cw, object, id, NULL), 0);
	ck_assert_int_eq(cw_use(cw, START, object, 0, &verdict, NULL, NULL), 0);
	ck_assert_int_eq(verdict, CW_ALLOW);
	ck_assert_int_eq(ring_next(cw->ring, &cursor, &record), 1);
	ck_assert_uint_eq(strlen(record.name), sizeof(record.name) - 1);
	ck_assert_int_eq(record.name[10], '?');
	ck_assert_int_eq(ring_next(cw->ring, &cursor, &record), 1);
	ck_assert_uint_eq(strlen(record.object), sizeof(record.object) - 1);
}
END_TEST

START_TEST(a_full_ring_still_grants_and_says_so) {
	enum cw_recorded recorded = CW_RECORDED_IN_RING;
	struct cw_status status = { .size = sizeof(status) };
	uint8_t id[16];

	no_socket();
	for (unsigned i = 0; i < LIMIT_RING_RECORDS + 5; ++i)
		ck_assert_int_eq(use(STOP), CW_ALLOW);
	ck_assert_int_eq(cw_break_glass(cw, NULL, id, &recorded), 0);
	ck_assert_int_eq(recorded, CW_RECORDED_NOT);
	ck_assert_int_eq(check(START), CW_ALLOW);
	ck_assert_int_eq(cw_break_glass_reason(cw, id, "other", NULL), -ENOSPC);
	ck_assert_int_eq(cw_status(cw, &status), 0);
	ck_assert_uint_eq(status.unrecorded, 255);
	ck_assert_uint_eq(status.emergency, 1);
	ck_assert_uint_eq(status.suspended, 1);
}
END_TEST

static void say_joined(const uint8_t id[16]) {
	fake_event(&fake, "emergency-ended");
	frame_bytes(&fake.w, "emergency", id, 16);
	frame_text(&fake.w, "how", "joined");
	fake_send(&fake);
	(void)cw_dispatch(cw);
}

/* BG-04: the broker knows of an emergency that the page does not show. */
START_TEST(one_that_was_joined_holds_until_a_page_shows_the_other) {
	uint8_t id[16], other[16];

	open_greeted();
	fake.state.roles = 0;
	fake_publish(&fake, 5000);
	ck_assert_int_eq(cw_break_glass(cw, NULL, id, NULL), 0);
	say_joined(id);
	ck_assert_int_eq(check(START), CW_ALLOW);
	memset(other, 9, sizeof(other));
	memcpy(fake.state.emergency_id, other, sizeof(other));
	fake.state.emergency = 1;
	fake_publish(&fake, 5000);
	say_joined(id);
	ck_assert_int_eq(check(START), CW_ALLOW);
	ck_assert_int_eq(cw_break_glass_end(cw, id), -ENOENT);
	ck_assert_int_eq(cw_break_glass_end(cw, other), 0);
	ck_assert_int_ne(check(START), CW_ALLOW);
}
END_TEST

START_TEST(no_two_emergencies_have_one_id) {
	static uint8_t ids[200][16];

	no_socket();
	for (int i = 0; i < 200; ++i) {
		ck_assert_int_eq(cw_break_glass(cw, NULL, ids[i], NULL), 0);
		ck_assert_int_eq(cw_break_glass_end(cw, ids[i]), 0);
		for (int k = 0; k < i; ++k)
			ck_assert_mem_ne(ids[i], ids[k], 16);
	}
	ck_assert_uint_eq(cw->ids_left, 0);
	(void)cw_dispatch(cw);
	ck_assert_uint_eq(cw->ids_left, CLIENT_IDS);
}
END_TEST

START_TEST(the_descriptor_stays_and_tells_when_there_is_work) {
	struct pollfd p = { .events = POLLIN };
	int fd;

	open_greeted();
	fd = cw_fd(cw);
	p.fd = fd;
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	fake_event(&fake, "state");
	fake_send(&fake);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(cw_dispatch(cw), 0);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	fake_hang_up(&fake);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(cw_fd(cw), fd);
	cw->deadline_ms = 0; /* as if the time had passed */
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	fake_accept(&fake);
	fake_greet(&fake, true);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(cw_dispatch(cw), 0);
	ck_assert_int_eq(cw_fd(cw), fd);
}
END_TEST

START_TEST(tries_again_later_each_time) {
	uint64_t last = 0;

	no_socket();
	for (int i = 0; i < 10; ++i) {
		uint64_t before = fake_now();

		ck_assert_int_ge(cw_timeout_ms(cw), 0);
		ck_assert_int_le(cw_timeout_ms(cw), (int)CLIENT_RETRY_LAST_MS);
		cw->deadline_ms = 0;
		ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
		ck_assert_uint_ge(cw->deadline_ms, before + last / 2);
		last = cw->retry_ms;
	}
	ck_assert_uint_eq(cw->retry_ms, CLIENT_RETRY_LAST_MS);
}
END_TEST

START_TEST(a_broker_that_never_greets_is_left) {
	accepts_and_is_silent();
	ck_assert_int_eq(cw->link, LINK_GREETING);
	cw->deadline_ms = 1;
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	ck_assert_int_eq(cw->link, LINK_DOWN);
}
END_TEST

START_TEST(a_foreign_broker_is_told_once) {
	struct cw_event event = { .size = sizeof(event) };
	int n = 0;

	has_another_uid();
	for (int i = 0; i < 5; ++i) {
		cw->deadline_ms = 0;
		ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	}
	while (cw_next_event(cw, &event)) {
		if (event.kind == CW_EVENT_ALARM) {
			ck_assert_str_eq(event.message, "broker-foreign");
			++n;
		}
	}
	ck_assert_int_eq(n, 1);
	fake.fd = accept(fake.listen_fd, NULL, NULL);
	ck_assert_int_ge(fake.fd, 0);
	ck_assert_msg(!fake_has_packet(&fake), "it was greeted before it was known");
}
END_TEST

START_TEST(without_a_uid_only_root_and_careward_may_be_the_broker) {
	uint32_t careward = passwd_uid("/etc/passwd", "careward");
	bool wanted = geteuid() == 0 || geteuid() == careward;

	open_cw(UINT32_MAX);
	ck_assert_int_eq(cw->link, wanted ? LINK_GREETING : LINK_DOWN);
}
END_TEST

/* In a child whose 0, 1 and 2 are closed. Return: 0 when none of them came into use. */
static int closed_child(void) {
	struct cw_options options = fake_options(&fake);
	uint8_t id[16];

	(void)close(0);
	(void)close(1);
	(void)close(2);
	if (cw_open(&options, &cw) != 0)
		return 1;
	fake_accept(&fake);
	/* The fake's own use of low numbers is not the matter. */
	for (int i = 0; i < 3; ++i)
		(void)close(i);
	fake.fd = fake.fd < 3 ? -1 : fake.fd;
	(void)cw_dispatch(cw);
	if (cw_break_glass(cw, NULL, id, NULL) != 0 || cw_check(cw, START, NULL) != CW_ALLOW)
		return 2;
	for (int i = 0; i < 3; ++i) {
		if (fcntl(i, F_GETFD) >= 0)
			return 3 + i;
	}
	return cw_fd(cw) >= 3 && cw->ring_fd >= 3 ? 0 : 6;
}

START_TEST(low_descriptors_are_never_used) {
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(closed_child());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

static unsigned fds_open(void) {
	unsigned n = 0;

	for (int i = 0; i < 256; ++i)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

START_TEST(no_descriptor_is_left_behind) {
	unsigned before = fds_open();

	for (int i = 0; i < 20; ++i) {
		if (i % 2 == 0)
			sends_many_descriptors();
		else
			greets_with_foreign_pages();
		(void)cw_dispatch(cw);
		fake_hang_up(&fake);
		(void)cw_dispatch(cw);
		cw = cw_close(cw);
	}
	ck_assert_uint_eq(fds_open(), before);
}
END_TEST

static const struct {
	const char *why;
	struct cw_options options;
} bad_options[] = {
	{ "no size", { .n_actions = 0 } },
	{ "a size that is too small", { .size = 8 } },
	{ "too many actions",
	  { .size = sizeof(struct cw_options), .n_actions = 513, .actions = fake_actions } },
	{ "no actions where some are", { .size = sizeof(struct cw_options), .n_actions = 1 } },
	{ "a seat with a slash", { .size = sizeof(struct cw_options), .seat = "../x" } },
	{ "a seat that is a folder", { .size = sizeof(struct cw_options), .seat = ".." } },
	{ "an empty seat", { .size = sizeof(struct cw_options), .seat = "" } },
	{ "an empty socket", { .size = sizeof(struct cw_options), .socket = "" } },
	{ "embedded without a configuration",
	  { .size = sizeof(struct cw_options), .embedded = "/tmp" } },
};

START_TEST(options_are_checked) {
	struct cw *other = NULL;

	ck_assert_msg(cw_open(&bad_options[_i].options, &other) == -EINVAL, "%s",
	              bad_options[_i].why);
	ck_assert_ptr_null(other);
}
END_TEST

START_TEST(actions_are_checked) {
	static const struct cw_action bad[] = {
		{ NULL, CW_KIND_CARE },
		{ "", CW_KIND_CARE },
		{ "x", CW_KIND_NONE },
		{ "x", CW_N_KINDS },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
		  CW_KIND_CARE },
	};
	struct cw_options options = fake_options(&fake);
	struct cw *other = NULL;

	options.actions = &bad[_i];
	options.n_actions = 1;
	ck_assert_int_eq(cw_open(&options, &other), -EINVAL);
	ck_assert_int_eq(cw_open(NULL, &other), -EINVAL);
}
END_TEST

static const struct {
	const char *why;
	const char *file;
	uint32_t uid;
} users[] = {
	{ "as it should be", "root:x:0:0::/:\ncareward:x:990:990::/:\n", 990 },
	{ "not there", "root:x:0:0::/:\n", UINT32_MAX },
	{ "an empty file", "", UINT32_MAX },
	{ "another that begins alike", "careward2:x:5:5::/:\n", UINT32_MAX },
	{ "its name as another's comment", "x:x:5:5:careward:/:\ncareward:x:6:6::/:\n", 6 },
	{ "no number", "careward:x::990::/:\n", UINT32_MAX },
	{ "no number but a word", "careward:x:root:990::/:\n", UINT32_MAX },
	{ "a negative one", "careward:x:-1:990::/:\n", UINT32_MAX },
	{ "one that does not fit", "careward:x:4294967296:990::/:\n", UINT32_MAX },
	{ "a line that ends early", "careward:x:99\n", UINT32_MAX },
	{ "a line that is its name", "careward\ncareward:\n", UINT32_MAX },
};

START_TEST(the_broker_s_user_is_found) {
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/passwd", fake.folder);
	ck_assert_uint_eq(passwd_uid(path, "careward"), UINT32_MAX);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, users[_i].file, strlen(users[_i].file)),
	                 (ssize_t)strlen(users[_i].file));
	(void)close(fd);
	ck_assert_msg(passwd_uid(path, "careward") == users[_i].uid, "%s", users[_i].why);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void) {
	Suite *s = suite_create("degraded");
	TCase *t = tcase_create("degraded");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, care_goes_on_whatever_the_broker_does, 0, (int)ARRAY_SIZE(brokers));
	tcase_add_test(t, a_new_broker_s_page_is_read_although_its_number_is_the_same);
	tcase_add_test(t, nothing_else_opens_and_nothing_waits_without_a_broker);
	tcase_add_test(t, a_text_that_does_not_fit_never_stops_care);
	tcase_add_test(t, a_full_ring_still_grants_and_says_so);
	tcase_add_test(t, one_that_was_joined_holds_until_a_page_shows_the_other);
	tcase_add_test(t, no_two_emergencies_have_one_id);
	tcase_add_test(t, the_descriptor_stays_and_tells_when_there_is_work);
	tcase_add_test(t, tries_again_later_each_time);
	tcase_add_test(t, a_broker_that_never_greets_is_left);
	tcase_add_test(t, a_foreign_broker_is_told_once);
	tcase_add_test(t, without_a_uid_only_root_and_careward_may_be_the_broker);
	tcase_add_loop_test(t, the_broker_s_user_is_found, 0, (int)ARRAY_SIZE(users));
	tcase_add_test(t, low_descriptors_are_never_used);
	tcase_add_test(t, no_descriptor_is_left_behind);
	tcase_add_loop_test(t, options_are_checked, 0, (int)ARRAY_SIZE(bad_options));
	tcase_add_loop_test(t, actions_are_checked, 0, 5);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
