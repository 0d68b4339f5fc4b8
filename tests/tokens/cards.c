/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tokens/cards.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_LSAN 1
#endif
#endif
#ifdef WITH_LSAN
#include <sanitizer/lsan_interface.h>
#else
static int __lsan_do_recoverable_leak_check(void) {
	return 0;
}
#endif

#define EXIT_LEAK 23

extern char **environ;

struct cards_world world;

const uint8_t cards_digest[32] = "this digest is signed by cards.";

/* Runs a program. Return: its status, 0 is good. */
static int run(const char *const *argv) {
	char *arguments[8] = { NULL };
	int status = -1;
	pid_t pid;

	for (size_t i = 0; argv[i]; ++i)
		arguments[i] = strdup(argv[i]);
	if (posix_spawn(&pid, argv[0], NULL, NULL, arguments, environ) == 0)
		(void)waitpid(pid, &status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(arguments); ++i)
		free(arguments[i]);
	return status;
}

static bool world_make(bool with_softhsm) {
	char here[CARDS_PATH / 2];
	char hsm[CARDS_PATH + 32];

	if (!getcwd(here, sizeof(here)))
		return false;
	(void)snprintf(world.folder, sizeof(world.folder), "%s/cards-test-XXXXXX", here);
	if (!mkdtemp(world.folder))
		return false;
	(void)snprintf(world.ca, sizeof(world.ca), "%.300s/ca", world.folder);
	(void)snprintf(world.script, sizeof(world.script), "%.300s/script", world.folder);
	(void)snprintf(world.log, sizeof(world.log), "%.300s/log", world.folder);
	(void)snprintf(world.present, sizeof(world.present), "%.300s/present", world.folder);
	(void)setenv("CAREWARD_SCRIPTED_PKCS11", world.script, 1);
	if (run((const char *[]){ TEST_FIXTURES "/make-ca", world.ca, NULL }) != 0)
		return false;
	(void)snprintf(hsm, sizeof(hsm), "%s/hsm", world.folder);
	if (with_softhsm &&
	    run((const char *[]){ TEST_FIXTURES "/make-softhsm", hsm, world.ca, NULL }) != 0)
		return false;
	(void)snprintf(hsm, sizeof(hsm), "%s/hsm/softhsm2.conf", world.folder);
	(void)setenv("SOFTHSM2_CONF", hsm, 1);
	return true;
}

static void world_drop(void) {
	if (world.folder[0] != '\0')
		(void)run((const char *[]){ "/bin/rm", "-rf", world.folder, NULL });
}

int run_cards_suite(Suite *suite, bool with_softhsm) {
	SRunner *runner = srunner_create(suite);
	int failed = 1;

	if (world_make(with_softhsm)) {
		srunner_set_tap(runner, "-");
		srunner_run_all(runner, CK_SILENT);
		failed = srunner_ntests_failed(runner);
	} else {
		(void)fprintf(stderr, "the cards of this test cannot be made\n");
	}
	srunner_free(runner);
	world_drop();
	return failed == 0 ? 0 : 1;
}

void cards_rules(struct token_rules *rules, const char *module) {
	memset(rules, 0, sizeof(*rules));
	rules->smartcard.on = true;
	ck_assert_uint_lt(strlen(module), sizeof(rules->smartcard.module));
	memcpy(rules->smartcard.module, module, strlen(module) + 1);
	rules->n_readers = 1;
	rules->readers[0] = (struct reader_rules){ .kind = READER_PCSC, .seats = 1 };
}

void script(const char *text, ...) {
	char filled[4096];
	va_list arguments;
	FILE *f = fopen(world.script, "we");

	ck_assert_ptr_nonnull(f);
	va_start(arguments, text);
	ck_assert_int_lt(vsnprintf(filled, sizeof(filled), text, arguments), (int)sizeof(filled));
	va_end(arguments);
	(void)fprintf(f, "log %s\n", world.log);
	for (const char *p = filled; *p != '\0'; ++p) {
		if (*p == '@')
			(void)fputs(world.ca, f);
		else
			(void)fputc(*p, f);
	}
	ck_assert_int_eq(fclose(f), 0);
	(void)unlink(world.log);
}

unsigned logged(const char *words) {
	FILE *f = fopen(world.log, "re");
	size_t n = strlen(words);
	char line[256];
	unsigned count = 0;

	while (f && fgets(line, sizeof(line), f))
		count += strncmp(line, words, n) == 0 && (line[n] == ' ' || line[n] == '\n');
	if (f)
		(void)fclose(f);
	return count;
}

bool logged_line(const char *wanted) {
	FILE *f = fopen(world.log, "re");
	char line[256];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found |= strncmp(line, wanted, strlen(wanted)) == 0 && line[strlen(wanted)] == '\n';
	if (f)
		(void)fclose(f);
	return found;
}

bool answer_is_signed(const struct token_answer *answer, const uint8_t digest[32]) {
	const uint8_t *p = answer->certificate;
	X509 *x = d2i_X509(NULL, &p, (long)answer->n_certificate);
	EVP_PKEY *key = x ? X509_get_pubkey(x) : NULL;
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	bool good;

	good = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
	       EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
	       EVP_PKEY_verify(ctx, answer->signature, answer->n_signature, digest, 32) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	X509_free(x);
	return good;
}

bool is_certificate(const uint8_t *certificate, size_t n, const char *name) {
	char path[CARDS_PATH + 64];
	uint8_t bytes[TOKEN_CERTIFICATE_MAX];
	FILE *f;
	size_t got;

	(void)snprintf(path, sizeof(path), "%s/%s.der", world.ca, name);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	got = fread(bytes, 1, sizeof(bytes), f);
	(void)fclose(f);
	return got == n && memcmp(bytes, certificate, n) == 0;
}

static bool is_wiped(const struct secret *secret) {
	for (size_t i = 0; i < sizeof(*secret); ++i) {
		if (((const uint8_t *)secret)[i] != 0)
			return false;
	}
	return true;
}

static void sign_once(const struct plan *plan, void *kind, struct outcome *o, bool again) {
	struct token_sign sign = { .candidate = plan->candidate };
	const struct token_talk talk = { 0 };
	uint32_t tries = 0;
	enum token_error error;
	bool good;

	memcpy(sign.digest, cards_digest, sizeof(sign.digest));
	if (plan->pin)
		(void)secret_set(&sign.pin, plan->pin,
				 plan->n_pin ? plan->n_pin : strlen(plan->pin));
	error = token_kind_pkcs11.sign(kind, &sign, &talk, &o->answer, &tries);
	good = error == TOKEN_OK && answer_is_signed(&o->answer, cards_digest);
	if (again) {
		o->signed_again = error;
		o->is_signed_again = good;
		return;
	}
	o->signed_ = error;
	o->is_signed = good;
	o->tries = tries;
	o->pin_wiped = is_wiped(&sign.pin);
}

static void play_inside(const struct plan *plan, struct outcome *o) {
	static const struct token_look look = { .factor = CW_FACTOR_SMARTCARD, .seats = 1 };
	struct token_rules *rules = calloc(1, sizeof(*rules));
	void *kind = NULL;

	cards_rules(rules, plan->module ? plan->module : TEST_SCRIPTED_PKCS11);
	o->opened = token_kind_pkcs11.open(rules, &kind);
	if (o->opened == 0)
		o->looked = token_kind_pkcs11.look(kind, &look, &o->found);
	if (o->opened == 0 && o->looked == TOKEN_OK && plan->between)
		plan->between(kind);
	if (o->opened == 0 && o->looked == TOKEN_OK)
		sign_once(plan, kind, o, false);
	if (plan->before_again)
		plan->before_again();
	if (plan->again || !plan->again_without_close) {
		token_kind_pkcs11.close(kind);
		kind = NULL;
	}
	if (plan->again)
		o->opened_again = token_kind_pkcs11.open(rules, &kind);
	if (kind)
		o->looked_again = token_kind_pkcs11.look(kind, &look, &o->found);
	if (kind && o->looked_again == TOKEN_OK)
		sign_once(plan, kind, o, true);
	token_kind_pkcs11.close(kind);
	free(rules);
}

/* Until the log has the call; or the process has ended without it. */
static void wait_for_log(const struct plan *plan, pid_t pid) {
	const struct timespec pause = { .tv_nsec = 2000000 };
	siginfo_t ended = { .si_pid = 0 };

	while (logged(plan->kill_at) < plan->kill_after_calls && ended.si_pid == 0) {
		(void)nanosleep(&pause, NULL);
		(void)waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT);
	}
}

struct outcome *play(const struct plan *plan) {
	struct outcome *o =
		mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	ck_assert_ptr_ne(o, MAP_FAILED);
	*o = (struct outcome){ .opened = 1,
			       .looked = TOKEN_N_ERRORS,
			       .signed_ = TOKEN_N_ERRORS,
			       .opened_again = 1,
			       .looked_again = TOKEN_N_ERRORS,
			       .signed_again = TOKEN_N_ERRORS };
	(void)fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		play_inside(plan, o);
		_exit(__lsan_do_recoverable_leak_check() ? EXIT_LEAK : 0);
	}
	if (plan->kill_at) {
		wait_for_log(plan, pid);
		(void)kill(pid, SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &o->status, 0), pid);
	return o;
}

void outcome_free(struct outcome *o) {
	(void)munmap(o, sizeof(*o));
}
