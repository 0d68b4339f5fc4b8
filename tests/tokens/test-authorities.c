/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority.h"
#include "broker/authorities.h"
#include "broker/config.h"
#include "tokens/verify.h"

/* The engine's authorities, out of a directory, without a broker. */

static struct engine engine;
static struct engine_setup setup;
static struct token_rules rules;
static struct authority root, card, colleague;
static char dir[64], pem[8192];
static size_t n_pem;
static uint64_t at_ms;

static void put(const char *name, const void *bytes, size_t n, mode_t mode) {
	char path[128];
	FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	f = fopen(path, "we");
	ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0 && chmod(path, mode) == 0);
}

static void drop(const char *name) {
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
}

static void put_list(const struct authority *issuer, const struct authority_list *request) {
	uint8_t *bytes = NULL;
	size_t n = authority_make_list(issuer, request, &bytes);

	put("site.crl", bytes, n, 0644);
	OPENSSL_free(bytes);
}

static void begin(void) {
	memset(&engine, 0, sizeof(engine));
	memset(&rules, 0, sizeof(rules));
	snprintf(dir, sizeof(dir), "%s/careward-ca-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	root = authority_make(NULL, &(struct authority_request){ .name = "Root", .ca = true });
	card = authority_make(&root, &(struct authority_request){ 0 });
	colleague = authority_make(&root, &(struct authority_request){ 0 });
	n_pem = authority_pem(&root, pem, 0, sizeof(pem));
	put("site.pem", pem, n_pem, 0644);
	put_list(&root, &(struct authority_list){ 0 });
	setup.config_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	setup.embedded = true;
	engine.setup = &setup;
	ck_assert_int_eq(clock_init(&engine.clock, 0), 0);
	ck_assert_int_eq(uv_loop_init(&engine.loop), 0);
	ck_assert_int_eq(authorities_new(&engine, &engine.authorities), 0);
	rules.smartcard.on = true;
	rules.smartcard.n_authorities = 1;
	snprintf(rules.smartcard.authorities[0].file, LIMIT_NAME, "site.pem");
	ck_assert_int_eq(config_digest(pem, n_pem, rules.smartcard.authorities[0].sha256), 0);
	rules.smartcard.n_lists = 1;
	snprintf(rules.smartcard.lists[0], LIMIT_NAME, "site.crl");
	at_ms = 1000000;
}

static void close_handle(uv_handle_t *handle, void *arg) {
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void end(void) {
	engine.authorities = authorities_free(engine.authorities);
	ck_assert_ptr_null(engine.auth.trust);
	uv_walk(&engine.loop, close_handle, NULL);
	(void)uv_run(&engine.loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&engine.loop), 0);
	close(setup.config_fd);
	authority_end(&colleague);
	authority_end(&card);
	authority_end(&root);
	drop("site.pem");
	drop("site.crl");
	ck_assert_int_eq(rmdir(dir), 0);
}

/* Lets the thread finish what it has been given. */
static void settle(void) {
	while (authorities_are_busy(engine.authorities)) {
		(void)uv_run(&engine.loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static void set_rules(void) {
	authorities_set_rules(engine.authorities, &rules);
	ck_assert_msg(engine.auth.trust == NULL, "trust of rules that are no more");
	settle();
}

static void look_again(void) {
	at_ms += 10000;
	authorities_tick(engine.authorities, at_ms);
	settle();
}

static enum token_fault verify(const struct authority *holder) {
	const struct moment now = { .wall_ms = (int64_t)AUTHORITY_NOW * 1000,
				    .trust = CLOCK_TRUSTED };
	static struct token_answer answer;
	struct card_proof proof;
	uint8_t digest[32] = { 1, 2, 3 };

	memset(&answer, 0, sizeof(answer));
	answer.factor = CW_FACTOR_SMARTCARD;
	answer.n_certificate = authority_der(holder, answer.certificate,
					     sizeof(answer.certificate));
	answer.n_signature = authority_sign_digest(holder, digest, answer.signature,
						   sizeof(answer.signature));
	if (!engine.auth.trust)
		return TOKEN_FAULT_CHAIN;
	return card_verify(&rules.smartcard, engine.auth.trust, NULL, &answer, digest, &now,
			   &proof);
}

static void is_good(const char *why, bool good) {
	ck_assert_msg((engine.auth.trust != NULL) == good, "%s: trust", why);
	ck_assert_msg(engine.alarms[ALARM_AUTHORITIES] != good, "%s: alarm", why);
}

START_TEST(authorities_are_read_and_cards_count) {
	begin();
	set_rules();
	is_good("a good directory", true);
	ck_assert_int_eq(verify(&card), TOKEN_FAULT_NONE);
	/* Off: no trust, and nothing to complain about. */
	rules.smartcard.on = false;
	set_rules();
	ck_assert(!engine.auth.trust && !engine.alarms[ALARM_AUTHORITIES]);
	end();
}
END_TEST

START_TEST(an_authority_that_is_not_as_pinned_turns_chains_off_until_it_is_right) {
	begin();
	pem[n_pem] = '\n';
	put("site.pem", pem, n_pem + 1, 0644);
	set_rules();
	is_good("another content than the pinned one", false);
	put("site.pem", pem, n_pem, 0666);
	look_again();
	is_good("a file that others may write", false);
	drop("site.pem");
	look_again();
	is_good("no file", false);
	put("site.pem", "", 0, 0644);
	look_again();
	is_good("an empty file", false);
	put("site.pem", pem, n_pem, 0644);
	look_again();
	is_good("the file as pinned", true);
	ck_assert_int_eq(verify(&card), TOKEN_FAULT_NONE);
	end();
}
END_TEST

static void put_link(const char *path) {
	ck_assert_int_eq(symlink("elsewhere.pem", path), 0);
}

static void put_pipe(const char *path) {
	ck_assert_int_eq(mkfifo(path, 0644), 0);
}

static void put_folder(const char *path) {
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static const struct {
	const char *why;
	void (*put)(const char *path);
} no_files[] = {
	{ "a link to a file with the right content", put_link },
	{ "a pipe that nobody writes to", put_pipe },
	{ "a folder", put_folder },
};

/* Nothing is read through what somebody has put in the place of a file, and nothing waits. */
START_TEST(FD_13_what_is_no_file_of_its_own_is_no_authority_and_no_list) {
	char path[128], list[128];

	begin();
	put("elsewhere.pem", pem, n_pem, 0644);
	snprintf(path, sizeof(path), "%s/site.pem", dir);
	drop("site.pem");
	no_files[_i].put(path);
	set_rules();
	is_good(no_files[_i].why, false);
	ck_assert_int_eq(remove(path), 0);
	put("site.pem", pem, n_pem, 0644);
	look_again();
	is_good("a file in its place", true);
	drop("elsewhere.pem");
	end();

	begin();
	put_list(&root, &(struct authority_list){ .number = 3 });
	snprintf(path, sizeof(path), "%s/elsewhere.pem", dir);
	snprintf(list, sizeof(list), "%s/site.crl", dir);
	ck_assert_int_eq(rename(list, path), 0);
	no_files[_i].put(list);
	set_rules();
	ck_assert_msg(verify(&card) == TOKEN_FAULT_LIST_MISSING, "list: %s", no_files[_i].why);
	ck_assert_int_eq(remove(list), 0);
	drop("elsewhere.pem");
	end();
}
END_TEST

START_TEST(rubbish_that_is_pinned_is_refused_by_name) {
	static const char rubbish[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

	begin();
	put("site.pem", rubbish, sizeof(rubbish) - 1, 0644);
	ck_assert_int_eq(config_digest(rubbish, sizeof(rubbish) - 1,
				       rules.smartcard.authorities[0].sha256), 0);
	set_rules();
	is_good("rubbish", false);
	end();
}
END_TEST

/* CD-19: what the list says counts as soon as it is there, and an older one never again. */
START_TEST(a_new_list_is_taken_and_an_older_one_is_not) {
	begin();
	set_rules();
	ck_assert_int_eq(verify(&colleague), TOKEN_FAULT_NONE);
	put_list(&root, &(struct authority_list){ .number = 5,
						  .revoked = { &colleague } });
	look_again();
	is_good("a newer list", true);
	ck_assert_int_eq(verify(&colleague), TOKEN_FAULT_REVOKED);
	ck_assert_int_eq(verify(&card), TOKEN_FAULT_NONE);
	/* An older one: an alarm, and what is revoked stays revoked. */
	put_list(&root, &(struct authority_list){ .number = 2 });
	look_again();
	ck_assert(engine.alarms[ALARM_AUTHORITIES]);
	ck_assert_int_eq(verify(&colleague), TOKEN_FAULT_REVOKED);
	/* Gone: the last one holds. */
	drop("site.crl");
	look_again();
	ck_assert_int_eq(verify(&colleague), TOKEN_FAULT_REVOKED);
	ck_assert_int_eq(verify(&card), TOKEN_FAULT_NONE);
	put_list(&root, &(struct authority_list){ .number = 7 });
	look_again();
	is_good("a newer one again", true);
	ck_assert_int_eq(verify(&colleague), TOKEN_FAULT_NONE);
	end();
}
END_TEST

START_TEST(a_missing_list_is_the_sites_rule_and_no_alarm) {
	begin();
	drop("site.crl");
	set_rules();
	is_good("no list", true);
	ck_assert_int_eq(verify(&card), TOKEN_FAULT_LIST_MISSING);
	rules.smartcard.missing = REVOCATION_RECORD;
	set_rules();
	ck_assert_int_eq(verify(&card), TOKEN_FAULT_NONE);
	end();
}
END_TEST

START_TEST(rules_that_come_while_files_are_read_are_the_ones_that_count) {
	begin();
	for (int i = 0; i < 50; ++i)
		authorities_set_rules(engine.authorities, &rules);
	rules.smartcard.authorities[0].sha256[0] ^= 1;
	authorities_set_rules(engine.authorities, &rules);
	settle();
	is_good("the last rules pin something else", false);
	rules.smartcard.authorities[0].sha256[0] ^= 1;
	set_rules();
	is_good("and now they do not", true);
	end();
}
END_TEST

int main(void) {
	Suite *s = suite_create("tokens authorities");
	TCase *t = tcase_create("authorities");
	SRunner *sr = NULL;
	int failed = 0;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, authorities_are_read_and_cards_count);
	tcase_add_test(t, an_authority_that_is_not_as_pinned_turns_chains_off_until_it_is_right);
	tcase_add_loop_test(t, FD_13_what_is_no_file_of_its_own_is_no_authority_and_no_list, 0,
			    (int)(sizeof(no_files) / sizeof(no_files[0])));
	tcase_add_test(t, rubbish_that_is_pinned_is_refused_by_name);
	tcase_add_test(t, a_new_list_is_taken_and_an_older_one_is_not);
	tcase_add_test(t, a_missing_list_is_the_sites_rule_and_no_alarm);
	tcase_add_test(t, rules_that_come_while_files_are_read_are_the_ones_that_count);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
