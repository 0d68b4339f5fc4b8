/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "broker/config.h"
#include "broker/say.h"
#include "common/cleanup.h"
#include "common/secret.h"

static const char *const kind_names[CONFIG_N] = { "", "device", "site", "place" };
static const char *const file_names[CONFIG_N] = { "", "device.cfg", "site.cfg", "place.cfg" };

enum config_kind config_kind_by_name(const char *name) {
	for (unsigned k = CONFIG_DEVICE; k < CONFIG_N; ++k)
		if (strcmp(kind_names[k], name) == 0)
			return (enum config_kind)k;
	return CONFIG_NONE;
}

const char *config_file_name(enum config_kind kind) {
	return (unsigned)kind < CONFIG_N ? file_names[kind] : "";
}

int config_digest(const void *content, size_t n, uint8_t ret_digest[32]) {
	unsigned size = 32;

	if (EVP_Digest(content, n, ret_digest, &size, EVP_sha256(), NULL) != 1 || size != 32)
		return -EIO;
	return 0;
}

/* One text, wherever it came from. */
struct text {
	char *p;  /* NULL: absent                                                     */
	size_t n;
};

struct texts {
	struct text of[CONFIG_N];
};

static void texts_free(struct texts *t) {
	for (unsigned k = 0; k < CONFIG_N; ++k)
		free(t->of[k].p);
}

/* What the journal says was installed. */
struct installation {
	const char *file;
	const uint8_t *digest;
	bool is_so;
};

static int see_installation(const struct journal_entry *entry, void *userdata) {
	struct installation *i = userdata;

	i->is_so = entry->event == EVENT_CONFIG_INSTALLED && entry->has_digest && entry->object &&
		   strcmp(entry->object, i->file) == 0 && equal_32(entry->digest, i->digest);
	return 1;
}

/* The row says which entry; the entry, in its chain, says which content. */
static int ask_journal(struct store *store, enum config_kind kind, uint64_t seq,
                       const uint8_t digest[32]) {
	struct journal_filter filter = { .before = seq + 1, .after = seq - 1 };
	struct installation i = { .file = file_names[kind], .digest = digest };
	uint64_t next = 0;
	int r = seq == 0 ? -EBADMSG : journal_query(store, &filter, 1, see_installation, &i, &next);

	if (r < 0)
		return r;
	return i.is_so ? 0 : -EBADMSG;
}

/* The content that was installed last. Return: 0; -ENOENT; -EBADMSG; -EIO. */
static int installed(struct store *store, enum config_kind kind, struct text *ret) {
	sqlite3_stmt *stmt = NULL;
	uint8_t digest[32];
	uint64_t seq = 0;
	int n = 0, r = store_prepare(store,
	                             "SELECT sha256, content, seq FROM configurations WHERE kind = ? "
	                             "ORDER BY number DESC LIMIT 1",
	                             &stmt);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int(stmt, 1, (int)kind);
	r = sqlite3_step(stmt);
	if (r != SQLITE_ROW) {
		(void)sqlite3_reset(stmt);
		return r == SQLITE_DONE ? -ENOENT : -EIO;
	}
	n = sqlite3_column_bytes(stmt, 1);
	r = 0;
	if (sqlite3_column_bytes(stmt, 0) != 32 ||
	    config_digest(sqlite3_column_blob(stmt, 1), (size_t)n, digest) < 0 ||
	    !equal_32(digest, sqlite3_column_blob(stmt, 0)))
		r = -EBADMSG;
	if (r == 0) {
		ret->p = malloc((size_t)n + 1);
		r = ret->p ? 0 : -ENOMEM;
	}
	if (r == 0) {
		if (n > 0)
			memcpy(ret->p, sqlite3_column_blob(stmt, 1), (size_t)n);
		ret->p[n] = '\0';
		ret->n = (size_t)n;
		seq = (uint64_t)sqlite3_column_int64(stmt, 2);
	}
	(void)sqlite3_reset(stmt);
	if (r == 0)
		r = ask_journal(store, kind, seq, digest);
	if (r < 0) {
		free(ret->p);
		*ret = (struct text){ 0 };
	}
	return r;
}

static int add_row(struct store *store, enum config_kind kind, const struct text *text,
                   const uint8_t digest[32], uint64_t seq) {
	sqlite3_stmt *stmt = NULL;
	int r = store_prepare(store,
	                      "INSERT INTO configurations (kind, sha256, seq, content) "
	                      "VALUES (?, ?, ?, ?)",
	                      &stmt);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int(stmt, 1, (int)kind);
	(void)sqlite3_bind_blob(stmt, 2, digest, 32, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)seq);
	(void)sqlite3_bind_blob(stmt, 4, text->p, (int)text->n, SQLITE_STATIC);
	r = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	return store_errno(r);
}

/* Entry and row of one installed content, in one transaction. */
static int record_installed(struct engine *e, enum config_kind kind, const struct text *text,
                            const struct actor *actor, const struct moment *now) {
	struct journal_entry entry = {
		.at = *now,
		.event = EVENT_CONFIG_INSTALLED,
		.outcome = OUTCOME_OK,
		.seat = actor->seat,
		.assurance = actor->assurance,
		.factor = actor->factor,
		.account = actor->account,
		.session = actor->session,
		.peer_uid = actor->peer_uid,
		.has_digest = true,
		.object = file_names[kind],
	};
	int r = config_digest(text->p, text->n, entry.digest);

	if (r == 0)
		r = store_begin(e->store);
	if (r < 0)
		return r;
	r = journal_append(e->store, &entry);
	if (r == 0)
		r = add_row(e->store, kind, text, entry.digest, entry.seq);
	if (r == 0)
		return store_commit(e->store);
	store_rollback(e->store);
	return r;
}

static const struct policy_message *first_error(const struct policy_messages *messages) {
	for (uint32_t i = 0; i < messages->n; ++i)
		if (messages->list[i].severity == POLICY_ERROR)
			return &messages->list[i];
	return NULL;
}

/* Why a file is refused: kept for status, and said when it is new. */
static void keep_refusal(struct engine *e, enum config_kind kind,
                         const struct policy_messages *messages) {
	const struct policy_message *m = first_error(messages);
	char text[ENGINE_REFUSAL];

	if (!m)
		return;
	if (m->line > 0)
		(void)snprintf(text, sizeof(text), "%s:%u: %s", m->file, m->line, m->text);
	else
		(void)snprintf(text, sizeof(text), "%s: %s", m->file, m->text);
	if (strcmp(e->refusals[kind], text) == 0)
		return;
	memcpy(e->refusals[kind], text, sizeof(text));
	if (messages->n_errors > 1)
		say("%s (and %u errors more)", text, messages->n_errors - 1);
	else
		say("%s", text);
}

static void record_refused(struct engine *e, enum config_kind kind,
                           const struct policy_messages *messages) {
	const struct policy_message *m = first_error(messages);
	char detail[LIMIT_TEXT] = "";
	struct journal_entry entry = {
		.event = EVENT_CONFIG_REFUSED,
		.outcome = OUTCOME_REFUSED,
		.peer_uid = UINT32_MAX,
		.object = file_names[kind],
		.detail = detail,
	};

	if (m)
		(void)snprintf(detail, sizeof(detail), "line=%u errors=%u: %s", m->line,
		               messages->n_errors, m->text);
	keep_refusal(e, kind, messages);
	(void)engine_record(e, &entry);
}

/* Which of the three files the first error is in. */
static enum config_kind kind_of_error(const struct policy_messages *messages) {
	const struct policy_message *m = first_error(messages);

	for (unsigned k = CONFIG_DEVICE; m && k < CONFIG_N; ++k)
		if (strcmp(m->file, file_names[k]) == 0)
			return (enum config_kind)k;
	return CONFIG_SITE;
}

static int read_file(struct engine *e, enum config_kind kind, struct policy_messages *messages,
                     struct text *ret) {
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", e->setup->config_path, file_names[kind]);
	return policy_read_file(path, messages, &ret->p, &ret->n);
}

static int compile(struct engine *e, const struct texts *t, uint64_t generation,
                   struct policy_messages *messages, struct policy **ret) {
	struct policy_source s[CONFIG_N];

	for (unsigned k = CONFIG_DEVICE; k < CONFIG_N; ++k)
		s[k] = (struct policy_source){ file_names[k], t->of[k].p, t->of[k].n };
	return policy_compile(&s[CONFIG_DEVICE], &s[CONFIG_SITE], &s[CONFIG_PLACE], generation,
	                      messages, ret);
}

/* place.cfg may be absent; one that is there and refused is a mistake like any other. */
static bool may_be_absent(struct engine *e, enum config_kind kind) {
	char path[512];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", e->setup->config_path, file_names[kind]);
	return kind == CONFIG_PLACE && lstat(path, &st) < 0 && errno == ENOENT;
}

static bool same_text(const struct text *a, const struct text *b) {
	return a->p && b->p && a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/*
 * One kind: the file if it is the installed one, or if nothing was ever
 * installed; otherwise what was installed.
 */
static void choose(struct engine *e, enum config_kind kind, struct text *ret) {
	cleanup_(free_charp) char *messages_room = calloc(1, sizeof(struct policy_messages));
	struct policy_messages *messages = (void *)messages_room;
	struct text file = { 0 }, kept = { 0 };
	int f = 0, k = -ENOENT;

	if (!messages)
		return;
	f = read_file(e, kind, messages, &file);
	if (e->store)
		k = installed(e->store, kind, &kept);
	if (k == 0) {
		/* place.cfg, too, once there was one. */
		if (f < 0) {
			record_refused(e, kind, messages);
			engine_alarm(e, ALARM_CONFIG_REFUSED, true);
		} else if (f == 0 && !same_text(&file, &kept)) {
			e->foreign[kind] = true;
			engine_alarm(e, ALARM_CONFIG_FOREIGN, true);
		}
		free(file.p);
		*ret = kept;
		return;
	}
	if (f < 0 && !may_be_absent(e, kind)) {
		record_refused(e, kind, messages);
		engine_alarm(e, ALARM_CONFIG_REFUSED, true);
	}
	/* What was installed cannot be believed: then nothing was, and the file is a stranger's. */
	if (k < 0 && k != -ENOENT) {
		e->foreign[kind] = true;
		engine_alarm(e, ALARM_CONFIG_FOREIGN, true);
		free(file.p);
		return;
	}
	*ret = file;
}

/* Are the files those that run? An install, or a copy put in place, may have ended an alarm. */
static void judge_files(struct engine *e) {
	struct policy_messages *messages = calloc(1, sizeof(*messages));
	bool refused = e->is_uncompiled, foreign = false;

	for (unsigned k = CONFIG_DEVICE; messages && k < CONFIG_N; ++k) {
		struct text file = { 0 }, kept = { 0 };
		int f, i;

		memset(messages, 0, sizeof(*messages));
		f = read_file(e, (enum config_kind)k, messages, &file);
		i = installed(e->store, (enum config_kind)k, &kept);
		/* place.cfg, too, once there was one. */
		if (f < 0 && (i == 0 || !may_be_absent(e, (enum config_kind)k))) {
			refused = true;
			keep_refusal(e, (enum config_kind)k, messages);
		} else if (!e->is_uncompiled) {
			e->refusals[k][0] = '\0';
		}
		e->foreign[k] = (i == 0 && f == 0 && !same_text(&file, &kept)) ||
				(i < 0 && i != -ENOENT);
		foreign |= e->foreign[k];
		free(file.p);
		free(kept.p);
	}
	if (messages) {
		engine_alarm(e, ALARM_CONFIG_REFUSED, refused);
		engine_alarm(e, ALARM_CONFIG_FOREIGN, foreign);
	}
	free(messages);
}

void config_load(struct engine *engine) {
	cleanup_(texts_free) struct texts texts = { 0 };
	struct policy_messages *messages = calloc(1, sizeof(*messages));
	struct policy *policy = NULL;
	int r = -ENOMEM;

	memset(engine->refusals, 0, sizeof(engine->refusals));
	memset(engine->foreign, 0, sizeof(engine->foreign));
	engine_alarm(engine, ALARM_CONFIG_REFUSED, false);
	engine_alarm(engine, ALARM_CONFIG_FOREIGN, false);
	for (unsigned k = CONFIG_DEVICE; k < CONFIG_N; ++k)
		choose(engine, (enum config_kind)k, &texts.of[k]);
	if (messages && texts.of[CONFIG_DEVICE].p && texts.of[CONFIG_SITE].p)
		r = compile(engine, &texts, engine->generation + 1, messages, &policy);
	engine->is_uncompiled = r == -EINVAL;
	if (r == -EINVAL) {
		record_refused(engine, kind_of_error(messages), messages);
		engine_alarm(engine, ALARM_CONFIG_REFUSED, true);
	}
	if (r == 0)
		r = engine_set_policy(engine, policy);
	engine_alarm(engine, ALARM_CONFIG_NONE, !engine->policy);
	free(messages);
}

int config_install_all(struct engine *engine, const struct actor *actor, const struct moment *now) {
	cleanup_(texts_free) struct texts texts = { 0 };
	struct policy_messages *messages = calloc(1, sizeof(*messages));
	int r = messages ? 0 : -ENOMEM;

	for (unsigned k = CONFIG_DEVICE; k < CONFIG_N && r == 0; ++k) {
		if (read_file(engine, (enum config_kind)k, messages, &texts.of[k]) < 0) {
			r = k == CONFIG_PLACE ? 0 : -EINVAL;
			continue;
		}
		r = record_installed(engine, (enum config_kind)k, &texts.of[k], actor, now);
	}
	free(messages);
	return r;
}

/* The installed content of a kind, or before init the file. */
static int current(struct engine *e, enum config_kind kind, struct policy_messages *messages,
                   struct text *ret) {
	int r = e->store ? installed(e->store, kind, ret) : -ENOENT;

	if (r == -ENOENT)
		r = read_file(e, kind, messages, ret);
	return r < 0 && kind == CONFIG_PLACE ? 0 : r;
}

/* Compiles new content of one kind with the others as they are. */
static int compile_with(struct engine *e, enum config_kind kind, const char *content, size_t n,
                        struct policy_messages *messages, struct texts *texts,
                        struct policy **ret) {
	int r = 0;

	for (unsigned k = CONFIG_DEVICE; k < CONFIG_N; ++k) {
		if (k == (unsigned)kind)
			continue;
		r = current(e, (enum config_kind)k, messages, &texts->of[k]);
		if (r < 0)
			return r;
	}
	texts->of[kind].p = malloc(n + 1);
	if (!texts->of[kind].p)
		return -ENOMEM;
	memcpy(texts->of[kind].p, content, n);
	texts->of[kind].p[n] = '\0';
	texts->of[kind].n = n;
	return compile(e, texts, e->generation + 1, messages, ret);
}

int config_check(struct engine *engine, enum config_kind kind, const char *content,
                 size_t n_content, struct policy_messages *messages) {
	cleanup_(texts_free) struct texts texts = { 0 };
	struct policy *policy = NULL;
	int r = compile_with(engine, kind, content, n_content, messages, &texts, &policy);

	policy_free(policy);
	return r;
}

int config_install(struct engine *engine, enum config_kind kind, const char *content,
                   size_t n_content, const struct actor *actor, const struct moment *now,
                   struct policy_messages *messages) {
	cleanup_(texts_free) struct texts texts = { 0 };
	struct policy *policy = NULL;
	int r = compile_with(engine, kind, content, n_content, messages, &texts, &policy);

	if (r < 0)
		return r;
	r = record_installed(engine, kind, &texts.of[kind], actor, now);
	if (r < 0) {
		policy_free(policy);
		return r;
	}
	r = engine_set_policy(engine, policy);
	engine->is_uncompiled = !engine->policy;
	engine_alarm(engine, ALARM_CONFIG_NONE, !engine->policy);
	judge_files(engine);
	return r;
}

void config_tick(struct engine *engine) {
	if (engine->store && !engine->is_uncompiled &&
	    (engine->alarms[ALARM_CONFIG_REFUSED] || engine->alarms[ALARM_CONFIG_FOREIGN]))
		judge_files(engine);
}

bool config_is_in_place(struct engine *engine, enum config_kind kind, const char *content,
                        size_t n_content) {
	struct policy_messages *messages = calloc(1, sizeof(*messages));
	struct text file = { 0 };
	bool is_so = messages && read_file(engine, kind, messages, &file) == 0 &&
		     file.n == n_content && memcmp(file.p, content, n_content) == 0;

	free(file.p);
	free(messages);
	return is_so;
}
