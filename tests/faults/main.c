/* SPDX-License-Identifier: Apache-2.0 */
/* careward-faults: see usage(). */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/faults/matrix.h"

static int usage(FILE *f) {
	(void)fprintf(f,
	              "usage: careward-faults [OPTION...]\n"
	              "Plays every fault at every moment against carewardd and the client library\n"
	              "(root only), and says what came of it.\n"
	              "  --all             every cell; else one of each class at each moment\n"
	              "  --sample N        and so many others, drawn by the seed (default 0)\n"
	              "  --seed N          default 1\n"
	              "  --fault TEXT      those alone whose name has TEXT, or whose class is it\n"
	              "  --moment TEXT     the same of moments\n"
	              "  --variant N       that one alone\n"
	              "  --part K/N        the K-th of N parts, from 0\n"
	              "  --jobs N          so many at once (default 1)\n"
	              "  --report FILE     writes a report\n"
	              "  --list            prints the faults\n"
	              "  --dir FOLDER      plays there, in a folder of its own (default /tmp)\n"
	              "  --carewardd PATH  --profile FOLDER\n");
	return f == stdout ? 0 : 2;
}

static const struct option long_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "sample", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'S' },
	{ "fault", required_argument, NULL, 'f' },
	{ "moment", required_argument, NULL, 'm' },
	{ "variant", required_argument, NULL, 'v' },
	{ "part", required_argument, NULL, 'p' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "report", required_argument, NULL, 'r' },
	{ "dir", required_argument, NULL, 'd' },
	{ "list", no_argument, NULL, 'l' },
	{ "carewardd", required_argument, NULL, 'c' },
	{ "profile", required_argument, NULL, 'P' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static unsigned number(const char *text) {
	return (unsigned)strtoul(text, NULL, 10);
}

/* Return: false: wrong. */
static bool take(struct options *o, int option) {
	switch (option) {
	case 'a': o->all = true; return true;
	case 's': o->sample = number(optarg); return true;
	case 'S': o->seed = strtoull(optarg, NULL, 10); return true;
	case 'f': o->fault = optarg; return true;
	case 'm': o->moment = optarg; return true;
	case 'v': o->variant = (int)number(optarg); return true;
	case 'p': return sscanf(optarg, "%u/%u", &o->part, &o->parts) == 2 && o->part < o->parts;
	case 'j': o->jobs = number(optarg); return o->jobs > 0;
	case 'r': o->report = optarg; return true;
	case 'd': o->at = optarg; return true;
	case 'l': o->list = true; return true;
	case 'c': o->carewardd = optarg; return true;
	case 'P': o->profile = optarg; return true;
	default: return false;
	}
}

/* In the folder that it was built in, what was built; elsewhere what is installed. */
static void find_parts(struct options *o, char *preload, size_t room) {
	ssize_t n = readlink("/proc/self/exe", o->program, sizeof(o->program) - 1);
	bool built;
	char *slash;

	o->program[n > 0 ? n : 0] = '\0';
	slash = strrchr(o->program, '/');
	(void)snprintf(preload, room, "%.*s/careward-faults-shim.so",
	               slash ? (int)(slash - o->program) : 0, o->program);
	built = strncmp(preload, FAULTS_BUILD_DIR, sizeof(FAULTS_BUILD_DIR) - 1) == 0;
	o->carewardd = built ? FAULTS_BUILT_BROKER : FAULTS_BROKER;
	o->profile = built ? FAULTS_BUILT_PROFILE : FAULTS_PROFILE;
	o->preload = FAULTS_HAS_SHIM && access(preload, R_OK) == 0 ? preload : NULL;
}

static int list(void) {
	for (unsigned f = 0; f < n_faults; ++f)
		printf("%-14s %s (%s)\n", faults[f].group, faults[f].name, faults[f].ids);
	return 0;
}

static int run(const struct options *o) {
	struct place *places = NULL;
	unsigned n = matrix_select(o, &places), red = 0, skipped = 0;
	struct result *results = calloc(n + 1, sizeof(*results));
	char command[128];
	FILE *f = NULL;

	if (!places || !results)
		return 2;
	printf("1..%u\n# seed %llu\n", n, (unsigned long long)o->seed);
	red = matrix_run(o, places, n, results);
	for (unsigned i = 0; i < n; ++i)
		skipped += results[i].skipped[0] != 0;
	printf("# %u cells: %u green, %u red, %u skipped\n", n, n - red - skipped, red, skipped);
	if (o->report && (f = fopen(o->report, "we"))) {
		report_write(f, o, results, n);
		(void)fclose(f);
	}
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", o->dir);
	(void)!system(command);
	free(results);
	free(places);
	return red > 0;
}

int main(int argc, char **argv) {
	struct options o = { .seed = 1, .variant = -1, .jobs = 1, .parts = 1, .at = "/tmp" };
	char preload[300];
	int option;

	if (argc > 1 && strcmp(argv[1], "--cell") == 0)
		matrix_cell(&o, argc, argv);
	find_parts(&o, preload, sizeof(preload));
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		if (option == 'h' || !take(&o, option))
			return usage(option == 'h' ? stdout : stderr);
	if (optind < argc)
		return usage(stderr);
	if (o.list)
		return list();
	if (geteuid() != 0) {
		printf("1..0 # SKIP only root can give a cell its own disks, users and processes\n");
		return 0;
	}
	/* A socket's path has to fit, with a cell's folder and the seat's name. */
	if (snprintf(o.dir, sizeof(o.dir), "%s/careward-faults-XXXXXX", o.at) >= (int)sizeof(o.dir)) {
		(void)fprintf(stderr, "careward-faults: %s is too long\n", o.at);
		return 2;
	}
	if (!mkdtemp(o.dir) || chmod(o.dir, 0755) < 0)
		return 2;
	return run(&o);
}
