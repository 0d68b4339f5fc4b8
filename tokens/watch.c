/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The watcher: one loop over all readers
 */

#include "tokens/watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/cleanup.h"

enum { WAIT_STOP, WAIT_TICK, WAIT_PCSC, WAIT_READERS, N_WAITS = WAIT_READERS + TOKEN_READERS_MAX };

static void set_name(struct token_sight *sight, const char *name) {
	memcpy(sight->name, name, strnlen(name, sizeof(sight->name) - 1));
}

void watch_tell(struct watch *watch, uint32_t reader, enum token_sight_kind kind,
		const char *name) {
	struct token_sight sight = { .kind = kind, .reader = reader };

	set_name(&sight, name);
	watch->see(&sight, watch->userdata);
}

void watch_tell_there(struct watch *watch, uint32_t reader, bool there) {
	struct watch_reader *r = &watch->readers[reader];

	if (r->gone != there)
		return;
	r->gone = !there;
	watch_tell(watch, reader, there ? TOKEN_SIGHT_READER_BACK : TOKEN_SIGHT_READER_GONE,
		   r->rules->path);
}

void watch_tell_line(struct watch *watch, uint32_t reader, enum badge_form form, const char *name,
		     const uint8_t *line, size_t n) {
	struct token_sight sight = { .kind = TOKEN_SIGHT_BADGE, .reader = reader };
	struct watch_reader *r = &watch->readers[reader];
	bool is_bounce = false;

	if (!watch->rules->badge.on || badge_normalise(form, line, n, sight.id, &sight.n_id) < 0)
		return;
	is_bounce = r->n_badge == sight.n_id && memcmp(r->badge, sight.id, sight.n_id) == 0 &&
		    watch->tick - r->badge_tick < TICKS_BOUNCE;
	r->n_badge = sight.n_id;
	memcpy(r->badge, sight.id, sizeof(r->badge));
	r->badge_tick = watch->tick;
	if (is_bounce)
		return;
	set_name(&sight, name);
	watch->see(&sight, watch->userdata);
}

void watch_renew_badge(struct watch *watch, uint32_t reader) {
	watch->readers[reader].badge_tick = watch->tick;
}

/* Looks at what has no descriptor, and again for what was not there. */
static void look_around(struct watch *watch, uint32_t reader) {
	struct watch_reader *r = &watch->readers[reader];

	switch (r->rules->kind) {
	case READER_SERIAL:
	case READER_WEDGE:
		if (r->rules->path[0] == '\0')
			break; /* it types into the seat's application: cw_badge() */
		watch_line_tick(watch, reader);
		if (r->fd < 0 && watch->tick % TICKS_RETRY == 0)
			watch_line_open(watch, reader);
		break;
	case READER_USB_KEY:
	case READER_KEY_SOCKET:
		watch_key_tick(watch, reader);
		break;
	case READER_PCSC: /* its thread does */
	case READER_NONE:
	case READER_N_KINDS:
	default:
		break;
	}
}

static void look_around_all(struct watch *watch) {
	for (uint32_t i = 0; i < watch->rules->n_readers; ++i)
		look_around(watch, i);
	if (watch->pcsc)
		watch_pcsc_tick(watch);
}

static int begin(struct watch *watch) {
	bool has_pcsc = false;

	for (uint32_t i = 0; i < watch->rules->n_readers; ++i) {
		watch->readers[i].rules = &watch->rules->readers[i];
		watch->readers[i].fd = -1;
		has_pcsc = has_pcsc || watch->rules->readers[i].kind == READER_PCSC;
	}
	return has_pcsc ? watch_pcsc_start(watch) : 0;
}

static int start_ticking(void) {
	const struct itimerspec often = { .it_interval = { .tv_nsec = TICK_MS * 1000000 },
					  .it_value = { .tv_nsec = TICK_MS * 1000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		(void)timerfd_settime(fd, 0, &often, NULL);
	return fd < 0 ? -errno : fd;
}

static void serve(struct watch *watch, const struct pollfd waits[N_WAITS]) {
	uint64_t ticks = 0;

	if (waits[WAIT_PCSC].revents)
		watch_pcsc_ready(watch);
	for (uint32_t i = 0; i < watch->rules->n_readers; ++i)
		if (waits[WAIT_READERS + i].revents)
			watch_line_ready(watch, i);
	if (waits[WAIT_TICK].revents &&
	    read(waits[WAIT_TICK].fd, &ticks, sizeof(ticks)) == sizeof(ticks)) {
		/* Not by more than one: a retry is not missed, and a stop of ours is no silence. */
		++watch->tick;
		look_around_all(watch);
		if (watch->tick % TICKS_ALIVE == 0)
			watch_tell(watch, 0, TOKEN_SIGHT_ALIVE, "");
	}
}

static int run(struct watch *watch, int stop_fd, int ticker) {
	struct pollfd waits[N_WAITS];

	for (;;) {
		for (size_t i = 0; i < N_WAITS; ++i)
			waits[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
		waits[WAIT_STOP].fd = stop_fd;
		waits[WAIT_TICK].fd = ticker;
		waits[WAIT_PCSC].fd = watch->pcsc_fd;
		for (uint32_t i = 0; i < watch->rules->n_readers; ++i)
			waits[WAIT_READERS + i].fd = watch->readers[i].fd;
		if (poll(waits, N_WAITS, -1) < 0) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (waits[WAIT_STOP].revents)
			return 0;
		serve(watch, waits);
	}
}

int token_watch(const struct token_rules *rules, int stop_fd,
		void (*see)(const struct token_sight *sight, void *userdata), void *userdata) {
	struct watch watch = { .rules = rules, .see = see, .userdata = userdata, .pcsc_fd = -1 };
	cleanup_(close_fdp) int ticker = -1;
	int r;

	if (rules->n_readers > TOKEN_READERS_MAX)
		return -EINVAL;
	ticker = start_ticking();
	if (ticker < 0)
		return ticker;
	r = begin(&watch);
	if (r < 0)
		return r;
	look_around_all(&watch);
	r = run(&watch, stop_fd, ticker);
	if (watch.pcsc)
		watch_pcsc_stop(&watch);
	for (uint32_t i = 0; i < rules->n_readers; ++i)
		close_fdp(&watch.readers[i].fd);
	return r;
}
