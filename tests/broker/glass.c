/* SPDX-License-Identifier: Apache-2.0 */
#include "glass.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/journal.h"

const struct cw_action glass_actions[N_GLASS_ACTIONS] = {
	[STOP] = { "therapy.stop", CW_KIND_ALWAYS },
	[START] = { "therapy.start", CW_KIND_CARE },
	[DISPLAY] = { "settings.display", CW_KIND_GUARDED },
	[EXPORT] = { "data.export", CW_KIND_GUARDED },
	[LIMITS] = { "settings.limits", CW_KIND_SENSITIVE },
	[UPDATE] = { "software.update", CW_KIND_SENSITIVE },
};

void screen_open(struct screen *screen, const struct world *w) {
	char path[192];
	struct cw_options options = { .size = sizeof(options),
				      .n_actions = N_GLASS_ACTIONS,
				      .actions = glass_actions,
				      .socket = path,
				      .broker_uid = geteuid() == 0 ? BROKER_UID : geteuid() };

	*screen = (struct screen){ 0 };
	(void)snprintf(path, sizeof(path), "%s/main", w->run);
	ck_assert_int_eq(cw_open(&options, &screen->cw), 0);
}

static void take_events(struct screen *screen) {
	struct cw_event event = { .size = sizeof(event) };

	while (cw_next_event(screen->cw, &event)) {
		if (event.kind == CW_EVENT_EMERGENCY_RECORDED) {
			++screen->n_recorded;
			memcpy(screen->recorded, event.emergency, sizeof(screen->recorded));
		}
		screen->n_ended += event.kind == CW_EVENT_EMERGENCY_ENDED;
	}
}

/* One turn of an application's loop that waits at most @ms for its own matters. */
static void turn(struct screen *screen, int fd, int ms) {
	struct pollfd p[] = { { .fd = cw_fd(screen->cw), .events = POLLIN },
			      { .fd = fd, .events = POLLIN } };
	int wanted = cw_timeout_ms(screen->cw);

	(void)poll(p, 2, wanted >= 0 && wanted < ms ? wanted : ms);
	(void)cw_dispatch(screen->cw);
	take_events(screen);
}

void screen_run(struct screen *screen, int ms) {
	uint64_t end = boot_now_ms() + (uint64_t)ms;

	do {
		uint64_t now = boot_now_ms();

		turn(screen, -1, now < end ? (int)(end - now) : 0);
	} while (boot_now_ms() < end);
}

struct cw_status screen_status(struct screen *screen) {
	struct cw_status status = { .size = sizeof(status) };

	ck_assert_int_eq(cw_status(screen->cw, &status), 0);
	return status;
}

static int use(struct screen *screen, unsigned n) {
	enum cw_verdict verdict = CW_DENY;
	char object[32];
	int r;

	(void)snprintf(object, sizeof(object), "use-%u", n);
	r = cw_use(screen->cw, START, object, cw_session(screen->cw), &verdict, NULL, NULL);
	return r == 0 && verdict == CW_ALLOW ? 0 : -EACCES;
}

void screen_use(struct screen *screen, unsigned n) {
	ck_assert_msg(use(screen, n) == 0, "use %u was not allowed", n);
}

void screen_assert_care_alone(struct screen *screen) {
	ck_assert_int_eq(cw_check(screen->cw, STOP, NULL), CW_ALLOW);
	ck_assert_int_eq(cw_check(screen->cw, START, NULL), CW_ALLOW);
	for (uint32_t action = DISPLAY; action <= UPDATE; ++action)
		ck_assert_msg(cw_check(screen->cw, action, NULL) != CW_ALLOW, "%s is open",
		              glass_actions[action].name);
}

/* ---- another process -------------------------------------------------------------- */

struct order {
	char what;
	unsigned n;
	uint8_t id[16];
};

static void other_run(const struct world *w, int fd) {
	struct screen screen;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	screen_open(&screen, w);
	for (;;) {
		struct other_answer answer = { 0 };
		struct order order;
		ssize_t n;

		turn(&screen, fd, 1000);
		n = recv(fd, &order, sizeof(order), MSG_DONTWAIT);
		if (n == 0)
			_exit(0);
		if (n != (ssize_t)sizeof(order))
			continue;
		if (order.what == 'u')
			answer.result = use(&screen, order.n);
		if (order.what == 'e')
			answer.result = cw_break_glass_end(screen.cw, order.id);
		answer.status = screen_status(&screen);
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			_exit(1);
	}
}

void other_begin(struct other *other, const struct world *w) {
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	other->pid = fork();
	ck_assert_int_ge(other->pid, 0);
	if (other->pid == 0) {
		for (int i = 3; i < 1024; ++i)
			if (i != ends[1])
				(void)close(i);
		other_run(w, ends[1]);
	}
	(void)close(ends[1]);
	other->fd = ends[0];
}

void other_end(struct other *other) {
	(void)close(other->fd);
	ck_assert_int_eq(waitpid(other->pid, NULL, 0), other->pid);
}

static struct other_answer ask(const struct other *other, const struct order *order) {
	struct other_answer answer;

	ck_assert_int_eq(send(other->fd, order, sizeof(*order), MSG_NOSIGNAL),
	                 (ssize_t)sizeof(*order));
	ck_assert_int_eq(recv(other->fd, &answer, sizeof(answer), 0), (ssize_t)sizeof(answer));
	return answer;
}

struct cw_status other_status(const struct other *other) {
	const struct order order = { .what = 's' };

	return ask(other, &order).status;
}

void other_use(const struct other *other, unsigned n) {
	const struct order order = { .what = 'u', .n = n };

	ck_assert_int_eq(ask(other, &order).result, 0);
}

int other_end_glass(const struct other *other, const uint8_t id[16]) {
	struct order order = { .what = 'e' };

	memcpy(order.id, id, sizeof(order.id));
	return ask(other, &order).result;
}

void both_until(struct screen *screen, const struct other *other, bool open) {
	uint64_t end = boot_now_ms() + GLASS_WAIT_MS;
	struct cw_status a, b;

	do {
		screen_run(screen, 20);
		a = screen_status(screen);
		b = other_status(other);
		if (a.connected && b.connected && a.unrecorded == 0 && b.unrecorded == 0 &&
		    a.emergency == open && b.emergency == open)
			return;
	} while (boot_now_ms() < end);
	ck_abort_msg("wanted: emergency %d; here: connected %d, emergency %d, unrecorded %d; "
	             "in the other process: connected %d, emergency %d, unrecorded %d",
	             open, a.connected, a.emergency, a.unrecorded, b.connected, b.emergency,
	             b.unrecorded);
}

/* ---- the journal ------------------------------------------------------------------ */

static int count(const struct journal_entry *entry, void *userdata) {
	struct tally *t = userdata;
	unsigned n = 0;

	t->entries++;
	t->not_isolated += (entry->flags & ENTRY_NOT_ISOLATED) != 0;
	t->started += entry->event == EVENT_EMERGENCY_STARTED;
	t->late += entry->event == EVENT_EMERGENCY_LATE;
	t->ended += entry->event == EVENT_EMERGENCY_ENDED;
	t->interrupted += entry->event == EVENT_EMERGENCY_INTERRUPTED;
	t->reasons += entry->event == EVENT_EMERGENCY_REASON;
	if (entry->event == EVENT_EMERGENCY_USE && entry->object &&
	    sscanf(entry->object, "use-%u", &n) == 1 && n < 512)
		t->uses[n]++;
	return 0;
}

void journal_tally(const struct world *w, const uint8_t id[16], struct tally *ret_tally) {
	struct journal_filter filter = { .has_emergency = id != NULL };
	struct verify_options options = { 0 };
	struct verify_report report;
	struct store *store = NULL;
	int fd = open(w->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned tries = 0;
	int r = 0;

	ck_assert_int_ge(fd, 0);
	memset(ret_tally, 0, sizeof(*ret_tally));
	/* A process that has ended may still be letting go, thread by thread. */
	do {
		r = store_open(fd, STORE_READ_ONLY, NULL, &store);
	} while (r == -EBUSY && tries++ < 1000 && usleep(10000) == 0);
	ck_assert_int_eq(r, 0);
	if (id) {
		memcpy(filter.emergency, id, 16);
		memcpy(ret_tally->id, id, 16);
	}
	do {
		ck_assert_int_eq(journal_query(store, &filter, LIMIT_HISTORY_PAGE, count,
		                               ret_tally, &filter.before),
		                 0);
	} while (filter.before != 0);
	ck_assert_int_eq(journal_verify(store, &options, NULL, NULL, &report), 0);
	ck_assert_msg(report.finding == VERIFY_OK, "verify: %s", report.what);
	(void)store_close(store);
	(void)close(fd);
}
