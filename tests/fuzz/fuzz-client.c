/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker that says anything, and the library that listens
 *
 * Greeted in good order, with a nurse signed in and one request of each kind
 * open; then the input: packets, each behind two bytes of length. Whatever comes,
 * `always` is allowed, care is never plainly denied, and nothing sensitive is
 * allowed from a page.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/client/fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake broker;

static void must(bool good) {
	if (!good)
		abort();
}

static void each(const struct cw_history_entry *entry, void *userdata) {
	if (entry)
		must(memchr(entry->text, 0, sizeof(entry->text)) != NULL);
}

static void tidy(void) {
	fake_done(&broker);
}

static void ask(struct cw *cw) {
	static const uint8_t digest[32] = { 1 };
	enum cw_verdict verdict;
	uint64_t attempt, serial;

	(void)!cw_use(cw, START, "one", cw_session(cw), &verdict, NULL, NULL);
	(void)!cw_use(cw, LIMITS, "two", cw_session(cw), &verdict, NULL, &serial);
	(void)!cw_sign_in(cw, CW_PURPOSE_SIGN_IN, "lee", &attempt);
	(void)!cw_authorize(cw, UPDATE, digest, "software", "update to 2.0", &attempt);
	(void)!cw_history(cw, 0, 20, each, NULL);
}

static void holds(struct cw *cw) {
	enum cw_reason reason;
	struct cw_prompt prompt = { .size = sizeof(prompt) };
	struct cw_event event = { .size = sizeof(event) };

	while (cw_next_event(cw, &event) == 1) {
		must(memchr(event.message, 0, sizeof(event.message)) != NULL);
		must(memchr(event.text, 0, sizeof(event.text)) != NULL);
		if (event.kind == CW_EVENT_PROMPT && cw_prompt(cw, event.attempt, &prompt) == 0)
			must(memchr(prompt.text, 0, sizeof(prompt.text)) != NULL);
	}
	must(cw_check(cw, STOP, &reason) == CW_ALLOW);
	must(cw_check(cw, START, &reason) != CW_DENY && cw_check(cw, LOST, &reason) != CW_DENY);
	must(cw_check(cw, UPDATE, &reason) != CW_ALLOW);
	must(cw_check(cw, N_ACTIONS, &reason) == CW_DENY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct cw_options options;
	struct cw *cw = NULL;

	if (broker.path[0] == '\0') {
		fake_begin(&broker);
		(void)atexit(tidy);
	}
	fake_publish(&broker, 60000);
	options = fake_options(&broker);
	must(cw_open(&options, &cw) == 0);
	fake_accept(&broker);
	fake_greet(&broker, true);
	(void)cw_dispatch(cw);
	must(cw_session(cw) == 42);
	ask(cw);
	for (size_t at = 0, n = 0; at + 2 <= size; at += n) {
		n = (size_t)data[at] << 8 | data[at + 1];
		at += 2;
		n = n > size - at ? size - at : n;
		if (send(broker.fd, data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		(void)cw_dispatch(cw);
		holds(cw);
	}
	cw = cw_close(cw);
	fake_hang_up(&broker);
	return 0;
}
