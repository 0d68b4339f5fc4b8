/* SPDX-License-Identifier: Apache-2.0 */

/* What surrounds the broker is strange, full, or somebody else's. */

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "policy/config.h"
#include "policy/decide.h"
#include "policy/explain.h"
#include "run.h"

static struct caller service, ui;
static char recovery[64];

static void begin(void) {
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

static bool has_alarm(struct caller *c, const char *alarm) {
	struct frame_span alarms, item;
	size_t cursor = 0;
	char text[64];

	ck_assert_uint_eq(caller_call(c, "status"), RESULT_OK);
	ck_assert_int_eq(frame_get_array(c->frame.body, "alarms", &alarms), 0);
	while (frame_next_item(alarms, &cursor, &item) == 1)
		if (frame_item_text(item, text, sizeof(text)) == 0 && strcmp(text, alarm) == 0)
			return true;
	return false;
}

/* Waits, for half a minute, until an alarm is there or gone. */
static void wait_alarm(struct caller *c, const char *alarm, bool there) {
	for (int i = 0; i < 300 && has_alarm(c, alarm) != there; ++i)
		(void)poll(NULL, 0, 100);
	ck_assert_msg(has_alarm(c, alarm) == there, "%s is%s there", alarm, there ? " not" : "");
}

/* Who asks much is told to come back. */
static bool is_busy(uint64_t result) {
	if (result == RESULT_BUSY)
		(void)poll(NULL, 0, 100);
	return result == RESULT_BUSY;
}

static uint64_t use(struct caller *c, const char *action, uint64_t session) {
	uint8_t buffer[256];
	struct frame_writer w;
	uint64_t verdict = 0;

	do {
		caller_begin(c, &w, buffer, sizeof(buffer), "use");
		frame_text(&w, "action", action);
		frame_uint(&w, "session", session);
		caller_send(c, &w);
	} while (is_busy(caller_reply(c)));
	if (frame_get_uint(c->frame.body, "verdict", &verdict) < 0)
		return CW_DENY;
	return verdict;
}

static struct policy_state state_of(struct caller *c) {
	struct policy_state s;

	ck_assert_int_eq(state_page_read(c->page, &s), 0);
	return s;
}

/* Break-glass opens care. */
static void care_opens(struct caller *c, uint8_t id_byte) {
	const uint8_t id[16] = {0xca, 0x4e, id_byte};
	struct policy_state s;
	struct ring_record r;
	int start = policy_action_index(c->policy, "therapy.start");

	record_make(c, &r, RECORD_START, id, 1, 5000);
	caller_record(c, &r);
	ck_assert(caller_event(c, "emergency"));
	s = state_of(c);
	ck_assert_int_eq(policy_decide(c->policy, &s, (uint32_t)start, boot_now_ms()), CW_ALLOW);
	record_make(c, &r, RECORD_END, id, 2, 0);
	caller_record(c, &r);
	ck_assert(caller_event(c, "emergency-ended"));
}

/* ---- CF-14: the environment ------------------------------------------------------------------ */

/* What libraries are known to find files, code and settings by. */
static const char *const variables[] = {
	"OPENSSL_CONF",	 "OPENSSL_MODULES", "OPENSSL_ENGINES", "SSL_CERT_FILE",	  "SSL_CERT_DIR",
	"SQLITE_TMPDIR", "TMPDIR",	    "HOME",	       "XDG_CONFIG_HOME", "XDG_DATA_HOME",
	"LANG",		 "LC_ALL",	    "LANGUAGE",	       "LOCPATH",	  "NLSPATH",
	"TZ",		 "TZDIR",	    "PATH",	       "GCONV_PATH",	  "HOSTALIASES",
	"CDPATH",	 "POPT_PLUGINS",    "PCSCLITE_CSOCK_NAME", "SOFTHSM2_CONF", "OPENSC_CONF",
	"CRACKLIB_DICTPATH", "CAREWARD_CONFIG", "CAREWARD_STATE",
};

START_TEST(CF_14_no_variable_leads_the_broker_anywhere) {
	char trap[200], file[256], event[4096];
	struct pollfd p = {.events = POLLIN};
	char *kept[sizeof(variables) / sizeof(variables[0])];
	size_t n = sizeof(variables) / sizeof(variables[0]);

	snprintf(trap, sizeof(trap), "%s/trap", world.dir);
	ck_assert_int_eq(mkdir(trap, 0777), 0);
	snprintf(file, sizeof(file), "%s/file", trap);
	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	p.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	ck_assert_int_ge(inotify_add_watch(p.fd, trap, IN_OPEN | IN_ACCESS | IN_CREATE), 0);
	for (size_t i = 0; i < n; ++i) {
		const char *was = getenv(variables[i]);

		kept[i] = was ? strdup(was) : NULL;
		setenv(variables[i], i == 0 ? file : trap, 1);
	}
	/* The trap works: whoever opens something there is seen. */
	close(open(getenv("OPENSSL_CONF"), O_RDONLY | O_CLOEXEC));
	ck_assert_int_gt(read(p.fd, event, sizeof(event)), 0);
	while (read(p.fd, event, sizeof(event)) > 0)
		;
	begin();
	for (size_t i = 0; i < n; ++i) {
		if (kept[i])
			setenv(variables[i], kept[i], 1);
		else
			unsetenv(variables[i]);
		free(kept[i]);
	}
	world_add(&service, &ui, "nina", "nurse"); /* hashes, dictionary, journal */
	ck_assert_uint_eq(use(&ui, "therapy.start", state_of(&ui).session), CW_ALLOW);
	care_opens(&ui, 1);
	end();
	ck_assert_msg(poll(&p, 1, 0) == 0, "something was opened where a variable pointed");
	close(p.fd);
}
END_TEST

/* ---- RS-06: the log of the system takes nothing -------------------------------------------- */

static void fill(int fd) {
	static const char zeroes[4096];

	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, zeroes, sizeof(zeroes)) > 0)
		;
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
}

START_TEST(RS_06_a_log_that_takes_nothing_keeps_nobody_waiting) {
	int log[2], own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 30);
	pid_t engine;

	/* The seats are known from then on; afterwards there is something to say at each start. */
	world_start(&world);
	world_stop(&world);
	world_edit(&world, "device.cfg", "actions = (", "actoins = (");
	ck_assert_int_eq(pipe2(log, O_CLOEXEC), 0);
	fill(log[1]);
	ck_assert_int_ge(dup2(log[1], STDERR_FILENO), 0);
	world_start(&world);
	ck_assert_int_ge(dup2(own, STDERR_FILENO), 0);
	caller_open(&ui, &world, "main");
	engine = world_engine(&world);
	ck_assert_int_eq(kill(engine, SIGKILL), 0);
	ck_assert(caller_is_closed(&ui));
	caller_close(&ui);
	caller_open(&ui, &world, "main");
	ck_assert_int_ne(world_engine(&world), engine);
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	caller_close(&ui);
	world_stop(&world);
	close(log[0]);
	close(log[1]);
	close(own);
}
END_TEST

/* ---- RS-08: files without number, and no room for one more -- */

static void mount_state(const char *options) {
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", world.state, "tmpfs", 0, options), 0);
	ck_assert_int_eq(chown(world.state, BROKER_UID, BROKER_UID), 0);
}

static unsigned make_files(unsigned most) {
	char path[256];

	for (unsigned i = 0; i < most; ++i) {
		int fd;

		snprintf(path, sizeof(path), "%s/file-%u", world.state, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return i;
		close(fd);
	}
	return most;
}

START_TEST(RS_08_a_directory_full_of_files_is_no_obstacle) {
	mount_state("size=64m,mode=0700");
	ck_assert_uint_eq(make_files(100000), 100000);
	begin();
	world_add(&service, &ui, "nina", "nurse");
	ck_assert_uint_eq(use(&ui, "therapy.start", state_of(&ui).session), CW_ALLOW);
	end();
	world_start(&world);
	caller_open(&ui, &world, "main");
	caller_sign_in(&ui, "nina");
	caller_close(&ui);
	world_stop(&world);
	ck_assert_int_eq(umount2(world.state, MNT_DETACH), 0);
}
END_TEST

/* A key for the next epoch is a file: without one there is no seal, and no entry is lost. */
START_TEST(RS_08_without_inodes_everything_is_recorded_and_sealed_later) {
	char path[256];
	bool whole = false;
	unsigned n;

	mount_state("size=16m,nr_inodes=40,mode=0700");
	begin();
	world_add(&service, &ui, "nina", "nurse");
	n = make_files(100);
	ck_assert_uint_lt(n, 100);
	caller_call(&ui, "sign-out");
	caller_sign_in(&ui, "nina");
	ck_assert_uint_eq(use(&ui, "settings.display", state_of(&ui).session), CW_ALLOW);
	care_opens(&ui, 2);
	wait_alarm(&ui, "journal-is-not-sealed", true);
	for (unsigned i = 0; i < n; ++i) {
		snprintf(path, sizeof(path), "%s/file-%u", world.state, i);
		ck_assert_int_eq(unlink(path), 0);
	}
	wait_alarm(&ui, "journal-is-not-sealed", false);
	world_add(&service, &ui, "lena", "lead");
	ck_assert_uint_eq(history_count(&ui, "emergency-started"), 1);
	ck_assert_uint_eq(caller_call(&ui, "verify"), RESULT_OK);
	ck_assert_int_eq(frame_get_bool(ui.frame.body, "ok", &whole), 0);
	ck_assert(whole);
	end();
	ck_assert_int_eq(umount2(world.state, MNT_DETACH), 0);
}
END_TEST

/* ---- PO-05: the number of a process is nobody -- */

/* Runs @act in a child, with this number if it is not 0. Return: its number; fails the test. */
static pid_t run_as(pid_t wanted, uint32_t uid, int (*act)(uint32_t uid)) {
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = wanted != 0 ? (uint64_t)(uintptr_t)&wanted : 0,
		.set_tid_size = wanted != 0,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	int status = 0;

	ck_assert_msg(pid >= 0, "clone3: %s", strerror(errno));
	if (pid == 0)
		_exit(act(uid));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "uid %u, process %d: status %x",
		      uid, (int)wanted, (unsigned)status);
	return pid;
}

static int signs_in(uint32_t uid) {
	caller_open_as(&ui, &world, "main", uid);
	caller_sign_in(&ui, "nina");
	return use(&ui, "settings.display", state_of(&ui).session) == CW_ALLOW ? 0 : 1;
}

static int goes_on(uint32_t uid) {
	caller_open_as(&ui, &world, "main", uid);
	return use(&ui, "settings.display", state_of(&ui).session) == CW_ALLOW ? 0 : 1;
}

static int is_refused(uint32_t uid) {
	caller_open_as(&ui, &world, "main", uid);
	return use(&ui, "settings.display", state_of(&ui).session) == CW_ALLOW ? 1 : 0;
}

START_TEST(PO_05_the_number_of_a_process_that_is_gone_is_nobody) {
	pid_t pid;

	begin();
	world_add(&service, &ui, "nina", "nurse");
	caller_call(&ui, "sign-out");
	caller_close(&ui);
	pid = run_as(0, UI_UID, signs_in);
	/* Another program, another user, the same number. */
	(void)run_as(pid, UI_UID + 1, is_refused);
	/* The application was started anew: another number, the same user. */
	(void)run_as(0, UI_UID, goes_on);
	(void)run_as(pid, UI_UID + 1, is_refused);
	caller_open(&ui, &world, "main");
	end();
}
END_TEST

/* ---- PO-11: one policy, whichever way it is asked -- */

static struct policy *policy_of_files(uint64_t generation) {
	static const char *const names[] = {"device.cfg", "site.cfg", "place.cfg"};
	struct policy_messages *messages = calloc(1, sizeof(*messages));
	struct policy_source sources[3];
	struct policy *policy = NULL;
	char *texts[3] = {0};
	char path[256];

	for (int i = 0; i < 3; ++i) {
		snprintf(path, sizeof(path), "%s/%s", world.config, names[i]);
		sources[i] = (struct policy_source){.path = names[i]};
		ck_assert_int_eq(policy_read_file(path, messages, &texts[i], &sources[i].n_text),
				 0);
		sources[i].text = texts[i];
	}
	ck_assert_int_eq(policy_compile(&sources[0], &sources[1], &sources[2], generation, messages,
					&policy),
			 0);
	for (int i = 0; i < 3; ++i)
		free(texts[i]);
	free(messages);
	return policy;
}

/* The engine's answer, and that of the file. */
static void explained_alike(const struct policy *policy, uint32_t action, uint32_t role) {
	struct policy_explanation *x = calloc(1, sizeof(*x));
	const struct policy_question q = {
		.action = action,
		.signed_in = true,
		.roles = 1u << role,
		.assurance = CW_ASSURANCE_STRONG,
	};
	uint64_t verdict = 99, reason = 99, result;
	uint8_t buffer[512];
	struct frame_writer w;

	ck_assert_ptr_nonnull(x);
	do {
		caller_begin(&ui, &w, buffer, sizeof(buffer), "explain");
		frame_text(&w, "action", policy->table.action_names[action]);
		frame_text(&w, "role", policy->table.role_names[role]);
		caller_send(&ui, &w);
		result = caller_reply(&ui);
	} while (is_busy(result));
	ck_assert_uint_eq(result, RESULT_OK);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "verdict", &verdict), 0);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "reason", &reason), 0);
	ck_assert_int_eq(policy_explain(policy, &q, x), 0);
	ck_assert_msg(verdict == (uint64_t)x->verdict && reason == (uint64_t)x->reason,
		      "%s as %s: the engine says %llu, %llu, the files say %u, %u",
		      policy->table.action_names[action], policy->table.role_names[role],
		      (unsigned long long)verdict, (unsigned long long)reason,
		      (unsigned)x->verdict, (unsigned)x->reason);
	free(x);
}

START_TEST(PO_11_files_page_and_engine_say_the_same) {
	static const char *const people[][2] = {{"nina", "nurse"}, {"phil", "physician"},
						{"lena", "lead"}, {"bert", "biomed"},
						{"rosa", "reviewer"}};
	struct policy *policy;

	begin();
	policy = policy_of_files(ui.policy->generation);
	ck_assert_msg(memcmp(&policy->table, ui.policy, sizeof(policy->table)) == 0,
		      "the page is not what the files say");
	for (uint32_t a = 0; a < policy->table.n_actions; ++a)
		for (uint32_t r = 0; r < policy->table.n_roles; ++r)
			explained_alike(policy, a, r);
	/* Asked for real, by each of them, the engine does what the page says. */
	for (size_t p = 0; p < sizeof(people) / sizeof(people[0]); ++p) {
		world_add(&service, &ui, people[p][0], people[p][1]);
		for (uint32_t a = 0; a < policy->table.n_actions; ++a) {
			struct policy_state s = state_of(&ui);
			enum cw_verdict page = policy_decide(&policy->table, &s, a, boot_now_ms());
			uint64_t engine = use(&ui, policy->table.action_names[a], s.session);

			ck_assert_msg(engine == (uint64_t)page, "%s by %s: page %x, engine %llx",
				      policy->table.action_names[a], people[p][0], (unsigned)page,
				      (unsigned long long)engine);
		}
		caller_call(&ui, "sign-out");
	}
	(void)policy_free(policy);
	end();
}
END_TEST

/* ---- CF-12: the store of another device -- */

static void take_files(const struct world *from, const struct world *to, const char *files) {
	char command[800];

	/* What would belong to the files that are replaced goes first. */
	snprintf(command, sizeof(command), "rm -f %s/careward.db-* && cd %s && rm -f %s && cp -p %s/%s .",
		 to->state, to->state, files, from->state, files);
	ck_assert_int_eq(system(command), 0);
}

static const struct {
	const char *why;
	const char *files; /* that are copied from the other device */
	bool works;
} copies[] = {
	{"CF-12 the database alone", "careward.db*", false},
	{"CF-12 the keys alone", "*.key", false},
	{"CF-12 the device key alone", "device.key", false},
	{"CF-12 everything: then it is that device", "*", true},
};

START_TEST(CF_12_a_store_without_its_keys_lets_nobody_in) {
	const struct answer password = {CW_FIELD_PASSWORD, STAFF_PASSWORD};
	struct world other;

	begin();
	world_add(&service, &ui, "nina", "nurse");
	end();
	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); ++i) {
		struct caller c;
		bool in;

		/* Another device of the same machine, with people of its own. */
		world_make(&other);
		world_start(&other);
		caller_open(&c, &other, "service");
		world_commission(&other, &c, recovery);
		caller_close(&c);
		world_stop(&other);
		take_files(&world, &other, copies[i].files);
		world_start(&other);
		caller_open(&c, &other, "main");
		in = strcmp(caller_attempt(&c, CW_PURPOSE_SIGN_IN, "nina", &password, 1),
			    "signed-in") == 0;
		ck_assert_msg(in == copies[i].works, "%s: nina is%s in", copies[i].why,
			      in ? "" : " not");
		care_opens(&c, (uint8_t)(0x40 + i));
		caller_close(&c);
		world_stop(&other);
		world_remove(&other);
	}
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		CF_14_no_variable_leads_the_broker_anywhere,
		RS_06_a_log_that_takes_nothing_keeps_nobody_waiting,
		RS_08_a_directory_full_of_files_is_no_obstacle,
		RS_08_without_inodes_everything_is_recorded_and_sealed_later,
		PO_05_the_number_of_a_process_that_is_gone_is_nobody,
		PO_11_files_page_and_engine_say_the_same,
		CF_12_a_store_without_its_keys_lets_nobody_in,
	};

	if (!world_has_two_uids()) {
		puts("1..0 # SKIP needs root: other users, mounts, numbers of processes");
		return 0;
	}
	return RUN_TESTS("broker surroundings", tests);
}
