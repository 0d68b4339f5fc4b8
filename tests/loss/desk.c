/* SPDX-License-Identifier: Apache-2.0 */

/* Somebody at the service seat, whose broker dies again and again, and who dies himself. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "auth/account.h"
#include "disk.h"
#include "ledger.h"

struct desk {
	const struct world *world;
	struct ledger *ledger;
	struct caller c;
	bool connected;
	const char *who; /* whose session it is; NULL: nobody's                      */
	uint64_t seed;
};

static unsigned draw(struct desk *d, unsigned n) {
	return (unsigned)(random_next(&d->seed) % n);
}

static void gone(struct desk *d) {
	caller_close(&d->c);
	d->connected = false;
	d->who = NULL;
}

/* Return: the result; -ECONNRESET, and the connection is gone. */
static int ask(struct desk *d, struct frame_writer *w) {
	uint64_t result = 0;

	if (frame_end(w) < 0)
		abort();
	if (send(d->c.fd, w->p, w->n, MSG_NOSIGNAL) < 0 ||
	    caller_try_reply(&d->c, &result) < 0) {
		gone(d);
		return -ECONNRESET;
	}
	atomic_fetch_add(&d->ledger->at_desk, 1);
	return (int)result;
}

/* ---- signing in -------------------------------------------------------------------- */

/* Neither busy nor locked: the password was wrong. */
static bool is_refused(struct desk *d) {
	char message[64] = "";

	(void)frame_get_text(d->c.frame.body, "message", message, sizeof(message));
	return strcmp(message, "refused") == 0;
}

/* Answers the password. Return: 1 in; 0 refused; -EAGAIN (not even looked at); -ECONNRESET. */
static int converse(struct desk *d, const char *password) {
	uint64_t attempt = 0;

	for (;;) {
		uint8_t buffer[512];
		struct frame_writer w;

		if (caller_next(&d->c, 10000) != 1) {
			gone(d);
			return -ECONNRESET;
		}
		if (d->c.frame.kind != FRAME_EVENT ||
		    frame_get_uint(d->c.frame.body, "attempt", &attempt) < 0)
			continue;
		if (strcmp(d->c.frame.name, "signed-in") == 0)
			return 1;
		if (strcmp(d->c.frame.name, "attempt-over") == 0)
			return is_refused(d) ? 0 : -EAGAIN;
		caller_begin(&d->c, &w, buffer, sizeof(buffer), "attempt.answer");
		frame_uint(&w, "attempt", attempt);
		frame_bytes(&w, "value", password, strlen(password));
		if (ask(d, &w) < 0)
			return -ECONNRESET;
	}
}

static int try_password(struct desk *d, const char *name, const char *password) {
	uint8_t buffer[256];
	struct frame_writer w;
	int r;

	caller_begin(&d->c, &w, buffer, sizeof(buffer), "attempt.begin");
	frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
	frame_text(&w, "name", name);
	r = ask(d, &w);
	return r == RESULT_OK ? converse(d, password) : r < 0 ? r : -EBUSY;
}

/* A wrong password for somebody else, so that nobody of this shift is locked out by it. */
static void guess(struct desk *d) {
	uint32_t n = atomic_load(&d->ledger->n_users);
	uint32_t i = n > 0 ? draw(d, n) : 0;
	const struct ledger_user *u = &d->ledger->users[i];
	char name[32];

	if (atomic_load(&u->made) != ACKNOWLEDGED || atomic_load(&u->unsure) ||
	    atomic_load(&u->state) != ACCOUNT_ENABLED)
		return;
	snprintf(name, sizeof(name), "u-%u", i);
	if (try_password(d, name, "not the password") == 0)
		atomic_fetch_add(&d->ledger->wrong_told, 1);
}

static void become(struct desk *d, const char *name) {
	if (draw(d, 4) == 0)
		guess(d);
	if (!d->connected ||
	    try_password(d, name, name[0] == 'a' ? ADMIN_PASSWORD : STAFF_PASSWORD) != 1)
		return;
	atomic_fetch_add(&d->ledger->right_told, 1);
	d->who = name;
}

/* ---- accounts ---------------------------------------------------------------------- */

static void add(struct desk *d) {
	uint32_t n = atomic_load(&d->ledger->n_users);
	struct ledger_user *u = &d->ledger->users[n];
	uint8_t buffer[256];
	struct frame_writer w;
	uint64_t number = 0;
	char name[32];
	int r;

	if (n + 1 >= LEDGER_USERS)
		return;
	snprintf(name, sizeof(name), "u-%u", n);
	caller_begin(&d->c, &w, buffer, sizeof(buffer), "user.add");
	frame_text(&w, "name", name);
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, "nurse");
	frame_close(&w);
	atomic_store(&u->made, ASKED);
	atomic_store(&d->ledger->n_users, n + 1);
	r = ask(d, &w);
	if (r != RESULT_OK || frame_get_uint(d->c.frame.body, "number", &number) < 0) {
		if (r >= 0)
			atomic_store(&u->made, ASKED_DENIED);
		return;
	}
	atomic_store(&u->number, (uint32_t)number);
	atomic_store(&u->state, ACCOUNT_ENABLED);
	atomic_store(&u->made, ACKNOWLEDGED);
}

/* Disables or enables one of those that are there. */
static void change(struct desk *d) {
	uint32_t n = atomic_load(&d->ledger->n_users);
	struct ledger_user *u = n > 0 ? &d->ledger->users[draw(d, n)] : NULL;
	uint8_t buffer[256];
	struct frame_writer w;
	bool enable;
	char name[32];
	int r;

	if (!u || atomic_load(&u->made) != ACKNOWLEDGED)
		return;
	enable = atomic_load(&u->state) != ACCOUNT_ENABLED;
	snprintf(name, sizeof(name), "u-%u", (unsigned)(u - d->ledger->users));
	caller_begin(&d->c, &w, buffer, sizeof(buffer), enable ? "user.enable" : "user.disable");
	frame_text(&w, "name", name);
	atomic_store(&u->unsure, 1);
	r = ask(d, &w);
	if (r < 0)
		return;
	if (r == RESULT_OK)
		atomic_store(&u->state, enable ? ACCOUNT_ENABLED : ACCOUNT_DISABLED);
	atomic_store(&u->unsure, 0);
}

/* ---- guarded ----------------------------------------------------------------------- */

static void use(struct desk *d) {
	uint32_t n = atomic_load(&d->ledger->n_uses);
	uint8_t buffer[256];
	struct frame_writer w;
	struct policy_state s;
	char object[32];
	int r;

	if (n + 1 >= LEDGER_USES || state_page_read(d->c.page, &s) < 0)
		return;
	snprintf(object, sizeof(object), "g-%u", n);
	caller_begin(&d->c, &w, buffer, sizeof(buffer), "use");
	frame_text(&w, "action", "settings.display");
	frame_text(&w, "object", object);
	frame_uint(&w, "session", s.session);
	atomic_store(&d->ledger->uses[n], ASKED);
	atomic_store(&d->ledger->n_uses, n + 1);
	r = ask(d, &w);
	if (r >= 0)
		atomic_store(&d->ledger->uses[n], r == RESULT_OK ? ACKNOWLEDGED : ASKED_DENIED);
}

static void step(struct desk *d) {
	if (!d->connected) {
		d->connected = caller_try_open(&d->c, d->world, "service") == 0;
		if (!d->connected)
			usleep(5000);
		return;
	}
	if (draw(d, 10) == 0)
		d->who = NULL;
	if (!d->who)
		become(d, draw(d, 2) ? "anna" : "bert");
	usleep(draw(d, 20000));
	if (!d->who)
		return;
	if (d->who[0] == 'b')
		use(d);
	else if (draw(d, 2))
		add(d);
	else
		change(d);
}

void desk_run(const struct world *w, struct ledger *ledger, uint64_t seed) {
	struct desk d = { .world = w, .ledger = ledger, .c = { .fd = -1 }, .seed = seed };

	while (!atomic_load(&ledger->stop))
		step(&d);
	_exit(0);
}
