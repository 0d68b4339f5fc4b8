/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "install.h"
#include "run.h"

/*
 * The maker's technician comes with a card of the maker's: one role, for a day at
 * most, where the site lets it in and somebody of the house opened it.
 *
 * The real broker and careward-token, with a PKCS#11 module that holds real keys. The
 * maker's authority has the very name of the hospital's root.
 */

#define PIN "2468"
#define HOUR INT64_C(3600000)

static struct caller service, ui;
static char recovery[64];

/* A hospital's authorities and a maker's, and what the broker has to read of them. */
static void make_authorities(void) {
	char command[1024];

	snprintf(command, sizeof(command),
		 "cd %s && sh %s/make-ca ca && chmod -R a+rX ca && cd ca && "
		 "install -m 0644 mid.pem root.pem other.pem good.crl root.crl ../config",
		 world.dir, TEST_FIXTURES);
	ck_assert_msg(system(command) == 0, "%s", command);
}

static void write_script(void) {
	char path[256];
	FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/script", world.dir);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "card Technician " PIN "\nkey 01 %s/ca/foreign.key %s/ca/foreign.pem\n",
		world.dir, world.dir);
	ck_assert_int_eq(fclose(f), 0);
}

static void digest_of(const char *file, char ret[65]) {
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", world.config, file);
	file_sha256(path, ret);
}

/* @service_word: "true" or "false". */
static void begin(const char *service_word) {
	char mid[65], root[65], maker[65], text[2048];

	make_authorities();
	write_script();
	digest_of("mid.pem", mid);
	digest_of("root.pem", root);
	digest_of("other.pem", maker);
	snprintf(text, sizeof(text),
		 "service_authority = { file = \"other.pem\"; sha256 = \"%s\"; };\nsignals = (",
		 maker);
	world_edit(&world, "device.cfg", "signals = (", text);
	snprintf(text, sizeof(text),
		 "tokens = {\n  smartcard = { module = \"%s\";\n"
		 "    environment = [ \"CAREWARD_SCRIPTED_PKCS11=%s/script\" ];\n"
		 "    authorities = ( { file = \"mid.pem\"; sha256 = \"%s\"; },\n"
		 "      { file = \"root.pem\"; sha256 = \"%s\"; } );\n"
		 "    revocation_lists = [ \"good.crl\", \"root.crl\" ];\n"
		 "    revocation = { missing = \"record\"; stale = \"refuse\"; };\n"
		 "    service = %s; };\n",
		 TEST_MODULE, world.dir, mid, root, service_word);
	world_edit(&world, "site.cfg", "tokens = {", text);
	world.token_helper = TEST_TOKEN;
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
	world_add(&service, &ui, "lena", "lead");
	world_add(&service, &ui, "bert", "biomed");
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

static int64_t wall_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* An account that lives as long as that; 0: without an end. Made by anna. */
static void open_account(const char *name, const char *role, int64_t until_ms) {
	uint8_t buffer[512];
	struct frame_writer w;

	caller_begin(&service, &w, buffer, sizeof(buffer), "user.add");
	frame_text(&w, "name", name);
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, role);
	frame_close(&w);
	if (until_ms != 0)
		frame_int(&w, "until_ms", until_ms);
	caller_send(&service, &w);
	ck_assert_uint_eq(caller_reply(&service), RESULT_OK);
}

static char said[64];

/* PIN and choices as they come, to the end. Return: name of the last event. */
static const char *converse(struct caller *c) {
	static char name[FRAME_NAME_MAX];
	uint64_t attempt = 0, field = 0;

	for (int prompts = 0; prompts < 10;) {
		const char *value = PIN;
		uint8_t buffer[256];
		struct frame_writer w;

		ck_assert_int_eq(caller_next(c, 20000), 1);
		if (c->frame.kind != FRAME_EVENT ||
		    frame_get_uint(c->frame.body, "attempt", &attempt) < 0)
			continue;
		said[0] = '\0';
		(void)frame_get_text(c->frame.body, "message", said, sizeof(said));
		snprintf(name, sizeof(name), "%s", c->frame.name);
		if (strcmp(name, "prompt") != 0)
			return name;
		ck_assert_int_eq(frame_get_uint(c->frame.body, "field", &field), 0);
		ck_assert_msg(field == CW_FIELD_PIN || field == CW_FIELD_CHOICE, "asked: %s", said);
		if (field == CW_FIELD_CHOICE)
			value = "1";
		caller_begin(c, &w, buffer, sizeof(buffer), "attempt.answer");
		frame_uint(&w, "attempt", attempt);
		frame_bytes(&w, "value", value, strlen(value));
		caller_send(c, &w);
		++prompts;
	}
	ck_abort_msg("asked without end");
	return name;
}

/* By anna, at the screen where the card lies. Return: was it enrolled? */
static bool enrol(const char *name) {
	uint8_t buffer[512];
	struct frame_writer w;

	caller_sign_in(&ui, "anna");
	caller_begin(&ui, &w, buffer, sizeof(buffer), "token.enrol");
	frame_text(&w, "name", name);
	frame_text(&w, "factor", "smartcard");
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
	ck_assert_str_eq(converse(&ui), "attempt-over");
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
	return strcmp(said, "enrolled") == 0;
}

static bool sign_in_by_card(void) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), "attempt.begin");
	frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
	frame_uint(&w, "factor", CW_FACTOR_SMARTCARD);
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
	return strcmp(converse(&ui), "signed-in") == 0;
}

/* The newest entry of signing in at all: what its detail says. */
static void last_detail(char ret[64]) {
	uint8_t buffer[256];
	struct frame_writer w;
	struct frame_span entries, item;
	size_t cursor = 0;

	caller_sign_in(&service, "lena");
	caller_begin(&service, &w, buffer, sizeof(buffer), "history");
	frame_uint(&w, "n", 2);
	frame_text(&w, "event", "sign-in");
	caller_send(&service, &w);
	ck_assert_uint_eq(caller_reply(&service), RESULT_OK);
	ck_assert_int_eq(frame_get_array(service.frame.body, "entries", &entries), 0);
	ret[0] = '\0';
	/* Lena's own is the newest where she was not there yet: the card's is another. */
	while (frame_next_item(entries, &cursor, &item) == 1 && !strchr(ret, '='))
		(void)frame_get_text(item, "detail", ret, 64);
	caller_sign_in(&service, "anna");
}

static uint64_t use(const char *action) {
	uint8_t buffer[256];
	struct frame_writer w;
	struct policy_state s;
	uint64_t verdict = 0;

	ck_assert_int_eq(state_page_read(ui.page, &s), 0);
	caller_begin(&ui, &w, buffer, sizeof(buffer), "use");
	frame_text(&w, "action", action);
	frame_uint(&w, "session", s.session);
	caller_send(&ui, &w);
	(void)caller_reply(&ui);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "verdict", &verdict), 0);
	return verdict;
}

START_TEST(CD_02_R6_opened_for_a_shift_it_gives_the_rights_of_its_one_role) {
	struct policy_state s;
	char detail[64];

	begin("true");
	open_account("tech", "service", wall_ms() + 8 * HOUR);
	ck_assert_msg(enrol("tech"), "%s", said);
	ck_assert_msg(sign_in_by_card(), "%s", said);
	ck_assert_int_eq(state_page_read(ui.page, &s), 0);
	ck_assert_uint_eq(s.assurance, CW_ASSURANCE_STRONG);
	ck_assert_uint_eq(use("settings.display"), CW_ALLOW);
	ck_assert_uint_ne(use("data.export"), CW_ALLOW);
	ck_assert_uint_eq(caller_call(&ui, "user.list"), RESULT_DENIED);
	last_detail(detail);
	ck_assert_msg(strstr(detail, "by=service") != NULL, "the record says: %s", detail);
	end();
}
END_TEST

START_TEST(CD_02_nobody_opened_it_nobody_comes_in) {
	begin("true");
	ck_assert_msg(!sign_in_by_card(), "a stranger's card opens");
	ck_assert_str_eq(said, "token-refused");
	/* An account alone is not enough: the card has to be enrolled here. */
	open_account("tech", "service", wall_ms() + 8 * HOUR);
	ck_assert_msg(!sign_in_by_card(), "a card that was not enrolled opens");
	/* Without an end, or a later one than a day: not opened for long. */
	open_account("ever", "service", 0);
	ck_assert_msg(enrol("ever"), "%s", said);
	ck_assert_msg(!sign_in_by_card(), "an account without an end opens");
	ck_assert_str_eq(said, "token-refused");
	end();
}
END_TEST

START_TEST(CD_02_for_more_than_a_day_it_is_not_taken) {
	char detail[64];

	begin("true");
	open_account("tech", "service", wall_ms() + 25 * HOUR);
	ck_assert_msg(enrol("tech"), "%s", said);
	ck_assert_msg(!sign_in_by_card(), "it opens for more than a day");
	last_detail(detail);
	ck_assert_msg(strstr(detail, "why=service") != NULL, "the record says: %s", detail);
	end();
}
END_TEST

/* The day is over while the technician is still signed in. */
START_TEST(CD_02_when_its_time_is_over_the_session_ends_and_the_card_opens_nothing) {
	int64_t until = 0, began = 0;
	struct policy_state s;

	begin("true");
	until = wall_ms() + 15000;
	open_account("tech", "service", until);
	ck_assert_msg(enrol("tech"), "%s", said);
	ck_assert_msg(sign_in_by_card(), "%s", said);
	began = wall_ms();
	if (began >= until) {
		printf("# skipped: this machine took longer than the account lives\n");
		end();
		return;
	}
	do {
		usleep(200000);
		ck_assert_int_eq(state_page_read(ui.page, &s), 0);
		ck_assert_msg(wall_ms() < until + 30000, "the session outlives its account");
	} while (s.session != 0);
	ck_assert_int_ge(wall_ms(), until);
	ck_assert_msg(!sign_in_by_card(), "the card outlives its account");
	end();
}
END_TEST

START_TEST(CD_02_R6_no_other_role_by_this_card_now_or_later) {
	uint8_t buffer[256];
	struct frame_writer w;
	char detail[64];

	begin("true");
	/* One of the house has no card of the maker's. */
	open_account("nora", "nurse", wall_ms() + 8 * HOUR);
	ck_assert_msg(!enrol("nora"), "a nurse has a card of the maker's");
	ck_assert_msg(!sign_in_by_card(), "and signs in");
	/* A second role afterwards: the card opens neither of the two. */
	open_account("tech", "service", wall_ms() + 8 * HOUR);
	ck_assert_msg(enrol("tech"), "%s", said);
	ck_assert_msg(sign_in_by_card(), "%s", said);
	caller_begin(&service, &w, buffer, sizeof(buffer), "user.role");
	frame_text(&w, "name", "tech");
	frame_open_array(&w, "add");
	frame_text(&w, NULL, "biomed");
	frame_close(&w);
	caller_send(&service, &w);
	ck_assert_uint_eq(caller_reply(&service), RESULT_OK);
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
	ck_assert_msg(!sign_in_by_card(), "it opens a second role");
	last_detail(detail);
	ck_assert_msg(strstr(detail, "why=service") != NULL, "the record says: %s", detail);
	end();
}
END_TEST

START_TEST(CD_02_where_the_site_forbids_it_the_makers_authority_counts_for_nothing) {
	begin("false");
	open_account("tech", "service", wall_ms() + 8 * HOUR);
	ck_assert_msg(!enrol("tech"), "enrolled where the site forbids it");
	ck_assert_msg(!sign_in_by_card(), "signed in where the site forbids it");
	end();
}
END_TEST

START_TEST(CD_02_what_the_site_forbids_later_is_over_for_those_who_were_enrolled) {
	char *text = NULL, *closed = NULL;

	begin("true");
	open_account("tech", "service", wall_ms() + 8 * HOUR);
	ck_assert_msg(enrol("tech"), "%s", said);
	ck_assert_msg(sign_in_by_card(), "%s", said);
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
	caller_sign_in(&service, "bert");
	text = config_text(&world, "site.cfg");
	closed = text_with(text, "service = true; };", "service = false; };");
	ck_assert_uint_eq(config_install_as(&service, "site", closed), RESULT_OK);
	free(closed);
	free(text);
	ck_assert_msg(!sign_in_by_card(), "the card outlives the permission");
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		CD_02_R6_opened_for_a_shift_it_gives_the_rights_of_its_one_role,
		CD_02_nobody_opened_it_nobody_comes_in,
		CD_02_for_more_than_a_day_it_is_not_taken,
		CD_02_when_its_time_is_over_the_session_ends_and_the_card_opens_nothing,
		CD_02_R6_no_other_role_by_this_card_now_or_later,
		CD_02_where_the_site_forbids_it_the_makers_authority_counts_for_nothing,
		CD_02_what_the_site_forbids_later_is_over_for_those_who_were_enrolled,
	};

	return RUN_TESTS("broker service-card", tests);
}
