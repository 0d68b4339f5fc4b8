/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs that nobody at this seat may use, asked by a process with the screen's own uid
 *
 * Whatever is broken, none of them is answered with yes. What is broken may keep
 * them from being answered at all, so the whole list has a time to be asked in.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/faults/verbs.h"

#define ALL_MS 1500
#define ONE_MS 500

struct argument {
	char form; /* t text, l list of one text, u number, b 16 bytes, d 32 bytes, s bytes */
	const char *key;
	const char *text;
	uint64_t number;
};

static const struct asked {
	const char *verb;
	struct argument arguments[4];
} asked[] = {
	{ "init", { { 't', "name", "mallory" }, { 'l', "roles", "admin" } } },
	{ "user.add", { { 't', "name", "mallory" }, { 'l', "roles", "nurse" } } },
	{ "user.list", { { 0 } } },
	{ "user.disable", { { 't', "name", "anna" } } },
	{ "user.enable", { { 't', "name", "anna" } } },
	{ "user.reset", { { 't', "name", "anna" } } },
	{ "user.role", { { 't', "name", "nina" }, { 'l', "add", "admin" } } },
	{ "token.export", { { 's', "passphrase", "a very long pass phrase" } } },
	{ "token.revoke", { { 'u', "number", NULL, 1 } } },
	{ "history", { { 0 } } },
	{ "review.list", { { 0 } } },
	{ "review.close", { { 'b', "id" }, { 't', "outcome", "justified" } } },
	{ "keys", { { 0 } } },
	{ "config.install", { { 't', "kind", "site" }, { 's', "content", "end = true;" } } },
	{ "use", { { 't', "action", "data.export" }, { 'u', "session" } } },
	{ "use", { { 't', "action", "software.update" }, { 'u', "session" } } },
	{ "redeem",
	  { { 't', "action", "software.update" }, { 'd', "digest" }, { 's', "receipt", "rubbish" } } },
};

static int connect_now(struct caller *c, const struct world *w) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t n = sizeof(peer);

	*c = (struct caller){ .fd = -1 };
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/main", w->run);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return -errno;
	return peer.uid == BROKER_UID ? 0 : -EPERM;
}

static bool send_now(struct caller *c, struct frame_writer *w) {
	return frame_end(w) == 0 &&
	       send(c->fd, w->p, w->n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)w->n;
}

/* Return: the result; -1: no answer, or the connection is over. */
static int wait_for(struct caller *c) {
	uint64_t end = boot_now_ms() + ONE_MS, result = 0;

	while (boot_now_ms() < end) {
		int r = caller_next(c, ONE_MS);

		for (int i = 0; r == 1 && i < c->n_fds; ++i)
			(void)close(c->fds[i]);
		if (r < 0)
			return -1;
		if (r == 1 && c->frame.kind == FRAME_REPLY && c->frame.serial == c->serial &&
		    frame_get_uint(c->frame.body, "result", &result) == 0)
			return (int)result;
	}
	return -1;
}

static bool greet(struct caller *c) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "hello");
	frame_uint(&w, "version", PROTOCOL_VERSION);
	frame_uint(&w, "actions", 0);
	frame_text(&w, "app", "asker");
	return send_now(c, &w) && wait_for(c) == RESULT_OK;
}

static void put(struct frame_writer *w, const struct argument *a) {
	static const uint8_t zeros[32];

	if (a->form == 't')
		frame_text(w, a->key, a->text);
	if (a->form == 'u')
		frame_uint(w, a->key, a->number);
	if (a->form == 'b')
		frame_bytes(w, a->key, zeros, 16);
	if (a->form == 'd')
		frame_bytes(w, a->key, zeros, 32);
	if (a->form == 's')
		frame_bytes(w, a->key, a->text, strlen(a->text));
	if (a->form == 'l') {
		frame_open_array(w, a->key);
		frame_text(w, NULL, a->text);
		frame_close(w);
	}
}

/* The alarms that `status` names. */
static void take_alarms(struct cell *cell, struct caller *c) {
	struct frame_span alarms, item;
	size_t cursor = 0;
	uint8_t buffer[128];
	char name[64];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "status");
	if (!send_now(c, &w) || wait_for(c) != RESULT_OK ||
	    frame_get_array(c->frame.body, "alarms", &alarms) < 0)
		return;
	while (frame_next_item(alarms, &cursor, &item) == 1)
		if (frame_item_text(item, name, sizeof(name)) == 0)
			cell_told(cell, name);
}

unsigned verbs_ask(struct cell *cell) {
	uint64_t end = boot_now_ms() + ALL_MS;
	unsigned answered = 0;
	struct caller c;

	if (connect_now(&c, &cell->w) < 0 || !greet(&c)) {
		(void)close(c.fd);
		return 0;
	}
	take_alarms(cell, &c);
	for (size_t i = 0; i < ARRAY_SIZE(asked) && boot_now_ms() < end; ++i) {
		uint8_t buffer[512];
		struct frame_writer w;
		int r;

		caller_begin(&c, &w, buffer, sizeof(buffer), asked[i].verb);
		for (size_t k = 0; k < ARRAY_SIZE(asked[i].arguments); ++k)
			put(&w, &asked[i].arguments[k]);
		r = send_now(&c, &w) ? wait_for(&c) : -1;
		answered += r >= 0;
		if (r == RESULT_OK)
			cell_red(cell, "nothing else", "%s (%s) is answered with yes", asked[i].verb,
			         asked[i].arguments[0].text ? asked[i].arguments[0].text : "");
	}
	(void)close(c.fd);
	return answered;
}
