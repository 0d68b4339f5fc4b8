/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "policy/config.h"
#include "policy/decide.h"
#include "run.h"

/* What happens to configuration, database and keys between two starts. */

static struct caller service, ui;
static char recovery[64];

static void path_of(const char *dir, const char *file, char ret[256]) {
	snprintf(ret, 256, "%s/%s", dir, file);
}

static void commission(void) {
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
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

static int action_index(const struct policy_table *t, const char *name) {
	for (uint32_t i = 0; i < t->n_actions; ++i)
		if (strcmp(t->action_names[i], name) == 0)
			return (int)i;
	return -1;
}

/* always is allowed, care has a way in, and an emergency opens it. */
static void care_works(struct caller *c) {
	static uint8_t id[16] = { 0xca, 0x4e }; /* "ended" is final for an id: each has its own */
	struct policy_state s;
	struct ring_record r;
	int stop = 0, start = 0, export = 0;

	++id[15];
	ck_assert_ptr_nonnull(c->policy);
	stop = action_index(c->policy, "therapy.stop");
	start = action_index(c->policy, "therapy.start");
	export = action_index(c->policy, "data.export");
	ck_assert_int_ge(stop, 0);
	record_make(c, &r, RECORD_START, id, 1, 5000);
	caller_record(c, &r);
	ck_assert(caller_event(c, "emergency"));
	ck_assert_int_eq(state_page_read(c->page, &s), 0);
	ck_assert_int_eq(policy_decide(c->policy, &s, (uint32_t)stop, boot_now_ms()), CW_ALLOW);
	ck_assert_int_eq(policy_decide(c->policy, &s, (uint32_t)start, boot_now_ms()), CW_ALLOW);
	ck_assert_int_ne(policy_decide(c->policy, &s, (uint32_t)export, boot_now_ms()), CW_ALLOW);
	record_make(c, &r, RECORD_END, id, 2, 0);
	caller_record(c, &r);
	ck_assert(caller_event(c, "emergency-ended"));
}

static void make_missing(const char *path) {
	ck_assert_int_eq(unlink(path), 0);
}

static void make_empty(const char *path) {
	ck_assert_int_eq(truncate(path, 0), 0);
}

static void make_half(const char *path) {
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(truncate(path, st.st_size / 2), 0);
}

static void make_writable(const char *path) {
	ck_assert_int_eq(chmod(path, 0666), 0);
}

static void make_link(const char *path) {
	char real[300];

	snprintf(real, sizeof(real), "%s.real", path);
	ck_assert_int_eq(rename(path, real), 0);
	ck_assert_int_eq(symlink(real, path), 0);
}

static void make_fifo(const char *path) {
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0644), 0);
}

static void make_rubbish(const char *path) {
	int fd = open(path, O_WRONLY | O_TRUNC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "{{{{", 4), 4);
	close(fd);
}

static void make_anothers(const char *path) {
	/* Only root can; to anybody else it stays as it is. */
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, 4711, 4711), 0);
}

static const struct {
	const char *why;
	void (*damage)(const char *path);
	const char *said; /* NULL: the file can be read, and is not the installed one      */
} damages[] = {
	{ "CF-05 missing", make_missing, "there is no such file" },
	{ "CF-05 empty", make_empty, "the file is empty" },
	{ "CF-05 half", make_half, NULL },
	{ "CF-03 writable by others", make_writable, "others may write to the file; chmod go-w it" },
	{ "CF-01 a link", make_link, "the file is a symbolic link" },
	{ "CF-01 a FIFO", make_fifo, "not a regular file" },
	{ "CF-02 somebody else's", make_anothers, "the file belongs to a stranger" },
	{ "CF-07 rubbish", make_rubbish, NULL },
};

/* One of a list of texts in the last reply that has both of these in it. */
static bool has_text(const struct caller *c, const char *list, const char *path,
		     const char *words) {
	struct frame_span texts, item;
	size_t cursor = 0;
	char text[1024];

	ck_assert_int_eq(frame_get_array(c->frame.body, list, &texts), 0);
	while (frame_next_item(texts, &cursor, &item) == 1)
		if (frame_item_text(item, text, sizeof(text)) == 0 && strstr(text, path) &&
		    strstr(text, words))
			return true;
	return false;
}

static bool has_line(const char *file, const char *path, const char *words) {
	FILE *f = fopen(file, "re");
	char line[1024];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, path) && strstr(line, words);
	if (f)
		(void)fclose(f);
	return found;
}

/* Does an entry of the refused configuration say why? The detail stands in its body as it is. */
static bool is_in_journal(const char *words) {
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	char path[256];
	bool found;

	path_of(world.state, "careward.db", path);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db,
					    "SELECT 1 FROM journal WHERE event = 503 AND "
					    "instr(body, CAST(?1 AS BLOB)) > 0",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_bind_text(stmt, 1, words, -1, SQLITE_STATIC), SQLITE_OK);
	found = sqlite3_step(stmt) == SQLITE_ROW;
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return found;
}

/* Standard error, status and the journal name the file and say what is wrong with it. */
static void says_why(struct caller *c, const char *path, const char *said, const char *why) {
	ck_assert_uint_eq(caller_call(c, "status"), RESULT_OK);
	if (!said) {
		ck_assert_msg(has_text(c, "differs", path, ""), "%s: status does not name it", why);
		return;
	}
	ck_assert_msg(has_text(c, "refused", path, said), "%s: status does not say why", why);
	ck_assert_msg(has_line(world.log, path, said), "%s: nothing is said", why);
	ck_assert_msg(is_in_journal(said), "%s: the journal does not say why", why);
}

START_TEST(the_installed_configuration_survives_any_damage_to_the_file) {
	char path[256], saved[256], log[256];

	commission();
	path_of(world.dir, "log", log);
	world.log = log;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); ++i) {
		char command[700];

		if (damages[i].damage == make_anothers && geteuid() != 0)
			continue;
		path_of(world.config, "site.cfg", path);
		path_of(world.dir, "saved", saved);
		snprintf(command, sizeof(command), "cp -p %s %s", path, saved);
		ck_assert_int_eq(system(command), 0);
		damages[i].damage(path);
		world_start(&world);
		caller_open(&ui, &world, "main");
		ck_assert_msg(has_alarm(&ui, "configuration-refused") ||
		                      has_alarm(&ui, "configuration-is-not-the-installed-one"),
		              "no alarm: %s", damages[i].why);
		caller_sign_in(&ui, "anna"); /* the last good one is in force */
		says_why(&ui, path, damages[i].said, damages[i].why);
		care_works(&ui);
		caller_close(&ui);
		world_stop(&world);
		snprintf(command, sizeof(command), "rm -f %s %s.real; cp -p %s %s", path, path, saved, path);
		ck_assert_int_eq(system(command), 0);
	}
	world.log = NULL;
}
END_TEST

/* place.cfg may be absent, and nothing else may be wrong with it. */
START_TEST(CF_03_a_place_that_others_may_write_to_is_told) {
	char path[256];

	path_of(world.config, "place.cfg", path);
	make_writable(path);
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(has_alarm(&ui, "configuration-refused"));
	ck_assert(has_text(&ui, "refused", path, "others may write to the file"));
	caller_close(&ui);
	world_stop(&world);
	make_missing(path);
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(!has_alarm(&ui, "configuration-refused"));
	ck_assert_ptr_nonnull(ui.policy);
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

/* What is wrong in a file that can be read: with its line, before anything was installed. */
START_TEST(a_mistake_is_told_with_its_line_in_status_and_on_standard_error) {
	char path[256], log[256];

	path_of(world.dir, "log", log);
	path_of(world.config, "site.cfg", path);
	make_rubbish(path);
	world.log = log;
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(has_alarm(&ui, "configuration-refused"));
	ck_assert(has_text(&ui, "refused", "site.cfg:", ""));
	ck_assert(has_line(log, "site.cfg:", ""));
	caller_close(&ui);
	world_stop(&world);
	world.log = NULL;
}
END_TEST

/* Whoever copies the installed content into its place has ended the alarm. */
START_TEST(an_alarm_about_a_file_ends_when_the_file_is_put_right) {
	char path[256], saved[256], command[700];

	commission();
	path_of(world.config, "site.cfg", path);
	path_of(world.dir, "saved", saved);
	snprintf(command, sizeof(command), "cp -p %s %s", path, saved);
	ck_assert_int_eq(system(command), 0);
	world_edit(&world, "site.cfg", "care = \"password\";", "care = \"badge\";   ");
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(has_alarm(&ui, "configuration-is-not-the-installed-one"));
	ck_assert(has_text(&ui, "differs", path, ""));
	snprintf(command, sizeof(command), "cp -p %s %s", saved, path);
	ck_assert_int_eq(system(command), 0);
	for (int i = 0; i < 60 && has_alarm(&ui, "configuration-is-not-the-installed-one"); ++i)
		usleep(500000);
	ck_assert(!has_alarm(&ui, "configuration-is-not-the-installed-one"));
	ck_assert(!has_text(&ui, "differs", path, ""));
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

START_TEST(a_valid_file_that_nobody_installed_does_not_run) {
	struct policy_state s;

	commission();
	world_edit(&world, "site.cfg", "care = \"password\";", "care = \"badge\";   ");
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(has_alarm(&ui, "configuration-is-not-the-installed-one"));
	ck_assert_ptr_nonnull(ui.policy);
	ck_assert_uint_eq(ui.policy->contexts[0].care, CW_ASSURANCE_PASSWORD);
	ck_assert_int_eq(state_page_read(ui.page, &s), 0);
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

/* A row in the database is not enough: the journal has to say the same. */
START_TEST(a_content_that_the_journal_does_not_know_does_not_run) {
	sqlite3 *db = NULL;
	char path[256];

	commission();
	path_of(world.state, "careward.db", path);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "UPDATE configurations SET seq = 1 WHERE kind = 2", NULL,
	                              NULL, NULL),
	                 SQLITE_OK);
	ck_assert_int_eq(sqlite3_changes(db), 1);
	sqlite3_close(db);
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(has_alarm(&ui, "configuration-is-not-the-installed-one"));
	ck_assert(has_alarm(&ui, "no-configuration"));
	ck_assert_ptr_null(ui.policy);
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

/* CF-09 */
START_TEST(without_any_configuration_the_broker_runs_and_says_so) {
	char path[256];
	struct policy_state s;

	path_of(world.config, "site.cfg", path);
	make_missing(path);
	path_of(world.config, "device.cfg", path);
	make_missing(path);
	world_start(&world);
	/* The seat of last resort is open to the broker's own group, and to root. */
	caller_open_as(&ui, &world, "main", 0);
	ck_assert(has_alarm(&ui, "no-configuration"));
	ck_assert_ptr_null(ui.policy);
	ck_assert_int_eq(state_page_read(ui.page, &s), 0);
	ck_assert_uint_eq(s.session, 0);
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

/* Signing in does not begin; the seat's page says so, too. */
static bool is_refused(struct caller *c) {
	struct policy_state s;

	return strcmp(caller_attempt(c, CW_PURPOSE_SIGN_IN, NULL, NULL, 0), "refused") == 0 &&
	       state_page_read(c->page, &s) == 0 && s.session == 0;
}

static void make_overwritten(const char *path) {
	int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "not a database at all", 21, 0), 21);
	close(fd);
}

/* As long, and good for another device. */
static void make_another_key(const char *path) {
	struct stat st;
	uint8_t key[256] = { 0 };
	int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_le(st.st_size, (off_t)sizeof(key));
	memset(key, 0x42, sizeof(key));
	ck_assert_int_eq(pwrite(fd, key, (size_t)st.st_size, 0), st.st_size);
	close(fd);
}

static const struct {
	const char *why;
	const char *file;
	void (*damage)(const char *path);
} losses[] = {
	{ "the database is missing", "careward.db", make_missing },
	{ "the database is empty", "careward.db", make_empty },
	{ "the database's header is damaged", "careward.db", make_overwritten },
	{ "the device key is missing", "device.key", make_missing },
	{ "the device key is empty", "device.key", make_empty },
	{ "the device key is another device's", "device.key", make_another_key },
};

/* FD-27: with the store not there, nobody signs in, and nobody is kept from care. */
START_TEST(care_works_and_nothing_else_without_database_or_key) {
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); ++i) {
		char path[256];

		if (i > 0) {
			world_remove(&world);
			world_make(&world);
		}
		commission();
		path_of(world.state, losses[i].file, path);
		losses[i].damage(path);
		world_start(&world);
		caller_open(&ui, &world, "main");
		ck_assert_msg(has_alarm(&ui, "database-missing-or-damaged"), "%s: no alarm",
		              losses[i].why);
		care_works(&ui);
		ck_assert_uint_eq(caller_call(&ui, "user.list"), RESULT_NOT_READY);
		ck_assert_uint_eq(caller_call(&ui, "history"), RESULT_NOT_READY);
		ck_assert_msg(is_refused(&ui), "%s: somebody signed in", losses[i].why);
		caller_close(&ui);
		world_stop(&world);
	}
}
END_TEST

static void sql(const char *text) {
	sqlite3 *db = NULL;
	char path[256];

	path_of(world.state, "careward.db", path);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, "%s",
	              sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* An update was taken back. What this release may read it goes on with. */
START_TEST(an_older_release_goes_on_where_it_may) {
	commission();
	sql("PRAGMA user_version = 2; UPDATE meta SET value = x'02000000' WHERE name = 'format'; "
	    "CREATE TABLE more (a)");
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(!has_alarm(&ui, "database-of-a-newer-release"));
	ck_assert(!has_alarm(&ui, "database-missing-or-damaged"));
	caller_sign_in(&ui, "anna");
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

/* ... and what it may not read it leaves as it is, and says so. */
START_TEST(an_older_release_refuses_with_a_word_of_its_own) {
	commission();
	sql("UPDATE meta SET value = x'02000000' WHERE name = 'min_reader'; "
	    "ALTER TABLE accounts ADD COLUMN more INTEGER");
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(has_alarm(&ui, "database-of-a-newer-release"));
	ck_assert(!has_alarm(&ui, "database-missing-or-damaged"));
	care_works(&ui);
	ck_assert_msg(is_refused(&ui), "somebody signed in");
	caller_close(&ui);
	world_stop(&world);
	/* The newer one is back. */
	sql("UPDATE meta SET value = x'01000000' WHERE name = 'min_reader'; "
	    "ALTER TABLE accounts DROP COLUMN more");
	world_start(&world);
	caller_open(&ui, &world, "main");
	caller_sign_in(&ui, "anna");
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

static int restore_accounts(void) {
	char command[600];

	snprintf(command, sizeof(command),
	         TEST_CAREWARDD " --restore-accounts --state '%s' --user nobody >/dev/null 2>&1",
	         world.state);
	return system(command);
}

/* What the broker keeps beside the database brings everybody back, and nobody new. */
START_TEST(the_copy_of_the_accounts_brings_everybody_back) {
	char path[256], secret[64] = "";
	uint8_t buffer[256];
	struct frame_writer w;
	struct caller root;

	commission(); /* stopped in order: the copy is as new as the accounts */
	ck_assert_int_ne(restore_accounts(), 0);
	path_of(world.state, "careward.db", path);
	world_start(&world);
	ck_assert_int_ne(restore_accounts(), 0);
	world_stop(&world);
	make_overwritten(path);
	ck_assert_int_eq(restore_accounts(), 0);
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(!has_alarm(&ui, "database-missing-or-damaged"));
	caller_sign_in(&ui, "anna");
	caller_close(&ui);
	caller_open(&root, &world, "service");
	caller_begin(&root, &w, buffer, sizeof(buffer), "init");
	frame_text(&w, "name", "mallory");
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, "admin");
	frame_close(&w);
	caller_send(&root, &w);
	ck_assert_uint_ne(caller_reply(&root), RESULT_OK);
	ck_assert_int_lt(frame_get_text(root.frame.body, "secret", secret, sizeof(secret)), 0);
	ck_assert_uint_eq(caller_call(&root, "verify"), RESULT_OK);
	caller_close(&root);
	world_stop(&world);
}
END_TEST

/* A lost database is never replaced by an empty one, in which init would work again. */
START_TEST(nobody_initialises_a_device_whose_database_was_taken_away) {
	uint8_t buffer[256];
	struct frame_writer w;
	struct caller root;
	char path[256];

	commission();
	path_of(world.state, "careward.db", path);
	make_missing(path);
	world_start(&world);
	caller_open(&root, &world, "service");
	caller_begin(&root, &w, buffer, sizeof(buffer), "init");
	frame_text(&w, "name", "mallory");
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, "admin");
	frame_close(&w);
	caller_send(&root, &w);
	ck_assert_uint_eq(caller_reply(&root), RESULT_NOT_READY);
	caller_close(&root);
	world_stop(&world);
}
END_TEST

START_TEST(check_names_the_line_and_changes_nothing) {
	static const char text[] = "site = { name = \"x\"; };\nroles = ( { nam = \"nurse\"; } );\nend = true;\n";
	uint8_t buffer[512];
	struct frame_writer w;
	struct frame_span messages, item;
	size_t cursor = 0;
	uint64_t errors = 0, line = 0;
	bool named = false;

	world_start(&world);
	caller_open(&ui, &world, "service");
	caller_begin(&ui, &w, buffer, sizeof(buffer), "check");
	frame_text(&w, "kind", "site");
	frame_bytes(&w, "content", text, sizeof(text) - 1);
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "errors", &errors), 0);
	ck_assert_uint_ge(errors, 1);
	ck_assert_int_eq(frame_get_array(ui.frame.body, "messages", &messages), 0);
	while (frame_next_item(messages, &cursor, &item) == 1)
		if (frame_get_uint(item, "line", &line) == 0 && line == 2)
			named = true;
	ck_assert(named);
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

/* The journal is whole, and the list that people look at is empty: that is told. */
START_TEST(JR_03_emergencies_taken_out_of_the_database_are_told) {
	sqlite3 *db = NULL;
	uint64_t finding = 0;
	char path[256];
	bool ok = true;

	commission();
	world_start(&world);
	caller_open(&ui, &world, "main");
	care_works(&ui);
	ck_assert(!has_alarm(&ui, "emergencies-were-changed"));
	ck_assert_uint_eq(caller_call(&ui, "verify"), RESULT_OK);
	ck_assert_int_eq(frame_get_bool(ui.frame.body, "ok", &ok), 0);
	ck_assert(ok);
	caller_close(&ui);
	world_stop(&world);
	path_of(world.state, "careward.db", path);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "DELETE FROM emergencies", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_changes(db), 1);
	sqlite3_close(db);
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert(has_alarm(&ui, "emergencies-were-changed"));
	ck_assert_uint_eq(caller_call(&ui, "verify"), RESULT_OK);
	ck_assert_int_eq(frame_get_bool(ui.frame.body, "ok", &ok), 0);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "finding", &finding), 0);
	ck_assert(!ok);
	ck_assert_uint_eq(finding, 15);
	caller_close(&ui);
	world_stop(&world);
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		the_installed_configuration_survives_any_damage_to_the_file,
		CF_03_a_place_that_others_may_write_to_is_told,
		a_mistake_is_told_with_its_line_in_status_and_on_standard_error,
		an_alarm_about_a_file_ends_when_the_file_is_put_right,
		a_valid_file_that_nobody_installed_does_not_run,
		a_content_that_the_journal_does_not_know_does_not_run,
		without_any_configuration_the_broker_runs_and_says_so,
		care_works_and_nothing_else_without_database_or_key,
		an_older_release_goes_on_where_it_may,
		an_older_release_refuses_with_a_word_of_its_own,
		the_copy_of_the_accounts_brings_everybody_back,
		nobody_initialises_a_device_whose_database_was_taken_away,
		check_names_the_line_and_changes_nothing,
		JR_03_emergencies_taken_out_of_the_database_are_told,
	};

	return RUN_TESTS("broker configuration", tests);
}
