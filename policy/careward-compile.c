/* SPDX-License-Identifier: Apache-2.0 */
/*
 * careward-compile - the actions of device.cfg as a C header
 *
 * The application passes them to the client library, which decides care and
 * always from them while there is no policy page. The output depends on
 * device.cfg's actions and the prefix alone: no date, no path, no host.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <popt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <careward/result.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "policy/config.h"

enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

static const char *const kinds[CW_N_KINDS] = {
	[CW_KIND_NONE] = "CW_KIND_NONE",           [CW_KIND_ALWAYS] = "CW_KIND_ALWAYS",
	[CW_KIND_CARE] = "CW_KIND_CARE",           [CW_KIND_GUARDED] = "CW_KIND_GUARDED",
	[CW_KIND_SENSITIVE] = "CW_KIND_SENSITIVE",
};

struct options {
	const char *path; /* NULL: standard input */
	const char *output;
	const char *prefix;
};

/* CW_ACT_THERAPY_HIGH_RISK_DRUG from therapy.high-risk-drug */
static void handle_of(const char *prefix, const char *name, char *out, size_t size) {
	size_t n = (size_t)snprintf(out, size, "%s", prefix);

	for (; *name && n + 1 < size; ++name) {
		unsigned char c = (unsigned char)*name;

		out[n++] = isalnum(c) ? (char)toupper(c) : '_';
	}
	out[n] = '\0';
}

static uint32_t own_actions(const struct policy_table *t) {
	return t->n_actions - POLICY_N_BUILTINS;
}

/* Names that the header gives to something else. */
static const char *const taken[] = { "count", "table", "actions.h" };

/* "a.b" and "a-b" would be one handle. Return: true when all differ. */
static bool handles_differ(const struct policy_table *t, const char *prefix) {
	char a[2 * POLICY_NAME_SIZE], b[2 * POLICY_NAME_SIZE];

	for (uint32_t i = 0; i < own_actions(t); ++i) {
		handle_of(prefix, t->action_names[i], a, sizeof(a));
		for (size_t k = 0; k < ARRAY_SIZE(taken); ++k) {
			handle_of(prefix, taken[k], b, sizeof(b));
			if (strcmp(a, b) != 0)
				continue;
			(void)fprintf(stderr, "careward-compile: %s is a name of the header itself; "
			              "rename the action \"%s\"\n", a, t->action_names[i]);
			return false;
		}
		for (uint32_t k = 0; k < i; ++k) {
			handle_of(prefix, t->action_names[k], b, sizeof(b));
			if (strcmp(a, b) != 0)
				continue;
			(void)fprintf(stderr, "careward-compile: \"%s\" and \"%s\" would both be %s; "
			              "rename one\n", t->action_names[k], t->action_names[i], a);
			return false;
		}
	}
	return true;
}

static void print_header(FILE *out, const struct policy_table *t, const char *prefix) {
	char name[2 * POLICY_NAME_SIZE];
	uint32_t n = own_actions(t);

	(void)fprintf(out, "/* Made by careward-compile from device.cfg; do not edit. */\n");
	(void)fprintf(out, "#ifndef %sACTIONS_H\n#define %sACTIONS_H\n\n", prefix, prefix);
	(void)fprintf(out, "#include <careward/device.h>\n#include <careward/result.h>\n\n");
	(void)fprintf(out, "/* Handles: the places of the actions in device.cfg. */\n");
	(void)fprintf(out, "enum {\n");
	for (uint32_t i = 0; i < n; ++i) {
		handle_of(prefix, t->action_names[i], name, sizeof(name));
		(void)fprintf(out, "\t%s = %u,\n", name, i);
	}
	(void)fprintf(out, "};\n\n#define %sCOUNT %uu\n\n", prefix, n);
	(void)fprintf(out, "static const struct cw_action %sTABLE[%sCOUNT] = {\n", prefix, prefix);
	for (uint32_t i = 0; i < n; ++i)
		(void)fprintf(out, "\t{ \"%s\", %s },\n", t->action_names[i],
		              kinds[t->actions[i].kind]);
	(void)fprintf(out, "};\n\n#endif\n");
}

static bool prefix_is_good(const char *prefix) {
	size_t n = strlen(prefix);

	if (n == 0 || n >= 32 || isdigit((unsigned char)prefix[0]))
		return false;
	for (size_t i = 0; i < n; ++i)
		if (!isalnum((unsigned char)prefix[i]) && prefix[i] != '_')
			return false;
	return true;
}

static void print_messages(const struct policy_messages *m) {
	for (uint32_t i = 0; i < m->n; ++i) {
		const struct policy_message *one = &m->list[i];
		const char *what = one->severity == POLICY_ERROR ? "error" : "warning";

		if (one->line)
			(void)fprintf(stderr, "%s:%u: %s: %s\n", one->file, one->line, what, one->text);
		else
			(void)fprintf(stderr, "%s: %s: %s\n", one->file, what, one->text);
	}
	if (m->n_errors > m->n)
		(void)fprintf(stderr, "and %u more errors\n", m->n_errors - m->n);
}

static int read_stdin(char **ret_text, size_t *ret_n) {
	cleanup_(free_charp) char *text = malloc(LIMIT_CONFIG + 1);
	size_t n;

	if (!text)
		return -ENOMEM;
	/* One byte past the limit, so that the compiler sees and says it. */
	n = fread(text, 1, LIMIT_CONFIG + 1, stdin);
	if (ferror(stdin))
		return -EIO;
	*ret_text = text;
	text = NULL; /* handed over */
	*ret_n = n;
	return 0;
}

static int compile(const struct options *o, struct policy_messages *m, struct policy **ret_policy) {
	cleanup_(free_charp) char *text = NULL;
	struct policy_source source = { .path = o->path ? o->path : "standard input" };
	int r;

	r = o->path ? policy_read_file(o->path, m, &text, &source.n_text)
	            : read_stdin(&text, &source.n_text);
	if (r < 0)
		return r;
	source.text = text;
	return policy_compile_device(&source, m, ret_policy);
}

/* The output appears whole, or not at all. Return: 0; -errno. */
static int write_output(const struct options *o, const struct policy_table *t) {
	cleanup_(free_charp) char *text = NULL;
	cleanup_(close_filep) FILE *out = NULL;
	size_t n = 0;
	FILE *memory = open_memstream(&text, &n);

	if (!memory)
		return -errno;
	print_header(memory, t, o->prefix);
	if (fclose(memory) != 0)
		return -ENOMEM;
	if (!o->output)
		return fwrite(text, 1, n, stdout) == n && fflush(stdout) == 0 ? 0 : -EIO;
	out = fopen(o->output, "we");
	if (!out)
		return -errno;
	if (fwrite(text, 1, n, out) != n || fflush(out) != 0) {
		(void)remove(o->output);
		return -EIO;
	}
	return 0;
}

static int run(const struct options *o) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct policy *policy = NULL;
	int r = m ? compile(o, m, &policy) : -ENOMEM;

	if (m)
		print_messages(m);
	free(m);
	if (r == 0 && !handles_differ(&policy->table, o->prefix))
		r = -EINVAL;
	if (r == 0) {
		r = write_output(o, &policy->table);
		if (r < 0)
			(void)fprintf(stderr, "careward-compile: cannot write %s: %s\n",
			              o->output ? o->output : "to standard output", strerror(-r));
	} else if (r != -EINVAL) {
		(void)fprintf(stderr, "careward-compile: %s\n", strerror(-r));
	}
	(void)policy_free(policy);
	return r == 0 ? EXIT_OK : EXIT_REFUSED;
}

static int usage(const char *text, const char *what) {
	(void)fprintf(stderr, "careward-compile: %s%s%s\n", text, what ? ": " : "", what ? what : "");
	(void)fprintf(stderr, "usage: careward-compile [-o FILE] [--prefix P] DEVICE.CFG | --stdin\n");
	return EXIT_USAGE;
}

static int check_and_run(poptContext context, struct options *o, bool from_stdin) {
	o->path = poptGetArg(context);
	if (poptPeekArg(context))
		return usage("one file only", NULL);
	if (!o->path && !from_stdin)
		return usage("name device.cfg, or say --stdin", NULL);
	if (o->path && from_stdin)
		return usage("either a file or --stdin", NULL);
	if (!prefix_is_good(o->prefix))
		return usage("a prefix has 1 to 31 letters, digits and _, no digit first", o->prefix);
	return run(o);
}

int main(int argc, char **argv) {
	char *output = NULL, *prefix = NULL;
	int from_stdin = 0, result, r;
	struct options o = { .prefix = "CW_ACT_" };
	struct poptOption table[] = {
		{ "output", 'o', POPT_ARG_STRING, &output, 0, "write to FILE", "FILE" },
		{ "prefix", 'p', POPT_ARG_STRING, &prefix, 0, "begin every name with P", "P" },
		{ "stdin", 0, POPT_ARG_NONE, &from_stdin, 0, "read device.cfg from standard input",
		  NULL },
		POPT_AUTOHELP POPT_TABLEEND
	};
	const char **args;
	poptContext context;

	/* popt takes pointers to const; C does not convert two levels by itself. */
	memcpy(&args, &argv, sizeof(args));
	context = poptGetContext("careward-compile", argc, args, table, 0);
	if (!context)
		return EXIT_REFUSED;
	r = poptGetNextOpt(context);
	o.output = output;
	if (prefix)
		o.prefix = prefix;
	if (r < -1)
		result = usage(poptStrerror(r), poptBadOption(context, 0));
	else
		result = check_and_run(context, &o, from_stdin != 0);
	poptFreeContext(context);
	free(output);
	free(prefix);
	return result;
}
