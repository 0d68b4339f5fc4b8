/* SPDX-License-Identifier: Apache-2.0 */

/* What has gone wrong with cards elsewhere, played by the scripted module. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/tokens/cards.h"

#define PIN "123456"

/* Nothing stays behind after any of them. */
static void ended_well(const struct outcome *o, const char *why) {
	ck_assert_msg(o->status == 0, "%s: ended with %x", why, (unsigned)o->status);
	ck_assert_msg(logged_line("C_Finalize 1 open 0 in 0"), "%s: something is left open", why);
	ck_assert_msg(o->signed_ == TOKEN_N_ERRORS || o->pin_wiped, "%s: the PIN is left", why);
	ck_assert_msg(o->signed_ != TOKEN_OK || o->is_signed, "%s: OK without a signature", why);
}

static const struct {
	const char *why;
	const char *script;
	const char *pin;
	enum token_error looked;
	enum token_error expect;
	uint32_t tries;
	unsigned logins; /* how often the card was given a PIN                           */
} cases[] = {
	{ "a card with its PIN", ONE_CARD, PIN, TOKEN_OK, TOKEN_OK, TRIES_UNKNOWN, 1 },
	{ "CD-01 somebody else's certificate over a key of one's own",
	  "card kim 123456\nkey 01 @/lead-ec.key @/nurse-ec.pem\n", PIN, TOKEN_OK, TOKEN_BROKEN,
	  TRIES_UNKNOWN, 1 },
	{ "CD-01 a certificate alone",
	  "card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem no-key\n", PIN, TOKEN_OK,
	  TOKEN_NO_CREDENTIAL, TRIES_UNKNOWN, 1 },
	{ "CD-03 no reader", "", PIN, TOKEN_READER_GONE, TOKEN_N_ERRORS, 0, 0 },
	{ "CD-03 a reader without a card", "empty-slot\n", PIN, TOKEN_ABSENT, TOKEN_N_ERRORS, 0,
	  0 },
	{ "CD-03 a card without a certificate", "card kim 123456\n", PIN, TOKEN_NO_CREDENTIAL,
	  TOKEN_N_ERRORS, 0, 0 },
	{ "CD-03 a card that is not set up", ONE_CARD "flags -TOKEN_INITIALIZED\n", PIN,
	  TOKEN_NO_CREDENTIAL, TOKEN_N_ERRORS, 0, 0 },
	{ "a key that may not sign, seen before the PIN",
	  "card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem no-sign\nflags "
	  "-LOGIN_REQUIRED\n",
	  PIN, TOKEN_NO_CREDENTIAL, TOKEN_N_ERRORS, 0, 0 },
	{ "a certificate without an id", "card kim 123456\nkey - @/nurse-ec.key @/nurse-ec.pem\n",
	  PIN, TOKEN_NO_CREDENTIAL, TOKEN_N_ERRORS, 0, 0 },
	{ "a kind of key that is not used here",
	  "card kim 123456\nkey 01 @/ed25519.key @/ed25519.pem\n", PIN, TOKEN_NO_CREDENTIAL,
	  TOKEN_N_ERRORS, 0, 0 },
	{ "CD-04 no PIN was typed", ONE_CARD, NULL, TOKEN_OK, TOKEN_PIN_INVALID, TRIES_UNKNOWN, 0 },
	{ "CD-05 an empty PIN on a card that is logged in",
	  ONE_CARD "call C_Login * returns CKR_USER_ALREADY_LOGGED_IN\n", "", TOKEN_OK,
	  TOKEN_PIN_INVALID, TRIES_UNKNOWN, 0 },
	{ "CD-05 logged in already is no proof: the PIN is asked for", ONE_CARD "logged-in\n",
	  "999999", TOKEN_OK, TOKEN_PIN_WRONG, TRIES_UNKNOWN, 2 },
	{ "CD-05 logged in already, and the right PIN", ONE_CARD "logged-in\n", PIN, TOKEN_OK,
	  TOKEN_OK, TRIES_UNKNOWN, 2 },
	{ "CD-05 the card says that it is logged in, and is not",
	  ONE_CARD "call C_Login 1 returns CKR_USER_ALREADY_LOGGED_IN\n", "999999", TOKEN_OK,
	  TOKEN_PIN_WRONG, TRIES_UNKNOWN, 2 },
	{ "CD-05 it says so for ever", ONE_CARD "call C_Login * then CKR_USER_ALREADY_LOGGED_IN\n",
	  PIN, TOKEN_OK, TOKEN_BROKEN, TRIES_UNKNOWN, 2 },
	{ "CD-10 a signature of 512 bytes", ONE_CARD "call C_Sign * length 512\n", PIN, TOKEN_OK,
	  TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 one more than there is room", ONE_CARD "call C_Sign * length 1025\n", PIN,
	  TOKEN_OK, TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 a signature of no bytes", ONE_CARD "call C_Sign * length 0\n", PIN, TOKEN_OK,
	  TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 four gigabytes", ONE_CARD "call C_Sign * length 0x100000000\n", PIN, TOKEN_OK,
	  TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 four gigabytes and the right length",
	  ONE_CARD "call C_Sign * length 0x100000040\n", PIN, TOKEN_OK, TOKEN_BROKEN, TRIES_UNKNOWN,
	  1 },
	{ "CD-10 all the memory there is", ONE_CARD "call C_Sign * length 0xffffffffffffffff\n",
	  PIN, TOKEN_OK, TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 too small for ever", ONE_CARD "call C_Sign * returns CKR_BUFFER_TOO_SMALL\n", PIN,
	  TOKEN_OK, TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 all is well, and other bytes", ONE_CARD "call C_Sign * garbage\n", PIN, TOKEN_OK,
	  TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 all is well, and nothing written", ONE_CARD "call C_Sign * blank\n", PIN, TOKEN_OK,
	  TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 the same from an RSA key",
	  "card kim 123456\nkey 01 @/nurse-rsa.key @/nurse-rsa.pem\ncall C_Sign * blank\n", PIN,
	  TOKEN_OK, TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 all is well, and nothing done", ONE_CARD "call C_Sign * returns CKR_OK\n", PIN,
	  TOKEN_OK, TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "CD-10 more slots than there is room", ONE_CARD "call C_GetSlotList 2 length 65\n", PIN,
	  TOKEN_BROKEN, TOKEN_N_ERRORS, 0, 0 },
	{ "CD-10 slots without number", ONE_CARD "call C_GetSlotList * length 0xffffffffffffffff\n",
	  PIN, TOKEN_BROKEN, TOKEN_N_ERRORS, 0, 0 },
	{ "CD-10 slots that never fit",
	  ONE_CARD "call C_GetSlotList 2 returns CKR_BUFFER_TOO_SMALL\n", PIN, TOKEN_BROKEN,
	  TOKEN_N_ERRORS, 0, 0 },
	{ "CD-10 more objects than asked for", ONE_CARD "call C_FindObjects 1 length 65\n", PIN,
	  TOKEN_BROKEN, TOKEN_N_ERRORS, 0, 0 },
	{ "CD-10 one object more for ever", ONE_CARD "call C_FindObjects * length 1\n", PIN,
	  TOKEN_BROKEN, TOKEN_N_ERRORS, 0, 0 },
	{ "CD-10 an attribute longer than the room",
	  ONE_CARD "call C_GetAttributeValue * length 4097\n", PIN, TOKEN_BROKEN, TOKEN_N_ERRORS, 0,
	  0 },
	{ "CD-10 an attribute without length",
	  ONE_CARD "call C_GetAttributeValue * length 0xffffffffffffffff\n", PIN,
	  TOKEN_NO_CREDENTIAL, TOKEN_N_ERRORS, 0, 0 },
	{ "CD-10 a certificate of nothing", ONE_CARD "call C_GetAttributeValue 2 length 0\n", PIN,
	  TOKEN_NO_CREDENTIAL, TOKEN_N_ERRORS, 0, 0 },
	{ "CD-10 a certificate that was never written",
	  ONE_CARD "call C_GetAttributeValue 2 length 4096\n", PIN, TOKEN_NO_CREDENTIAL,
	  TOKEN_N_ERRORS, 0, 0 },
	{ "a wrong PIN, told once and never again", ONE_CARD "tries 5\n", "999999", TOKEN_OK,
	  TOKEN_PIN_WRONG, TRIES_UNKNOWN, 1 },
	{ "CD-21 a wrong PIN, and one try is left", ONE_CARD "tries 2\n", "999999", TOKEN_OK,
	  TOKEN_PIN_WRONG, 1, 1 },
	{ "CD-21 the last try, after the warning, right", ONE_CARD "tries 1\n", PIN, TOKEN_OK,
	  TOKEN_OK, 1, 1 },
	{ "CD-21 the last try, after the warning, wrong", ONE_CARD "tries 1\n", "999999", TOKEN_OK,
	  TOKEN_PIN_LOCKED, 0, 1 },
	{ "CD-22 a locked card is not asked", ONE_CARD "tries 0\n", PIN, TOKEN_OK, TOKEN_PIN_LOCKED,
	  0, 0 },
	{ "CD-22 a card that says so only when asked",
	  ONE_CARD "call C_Login * returns CKR_PIN_LOCKED\n", PIN, TOKEN_OK, TOKEN_PIN_LOCKED, 0,
	  1 },
	{ "a PIN shorter than the card has any", ONE_CARD "pin-length 6 8\n", "12345", TOKEN_OK,
	  TOKEN_PIN_INVALID, TRIES_UNKNOWN, 0 },
	{ "a PIN longer than the card has any", ONE_CARD "pin-length 6 8\n", "123456789", TOKEN_OK,
	  TOKEN_PIN_INVALID, TRIES_UNKNOWN, 0 },
	{ "a card that does not know its lengths", ONE_CARD "pin-length 0 0\n", PIN, TOKEN_OK,
	  TOKEN_OK, TRIES_UNKNOWN, 1 },
	{ "CD-05 an empty PIN for a card that does not know its lengths",
	  ONE_CARD "pin-length 0 0\n", "", TOKEN_OK, TOKEN_PIN_INVALID, TRIES_UNKNOWN, 0 },
	{ "a card without a PIN", ONE_CARD "flags -LOGIN_REQUIRED\n", NULL, TOKEN_OK, TOKEN_OK,
	  TRIES_UNKNOWN, 0 },
	{ "CD-24 a pad: a PIN from the screen is not passed on", ONE_CARD "flags +PAD\n", "999999",
	  TOKEN_OK, TOKEN_OK, TRIES_UNKNOWN, 1 },
	{ "CD-24 a pad needs none", ONE_CARD "flags +PAD\n", NULL, TOKEN_OK, TOKEN_OK,
	  TRIES_UNKNOWN, 1 },
	{ "CD-24 cancelled at the pad",
	  ONE_CARD "flags +PAD\ncall C_Login * returns CKR_FUNCTION_CANCELED\n", NULL, TOKEN_OK,
	  TOKEN_CANCELLED, TRIES_UNKNOWN, 1 },
	{ "CD-25 a key that asks every time",
	  "card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem always\n", PIN, TOKEN_OK, TOKEN_OK,
	  TRIES_UNKNOWN, 2 },
	{ "CD-25 a key that asks every time, at a pad",
	  "card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem always\nflags +PAD\n", NULL,
	  TOKEN_OK, TOKEN_OK, TRIES_UNKNOWN, 2 },
	{ "CD-25 its second question is refused",
	  "card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem always\n"
	  "call C_Login 2 returns CKR_PIN_INCORRECT\n",
	  PIN, TOKEN_OK, TOKEN_PIN_WRONG, TRIES_UNKNOWN, 2 },
	{ "CD-25 asked by a card that lets everybody in",
	  "card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem always\nflags -LOGIN_REQUIRED\n",
	  PIN, TOKEN_OK, TOKEN_OK, TRIES_UNKNOWN, 1 },
	{ "CD-25 and without a PIN",
	  "card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem always\nflags -LOGIN_REQUIRED\n",
	  NULL, TOKEN_OK, TOKEN_PIN_INVALID, TRIES_UNKNOWN, 0 },
	{ "CD-29 C_Initialize leaves a process", ONE_CARD "call C_Initialize 1 forks\n", PIN,
	  TOKEN_OK, TOKEN_OK, TRIES_UNKNOWN, 1 },
	{ "CD-29 C_Initialize leaves a thread", ONE_CARD "call C_Initialize 1 threads\n", PIN,
	  TOKEN_OK, TOKEN_OK, TRIES_UNKNOWN, 1 },
	{ "CD-29 C_Initialize takes its time", ONE_CARD "call C_Initialize 1 sleeps 50\n", PIN,
	  TOKEN_OK, TOKEN_OK, TRIES_UNKNOWN, 1 },
	{ "a mechanism that is not there",
	  ONE_CARD "call C_SignInit * returns CKR_MECHANISM_INVALID\n", PIN, TOKEN_OK,
	  TOKEN_UNSUPPORTED, TRIES_UNKNOWN, 1 },
	{ "a card without a PIN set",
	  ONE_CARD "call C_Login * returns CKR_USER_PIN_NOT_INITIALIZED\n", PIN, TOKEN_OK,
	  TOKEN_PIN_UNSET, TRIES_UNKNOWN, 1 },
	{ "a word that nobody knows", ONE_CARD "call C_Sign * returns 0x80001234\n", PIN, TOKEN_OK,
	  TOKEN_BROKEN, TRIES_UNKNOWN, 1 },
	{ "a word of more than 32 bits that looks like good",
	  ONE_CARD "call C_Login * returns 0x100000000\n", PIN, TOKEN_OK, TOKEN_BROKEN,
	  TRIES_UNKNOWN, 1 },
	{ "a broken card hides no good one",
	  "card bad 1234\nkey 01 @/lead-ec.key @/lead-ec.pem\n" ONE_CARD
	  "call C_OpenSession 1 returns CKR_DEVICE_ERROR\n",
	  PIN, TOKEN_OK, TOKEN_OK, TRIES_UNKNOWN, 1 },
};

START_TEST(the_card_answers_as_it_should) {
	struct plan plan = { .pin = cases[_i].pin };
	const char *why = cases[_i].why;
	struct outcome *o;

	script("%s", cases[_i].script);
	o = play(&plan);
	ended_well(o, why);
	ck_assert_msg(o->opened == 0, "%s: open %d", why, o->opened);
	ck_assert_msg(o->looked == cases[_i].looked, "%s: look %d", why, o->looked);
	ck_assert_msg(o->signed_ == cases[_i].expect, "%s: sign %d", why, o->signed_);
	ck_assert_msg(o->signed_ == TOKEN_N_ERRORS || o->tries == cases[_i].tries,
		      "%s: %u tries left", why, o->tries);
	ck_assert_msg(logged("C_Login") == cases[_i].logins, "%s: %u logins", why,
		      logged("C_Login"));
	ck_assert_msg(logged("C_Sign") <= 1, "%s: signed twice", why);
	ck_assert_msg(cases[_i].logins == 0 || logged("C_Logout") > 0, "%s: no logout", why);
	outcome_free(o);
}
END_TEST

START_TEST(CD_24_a_pad_is_given_no_pin) {
	struct outcome *o;

	script("%s", ONE_CARD "flags +PAD\n");
	o = play(&(struct plan){ .pin = "999999" });
	ended_well(o, "pad");
	ck_assert(o->found.candidates[0].needs_pin && o->found.candidates[0].has_pad);
	ck_assert(logged_line("C_Login 1 user pad 0"));
	outcome_free(o);
}
END_TEST

START_TEST(CD_25_the_second_question_is_for_this_signature) {
	struct outcome *o;

	script("card kim 123456\nkey 01 @/nurse-rsa.key @/nurse-rsa.pem always\n");
	o = play(&(struct plan){ .pin = PIN });
	ended_well(o, "always");
	ck_assert_int_eq(o->signed_, TOKEN_OK);
	ck_assert(logged_line("C_Login 1 user pin 6"));
	ck_assert(logged_line("C_Login 2 context pin 6"));
	outcome_free(o);
}
END_TEST

START_TEST(a_pin_with_a_nul_is_not_cut_there) {
	struct outcome *o;

	script("%s", ONE_CARD);
	o = play(&(struct plan){ .pin = "123456\0", .n_pin = 7 });
	ended_well(o, "NUL");
	ck_assert_int_eq(o->signed_, TOKEN_PIN_INVALID);
	ck_assert_uint_eq(logged("C_Login"), 0);
	outcome_free(o);
}
END_TEST

START_TEST(CD_21_the_warning_is_on_the_candidate) {
	struct outcome *o;

	script("%s", ONE_CARD "tries 3 @/left\n");
	o = play(&(struct plan){ .pin = "999999", .again_without_close = true });
	ended_well(o, "two wrong ones");
	ck_assert_int_eq(o->signed_, TOKEN_PIN_WRONG);
	ck_assert_int_eq(o->signed_again, TOKEN_PIN_WRONG);
	ck_assert(o->found.candidates[0].pin_low && !o->found.candidates[0].pin_final);
	outcome_free(o);
	script("%s", ONE_CARD "tries 3 @/left\n");
	o = play(&(struct plan){ .pin = "999999", .again_without_close = true });
	ended_well(o, "the third");
	ck_assert_int_eq(o->signed_, TOKEN_PIN_LOCKED);
	ck_assert_int_eq(o->signed_again, TOKEN_PIN_LOCKED);
	ck_assert_uint_eq(logged("C_Login"), 1);
	ck_assert(o->found.candidates[0].pin_locked);
	ck_assert_uint_eq(o->found.candidates[0].tries_left, 0);
	outcome_free(o);
}
END_TEST

/* Another process uses up tries while somebody types. */
static void use_up(void *kind) {
	char path[CARDS_PATH + 8];
	FILE *f;

	(void)kind;
	(void)snprintf(path, sizeof(path), "%s/one", world.ca);
	f = fopen(path, "we");
	if (!f || fputs("1\n", f) < 0 || fclose(f) != 0)
		_exit(1);
}

START_TEST(CD_21_no_warning_no_last_try) {
	struct outcome *o;

	script("%s", ONE_CARD "tries 3 @/one\n");
	o = play(&(struct plan){ .pin = PIN, .between = use_up, .again_without_close = true });
	ended_well(o, "used up");
	ck_assert_int_eq(o->signed_, TOKEN_PIN_NEEDED);
	ck_assert_uint_eq(o->tries, 1);
	/* The second look told it. */
	ck_assert(o->found.candidates[0].pin_final);
	ck_assert_int_eq(o->signed_again, TOKEN_OK);
	ck_assert_uint_eq(logged("C_Login"), 1);
	outcome_free(o);
}
END_TEST

static const char *const two[] = {
	"card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem\n",
	"card lou 654321\nkey 01 @/lead-ec.key @/lead-ec.pem\n",
};

START_TEST(CD_14_of_two_cards_the_one_that_was_chosen_signs) {
	for (uint32_t order = 0; order < 2; ++order) {
		for (uint32_t chosen = 0; chosen < 2; ++chosen) {
			bool is_kim = (order ^ chosen) == 0;
			struct outcome *o;

			script("%s%s", two[order], two[1 - order]);
			o = play(&(struct plan){ .pin = is_kim ? PIN : "654321",
						 .candidate = chosen });
			ended_well(o, "two cards");
			ck_assert_uint_eq(o->found.n, 2);
			ck_assert_int_eq(o->signed_, TOKEN_OK);
			ck_assert(is_certificate(o->answer.certificate, o->answer.n_certificate,
						 is_kim ? "nurse-ec" : "lead-ec"));
			outcome_free(o);
			script("%s%s", two[order], two[1 - order]);
			o = play(&(struct plan){ .pin = is_kim ? "654321" : PIN,
						 .candidate = chosen });
			ended_well(o, "the other's PIN");
			ck_assert_int_eq(o->signed_, TOKEN_PIN_WRONG);
			outcome_free(o);
		}
	}
}
END_TEST

START_TEST(CD_14_of_two_certificates_the_one_that_was_chosen_signs) {
	for (uint32_t chosen = 0; chosen < 2; ++chosen) {
		struct outcome *o;

		/* The same id, as some cards have it: the kind of key tells them apart. */
		script("card kim 123456\nkey 01 @/nurse-rsa.key @/nurse-rsa.pem\n"
		       "key 01 @/nurse-ec.key @/nurse-ec.pem\n");
		o = play(&(struct plan){ .pin = PIN, .candidate = chosen });
		ended_well(o, "two certificates");
		ck_assert_uint_eq(o->found.n, 2);
		ck_assert_int_eq(o->signed_, TOKEN_OK);
		ck_assert(is_certificate(o->answer.certificate, o->answer.n_certificate,
					 chosen == 0 ? "nurse-rsa" : "nurse-ec"));
		outcome_free(o);
	}
}
END_TEST

START_TEST(CD_14_a_card_that_was_exchanged_gets_no_pin) {
	struct outcome *o;

	script("%s%s%s", two[0], two[1], "call C_GetSlotInfo 3 swaps\n");
	o = play(&(struct plan){ .pin = PIN });
	ended_well(o, "exchanged");
	ck_assert_int_eq(o->signed_, TOKEN_REMOVED);
	ck_assert_uint_eq(logged("C_Login"), 0);
	outcome_free(o);
}
END_TEST

START_TEST(more_certificates_than_there_is_room_lose_the_authorities) {
	struct outcome *o;

	script("card kim 123456\nkey 09 @/mid.key @/mid.pem no-key\n"
	       "key 01 @/nurse-ec.key @/nurse-ec.pem\nkey 02 @/nurse-ec.key @/nurse-ec.pem\n"
	       "key 03 @/nurse-ec.key @/nurse-ec.pem\nkey 04 @/nurse-ec.key @/nurse-ec.pem\n"
	       "key 0a @/root.key @/root.pem no-key\n"
	       "key 05 @/nurse-ec.key @/nurse-ec.pem\nkey 06 @/nurse-ec.key @/nurse-ec.pem\n"
	       "key 07 @/nurse-ec.key @/nurse-ec.pem\nkey 08 @/lead-ec.key @/lead-ec.pem\n"
	       "key 0b @/nurse-ec.key @/nurse-ec.pem\n");
	o = play(&(struct plan){ .pin = PIN, .candidate = 7 });
	ended_well(o, "eleven");
	ck_assert_uint_eq(o->found.n, TOKEN_CANDIDATES_MAX);
	ck_assert_int_eq(o->signed_, TOKEN_OK);
	ck_assert(is_certificate(o->answer.certificate, o->answer.n_certificate, "lead-ec"));
	outcome_free(o);
}
END_TEST

#define NO_READER TOKEN_READER_GONE
#define LONG_NAME "A reader whose name is longer than there is room for it in a s" /* 62 */

/* Which of two cards is seen at the first seat, by the lines of device.cfg. */
static const struct {
	const char *why;
	struct reader_rules readers[3];
	const char *seen; /* labels of the cards                                         */
	enum token_error looked;
} seats[] = {
	{ "CD-12 a line without a seat serves all", { { READER_PCSC, .seats = 3 } }, "kimlee",
	  TOKEN_OK },
	{ "CD-12 the only line is the other seat's", { { READER_PCSC, .seats = 2 } }, "", NO_READER },
	{ "CD-12 no line at all", { { READER_NONE } }, "", NO_READER },
	{ "CD-12 a line of no seat", { { READER_PCSC, .seats = 0 } }, "", NO_READER },
	{ "CD-12 lines of other kinds say nothing of cards",
	  { { READER_USB_KEY, .seats = 1 }, { READER_SERIAL, .seats = 1 } }, "", NO_READER },
	{ "CD-12 the second reader is the other seat's",
	  { { READER_PCSC, .seats = 1 }, { READER_PCSC, .seats = 2, .path = "Reader 1" } }, "kim",
	  TOKEN_OK },
	{ "CD-12 the second reader is ours, the rest the other seat's",
	  { { READER_PCSC, .seats = 2 }, { READER_PCSC, .seats = 1, .path = "Reader 1" } }, "lee",
	  TOKEN_OK },
	{ "CD-12 the longest part of the name counts",
	  { { READER_PCSC, .seats = 1, .path = "Reader" },
	    { READER_PCSC, .seats = 2, .path = "Reader 0" } }, "lee", TOKEN_OK },
	{ "CD-12 a reader that no line names serves nobody",
	  { { READER_PCSC, .seats = 1, .path = "Reader 1" } }, "lee", TOKEN_OK },
	{ "CD-12 our reader is not there, and the other seat's is",
	  { { READER_PCSC, .seats = 1, .path = "Reader 7" }, { READER_PCSC, .seats = 2 } }, "",
	  TOKEN_ABSENT },
};

START_TEST(a_card_at_another_seats_reader_is_not_seen) {
	const struct token_look look = { .factor = CW_FACTOR_SMARTCARD, .seats = 1 };
	struct token_rules *rules = calloc(1, sizeof(*rules));
	struct token_found *found = calloc(1, sizeof(*found));
	char labels[4 * LIMIT_NAME] = "";
	enum token_error error;
	size_t n = 0;
	void *kind = NULL;

	script("%s", "card kim 123456\nkey 01 @/nurse-ec.key @/nurse-ec.pem\n"
		     "card lee 123456\nkey 01 @/lead-ec.key @/lead-ec.pem\n");
	cards_rules(rules, TEST_SCRIPTED_PKCS11);
	memcpy(rules->readers, seats[_i].readers, sizeof(seats[_i].readers));
	rules->n_readers = ARRAY_SIZE(seats[_i].readers);
	ck_assert_int_eq(token_kind_pkcs11.open(rules, &kind), 0);
	error = token_kind_pkcs11.look(kind, &look, found);
	ck_assert_msg(error == seats[_i].looked, "%s: %d", seats[_i].why, (int)error);
	for (uint32_t i = 0; i < found->n; ++i)
		n += (size_t)snprintf(labels + n, sizeof(labels) - n, "%s",
				      found->candidates[i].label);
	ck_assert_msg(strcmp(labels, seats[_i].seen) == 0, "%s: saw \"%s\"", seats[_i].why, labels);
	token_kind_pkcs11.close(kind);
	free(found);
	free(rules);
}
END_TEST

/* PKCS#11 cuts names at 64 bytes, and what tells two readers apart may stand behind. */
START_TEST(CD_12_a_name_that_was_cut_is_everybodys_it_may_be) {
	struct token_rules *rules = calloc(1, sizeof(*rules));

	cards_rules(rules, TEST_SCRIPTED_PKCS11);
	ck_assert(token_pcsc_serves(rules, LONG_NAME "l", 1));
	rules->readers[1] = (struct reader_rules){ READER_PCSC, .seats = 2, .path = "slot 01" };
	rules->n_readers = 2;
	ck_assert(token_pcsc_serves(rules, LONG_NAME, 1));
	ck_assert(!token_pcsc_serves(rules, LONG_NAME "l", 1));
	ck_assert(!token_pcsc_serves(rules, LONG_NAME "l", 2));
	rules->readers[1].seats = 3;
	ck_assert(token_pcsc_serves(rules, LONG_NAME "l", 1));
	free(rules);
}
END_TEST

static void sign_in_a_child(void *kind) {
	static struct token_answer answer;
	static struct token_found found;
	const struct token_look look = { .factor = CW_FACTOR_SMARTCARD, .seats = 1 };
	struct token_sign sign = { .candidate = 0 };
	const struct token_talk talk = { 0 };
	uint32_t tries;
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)secret_set(&sign.pin, "999999", 6);
		if (token_kind_pkcs11.sign(kind, &sign, &talk, &answer, &tries) != TOKEN_MODULE ||
		    token_kind_pkcs11.look(kind, &look, &found) != TOKEN_MODULE)
			_exit(1);
		token_kind_pkcs11.close(kind);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		_exit(2);
}

START_TEST(CD_07_the_child_of_a_fork_never_uses_the_module) {
	struct outcome *o;

	script("%s", ONE_CARD);
	o = play(&(struct plan){ .pin = PIN, .between = sign_in_a_child });
	ended_well(o, "fork");
	ck_assert_int_eq(o->signed_, TOKEN_OK);
	/* One login, and one end: the parent's. */
	ck_assert_uint_eq(logged("C_Login"), 1);
	ck_assert_uint_eq(logged("C_Finalize"), 1);
	outcome_free(o);
}
END_TEST

START_TEST(CD_07_a_copy_of_us_that_the_module_made_is_told_so) {
	struct token_rules *rules = calloc(1, sizeof(*rules));
	void *kind = NULL;
	int status = 1;
	pid_t pid;
	int r;

	script("%s", ONE_CARD "call C_Initialize 1 forks-out\n");
	cards_rules(rules, TEST_SCRIPTED_PKCS11);
	pid = fork();
	if (pid == 0) {
		pid_t ours = getpid();

		r = token_kind_pkcs11.open(rules, &kind);
		if (getpid() != ours)
			_exit(r == -ECHILD ? 7 : 8);
		if (r != 0 || wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
			_exit(1);
		token_kind_pkcs11.close(kind);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	free(rules);
}
END_TEST

static const struct {
	const char *why;
	const char *script;
	const char *at;
	int signal;
} ends[] = {
	{ "CD-29 C_Initialize hangs", ONE_CARD "call C_Initialize 1 hangs\n", "C_Initialize",
	  SIGKILL },
	{ "C_Login hangs", ONE_CARD "call C_Login 1 hangs\n", "C_Login", SIGKILL },
	{ "C_Sign hangs", ONE_CARD "call C_Sign 1 hangs\n", "C_Sign", SIGKILL },
	{ "C_Sign crashes", ONE_CARD "call C_Sign 1 crashes\n", NULL, 0 },
	{ "C_Login ends the process", ONE_CARD "call C_Login 1 exits 0\n", NULL, 0 },
};

START_TEST(a_process_that_is_lost_harms_no_other) {
	struct plan plan = { .pin = PIN, .kill_at = ends[_i].at, .kill_after_calls = 1 };
	struct outcome *o;

	script("%s", ends[_i].script);
	o = play(&plan);
	ck_assert_msg(o->signed_ == TOKEN_N_ERRORS, "%s: came back", ends[_i].why);
	ck_assert_msg(!o->is_signed, "%s", ends[_i].why);
	ck_assert_msg(!ends[_i].signal ||
			      (WIFSIGNALED(o->status) && WTERMSIG(o->status) == SIGKILL),
		      "%s: ended with %x", ends[_i].why, (unsigned)o->status);
	outcome_free(o);
	script("%s", ONE_CARD);
	o = play(&(struct plan){ .pin = PIN });
	ended_well(o, ends[_i].why);
	ck_assert_int_eq(o->signed_, TOKEN_OK);
	outcome_free(o);
}
END_TEST

START_TEST(CD_32_nothing_is_printed_and_no_pin_is_written) {
	char path[CARDS_PATH + 8];
	struct stat st;
	struct outcome *o;
	int kept[2] = { dup(1), dup(2) };
	int fd;

	(void)snprintf(path, sizeof(path), "%s/said", world.folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert(fd >= 0 && kept[0] >= 0 && kept[1] >= 0);
	script("%s", ONE_CARD "call C_Sign 1 returns CKR_GENERAL_ERROR\n");
	(void)fflush(NULL);
	(void)dup2(fd, 1);
	(void)dup2(fd, 2);
	o = play(&(struct plan){ .pin = PIN, .again = true });
	(void)dup2(kept[0], 1);
	(void)dup2(kept[1], 2);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert_int_eq(o->signed_, TOKEN_BROKEN);
	ck_assert_int_eq(o->signed_again, TOKEN_OK);
	ck_assert(o->pin_wiped);
	ck_assert_ptr_null(memmem(o, sizeof(*o), PIN, strlen(PIN)));
	outcome_free(o);
	(void)close(fd);
	(void)close(kept[0]);
	(void)close(kept[1]);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("card cases");
	TCase *t = tcase_create("scripted");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, the_card_answers_as_it_should, 0, (int)ARRAY_SIZE(cases));
	tcase_add_test(t, CD_24_a_pad_is_given_no_pin);
	tcase_add_test(t, CD_25_the_second_question_is_for_this_signature);
	tcase_add_test(t, a_pin_with_a_nul_is_not_cut_there);
	tcase_add_test(t, CD_21_the_warning_is_on_the_candidate);
	tcase_add_test(t, CD_21_no_warning_no_last_try);
	tcase_add_test(t, CD_14_of_two_cards_the_one_that_was_chosen_signs);
	tcase_add_test(t, CD_14_of_two_certificates_the_one_that_was_chosen_signs);
	tcase_add_test(t, CD_14_a_card_that_was_exchanged_gets_no_pin);
	tcase_add_test(t, more_certificates_than_there_is_room_lose_the_authorities);
	tcase_add_loop_test(t, a_card_at_another_seats_reader_is_not_seen, 0,
			    (int)ARRAY_SIZE(seats));
	tcase_add_test(t, CD_12_a_name_that_was_cut_is_everybodys_it_may_be);
	tcase_add_test(t, CD_07_the_child_of_a_fork_never_uses_the_module);
	tcase_add_test(t, CD_07_a_copy_of_us_that_the_module_made_is_told_so);
	tcase_add_loop_test(t, a_process_that_is_lost_harms_no_other, 0, (int)ARRAY_SIZE(ends));
	tcase_add_test(t, CD_32_nothing_is_printed_and_no_pin_is_written);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_cards_suite(suite(), false);
}
