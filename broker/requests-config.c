/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/approval.h"
#include "broker/config.h"
#include "broker/requests.h"
#include "common/cleanup.h"
#include "policy/explain.h"

/* explain, check, config.install. */

/* Where the broker reads the files, and as whom: for who looks at a file before it does. */
static void put_place(struct frame_writer *w, const struct engine *e) {
	char directory[512];

	(void)snprintf(directory, sizeof(directory), "%s", e->setup->config_path);
	frame_text(w, "directory", directory);
	frame_uint(w, "uid", geteuid());
}

static void put_messages(struct frame_writer *w, const struct policy_messages *m) {
	frame_uint(w, "errors", m->n_errors);
	frame_open_array(w, "messages");
	for (uint32_t i = 0; i < m->n && !w->failed; ++i) {
		struct frame_writer before = *w;

		frame_open_map(w, NULL);
		frame_text(w, "file", m->list[i].file);
		frame_uint(w, "line", m->list[i].line);
		frame_text(w, "severity", m->list[i].severity == POLICY_ERROR ? "error" : "warning");
		frame_text(w, "text", m->list[i].text);
		frame_close(w);
		if (w->failed || w->n > LIMIT_FRAME - 64) {
			*w = before;
			break;
		}
	}
	frame_close(w);
}

/* New content of a file: in the body, or in a sealed memfd when it is large. */
struct content {
	enum config_kind kind;
	const char *p;
	size_t n;
	char *mapped; /* to be unmapped; NULL: p is in the packet                     */
};

static void content_free(struct content *c) {
	if (c->mapped)
		(void)munmap(c->mapped, c->n);
}

/* A memfd that can neither change nor shrink: reading it blocks for nobody. */
static int map_content(int fd, struct content *c) {
	const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p = NULL;

	if (seals < 0 || (seals & wanted) != wanted || fstat(fd, &st) < 0 || st.st_size <= 0 ||
	    (uint64_t)st.st_size > LIMIT_CONFIG)
		return -EPROTO;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	c->mapped = p;
	c->p = p;
	c->n = (size_t)st.st_size;
	return 0;
}

/* Return: 0; 1 answered (unknown kind); -EPROTO; -ENOMEM. */
static int take_content(struct request *r, struct content *ret) {
	char name[FRAME_NAME_MAX];
	const uint8_t *p = NULL;
	int e = 0;

	if (frame_get_text(r->body, "kind", name, sizeof(name)) < 0)
		return -EPROTO;
	e = frame_get_bytes(r->body, "content", &p, &ret->n);
	if (e < 0 && (e != -ENOENT || r->fd < 0))
		return -EPROTO;
	ret->p = (const char *)p;
	ret->kind = config_kind_by_name(name);
	if (ret->kind == CONFIG_NONE) {
		(void)reply_message(r, RESULT_INVALID, "kind is device, site or place");
		return 1;
	}
	return e == -ENOENT ? map_content(r->fd, ret) : 0;
}

/* Compiling takes the loop's time, and anybody may ask for it. Return: may it be done? */
static bool may_compile(struct request *r) {
	struct frame_writer w;

	if (r->now.boot_ms >= r->seat->compile_after_ms &&
	    budget_take(&r->seat->compiles, r->now.boot_ms, SEAT_COMPILES_PER_S))
		return true;
	reply_begin(r, &w, RESULT_BUSY);
	frame_uint(&w, "retry_ms", 1000);
	reply_send(r, &w);
	return false;
}

/* At most a quarter of the loop's time, however slow the machine. */
static void have_compiled(struct request *r) {
	uint64_t now = engine_now(r->engine).boot_ms;

	r->seat->compile_after_ms = now + 3 * (now - r->now.boot_ms);
}

int handle_check(struct request *r) {
	struct policy_messages *messages = NULL;
	cleanup_(content_free) struct content content = { 0 };
	struct frame_writer w;
	int e = take_content(r, &content);

	if (e != 0)
		return e < 0 ? e : 0;
	if (!may_compile(r))
		return 0;
	messages = calloc(1, sizeof(*messages));
	if (!messages)
		return -ENOMEM;
	e = config_check(r->engine, content.kind, content.p, content.n, messages);
	have_compiled(r);
	if (e < 0 && e != -EINVAL) {
		free(messages);
		return e;
	}
	reply_begin(r, &w, RESULT_OK);
	put_place(&w, r->engine);
	put_messages(&w, messages);
	reply_send(r, &w);
	free(messages);
	return 0;
}

/* The receipt that names careward.config and the digest of this very content. */
static int redeem(struct request *r, const struct content *content) {
	struct actor actor = request_actor(r);
	uint32_t action = policy_builtin_index(&r->engine->policy->table, POLICY_CONFIG);
	enum cw_verdict v = CW_DENY;
	enum cw_reason reason = CW_REASON_NONE;
	const uint8_t *receipt = NULL;
	size_t n_receipt = 0;
	uint8_t digest[32];
	int e = frame_get_bytes(r->body, "receipt", &receipt, &n_receipt);

	if (e == -EBADMSG)
		return -EPROTO;
	if (e == -ENOENT) {
		v = seat_decide(&r->seat->seat, &r->engine->policy->table, action, &r->now,
				&reason);
		(void)reply_denied(r, v == CW_ALLOW ? CW_CONFIRM : v, reason);
		return 1;
	}
	e = config_digest(content->p, content->n, digest);
	if (e == 0)
		e = approval_redeem(r->engine->store, r->engine->policy, &r->seat->seat, &actor,
		                    receipt, n_receipt, action, digest, &r->now, &v, &reason);
	if (e < 0 || v != CW_ALLOW) {
		(void)reply_denied(r, e < 0 ? CW_DENY : v,
		                   e < 0 ? CW_REASON_CONFIRMATION : reason);
		return 1;
	}
	return 0;
}

int handle_config_install(struct request *r) {
	struct policy_messages *messages = NULL;
	struct actor actor = request_actor(r);
	cleanup_(content_free) struct content content = { 0 };
	struct frame_writer w;
	int e = take_content(r, &content);

	if (e != 0)
		return e < 0 ? e : 0;
	if (!r->engine->policy || !r->engine->initialised)
		return reply_message(r, RESULT_NOT_READY, "not-initialised");
	if (!may_compile(r))
		return 0;
	messages = calloc(1, sizeof(*messages));
	if (!messages)
		return -ENOMEM;
	/* Refused content costs no receipt. */
	e = config_check(r->engine, content.kind, content.p, content.n, messages);
	have_compiled(r);
	if (e == 0) {
		e = redeem(r, &content);
		if (e != 0) {
			free(messages);
			return e < 0 ? e : 0;
		}
		memset(messages, 0, sizeof(*messages));
		e = config_install(r->engine, content.kind, content.p, content.n,
		                   &actor, &r->now, messages);
	}
	if (e < 0 && e != -EINVAL) {
		free(messages);
		return reply_errno(r, e);
	}
	reply_begin(r, &w, e == 0 ? RESULT_OK : RESULT_INVALID);
	put_place(&w, r->engine);
	if (e == 0)
		frame_bool(&w, "in_place", config_is_in_place(r->engine, content.kind, content.p,
							      content.n));
	put_messages(&w, messages);
	frame_uint(&w, "generation", r->engine->generation);
	reply_send(r, &w);
	free(messages);
	return 0;
}

static void put_bits(struct frame_writer *w, const char *key, uint32_t bits,
                     const char (*names)[POLICY_NAME_SIZE], uint32_t n) {
	frame_open_array(w, key);
	for (uint32_t i = 0; i < n; ++i)
		if ((bits >> i) & 1)
			frame_text(w, NULL, names[i]);
	frame_close(w);
}

static void put_explanation(struct request *r, const struct policy_explanation *x) {
	const struct policy_table *t = &r->engine->policy->table;
	struct frame_writer w;

	reply_begin(r, &w, RESULT_OK);
	frame_uint(&w, "verdict", (uint64_t)x->verdict);
	frame_uint(&w, "reason", (uint64_t)x->reason);
	frame_uint(&w, "kind", x->action.kind);
	frame_uint(&w, "assurance", x->action.assurance);
	frame_uint(&w, "confirm", x->action.confirm);
	frame_bool(&w, "witness", x->action.witness != 0);
	frame_uint(&w, "fresh_ms", x->action.fresh_ms);
	put_bits(&w, "when_true", x->action.when_true, t->signal_names, t->n_signals);
	put_bits(&w, "when_false", x->action.when_false, t->signal_names, t->n_signals);
	put_bits(&w, "roles", x->roles_granting, t->role_names, t->n_roles);
	put_bits(&w, "own_roles", x->roles_of_person, t->role_names, t->n_roles);
	put_bits(&w, "missing", x->signals_missing, t->signal_names, t->n_signals);
	frame_open_array(&w, "contexts");
	for (uint32_t i = 0; i < x->n_contexts; ++i) {
		frame_open_map(&w, NULL);
		frame_text(&w, "name", t->context_names[i]);
		frame_bool(&w, "in_force", x->contexts[i].in_force);
		frame_uint(&w, "needs", x->contexts[i].needs);
		frame_uint(&w, "verdict", (uint64_t)x->contexts[i].verdict);
		frame_uint(&w, "reason", (uint64_t)x->contexts[i].reason);
		frame_close(&w);
	}
	frame_close(&w);
	reply_send(r, &w);
}

/* Whose roles the question is about: a role, an account, or nobody. Return: 0; 1 answered. */
static int take_roles(struct request *r, struct policy_question *q) {
	char name[LIMIT_NAME], normal[LIMIT_NAME];
	const struct policy_table *t = &r->engine->policy->table;
	enum cw_reason reason = CW_REASON_NONE;
	enum cw_verdict verdict;
	struct account account;
	int e = frame_get_text(r->body, "role", name, sizeof(name)), role = 0;

	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	if (e == 0) {
		role = policy_role_index(t, name);
		if (role < 0) {
			(void)reply_nearest(r, "unknown-role", policy_nearest(name, t->role_names, t->n_roles));
			return 1;
		}
		q->roles |= 1u << role;
		q->signed_in = true;
	}
	e = frame_get_text(r->body, "name", name, sizeof(name));
	if (e < 0)
		return e == -ENOENT ? 0 : -EPROTO;
	verdict = request_decide(r, POLICY_HISTORY, &reason);
	if (verdict != CW_ALLOW) {
		(void)reply_denied(r, verdict, reason);
		return 1;
	}
	if (!r->engine->store || account_normalise(name, strlen(name), normal) < 0 ||
	    account_by_name(r->engine->store, normal, &account) < 0) {
		(void)reply_message(r, RESULT_NOT_FOUND, "unknown-account");
		return 1;
	}
	q->roles |= seat_role_bits(t, account.roles, account.n_roles);
	q->signed_in = true;
	return 0;
}

int handle_explain(struct request *r) {
	const struct policy_table *t = &r->engine->policy->table;
	struct policy_question q = { .assurance = CW_ASSURANCE_STRONG };
	struct policy_explanation *x = NULL;
	char name[POLICY_NAME_SIZE];
	int index = 0, e = 0;

	if (frame_get_text(r->body, "action", name, sizeof(name)) < 0)
		return -EPROTO;
	index = policy_action_index(t, name);
	if (index < 0)
		return reply_unknown_action(r, name);
	q.action = (uint32_t)index;
	e = take_roles(r, &q);
	if (e != 0)
		return e < 0 ? e : 0;
	e = frame_get_text(r->body, "context", name, sizeof(name));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	if (e == 0) {
		index = policy_context_index(t, name);
		if (index < 0)
			return reply_nearest(r, "unknown-context",
			                     policy_nearest(name, t->context_names, t->n_contexts));
		q.true_now = t->contexts[index].when_true;
		q.false_now = t->contexts[index].when_false;
	}
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	e = policy_explain(r->engine->policy, &q, x);
	if (e == 0)
		put_explanation(r, x);
	free(x);
	return e;
}
