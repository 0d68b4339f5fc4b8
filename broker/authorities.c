/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/authorities.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/engine.h"
#include "common/cleanup.h"
#include "tokens/verify.h"

#define LOOK_MS 10000u    /* so often is looked whether a list has changed           */
#define READ_MS 600000u   /* so often they are read whatever their dates             */
#define MESSAGE 256u

/* A file as it was when it was read. */
struct seen {
	struct timespec modified;
	ino_t inode;
	off_t size;
};

struct content {
	uint8_t *bytes;
	size_t n;
};

/*
 * One set of rules and what came of it. Of the thread while `busy`, of the loop
 * otherwise; both never at once.
 */
struct bundle {
	struct authorities *owner;
	struct smartcard_rules rules;
	struct pinned_file service;
	int config_fd;
	uint64_t generation;   /* of the rules that it is for                          */
	struct trust *trust;   /* NULL: not made                                       */
	struct content lists[TOKEN_LISTS_MAX]; /* the last that was taken of each     */
	struct seen seen[TOKEN_LISTS_MAX];
	bool must_read;
	bool refused;          /* something is wrong                                   */
	char file[LIMIT_NAME]; /* ... with this                                        */
	char message[MESSAGE];
};

struct authorities {
	struct engine *engine;
	struct worker *worker;
	uint64_t generation;
	struct bundle *bundle;  /* in force; its trust is auth.trust                   */
	struct bundle *next;    /* being made by the thread                            */
	struct token_rules rules;
	bool wanted;            /* new rules came while one was being made             */
	bool told;              /* the entry about the file was written                */
	char told_file[LIMIT_NAME];
	uint64_t looked_ms;
	uint64_t read_ms;
};

static struct bundle *bundle_free(struct bundle *b) {
	if (!b)
		return NULL;
	(void)trust_free(b->trust);
	for (uint32_t i = 0; i < TOKEN_LISTS_MAX; ++i)
		free(b->lists[i].bytes);
	free(b);
	return NULL;
}

/* ---- in the thread ------------------------------------------------------------------ */

/* Keeps the first that is wrong. */
static void refuse(struct bundle *b, const char *file, const char *message) {
	if (b->refused)
		return;
	b->refused = true;
	(void)snprintf(b->file, sizeof(b->file), "%s", file);
	(void)snprintf(b->message, sizeof(b->message), "%.200s", message);
}

static const char *judge_file(const struct stat *st, bool is_pinned, size_t most) {
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (is_pinned && (st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others may write to it";
	if (is_pinned && st->st_uid != 0 && st->st_uid != geteuid())
		return "it belongs to a stranger";
	if (st->st_size <= 0)
		return "it is empty";
	return (uint64_t)st->st_size > most ? "it is too large" : NULL;
}

/* Exactly what fstat() has promised. Return: NULL; or what is wrong. */
static const char *read_all(int fd, size_t n, struct content *ret) {
	uint8_t *bytes = malloc(n);
	size_t done = 0;

	if (!bytes)
		return "no memory for it";
	while (done < n) {
		ssize_t got = read(fd, bytes + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			free(bytes);
			return "it cannot be read";
		}
		done += (size_t)got;
	}
	*ret = (struct content){.bytes = bytes, .n = n};
	return NULL;
}

/* A file of the configuration directory. Return: NULL; or what is wrong. */
static const char *read_file(const struct bundle *b, const char *file, bool is_pinned, size_t most,
			     struct content *ret) {
	cleanup_(close_fdp) int fd = -1;
	const char *wrong = NULL;
	struct stat st;

	fd = openat(b->config_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? "there is no such file" : "it cannot be opened";
	if (fstat(fd, &st) < 0)
		return "it cannot be looked at";
	wrong = judge_file(&st, is_pinned, most);
	return wrong ? wrong : read_all(fd, (size_t)st.st_size, ret);
}

static const char *read_pinned(const struct bundle *b, const struct pinned_file *pin,
			       struct content *ret) {
	const char *wrong = read_file(b, pin->file, true, LIMIT_CONFIG, ret);

	if (wrong)
		return wrong;
	if (policy_pinned_matches(pin, ret->bytes, ret->n) < 0)
		return "its SHA-256 is not the one that is configured";
	return NULL;
}

static void make_trust(struct bundle *b) {
	struct content contents[TOKEN_AUTHORITIES_MAX + 1] = {{0}};
	struct trust_file files[TOKEN_AUTHORITIES_MAX + 1] = {{0}};
	const struct trust_file *service = NULL;
	const char *wrong = NULL;
	uint32_t n = b->rules.n_authorities;
	char message[MESSAGE] = "";

	for (uint32_t i = 0; i < n && !wrong; ++i) {
		wrong = read_pinned(b, &b->rules.authorities[i], &contents[i]);
		files[i] = (struct trust_file){b->rules.authorities[i].file, contents[i].bytes,
					       contents[i].n};
		if (wrong)
			refuse(b, files[i].name, wrong);
	}
	if (!wrong && b->rules.service && b->service.file[0] != '\0') {
		wrong = read_pinned(b, &b->service, &contents[n]);
		files[n] = (struct trust_file){b->service.file, contents[n].bytes, contents[n].n};
		service = &files[n];
		if (wrong)
			refuse(b, b->service.file, wrong);
	}
	if (!wrong && trust_new(&b->rules, files, n, service, message, &b->trust) < 0)
		refuse(b, n > 0 ? files[0].name : "", message[0] ? message : "no memory for it");
	for (uint32_t i = 0; i <= n; ++i)
		free(contents[i].bytes);
}

static bool has_changed(struct bundle *b, uint32_t i) {
	struct seen now = {0};
	struct stat st;

	if (fstatat(b->config_fd, b->rules.lists[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
		now = (struct seen){st.st_mtim, st.st_ino, st.st_size};
	if (now.modified.tv_sec == b->seen[i].modified.tv_sec &&
	    now.modified.tv_nsec == b->seen[i].modified.tv_nsec &&
	    now.inode == b->seen[i].inode && now.size == b->seen[i].size)
		return false;
	b->seen[i] = now;
	return true;
}

/* A list that was taken before stays, if the new one is refused. */
static void take_list(struct bundle *b, uint32_t i) {
	struct content content = {0};
	struct trust_file file = {.name = b->rules.lists[i]};
	char message[MESSAGE] = "";
	const char *wrong = read_file(b, file.name, false, TRUST_LIST_MAX, &content);

	if (wrong) {
		/* Whether one that is missing matters is the site's rule, at each card. */
		if (b->seen[i].size > 0)
			refuse(b, file.name, wrong);
		return;
	}
	file.bytes = content.bytes;
	file.n = content.n;
	if (trust_set_lists(b->trust, &file, 1, message) < 0) {
		refuse(b, file.name, message);
		free(content.bytes);
		return;
	}
	free(b->lists[i].bytes);
	b->lists[i] = content;
}

/* Lists are replaced in a trust of their own: the one in force is being used meanwhile. */
static void run(void *data, struct arena *arena) {
	struct bundle *b = data;
	bool changed = b->must_read;

	for (uint32_t i = 0; i < b->rules.n_lists; ++i)
		changed |= has_changed(b, i);
	if (!changed)
		return;
	b->refused = false;
	make_trust(b);
	for (uint32_t i = 0; b->trust && i < b->rules.n_lists; ++i) {
		struct trust_file before = {b->rules.lists[i], b->lists[i].bytes, b->lists[i].n};
		char message[MESSAGE];

		if (before.bytes)
			(void)trust_set_lists(b->trust, &before, 1, message);
		take_list(b, i);
	}
}

/* ---- in the loop -------------------------------------------------------------------- */

static void start(struct authorities *a, bool must_read);

static void tell(struct authorities *a, const struct bundle *b) {
	struct journal_entry entry = {
		.event = EVENT_CONFIG_REFUSED,
		.outcome = OUTCOME_REFUSED,
		.peer_uid = UINT32_MAX,
		.object = b->file,
		.detail = b->message,
	};

	engine_alarm(a->engine, ALARM_AUTHORITIES, b->refused);
	if (!b->refused) {
		a->told = false;
		return;
	}
	if (a->told && strcmp(a->told_file, b->file) == 0)
		return;
	a->told = true;
	memcpy(a->told_file, b->file, sizeof(a->told_file));
	(void)engine_record(a->engine, &entry);
}

static void move_lists(struct bundle *to, struct bundle *from) {
	memcpy(to->lists, from->lists, sizeof(to->lists));
	memcpy(to->seen, from->seen, sizeof(to->seen));
	memset(from->lists, 0, sizeof(from->lists));
}

static void done(void *data) {
	struct bundle *b = data;
	struct authorities *a = b->owner;

	a->next = NULL;
	if (b->generation != a->generation) {
		(void)bundle_free(b); /* of rules that are no more */
	} else if (!b->trust && !b->refused) {
		move_lists(a->bundle, b); /* nothing has changed */
		(void)bundle_free(b);
	} else {
		a->engine->auth.trust = b->trust;
		(void)bundle_free(a->bundle);
		a->bundle = b;
		tell(a, b);
	}
	if (a->wanted)
		start(a, true);
}

/* @must_read: also when no list has changed. */
static void start(struct authorities *a, bool must_read) {
	struct worker_task task = {run, done, NULL};
	struct bundle *b = NULL;

	a->wanted = a->next != NULL;
	if (a->wanted)
		return;
	b = calloc(1, sizeof(*b));
	if (!b)
		return;
	b->owner = a;
	b->rules = a->rules.smartcard;
	b->service = a->rules.service_authority;
	b->config_fd = a->engine->setup->config_fd;
	b->generation = a->generation;
	b->must_read = must_read || !a->bundle || !a->bundle->trust;
	if (a->bundle)
		move_lists(b, a->bundle);
	task.data = b;
	a->next = b;
	if (worker_submit(a->worker, &task) == 0)
		return;
	if (a->bundle)
		move_lists(a->bundle, b);
	a->next = bundle_free(b);
}

void authorities_set_rules(struct authorities *a, const struct token_rules *rules) {
	if (!a)
		return;
	++a->generation;
	a->rules = *rules;
	a->engine->auth.trust = NULL;
	a->bundle = bundle_free(a->bundle);
	a->wanted = false;
	if (rules->smartcard.on && rules->smartcard.n_authorities > 0)
		start(a, true);
	else
		engine_alarm(a->engine, ALARM_AUTHORITIES, false);
}

void authorities_tick(struct authorities *a, uint64_t boot_ms) {
	if (!a || !a->rules.smartcard.on || a->rules.smartcard.n_authorities == 0 || a->next ||
	    boot_ms < a->looked_ms + LOOK_MS)
		return;
	a->looked_ms = boot_ms;
	if (boot_ms >= a->read_ms + READ_MS) {
		a->read_ms = boot_ms;
		start(a, true);
		return;
	}
	start(a, false);
}

bool authorities_are_busy(const struct authorities *a) {
	return a->next != NULL;
}

int authorities_new(struct engine *engine, struct authorities **ret_authorities) {
	struct authorities *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->engine = engine;
	r = worker_new(&engine->loop, 1, &a->worker);
	if (r < 0) {
		free(a);
		return r;
	}
	*ret_authorities = a;
	return 0;
}

struct authorities *authorities_free(struct authorities *a) {
	if (!a)
		return NULL;
	a->worker = worker_free(a->worker);
	a->engine->auth.trust = NULL;
	(void)bundle_free(a->next);
	(void)bundle_free(a->bundle);
	free(a);
	return NULL;
}
