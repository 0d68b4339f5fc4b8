/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ten and a hundred times as much costs: entries, accounts, actions, roles
 *
 * With --picture it is drawn: each line is the time at 1, 10 and 100 times, in
 * times of the first.
 */
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/account.h"
#include "common/cleanup.h"
#include "policy/decide.h"
#include "tests/bench/store.h"

#define GROUP "growth"
#define STEPS 3u
#define LINES 6u
#define YEAR_MS (365 * 86400000ll)
#define MONTH_MS (30 * 86400000ll)
#define EMERGENCIES 200u /* in the year: four a week                                   */

/* 64 bytes, as long as what a device says of itself at most times. */
static const char detail[] = "rate=12.5 unit=ml/h volume=250 line=central pressure=low slot=a1";

/* One line of the picture. */
static struct line {
	const char *what;
	double ns[STEPS];
} lines[LINES];
static unsigned n_lines;

static void note(const char *what, unsigned step, double ns) {
	unsigned i = 0;

	while (i < n_lines && strcmp(lines[i].what, what) != 0)
		++i;
	bench_must(i < LINES && step < STEPS, "too many lines");
	lines[i].what = what;
	lines[i].ns[step] = ns;
	if (i == n_lines)
		++n_lines;
}

/* Measures one thing at one size, for table and picture. @name outlives the bench. */
static void measure(struct bench *b, const char *what, const char *name, unsigned step,
                    struct contender c) {
	c.name = name;
	bench_measure(b, GROUP, false, &c, 1, &(struct plan){ 5, 40 });
	note(what, step, b->rows[b->n_rows - 1].p50);
}

/* A literal cannot say a number: names are kept here. */
static const char *name_of(const char *what, unsigned n, const char *of) {
	static char names[32][64];
	static unsigned used;

	bench_must(used < 32, "too many names");
	(void)snprintf(names[used], sizeof(names[used]), "%s, %u %s", what, n, of);
	return names[used++];
}

/* Entries. */

struct history {
	struct bench_store s;
	unsigned n, step, i;
	int64_t last_ms;
	unsigned found;
};

static struct journal_entry entry_of(const struct history *h, unsigned i) {
	struct journal_entry e = bench_entry(i);

	e.at.wall_ms = 1767225600000 + (int64_t)((double)i / h->n * (double)YEAR_MS);
	e.detail = detail;
	if (h->n >= 20 * EMERGENCIES && i % (h->n / EMERGENCIES) == 0) {
		e.event = EVENT_EMERGENCY_STARTED;
		e.has_emergency = true;
		e.account = 0;
	}
	return e;
}

static void fill(struct bench *b, struct history *h) {
	char name[32];

	(void)snprintf(name, sizeof(name), "growth-%u", h->step);
	bench_store_make(b, &h->s, name);
	while (h->i < h->n) {
		struct moment now = bench_moment(h->i);

		bench_must(store_begin(h->s.store) == 0, "store_begin");
		/* Few and large, or the disk's syncs are all that there is to see. */
		for (unsigned k = 0; k < 4096 && h->i < h->n; ++k) {
			struct journal_entry e = entry_of(h, h->i++);

			bench_must(journal_append(h->s.store, &e) == 0, "journal_append");
			h->last_ms = e.at.wall_ms;
		}
		bench_must(store_commit(h->s.store) == 0 && journal_seal(h->s.store, &now) == 0 &&
		                   store_checkpoint(h->s.store) == 0,
		           "the journal is not written");
	}
}

static int count(const struct journal_entry *e, void *userdata) {
	struct history *h = userdata;

	++h->found;
	return 0;
}

static void run_last_50(void *arg, unsigned n) {
	struct history *h = arg;
	uint64_t next = 0;

	for (unsigned i = 0; i < n; ++i) {
		const struct journal_filter filter = { .account = 1 + h->i++ % 40 };

		h->found = 0;
		bench_must(journal_query(h->s.store, &filter, 50, count, h, &next) == 0 &&
		                   h->found > 0,
		           "journal_query");
	}
}

static void run_emergencies(void *arg, unsigned n) {
	struct history *h = arg;
	const struct journal_filter filter = { .event_from = EVENT_EMERGENCY_STARTED,
		                               .event_to = EVENT_EMERGENCY_STARTED,
		                               .wall_from_ms = h->last_ms - MONTH_MS };
	uint64_t next = 0;

	for (unsigned i = 0; i < n; ++i) {
		h->found = 0;
		bench_must(journal_query(h->s.store, &filter, LIMIT_HISTORY_PAGE, count, h,
		                         &next) == 0,
		           "journal_query");
	}
}

/* What one more costs, without the disk: 64 in one transaction, which is given up. */
static void run_append(void *arg, unsigned n) {
	struct history *h = arg;

	bench_must(store_begin(h->s.store) == 0, "store_begin");
	for (unsigned i = 0; i < n; ++i) {
		struct journal_entry e = entry_of(h, h->i % h->n);

		bench_must(journal_append(h->s.store, &e) == 0, "journal_append");
	}
	store_rollback(h->s.store);
}

static void size_row(struct bench *b, const struct history *h) {
	char path[400];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/careward.db", h->s.path);
	bench_must(stat(path, &st) == 0, "stat");
	(void)fprintf(stderr, "bench: %u entries: %.1f bytes for one with 64 bytes of detail\n", h->n,
	              (double)st.st_size / h->n);
}

static void grow_entries(struct bench *b, unsigned step, unsigned n) {
	struct history h = { .n = n, .step = step };

	fill(b, &h);
	size_row(b, &h);
	measure(b, "last 50 of an account", name_of("last 50 of an account", n, "entries"), step,
	        (struct contender){ .n = 4, .run = run_last_50, .arg = &h });
	measure(b, "emergencies of 30 days", name_of("emergencies of 30 days", n, "entries"), step,
	        (struct contender){ .n = 4, .run = run_emergencies, .arg = &h });
	measure(b, "one more entry, without the disk",
	        name_of("one more entry, without the disk", n, "entries"), step,
	        (struct contender){ .n = 64, .run = run_append, .arg = &h });
	bench_store_drop(&h.s);
}

/* Accounts. */

struct people {
	struct bench_store s;
	unsigned n, i;
};

static void run_find(void *arg, unsigned n) {
	struct people *p = arg;

	for (unsigned i = 0; i < n; ++i) {
		struct account account;
		char name[32];

		(void)snprintf(name, sizeof(name), "person%u", p->i++ * 7919u % p->n);
		bench_must(account_by_name(p->s.store, name, &account) == 0, "account_by_name");
	}
}

static void grow_accounts(struct bench *b, unsigned step, unsigned n) {
	struct people p = { .n = n };
	const struct actor actor = { .account = 1 };
	struct moment now = bench_moment(0);
	char name[32];

	(void)snprintf(name, sizeof(name), "people-%u", step);
	bench_store_make(b, &p.s, name);
	bench_must(store_begin(p.s.store) == 0, "store_begin");
	for (unsigned i = 0; i < n; ++i) {
		struct account account = { .state = ACCOUNT_ENABLED,
			                   .source = ACCOUNT_FROM_LOCAL,
			                   .n_roles = 1,
			                   .roles = { "nurse" } };

		(void)snprintf(account.name, sizeof(account.name), "person%u", i);
		bench_must(account_create(p.s.store, &actor, &now, &account) == 0, "account_create");
	}
	bench_must(store_commit(p.s.store) == 0, "store_commit");
	measure(b, "an account by its name", name_of("an account by its name", n, "accounts"), step,
	        (struct contender){ .n = 16, .run = run_find, .arg = &p });
	bench_store_drop(&p.s);
}

/* Actions and roles. */

static struct policy_table table;

struct deciding {
	struct policy_state state;
	unsigned n;
};

static void run_decide(void *arg, unsigned n) {
	const struct deciding *d = arg;
	unsigned allowed = 0;

	for (unsigned i = 0; i < n; ++i)
		allowed += policy_decide(&table, &d->state, d->n - 1, 1000) == CW_ALLOW;
	bench_must(allowed == n, "the table does not allow what it should");
}

static void grow_table(struct bench *b, unsigned step, unsigned n_actions, unsigned n_roles) {
	const char *what = n_roles > 1 ? "a decision, by roles" : "a decision, by actions";
	struct deciding d = { .n = n_actions,
		              .state = { .policy_generation = 1,
		                         .lease_until = UINT64_MAX,
		                         .lock_at = UINT64_MAX,
		                         .session = 1,
		                         .roles = 1u << (n_roles - 1),
		                         .contexts_now = 1,
		                         .contexts_later = 1,
		                         .assurance = CW_ASSURANCE_PASSWORD } };

	memset(&table, 0, sizeof(table));
	table.generation = 1;
	table.n_actions = n_actions;
	table.n_roles = n_roles;
	table.n_contexts = 1;
	for (unsigned i = 0; i < n_actions; ++i) {
		table.actions[i].kind = CW_KIND_CARE;
		table.actions[i].roles = 1u << (n_roles - 1);
	}
	measure(b, what,
	        n_roles > 1 ? name_of("a decision", n_roles, "roles")
	                    : name_of("a decision", n_actions, "actions"),
	        step, (struct contender){ .n = 4096, .run = run_decide, .arg = &d });
}

/* The picture: both axes by powers of ten, each line from the same point. */
static double height(double times) {
	return 330 - 150 * log10(times > 0.5 ? times : 0.5);
}

static void draw(const char *path, const struct bench *b) {
	static const char *const colours[LINES] = { "#1b6ca8", "#b5442e", "#3a7d34",
		                                    "#7a4fa3", "#a8741a", "#444444" };
	cleanup_(close_filep) FILE *f = fopen(path, "we");

	bench_must(f != NULL, "--picture: the file cannot be written");
	(void)fprintf(f,
	              "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
	              "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 380\" "
	              "font-family=\"sans-serif\" font-size=\"12\">\n"
	              "<title>Time at 10 and 100 times as much, in times of the first</title>\n"
	              "<rect width=\"720\" height=\"380\" fill=\"white\"/>\n"
	              "<path d=\"M60 30V330H380\" fill=\"none\" stroke=\"#888\"/>\n"
	              "<path d=\"M60 330L380 30\" stroke=\"#bbb\" stroke-dasharray=\"4 4\"/>\n"
	              "<text x=\"300\" y=\"90\" fill=\"#888\">in proportion</text>\n");
	for (unsigned i = 0; i < STEPS; ++i) {
		static const char *const names[STEPS] = { "1", "10", "100" };

		(void)fprintf(f, "<text x=\"%u\" y=\"350\">%s x</text><text x=\"20\" y=\"%u\">%s x</text>\n",
		              52 + 160 * i, names[i], 334 - 150 * i, names[i]);
	}
	for (unsigned i = 0; i < n_lines; ++i) {
		const double *ns = lines[i].ns;

		(void)fprintf(f, "<path d=\"M60 330L220 %.0fL380 %.0f\" fill=\"none\" stroke=\"%s\" "
		                 "stroke-width=\"2\"/>\n",
		              height(ns[1] / ns[0]), height(ns[2] / ns[0]), colours[i]);
		(void)fprintf(f, "<text x=\"400\" y=\"%u\" fill=\"%s\">%s: %.3g, %.3g, %.3g us</text>\n",
		              120 + 24 * i, colours[i], lines[i].what, ns[0] / 1000, ns[1] / 1000,
		              ns[2] / 1000);
	}
	(void)fprintf(f, "<text x=\"400\" y=\"320\" fill=\"#444\">%u, %u, %u entries</text>\n</svg>\n",
	              b->entries / 100, b->entries / 10, b->entries);
}

void rows_growth(struct bench *b) {
	static const unsigned accounts[STEPS] = { 20, 200, 2000 }, actions[STEPS] = { 5, 50, 500 },
			      roles[STEPS] = { 2, 10, POLICY_ROLES_MAX };
	unsigned divisor = 100;

	if (b->entries == 0)
		b->entries = b->quick ? 5000 : 1000000;
	for (unsigned step = 0; step < STEPS; ++step, divisor /= 10) {
		grow_entries(b, step, b->entries / divisor);
		grow_accounts(b, step, accounts[step] / (b->quick ? 10 : 1));
		grow_table(b, step, actions[step], 1);
		grow_table(b, step, 5, roles[step]);
	}
	if (b->picture)
		draw(b->picture, b);
}
