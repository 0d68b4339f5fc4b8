/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/account-copy.h"
#include "broker/authorities.h"
#include "broker/config.h"
#include "broker/peer.h"
#include "broker/requests.h"
#include "broker/sandbox.h"
#include "broker/tokens.h"
#include "common/cleanup.h"
#include "wire/memfd.h"

static const char *const alarm_names[ALARM_N] = {
	[ALARM_NONE] = "",
	[ALARM_STORE_MISSING] = "database-missing-or-damaged",
	[ALARM_STORE_NEWER] = "database-of-a-newer-release",
	[ALARM_STORE_FAILED] = "storage-fails",
	[ALARM_NO_JOURNAL] = "runs-without-journal",
	[ALARM_CONFIG_REFUSED] = "configuration-refused",
	[ALARM_CONFIG_FOREIGN] = "configuration-is-not-the-installed-one",
	[ALARM_CONFIG_NONE] = "no-configuration",
	[ALARM_CLOCK] = "clock-is-not-trusted",
	[ALARM_NOT_ISOLATED] = "not-isolated",
	[ALARM_ENGINE_DIED] = "engine-was-restarted",
	[ALARM_RECORDS_LOST] = "records-were-lost",
	[ALARM_RECOVERED] = "recovery-code-was-used",
	[ALARM_ROWS] = "emergencies-were-changed",
	[ALARM_AUTHORITIES] = "card-authorities-unusable",
	[ALARM_TOKENS] = "tokens-unavailable",
	[ALARM_SEAL] = "journal-is-not-sealed",
};

const char *engine_alarm_name(enum engine_alarm alarm) {
	return (unsigned)alarm < ALARM_N ? alarm_names[alarm] : "";
}

struct moment engine_now(struct engine *engine) {
	return clock_now(&engine->clock);
}

const struct policy *engine_policy(const struct engine *engine) {
	static const struct policy none;

	return engine->policy ? engine->policy : &none;
}

int engine_record(struct engine *engine, struct journal_entry *entry) {
	int r = 0;

	if (!engine->store || store_is_broken(engine->store))
		return -EIO;
	entry->at = engine_now(engine);
	if (engine->setup->embedded)
		entry->flags |= ENTRY_NOT_ISOLATED;
	r = journal_append(engine->store, entry);
	if (r == 0)
		clock_not_before(&engine->clock,
				 entry->at.trust == CLOCK_TRUSTED ? entry->at.wall_ms : 0);
	else if (r != -EINVAL)
		engine_store_failed(engine, r);
	return r;
}

static void tell_alarm(struct engine *e, enum engine_alarm alarm) {
	uint8_t buffer[160];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "alarm");
	frame_text(&w, "message", alarm_names[alarm]);
	if (frame_end(&w) < 0)
		return;
	for (uint32_t i = 0; i < e->n_seats; ++i)
		seat_broadcast(&e->seats[i], buffer, w.n, NULL);
}

void engine_alarm(struct engine *engine, enum engine_alarm alarm, bool on) {
	struct journal_entry entry = {
		.event = EVENT_ALARM,
		.outcome = on ? OUTCOME_FAILED : OUTCOME_OK,
		.peer_uid = UINT32_MAX,
		.object = alarm_names[alarm],
	};
	bool any = false;

	if (engine->alarms[alarm] == on)
		return;
	engine->alarms[alarm] = on;
	for (unsigned a = 0; a < ALARM_N; ++a)
		any |= engine->alarms[a] && a != ALARM_NOT_ISOLATED;
	for (uint32_t i = 0; i < engine->n_seats; ++i) {
		struct seat *s = &engine->seats[i].seat;

		s->flags = (uint8_t)((s->flags & ~STATE_ALARM) | (any ? STATE_ALARM : 0));
	}
	if (alarm != ALARM_STORE_FAILED || !on)
		(void)engine_record(engine, &entry);
	if (on)
		tell_alarm(engine, alarm);
	engine_publish_all(engine, false);
}

void engine_store_failed(struct engine *engine, int error) {
	if (error == -EINVAL || error == -ENOENT)
		return;
	engine_alarm(engine, ALARM_STORE_FAILED, true);
}

/* A change of the lease alone is no change. */
static bool same_state(const struct policy_state *a, const struct policy_state *b) {
	struct policy_state x = *a, y = *b;

	x.lease_until = y.lease_until = 0;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

void engine_publish(struct engine *engine, struct seat_runtime *seat, bool force) {
	const struct policy_table *table = &engine_policy(engine)->table;
	struct moment now = engine_now(engine);
	struct policy_state state;
	bool same = false;

	if (!seat->page)
		return;
	seat_state(&seat->seat, table, &now, ENGINE_LEASE_MS, &state);
	if (engine->setup->embedded)
		state.flags |= STATE_NOT_ISOLATED;
	same = same_state(&state, &seat->published);
	if (same && !force)
		return;
	state_page_write(seat->page, &state);
	seat->published = state;
	if (!same)
		seat_event(seat, "state");
}

void engine_publish_all(struct engine *engine, bool force) {
	for (uint32_t i = 0; i < engine->n_seats; ++i)
		engine_publish(engine, &engine->seats[i], force);
}

/* Its reason is to be asked for, unless it has been said already. */
static void note_ended(struct engine *e, struct seat_runtime *seat, const uint8_t id[16]) {
	if (memcmp(seat->reason_given, id, 16) == 0)
		return;
	memcpy(seat->reason_id, id, 16);
	seat->reason_ms = engine_now(e).boot_ms;
	seat->reason_wanted = true;
}

void engine_tell_emergency(struct engine *engine, struct seat_runtime *seat, const uint8_t id[16],
                           const char *event, const char *how) {
	uint8_t buffer[128];
	struct frame_writer w;

	if (how)
		note_ended(engine, seat, id);
	engine_publish(engine, seat, false);
	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, event);
	frame_bytes(&w, "emergency", id, 16);
	if (how)
		frame_text(&w, "how", how);
	if (frame_end(&w) == 0)
		seat_broadcast(seat, buffer, w.n, NULL);
}

static void tell_policy(struct engine *e) {
	uint8_t buffer[64];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "policy");
	frame_uint(&w, "generation", e->generation);
	if (frame_end(&w) < 0)
		return;
	for (struct peer *p = e->peers, *next = NULL; p; p = next) {
		next = p->next;
		if (p->phase == PEER_OPEN)
			peer_send(p, buffer, w.n, &e->policy_fd, 1);
	}
}

/* One budget of memory for all hashing: what the site's cost asks for. */
static void fit_arena(struct engine *e, const struct policy *policy) {
	uint32_t kib = policy->settings.passwords.argon2_memory_kib;
	struct arena *arena = NULL;

	if (kib <= e->arena_kib || arena_new(kib, &arena) < 0)
		return;
	e->arena_kib = kib;
	worker_set_arena(e->hasher, arena);
}

/* What is known of a signal follows its name: in the new table it has another place. */
static void move_signals(struct seat *seat, const struct policy_table *old,
                         const struct policy_table *now) {
	struct policy_told before[POLICY_SIGNALS_MAX];

	memcpy(before, seat->signals, sizeof(before));
	memset(seat->signals, 0, sizeof(seat->signals));
	for (uint32_t i = 0; old && i < now->n_signals; ++i) {
		int was = policy_signal_index(old, now->signal_names[i]);

		if (was >= 0 && old->signals[was].seat == now->signals[i].seat)
			seat->signals[i] = before[was];
	}
	seat->emergency.gone_since_ms = 0;
}

int engine_set_policy(struct engine *engine, struct policy *policy) {
	struct moment now = engine_now(engine);
	struct policy *old = engine->policy;
	int fd = -1, r = page_make_policy(&policy->table, &fd);

	if (r < 0) {
		policy_free(policy);
		return r;
	}
	/* Conversations hold on to the policy they began with: they end. */
	for (uint32_t i = 0; i < engine->n_seats; ++i)
		attempts_drop_seat(engine, &engine->seats[i]);
	engine->policy = policy;
	engine->auth.policy = policy;
	engine->generation = policy->table.generation;
	if (engine->policy_fd >= 0)
		(void)close(engine->policy_fd);
	engine->policy_fd = fd;
	for (uint32_t i = 0; i < engine->n_seats; ++i) {
		move_signals(&engine->seats[i].seat, old ? &old->table : NULL, &policy->table);
		/* By the readers of other rules; the new watcher tells what lies there. */
		engine->seats[i].card = engine->seats[i].shown = (struct token_sight){ 0 };
		(void)seat_refresh(engine->store, &engine->seats[i].seat, policy, &now);
	}
	policy_free(old);
	fit_arena(engine, policy);
	authorities_set_rules(engine->authorities, &policy->settings.tokens);
	tokens_set_rules(engine->tokens, &policy->settings.tokens);
	engine_publish_all(engine, true);
	tell_policy(engine);
	return 0;
}

static int random_bytes(void *p, size_t n) {
	return getrandom(p, n, 0) == (ssize_t)n ? 0 : -EIO;
}

/* ---- the supervisor ------------------------------------------------------------ */

static void tell_supervisor(struct engine *e, const struct control_message *m, int fd) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)m, .iov_len = sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (e->setup->control_fd < 0)
		return;
	if (fd >= 0) {
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	/* Lost when the supervisor is slow: it is told again at the next tick (ALIVE),
	 * and a ring is drained by the engine itself as long as there is one. */
	(void)sendmsg(e->setup->control_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void engine_ring_gone(struct engine *engine, uint64_t number) {
	const struct control_message m = { .kind = CONTROL_RING_GONE, .ring = number };

	tell_supervisor(engine, &m, -1);
}

void engine_ring_came(struct engine *engine, const struct peer *peer, int fd) {
	const struct control_message m = { .kind = CONTROL_RING,
					   .seat = peer->seat->seat.index,
					   .peer_uid = peer->uid,
					   .peer_pid = peer->pid,
					   .ring = peer->number };

	tell_supervisor(engine, &m, fd);
}

void engine_stop(struct engine *engine) {
	if (engine->stopping)
		return;
	engine->stopping = true;
	uv_stop(&engine->loop);
}

static void on_control(uv_poll_t *poll, int status, int events) {
	struct engine *e = poll->data;
	struct control_message m;

	for (;;) {
		ssize_t n = recv(e->setup->control_fd, &m, sizeof(m), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n != sizeof(m) || m.kind == CONTROL_STOP) {
			engine_stop(e); /* asked to, or the supervisor is gone */
			return;
		}
		if (m.kind == CONTROL_SPOOLED)
			claims_drain_spool(e);
	}
}

/* ---- time ------------------------------------------------------------------------ */

static void tick_clock(struct engine *e, const struct moment *now) {
	int64_t step = 0;
	char detail[48];
	struct journal_entry entry = {
		.event = EVENT_CLOCK_STEP,
		.outcome = OUTCOME_OK,
		.peer_uid = UINT32_MAX,
		.detail = detail,
	};

	if (clock_take_step(&e->clock, &step)) {
		(void)snprintf(detail, sizeof(detail), "step_ms=%lld", (long long)step);
		(void)engine_record(e, &entry);
	}
	engine_alarm(e, ALARM_CLOCK, now->trust != CLOCK_TRUSTED);
}

static void seal(struct engine *e, const struct moment *now) {
	const struct journal_rules *rules = e->policy ? &e->policy->settings.journal : NULL;

	if (!e->store || store_is_broken(e->store) ||
	    !journal_must_seal(e->store, now, rules ? rules->epoch_s : 60,
	                       rules ? rules->epoch_entries : 256))
		return;
	e->sealed_ms = now->boot_ms;
	/* No room for the next key, or not the key that was certified: entries go on without. */
	engine_alarm(e, ALARM_SEAL, journal_seal(e->store, now) < 0);
}

/* For the day when the database is damaged. One that fails is tried again. */
static void copy_accounts(struct engine *e, const struct moment *now) {
	uint64_t seq = journal_accounts_seq(e->store);

	if (!e->initialised || (e->copied && e->copied_seq == seq))
		return;
	e->copied = account_copy_write(e->store, e->setup->state_fd, now) == 0;
	e->copied_seq = seq;
}

/* A log that outgrows its room is slower. One that a reader keeps waits for the tick. */
static void move_log(struct engine *e, const struct moment *now) {
	if (!store_wants_checkpoint(e->store) || now->boot_ms < e->log_kept_ms + ENGINE_TICK_MS)
		return;
	if (store_checkpoint(e->store) < 0)
		e->log_kept_ms = now->boot_ms;
}

static void tick_store(struct engine *e, const struct moment *now) {
	/* What was in the way is gone: the next engine has its store. */
	if (engine_store_is_back(e))
		engine_stop(e);
	if (!e->store)
		return;
	if (store_is_broken(e->store)) {
		engine_alarm(e, ALARM_STORE_FAILED, true);
		if (store_reopen(e->store) < 0)
			return;
		struct journal_entry entry = { .event = EVENT_STORE_REOPENED,
					       .outcome = OUTCOME_OK,
					       .peer_uid = UINT32_MAX };
		if (engine_record(e, &entry) < 0)
			return;
	}
	seal(e, now);
	if (e->ticks % 10 == 0) {
		if (lockout_tick(e->store, now) < 0)
			return;
		(void)store_checkpoint(e->store);
		copy_accounts(e, now);
	}
	if (store_is_broken(e->store))
		return;
	engine_alarm(e, ALARM_STORE_FAILED, false);
}

static void on_listen(uv_poll_t *poll, int status, int events);

/* Once, when the emergency has been over for a while and nobody is being asked. */
static void tick_reason(struct engine *e, struct seat_runtime *s, const struct moment *now) {
	if (!s->reason_wanted || s->seat.emergency.open || s->n_peers == 0 ||
	    now->boot_ms < s->reason_ms + ENGINE_REASON_MS || attempts_any(e, s))
		return;
	s->reason_wanted = false;
	engine_tell_emergency(e, s, s->reason_id, "reason-wanted", NULL);
}

static void tick_seat(struct engine *e, struct seat_runtime *s, const struct moment *now) {
	bool ended = false, ask = false;
	uint8_t id[16];

	memcpy(id, s->seat.emergency.id, sizeof(id));
	(void)seat_tick(e->store, &s->seat, engine_policy(e), now);
	if (s->seat.emergency.open &&
	    emergency_tick(e->store, engine_policy(e), &s->seat, now, &ended, &ask) < 0)
		engine_alarm(e, ALARM_STORE_FAILED, true);
	if (ended)
		engine_tell_emergency(e, s, id, "emergency-ended", "patient-gone");
	if (ask)
		engine_tell_emergency(e, s, id, "still-needed", NULL);
	seat_noise_flush(s);
	if (s->listen && !uv_is_active((uv_handle_t *)s->listen))
		(void)uv_poll_start(s->listen, UV_READABLE, on_listen);
	tick_reason(e, s, now);
	engine_publish(e, s, false);
}

void engine_breathe(struct engine *engine) {
	static const struct control_message alive = { .kind = CONTROL_ALIVE };

	engine_publish_all(engine, true);
	tell_supervisor(engine, &alive, -1);
}

/*
 * Everything that was ready has been dealt with. A seal that is due is made now,
 * when whoever waited has his answer; one that follows another waits for the tick.
 * So is the log moved into the database.
 */
static void on_before(uv_prepare_t *before) {
	struct engine *e = before->data;
	struct moment now = engine_now(e);

	peers_reap(e);
	if (now.boot_ms - e->sealed_ms >= ENGINE_TICK_MS)
		seal(e, &now);
	move_log(e, &now);
	/* An embedded engine lives for its one client. */
	if (e->setup->embedded && !e->peers)
		engine_stop(e);
}

static void on_tick(uv_timer_t *timer) {
	struct engine *e = timer->data;
	struct moment now = engine_now(e);

	++e->ticks;
	/* First: whatever follows may hang in the storage. */
	engine_breathe(e);
	tick_clock(e, &now);
	attempts_tick(e, &now);
	for (uint32_t i = 0; i < e->n_seats; ++i)
		tick_seat(e, &e->seats[i], &now);
	tick_store(e, &now);
	claims_tick(e);
	authorities_tick(e->authorities, now.boot_ms);
	if (e->ticks % 10 == 0) {
		claims_drain_spool(e);
		config_tick(e);
	}
}

/* ---- beginning and end ------------------------------------------------------------ */

static void on_listen(uv_poll_t *poll, int status, int events) {
	struct seat_runtime *seat = poll->data;
	int listen_fd = -1;

	if (status < 0 || uv_fileno((uv_handle_t *)poll, &listen_fd) < 0)
		return;
	for (int i = 0; i < 16; ++i) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			/* No descriptors: whoever waits is taken at the next tick, not asked
			 * for again and again until then. */
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				(void)uv_poll_stop(poll);
			return;
		}
		(void)peer_new(seat->engine, seat, fd);
	}
}

static int watch_fd(struct engine *e, int fd, uv_poll_cb on, void *data, uv_poll_t **ret) {
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll)
		return -ENOMEM;
	if (uv_poll_init(&e->loop, poll, fd) < 0) {
		free(poll);
		return -EIO;
	}
	poll->data = data;
	*ret = poll;
	return uv_poll_start(poll, UV_READABLE, on) < 0 ? -EIO : 0;
}

static int begin_seats(struct engine *e) {
	int r = 0;

	e->n_seats = e->setup->n_seats;
	for (uint32_t i = 0; i < e->n_seats; ++i) {
		struct seat_runtime *s = &e->seats[i];

		s->engine = e;
		s->socket = e->setup->seats[i];
		s->seat.index = (uint8_t)i;
		s->page_fd = -1;
		s->seat.flags = e->setup->embedded ? STATE_NOT_ISOLATED : 0;
		memcpy(s->seat.name, s->socket.name, sizeof(s->seat.name));
		r = page_make_state(&s->page, &s->page_sealed, &s->page_fd);
		if (r < 0)
			return r;
		if (e->setup->listen_fds[i] < 0)
			continue;
		r = watch_fd(e, e->setup->listen_fds[i], on_listen, s, &s->listen);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Everything that makes threads, before the filter is loaded. */
static int begin_workers(struct engine *e) {
	int r = worker_new(&e->loop, LIMIT_HASH_QUEUE, &e->hasher);

	if (r == 0)
		r = worker_new(&e->loop, 2, &e->reader);
	if (r == 0)
		r = worker_new(&e->loop, 2, &e->helper);
	return r;
}

static void record_start(struct engine *e) {
	static const char *const deaths[] = { "none", "exit", "signal", "hung" };
	static const char *const sources[] = { "default", "last", "device" };
	enum seats_source source = e->setup->seats_source;
	char detail[128];
	struct journal_entry entry = {
		.event = EVENT_ENGINE_STARTED,
		.outcome = OUTCOME_OK,
		.peer_uid = UINT32_MAX,
		.detail = detail,
	};
	enum control_death death = e->setup->death;

	(void)snprintf(detail, sizeof(detail),
	               "version=%s starts=%llu previous=%s code=%d seats=%s lost=%llu", CW_VERSION,
	               (unsigned long long)e->setup->starts,
	               (unsigned)death < ARRAY_SIZE(deaths) ? deaths[death] : "?",
	               e->setup->death_code,
	               (unsigned)source < ARRAY_SIZE(sources) ? sources[source] : "?",
	               (unsigned long long)e->setup->lost);
	(void)engine_record(e, &entry);
	if (e->setup->lost > 0)
		engine_alarm(e, ALARM_RECORDS_LOST, true);
	if (death == DEATH_NONE || (death == DEATH_EXIT && e->setup->death_code == 0))
		return;
	entry.event = EVENT_ENGINE_DIED;
	entry.outcome = OUTCOME_FAILED;
	(void)engine_record(e, &entry);
	engine_alarm(e, ALARM_ENGINE_DIED, true);
}

static int resume(struct engine *e, const struct moment *now) {
	struct seat *seats = calloc(e->n_seats, sizeof(*seats));
	int r = 0;

	if (!seats)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->n_seats; ++i)
		seats[i] = e->seats[i].seat;
	r = emergency_resume(e->store, seats, e->n_seats, now);
	for (uint32_t i = 0; i < e->n_seats; ++i)
		e->seats[i].seat = seats[i];
	free(seats);
	return r;
}

static int see_trusted(const struct journal_entry *entry, void *userdata) {
	struct clock *clock = userdata;

	if (entry->at.trust != CLOCK_TRUSTED)
		return 0;
	clock_not_before(clock, entry->at.wall_ms);
	return 1;
}

/* No clock is believed that is before the last entry of a believed one. */
static void learn_last_entry(struct engine *e) {
	const struct journal_filter all = { 0 };
	uint64_t next = 0;

	if (e->store)
		(void)journal_query(e->store, &all, LIMIT_HISTORY_PAGE, see_trusted, &e->clock,
		                    &next);
}

static void begin_state(struct engine *e) {
	struct moment now;

	engine_open_store(e);
	learn_last_entry(e);
	config_load(e);
	record_start(e);
	if (e->setup->embedded)
		engine_alarm(e, ALARM_NOT_ISOLATED, true);
	now = engine_now(e);
	if (e->store && resume(e, &now) < 0)
		engine_alarm(e, ALARM_STORE_FAILED, true);
	engine_check_rows(e);
	if (!e->setup->without_journal && spool_open(e->setup->state_fd, &e->spool) == 0)
		claims_drain_spool(e);
	engine_publish_all(e, true);
}

static bool embedded_is_refused(const struct engine *e) {
	/* "required" is the default: so it is without a configuration, too. */
	return e->setup->embedded && (!e->policy || e->policy->settings.isolation_required);
}

static int begin(struct engine *e) {
	static const struct control_message ready = { .kind = CONTROL_READY };
	int r = uv_loop_init(&e->loop) < 0 ? -ENOMEM : 0;

	e->has_loop = r == 0;
	if (r == 0)
		r = begin_seats(e);
	if (r == 0)
		r = begin_workers(e);
	if (r == 0 && e->setup->control_fd >= 0)
		r = watch_fd(e, e->setup->control_fd, on_control, e, &e->control);
	if (r == 0)
		r = authorities_new(e, &e->authorities);
	if (r == 0)
		r = tokens_new(e, e->setup->token_fd, seats_see, &e->tokens);
	if (r == 0)
		r = sandbox_engine();
	if (r < 0)
		return r;
	begin_state(e);
	if (embedded_is_refused(e))
		return -EPERM;
	if (e->setup->client_fd >= 0)
		r = peer_new(e, &e->seats[0], e->setup->client_fd);
	if (r < 0)
		return r;
	e->timer = calloc(1, sizeof(*e->timer));
	e->before = calloc(1, sizeof(*e->before));
	if (!e->timer || !e->before || uv_timer_init(&e->loop, e->timer) < 0 ||
	    uv_prepare_init(&e->loop, e->before) < 0)
		return -ENOMEM;
	e->timer->data = e->before->data = e;
	if (uv_timer_start(e->timer, on_tick, 100, ENGINE_TICK_MS) < 0 ||
	    uv_prepare_start(e->before, on_before) < 0)
		return -EIO;
	tell_supervisor(e, &ready, -1);
	return 0;
}

static void free_handle(uv_handle_t *handle) {
	free(handle);
}

/* Those of connections and workers are closing already. */
static void close_handle(uv_handle_t *handle, void *arg) {
	if (!uv_is_closing(handle))
		uv_close(handle, free_handle);
}

static void end(struct engine *e) {
	struct moment now;
	struct journal_entry entry = { .event = EVENT_ENGINE_STOPPED,
				       .outcome = OUTCOME_OK,
				       .peer_uid = UINT32_MAX };

	e->stopping = true;
	for (struct peer *p = e->peers; p; p = p->next)
		peer_close(p);
	claims_end(e);
	e->hasher = worker_free(e->hasher);
	e->reader = worker_free(e->reader);
	e->helper = worker_free(e->helper); /* the reading one may have waited for it */
	attempts_end(e);
	e->tokens = tokens_free(e->tokens);
	e->authorities = authorities_free(e->authorities);
	if (e->store) {
		(void)engine_record(e, &entry);
		now = engine_now(e);
		(void)journal_seal(e->store, &now);
		copy_accounts(e, &now);
	}
	e->spool = spool_close(e->spool);
	e->store = store_close(e->store);
	e->keys = keystore_close(e->keys);
	e->policy = policy_free(e->policy);
	for (uint32_t i = 0; i < e->n_seats; ++i)
		page_unmap_state(e->seats[i].page);
	if (!e->has_loop)
		return;
	uv_walk(&e->loop, close_handle, NULL);
	(void)uv_run(&e->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&e->loop);
}

int engine_main(const struct engine_setup *setup) {
	struct engine *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e)
		return 1;
	e->setup = setup;
	e->policy_fd = -1;
	e->auth.random = random_bytes;
	e->auth.not_before_ms = &e->clock.not_before_ms;
	e->auth.not_isolated = setup->embedded;
	e->auth.recovery_verifier_name = "recovery";
	(void)clock_init(&e->clock, clock_build_ms());
	r = begin(e);
	if (r == 0)
		(void)uv_run(&e->loop, UV_RUN_DEFAULT);
	end(e);
	explicit_bzero(e, sizeof(*e));
	free(e);
	return r == 0 ? 0 : 1;
}
