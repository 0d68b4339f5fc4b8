/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include <careward/device.h>
#include <careward/sign_in.h>

#include "run.h"
#include "tests/tokens/authority.h"

/* The real broker with careward-token, whose kind of token does what it is told. */

static struct caller service, ui;
static char recovery[64];
static const uint8_t id[16] = { 0x70, 0x6b, 1 };

static void begin(const char *behaviour) {
	char text[1024];

	snprintf(text, sizeof(text),
		 "tokens = {\n  smartcard = { module = \"%s\"; environment = [ \"FIXTURE=%s\" ];\n"
		 "    recognise = \"key\"; enrolled_without_authority = true; };\n",
		 TEST_MODULE, behaviour);
	world_edit(&world, "site.cfg", "tokens = {", text);
	world_edit(&world, "site.cfg", "deadline = 10;", "deadline = 2;");
	if (!world.token_helper)
		world.token_helper = TEST_TOKEN;
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

static void begin_with_card(struct caller *c) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "attempt.begin");
	frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
	frame_uint(&w, "factor", CW_FACTOR_SMARTCARD);
	caller_send(c, &w);
	ck_assert_uint_eq(caller_reply(c), RESULT_OK);
}

/* What an attempt says next, in a prompt or as its end; within 8 s. */
static void next_message(struct caller *c, char ret[64]) {
	uint64_t until = boot_now_ms() + 8000;
	uint64_t attempt = 0;

	ret[0] = '\0';
	while (boot_now_ms() < until) {
		if (caller_next(c, 1000) != 1 || c->frame.kind != FRAME_EVENT ||
		    frame_get_uint(c->frame.body, "attempt", &attempt) < 0)
			continue;
		ck_assert_int_eq(frame_get_text(c->frame.body, "message", ret, 64), 0);
		return;
	}
	ck_abort_msg("the attempt says nothing");
}

static bool has_alarm(const char *name) {
	struct frame_span alarms, item;
	size_t cursor = 0;
	char text[64];

	ck_assert_uint_eq(caller_call(&service, "status"), RESULT_OK);
	ck_assert_int_eq(frame_get_array(service.frame.body, "alarms", &alarms), 0);
	while (frame_next_item(alarms, &cursor, &item) == 1)
		if (frame_item_text(item, text, sizeof(text)) == 0 && strcmp(text, name) == 0)
			return true;
	return false;
}

/* ---- processes ----------------------------------------------------------------------- */

static pid_t child_of(pid_t pid, const char *name) {
	char path[64], comm[64];
	FILE *children = NULL, *f = NULL;
	int child = 0, found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	children = fopen(path, "re");
	while (children && !found && fscanf(children, "%d", &child) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", child);
		f = fopen(path, "re");
		comm[0] = '\0';
		if (f && fgets(comm, sizeof(comm), f) && strncmp(comm, name, strlen(name)) == 0)
			found = child;
		if (f)
			fclose(f);
	}
	if (children)
		fclose(children);
	return found;
}

static pid_t wait_child_of(pid_t pid, const char *name) {
	pid_t child = 0;

	for (int i = 0; i < 500 && child == 0; ++i) {
		child = pid > 0 ? child_of(pid, name) : 0;
		if (child == 0)
			usleep(10000);
	}
	ck_assert_msg(child > 0, "no %s", name);
	return child;
}

static bool is_mapped(pid_t pid, const char *const *libraries, char ret[512]) {
	char path[64];
	FILE *f = NULL;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	ck_assert_msg(f != NULL, "cannot read %s", path);
	while (!found && fgets(ret, 512, f))
		for (size_t i = 0; libraries[i]; ++i)
			found |= strstr(ret, libraries[i]) != NULL;
	fclose(f);
	return found;
}

/* ---- tests ---------------------------------------------------------------------------- */

/* CD-27, CD-29: nobody but the person at the card waits, and not for long. */
START_TEST(while_a_helper_hangs_the_engine_answers_and_an_emergency_opens) {
	struct ring_record r;
	uint64_t slowest = 0, began = 0;
	struct caller other;
	struct policy_state s;
	char message[64];

	begin("hang-look");
	caller_open(&other, &world, "main");
	began = boot_now_ms();
	begin_with_card(&ui);
	for (int i = 0; i < 20; ++i) {
		uint64_t at = boot_now_ms();

		ck_assert_uint_eq(caller_call(&service, "status"), RESULT_OK);
		if (boot_now_ms() - at > slowest)
			slowest = boot_now_ms() - at;
		usleep(40000);
	}
	record_make(&other, &r, RECORD_START, id, 1, 60000);
	caller_record(&other, &r);
	ck_assert(caller_event(&other, "recorded"));
	ck_assert_int_eq(state_page_read(other.page, &s), 0);
	ck_assert_uint_ne(s.emergency, 0);
	next_message(&ui, message);
	ck_assert_str_eq(message, "token-late");
	ck_assert_uint_ge(boot_now_ms() - began, 1900);
	printf("# slowest of 20 answers while a helper hangs: %llu ms\n",
	       (unsigned long long)slowest);
	/* As long as the helper's deadline would be: it was waited for. */
	ck_assert_uint_lt(slowest, 1500);
	caller_close(&other);
	end();
}
END_TEST

START_TEST(a_cancelled_attempt_frees_the_reader_at_once) {
	char message[64];
	uint64_t attempt = 0;
	uint8_t buffer[128];
	struct frame_writer w;
	pid_t guard = 0;

	begin("hang-look");
	for (int i = 0; i < 20; ++i) {
		begin_with_card(&ui);
		ck_assert_int_eq(frame_get_uint(ui.frame.body, "attempt", &attempt), 0);
		caller_begin(&ui, &w, buffer, sizeof(buffer), "attempt.cancel");
		frame_uint(&w, "attempt", attempt);
		caller_send(&ui, &w);
		ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
	}
	guard = wait_child_of(world.pid, "fixture-token");
	ck_assert_int_gt(wait_child_of(guard, "fixture-token"), 0);
	begin_with_card(&ui);
	next_message(&ui, message);
	ck_assert_str_eq(message, "token-late");
	end();
}
END_TEST

/* A helper's "ok" is no proof: the engine asks its own verification. */
START_TEST(a_helper_that_lies_signs_nobody_in) {
	char message[64];
	struct policy_state s;

	begin("ok-look");
	begin_with_card(&ui);
	next_message(&ui, message);
	ck_assert_str_eq(message, "token-failed");
	ck_assert_int_eq(state_page_read(ui.page, &s), 0);
	ck_assert_uint_eq(s.session, 0);
	end();
}
END_TEST

START_TEST(token_libraries_are_in_a_helper_and_nowhere_else) {
	static const char *const foreign[] = { "libfido2", "opensc", "pcsclite", "p11-kit",
					       "softhsm", "scripted-pkcs11", NULL };
	static const char *const module[] = { "scripted-pkcs11", NULL };
	pid_t guard = 0, keeper = 0, helper = 0;
	char line[512] = "";

	if (!world_has_two_uids()) {
		printf("# skipped: only root may look into other processes\n");
		return;
	}
	begin("good");
	guard = wait_child_of(world.pid, "fixture-token");
	keeper = wait_child_of(guard, "fixture-token");
	helper = wait_child_of(keeper, "fixture-token");
	for (int i = 0; i < 500 && !is_mapped(helper, module, line); ++i)
		usleep(10000);
	ck_assert_msg(is_mapped(helper, module, line), "the helper has not loaded its module");
	ck_assert_msg(!is_mapped(world_engine(&world), foreign, line), "engine: %s", line);
	ck_assert_msg(!is_mapped(world.pid, foreign, line), "supervisor: %s", line);
	ck_assert_msg(!is_mapped(guard, foreign, line), "guard: %s", line);
	ck_assert_msg(!is_mapped(keeper, foreign, line), "keeper: %s", line);
	/* This process is an application: it is linked with the library. */
	ck_assert_ptr_null(cw_close(NULL));
	ck_assert(is_mapped(getpid(), (const char *const[]){ "libcareward", NULL }, line));
	ck_assert_msg(!is_mapped(getpid(), foreign, line), "client: %s", line);
	end();
}
END_TEST

START_TEST(a_new_engine_gets_helpers_and_the_old_ones_are_gone) {
	pid_t guard = 0, keeper = 0, helper = 0, engine = 0;
	char message[64];

	begin("hang-look");
	guard = wait_child_of(world.pid, "fixture-token");
	keeper = wait_child_of(guard, "fixture-token");
	helper = wait_child_of(keeper, "fixture-token");
	begin_with_card(&ui);
	engine = world_engine(&world);
	ck_assert_int_eq(kill(engine, SIGKILL), 0);
	caller_close(&ui);
	caller_close(&service);
	for (int i = 0; i < 500 && world_engine(&world) == engine; ++i)
		usleep(10000);
	caller_open(&service, &world, "service");
	caller_open(&ui, &world, "main");
	ck_assert_int_eq(child_of(world.pid, "fixture-token"), guard);
	ck_assert_int_eq(child_of(guard, "fixture-token"), keeper);
	for (int i = 0; i < 500 && kill(helper, 0) == 0; ++i)
		usleep(10000);
	ck_assert_int_lt(kill(helper, 0), 0);
	begin_with_card(&ui);
	next_message(&ui, message);
	ck_assert_str_eq(message, "token-late");
	end();
}
END_TEST

/* However the broker ends, nothing of careward-token stays. */
START_TEST(nothing_is_left_when_the_broker_is_killed) {
	pid_t guard = 0, keeper = 0, helper = 0;

	begin("hang-look");
	guard = wait_child_of(world.pid, "fixture-token");
	keeper = wait_child_of(guard, "fixture-token");
	helper = wait_child_of(keeper, "fixture-token");
	begin_with_card(&ui);
	world_kill(&world);
	for (int i = 0; i < 500 && (kill(helper, 0) == 0 || kill(keeper, 0) == 0); ++i)
		usleep(10000);
	ck_assert_int_lt(kill(helper, 0), 0);
	ck_assert_int_lt(kill(keeper, 0), 0);
	caller_close(&ui);
	caller_close(&service);
}
END_TEST

/* Its own user, never the broker's, never root. */
START_TEST(careward_token_is_another_user_than_the_broker) {
	pid_t guard = 0;
	char path[64], line[128];
	unsigned uid = 0;
	FILE *f = NULL;

	if (!world_has_two_uids()) {
		printf("# skipped: only root becomes another user\n");
		return;
	}
	begin("good");
	guard = wait_child_of(world.pid, "fixture-token");
	(void)wait_child_of(guard, "fixture-token");
	snprintf(path, sizeof(path), "/proc/%d/status", (int)guard);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %u", &uid) == 1)
			break;
	fclose(f);
	ck_assert_uint_eq(uid, TEST_UID);
	ck_assert_uint_ne(uid, BROKER_UID);
	end();
}
END_TEST

/* ---- a card that signs, and is pulled meanwhile ----------------------------------------- */

static char card_folder[64];

static void put_card_file(const char *name, const void *p, size_t n) {
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", card_folder, name);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
}

static bool has_card_file(const char *name) {
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", card_folder, name);
	return access(path, F_OK) == 0;
}

static void make_card(void) {
	struct authority card =
		authority_make(NULL, &(struct authority_request){ .name = "Nina" });
	static uint8_t der[4096];
	char path[128];
	FILE *f;

	snprintf(card_folder, sizeof(card_folder), "/tmp/careward-card-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(card_folder));
	ck_assert_int_eq(chmod(card_folder, 0777), 0);
	put_card_file("card.der", der, authority_der(&card, der, sizeof(der)));
	put_card_file("card.key", "", 0);
	snprintf(path, sizeof(path), "%s/card.key", card_folder);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(PEM_write_PKCS8PrivateKey(f, card.key, NULL, NULL, 0, NULL, NULL), 1);
	ck_assert_int_eq(fclose(f), 0);
	authority_end(&card);
}

static void remove_card(void) {
	static const char *const names[] = { "card.der", "card.key", "pull", "pulled", "told" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
		snprintf(path, sizeof(path), "%s/%s", card_folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(card_folder);
}

/* Nina has a card from now on: anna enrols it. */
static void enrol_card(void) {
	static const struct answer pin[] = { { CW_FIELD_PIN, "1234" } };
	uint8_t buffer[256];
	struct frame_writer w;
	char message[64] = "";

	world_add(&service, &ui, "nina", "nurse");
	caller_sign_in(&ui, "anna");
	caller_begin(&ui, &w, buffer, sizeof(buffer), "token.enrol");
	frame_text(&w, "name", "nina");
	frame_text(&w, "factor", "smartcard");
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
	ck_assert_str_eq(caller_converse(&ui, pin, 1), "attempt-over");
	(void)frame_get_text(ui.frame.body, "message", message, sizeof(message));
	ck_assert_str_eq(message, "enrolled");
	(void)caller_call(&ui, "sign-out");
}

static bool is_open(void) {
	struct policy_state s;

	ck_assert_int_eq(state_page_read(ui.page, &s), 0);
	ck_assert_uint_ne(s.session, 0);
	return s.lock_at != 0;
}

/* CD-12: with the watcher, the helper and the engine of every day. */
START_TEST(CD_12_pulled_while_it_signs_it_locks_what_it_opens) {
	static const struct answer pin[] = { { CW_FIELD_PIN, "1234" } };
	char behaviour[128];

	make_card();
	snprintf(behaviour, sizeof(behaviour), "good\", \"FIXTURE_CARD=%s", card_folder);
	begin(behaviour);
	enrol_card();
	begin_with_card(&ui);
	ck_assert_str_eq(caller_converse(&ui, pin, 1), "signed-in");
	ck_assert(is_open());
	(void)caller_call(&ui, "sign-out");
	put_card_file("pull", "", 0);
	begin_with_card(&ui);
	ck_assert_str_eq(caller_converse(&ui, pin, 1), "signed-in");
	ck_assert_msg(has_card_file("told"), "it was not pulled");
	ck_assert_msg(!is_open(), "the card is gone and the seat is open");
	end();
	remove_card();
}
END_TEST

/* CD-30 */
START_TEST(without_the_program_everything_else_works_and_an_alarm_says_so) {
	char message[64];

	world.token_helper = "/nowhere/careward-token";
	begin("good");
	begin_with_card(&ui);
	next_message(&ui, message);
	ck_assert_str_eq(message, "module-unusable");
	ck_assert(has_alarm("tokens-unavailable"));
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		while_a_helper_hangs_the_engine_answers_and_an_emergency_opens,
		a_cancelled_attempt_frees_the_reader_at_once,
		a_helper_that_lies_signs_nobody_in,
		token_libraries_are_in_a_helper_and_nowhere_else,
		a_new_engine_gets_helpers_and_the_old_ones_are_gone,
		nothing_is_left_when_the_broker_is_killed,
		careward_token_is_another_user_than_the_broker,
		CD_12_pulled_while_it_signs_it_locks_what_it_opens,
		without_the_program_everything_else_works_and_an_alarm_says_so,
	};

	return RUN_TESTS("broker tokens", tests);
}
