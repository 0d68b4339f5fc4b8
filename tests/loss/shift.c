/* SPDX-License-Identifier: Apache-2.0 */
#include "shift.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "audit/events.h"

#define REPLY "reply"

struct shift {
	struct world *w;
	struct log *log;
	struct caller service, ui;
	uint8_t id[16];
	uint64_t serial;
};

struct log *shift_log(const struct world *w, char ret_path[160]) {
	void *p;
	int fd;

	snprintf(ret_path, 160, "%s/log", w->dir);
	fd = open(ret_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, LOG_ROOM), 0);
	p = mmap(NULL, LOG_ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(p != MAP_FAILED);
	close(fd);
	return p;
}

void shift_unmap(struct log *log) {
	(void)munmap(log, LOG_ROOM);
}

static void mark(struct log *log, const struct shift_mark *m) {
	uint64_t used;
	struct log_op *op;

	log_lock(log);
	used = atomic_load(&log->used);
	ck_assert_uint_lt(used + sizeof(*op) + sizeof(*m), LOG_ROOM - sizeof(*log));
	op = (struct log_op *)(void *)(log->bytes + used);
	*op = (struct log_op){ .kind = LOG_MARK, .pid = (uint32_t)getpid(), .n = sizeof(*m) };
	memcpy(op + 1, m, sizeof(*m));
	atomic_store(&log->used, used + log_size(op));
	log_unlock(log);
}

static void begin(struct shift *s, const char *step) {
	struct shift_mark m = { .what = SHIFT_BEGIN };

	snprintf(m.step, sizeof(m.step), "%s", step);
	mark(s->log, &m);
}

static void done_hashed(struct shift *s, const char *step, enum audit_event event,
                        const char *ack, enum audit_event before_hash) {
	struct shift_mark m = { .what = SHIFT_DONE, .event = event, .hashes = before_hash };

	snprintf(m.step, sizeof(m.step), "%s", step);
	snprintf(m.ack, sizeof(m.ack), "%s", ack);
	mark(s->log, &m);
}

static void done(struct shift *s, const char *step, enum audit_event event, const char *ack) {
	done_hashed(s, step, event, ack, EVENT_NONE);
}

static void start(struct shift *s, const char *log_path, const char *recorder) {
	ck_assert_int_eq(setenv(LOG_MEMORY, log_path, 1), 0);
	ck_assert_int_eq(setenv(LOG_STATE, s->w->state, 1), 0);
	ck_assert_int_eq(setenv("LD_PRELOAD", recorder, 1), 0);
	world_spawn(s->w);
	unsetenv("LD_PRELOAD");
	for (int i = 0; i < 3000 && s->w->ready_fd >= 0; ++i) {
		char byte;

		if (read(s->w->ready_fd, &byte, 1) == 1)
			break;
		usleep(10000);
	}
	close(s->w->ready_fd);
	s->w->ready_fd = -1;
}

/* ---- requests ------------------------------------------------------------------ */

/* A request about a person, maybe with a role under some key. */
static void person(struct shift *s, const char *verb, const char *name, const char *key,
                   const char *role, enum audit_event event, char ret_secret[64]) {
	uint8_t buffer[512];
	struct frame_writer w;
	char step[40];

	snprintf(step, sizeof(step), "%s %s", verb, name);
	begin(s, step);
	caller_begin(&s->service, &w, buffer, sizeof(buffer), verb);
	frame_text(&w, "name", name);
	if (key) {
		frame_open_array(&w, key);
		frame_text(&w, NULL, role);
		frame_close(&w);
	}
	caller_send(&s->service, &w);
	ck_assert_msg(caller_reply(&s->service) == RESULT_OK, "%s", step);
	done(s, step, event, REPLY);
	if (ret_secret)
		ck_assert_int_eq(frame_get_text(s->service.frame.body, "secret", ret_secret, 64), 0);
}

static void first_change(struct shift *s, struct caller *c, const char *name,
                         const char *one_time, const char *password) {
	const struct answer answers[] = { { CW_FIELD_PASSWORD, one_time },
					  { CW_FIELD_NEW_PASSWORD, password },
					  { CW_FIELD_NEW_PASSWORD_AGAIN, password } };

	begin(s, "first password");
	ck_assert_str_eq(caller_attempt(c, CW_PURPOSE_SIGN_IN, name, answers, 3), "signed-in");
	done_hashed(s, "first password", EVENT_PASSWORD_CHANGED, "signed-in", EVENT_TRY_COUNTED);
}

static void sign_in(struct shift *s, struct caller *c, const char *name, const char *password,
                    bool right) {
	const struct answer a = { CW_FIELD_PASSWORD, password };
	const char *ack = right ? "signed-in" : "attempt-over";

	begin(s, right ? "sign in" : "wrong password");
	ck_assert_str_eq(caller_attempt(c, CW_PURPOSE_SIGN_IN, name, &a, 1), ack);
	done_hashed(s, right ? "sign in" : "wrong password",
	            right ? EVENT_NONE : EVENT_SIGN_IN, ack, EVENT_TRY_COUNTED);
}

static void change_password(struct shift *s) {
	const struct answer answers[] = { { CW_FIELD_PASSWORD, SHIFT_OLD_PASSWORD },
					  { CW_FIELD_NEW_PASSWORD, SHIFT_NEW_PASSWORD },
					  { CW_FIELD_NEW_PASSWORD_AGAIN, SHIFT_NEW_PASSWORD } };

	begin(s, "password change");
	ck_assert_str_eq(caller_attempt(&s->ui, CW_PURPOSE_CHANGE, NULL, answers, 3),
	                 "attempt-over");
	done_hashed(s, "password change", EVENT_PASSWORD_CHANGED, "attempt-over",
	            EVENT_TRY_COUNTED);
}

static void simple(struct shift *s, const char *verb, enum audit_event event) {
	begin(s, verb);
	ck_assert_uint_eq(caller_call(&s->ui, verb), RESULT_OK);
	done(s, verb, event, REPLY);
}

/* Guarded: the answer comes when the record is durable. */
static void use(struct shift *s, const char *object) {
	struct policy_state state;
	uint8_t buffer[256];
	struct frame_writer w;

	ck_assert_int_eq(state_page_read(s->ui.page, &state), 0);
	begin(s, "guarded use");
	caller_begin(&s->ui, &w, buffer, sizeof(buffer), "use");
	frame_text(&w, "action", "settings.display");
	frame_text(&w, "object", object);
	frame_uint(&w, "session", state.session);
	caller_send(&s->ui, &w);
	ck_assert_uint_eq(caller_reply(&s->ui), RESULT_OK);
	done(s, "guarded use", EVENT_USE, REPLY);
}

/* ---- emergencies --------------------------------------------------------------- */

static struct ring_record record_of(struct shift *s, enum record_kind kind) {
	struct ring_record r;

	record_make(&s->ui, &r, (uint8_t)kind, s->id, ++s->serial, 60000);
	if (kind == RECORD_USE)
		memcpy(r.action, "therapy.start", sizeof("therapy.start"));
	if (kind == RECORD_REASON)
		memcpy(r.name, "Locked out", sizeof("Locked out"));
	r.verdict = kind == RECORD_USE ? CW_ALLOW : 0;
	return r;
}

static void glass(struct shift *s, enum record_kind kind, enum audit_event event) {
	struct ring_record r = record_of(s, kind);
	uint64_t serial = 0;

	begin(s, "emergency");
	caller_record(&s->ui, &r);
	do {
		ck_assert(caller_event(&s->ui, "recorded"));
		ck_assert_int_eq(frame_get_uint(s->ui.frame.body, "serial", &serial), 0);
	} while (serial != r.serial);
	ring_release(s->ui.ring, r.emergency, r.serial);
	done(s, "emergency", event, "recorded");
}

static void emergency(struct shift *s, unsigned uses) {
	++s->id[0];
	glass(s, RECORD_START, EVENT_EMERGENCY_STARTED);
	for (unsigned i = 0; i < uses; ++i)
		glass(s, RECORD_USE, EVENT_EMERGENCY_USE);
	glass(s, RECORD_REASON, EVENT_EMERGENCY_REASON);
	glass(s, RECORD_END, EVENT_EMERGENCY_ENDED);
}

/* Not in the middle of a call that is recorded: the lock would stay. */
static void kill_softly(struct shift *s, pid_t pid) {
	log_lock(s->log);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	usleep(50000);
	log_unlock(s->log);
}

/* An emergency that nobody but the supervisor and its spool hears of at first. */
static void emergency_without_engine(struct shift *s) {
	static const enum record_kind kinds[] = { RECORD_START, RECORD_USE, RECORD_USE,
		                                  RECORD_END };
	pid_t engine = world_engine(s->w);

	++s->id[0];
	log_lock(s->log);
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
	log_unlock(s->log);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
		struct ring_record r = record_of(s, kinds[i]);

		ck_assert(ring_write(s->ui.ring, &r));
	}
	kill_softly(s, engine);
	caller_close(&s->ui);
	caller_close(&s->service);
	(void)world_engine(s->w);
	caller_open(&s->service, s->w, "service");
	caller_open(&s->ui, s->w, "main");
}

static void close_review(struct shift *s) {
	uint8_t buffer[512];
	struct frame_writer w;

	begin(s, "review");
	caller_begin(&s->service, &w, buffer, sizeof(buffer), "review.close");
	frame_bytes(&w, "id", s->id, 16);
	frame_text(&w, "outcome", "justified");
	caller_send(&s->service, &w);
	ck_assert_uint_eq(caller_reply(&s->service), RESULT_OK);
	done(s, "review", EVENT_REVIEW_CLOSED, REPLY);
}

/* Until the engine has moved its log into the database, and begins the log anew. */
static void await_checkpoint(struct shift *s) {
	uint64_t at = atomic_load(&s->log->used), db = 0;
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/careward.db", s->w->state);
	ck_assert_int_eq(stat(path, &st), 0);
	db = st.st_ino;
	for (int i = 0; i < 3000; ++i) {
		for (; at < atomic_load(&s->log->used); at += log_size(log_at(s->log, at)))
			if (log_at(s->log, at)->kind == LOG_SYNC &&
			    log_at(s->log, at)->inode == db)
				return;
		usleep(10000);
	}
	ck_abort_msg("no checkpoint within half a minute");
}

/* ---- the shift ----------------------------------------------------------------- */

static void morning(struct shift *s) {
	char secret[64], recovery[64];

	begin(s, "init");
	world_commission(s->w, &s->service, recovery);
	done(s, "init", EVENT_PASSWORD_CHANGED, "signed-in");
	person(s, "user.add", "nina", "roles", "nurse", EVENT_ACCOUNT_CREATED, secret);
	first_change(s, &s->ui, "nina", secret, SHIFT_OLD_PASSWORD);
	person(s, "user.add", "rita", "roles", "reviewer", EVENT_ACCOUNT_CREATED, secret);
	first_change(s, &s->ui, "rita", secret, SHIFT_OLD_PASSWORD);
	simple(s, "sign-out", EVENT_SIGN_OUT);
	sign_in(s, &s->ui, "nina", "not her password", false);
	sign_in(s, &s->ui, "nobody", "not a password", false);
	sign_in(s, &s->ui, "nina", "not hers either", false);
	sign_in(s, &s->ui, "nina", SHIFT_OLD_PASSWORD, true);
	use(s, "brightness");
	change_password(s);
	use(s, "volume");
	simple(s, "lock", EVENT_LOCK);
}

static void noon(struct shift *s) {
	char secret[64];

	emergency(s, 3);
	await_checkpoint(s);
	person(s, "user.add", "bert", "roles", "biomed", EVENT_ACCOUNT_CREATED, secret);
	person(s, "user.disable", "bert", NULL, NULL, EVENT_ACCOUNT_DISABLED, NULL);
	person(s, "user.enable", "bert", NULL, NULL, EVENT_ACCOUNT_ENABLED, NULL);
	person(s, "user.role", "bert", "add", "service", EVENT_ACCOUNT_ROLES, NULL);
	sign_in(s, &s->service, "rita", SHIFT_OLD_PASSWORD, true);
	close_review(s);
}

static void evening(struct shift *s) {
	char secret[64];

	emergency_without_engine(s);
	sign_in(s, &s->service, "anna", ADMIN_PASSWORD, true);
	person(s, "user.reset", "nina", NULL, NULL, EVENT_ACCOUNT_RESET, secret);
	first_change(s, &s->ui, "nina", secret, "nineteen brave wet umbrellas");
	use(s, "contrast");
	caller_close(&s->ui);
	caller_close(&s->service);
}

void shift_play(struct world *w, struct log *log, const char *log_path, const char *recorder) {
	struct shift s = { .w = w, .log = log, .id = { 0x10, 2, 3 } };

	if (world_has_two_uids())
		ck_assert_int_eq(chown(log_path, BROKER_UID, BROKER_UID), 0);
	start(&s, log_path, recorder);
	caller_open(&s.service, w, "service");
	caller_open(&s.ui, w, "main");
	morning(&s);
	noon(&s);
	evening(&s);
	world_stop(w);
	/* Another day: the log of the database is made anew. */
	start(&s, log_path, recorder);
	caller_open(&s.ui, w, "main");
	sign_in(&s, &s.ui, "nina", "nineteen brave wet umbrellas", true);
	use(&s, "last");
	caller_close(&s.ui);
	log_lock(log);
	world_kill(w);
	log_unlock(log);
	ck_assert_uint_eq(atomic_load(&log->full), 0);
}
