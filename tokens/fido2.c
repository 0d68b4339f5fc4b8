/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security keys, by libfido2
 *
 * The handle of a key that was looked at is the one that signs: a PIN that was
 * typed for the key on the screen is never given to another one that has been
 * plugged into its place.
 */
#include "tokens/fido2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define COSE_ES256_ID (-7)
#define COSE_EDDSA_ID (-8)
#define PIN_MIN 4u  /* bytes; fewer are no PIN of CTAP                             */
#define PIN_MAX 63u
#define TRIES_MAX 8u /* of CTAP: fewer left, and a wrong one was given             */
#define DEADLINE_MS 10000u
#define ALGORITHMS_MAX 64u /* that one key says it has                              */
#define GONE_MS 250 /* in which a key that is there says what it is                 */

struct fido2_kind {
	struct token_rules rules;
	struct token_credentials credentials; /* of the last look                   */
	struct fido2_devices devices;
	bool pin_given; /* to a key, by this process: there is no second time          */
};

static inline void assert_freep(fido_assert_t **it) {
	fido_assert_free(it);
}

static inline void cred_freep(fido_cred_t **it) {
	fido_cred_free(it);
}

static inline void info_freep(fido_cbor_info_t **it) {
	fido_cbor_info_free(it);
}

/* What one step may take: less than its deadline, so that the key can still be told. */
static int step_ms(const struct fido2_kind *kind) {
	uint32_t ms = kind->rules.deadline_ms;

	if (ms == 0 || ms > 600000)
		ms = DEADLINE_MS;
	return (int)(ms - ms / 8);
}

static int kind_open(const struct token_rules *rules, void **ret_kind) {
	struct fido2_kind *kind;

	if (!rules->security_key.on || rules->security_key.rp[0] == 0 ||
	    !memchr(rules->security_key.rp, 0, sizeof(rules->security_key.rp)))
		return -EINVAL;
	kind = calloc(1, sizeof(*kind));
	if (!kind)
		return -ENOMEM;
	kind->rules = *rules;
	/* A key that fails to say what it is does not become one of the older protocol. */
	fido_init(FIDO_DISABLE_U2F_FALLBACK);
	*ret_kind = kind;
	return 0;
}

static void kind_close(void *p) {
	struct fido2_kind *kind = p;

	if (!kind)
		return;
	fido2_devices_close(&kind->devices);
	free(kind);
}

/* --- looking --------------------------------------------------------------- */

/* Nothing is copied unless there is something, and all of it. */
static bool copy(const uint8_t *p, size_t n, uint8_t *ret_p, size_t max, size_t *ret_n) {
	if (!p || n == 0 || n > max)
		return false;
	memcpy(ret_p, p, n);
	*ret_n = n;
	return true;
}

static bool allow_all(fido_assert_t *assert, const struct token_credentials *credentials) {
	for (uint32_t i = 0; i < credentials->n && i < TOKEN_CREDENTIALS_MAX; ++i) {
		size_t n = credentials->list[i].n;

		if (n == 0 || n > TOKEN_CREDENTIAL_MAX ||
		    fido_assert_allow_cred(assert, credentials->list[i].id, n) != FIDO_OK)
			return false;
	}
	return true;
}

/*
 * Is one of the credentials on this key? Asked without touch and for a hash of
 * nothing: the answer proves nobody's presence, and is thrown away.
 */
static enum token_error may_have(const struct fido2_kind *kind, struct fido2_device *device) {
	static const uint8_t nothing[32];
	cleanup_(assert_freep) fido_assert_t *assert = fido_assert_new();
	enum token_error error;
	int r;

	if (kind->credentials.n == 0)
		return TOKEN_OK; /* looked at to make a new one                           */
	if (!assert || !allow_all(assert, &kind->credentials) ||
	    fido_assert_set_rp(assert, kind->rules.security_key.rp) != FIDO_OK ||
	    fido_assert_set_clientdata_hash(assert, nothing, sizeof(nothing)) != FIDO_OK ||
	    fido_assert_set_up(assert, FIDO_OPT_FALSE) != FIDO_OK)
		return TOKEN_BROKEN;
	r = fido_dev_get_assert(device->dev, assert, NULL);
	if (r == FIDO_OK && fido_assert_count(assert) > 0)
		(void)copy(fido_assert_id_ptr(assert, 0), fido_assert_id_len(assert, 0),
			   device->credential, sizeof(device->credential), &device->n_credential);
	error = fido2_error(r);
	/* Any other answer is that of a key which does not say it without a touch. */
	return error == TOKEN_NO_CREDENTIAL || error == TOKEN_REMOVED || error == TOKEN_BUSY ?
		       error :
		       TOKEN_OK;
}

/* What keeps a key from what the site asks of it. */
static enum token_error can_verify(const struct fido2_kind *kind, const fido_dev_t *dev) {
	if (kind->rules.security_key.verification == KEY_VERIFY_NEVER)
		return TOKEN_OK;
	if (fido_dev_has_pin(dev) || fido_dev_has_uv(dev))
		return TOKEN_OK;
	return fido_dev_supports_pin(dev) || fido_dev_supports_uv(dev) ? TOKEN_PIN_UNSET :
									 TOKEN_UNSUPPORTED;
}

static uint32_t pin_tries(fido_dev_t *dev) {
	int tries = -1;

	if (!fido_dev_has_pin(dev) || fido_dev_get_retry_count(dev, &tries) != FIDO_OK ||
	    tries < 0 || tries >= (int)TRIES_UNKNOWN)
		return TRIES_UNKNOWN;
	return (uint32_t)tries;
}

/* A finger is still taken: not when too many were wrong. */
static bool has_own_check(fido_dev_t *dev) {
	int tries = 0;

	if (!fido_dev_has_uv(dev))
		return false;
	return fido_dev_get_uv_retry_count(dev, &tries) != FIDO_OK || tries > 0;
}

static void describe(const struct fido2_kind *kind, uint32_t index, struct token_candidate *it) {
	const struct fido2_device *device = &kind->devices.list[index];

	*it = (struct token_candidate){ .index = index, .tries_left = TRIES_UNKNOWN };
	memcpy(it->reader, device->name, sizeof(it->reader));
	if (kind->rules.security_key.verification == KEY_VERIFY_NEVER)
		return;
	it->needs_pin = true;
	it->has_pad = has_own_check(device->dev);
	it->tries_left = pin_tries(device->dev);
	it->pin_low = it->tries_left < TRIES_MAX;
	it->pin_final = it->tries_left == 1;
	it->pin_locked = it->tries_left == 0 && !it->has_pad;
}

static enum token_error kind_look(void *p, const struct token_look *look,
				  struct token_found *ret_found) {
	struct fido2_kind *kind = p;
	int ms = step_ms(kind);
	enum token_error error, why = TOKEN_NO_CREDENTIAL;
	uint32_t n = 0;

	if (look->credentials.n > TOKEN_CREDENTIALS_MAX)
		return TOKEN_BROKEN;
	kind->credentials = look->credentials;
	fido2_devices_close(&kind->devices);
	/* One that hangs must leave time for the others. */
	error = fido2_devices_open(&kind->rules, look->seats, ms / 4, &kind->devices);
	if (error != TOKEN_OK)
		return error;
	for (uint32_t i = 0; i < kind->devices.n; ++i) {
		struct fido2_device *device = &kind->devices.list[i];

		error = may_have(kind, device);
		if (error == TOKEN_NO_CREDENTIAL)
			continue;
		if (error == TOKEN_OK)
			error = can_verify(kind, device->dev);
		if (error != TOKEN_OK) {
			why = error;
			continue;
		}
		describe(kind, i, &ret_found->candidates[n++]);
		(void)fido_dev_set_timeout(device->dev, ms);
	}
	ret_found->n = n;
	return n > 0 ? TOKEN_OK : why;
}

/* --- signing --------------------------------------------------------------- */

/* How the person is verified: one of the two, or neither. */
struct way {
	const char *pin;
	fido_opt_t uv;
};

/* Ends @pin with a NUL. @way borrows it. */
static enum token_error choose_way(struct fido2_kind *kind, fido_dev_t *dev, bool verify,
				   struct secret *pin, struct way *way) {
	enum token_error error = can_verify(kind, dev);

	*way = (struct way){ .uv = FIDO_OPT_OMIT };
	if (!verify)
		return TOKEN_OK;
	if (error != TOKEN_OK)
		return error;
	if (pin->n == 0) {
		/* TRUE only to a key that has said it can; no key is ever told FALSE. */
		way->uv = FIDO_OPT_TRUE;
		return fido_dev_has_uv(dev) ? TOKEN_OK : TOKEN_PIN_NEEDED;
	}
	if (!fido_dev_has_pin(dev))
		return TOKEN_PIN_UNSET;
	if (pin->n < PIN_MIN || pin->n > PIN_MAX || memchr(pin->bytes, 0, pin->n))
		return TOKEN_PIN_INVALID;
	if (kind->pin_given)
		return TOKEN_BROKEN; /* a second try is a second job                      */
	kind->pin_given = true;
	pin->bytes[pin->n] = 0;
	way->pin = (const char *)pin->bytes;
	return TOKEN_OK;
}

/* libfido2 calls it internal when a key goes away while a PIN is agreed on. */
static bool is_gone(fido_dev_t *dev) {
	cleanup_(info_freep) fido_cbor_info_t *info = fido_cbor_info_new();

	(void)fido_dev_set_timeout(dev, GONE_MS);
	return info && fido2_error(fido_dev_get_cbor_info(dev, info)) == TOKEN_REMOVED;
}

/* After the key has said no: what remains. */
static enum token_error give_up(fido_dev_t *dev, int fido, const struct way *way,
				uint32_t *ret_tries) {
	enum token_error error = fido2_error(fido);
	int tries = 0;

	if (error == TOKEN_PIN_WRONG && !way->pin) {
		if (fido_dev_get_uv_retry_count(dev, &tries) == FIDO_OK && tries >= 0 &&
		    tries < (int)TRIES_UNKNOWN)
			*ret_tries = (uint32_t)tries;
	} else if (error == TOKEN_PIN_WRONG || error == TOKEN_PIN_BLOCKED ||
	           error == TOKEN_PIN_LOCKED) {
		*ret_tries = pin_tries(dev);
	}
	if (fido == FIDO_ERR_INTERNAL && is_gone(dev))
		error = TOKEN_REMOVED;
	return error;
}

/* The data in a CBOR byte string that is all of @p. */
static bool unwrap(const uint8_t *p, size_t n, const uint8_t **ret_p, size_t *ret_n) {
	size_t head = 1, length;

	if (!p || n < 1 || p[0] >> 5 != 2)
		return false;
	length = p[0] & 31u;
	if (length == 24 && n >= 2) {
		head = 2;
		length = p[1];
	} else if (length == 25 && n >= 3) {
		head = 3;
		length = (size_t)p[1] << 8 | p[2];
	} else if (length > 23) {
		return false;
	}
	if (length != n - head)
		return false;
	*ret_p = p + head;
	*ret_n = length;
	return true;
}

static void begin_answer(const struct fido2_device *device, struct token_answer *answer) {
	memset(answer, 0, sizeof(*answer));
	answer->factor = CW_FACTOR_FIDO2;
	memcpy(answer->reader, device->name, sizeof(answer->reader));
}

/* Half an answer is none. */
static enum token_error give_answer(bool whole, struct token_answer *answer) {
	if (whole)
		return TOKEN_OK;
	memset(answer, 0, sizeof(*answer));
	return TOKEN_BROKEN;
}

static bool take_assertion(const struct fido2_device *device, const fido_assert_t *assert,
			   struct token_answer *answer) {
	const uint8_t *id = fido_assert_id_ptr(assert, 0), *data = NULL;
	size_t n_id = fido_assert_id_len(assert, 0), n_data = 0;

	if (fido_assert_count(assert) != 1)
		return false;
	begin_answer(device, answer);
	/* A key may leave out the only one that it was asked for. */
	if (n_id == 0) {
		id = device->credential;
		n_id = device->n_credential;
	}
	return unwrap(fido_assert_authdata_ptr(assert, 0), fido_assert_authdata_len(assert, 0),
		      &data, &n_data) &&
	       copy(id, n_id, answer->credential, sizeof(answer->credential),
		    &answer->n_credential) &&
	       copy(data, n_data, answer->authdata, sizeof(answer->authdata),
		    &answer->n_authdata) &&
	       copy(fido_assert_sig_ptr(assert, 0), fido_assert_sig_len(assert, 0),
		    answer->signature, sizeof(answer->signature), &answer->n_signature);
}

static bool ask_for(const struct fido2_kind *kind, const struct fido2_device *device,
		    const struct token_sign *sign, const struct way *way, fido_assert_t *assert) {
	bool asked = device->n_credential > 0 ?
			     fido_assert_allow_cred(assert, device->credential,
						    device->n_credential) == FIDO_OK :
			     allow_all(assert, &kind->credentials);

	return asked && fido_assert_set_rp(assert, kind->rules.security_key.rp) == FIDO_OK &&
	       fido_assert_set_clientdata_hash(assert, sign->digest, sizeof(sign->digest)) ==
		       FIDO_OK &&
	       fido_assert_set_up(assert, FIDO_OPT_TRUE) == FIDO_OK &&
	       fido_assert_set_uv(assert, way->uv) == FIDO_OK;
}

static void say_touch(const struct token_talk *talk) {
	if (talk && talk->touch)
		talk->touch(talk->userdata);
}

static enum token_error kind_sign(void *p, struct token_sign *sign, const struct token_talk *talk,
				  struct token_answer *ret_answer, uint32_t *ret_tries) {
	struct fido2_kind *kind = p;
	cleanup_(secret_wipe) struct secret pin = sign->pin;
	cleanup_(assert_freep) fido_assert_t *assert = fido_assert_new();
	struct fido2_device *device;
	enum token_error error;
	struct way way;
	int r;

	secret_wipe(&sign->pin);
	*ret_tries = TRIES_UNKNOWN;
	if (sign->candidate >= kind->devices.n || kind->credentials.n == 0 || pin.n > SECRET_MAX ||
	    !assert)
		return TOKEN_BROKEN;
	device = &kind->devices.list[sign->candidate];
	error = choose_way(kind, device->dev, sign->verify_user, &pin, &way);
	if (error != TOKEN_OK)
		return error;
	if (!ask_for(kind, device, sign, &way, assert))
		return TOKEN_BROKEN;
	say_touch(talk);
	r = fido_dev_get_assert(device->dev, assert, way.pin);
	if (r != FIDO_OK)
		return give_up(device->dev, r, &way, ret_tries);
	return give_answer(take_assertion(device, assert, ret_answer), ret_answer);
}

/* --- a new credential ------------------------------------------------------- */

/* Chosen before anything is asked, so that a PIN is not given twice. */
static int choose_algorithm(fido_dev_t *dev) {
	cleanup_(info_freep) fido_cbor_info_t *info = fido_cbor_info_new();
	bool eddsa = false;
	size_t n;

	if (!info || fido_dev_get_cbor_info(dev, info) != FIDO_OK)
		return COSE_ES256_ID; /* every key of the older kind has it               */
	n = fido_cbor_info_algorithm_count(info);
	for (size_t i = 0; i < n && i < ALGORITHMS_MAX; ++i) {
		int cose = fido_cbor_info_algorithm_cose(info, i);

		if (cose == COSE_ES256_ID)
			return cose;
		eddsa |= cose == COSE_EDDSA_ID;
	}
	return eddsa ? COSE_EDDSA_ID : COSE_ES256_ID;
}

static bool describe_new(const struct fido2_kind *kind, fido_dev_t *dev,
			 const struct token_make *make, const struct way *way, fido_cred_t *cred) {
	const char *rp = kind->rules.security_key.rp;

	for (uint32_t i = 0; i < make->exclude.n && i < TOKEN_CREDENTIALS_MAX; ++i)
		if (make->exclude.list[i].n > TOKEN_CREDENTIAL_MAX ||
		    fido_cred_exclude(cred, make->exclude.list[i].id, make->exclude.list[i].n) !=
			    FIDO_OK)
			return false;
	return fido_cred_set_type(cred, choose_algorithm(dev)) == FIDO_OK &&
	       fido_cred_set_clientdata_hash(cred, make->digest, sizeof(make->digest)) == FIDO_OK &&
	       fido_cred_set_rp(cred, rp, rp) == FIDO_OK &&
	       fido_cred_set_user(cred, make->user, sizeof(make->user), make->name, NULL, NULL) ==
		       FIDO_OK &&
	       fido_cred_set_uv(cred, way->uv) == FIDO_OK;
}

static bool take_credential(const struct fido2_device *device, const fido_cred_t *cred,
			    struct token_answer *answer) {
	const char *format = fido_cred_fmt(cred);
	size_t n_x5c = fido_cred_x5c_len(cred), n_sig = fido_cred_sig_len(cred);

	begin_answer(device, answer);
	if (!format || strlen(format) >= sizeof(answer->format))
		return false;
	memcpy(answer->format, format, strlen(format));
	if (n_x5c > 0 && !copy(fido_cred_x5c_ptr(cred), n_x5c, answer->statement,
	                       sizeof(answer->statement), &answer->n_statement))
		return false;
	/* Attestation "none" has no signature. */
	if (n_sig > 0 && !copy(fido_cred_sig_ptr(cred), n_sig, answer->signature,
	                       sizeof(answer->signature), &answer->n_signature))
		return false;
	return copy(fido_cred_id_ptr(cred), fido_cred_id_len(cred), answer->credential,
		    sizeof(answer->credential), &answer->n_credential) &&
	       copy(fido_cred_authdata_raw_ptr(cred), fido_cred_authdata_raw_len(cred),
		    answer->authdata, sizeof(answer->authdata), &answer->n_authdata);
}

static enum token_error kind_make(void *p, struct token_make *make, const struct token_talk *talk,
				  struct token_answer *ret_answer, uint32_t *ret_tries) {
	struct fido2_kind *kind = p;
	cleanup_(secret_wipe) struct secret pin = make->pin;
	cleanup_(cred_freep) fido_cred_t *cred = fido_cred_new();
	struct fido2_device *device;
	enum token_error error;
	struct way way;
	int r;

	secret_wipe(&make->pin);
	*ret_tries = TRIES_UNKNOWN;
	if (make->candidate >= kind->devices.n || pin.n > SECRET_MAX || !cred ||
	    !memchr(make->name, 0, sizeof(make->name)))
		return TOKEN_BROKEN;
	device = &kind->devices.list[make->candidate];
	error = choose_way(kind, device->dev, make->verify_user, &pin, &way);
	if (error != TOKEN_OK)
		return error;
	if (!describe_new(kind, device->dev, make, &way, cred))
		return TOKEN_BROKEN;
	say_touch(talk);
	r = fido_dev_make_cred(device->dev, cred, way.pin);
	if (r != FIDO_OK)
		return give_up(device->dev, r, &way, ret_tries);
	return give_answer(take_credential(device, cred, ret_answer), ret_answer);
}

const struct token_kind token_kind_fido2 = {
	.name = "fido2",
	.factor = CW_FACTOR_FIDO2,
	.open = kind_open,
	.look = kind_look,
	.sign = kind_sign,
	.make = kind_make,
	.close = kind_close,
};
