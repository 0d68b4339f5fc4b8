/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A smartcard through OpenSC, pcscd and a reader; runs in a card room
 *
 * Each try is a process that may hang, as a helper may: it is killed at a
 * deadline. Slot 0 is the card. What OpenSC says is not what counts, but whether
 * OpenSSL finds the signature good.
 */
#include <check.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "common/cleanup.h"
#include "tests/fixtures/control.h"
#include "tests/tokens/cards.h"
#include "tests/tokens/run.h"
#include "tests/tokens/watching.h"
#include "tokens/token.h"

#define PIN "123456"
#define DEADLINE_MS 4000
#define SHORT_MS 1200 /* where many of them hang                                     */
#define SEEN_TRIES 1000
#define LOOK_MS 500    /* pcscd looks more often than that                              */

/* What one process saw; shared with it. */
struct seen {
	int opened;
	enum token_error looked, signed_, again; /* TOKEN_N_ERRORS: never came so far     */
	uint32_t n, tries, flags_low, flags_final, flags_locked;
	bool proved;          /* OpenSSL says so                                       */
	bool proved_again;
	bool killed;
	bool crashed;
	struct token_found found;
	struct token_answer answer;
};

static char opensc[TOKEN_PATH_MAX];
static const char *room;
static struct seen *seen;
static uint8_t digest[32];

static const char *slot_path(void) {
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/slot0", room);
	return path;
}

static unsigned tell(const char *line) {
	char answer[CONTROL_LINE] = "";
	int r = control_tell(slot_path(), line, answer);

	ck_assert_msg(r == 0, "%s: %s", line, answer);
	return (unsigned)strtoul(answer, NULL, 10);
}

static void tell_pcscd(const char *line) {
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/room", room);
	(void)control_tell(path, line, NULL);
}

static void rest_ms(long ms) {
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* In, and pcscd has seen it. Return: false after ten seconds. */
static bool put_in(void) {
	char answer[CONTROL_LINE] = "";

	if (control_tell(slot_path(), "state", answer) == 0 && strcmp(answer, "out") == 0) {
		rest_ms(LOOK_MS);
		(void)control_tell(slot_path(), "insert", NULL);
	}
	for (unsigned i = 0; i < SEEN_TRIES; ++i) {
		if (control_tell(slot_path(), "state", answer) == 0 && strcmp(answer, "in") == 0)
			return true;
		rest_ms(10);
	}
	return false;
}

static void setup(void) {
	tell_pcscd("continue");
	tell_pcscd("start");
	tell("clear");
	ck_assert(put_in());
}

/* --- one try -------------------------------------------------------------- */

struct try {
	const char *pin;
	uint32_t candidate;
	bool again;        /* if it fails: put the card in and sign in the same process  */
	int deadline_ms;
};

static enum token_error sign_one(void *kind, const struct try *try, bool *ret_proved) {
	struct token_sign sign = { .candidate = try->candidate };
	const struct token_talk talk = { .touch = NULL };
	enum token_error error;

	memcpy(sign.digest, digest, sizeof(digest));
	sign.pin.n = strlen(try->pin);
	memcpy(sign.pin.bytes, try->pin, sign.pin.n);
	error = token_kind_pkcs11.sign(kind, &sign, &talk, &seen->answer, &seen->tries);
	*ret_proved = error == TOKEN_OK && answer_is_signed(&seen->answer, digest);
	return error;
}

static void note_flags(void) {
	seen->n = seen->found.n;
	seen->flags_low = seen->found.candidates[0].pin_low;
	seen->flags_final = seen->found.candidates[0].pin_final;
	seen->flags_locked = seen->found.candidates[0].pin_locked;
}

static void be_helper(const struct try *try) {
	static struct token_rules rules = { .n_readers = 1,
					    .readers = { { READER_PCSC, .seats = 1 } } };
	const struct token_look look = { .factor = CW_FACTOR_SMARTCARD, .seats = 1 };
	bool failed = true;
	void *kind = NULL;

	(void)snprintf(rules.smartcard.module, sizeof(rules.smartcard.module), "%s", opensc);
	seen->opened = token_kind_pkcs11.open(&rules, &kind);
	if (seen->opened == 0)
		seen->looked = token_kind_pkcs11.look(kind, &look, &seen->found);
	if (seen->looked == TOKEN_OK) {
		note_flags();
		seen->signed_ = sign_one(kind, try, &seen->proved);
		failed = seen->signed_ != TOKEN_OK;
	}
	if (try->again && failed && seen->opened == 0) {
		(void)put_in();
		seen->again = token_kind_pkcs11.look(kind, &look, &seen->found);
		if (seen->again == TOKEN_OK)
			seen->again = sign_one(kind, try, &seen->proved_again);
	}
	if (kind)
		token_kind_pkcs11.close(kind);
	_exit(0);
}

/* Waits for a child, and kills it at the deadline. */
static int wait_child(pid_t pid, int ms) {
	double end = watching_now_ms() + ms;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (watching_now_ms() > end) {
			seen->killed = true;
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			break;
		}
		rest_ms(2);
	}
	seen->crashed = WIFSIGNALED(status) && !seen->killed;
	return status;
}

static const struct seen *attempt(const struct try *try) {
	pid_t pid;

	memset(seen, 0, sizeof(*seen));
	seen->looked = seen->signed_ = seen->again = TOKEN_N_ERRORS;
	/* Anew for each: no earlier signature can pass for this one's. */
	ck_assert_int_eq(RAND_bytes(digest, sizeof(digest)), 1);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		be_helper(try);
	(void)wait_child(pid, try->deadline_ms > 0 ? try->deadline_ms : DEADLINE_MS);
	ck_assert_msg(!seen->crashed, "the helper crashed");
	return seen;
}

static const struct seen *attempt_pin(const char *pin) {
	return attempt(&(struct try){ .pin = pin });
}

static void need_works(void) {
	const struct seen *s;

	ck_assert(put_in());
	s = attempt_pin(PIN);
	ck_assert_msg(s->looked == TOKEN_OK && s->signed_ == TOKEN_OK && s->proved && !s->killed,
	              "looked %d signed %d proved %d killed %d", (int)s->looked, (int)s->signed_,
	              s->proved, s->killed);
}

/* --- as it should be ------------------------------------------------------ */

START_TEST(both_keys_sign_through_opensc) {
	const struct seen *s = NULL;

	for (uint32_t i = 0; i < 2; ++i) {
		s = attempt(&(struct try){ .pin = PIN, .candidate = i });
		ck_assert_int_eq(s->looked, TOKEN_OK);
		ck_assert_uint_eq(s->n, 2);
		ck_assert_int_eq(s->signed_, TOKEN_OK);
		ck_assert(s->proved);
		ck_assert_str_eq(s->answer.reader, "Virtual PCD 00 00");
	}
}
END_TEST

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Printed, and nothing fails by it. */
START_TEST(a_whole_sign_in_is_measured) {
	double ms[25];

	for (size_t i = 0; i < ARRAY_SIZE(ms); ++i) {
		double begin = watching_now_ms();

		ck_assert(attempt_pin(PIN)->proved);
		ms[i] = watching_now_ms() - begin;
	}
	qsort(ms, ARRAY_SIZE(ms), sizeof(ms[0]), compare);
	(void)printf("# load, look, PIN, sign, verify: median %.1f ms, longest %.1f ms\n",
	             ms[ARRAY_SIZE(ms) / 2], ms[ARRAY_SIZE(ms) - 1]);
}
END_TEST

START_TEST(CD_03_no_card_is_absent) {
	const struct seen *s;

	tell("pull");
	rest_ms(LOOK_MS);
	s = attempt_pin(PIN);
	ck_assert_int_eq(s->looked, TOKEN_ABSENT);
	ck_assert_int_eq(s->signed_, TOKEN_N_ERRORS);
	need_works();
}
END_TEST

/* --- PIN ------------------------------------------------------------------ */

START_TEST(CD_21_wrong_pins_are_told_and_the_last_try_is_not_taken) {
	const struct seen *s = attempt_pin("999999");

	ck_assert_int_eq(s->signed_, TOKEN_PIN_WRONG);
	ck_assert(!s->proved);
	s = attempt_pin("999999");
	ck_assert(!s->flags_final);
	ck_assert_int_eq(s->signed_, TOKEN_PIN_WRONG);
	s = attempt_pin("999999");
	ck_assert(s->flags_final && !s->flags_locked);
	ck_assert_int_eq(s->signed_, TOKEN_PIN_LOCKED);
	ck_assert_uint_eq(s->tries, 0);
	/* CD-22: the right one does not help now, and nothing asks for ever. */
	s = attempt_pin(PIN);
	ck_assert_msg(s->signed_ == TOKEN_PIN_LOCKED, "%d", (int)s->signed_);
	ck_assert(!s->proved);
	tell("clear");
	need_works();
}
END_TEST

/* One PIN is given to the card once, whatever OpenSC does. */
START_TEST(CD_21_one_wrong_pin_costs_one_try) {
	(void)attempt_pin("999999");
	ck_assert(attempt_pin(PIN)->proved);
	tell("tries 2");
	ck_assert_int_eq(attempt_pin("999999")->signed_, TOKEN_PIN_WRONG);
	ck_assert(attempt_pin(PIN)->proved);
}
END_TEST

START_TEST(CD_05_an_empty_pin_never_reaches_the_card) {
	const struct seen *s;

	ck_assert(attempt_pin(PIN)->proved);
	s = attempt_pin("");
	ck_assert_int_eq(s->signed_, TOKEN_PIN_INVALID);
	ck_assert(!s->proved);
}
END_TEST

/* --- a lying card --------------------------------------------------------- */

START_TEST(CD_10_a_corrupted_signature_proves_nothing) {
	for (uint32_t i = 0; i < 2; ++i) {
		const struct seen *s;

		tell("bad-signature");
		s = attempt(&(struct try){ .pin = PIN, .candidate = i });
		ck_assert(!s->proved && !s->killed);
		tell("clear");
	}
	need_works();
}
END_TEST

START_TEST(CD_01_another_key_than_the_certificates_proves_nothing) {
	for (uint32_t i = 0; i < 2; ++i) {
		tell("wrong-key");
		ck_assert(!attempt(&(struct try){ .pin = PIN, .candidate = i })->proved);
		tell("clear");
	}
	need_works();
}
END_TEST

/* Commands of one whole try. */
static unsigned count_commands(void) {
	unsigned before = tell("count");

	ck_assert(attempt_pin(PIN)->proved);
	return tell("count") - before;
}

static void answer_wrongly(const char *how) {
	unsigned n = count_commands(), good = 0;
	char line[64];

	for (unsigned at = 1; at <= n; ++at) {
		const struct seen *s;

		(void)snprintf(line, sizeof(line), "at %u %s", at, how);
		tell(line);
		s = attempt_pin(PIN);
		ck_assert_msg(!s->killed, "%s: hangs", line);
		ck_assert_msg(!s->proved || s->signed_ == TOKEN_OK, "%s", line);
		good += s->proved;
		tell("clear");
	}
	(void)printf("# %s at each of %u commands: %u signed nevertheless\n", how, n, good);
	/* What is asked for the signature itself is among them. */
	ck_assert_uint_lt(good, n);
	need_works();
}

START_TEST(CD_27_an_error_at_each_command_ends_in_a_word) {
	answer_wrongly("sw 6f00");
}
END_TEST

START_TEST(CD_27_half_an_answer_at_each_command_ends_in_a_word) {
	answer_wrongly("cut");
}
END_TEST

/* --- a card that is pulled ------------------------------------------------ */

START_TEST(CD_12_pulled_at_each_command_it_signs_nothing_and_works_again) {
	unsigned n = count_commands(), hung = 0, again = 0, good = 0;

	for (unsigned at = 1; at <= n; ++at) {
		const struct seen *s;
		char line[64];

		(void)snprintf(line, sizeof(line), "at %u pull", at);
		ck_assert(put_in());
		tell(line);
		s = attempt(&(struct try){ .pin = PIN, .again = true });
		good += s->proved;
		ck_assert_msg(s->proved || s->signed_ != TOKEN_OK, "%s: said that it signed", line);
		hung += s->killed;
		again += s->proved_again;
		tell("clear");
		need_works();
	}
	(void)printf("# pulled at each of %u commands: %u hung until killed, %u signed before it, "
	             "%u worked again in the same process\n",
	             n, hung, good, again);
	ck_assert_uint_gt(again, 0);
	ck_assert_uint_lt(good, n);
}
END_TEST

START_TEST(CD_12_a_card_that_never_answers_is_ended_by_the_deadline) {
	const struct seen *s;

	tell("at 5 hang");
	s = attempt(&(struct try){ .pin = PIN, .deadline_ms = SHORT_MS });
	ck_assert(s->killed && !s->proved);
	tell("pull");
	tell("clear");
	rest_ms(LOOK_MS);
	need_works();
}
END_TEST

/* --- pcscd ---------------------------------------------------------------- */

START_TEST(CD_30_without_pcscd_there_is_no_reader) {
	const struct seen *s;

	tell_pcscd("kill");
	s = attempt_pin(PIN);
	ck_assert(!s->killed);
	ck_assert_int_eq(s->looked, TOKEN_READER_GONE);
	tell_pcscd("start");
	need_works();
}
END_TEST

/* While somebody signs, pcscd dies. */
START_TEST(CD_30_pcscd_that_dies_in_the_middle_signs_nothing) {
	for (long ms = 0; ms <= 400; ms += 80) {
		const struct try try = { .pin = PIN };
		pid_t pid;

		ck_assert(put_in());
		tell("delay 20");
		memset(seen, 0, sizeof(*seen));
		seen->looked = seen->signed_ = TOKEN_N_ERRORS;
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			be_helper(&try);
		rest_ms(ms);
		tell_pcscd("kill");
		(void)wait_child(pid, DEADLINE_MS);
		ck_assert(!seen->crashed && !seen->proved);
		ck_assert_int_ne(seen->signed_, TOKEN_OK);
		tell("clear");
		tell_pcscd("start");
		need_works();
	}
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *const *tests) {
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, NULL);
	for (; *tests; ++tests)
		tcase_add_test(tc, *tests);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
}

#define ADD(suite, name, ...) add(suite, name, (const TTest *const[]){ __VA_ARGS__, NULL })

/* Where Debian puts it, on any architecture. */
static bool find_opensc(void) {
	glob_t found = { .gl_pathc = 0 };
	bool any = glob("/usr/lib/*/opensc-pkcs11.so", 0, NULL, &found) == 0;

	if (any)
		(void)snprintf(opensc, sizeof(opensc), "%s", found.gl_pathv[0]);
	globfree(&found);
	return any;
}

int main(int argc, char **argv) {
	Suite *suite = suite_create("opensc");
	struct stat root;

	room = argc == 2 ? argv[1] : ".";
	if (!find_opensc()) {
		(void)puts("1..0 # SKIP opensc-pkcs11 is not installed");
		return 0;
	}
	/* In a user namespace root's files belong to nobody, and such a module is not loaded. */
	if (stat("/", &root) < 0 || (root.st_uid != 0 && root.st_uid != geteuid())) {
		(void)puts("1..0 # SKIP not root: the module's owner cannot be seen in the room");
		return 0;
	}
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		return 1;
	ADD(suite, "sign", both_keys_sign_through_opensc, a_whole_sign_in_is_measured,
	    CD_03_no_card_is_absent);
	ADD(suite, "pin", CD_21_wrong_pins_are_told_and_the_last_try_is_not_taken,
	    CD_21_one_wrong_pin_costs_one_try, CD_05_an_empty_pin_never_reaches_the_card);
	ADD(suite, "lies", CD_10_a_corrupted_signature_proves_nothing,
	    CD_01_another_key_than_the_certificates_proves_nothing,
	    CD_27_an_error_at_each_command_ends_in_a_word,
	    CD_27_half_an_answer_at_each_command_ends_in_a_word);
	ADD(suite, "pulled", CD_12_pulled_at_each_command_it_signs_nothing_and_works_again,
	    CD_12_a_card_that_never_answers_is_ended_by_the_deadline);
	ADD(suite, "pcscd", CD_30_without_pcscd_there_is_no_reader,
	    CD_30_pcscd_that_dies_in_the_middle_signs_nothing);
	return run_suite(suite);
}
