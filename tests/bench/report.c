/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What a reader of the figures has to know about this build. */
static const char *build_kind(void) {
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
	return "not optimised, or with sanitizers: the figures mean nothing";
#elif defined(__clang__) && defined(__has_feature)
#if __has_feature(address_sanitizer)
	return "with sanitizers: the figures mean nothing";
#else
	return "optimised";
#endif
#else
	return "optimised";
#endif
}

static void say_ns(double ns, char text[16]) {
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned unit = 0;

	while (ns >= 1000 && unit < 3) {
		ns /= 1000;
		++unit;
	}
	(void)snprintf(text, 16, "%.*f %s", ns < 10 ? 2 : ns < 100 ? 1 : 0, ns, units[unit]);
}

static void say_ratio(const struct row *row, char text[16]) {
	(void)snprintf(text, 16, "%s", row->is_floor ? "floor" : "");
	if (row->ratio > 0 && !row->is_floor)
		(void)snprintf(text, 16, "x %.*f", row->ratio < 10 ? 2 : row->ratio < 100 ? 1 : 0,
		               row->ratio);
}

static void table(const struct bench *b, const struct utsname *machine) {
	const char *group = "";

	printf("%s %s, %ld cores, scratch on %s, build: %s%s\n", machine->sysname, machine->machine,
	       sysconf(_SC_NPROCESSORS_ONLN), b->storage, build_kind(),
	       b->quick ? "; --quick: too few samples to mean anything" : "");
	for (unsigned i = 0; i < b->n_rows; ++i) {
		const struct row *row = &b->rows[i];
		char p50[16], p99[16], max[16], ratio[16];

		if (strcmp(group, row->group) != 0) {
			group = row->group;
			printf("\n%-54s %10s %10s %10s %8s\n", group, "p50", "p99", "max", "ratio");
		}
		if (row->not_run) {
			printf("  %-52s not run: %s\n", row->name, row->not_run);
			continue;
		}
		say_ns(row->p50, p50);
		say_ns(row->p99, p99);
		say_ns(row->max, max);
		say_ratio(row, ratio);
		printf("  %-52s %10s %10s %10s %8s%s%s\n", row->name, p50, p99, max, ratio,
		       row->note ? "  " : "", row->note ? row->note : "");
	}
}

static json_t *row_json(const struct row *row) {
	json_t *o = json_pack("{s:s, s:s}", "group", row->group, "name", row->name);

	if (row->not_run) {
		(void)json_object_set_new(o, "not_run", json_string(row->not_run));
		return o;
	}
	(void)json_object_set_new(o, "floor", json_boolean(row->is_floor));
	(void)json_object_set_new(o, "samples", json_integer((json_int_t)row->samples));
	(void)json_object_set_new(o, "per_sample", json_integer(row->per_sample));
	(void)json_object_set_new(o, "p50_ns", json_real(row->p50));
	(void)json_object_set_new(o, "p99_ns", json_real(row->p99));
	(void)json_object_set_new(o, "max_ns", json_real(row->max));
	(void)json_object_set_new(o, "ratio", row->ratio > 0 ? json_real(row->ratio) : json_null());
	if (row->note)
		(void)json_object_set_new(o, "note", json_string(row->note));
	return o;
}

static void json(const struct bench *b, const struct utsname *machine) {
	json_t *rows = json_array();
	json_t *all;

	for (unsigned i = 0; i < b->n_rows; ++i)
		(void)json_array_append_new(rows, row_json(&b->rows[i]));
	all = json_pack("{s:s, s:s, s:i, s:s, s:s, s:b, s:o}", "system", machine->sysname, "machine",
	                machine->machine, "cores", (int)sysconf(_SC_NPROCESSORS_ONLN), "storage",
	                b->storage, "build", build_kind(), "quick", b->quick, "rows", rows);
	bench_must(all && json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0,
	           "the report cannot be written");
	printf("\n");
	json_decref(all);
}

void bench_report(const struct bench *b) {
	struct utsname machine;

	bench_must(uname(&machine) == 0, "uname");
	if (b->json)
		json(b, &machine);
	else
		table(b, &machine);
}
