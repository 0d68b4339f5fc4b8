/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/flows/world.h"

struct world world;

const char *const people[N_PEOPLE] = {
	[ANN] = "ann", [KIM] = "kim", [ADA] = "ada", [BOB] = "bob", [ROY] = "roy", [EVE] = "eve",
	[TOM] = "tom", [OTP] = "otp", [OFF] = "off", [NIL] = "nil", [LEA] = "lea",
};

static const char *const roles[N_PEOPLE] = {
	[ANN] = "admin",    [KIM] = "nurse",     [ADA] = "physician", [BOB] = "physician",
	[ROY] = "reviewer", [EVE] = "physician", [TOM] = "biomed",    [OTP] = "nurse",
	[OFF] = "nurse",    [NIL] = "nurse",     [LEA] = "admin",
};

static const char device_cfg[] =
	"device = { model = \"Test pump\"; maker = \"Nobody\"; isolation = \"required\"; };\n"
	"minimum = { care = \"badge\"; };\n"
	"seats = ( { name = \"main\"; group = \"pump-ui\"; },\n"
	"          { name = \"service\"; group = \"service-ui\"; } );\n"
	"signals = ( { name = \"patient-connected\"; seat = \"main\"; ttl = 10; },\n"
	"            { name = \"standby\"; seat = \"service\"; ttl = 10; } );\n"
	"patient = \"patient-connected\";\n"
	"actions = (\n"
	"  { name = \"therapy.stop\"; kind = \"always\"; },\n"
	"  { name = \"therapy.start\"; kind = \"care\"; },\n"
	"  { name = \"therapy.rate\"; kind = \"care\"; },\n"
	"  { name = \"therapy.opiate\"; kind = \"care\"; },\n"
	"  { name = \"settings.limits\"; kind = \"sensitive\"; assurance = \"password\";\n"
	"    confirm = \"second-person\"; },\n"
	"  { name = \"settings.dose\"; kind = \"sensitive\"; assurance = \"password\";\n"
	"    confirm = \"same-person\"; },\n"
	"  { name = \"settings.calm\"; kind = \"sensitive\"; assurance = \"password\";\n"
	"    confirm = \"same-person\"; only_when = [ \"!patient-connected\" ]; },\n"
	"  { name = \"settings.display\"; kind = \"guarded\"; },\n"
	"  { name = \"data.export\"; kind = \"guarded\"; },\n"
	"  { name = \"software.update\"; kind = \"sensitive\"; assurance = \"strong\";\n"
	"    confirm = \"second-person\"; }\n"
	");\n"
	"end = true;\n";

static const char site_cfg[] =
	"site = { name = \"Test Hospital\"; };\n"
	"roles = (\n"
	"  { name = \"nurse\"; allow = [ \"therapy.start\", \"therapy.rate\", \"settings.display\" "
	"]; },\n"
	"  { name = \"physician\"; inherits = [ \"nurse\" ];\n"
	"    allow = [ \"therapy.opiate\", \"settings.limits\", \"settings.dose\", "
	"\"settings.calm\" ]; },\n"
	"  { name = \"biomed\"; allow = [ \"data.export\", \"software.update\", "
	"\"careward.config\" ]; },\n"
	"  { name = \"reviewer\"; allow = [ \"careward.review\", \"careward.history\" ]; },\n"
	"  { name = \"admin\"; allow = [ \"careward.accounts\", \"careward.enrol\" ];\n"
	"    creates = [ \"nurse\", \"physician\", \"biomed\", \"reviewer\", \"admin\" ]; }\n"
	");\n"
	"contexts = (\n"
	"  { name = \"routine\"; care = \"password\"; idle_lock = 300; },\n"
	"  { name = \"acute\"; when = [ \"patient-connected\" ]; care = \"badge\"; idle_lock = "
	"1800; }\n"
	");\n"
	"break_glass = { reasons = [ \"Patient in danger\", \"Test of the device\" ]; };\n"
	"end = true;\n";

/*
 * What the device depends on, made to fail and counted
 */

static struct {
	unsigned n; /* counts down to the failure; 0: none                      */
	bool for_good;
	bool has_failed;
	unsigned steps;
} fault;

int __real_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt);

int __wrap_sqlite3_step(sqlite3_stmt *stmt) {
	fault.steps++;
	if (fault.has_failed && fault.for_good)
		return SQLITE_IOERR;
	if (fault.n > 0 && --fault.n == 0) {
		fault.has_failed = true;
		return SQLITE_IOERR;
	}
	if (!sqlite3_stmt_readonly(stmt))
		world.effort.writes++;
	if (strcmp(sqlite3_sql(stmt), "COMMIT") == 0)
		world.effort.commits++;
	return __real_sqlite3_step(stmt);
}

void fault_at(unsigned n, bool for_good) {
	fault.n = n;
	fault.for_good = for_good;
	fault.has_failed = false;
	fault.steps = 0;
}

unsigned fault_off(void) {
	fault.n = 0;
	fault.has_failed = false;
	return fault.steps;
}

static int draw(void *p, size_t n) {
	uint8_t *bytes = p;

	if (world.no_random)
		return -EIO;
	for (size_t i = 0; i < n; ++i)
		bytes[i] = (uint8_t)(++world.random | 1u);
	return 0;
}

/*
 * Setting up
 */

static void remove_tree(const char *path) {
	DIR *d = opendir(path);
	struct dirent *e;
	char name[512];

	while (d && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%.255s", path, e->d_name);
		if (e->d_type == DT_DIR)
			remove_tree(name);
		else
			(void)unlink(name);
	}
	if (d)
		(void)closedir(d);
	(void)rmdir(path);
}

static void compile(void) {
	const struct policy_source device = { "device.cfg", device_cfg, sizeof(device_cfg) - 1 };
	const struct policy_source site = { "site.cfg", site_cfg, sizeof(site_cfg) - 1 };
	const struct policy_source place = { "place.cfg", NULL, 0 };
	static struct policy_messages messages;
	int r;

	memset(&messages, 0, sizeof(messages));
	r = policy_compile(&device, &site, &place, 1, &messages, &world.policy);
	ck_assert_msg(r == 0, "%u: %s", messages.list[0].line, messages.list[0].text);
	/* As cheap as can be: what is tested here is who is asked what. */
	world.policy->settings.passwords.argon2_memory_kib = 8;
	world.policy->settings.passwords.argon2_passes = 1;
	world.policy->settings.passwords.dictionary = false;
}

const char *password_of(uint32_t number) {
	static char text[64];

	(void)snprintf(text, sizeof(text), "%s %s%s", PASSWORD_OF, people[number], "'s");
	/* Like-name rules hold for passwords that are set here by way of the machine. */
	return text;
}

static struct verifier verifier_of(const char *password) {
	struct password_job job = {
		.kind = PASSWORD_JOB_MAKE, .cost = {8, 1, 1}
	};

	ck_assert_int_eq(draw(job.salt, sizeof(job.salt)), 0);
	ck_assert(secret_set(&job.candidate, password, strlen(password)));
	password_job_run(world.arena, &job);
	ck_assert_uint_eq(job.is_made, PASSWORD_YES);
	return job.made;
}

void give_password(uint32_t number, const char *password, bool one_time) {
	const struct actor init = { .peer_uid = 0 };
	struct password row = { .account = number };

	(void)password_load(world.store, number, &row);
	row.current = verifier_of(password);
	row.one_time = one_time;
	row.disabled = false;
	row.set_ms = world.now.wall_ms;
	row.expires_ms = one_time ? world.now.wall_ms + 72 * 3600 * 1000 : 0;
	row.reset_unseen = one_time;
	row.set_by = one_time ? 0 : number;
	ck_assert_int_eq(password_store(world.store, &init, &world.now,
					one_time ? EVENT_ACCOUNT_RESET : EVENT_PASSWORD_CHANGED,
					&row),
			 0);
}

static void make_person(uint32_t number) {
	struct actor actor = { .account = number == EVE ? ADA : 0, .peer_uid = 0 };
	struct account account = {
		.state = number == OFF ? ACCOUNT_DISABLED : ACCOUNT_ENABLED,
		.source = number == EVE ? ACCOUNT_FROM_LOCAL : ACCOUNT_FROM_INIT,
		.created_by = actor.account,
		.n_roles = 1,
	};

	(void)snprintf(account.name, sizeof(account.name), "%s", people[number]);
	(void)snprintf(account.roles[0], sizeof(account.roles[0]), "%s", roles[number]);
	ck_assert_int_eq(account_create(world.store, &actor, &world.now, &account), 0);
	ck_assert_uint_eq(account.number, number);
	if (number == OTP)
		give_password(number, ONE_TIME, true);
	else if (number != NIL)
		give_password(number, password_of(number), false);
}

void world_open(void) {
	ck_assert_int_eq(store_open(world.dirfd, STORE_READ_WRITE, world.ks, &world.store), 0);
	world.auth.store = world.store;
}

void world_close(void) {
	world.store = store_close(world.store);
}

void world_set_up(void) {
	static const uint8_t device_id[16] = "device of tests";
	struct verifier code;

	memset(&world, 0, sizeof(world));
	(void)fault_off();
	world.now = (struct moment){
		.wall_ms = 1767225600000,
		.boot_ms = 1000000,
		.boot_id = {0xb0, 1},
		.trust = CLOCK_TRUSTED,
	};
	(void)snprintf(world.directory, sizeof(world.directory), "%s/flows-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".");
	ck_assert_ptr_nonnull(mkdtemp(world.directory));
	world.dirfd = open(world.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(world.dirfd, "keys", 0700), 0);
	world.keysfd = openat(world.dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(keystore_file_create(world.keysfd), 0);
	ck_assert_int_eq(keystore_file_open(world.keysfd, &world.ks), 0);
	ck_assert_int_eq(store_create(world.dirfd, device_id), 0);
	world_open();
	ck_assert_int_eq(arena_new(64, &world.arena), 0);
	compile();
	world.auth.policy = world.policy;
	world.auth.random = draw;
	world.auth.recovery_verifier_name = RECOVERY_NAME;
	(void)snprintf(world.seat.name, sizeof(world.seat.name), "%s", "main");
	for (uint32_t i = 1; i < N_PEOPLE; ++i)
		make_person(i);
	code = verifier_of(RECOVERY_CODE);
	ck_assert_int_eq(recovery_store(world.store, RECOVERY_NAME, &code), 0);
	(void)trail();
	memset(&world.effort, 0, sizeof(world.effort));
}

void world_tear_down(void) {
	(void)fault_off();
	world_close();
	world.ks = keystore_close(world.ks);
	world.policy = policy_free(world.policy);
	world.arena = arena_free(world.arena);
	(void)close(world.keysfd);
	(void)close(world.dirfd);
	remove_tree(world.directory);
}

void pass_ms(uint64_t ms) {
	world.now.boot_ms += ms;
	world.now.wall_ms += (int64_t)ms;
}

void reboot(void) {
	world.now.boot_id[1]++;
	world.now.boot_ms = 20000;
	world.now.wall_ms += 60000;
	memset(&world.seat.session, 0, sizeof(world.seat) - offsetof(struct seat, session));
}

/*
 * The journal
 */

struct reading {
	char lines[64][96];
	unsigned n;
};

static void add(char *text, size_t size, const char *more) {
	size_t n = strlen(text);

	ck_assert_uint_lt(n + strlen(more), size);
	(void)snprintf(text + n, size - n, "%s", more);
}

static int read_one(const struct journal_entry *entry, void *userdata) {
	static const struct {
		uint8_t flag;
		const char *name;
	} flags[] = {
		{ENTRY_CLAIMED,       "+claimed"  },
                { ENTRY_LATE,         "+late"     },
		{ ENTRY_NOT_ISOLATED, "+embedded" },
                { ENTRY_EMERGENCY,    "+emergency"},
		{ ENTRY_SPOOL,        "+spool"    },
	};
	struct reading *reading = userdata;
	char *line;

	ck_assert_uint_lt(reading->n, ARRAY_SIZE(reading->lines));
	line = reading->lines[reading->n++];
	(void)snprintf(line, 96, "%s:%s", audit_event_name(entry->event),
		       audit_outcome_name(entry->outcome));
	for (size_t i = 0; i < ARRAY_SIZE(flags); ++i)
		if (entry->flags & flags[i].flag)
			add(line, sizeof(reading->lines[0]), flags[i].name);
	return 0;
}

const char *trail(void) {
	static char text[4096];
	static struct reading reading;
	struct journal_filter filter = { .after = world.mark };
	struct journal_head head;
	uint64_t next = 0;

	reading.n = 0;
	text[0] = '\0';
	if (journal_head(world.store, &head) < 0)
		return "unreadable";
	if (head.seq - world.mark > 60)
		filter.after = head.seq - 60;
	ck_assert_int_eq(journal_query(world.store, &filter, 200, read_one, &reading, &next), 0);
	for (unsigned i = reading.n; i > 0; --i) {
		add(text, sizeof(text), i == reading.n ? "" : " ");
		add(text, sizeof(text), reading.lines[i - 1]);
	}
	world.mark = head.seq;
	return text;
}

static struct {
	struct journal_entry entry;
	char name[LIMIT_TEXT], text[LIMIT_TEXT], detail[LIMIT_TEXT], object[LIMIT_TEXT];
	char action[LIMIT_NAME];
	bool found;
} last;

static const char *keep(char *room, size_t size, const char *text) {
	if (!text)
		return NULL;
	(void)snprintf(room, size, "%s", text);
	return room;
}

static int keep_one(const struct journal_entry *entry, void *userdata) {
	(void)userdata;
	last.entry = *entry;
	last.entry.name = keep(last.name, sizeof(last.name), entry->name);
	last.entry.text = keep(last.text, sizeof(last.text), entry->text);
	last.entry.detail = keep(last.detail, sizeof(last.detail), entry->detail);
	last.entry.object = keep(last.object, sizeof(last.object), entry->object);
	last.entry.action = keep(last.action, sizeof(last.action), entry->action);
	last.found = true;
	return 0;
}

struct journal_entry newest(enum audit_event event) {
	struct journal_filter filter = { .event_from = event,
					 .event_to = event,
					 .with_texts = true };
	uint64_t next = 0;

	last.found = false;
	ck_assert_int_eq(journal_query(world.store, &filter, 1, keep_one, NULL, &next), 0);
	ck_assert_msg(last.found, "no entry of event %d", (int)event);
	return last.entry;
}

uint32_t action(const char *name) {
	int index = policy_action_index(&world.policy->table, name);

	ck_assert_msg(index >= 0, "no action %s", name);
	return (uint32_t)index;
}

/*
 * People
 */

struct account account_now(uint32_t number) {
	struct account account;

	ck_assert_int_eq(account_by_number(world.store, number, &account), 0);
	return account;
}

struct password password_now(uint32_t number) {
	struct password password;

	ck_assert_int_eq(password_load(world.store, number, &password), 0);
	return password;
}

void change_account(uint32_t number, enum audit_event event, enum account_state state) {
	const struct actor actor = { .peer_uid = 0 };
	struct admin_rule rule = { .n_roles = 1, .roles = { "admin" } };
	struct account account = account_now(number);

	account.state = state;
	ck_assert_int_eq(account_change(world.store, &actor, &world.now, event, &rule, &account),
			 0);
}

void change_roles(uint32_t number, const char *role) {
	const struct actor actor = { .peer_uid = 0 };
	struct admin_rule rule = { .n_roles = 1, .roles = { "admin" } };
	struct account account = account_now(number);

	account.n_roles = 1;
	memset(account.roles, 0, sizeof(account.roles));
	(void)snprintf(account.roles[0], sizeof(account.roles[0]), "%s", role);
	ck_assert_int_eq(account_change(world.store, &actor, &world.now, EVENT_ACCOUNT_ROLES, &rule,
					&account),
			 0);
}

struct lockout lockout_of_person(uint32_t number) {
	const struct lockout_key key = {
		.subject = number,
		.factor = CW_FACTOR_PASSWORD,
		.seat = 1,
	};
	struct lockout lockout;

	ck_assert_int_eq(lockout_read(world.store, &world.policy->settings.lockout, &key,
				      &world.now, &lockout),
			 0);
	return lockout;
}

/*
 * Conversations
 */

const char HANG[] = "(hang)", FREEZE[] = "(freeze)", STOP[] = "(stop)", QUIT[] = "(quit)",
	   LATE[] = "(late)", BUSY[] = "(busy)", BROKEN[] = "(broken)";

/* Tokens that find the worker still at it. */
static bool is_while_hashing(const char *token) {
	return token == BUSY || token == BROKEN || token == FREEZE || token == QUIT;
}

struct attempt *begin(enum cw_purpose purpose, const char *name) {
	const struct attempt_request request = {
		.purpose = purpose,
		.name = name,
		.actor = {.seat = 1, .peer_uid = 1000},
	};
	struct attempt *a = NULL;

	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a), 0);
	if (attempt_want(a) == ATTEMPT_ANSWER)
		world.effort.prompts++;
	return a;
}

struct attempt *begin_approval_of(const char *action_name, const char *words) {
	struct approval_request approval = { .action = action(action_name), .digest = { 0xd1 } };
	const struct attempt_request request = {
		.approval = &approval,
		.actor = {.seat = 1, .peer_uid = 1000},
	};
	struct attempt *a = NULL;

	(void)snprintf(approval.object, sizeof(approval.object), "%s", "limit 3");
	(void)snprintf(approval.words, sizeof(approval.words), "%s", words);
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a), 0);
	return a;
}

int say_bytes(struct attempt *a, const void *p, size_t n) {
	cleanup_(secret_wipe) struct secret answer = { 0 };
	int r;

	ck_assert(secret_set(&answer, p, n));
	r = attempt_answer(a, &answer, &world.now);
	ck_assert_uint_eq(answer.n, 0); /* wiped */
	if (attempt_want(a) == ATTEMPT_ANSWER)
		world.effort.prompts++;
	return r;
}

int say(struct attempt *a, const char *answer) {
	return say_bytes(a, answer, strlen(answer));
}

int hash(struct attempt *a) {
	struct password_job *job = attempt_job(a);
	int r;

	ck_assert_ptr_nonnull(job);
	world.effort.hashes++;
	password_job_run(world.arena, job);
	r = attempt_hashed(a, &world.now);
	if (attempt_want(a) == ATTEMPT_ANSWER)
		world.effort.prompts++;
	return r;
}

static void lose_job(struct attempt *a, const char *how) {
	struct password_job *job = attempt_job(a);

	ck_assert_ptr_nonnull(job);
	if (how == BUSY) {
		(void)attempt_busy(a, &world.now);
		return;
	}
	secret_wipe(&job->candidate);
	job->error = -ENOMEM;
	job->matched = PASSWORD_YES; /* an error says no, whatever else is there */
	(void)attempt_hashed(a, &world.now);
}

void talk(struct attempt *a, const char *const answers[]) {
	for (unsigned i = 0; answers[i]; ++i) {
		const char *answer = answers[i];

		if (answer == HANG || answer == FREEZE)
			return;
		if (answer == BUSY || answer == BROKEN) {
			lose_job(a, answer);
		} else if (answer == STOP || answer == QUIT) {
			attempt_cancel(a, &world.now, false);
		} else if (answer == LATE) {
			pass_ms(61000);
			attempt_cancel(a, &world.now, true);
		} else {
			(void)say(a, answer);
		}
		while (attempt_want(a) == ATTEMPT_HASH && !is_while_hashing(answers[i + 1]))
			(void)hash(a);
	}
}

struct attempt *converse(enum cw_purpose purpose, const char *const answers[]) {
	struct attempt *a = begin(purpose, NULL);

	talk(a, answers);
	return a;
}

void apply(const struct attempt_result *result) {
	if (result->purpose == CW_PURPOSE_SIGN_IN)
		seat_open(&world.seat, result, result->session, &world.now);
	else if (result->purpose == CW_PURPOSE_UNLOCK)
		seat_unlock(&world.seat, result, &world.now);
	else if (result->purpose == CW_PURPOSE_REAUTH)
		seat_reauth(&world.seat, result, &world.now);
	(void)seat_removed(world.store, &world.seat, world.policy, &result->removed, &world.now);
}

void sign_in(uint32_t number) {
	const char *const answers[] = { people[number], password_of(number), NULL };
	struct attempt *a = converse(CW_PURPOSE_SIGN_IN, answers);

	ck_assert_msg(is_yes_result(a), "%s: %s", people[number], message(a));
	apply(attempt_result(a));
	(void)attempt_free(a);
	ck_assert_uint_eq(world.seat.session.account, number);
	(void)trail();
}

size_t approve(const char *action_name, uint8_t receipt[static APPROVAL_RECEIPT_MAX]) {
	char first[64], second[64];
	const char *answers[] = { first, "yes", people[BOB], second, "yes", NULL };
	struct attempt *a = begin_approval_of(action_name, "Limit 3: 40 ml/h");
	size_t n;

	(void)snprintf(first, sizeof(first), "%s", password_of(world.seat.session.account));
	(void)snprintf(second, sizeof(second), "%s", password_of(BOB));
	if (world.policy->table.actions[action(action_name)].confirm == CW_CONFIRM_SAME_PERSON)
		answers[2] = NULL;
	talk(a, answers);
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	n = attempt_result(a)->n_receipt;
	memcpy(receipt, attempt_result(a)->receipt, n);
	(void)attempt_free(a);
	(void)trail();
	return n;
}

bool is_yes_result(const struct attempt *a) {
	return attempt_want(a) == ATTEMPT_OVER && attempt_result(a)->success == ATTEMPT_YES;
}

const char *message(const struct attempt *a) {
	return attempt_want(a) == ATTEMPT_OVER ? attempt_result(a)->message
					       : attempt_prompt(a)->message;
}

int run_suite(Suite *suite) {
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
