/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From a real token to a proof: SoftHSM in a real helper, with its limits and its
 * filter, and the engine's verifier at the other end of the socket
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/tokens/cards.h"
#include "tokens/helper.h"
#include "tokens/speech.h"
#include "tokens/verify.h"

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define PIN     "123456"

static struct {
	struct token_rules rules;
	struct speech speech;
	struct card_proof proof;
	uint8_t buffer[LIMIT_FRAME];
	int fd;
	pid_t pid;
	int32_t opened;
} job;

static void start(const char *module, const char *environment) {
	int pair[2];
	int told[2];

	memset(&job, 0, sizeof(job));
	cards_rules(&job.rules, module);
	job.rules.smartcard.min_rsa_bits = 2048;
	(void)snprintf(job.rules.smartcard.environment[0], TOKEN_ENVIRONMENT_TEXT, "%.250s",
		       environment);
	job.rules.smartcard.n_environment = 1;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(pipe(told), 0);
	(void)fflush(NULL);
	job.pid = fork();
	ck_assert_int_ge(job.pid, 0);
	if (job.pid == 0) {
		const struct helper_setup setup = {
			.rules = &job.rules,
			.factor = CW_FACTOR_SMARTCARD,
			.job_fd = pair[1],
			.opened_fd = told[1],
		};
		_exit(helper_main(&setup));
	}
	(void)close(pair[1]);
	(void)close(told[1]);
	ck_assert_int_eq(read(told[0], &job.opened, sizeof(job.opened)), sizeof(job.opened));
	(void)close(told[0]);
	job.fd = pair[0];
}

static void end(void) {
	int status = 1;

	(void)close(job.fd);
	ck_assert_int_eq(waitpid(job.pid, &status, 0), job.pid);
	ck_assert_int_eq(status, 0);
}

static enum speech_kind ask(size_t n, const char *verb) {
	enum speech_kind kind = SPEECH_NONE;

	ck_assert_int_eq(send(job.fd, job.buffer, n, MSG_NOSIGNAL), (ssize_t)n);
	speech_sent(&job.speech, verb);
	while (kind == SPEECH_NONE) {
		ssize_t got = recv(job.fd, job.buffer, sizeof(job.buffer), 0);

		ck_assert_int_gt(got, 0);
		ck_assert_int_eq(speech_take(&job.speech, job.buffer, (size_t)got, &kind), 0);
	}
	return kind;
}

static enum speech_kind look(void) {
	static const struct token_look wanted = { .factor = CW_FACTOR_SMARTCARD, .seats = 1 };

	return ask(speech_look(job.buffer, &wanted), "look");
}

static enum speech_kind sign(const char *name, const char *pin) {
	struct token_sign wanted = { .candidate = UINT32_MAX };

	for (uint32_t i = 0; i < job.speech.found.n; ++i) {
		const struct token_candidate *c = &job.speech.found.candidates[i];

		if (is_certificate(c->certificate, c->n_certificate, name))
			wanted.candidate = c->index;
	}
	ck_assert_uint_ne(wanted.candidate, UINT32_MAX);
	memcpy(wanted.digest, cards_digest, sizeof(wanted.digest));
	(void)secret_set(&wanted.pin, pin, strlen(pin));
	return ask(speech_sign(job.buffer, &wanted), "sign");
}

static size_t load(const char *name, uint8_t *bytes, size_t n) {
	char path[CARDS_PATH + 32];
	FILE *f;
	size_t got;

	(void)snprintf(path, sizeof(path), "%s/%s", world.ca, name);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	got = fread(bytes, 1, n, f);
	(void)fclose(f);
	ck_assert_uint_lt(got, n);
	return got;
}

/* As the engine does it: 2026, with the authorities and the list of mid. */
static enum token_fault prove(void) {
	static const struct moment now = { .wall_ms = 1767225600000, .trust = CLOCK_TRUSTED };
	static uint8_t authorities[8192];
	static uint8_t lists[2][8192];
	struct trust_file chain = { "chain.pem", authorities,
				    load("chain.pem", authorities, sizeof(authorities)) };
	struct trust_file list[] = {
		{ "good.crl", lists[0], load("good.crl", lists[0], sizeof(lists[0])) },
		{ "root.crl", lists[1], load("root.crl", lists[1], sizeof(lists[1])) },
	};
	struct trust *trust = NULL;
	char message[256];
	enum token_fault fault;

	ck_assert_int_eq(trust_new(&job.rules.smartcard, &chain, 1, NULL, message, &trust), 0);
	ck_assert_int_eq(trust_set_lists(trust, list, 2, message), 2);
	fault = card_verify(&job.rules.smartcard, trust, NULL, &job.speech.answer, cards_digest,
			    &now, &job.proof);
	(void)trust_free(trust);
	return fault;
}

static void start_softhsm(void) {
	char environment[CARDS_PATH + 64];

	(void)snprintf(environment, sizeof(environment), "SOFTHSM2_CONF=%s/hsm/softhsm2.conf",
		       world.folder);
	ck_assert_uint_lt(strlen(environment), TOKEN_ENVIRONMENT_TEXT);
	start(SOFTHSM, environment);
	ck_assert_int_eq(job.opened, 0);
}

static const char *const keys[] = { "nurse-ec", "nurse-rsa", "p384" };

START_TEST(a_card_in_the_helper_proves_its_certificate_to_the_engine) {
	start_softhsm();
	ck_assert_int_eq(look(), SPEECH_FOUND);
	ck_assert_int_eq(sign(keys[_i], PIN), SPEECH_ANSWER);
	ck_assert(is_certificate(job.speech.answer.certificate, job.speech.answer.n_certificate,
				 keys[_i]));
	ck_assert_msg(prove() == TOKEN_FAULT_NONE, "%s: %s", keys[_i],
		      token_fault_text(job.proof.fault));
	ck_assert_uint_eq(job.proof.proved, TOKEN_YES);
	/* The same answer proves nothing about anything else. */
	job.speech.answer.signature[job.speech.answer.n_signature - 1] ^= 1;
	ck_assert_int_eq(prove(), TOKEN_FAULT_SIGNATURE);
	ck_assert_uint_ne(job.proof.proved, TOKEN_YES);
	end();
}
END_TEST

START_TEST(a_wrong_pin_in_the_helper_is_told) {
	start_softhsm();
	ck_assert_int_eq(look(), SPEECH_FOUND);
	ck_assert_int_eq(sign("nurse-ec", "999999"), SPEECH_FAILED);
	ck_assert_int_eq(job.speech.error, TOKEN_PIN_WRONG);
	ck_assert_uint_eq(job.speech.tries_left, TRIES_UNKNOWN);
	end();
}
END_TEST

START_TEST(CD_28_the_helper_has_no_environment_but_that_of_the_site) {
	/* Ours names the tokens; the site's does not: there is none. */
	start(SOFTHSM, "LANG=C");
	ck_assert_ptr_nonnull(getenv("SOFTHSM2_CONF"));
	ck_assert_int_eq(look(), SPEECH_FAILED);
	end();
}
END_TEST

START_TEST(CD_03_a_helper_without_its_module_says_so) {
	start("/usr/lib/no-such-module.so", "LANG=C");
	ck_assert_int_lt(job.opened, 0);
	ck_assert_int_eq(look(), SPEECH_FAILED);
	ck_assert_int_eq(job.speech.error, TOKEN_MODULE);
	end();
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("card helper");
	TCase *t = tcase_create("whole way");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_card_in_the_helper_proves_its_certificate_to_the_engine, 0,
			    (int)ARRAY_SIZE(keys));
	tcase_add_test(t, a_wrong_pin_in_the_helper_is_told);
	tcase_add_test(t, CD_28_the_helper_has_no_environment_but_that_of_the_site);
	tcase_add_test(t, CD_03_a_helper_without_its_module_says_so);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_cards_suite(suite(), true);
}
