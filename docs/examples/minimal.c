/* SPDX-License-Identifier: Apache-2.0 */
#include <careward/careward.h>
#include <poll.h>
#include <stdio.h>

enum { STOP, START }; /* in a product, careward-compile writes these and the table */
static const struct cw_action actions[] = { { "therapy.stop", CW_KIND_ALWAYS },
                                            { "therapy.start", CW_KIND_CARE } };

int main(void) {
	struct cw_options options = { .size = sizeof(options), .n_actions = 2,
	                              .actions = actions, .broker_uid = UINT32_MAX };
	struct cw_event event = { .size = sizeof(event) };
	enum cw_verdict verdict = CW_DENY;
	uint8_t emergency[16];
	struct cw *cw;

	if (cw_open(&options, &cw) < 0)
		return 1;
	while (verdict != CW_ALLOW) { /* until therapy runs */
		struct pollfd p = { .fd = cw_fd(cw), .events = POLLIN };

		(void)poll(&p, 1, cw_timeout_ms(cw));
		(void)cw_dispatch(cw);
		while (cw_next_event(cw, &event))
			(void)printf("event %d: redraw\n", (int)event.kind);
		if (cw_check(cw, START, NULL) == CW_BREAK_GLASS) /* after two touches */
			(void)cw_break_glass(cw, NULL, emergency, NULL);
		if (cw_use(cw, START, "channel 1", cw_session(cw), &verdict, NULL, NULL) < 0)
			return 1; /* a mistake in this program */
	}
	(void)printf("therapy runs\n");
	return cw_close(cw) != NULL;
}
