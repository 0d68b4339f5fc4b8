/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "auth/administer.h"
#include "auth/recovery.h"
#include "broker/config.h"
#include "broker/requests.h"
#include "common/cleanup.h"

/*
 * Accounts. Whatever hands out a one-time secret hashes it first, on the worker,
 * and changes nothing unless the connection that asked is still there to read it.
 */

#define SECRETS_MAX 2u /* init: the password and the recovery code               */

struct secret_op {
	struct later later;
	struct actor actor;
	enum audit_event event;
	struct account account;
	uint64_t generation;  /* of the policy by which it was permitted             */
	uint32_t n;
	struct secret secrets[SECRETS_MAX];
	struct password_job jobs[SECRETS_MAX];
};

static void op_free(struct secret_op *op) {
	explicit_bzero(op, sizeof(*op));
	free(op);
}

static void op_abandon(void *data) {
	op_free(data);
}

static void op_run(void *data, struct arena *arena) {
	struct secret_op *op = data;

	for (uint32_t i = 0; i < op->n; ++i)
		password_job_run(arena, &op->jobs[i]);
}

/*
 * What permitted it has to hold still: hashing takes its time, and meanwhile the
 * person may have gone, the policy or the account have changed, or another init
 * have been the first.
 */
static int op_is_permitted(const struct secret_op *op, struct request *r) {
	enum cw_reason reason = CW_REASON_NONE;
	struct account account;
	int e = 0;

	if (!r->engine->store || !r->engine->policy)
		return -EIO;
	if (op->later.verb == VERB_INIT)
		return r->engine->initialised ? -EEXIST
		       : op->generation != r->engine->generation ? -ESTALE : 0;
	if (op->generation != r->engine->generation ||
	    r->seat->seat.session.number != op->actor.session ||
	    request_decide(r, POLICY_ACCOUNTS, &reason) != CW_ALLOW)
		return -ESTALE;
	if (op->later.verb != VERB_USER_RESET)
		return 0;
	e = account_by_number(r->engine->store, op->account.number, &account);
	if (e == 0 && account.generation != op->account.generation)
		e = -ESTALE;
	return e;
}

/* The account's password becomes the one-time secret, with every flag that says so. */
static int op_store_password(struct secret_op *op, struct request *r) {
	const struct password_rules *rules = &r->engine->policy->settings.passwords;
	struct password p = { 0 };
	int e = password_load(r->engine->store, op->account.number, &p);

	if (e == -ENOENT)
		p.account = op->account.number;
	else if (e < 0)
		return e;
	if (p.number != 0)
		password_take(&p, rules, &op->jobs[0].made);
	else
		p.current = op->jobs[0].made;
	p.one_time = true;
	p.used = false;
	p.disabled = false;
	p.set_ms = r->now.wall_ms;
	p.expires_ms = r->now.trust == CLOCK_TRUSTED
			       ? r->now.wall_ms + (int64_t)rules->one_time_valid_s * 1000
			       : 0;
	p.set_by = op->actor.account;
	p.reset_unseen = op->later.verb == VERB_USER_RESET;
	return password_store(r->engine->store, &op->actor, &r->now, op->event, &p);
}

static int op_record_init(struct secret_op *op, struct request *r) {
	struct journal_entry entry = {
		.at = r->now,
		.event = EVENT_INITIALISED,
		.outcome = OUTCOME_OK,
		.seat = op->actor.seat,
		.flags = r->engine->setup->embedded ? ENTRY_NOT_ISOLATED : 0,
		.target = op->account.number,
		.peer_uid = op->actor.peer_uid,
	};

	return journal_append(r->engine->store, &entry);
}

static int op_apply(struct secret_op *op, struct request *r) {
	struct store *store = r->engine->store;
	int e = 0;

	if (op->later.verb != VERB_USER_RESET)
		e = account_create(store, &op->actor, &r->now, &op->account);
	if (e == 0)
		e = op_store_password(op, r);
	if (e == 0 && op->later.verb == VERB_USER_RESET)
		e = lockout_clear_account(store, op->account.number, CW_FACTOR_PASSWORD);
	if (e == 0 && op->later.verb == VERB_INIT)
		e = recovery_store(store, r->engine->auth.recovery_verifier_name,
		                   &op->jobs[1].made);
	if (e == 0 && op->later.verb == VERB_INIT)
		e = op_record_init(op, r);
	if (e == 0 && op->later.verb == VERB_INIT)
		e = config_install_all(r->engine, &op->actor, &r->now);
	return e;
}

static void op_reply(struct secret_op *op, struct request *r) {
	uint8_t anchor[32] = { 0 };
	struct frame_writer w;

	if (op->later.verb == VERB_INIT)
		(void)journal_anchor(r->engine->store, anchor);
	reply_begin(r, &w, RESULT_OK);
	frame_uint(&w, "number", op->account.number);
	frame_text_n(&w, "secret", (const char *)op->secrets[0].bytes, op->secrets[0].n);
	if (op->later.verb == VERB_INIT) {
		frame_text_n(&w, "recovery", (const char *)op->secrets[1].bytes, op->secrets[1].n);
		frame_bytes(&w, "anchor", anchor, sizeof(anchor));
	}
	reply_send(r, &w);
}

static void op_done(void *data) {
	struct secret_op *op = data;
	struct request r;
	int e = 0;

	if (!later_resume(&op->later, &r)) {
		op_free(op);
		return;
	}
	for (uint32_t i = 0; i < op->n; ++i)
		if (op->jobs[i].error != 0 || op->jobs[i].is_made != PASSWORD_YES)
			e = -ENOMEM;
	if (e == 0)
		e = op_is_permitted(op, &r);
	if (e == 0)
		e = store_begin(r.engine->store);
	if (e == 0) {
		e = op_apply(op, &r);
		if (e == 0)
			e = store_commit(r.engine->store);
		else
			store_rollback(r.engine->store);
	}
	if (e == 0) {
		r.engine->initialised = true;
		op_reply(op, &r);
	} else {
		(void)reply_errno(&r, e);
	}
	op_free(op);
}

static int op_start(struct request *r, struct secret_op *op, uint32_t n) {
	const struct password_rules *rules = &r->engine->policy->settings.passwords;
	const struct worker_task task = { op_run, op_done, op, op_abandon };
	uint8_t random[32];

	op->later = later_from(r);
	op->generation = r->engine->generation;
	op->n = n;
	for (uint32_t i = 0; i < n; ++i) {
		struct password_job *job = &op->jobs[i];

		if (getrandom(random, sizeof(random), 0) != sizeof(random) ||
		    getrandom(job->salt, sizeof(job->salt), 0) != sizeof(job->salt)) {
			explicit_bzero(random, sizeof(random));
			op_free(op);
			return -EIO;
		}
		password_one_time(random, &op->secrets[i]);
		job->kind = PASSWORD_JOB_MAKE;
		job->candidate = op->secrets[i];
		job->cost =
			(struct argon2_cost){ rules->argon2_memory_kib, rules->argon2_passes, 1 };
	}
	explicit_bzero(random, sizeof(random));
	if (worker_submit(r->engine->hasher, &task) < 0) {
		op_free(op);
		return reply_busy(r);
	}
	return 0;
}

/* Copies role names into an account; all must be known. Return: 0; 1 answered; -EPROTO. */
static int take_roles(struct request *r, const char *key, struct account *account) {
	const struct policy_table *t = &r->engine->policy->table;
	char names[LIMIT_ROLES_OF_ACCOUNT][POLICY_NAME_SIZE];
	int n = request_names(r, key, names, LIMIT_ROLES_OF_ACCOUNT);

	if (n < 0)
		return n;
	for (int i = 0; i < n; ++i) {
		if (policy_role_index(t, names[i]) < 0) {
			(void)reply_nearest(r, "unknown-role",
			                    policy_nearest(names[i], t->role_names, t->n_roles));
			return 1;
		}
		if (administer_add_role(account, names[i]) < 0)
			return -EPROTO;
	}
	return 0;
}

/* Entitled to administer, but not this: refused, and recorded as such. */
static int refuse(struct request *r) {
	const struct policy_table *t = &r->engine->policy->table;

	record_denied(r, t->action_names[policy_builtin_index(t, POLICY_ACCOUNTS)], CW_REASON_ROLE);
	return reply_denied(r, CW_DENY, CW_REASON_ROLE);
}

/* Nobody changes his own account; another administrator does. */
static int refuse_oneself(struct request *r) {
	const struct policy_table *t = &r->engine->policy->table;
	struct frame_writer w;

	record_denied(r, t->action_names[policy_builtin_index(t, POLICY_ACCOUNTS)], CW_REASON_ROLE);
	reply_begin(r, &w, RESULT_DENIED);
	frame_uint(&w, "verdict", CW_DENY);
	frame_uint(&w, "reason", CW_REASON_ROLE);
	frame_text(&w, "message", "not-oneself");
	reply_send(r, &w);
	return 0;
}

/* name, person, display, validity. Return: 0; 1 answered (invalid); -EPROTO. */
static int take_person(struct request *r, struct account *account) {
	char name[LIMIT_NAME];
	int e = 0;

	if (frame_get_text(r->body, "name", name, sizeof(name)) < 0)
		return -EPROTO;
	if (account_normalise(name, strlen(name), account->name) < 0) {
		(void)reply_message(r, RESULT_INVALID, "bad-name");
		return 1;
	}
	e = frame_get_text(r->body, "person", account->person, sizeof(account->person));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	e = frame_get_text(r->body, "display", account->display, sizeof(account->display));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	e = frame_get_int(r->body, "from_ms", &account->valid_from_ms);
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	e = frame_get_int(r->body, "until_ms", &account->valid_until_ms);
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	return 0;
}

int handle_init(struct request *r) {
	cleanup_(free_charp) char *room = NULL;
	struct secret_op *op = NULL;
	struct admin_rule admins;
	uint32_t bits = 0, admin_action = 0;
	int e = 0;

	if (r->engine->initialised)
		return reply_message(r, RESULT_EXISTS, "already-initialised");
	if (r->peer->uid != 0 && r->peer->uid != geteuid())
		return refuse(r);
	op = calloc(1, sizeof(*op));
	if (!op)
		return -ENOMEM;
	room = (char *)op;
	e = take_person(r, &op->account);
	if (e != 0)
		return e < 0 ? e : 0;
	e = take_roles(r, "roles", &op->account);
	if (e != 0)
		return e < 0 ? e : 0;
	administer_admins(r->engine->policy, &admins);
	admin_action = policy_builtin_index(&r->engine->policy->table, POLICY_ACCOUNTS);
	bits = seat_role_bits(&r->engine->policy->table, op->account.roles, op->account.n_roles);
	if ((bits & r->engine->policy->table.actions[admin_action].roles) == 0)
		return reply_message(r, RESULT_INVALID, "no-role-that-grants-careward.accounts");
	op->account.state = ACCOUNT_ENABLED;
	op->account.source = ACCOUNT_FROM_INIT;
	op->account.created_ms = r->now.wall_ms;
	op->actor = (struct actor){ .seat = (uint8_t)(r->seat->seat.index + 1),
				    .peer_uid = r->peer->uid };
	op->event = EVENT_ACCOUNT_RESET;
	room = NULL; /* op_start()'s */
	return op_start(r, op, 2);
}

int handle_user_add(struct request *r) {
	cleanup_(free_charp) char *room = NULL;
	struct secret_op *op = calloc(1, sizeof(*op));
	const struct session *s = &r->seat->seat.session;
	uint32_t wanted = 0;
	uint64_t until_s = 0;
	struct account known;
	int e = 0;

	if (!op)
		return -ENOMEM;
	room = (char *)op;
	e = take_person(r, &op->account);
	if (e != 0)
		return e < 0 ? e : 0;
	e = take_roles(r, "roles", &op->account);
	if (e != 0)
		return e < 0 ? e : 0;
	wanted = seat_role_bits(&r->engine->policy->table, op->account.roles, op->account.n_roles);
	e = administer_bounds(r->engine->policy, s->roles, wanted, &until_s);
	if (e == 0)
		e = administer_limit(&op->account, until_s, &r->now);
	if (e == -EPERM)
		return refuse(r);
	if (e == -ERANGE)
		return reply_message(r, RESULT_INVALID, "ends-in-the-past");
	if (e < 0)
		return reply_message(r, RESULT_INVALID, "no-role-or-bad-validity");
	if (account_by_name(r->engine->store, op->account.name, &known) != -ENOENT)
		return reply_message(r, RESULT_EXISTS, "name-was-given-before");
	op->account.state = ACCOUNT_ENABLED;
	op->account.source = ACCOUNT_FROM_LOCAL;
	op->account.created_by = s->account;
	op->account.sponsor = s->account;
	op->account.created_ms = r->now.wall_ms;
	op->actor = request_actor(r);
	op->event = EVENT_ACCOUNT_RESET;
	room = NULL; /* op_start()'s */
	return op_start(r, op, 1);
}

#define NAMES_COMPARED 1000u

struct names {
	char (*list)[POLICY_NAME_SIZE];
	uint32_t n;
};

static int take_name(const struct account *account, void *userdata) {
	struct names *names = userdata;

	if (account->state == ACCOUNT_ENABLED || account->state == ACCOUNT_DISABLED)
		memcpy(names->list[names->n++], account->name, sizeof(account->name));
	return names->n < NAMES_COMPARED ? 0 : 1;
}

/* Only to somebody who may list the accounts anyway. */
static int reply_unknown_account(struct request *r, const char *name) {
	struct names names = { .list = calloc(NAMES_COMPARED, POLICY_NAME_SIZE) };

	if (!names.list)
		return reply_nearest(r, "unknown-account", NULL);
	(void)account_list(r->engine->store, 0, NAMES_COMPARED, take_name, &names);
	(void)reply_nearest(
		r, "unknown-account",
		policy_nearest(name, (const char(*)[POLICY_NAME_SIZE])names.list, names.n));
	free(names.list);
	return 0;
}

/* Finds the account named in the body and asks whether it may be changed. Return: 0; 1 answered. */
static int take_target(struct request *r, struct account *account) {
	char typed[LIMIT_NAME], name[LIMIT_NAME];
	int e = 0;

	if (frame_get_text(r->body, "name", typed, sizeof(typed)) < 0)
		return -EPROTO;
	e = account_normalise(typed, strlen(typed), name);
	if (e == 0)
		e = account_by_name(r->engine->store, name, account);
	if (e == -EINVAL || e == -ENOENT) {
		(void)reply_unknown_account(r, typed);
		return 1;
	}
	if (e < 0) {
		(void)reply_errno(r, e);
		return 1;
	}
	if (account->number == r->seat->seat.session.account) {
		(void)refuse_oneself(r);
		return 1;
	}
	e = administer_may_change(r->engine->policy, r->seat->seat.session.account,
	                          r->seat->seat.session.roles, account);
	if (e < 0) {
		(void)refuse(r);
		return 1;
	}
	return 0;
}

int handle_user_reset(struct request *r) {
	struct secret_op *op = calloc(1, sizeof(*op));
	int e = op ? take_target(r, &op->account) : -ENOMEM;

	if (e != 0) {
		free(op);
		return e < 0 ? e : 0;
	}
	op->actor = request_actor(r);
	op->event = EVENT_ACCOUNT_RESET;
	return op_start(r, op, 1);
}

static int change(struct request *r, struct account *account, enum audit_event event) {
	struct actor actor = request_actor(r);
	struct admin_rule admins;
	int e = 0;

	administer_admins(r->engine->policy, &admins);
	e = account_change(r->engine->store, &actor, &r->now, event, &admins, account);
	if (e < 0)
		return reply_errno(r, e);
	for (uint32_t i = 0; i < r->engine->n_seats; ++i)
		if (seat_refresh(r->engine->store, &r->engine->seats[i].seat, r->engine->policy,
				 &r->now))
			engine_publish(r->engine, &r->engine->seats[i], false);
	return reply(r, RESULT_OK);
}

int handle_user_disable(struct request *r) {
	struct account account;
	int e = take_target(r, &account);

	if (e != 0)
		return e < 0 ? e : 0;
	account.state = ACCOUNT_DISABLED;
	return change(r, &account, EVENT_ACCOUNT_DISABLED);
}

int handle_user_enable(struct request *r) {
	struct account account;
	int e = take_target(r, &account);

	if (e != 0)
		return e < 0 ? e : 0;
	if (account.state == ACCOUNT_ENDED)
		return reply_message(r, RESULT_INVALID, "account-has-ended");
	account.state = ACCOUNT_ENABLED;
	return change(r, &account, EVENT_ACCOUNT_ENABLED);
}

static bool account_has_role(const struct account *account, const char *role) {
	for (uint32_t i = 0; i < account->n_roles; ++i)
		if (strcmp(account->roles[i], role) == 0)
			return true;
	return false;
}

int handle_user_role(struct request *r) {
	char removed[LIMIT_ROLES_OF_ACCOUNT][POLICY_NAME_SIZE];
	struct account account, added = { 0 };
	uint64_t until_s = 0;
	uint32_t bits = 0;
	int n = 0, e = take_target(r, &account);

	if (e != 0)
		return e < 0 ? e : 0;
	n = request_names(r, "remove", removed, LIMIT_ROLES_OF_ACCOUNT);
	if (n < 0)
		return n;
	e = take_roles(r, "add", &added);
	if (e != 0)
		return e < 0 ? e : 0;
	bits = seat_role_bits(&r->engine->policy->table, added.roles, added.n_roles);
	if (bits != 0) {
		e = administer_bounds(r->engine->policy, r->seat->seat.session.roles, bits,
				      &until_s);
		if (e == 0)
			e = administer_limit(&account, until_s, &r->now);
		if (e < 0)
			return refuse(r);
	}
	for (int i = 0; i < n; ++i)
		if (!account_has_role(&account, removed[i]))
			return reply_message(r, RESULT_NOT_FOUND, "role-not-held");
	for (int i = 0; i < n; ++i)
		administer_remove_role(&account, removed[i]);
	for (uint32_t i = 0; i < added.n_roles; ++i)
		if (administer_add_role(&account, added.roles[i]) < 0)
			return reply_message(r, RESULT_INVALID, "too-many-roles");
	return change(r, &account, EVENT_ACCOUNT_ROLES);
}

/* One page of accounts. */
struct listing {
	struct request *r;
	struct frame_writer *w;
	uint32_t n;
	uint32_t last;
	bool full;
};

static const char *state_name(enum account_state state) {
	switch (state) {
	case ACCOUNT_ENABLED:
		return "enabled";
	case ACCOUNT_DISABLED:
		return "disabled";
	case ACCOUNT_ENDED:
		return "ended";
	case ACCOUNT_NONE:
		break;
	}
	return "damaged";
}

static uint64_t locked_ms(struct request *r, const struct account *account) {
	struct lockout_key key = { .subject = account->number, .factor = CW_FACTOR_PASSWORD };
	uint64_t longest = 0;

	for (uint32_t i = 0; i < r->engine->n_seats; ++i) {
		struct lockout lockout = { 0 };

		key.seat = (uint8_t)(i + 1);
		(void)lockout_read(r->engine->store, &r->engine->policy->settings.lockout, &key,
				   &r->now, &lockout);
		if (lockout.remaining_ms > longest)
			longest = lockout.remaining_ms;
	}
	return longest;
}

static int list_one(const struct account *account, void *userdata) {
	struct listing *l = userdata;
	struct frame_writer before = *l->w;

	frame_open_map(l->w, NULL);
	frame_uint(l->w, "number", account->number);
	frame_text(l->w, "name", account->name);
	frame_text(l->w, "display", account->display);
	frame_text(l->w, "person", account->person);
	frame_text(l->w, "state", state_name(account->state));
	frame_open_array(l->w, "roles");
	for (uint32_t i = 0; i < account->n_roles; ++i)
		frame_text(l->w, NULL, account->roles[i]);
	frame_close(l->w);
	frame_int(l->w, "until_ms", account->valid_until_ms);
	frame_uint(l->w, "locked_ms", locked_ms(l->r, account));
	frame_close(l->w);
	if (l->w->failed || l->w->n > LIMIT_FRAME - 64) {
		*l->w = before;
		l->full = true;
		return 1;
	}
	++l->n;
	l->last = account->number;
	return 0;
}

int handle_user_list(struct request *r) {
	struct frame_writer w;
	struct listing l = { .r = r, .w = &w };
	uint64_t after = 0;
	int e = frame_get_uint(r->body, "after", &after);

	if ((e < 0 && e != -ENOENT) || after > UINT32_MAX)
		return -EPROTO;
	reply_begin(r, &w, RESULT_OK);
	frame_open_array(&w, "users");
	e = account_list(r->engine->store, (uint32_t)after, 100, list_one, &l);
	if (e < 0)
		return reply_errno(r, e);
	frame_close(&w);
	frame_uint(&w, "next", l.full || l.n == 100 ? l.last : 0);
	reply_send(r, &w);
	return 0;
}
