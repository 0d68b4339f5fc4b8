/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapped - what an application has in its memory by using the client library
 *
 *	mapped                 opens a seat where nobody listens
 *	mapped SOCKET UID US   opens that seat, waits for the greeting, and prints the
 *	                       microseconds since US of CLOCK_MONOTONIC, and how many
 *	                       KiB are resident more than without the library
 *
 * Both look at the map afterwards. Exit status: 0; 1 with a message.
 */
#include <careward/careward.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct cw_action actions[] = { { "therapy.stop", CW_KIND_ALWAYS },
					    { "therapy.start", CW_KIND_CARE } };

/* Parts of names: cryptography, databases, tokens, configuration, loops are the broker's. */
static const char *const foreign[] = {
	"libcrypto", "libssl",    "libsqlite", "opensc",  "libfido2",   "pcsc",
	"p11",       "libconfig", "libargon2", "libseccomp", "libuv",
};

static _Noreturn void fail(const char *what) {
	(void)fprintf(stderr, "mapped: %s\n", what);
	exit(1);
}

static void look_at_map(void) {
	FILE *f = fopen("/proc/self/maps", "re");
	int has_library = 0;
	char line[512];

	if (!f)
		fail("/proc/self/maps does not open");
	while (fgets(line, sizeof(line), f)) {
		has_library |= strstr(line, "libcareward") != NULL;
		for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); ++i)
			if (strstr(line, foreign[i]))
				fail(line);
	}
	(void)fclose(f);
	if (!has_library)
		fail("libcareward is not in the map: this shows nothing");
}

/* Resident now, in KiB. */
static long resident(void) {
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld kB", &kib) == 1)
			break;
	if (!f || kib < 0)
		fail("the resident memory is not told");
	(void)fclose(f);
	return kib;
}

/* Of the library's own pages, in KiB. */
static long resident_library(void) {
	FILE *f = fopen("/proc/self/smaps", "re");
	int is_ours = 0;
	long sum = 0, kib;
	char line[512];

	if (!f)
		fail("/proc/self/smaps does not open");
	while (fgets(line, sizeof(line), f)) {
		if (strchr(line, '-') && strstr(line, " r"))
			is_ours = strstr(line, "libcareward") != NULL;
		if (is_ours && sscanf(line, "Rss: %ld kB", &kib) == 1)
			sum += kib;
	}
	(void)fclose(f);
	return sum;
}

static long long now_us(void) {
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void greet(struct cw *cw) {
	struct cw_status status = { .size = sizeof(status) };

	for (int i = 0; i < 1000; ++i) {
		struct pollfd p = { .fd = cw_fd(cw), .events = POLLIN };

		(void)cw_dispatch(cw);
		if (cw_status(cw, &status) == 0 && status.connected)
			return;
		(void)poll(&p, 1, 10);
	}
	fail("no greeting");
}

int main(int argc, char **argv) {
	struct cw_options options = { .size = sizeof(options),
				      .n_actions = 2,
				      .actions = actions,
				      .socket = argc > 1 ? argv[1] : "/nonexistent/seat",
				      .broker_uid = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10)
							     : UINT32_MAX };
	long before = resident() - resident_library();
	struct cw *cw = NULL;

	if (cw_open(&options, &cw) < 0)
		fail("cw_open");
	if (argc > 3) {
		greet(cw);
		(void)printf("%lld %ld\n", now_us() - strtoll(argv[3], NULL, 10),
			     resident() - before);
	}
	if (cw_check(cw, 0, NULL) != CW_ALLOW)
		fail("what is always allowed is not");
	look_at_map();
	return cw_close(cw) != NULL;
}
