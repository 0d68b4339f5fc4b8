/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The break-glass path against a real broker, between two markers for strace, and
 * with the library's calls of the allocator counted (the linker's --wrap)
 *
 * glass-path SOCKET UID alive|stopped|dead|theirs ENGINE - 0 when care opened
 * and nothing was allocated.
 */

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <careward/careward.h>

#include "tests/client/counted.h"

static void run(struct cw *cw, bool until_connected) {
	struct pollfd p = { .fd = cw_fd(cw), .events = POLLIN };

	for (int i = 0; i < 500; ++i) {
		if (cw_dispatch(cw) == 0 && until_connected)
			return;
		if (!until_connected && i == 10)
			return;
		(void)poll(&p, 1, 20);
	}
}

static int path(struct cw *cw) {
	enum cw_verdict verdict = CW_DENY;
	struct cw_status status = { .size = sizeof(status) };
	uint8_t id[16];
	int bad = 0;

	(void)cw_break_glass(cw, "Kim", id, NULL);
	bad += cw_check(cw, 1, NULL) != CW_ALLOW;
	for (int i = 0; i < 4; ++i) {
		bad += cw_use(cw, i % 2 ? 1 : 0, "left arm", cw_session(cw), &verdict, NULL,
		              NULL) != 0;
		bad += verdict != CW_ALLOW;
	}
	(void)cw_status(cw, &status);
	bad += status.emergency != 1;
	(void)cw_break_glass_reason(cw, id, "Locked out", "forgot");
	(void)cw_break_glass_end(cw, id);
	return bad;
}

int main(int argc, char **argv) {
	static const struct cw_action actions[] = { { "therapy.stop", CW_KIND_ALWAYS },
		                                    { "therapy.start", CW_KIND_CARE } };
	struct cw_options options = { .size = sizeof(options), .n_actions = 2, .actions = actions };
	unsigned before;
	struct cw *cw;
	int bad;

	if (argc != 5)
		return 2;
	options.socket = argv[1];
	options.broker_uid = (uint32_t)strtoul(argv[2], NULL, 10);
	if (cw_open(&options, &cw) < 0 || n_allocations == 0)
		return 3;
	run(cw, strcmp(argv[3], "dead") != 0);
	if (strcmp(argv[3], "stopped") == 0 && kill((pid_t)atoi(argv[4]), SIGSTOP) < 0)
		return 4;
	before = n_allocations;
	marker();
	bad = path(cw);
	marker();
	if (n_allocations != before) {
		(void)printf("%u calls of the allocator\n", n_allocations - before);
		++bad;
	}
	(void)cw_close(cw);
	return bad == 0 ? 0 : 1;
}
