/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Engine, supervisor and clients are killed at random, and nothing acknowledged is lost
 *
 * This process keeps the ledger (ledger.h) and kills. Afterwards it compares by
 * number: what was acknowledged is in the journal once, what was not is there
 * once or not at all, each account is the one that the journal tells of.
 *
 * soak-kills [--seed N] [--kills N]: ./dev soak --kills
 */

#undef NDEBUG

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/journal.h"
#include "auth/account.h"
#include "disk.h"
#include "ledger.h"

static uint64_t seed = 1;
static unsigned n_kills = 5000;

static struct world world;
static struct ledger *ledger;
static pid_t desk, bed;
static unsigned struck[4]; /* engine, supervisor, bed, desk                        */
static uint64_t random_state;

static unsigned draw(unsigned n) {
	return (unsigned)(random_next(&random_state) % n);
}

/* ---- the clients -------------------------------------------------------------------- */

static pid_t begin(void (*run)(const struct world *, struct ledger *, uint64_t)) {
	uint64_t own = random_next(&random_state);
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(&world, ledger, own);
	}
	return pid;
}

static void desk_main(const struct world *w, struct ledger *l, uint64_t own) {
	desk_run(w, l, own);
}

static void bed_main(const struct world *w, struct ledger *l, uint64_t own) {
	bed_run(w, l, own);
}

/* By our hand or by its own end, which is a failure. */
static void kill_client(pid_t *pid, const char *which) {
	int status = 0;

	(void)kill(*pid, SIGKILL);
	ck_assert_int_eq(waitpid(*pid, &status, 0), *pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	              "the %s ended by itself: %x", which, (unsigned)status);
	*pid = 0;
}

/* What the broker says of itself, for whoever reads why it failed. */
static void tell_alarms(void) {
	struct frame_span alarms, item;
	struct caller c;
	size_t cursor = 0;
	char text[64];

	if (caller_try_open(&c, &world, "main") < 0) {
		printf("# nobody can connect\n");
		return;
	}
	(void)caller_call(&c, "status");
	if (frame_get_array(c.frame.body, "alarms", &alarms) == 0)
		while (frame_next_item(alarms, &cursor, &item) == 1)
			if (frame_item_text(item, text, sizeof(text)) == 0)
				printf("# alarm: %s\n", text);
	caller_close(&c);
}

static void end_client(pid_t *pid, const char *which) {
	int status = 0;

	ck_assert_int_eq(waitpid(*pid, &status, 0), *pid);
	if (status != 0)
		tell_alarms();
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the %s ended with %x", which,
	              (unsigned)status);
	*pid = 0;
}

/* ---- kills -------------------------------------------------------------------------- */

/* Any child of the supervisor, at any moment of its life. Return: false: there is none. */
static bool kill_engine(void) {
	char path[64];
	int child = 0, all[8], n = 0;
	FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)world.pid, (int)world.pid);
	f = fopen(path, "re");
	while (f && n < 8 && fscanf(f, "%d", &child) == 1)
		all[n++] = child;
	if (f)
		fclose(f);
	return n > 0 && kill(all[draw((unsigned)n)], SIGKILL) == 0;
}

/* Waits for a minute: two thousand starts on a busy machine have a slow one among them. */
static void start_again(void) {
	struct pollfd p = { .events = POLLIN };
	char byte;

	world_spawn(&world);
	p.fd = world.ready_fd;
	ck_assert_msg(poll(&p, 1, 60000) == 1 && read(p.fd, &byte, 1) == 1,
	              "carewardd does not become ready");
	(void)close(world.ready_fd);
	world.ready_fd = -1;
}

static void kill_one(void) {
	unsigned what = draw(10);

	if (what < 5) {
		struck[0] += kill_engine();
	} else if (what < 7) {
		world_kill(&world);
		usleep(draw(20000));
		start_again();
		++struck[1];
	} else if (what < 9) {
		kill_client(&bed, "bed");
		bed = begin(bed_main);
		++struck[2];
	} else {
		kill_client(&desk, "desk");
		desk = begin(desk_main);
		++struck[3];
	}
}

static unsigned killed(void) {
	return struck[0] + struck[1] + struck[2] + struck[3];
}

/* At once, or after so many answers: a busy machine kills no sooner in the work. */
static void await_work(void) {
	_Atomic uint32_t *counter = draw(3) ? &ledger->at_desk : &ledger->at_bed;
	uint32_t until = atomic_load(counter) + draw(8);
	uint64_t end = boot_now_ms() + 1000;

	if (draw(4) != 0)
		while ((int32_t)(until - atomic_load(counter)) > 0 && boot_now_ms() < end)
			usleep(1000);
	usleep(draw(10000));
}

static void play(void) {
	struct caller service;
	char recovery[64];

	random_state = seed * 0x2545f4914f6cdd1du;
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	ck_assert(ledger != MAP_FAILED);
	world_make(&world);
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	world_add(&service, &service, "bert", "biomed");
	caller_close(&service);
	desk = begin(desk_main);
	bed = begin(bed_main);
	while (killed() < n_kills) {
		await_work();
		kill_one();
	}
	/* Nothing is killed any more: all of it has to be recorded. */
	atomic_store(&ledger->stop, 1);
	end_client(&desk, "desk");
	end_client(&bed, "bed");
	world_stop(&world);
}

static void clean_up(void) {
	if (desk > 0)
		kill(desk, SIGKILL);
	if (bed > 0)
		kill(bed, SIGKILL);
	world_remove(&world);
}

/* ---- what the journal says -------------------------------------------------------------- */

static struct {
	uint8_t uses[LEDGER_USES], care[LEDGER_USES];
	uint8_t made[LEDGER_USERS + 16];    /* by the number of the account            */
	struct {
		unsigned started, late, ended, joined;
	} emergencies[LEDGER_EMERGENCIES];
	unsigned tries, right, entries;
	unsigned joined; /* of a flood: acknowledged with their number alone       */
} tally;

static int find_emergency(const uint8_t id[16]) {
	for (uint32_t i = atomic_load(&ledger->n_emergencies); i > 0; --i)
		if (memcmp(ledger->emergencies[i - 1].id, id, 16) == 0)
			return (int)i - 1;
	return -1;
}

static void count_emergency(const struct journal_entry *e) {
	int i = e->has_emergency ? find_emergency(e->emergency) : -1;

	if (i < 0)
		return;
	tally.emergencies[i].started += e->event == EVENT_EMERGENCY_STARTED;
	tally.emergencies[i].late += e->event == EVENT_EMERGENCY_LATE;
	tally.emergencies[i].ended += e->event == EVENT_EMERGENCY_ENDED;
	tally.emergencies[i].joined += e->detail && strstr(e->detail, "joined=");
}

static int count(const struct journal_entry *e, void *userdata) {
	unsigned n = 0;

	++tally.entries;
	count_emergency(e);
	if (e->event == EVENT_CLAIMS_COALESCED && e->detail &&
	    sscanf(e->detail, "count=%u", &n) == 1)
		tally.joined += n;
	tally.tries += e->event == EVENT_TRY_COUNTED;
	tally.right += e->event >= EVENT_SIGN_IN && e->event <= EVENT_REAUTH &&
		       e->outcome == OUTCOME_OK;
	if (e->event == EVENT_ACCOUNT_CREATED && e->target < sizeof(tally.made))
		++tally.made[e->target];
	if (e->object && sscanf(e->object, "g-%u", &n) == 1 && n < LEDGER_USES &&
	    e->event == EVENT_USE)
		++tally.uses[n];
	if (e->object && sscanf(e->object, "use-%u", &n) == 1 && n < LEDGER_USES)
		++tally.care[n];
	return 0;
}

static struct store *store;
static struct keystore *keys;

static void open_store(void) {
	int fd = open(world.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char command[300];
	int r = 0;

	ck_assert_int_ge(fd, 0);
	snprintf(command, sizeof(command), "chown -R %u:%u '%s'", geteuid(), getegid(), world.state);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(keystore_file_open(fd, &keys), 0);
	/* A process that has ended may still be letting go. */
	for (int i = 0; i < 1000; ++i) {
		r = store_open(fd, STORE_READ_WRITE, keys, &store);
		if (r != -EBUSY)
			break;
		usleep(10000);
	}
	ck_assert_int_eq(r, 0);
	close(fd);
}

static void read_journal(void) {
	struct journal_filter filter = { 0 };

	open_store();
	do {
		ck_assert_int_eq(journal_query(store, &filter, LIMIT_HISTORY_PAGE, count, NULL,
		                               &filter.before),
		                 0);
	} while (filter.before != 0);
}

static bool played;

static void play_and_read(void) {
	play();
	read_journal();
	printf("# %u kills: engine or spool %u, supervisor %u, bed %u, desk %u; %u entries, "
	       "%u accounts, %u guarded uses, %u emergencies, %u uses in them, %u wrong passwords\n",
	       killed(), struck[0], struck[1], struck[2], struck[3], tally.entries,
	       atomic_load(&ledger->n_users), atomic_load(&ledger->n_uses),
	       atomic_load(&ledger->n_emergencies), atomic_load(&ledger->n_care),
	       atomic_load(&ledger->wrong_told));
	(void)fflush(stdout);
	played = true;
}

static void let_go(void) {
	store = store_close(store);
	keys = keystore_close(keys);
	clean_up();
}

/* ---- tests ------------------------------------------------------------------------------ */

/* Before the first test, where a failure has a name; the others have nothing to look at then. */
static void once(void) {
	static bool begun;

	if (!begun) {
		begun = true;
		play_and_read();
	}
	ck_assert(played);
}

START_TEST(CC_03_each_kind_of_process_was_killed_and_work_went_on) {
	unsigned n = 0;

	for (unsigned i = 0; i < 4; ++i)
		ck_assert_msg(struck[i] > n_kills / 50, "%u of kind %u", struck[i], i);
	for (uint32_t i = 0; i < atomic_load(&ledger->n_users); ++i)
		n += atomic_load(&ledger->users[i].made) == ACKNOWLEDGED;
	ck_assert_uint_gt(n, n_kills / 20);
	ck_assert_uint_gt(atomic_load(&ledger->n_emergencies), n_kills / 20);
}
END_TEST

START_TEST(CC_03_the_chain_is_valid_after_kills) {
	const struct verify_options options = { 0 };
	struct verify_report report;

	ck_assert_int_eq(journal_verify(store, &options, NULL, NULL, &report), 0);
	ck_assert_msg(report.finding == VERIFY_OK, "%s", report.what);
}
END_TEST

static int look_at_account(const struct account *a, void *userdata) {
	unsigned *n = userdata;

	++*n;
	ck_assert_msg(a->state != ACCOUNT_NONE, "account %u is not the journal's", a->number);
	return 0;
}

/* The account and its entry are one: neither is there without the other. */
START_TEST(CC_03_half_a_change_never_stands) {
	unsigned n = 0, m = 0;

	ck_assert_int_eq(account_list(store, 0, LEDGER_USERS, look_at_account, &n), 0);
	for (unsigned i = 0; i < sizeof(tally.made); ++i) {
		ck_assert_uint_le(tally.made[i], 1);
		m += tally.made[i];
	}
	ck_assert_uint_eq(n, m);
}
END_TEST

static void check_user(uint32_t i) {
	struct ledger_user *u = &ledger->users[i];
	struct account a;
	char name[32];
	int r;

	snprintf(name, sizeof(name), "u-%u", i);
	r = account_by_name(store, name, &a);
	if (atomic_load(&u->made) != ACKNOWLEDGED) {
		ck_assert_msg(r == 0 || r == -ENOENT, "%s: %d", name, r);
		ck_assert_msg(r < 0 || atomic_load(&u->made) == ASKED, "%s was refused", name);
		return;
	}
	ck_assert_msg(r == 0, "%s was acknowledged and is not there: %d", name, r);
	ck_assert_uint_eq(a.number, atomic_load(&u->number));
	ck_assert_msg(atomic_load(&u->unsure) || a.state == atomic_load(&u->state),
	              "%s is in state %u, %u was acknowledged", name, a.state,
	              atomic_load(&u->state));
}

START_TEST(CC_03_each_acknowledged_account_is_there) {
	for (uint32_t i = 0; i < atomic_load(&ledger->n_users); ++i)
		check_user(i);
}
END_TEST

/* @joined: so many may stand in the journal by their number alone. */
static void check_uses(const char *which, const _Atomic uint8_t *asked, const uint8_t *there,
                       uint32_t n, unsigned joined) {
	unsigned missing = 0;

	for (uint32_t i = 0; i < n; ++i) {
		uint8_t what = atomic_load(&asked[i]);

		ck_assert_msg(there[i] <= 1, "%s-%u is there %u times", which, i, there[i]);
		missing += what == ACKNOWLEDGED && there[i] == 0;
		ck_assert_msg(missing <= joined, "%s-%u was acknowledged and is not there", which,
		              i);
		ck_assert_msg(what != ASKED_DENIED || there[i] == 0, "%s-%u was refused", which, i);
	}
}

START_TEST(CC_03_each_acknowledged_use_is_there_once) {
	check_uses("g", ledger->uses, tally.uses, atomic_load(&ledger->n_uses), 0);
	check_uses("use", ledger->care, tally.care, atomic_load(&ledger->n_care), tally.joined);
}
END_TEST

START_TEST(CC_03_each_acknowledged_emergency_is_there_once) {
	for (uint32_t i = 0; i < atomic_load(&ledger->n_emergencies); ++i) {
		struct ledger_emergency *e = &ledger->emergencies[i];
		unsigned started = tally.emergencies[i].started, late = tally.emergencies[i].late;

		ck_assert_msg(started <= 1 && late <= 1 && tally.emergencies[i].ended <= 1,
		              "emergency %u: %u starts, %u late ones, %u ends", i, started, late,
		              tally.emergencies[i].ended);
		ck_assert_msg(atomic_load(&e->recorded) != ACKNOWLEDGED || started + late >= 1,
		              "emergency %u was recorded and is not there", i);
		/* One that was joined to another is over at once: it has no end of its own. */
		ck_assert_msg(atomic_load(&e->ended) != ACKNOWLEDGED ||
		                      tally.emergencies[i].joined > 0 ||
		                      tally.emergencies[i].ended == 1,
		              "the end of emergency %u (%u starts, %u late ones) was recorded and "
		              "is not there",
		              i, started, late);
	}
}
END_TEST

/* LK-13: each wrong password that was told stands in the journal, and was counted first. */
START_TEST(LK_13_each_wrong_password_is_counted) {
	unsigned wrong = atomic_load(&ledger->wrong_told);
	unsigned right = atomic_load(&ledger->right_told);

	ck_assert_uint_gt(wrong, 0);
	ck_assert_msg(tally.tries >= wrong + right, "%u tries, %u wrong and %u right ones told",
	              tally.tries, wrong, right);
	ck_assert_msg(tally.right >= right, "%u of %u", tally.right, right);
}
END_TEST

static void read_options(int argc, char **argv) {
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--kills") == 0)
			n_kills = (unsigned)strtoul(argv[i + 1], NULL, 10);
	}
}

int main(int argc, char **argv) {
	Suite *s = suite_create("loss kills");
	TCase *t = tcase_create("kills");
	SRunner *r = NULL;
	int failed = 0;

	read_options(argc, argv);
	tcase_add_unchecked_fixture(t, NULL, let_go);
	tcase_add_checked_fixture(t, once, NULL);
	tcase_add_test(t, CC_03_each_kind_of_process_was_killed_and_work_went_on);
	tcase_add_test(t, CC_03_the_chain_is_valid_after_kills);
	tcase_add_test(t, CC_03_half_a_change_never_stands);
	tcase_add_test(t, CC_03_each_acknowledged_account_is_there);
	tcase_add_test(t, CC_03_each_acknowledged_use_is_there_once);
	tcase_add_test(t, CC_03_each_acknowledged_emergency_is_there_once);
	tcase_add_test(t, LK_13_each_wrong_password_is_counted);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
