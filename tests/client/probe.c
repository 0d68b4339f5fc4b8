/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The break-glass path between two markers, for strace, and with the library's
 * calls of the allocator counted (the linker's --wrap)
 *
 * probe [broker|full|alone] - prints nothing; 0 when care opened and nothing was
 * allocated.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/client/counted.h"
#include "tests/client/fake.h"
#include "ui-glue/client/client.h"

/* All of it: declare, look, use, say why, end. Return: 0 when care opened. */
static int path(struct cw *cw) {
	enum cw_verdict verdict = CW_DENY;
	uint8_t id[16];

	(void)cw_break_glass(cw, "Kim", id, NULL);
	if (cw_check(cw, LOST, NULL) != CW_ALLOW)
		return 1;
	if (cw_use(cw, LOST, "left arm", cw_session(cw), &verdict, NULL, NULL) != 0)
		return 1;
	(void)cw_break_glass_reason(cw, id, "locked-out", "forgot");
	(void)cw_break_glass_end(cw, id);
	return verdict == CW_ALLOW ? 0 : 1;
}

static void fill(struct cw *cw) {
	struct frame_writer w;

	do {
		frame_start(cw, &w, "activity");
	} while (frame_send(cw, &w) == 0);
}

int main(int argc, char **argv) {
	static struct fake fake;
	struct cw_options options;
	const char *how = argc == 2 ? argv[1] : "";
	struct cw *cw = NULL;
	unsigned before;
	int r;

	fake_begin(&fake);
	options = fake_options(&fake);
	if (strcmp(how, "alone") == 0)
		(void)unlink(fake.path);
	before = n_allocations;
	if (cw_open(&options, &cw) < 0)
		return EXIT_FAILURE;
	if (n_allocations == before) {
		(void)fprintf(stderr, "allocations are not counted\n");
		return EXIT_FAILURE;
	}
	if (strcmp(how, "alone") != 0) {
		fake_accept(&fake);
		fake_greet(&fake, true);
	}
	(void)cw_dispatch(cw);
	if (strcmp(how, "full") == 0)
		fill(cw);
	before = n_allocations;
	marker();
	r = path(cw);
	marker();
	if (n_allocations != before) {
		(void)fprintf(stderr, "%u calls of the allocator\n", n_allocations - before);
		r = 1;
	}
	cw = cw_close(cw);
	fake_done(&fake);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
