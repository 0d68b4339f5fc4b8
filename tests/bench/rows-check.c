/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision costs: with the pages alone, with a reading of the clock, through the library. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "policy/config.h"
#include "tests/bench/device.h"
#include "wire/page.h"

#define GROUP "cw_check"
#define N 256u

struct pages {
	const struct policy_table *table;
	const struct state_page *page;
	struct state_page *writable;
	uint32_t action;
	uint64_t now;
	struct policy_state last;
	uint64_t generation;
	struct cw *cw;
};

static volatile uint32_t bits[64] = { 0x5aa5u, 0xffffu, 0x1234u };

static void run_bit(void *arg, unsigned n) {
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; ++i)
		sum += (bits[i & 63u] >> (i & 31u)) & 1u;
	bench_keep(sum);
}

static uint64_t boot_ms(void) {
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static void run_clock(void *arg, unsigned n) {
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; ++i)
		sum += boot_ms();
	bench_keep(sum);
}

/* The pages without the clock: a whole copy of the state, then the decision. */
static void run_pages(void *arg, unsigned n) {
	struct pages *p = arg;
	unsigned allowed = 0;

	for (unsigned i = 0; i < n; ++i) {
		struct policy_state state = { 0 };

		(void)state_page_read(p->page, &state);
		allowed += policy_decide(p->table, &state, p->action, p->now) == CW_ALLOW;
	}
	bench_must(allowed == n, "the pages do not allow what they should");
}

/* What cw_check() does between two publications, without its clock. */
static void run_functions(void *arg, unsigned n) {
	struct pages *p = arg;
	unsigned allowed = 0;

	for (unsigned i = 0; i < n; ++i) {
		(void)state_page_read_newer(p->page, &p->generation, &p->last);
		if (policy_decide(p->table, &p->last, p->action, p->now) != CW_ALLOW)
			continue;
		bench_keep(policy_reason_of_allow(p->table, &p->last, p->action));
		++allowed;
	}
	bench_must(allowed == n, "the pages do not allow what they should");
}

static void run_check(void *arg, unsigned n) {
	struct pages *p = arg;
	enum cw_reason reason;
	unsigned allowed = 0;

	for (unsigned i = 0; i < n; ++i)
		allowed += cw_check(p->cw, ACT_START, &reason) == CW_ALLOW;
	bench_must(allowed == n, "cw_check() does not allow what it should");
}

static struct policy *compile(const char *directory) {
	static const char *const names[] = { "device.cfg", "site.cfg", "place.cfg" };
	char *texts[3] = { NULL };
	struct policy_messages *messages = calloc(1, sizeof(*messages));
	struct policy_source sources[3];
	struct policy *policy = NULL;
	char path[512];

	bench_must(messages != NULL, "no memory");
	for (int i = 0; i < 3; ++i) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		sources[i].path = names[i];
		bench_must(policy_read_file(path, messages, &texts[i], &sources[i].n_text) == 0,
		           "the profile cannot be read");
		sources[i].text = texts[i];
	}
	bench_must(policy_compile(&sources[0], &sources[1], &sources[2], 1, messages, &policy) == 0,
	           "the profile does not compile");
	free(messages);
	for (int i = 0; i < 3; ++i)
		free(texts[i]);
	return policy;
}

/* Pages as a broker makes them, with a nurse signed in. */
static void pages_make(struct pages *p, const char *directory) {
	struct policy *policy = compile(directory);
	int policy_fd = -1, state_fd = -1;
	bool sealed;

	bench_must(page_make_policy(&policy->table, &policy_fd) == 0 &&
	                   page_map_policy(policy_fd, &p->table) == 0 &&
	                   page_make_state(&p->writable, &sealed, &state_fd) == 0 &&
	                   page_map_state(state_fd, &p->page) == 0,
	           "no pages");
	(void)close(policy_fd);
	(void)close(state_fd);
	p->now = boot_ms();
	state_page_write(p->writable,
	                 &(struct policy_state){
				 .policy_generation = p->table->generation,
				 .lease_until = UINT64_MAX,
				 .lock_at = UINT64_MAX,
				 .session = 1,
				 .account = 1,
				 .roles = 1u << policy_role_index(p->table, "nurse"),
				 .contexts_now = policy_contexts(p->table, 0, 0),
				 .contexts_later = policy_contexts(p->table, 0, 0),
				 .assurance = CW_ASSURANCE_PASSWORD,
			 });
	p->action = (uint32_t)policy_action_index(p->table, "therapy.start");
	(void)policy_free(policy);
}

static void pages_drop(struct pages *p) {
	page_unmap_policy(p->table);
	page_unmap_state_read(p->page);
	page_unmap_state(p->writable);
}

void rows_check(struct bench *b) {
	static const struct plan plan = { .rounds = 9, .batches = 2000 };
	struct pages p = { 0 };
	struct contender rows[] = {
		{ .name = "a test of one bit", .n = N, .run = run_bit, .arg = &p },
		{ .name = "clock_gettime(CLOCK_BOOTTIME)", .n = N, .run = run_clock, .arg = &p },
		{ .name = "pages, time given: copy and decide", .n = N, .run = run_pages, .arg = &p },
		{ .name = "pages, time given: nothing newer, decide, reason", .n = N, .run = run_functions, .arg = &p },
		{ .name = "cw_check(), nurse signed in", .n = N, .run = run_check, .arg = &p },
	};
	static struct device device; /* outlives exit() */
	const char *why = device_start(b, &device);
	unsigned n = ARRAY_SIZE(rows);

	pages_make(&p, b->config);
	if (why) {
		--n;
	} else {
		p.cw = client_open(&device);
		client_sign_in(p.cw, DEVICE_NURSE, STAFF_PASSWORD);
	}
	bench_measure(b, GROUP, true, rows, n, &plan);
	if (why) {
		bench_skip(b, GROUP, "cw_check(), nurse signed in", why);
	} else {
		p.cw = cw_close(p.cw);
		device_stop(&device);
	}
	pages_drop(&p);
}
