/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/seats-find.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "broker/say.h"
#include "common/cleanup.h"
#include "policy/config.h"

DEFINE_CLEANUP(struct policy *, policy_free)

static void print_messages(const struct policy_messages *messages) {
	for (uint32_t i = 0; i < messages->n; ++i) {
		const struct policy_message *m = &messages->list[i];

		if (m->severity != POLICY_ERROR)
			continue;
		if (m->line > 0)
			say("%s:%u: %s", m->file, m->line, m->text);
		else
			say("%s: %s", m->file, m->text);
	}
}

/* @messages is large: it is the caller's heap. */
static int compile(const char *config_path, struct policy_messages *messages,
                   struct policy **ret_policy) {
	cleanup_(free_charp) char *text = NULL;
	struct policy_source source = {0};
	char path[4096];
	int n, r;

	n = snprintf(path, sizeof(path), "%s/device.cfg", config_path);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	r = policy_read_file(path, messages, &text, &source.n_text);
	if (r < 0)
		return r;
	source.path = path;
	source.text = text;
	return policy_compile_device(&source, messages, ret_policy);
}

static uint32_t group_of(const struct seat_rules *rules, uint32_t gid) {
	const struct group *group;

	if (rules->group[0] == 0)
		return gid;
	group = getgrnam(rules->group);
	if (group)
		return group->gr_gid;
	say("seat \"%s\": there is no group \"%s\"; until there is, only the broker's own group "
	    "can connect", rules->name, rules->group);
	return gid;
}

static uint32_t user_of(const struct seat_rules *rules) {
	const struct passwd *user = getpwnam(rules->user);

	if (user)
		return user->pw_uid;
	say("seat \"%s\": there is no user \"%s\"; until there is, nobody can connect",
	    rules->name, rules->user);
	return SEAT_NO_UID;
}

static void resolve(const struct seat_rules *rules, uint32_t gid, struct seat_socket *ret_seat) {
	struct seat_socket seat = {.mode = rules->mode, .gid = group_of(rules, gid)};

	memcpy(seat.name, rules->name, sizeof(seat.name) - 1);
	if (rules->user[0] != 0) {
		seat.one_user = 1;
		seat.uid = user_of(rules);
	}
	*ret_seat = seat;
}

int seats_find(const char *config_path, uint32_t gid, struct seats *ret_seats) {
	cleanup_(policy_freep) struct policy *policy = NULL;
	struct policy_messages *messages = calloc(1, sizeof(*messages));
	struct seats seats = {.source = SEATS_DEVICE};
	int r;

	if (!messages)
		return -ENOMEM;
	r = compile(config_path, messages, &policy);
	print_messages(messages);
	free(messages);
	if (r < 0)
		return r;
	seats.n = policy->settings.n_seats;
	if (seats.n == 0 || seats.n > LIMIT_SEATS)
		return -EINVAL;
	for (uint32_t i = 0; i < seats.n; ++i)
		resolve(&policy->settings.seats[i], gid, &seats.seats[i]);
	seats_close(&seats);
	*ret_seats = seats;
	return 0;
}
