/* SPDX-License-Identifier: Apache-2.0 */
/* docs/faults.md, or a board's own: what was played, on what, and what came of it. */

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "tests/faults/matrix.h"

static const char *const outcome_words[] = { "step works",   "step refused", "step silent",
	                                     "not yet recorded", "recorded", "offers" };

void outcome_print(char *to, size_t room, unsigned outcome) {
	size_t n = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < 6; ++i)
		if ((outcome & (1u << i)) && n < room)
			n += (size_t)snprintf(to + n, room - n, "%s%s", n > 0 ? ", " : "",
			                      outcome_words[i]);
	if (n == 0)
		(void)snprintf(to, room, "-");
}

/* The digest of some files, one after the other. */
static void digest_print(FILE *f, const char *const *paths, unsigned n_paths) {
	uint8_t block[4096], digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned n_digest = 0;

	if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		exit(2);
	for (unsigned i = 0; i < n_paths; ++i) {
		FILE *from = fopen(paths[i], "re");
		size_t n;

		while (from && (n = fread(block, 1, sizeof(block), from)) > 0)
			(void)EVP_DigestUpdate(context, block, n);
		if (from)
			(void)fclose(from);
	}
	(void)EVP_DigestFinal_ex(context, digest, &n_digest);
	EVP_MD_CTX_free(context);
	for (unsigned i = 0; i < n_digest; ++i)
		(void)fprintf(f, "%02x", digest[i]);
}

static void head_write(FILE *f, const struct options *o) {
	static const char *const names[] = { "device.cfg", "site.cfg", "place.cfg" };
	char paths[3][512], day[32];
	const char *const config[] = { paths[0], paths[1], paths[2] };
	time_t now = time(NULL);
	struct utsname kernel;
	struct tm tm;

	(void)uname(&kernel);
	(void)strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&now, &tm));
	for (unsigned i = 0; i < 3; ++i)
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/%s", o->profile, names[i]);
	(void)fprintf(f, "| what | which |\n|---|---|\n| Careward | %s |\n| carewardd, SHA-256 | `",
	              FAULTS_VERSION);
	digest_print(f, &o->carewardd, 1);
	(void)fprintf(f, "` |\n| configuration (device.cfg, site.cfg, place.cfg), SHA-256 | `");
	digest_print(f, config, 3);
	(void)fprintf(f, "` |\n| kernel | %s %s %s |\n| day | %s |\n| seed | %llu |\n\n",
	              kernel.sysname, kernel.release, kernel.machine, day,
	              (unsigned long long)o->seed);
}

struct sum {
	unsigned green, red, skipped, outcome;
	uint64_t least, slowest_ns;
	const char *why;
};

static struct sum sum_of(const struct result *results, unsigned n, unsigned fault, int moment) {
	struct sum s = { .least = UINT64_MAX };

	for (unsigned i = 0; i < n; ++i) {
		const struct result *r = &results[i];

		if (r->place.fault != fault || (moment >= 0 && r->place.moment != (unsigned)moment))
			continue;
		if (r->skipped[0]) {
			++s.skipped;
			s.why = r->skipped;
			continue;
		}
		s.red += r->is_red;
		s.green += !r->is_red;
		s.outcome |= r->outcome;
		s.least = r->struck < s.least ? r->struck : s.least;
		s.slowest_ns = r->slowest_ns > s.slowest_ns ? r->slowest_ns : s.slowest_ns;
	}
	return s;
}

static void cell_write(FILE *f, const struct sum *s) {
	unsigned played = s->green + s->red;

	if (s->red > 0)
		(void)fprintf(f, " **%u of %u RED** |", s->red, played);
	else if (played == 1)
		(void)fprintf(f, " %llu |", (unsigned long long)s->least);
	else if (played > 1)
		(void)fprintf(f, " %u x, %llu |", played, (unsigned long long)s->least);
	else if (s->skipped > 0)
		(void)fprintf(f, " skipped |");
	else
		(void)fprintf(f, " – |");
}

static void table_write(FILE *f, const struct result *results, unsigned n) {
	(void)fprintf(f, "| fault | threats |");
	for (unsigned m = 0; m < N_MOMENTS; ++m)
		(void)fprintf(f, " %s |", moments[m].name);
	(void)fprintf(f, "\n|---|---|---|---|---|---|---|---|---|\n");
	for (unsigned i = 0; i < n_faults; ++i) {
		(void)fprintf(f, "| %s | %s |", faults[i].name, faults[i].ids);
		for (unsigned m = 0; m < N_MOMENTS; ++m) {
			struct sum s = sum_of(results, n, i, (int)m);

			cell_write(f, &s);
		}
		(void)fprintf(f, "\n");
	}
}

static void outcomes_write(FILE *f, const struct result *results, unsigned n) {
	char permitted[160], seen[160];

	(void)fprintf(f, "\n## What was permitted, and what came\n\n"
	                 "| fault | permitted | seen | alarm, one of | slowest call |\n"
	                 "|---|---|---|---|---|\n");
	for (unsigned i = 0; i < n_faults; ++i) {
		struct sum s = sum_of(results, n, i, -1);

		if (s.green + s.red == 0)
			continue;
		outcome_print(permitted, sizeof(permitted), faults[i].permitted);
		outcome_print(seen, sizeof(seen), s.outcome);
		(void)fprintf(f, "| %s | %s | %s | ", faults[i].name, permitted, seen);
		for (const char *p = faults[i].told ? faults[i].told : "none is due"; *p; ++p)
			(void)fprintf(f, *p == '|' ? ", " : "%c", *p);
		(void)fprintf(f, " | %llu us |\n", (unsigned long long)s.slowest_ns / 1000);
	}
}

static void skipped_write(FILE *f, const struct result *results, unsigned n) {
	bool any = false;

	for (unsigned i = 0; i < n_faults; ++i) {
		struct sum s = sum_of(results, n, i, -1);

		if (s.skipped == 0)
			continue;
		if (!any)
			(void)fprintf(f, "\n## Skipped\n\n");
		any = true;
		(void)fprintf(f, "- %s, %u cells: %s\n", faults[i].name, s.skipped, s.why);
	}
}

void report_write(FILE *f, const struct options *o, const struct result *results, unsigned n) {
	unsigned red = 0, skipped = 0;

	for (unsigned i = 0; i < n; ++i) {
		red += results[i].is_red;
		skipped += results[i].skipped[0] != 0;
	}
	(void)fprintf(f, "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
	                 "# Care under every fault\n\n"
	                 "Written by `careward-faults`, which plays each fault at each moment; "
	                 "nothing in here was typed. The configuration is the one below, but for "
	                 "the groups of its seats and a cheap password hash.\n\n");
	head_write(f, o);
	(void)fprintf(f, "**%u cells: %u green, %u red, %u skipped.** A number is how often the "
	                 "fault struck; with several variants, how many were played and the least "
	                 "of their numbers.\n\n",
	              n, n - red - skipped, red, skipped);
	table_write(f, results, n);
	outcomes_write(f, results, n);
	skipped_write(f, results, n);
}
