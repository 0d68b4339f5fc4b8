/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FD-18, FD-19, FD-20: every function of libfido2 that the helper calls, at every call of
 * a whole job, fails in several ways, works and says that it failed, or lies
 *
 * A whole job is: open, look, sign or make, close. The key and libfido2 are real; the
 * test stands between the helper and the library. At every end: somebody is proved only
 * by a signature over this job's own digest, the PIN was given once at most, nothing is
 * left open, no answer is left by a job that failed, and the next job works.
 */
#include <check.h>
#include <fido.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/key-world.h"
#include "tokens/fido2.h"
#include "tokens/verify.h"

/* What a function answers with: how it can fail. */
enum shape { AS_ERROR, AS_POINTER, AS_LENGTH, AS_YES, AS_NUMBER, AS_TRIES, AS_LIST, N_SHAPES };

struct way {
	enum shape shape;
	const char *words;
	long value;
	bool is_done; /* it has been done all the same                               */
	bool is_lie;  /* nothing says that it failed                                  */
};

static const struct way ways[] = {
	{ AS_ERROR, "says that nothing could be sent", FIDO_ERR_TX, false, false },
	{ AS_ERROR, "says that nothing came", FIDO_ERR_RX, false, false },
	{ AS_ERROR, "says internal", FIDO_ERR_INTERNAL, false, false },
	{ AS_ERROR, "says that nobody touched it", FIDO_ERR_USER_ACTION_TIMEOUT, false, false },
	{ AS_ERROR, "says that the PIN is wrong", FIDO_ERR_PIN_INVALID, false, false },
	{ AS_ERROR, "says that there is no credential", FIDO_ERR_NO_CREDENTIALS, false, false },
	{ AS_ERROR, "says what nobody knows", 0x7d, false, false },
	{ AS_ERROR, "works and says that nothing came", FIDO_ERR_RX, true, false },
	{ AS_ERROR, "does nothing and says ok", FIDO_OK, false, true },
	{ AS_POINTER, "gives nothing", 0, false, false },
	{ AS_LENGTH, "is empty", 0, false, true },
	{ AS_LENGTH, "is one", 1, false, true },
	{ AS_LENGTH, "is longer than memory", -1, false, true },
	{ AS_YES, "says the opposite", 0, false, true },
	{ AS_NUMBER, "says zero", 0, false, true },
	{ AS_NUMBER, "says what nobody knows", -65535, false, true },
	{ AS_TRIES, "says that nothing came", -2, false, false },
	{ AS_TRIES, "says less than none", -1, false, true },
	{ AS_TRIES, "says none", 0, false, true },
	{ AS_TRIES, "says one", 1, false, true },
	{ AS_TRIES, "says thousands", 4711, false, true },
	{ AS_LIST, "says internal", -2, false, false },
	{ AS_LIST, "has nothing in it", 0, false, true },
	{ AS_LIST, "has more than there is room for", -1, false, true },
};

/* All of them; what only lets go cannot fail, and is counted. */
#define FUNCTIONS(F)                                                                               \
	F(AS_ERROR, int, fido_assert_allow_cred,                                                   \
	  (fido_assert_t * a, const unsigned char *p, size_t n), (a, p, n))                        \
	F(AS_ERROR, int, fido_assert_set_clientdata_hash,                                          \
	  (fido_assert_t * a, const unsigned char *p, size_t n), (a, p, n))                        \
	F(AS_ERROR, int, fido_assert_set_rp, (fido_assert_t * a, const char *id), (a, id))         \
	F(AS_ERROR, int, fido_assert_set_up, (fido_assert_t * a, fido_opt_t up), (a, up))          \
	F(AS_ERROR, int, fido_assert_set_uv, (fido_assert_t * a, fido_opt_t uv), (a, uv))          \
	F(AS_LENGTH, size_t, fido_assert_count, (const fido_assert_t *a), (a))                     \
	F(AS_LENGTH, size_t, fido_assert_id_len, (const fido_assert_t *a, size_t i), (a, i))       \
	F(AS_POINTER, const unsigned char *, fido_assert_id_ptr,                                   \
	  (const fido_assert_t *a, size_t i), (a, i))                                              \
	F(AS_LENGTH, size_t, fido_assert_authdata_len, (const fido_assert_t *a, size_t i), (a, i)) \
	F(AS_POINTER, const unsigned char *, fido_assert_authdata_ptr,                             \
	  (const fido_assert_t *a, size_t i), (a, i))                                              \
	F(AS_LENGTH, size_t, fido_assert_sig_len, (const fido_assert_t *a, size_t i), (a, i))      \
	F(AS_POINTER, const unsigned char *, fido_assert_sig_ptr,                                  \
	  (const fido_assert_t *a, size_t i), (a, i))                                              \
	F(AS_LENGTH, size_t, fido_cbor_info_algorithm_count, (const fido_cbor_info_t *c), (c))     \
	F(AS_NUMBER, int, fido_cbor_info_algorithm_cose, (const fido_cbor_info_t *c, size_t i),    \
	  (c, i))                                                                                  \
	F(AS_ERROR, int, fido_cred_exclude, (fido_cred_t * c, const unsigned char *p, size_t n),   \
	  (c, p, n))                                                                               \
	F(AS_ERROR, int, fido_cred_set_clientdata_hash,                                            \
	  (fido_cred_t * c, const unsigned char *p, size_t n), (c, p, n))                          \
	F(AS_ERROR, int, fido_cred_set_rp, (fido_cred_t * c, const char *id, const char *name),    \
	  (c, id, name))                                                                           \
	F(AS_ERROR, int, fido_cred_set_type, (fido_cred_t * c, int type), (c, type))               \
	F(AS_ERROR, int, fido_cred_set_user,                                                       \
	  (fido_cred_t * c, const unsigned char *p, size_t n, const char *name,                    \
	   const char *display, const char *icon),                                                 \
	  (c, p, n, name, display, icon))                                                          \
	F(AS_ERROR, int, fido_cred_set_uv, (fido_cred_t * c, fido_opt_t uv), (c, uv))              \
	F(AS_POINTER, const char *, fido_cred_fmt, (const fido_cred_t *c), (c))                    \
	F(AS_LENGTH, size_t, fido_cred_x5c_len, (const fido_cred_t *c), (c))                       \
	F(AS_POINTER, const unsigned char *, fido_cred_x5c_ptr, (const fido_cred_t *c), (c))       \
	F(AS_LENGTH, size_t, fido_cred_sig_len, (const fido_cred_t *c), (c))                       \
	F(AS_POINTER, const unsigned char *, fido_cred_sig_ptr, (const fido_cred_t *c), (c))       \
	F(AS_LENGTH, size_t, fido_cred_id_len, (const fido_cred_t *c), (c))                        \
	F(AS_POINTER, const unsigned char *, fido_cred_id_ptr, (const fido_cred_t *c), (c))        \
	F(AS_LENGTH, size_t, fido_cred_authdata_raw_len, (const fido_cred_t *c), (c))              \
	F(AS_POINTER, const unsigned char *, fido_cred_authdata_raw_ptr, (const fido_cred_t *c),   \
	  (c))                                                                                     \
	F(AS_ERROR, int, fido_dev_cancel, (fido_dev_t * d), (d))                                   \
	F(AS_ERROR, int, fido_dev_get_assert,                                                      \
	  (fido_dev_t * d, fido_assert_t * a, const char *pin),                                    \
	  (d, a, pin))                                                                             \
	F(AS_ERROR, int, fido_dev_get_cbor_info, (fido_dev_t * d, fido_cbor_info_t * c), (d, c))   \
	F(AS_ERROR, int, fido_dev_make_cred, (fido_dev_t * d, fido_cred_t * c, const char *pin),   \
	  (d, c, pin))                                                                             \
	F(AS_ERROR, int, fido_dev_set_timeout, (fido_dev_t * d, int ms), (d, ms))                  \
	F(AS_POINTER, const fido_dev_info_t *, fido_dev_info_ptr,                                  \
	  (const fido_dev_info_t *l, size_t i), (l, i))                                            \
	F(AS_POINTER, const char *, fido_dev_info_path, (const fido_dev_info_t *i), (i))           \
	F(AS_POINTER, const char *, fido_dev_info_product_string, (const fido_dev_info_t *i), (i))

#define QUESTIONS(F)                                                                               \
	F(fido_dev_has_pin) F(fido_dev_has_uv) F(fido_dev_supports_pin) F(fido_dev_supports_uv)

#define TRIES(F) F(fido_dev_get_retry_count) F(fido_dev_get_uv_retry_count)

#define ENUMERATE(shape, type, name, declared, given) F_##name,
#define ENUMERATE_ONE(name) F_##name,
enum function {
	FUNCTIONS(ENUMERATE) QUESTIONS(ENUMERATE_ONE) TRIES(ENUMERATE_ONE) F_fido_assert_new,
	F_fido_cred_new,
	F_fido_cbor_info_new,
	F_fido_dev_new,
	F_fido_dev_info_new,
	F_fido_dev_info_manifest,
	F_fido_dev_set_io_functions,
	F_fido_dev_open,
	F_fido_dev_close,
	N_FUNCTIONS,
};

#define DESCRIBE(shape, type, name, declared, given) [F_##name] = { #name, shape },
#define DESCRIBE_QUESTION(name) [F_##name] = { #name, AS_YES },
#define DESCRIBE_TRIES(name) [F_##name] = { #name, AS_TRIES },
static const struct {
	const char *name;
	enum shape shape;
} functions[N_FUNCTIONS] = {
	FUNCTIONS(DESCRIBE) QUESTIONS(DESCRIBE_QUESTION) TRIES(DESCRIBE_TRIES)
	[F_fido_assert_new] = { "fido_assert_new", AS_POINTER },
	[F_fido_cred_new] = { "fido_cred_new", AS_POINTER },
	[F_fido_cbor_info_new] = { "fido_cbor_info_new", AS_POINTER },
	[F_fido_dev_new] = { "fido_dev_new", AS_POINTER },
	[F_fido_dev_info_new] = { "fido_dev_info_new", AS_POINTER },
	[F_fido_dev_info_manifest] = { "fido_dev_info_manifest", AS_LIST },
	[F_fido_dev_set_io_functions] = { "fido_dev_set_io_functions", AS_ERROR },
	[F_fido_dev_open] = { "fido_dev_open", AS_ERROR },
	[F_fido_dev_close] = { "fido_dev_close", AS_ERROR },
};

/* The script: this call of this function, in this way. */
static struct {
	bool is_on; /* the helper works, not the test                                */
	unsigned function;
	unsigned call; /* 0: none                                                    */
	bool for_ever; /* that one and all that follow                               */
	const struct way *way;
	unsigned struck;
	unsigned calls[N_FUNCTIONS];
	long held; /* what was made and not freed                                    */
	long open; /* keys                                                           */
} script;

static struct key_world *w;
static struct key_credential credential;
static const fido_dev_io_t *socket_functions; /* of the helper                       */

static const struct way *strike(unsigned function) {
	unsigned n;

	if (!script.is_on)
		return NULL;
	n = ++script.calls[function];
	if (script.call == 0 || script.function != function || n < script.call ||
	    (n > script.call && !script.for_ever))
		return NULL;
	++script.struck;
	return script.way;
}

#define WRAP(shape, type, name, declared, given)                                                   \
	type __real_##name declared;                                                               \
	type __wrap_##name declared;                                                               \
	type __wrap_##name declared {                                                              \
		const struct way *way = strike(F_##name);                                          \
                                                                                                   \
		if (!way)                                                                          \
			return __real_##name given;                                                \
		if (way->is_done)                                                                  \
			(void)__real_##name given;                                                 \
		return (type)(intptr_t)way->value;                                                 \
	}
FUNCTIONS(WRAP)

#define WRAP_QUESTION(name)                                                                        \
	bool __real_##name(const fido_dev_t *dev);                                                 \
	bool __wrap_##name(const fido_dev_t *dev);                                                 \
	bool __wrap_##name(const fido_dev_t *dev) {                                                \
		return (strike(F_##name) != NULL) != __real_##name(dev);                           \
	}
QUESTIONS(WRAP_QUESTION)

#define WRAP_TRIES(name)                                                                           \
	int __real_##name(fido_dev_t *dev, int *tries);                                            \
	int __wrap_##name(fido_dev_t *dev, int *tries);                                            \
	int __wrap_##name(fido_dev_t *dev, int *tries) {                                           \
		const struct way *way = strike(F_##name);                                          \
                                                                                                   \
		if (!way)                                                                          \
			return __real_##name(dev, tries);                                          \
		if (!way->is_lie)                                                                  \
			return FIDO_ERR_RX;                                                        \
		*tries = (int)way->value;                                                          \
		return FIDO_OK;                                                                    \
	}
TRIES(WRAP_TRIES)

#define WRAP_NEW(type, name, declared, given)                                                      \
	type *__real_##name##_new declared;                                                        \
	type *__wrap_##name##_new declared;                                                        \
	type *__wrap_##name##_new declared {                                                       \
		type *made = strike(F_##name##_new) ? NULL : __real_##name##_new given;            \
                                                                                                   \
		script.held += made ? 1 : 0;                                                       \
		return made;                                                                       \
	}
WRAP_NEW(fido_assert_t, fido_assert, (void), ())
WRAP_NEW(fido_cred_t, fido_cred, (void), ())
WRAP_NEW(fido_cbor_info_t, fido_cbor_info, (void), ())
WRAP_NEW(fido_dev_t, fido_dev, (void), ())
WRAP_NEW(fido_dev_info_t, fido_dev_info, (size_t n), (n))

#define WRAP_FREE(type, name, declared, given)                                                     \
	void __real_##name##_free declared;                                                        \
	void __wrap_##name##_free declared;                                                        \
	void __wrap_##name##_free declared {                                                       \
		script.held -= p && *p ? 1 : 0;                                                    \
		__real_##name##_free given;                                                        \
	}
WRAP_FREE(fido_assert_t, fido_assert, (fido_assert_t * *p), (p))
WRAP_FREE(fido_cred_t, fido_cred, (fido_cred_t * *p), (p))
WRAP_FREE(fido_cbor_info_t, fido_cbor_info, (fido_cbor_info_t * *p), (p))
WRAP_FREE(fido_dev_t, fido_dev, (fido_dev_t * *p), (p))
WRAP_FREE(fido_dev_info_t, fido_dev_info, (fido_dev_info_t * *p, size_t n), (p, n))

/* There is no USB here: the list has the key that is behind the first socket. */
int __wrap_fido_dev_info_manifest(fido_dev_info_t *list, size_t n, size_t *ret_n);
int __wrap_fido_dev_info_manifest(fido_dev_info_t *list, size_t n, size_t *ret_n) {
	const struct way *way = strike(F_fido_dev_info_manifest);

	if (way && !way->is_lie)
		return FIDO_ERR_INTERNAL;
	ck_assert_int_eq(fido_dev_info_set(list, 0, w->path[0], "nobody", "virtual",
					   socket_functions, NULL),
			 FIDO_OK);
	*ret_n = way ? (size_t)way->value : 1;
	return FIDO_OK;
}

int __real_fido_dev_set_io_functions(fido_dev_t *dev, const fido_dev_io_t *io);
int __wrap_fido_dev_set_io_functions(fido_dev_t *dev, const fido_dev_io_t *io);
int __wrap_fido_dev_set_io_functions(fido_dev_t *dev, const fido_dev_io_t *io) {
	const struct way *way = strike(F_fido_dev_set_io_functions);
	int r = way && !way->is_done ? FIDO_OK : __real_fido_dev_set_io_functions(dev, io);

	socket_functions = io;
	return way ? (int)way->value : r;
}

int __real_fido_dev_open(fido_dev_t *dev, const char *path);
int __real_fido_dev_close(fido_dev_t *dev);

/* One that says that it is not open leaves nothing open. */
int __wrap_fido_dev_open(fido_dev_t *dev, const char *path);
int __wrap_fido_dev_open(fido_dev_t *dev, const char *path) {
	const struct way *way = strike(F_fido_dev_open);
	int r;

	if (way && !way->is_done)
		return (int)way->value;
	if (w->rules.readers[0].kind == READER_USB_KEY)
		(void)__real_fido_dev_set_io_functions(dev, socket_functions);
	r = __real_fido_dev_open(dev, path);
	if (!way) {
		script.open += r == FIDO_OK ? 1 : 0;
		return r;
	}
	(void)__real_fido_dev_close(dev);
	return (int)way->value;
}

/* It is closed, whatever is said of it. */
int __wrap_fido_dev_close(fido_dev_t *dev);
int __wrap_fido_dev_close(fido_dev_t *dev) {
	const struct way *way = strike(F_fido_dev_close);
	int r = __real_fido_dev_close(dev);

	script.open -= r == FIDO_OK ? 1 : 0;
	return way ? (int)way->value : r;
}

/* --- a job -------------------------------------------------------------------- */

enum verb { SIGNS, MAKES };

static const struct job {
	const char *why;
	enum verb verb;
	const char *tell; /* the key, before                                          */
	const char *pin;
	bool is_usb;
	enum token_error expect;
	const char *mend; /* the key, before it has to work                           */
} jobs[] = {
	{ "signs with a PIN", SIGNS, "clear", PIN, false, TOKEN_OK },
	{ "signs with a finger", SIGNS, "feature uv on", NULL, false, TOKEN_OK },
	{ "signs with a wrong PIN", SIGNS, "clear", "8642", false, TOKEN_PIN_WRONG },
	{ "has no PIN", SIGNS, "set-pin", PIN, false, TOKEN_PIN_UNSET, "set-pin " PIN },
	{ "signs on USB", SIGNS, "clear", PIN, true, TOKEN_OK },
	{ "makes a credential", MAKES, "clear", PIN, false, TOKEN_OK },
	{ "makes one with an attestation", MAKES, "attest certificate", PIN, false, TOKEN_OK },
};

static void begin(void) {
	memset(&script, 0, sizeof(script));
	w = key_world_new();
	w->rules.n_readers = 1;
	key_world_tell(w, 1, "unplug");
	key_world_enrol(w, 0);
	ck_assert_int_eq(key_enrol(&w->rules.security_key, &w->made, w->digest, &credential,
				   &(struct key_proof){ 0 }),
			 TOKEN_FAULT_NONE);
	token_kind_fido2.close(w->kind);
	w->kind = NULL;
}

static void end(void) {
	script.is_on = false;
	w = key_world_free(w);
}

/* Open, look, sign or make, close; while the script is on. */
static enum token_error work(const struct job *job, const char *pin) {
	struct token_credentials before = w->look.credentials;
	enum token_error error;

	ck_assert_int_eq(RAND_bytes(w->digest, sizeof(w->digest)), 1);
	memset(&w->answer, 0, sizeof(w->answer));
	memset(script.calls, 0, sizeof(script.calls));
	script.struck = 0;
	script.held = 0;
	script.open = 0;
	if (job->verb == MAKES) {
		/* There is room for so many on it. */
		key_world_tell(w, 0, "reset");
		key_world_tell(w, 0, "set-pin " PIN);
		memset(&w->look.credentials, 0, sizeof(w->look.credentials));
		w->look.credentials.n = 0;
	}
	script.is_on = true;
	error = key_world_look(w);
	if (error == TOKEN_OK && job->verb == MAKES) {
		/* Something that this key does not hold is not to be on it. */
		w->look.credentials.n = 1;
		w->look.credentials.list[0].n = 32;
		error = key_world_make(w, 0, pin);
	} else if (error == TOKEN_OK) {
		error = key_world_sign(w, w->found.candidates[0].index, pin);
	}
	token_kind_fido2.close(w->kind);
	script.is_on = false;
	w->kind = NULL;
	w->look.credentials = before;
	return error;
}

/* By the engine's own eyes: a signature over this job's digest. */
static bool is_proved(const struct job *job) {
	struct key_proof proof;
	struct key_credential made;

	if (job->verb == MAKES)
		return key_enrol(&w->rules.security_key, &w->answer, w->digest, &made, &proof) ==
			       TOKEN_FAULT_NONE &&
		       proof.proved == TOKEN_YES;
	if (key_verify(&w->rules.security_key, &credential, &w->answer, w->digest, &proof) !=
		    TOKEN_FAULT_NONE ||
	    proof.proved != TOKEN_YES)
		return false;
	credential.counter = proof.counter;
	return true;
}

static bool is_empty(const struct token_answer *answer) {
	static const struct token_answer nothing;

	return memcmp(answer, &nothing, sizeof(nothing)) == 0;
}

static void set_job(const struct job *job) {
	key_world_tell(w, 0, job->tell);
	w->rules.readers[0].kind = job->is_usb ? READER_USB_KEY : READER_KEY_SOCKET;
}

/* With nothing in its way. */
static void the_job_works(const struct job *job, const char *after) {
	const char *pin = job->expect == TOKEN_OK ? job->pin : PIN;
	enum token_error error;

	script.call = 0;
	if (job->mend)
		key_world_tell(w, 0, job->mend);
	error = work(job, pin);
	ck_assert_msg(error == TOKEN_OK, "%s, after %s: %u", job->why, after, error);
	ck_assert_msg(is_proved(job), "%s, after %s: not proved", job->why, after);
	ck_assert_msg(script.held == 0 && script.open == 0, "%s: %ld held, %ld open", job->why,
		      script.held, script.open);
}

static void one_fault(const struct job *job, unsigned function, unsigned call,
		      const struct way *way) {
	const char *name = functions[function].name;
	unsigned pins = key_world_count(w, 0, "pins");
	enum token_error error;
	char what[200];

	script.function = function;
	script.call = call;
	script.way = way;
	(void)snprintf(what, sizeof(what), "%s: %s %u %s%s", job->why, name, call, way->words,
		       script.for_ever ? " from then on" : "");
	key_world_tell(w, 0, job->tell);
	error = work(job, job->pin);
	ck_assert_msg(script.struck > 0, "%s: it did not strike", what);
	ck_assert_msg(error < TOKEN_N_ERRORS && token_error_message(error), "%s: no word: %u", what,
		      error);
	ck_assert_msg(script.held == 0 && script.open == 0, "%s: %ld held, %ld open", what,
		      script.held, script.open);
	ck_assert_msg(key_world_count(w, 0, "pins") <= pins + 1, "%s: PIN given again", what);
	if (error == TOKEN_OK) {
		bool proved = is_proved(job);

		ck_assert_msg(!proved || job->expect == TOKEN_OK, "%s: signed with it", what);
		/* Only a lie of the library makes the helper believe that it has a signature. */
		ck_assert_msg(proved || way->is_lie, "%s: ok without a signature", what);
	} else {
		ck_assert_msg(is_empty(&w->answer), "%s: an answer is left", what);
	}
	the_job_works(job, what);
}

static void every_way(const struct job *job, unsigned function, unsigned calls) {
	for (unsigned call = 1; call <= calls; ++call)
		for (size_t i = 0; i < ARRAY_SIZE(ways); ++i)
			if (ways[i].shape == functions[function].shape)
				one_fault(job, function, call, &ways[i]);
}

static void count_calls(const struct job *job, unsigned ret_calls[N_FUNCTIONS]) {
	script.call = 0;
	key_world_tell(w, 0, job->tell);
	ck_assert_int_eq(work(job, job->pin), job->expect);
	memcpy(ret_calls, script.calls, sizeof(script.calls));
	if (job->expect == TOKEN_OK)
		ck_assert_msg(is_proved(job), "%s", job->why);
}

static void play(const struct job *job) {
	unsigned calls[N_FUNCTIONS];
	unsigned n = 0;

	set_job(job);
	the_job_works(job, "nothing");
	count_calls(job, calls);
	for (unsigned f = 0; f < N_FUNCTIONS; ++f) {
		n += calls[f];
		every_way(job, f, calls[f]);
	}
	ck_assert_msg(n > 15, "%s: only %u calls", job->why, n);
}

START_TEST(FD_18_each_call_fails_in_turn_and_nothing_is_proved_without_a_signature) {
	play(&jobs[_i]);
}
END_TEST

START_TEST(FD_18_each_call_fails_from_then_on_and_nothing_is_proved_without_a_signature) {
	script.for_ever = true;
	play(&jobs[_i]);
}
END_TEST

/* What is wrapped is all that is called; what no job reaches would prove nothing. */
START_TEST(every_function_is_reached_by_some_job) {
	unsigned reached[N_FUNCTIONS] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(jobs); ++i) {
		unsigned calls[N_FUNCTIONS];

		set_job(&jobs[i]);
		count_calls(&jobs[i], calls);
		key_world_tell(w, 0, "feature uv off");
		key_world_tell(w, 0, "attest self");
		for (unsigned f = 0; f < N_FUNCTIONS; ++f)
			reached[f] += calls[f];
		if (jobs[i].expect != TOKEN_OK)
			the_job_works(&jobs[i], "a wrong PIN");
	}
	/* Asked only of a key that cannot even have a PIN. */
	w->look.credentials.n = 0;
	key_world_tell(w, 0, "feature pin off");
	script.is_on = true;
	memset(script.calls, 0, sizeof(script.calls));
	ck_assert_int_eq(key_world_look(w), TOKEN_UNSUPPORTED);
	script.is_on = false;
	for (unsigned f = 0; f < N_FUNCTIONS; ++f)
		ck_assert_msg(reached[f] + script.calls[f] > 0, "%s is never called",
			      functions[f].name);
}
END_TEST

static const char *const sources[] = { "tokens/fido2.c", "tokens/fido2-device.c" };

/* A call that is written tomorrow has to fail here, too. */
START_TEST(every_function_that_the_sources_call_is_in_the_table) {
	static const char lets_go[] = " fido_init fido_assert_free fido_cred_free fido_cbor_info_free "
				      "fido_dev_free fido_dev_info_free ";
	static char text[65536];
	char path[512], name[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, sources[_i]);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	(void)fclose(f);
	for (const char *at = text; (at = strstr(at, "fido_")); ++at) {
		size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
		bool known = at[n] != '('; /* a type                                   */

		ck_assert_uint_lt(n + 2, sizeof(name));
		for (unsigned i = 0; i < N_FUNCTIONS; ++i)
			known |= strlen(functions[i].name) == n &&
				 memcmp(functions[i].name, at, n) == 0;
		(void)snprintf(name, sizeof(name), " %.*s ", (int)n, at);
		ck_assert_msg(known || strstr(lets_go, name), "%s is not made to fail", name);
	}
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("fido2-calls");
	TCase *t = tcase_create("call");
	int n = (int)ARRAY_SIZE(jobs);

	tcase_add_checked_fixture(t, begin, end);
	tcase_set_timeout(t, 280);
	tcase_add_test(t, every_function_is_reached_by_some_job);
	tcase_add_loop_test(t, every_function_that_the_sources_call_is_in_the_table, 0,
			    ARRAY_SIZE(sources));
	tcase_add_loop_test(
		t, FD_18_each_call_fails_in_turn_and_nothing_is_proved_without_a_signature, 0, n);
	tcase_add_loop_test(
		t, FD_18_each_call_fails_from_then_on_and_nothing_is_proved_without_a_signature, 0,
		n);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return key_world_run(suite());
}
