/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "common/cleanup.h"
#include "tokens/trust.h"

#define SECURITY_LEVEL 2 /* 112 bits                                                 */

DEFINE_CLEANUP(BIO *, BIO_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)

static inline void trust_freep(struct trust **trust) {
	(void)trust_free(*trust);
}

int trust_refuse(char message[TRUST_MESSAGE], const char *file, const char *what) {
	(void)snprintf(message, TRUST_MESSAGE, "%.120s: %.120s", file ? file : "", what);
	return -EINVAL;
}

/* -ENOMEM where OpenSSL ran out of memory; else a refusal. */
static int refuse_openssl(char message[TRUST_MESSAGE], const char *file, const char *what) {
	if (fault_of_openssl(TOKEN_FAULT_FORM) == TOKEN_FAULT_DEVICE)
		return -ENOMEM;
	return trust_refuse(message, file, what);
}

/*
 * Making
 */

/* What is wrong with an authority by itself; NULL: nothing. */
static const char *judge_authority(X509 *certificate, uint32_t min_rsa_bits) {
	cleanup_(public_key_close) struct public_key key = { 0 };
	uint32_t flags = X509_get_extension_flags(certificate);
	struct serial serial;

	if ((flags & EXFLAG_INVALID) != 0)
		return "a certificate with extensions that make no sense";
	if ((flags & EXFLAG_CRITICAL) != 0)
		return "a certificate with a critical extension that is not known here";
	if ((flags & EXFLAG_CA) == 0 || X509_check_ca(certificate) != 1)
		return "a certificate that is not an authority's";
	if (!serial_of(X509_get0_serialNumber(certificate), &serial))
		return "a certificate without a usable serial number";
	if (!certificate_digest_is_strong(certificate))
		return "a certificate signed by a weak algorithm";
	if (certificate_key(certificate, min_rsa_bits, &key) != TOKEN_FAULT_NONE)
		return "a certificate with a weak key";
	return NULL;
}

/* Takes a reference where it keeps it. */
static int add_authority(struct trust *trust, struct anchors *anchors, X509 *certificate,
			 const char *file, char message[TRUST_MESSAGE]) {
	const char *wrong = judge_authority(certificate, trust->rules->min_rsa_bits);
	int is_root;

	if (wrong)
		return refuse_openssl(message, file, wrong);
	if (trust->n_authorities == TRUST_AUTHORITIES_MAX)
		return trust_refuse(message, file, "more than 64 authorities");
	is_root = X509_self_signed(certificate, 1);
	if (is_root < 0)
		return refuse_openssl(message, file, "a certificate that cannot be checked");
	if (is_root ? X509_STORE_add_cert(anchors->store, certificate) != 1
		    : X509_add_cert(anchors->intermediates, certificate, X509_ADD_FLAG_UP_REF) != 1)
		return -ENOMEM;
	anchors->n_roots += is_root ? 1 : 0;
	if (X509_up_ref(certificate) != 1)
		return -ENOMEM;
	trust->authorities[trust->n_authorities++] = certificate;
	return 0;
}

/* Never asks at a terminal. */
static int no_password(char *buffer, int size, int writing, void *userdata) {
	return -1;
}

static int add_pem(struct trust *trust, struct anchors *anchors, BIO *bio, const char *file,
		   char message[TRUST_MESSAGE]) {
	unsigned long e;

	for (unsigned n = 0;; ++n) {
		cleanup_(X509_freep) X509 *certificate =
			PEM_read_bio_X509(bio, NULL, no_password, NULL);
		int r;

		if (!certificate) {
			e = ERR_peek_last_error();
			if (ERR_GET_LIB(e) == ERR_LIB_PEM &&
			    ERR_GET_REASON(e) == PEM_R_NO_START_LINE && n > 0) {
				ERR_clear_error();
				return 0;
			}
			return refuse_openssl(message, file, "not a certificate");
		}
		r = add_authority(trust, anchors, certificate, file, message);
		if (r < 0)
			return r;
	}
}

static int add_file(struct trust *trust, struct anchors *anchors, const struct trust_file *file,
		    char message[TRUST_MESSAGE]) {
	cleanup_(X509_freep) X509 *certificate = NULL;
	cleanup_(BIO_freep) BIO *bio = NULL;
	const uint8_t *at = file->bytes;

	if (file->n == 0 || file->n > INT_MAX)
		return trust_refuse(message, file->name, "empty, or too long");
	/* DER begins with a SEQUENCE; what else there is begins with text. */
	if (file->bytes[0] == 0x30) {
		certificate = d2i_X509(NULL, &at, (long)file->n);
		if (!certificate || at != file->bytes + file->n)
			return refuse_openssl(message, file->name, "not a certificate");
		return add_authority(trust, anchors, certificate, file->name, message);
	}
	bio = BIO_new_mem_buf(file->bytes, (int)file->n);
	if (!bio)
		return -ENOMEM;
	return add_pem(trust, anchors, bio, file->name, message);
}

static int open_anchors(struct trust *trust, struct anchors *anchors,
			const struct trust_file *files, size_t n, char message[TRUST_MESSAGE]) {
	/* No default paths: nobody is believed whom no file names. */
	anchors->store = X509_STORE_new();
	anchors->intermediates = sk_X509_new_null();
	if (!anchors->store || !anchors->intermediates)
		return -ENOMEM;
	for (size_t i = 0; i < n; ++i) {
		int r = add_file(trust, anchors, &files[i], message);

		if (r < 0)
			return r;
	}
	if (anchors->n_roots == 0)
		return trust_refuse(message, n > 0 ? files[0].name : "authorities",
				    "no root: none of the certificates is signed by itself");
	return 0;
}

int trust_new(const struct smartcard_rules *rules, const struct trust_file *authorities,
	      size_t n_authorities, const struct trust_file *service, char *ret_message,
	      struct trust **ret_trust) {
	cleanup_(trust_freep) struct trust *trust = calloc(1, sizeof(*trust));
	int r = 0;

	ERR_clear_error();
	if (!trust)
		return -ENOMEM;
	trust->rules = rules;
	/* A maker's authority alone is enough for who only lets service in by card. */
	if (n_authorities > 0 || !service)
		r = open_anchors(trust, &trust->site, authorities, n_authorities, ret_message);
	if (r == 0 && service)
		r = open_anchors(trust, &trust->service, service, 1, ret_message);
	if (r < 0) {
		ERR_clear_error();
		return r;
	}
	*ret_trust = trust;
	trust = NULL;
	return 0;
}

static void close_anchors(struct anchors *anchors) {
	X509_STORE_free(anchors->store);
	sk_X509_pop_free(anchors->intermediates, X509_free);
}

struct trust *trust_free(struct trust *trust) {
	if (!trust)
		return NULL;
	close_anchors(&trust->site);
	close_anchors(&trust->service);
	for (size_t i = 0; i < trust->n_authorities; ++i)
		X509_free(trust->authorities[i]);
	for (size_t i = 0; i < trust->n_lists; ++i)
		revocations_end(&trust->lists[i]);
	free(trust);
	return NULL;
}

/*
 * Checking
 */

/* What OpenSSL says, in our words; anything else is TOKEN_FAULT_CHAIN. */
static const struct {
	int error;
	enum token_fault fault;
} errors[] = {
	{ X509_V_ERR_CERT_NOT_YET_VALID, TOKEN_FAULT_VALIDITY },
	{ X509_V_ERR_CERT_HAS_EXPIRED, TOKEN_FAULT_VALIDITY },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, TOKEN_FAULT_VALIDITY },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, TOKEN_FAULT_VALIDITY },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, TOKEN_FAULT_WEAK },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, TOKEN_FAULT_WEAK },
	{ X509_V_ERR_CA_MD_TOO_WEAK, TOKEN_FAULT_WEAK },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, TOKEN_FAULT_USAGE },
	{ X509_V_ERR_INVALID_PURPOSE, TOKEN_FAULT_USAGE },
	{ X509_V_ERR_OUT_OF_MEM, TOKEN_FAULT_DEVICE },
	{ X509_V_ERR_UNSPECIFIED, TOKEN_FAULT_DEVICE },
	{ X509_V_ERR_INVALID_CALL, TOKEN_FAULT_DEVICE },
	{ X509_V_ERR_STORE_LOOKUP, TOKEN_FAULT_DEVICE },
};

static enum token_fault fault_of(int error) {
	for (size_t i = 0; i < ARRAY_SIZE(errors); ++i)
		if (errors[i].error == error)
			return errors[i].fault;
	return TOKEN_FAULT_CHAIN;
}

static enum token_fault find_chain(const struct anchors *anchors, X509_STORE_CTX *ctx,
				   X509 *certificate, const struct moment *now) {
	X509_VERIFY_PARAM *param;

	if (!ctx ||
	    X509_STORE_CTX_init(ctx, anchors->store, certificate, anchors->intermediates) != 1)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	param = X509_STORE_CTX_get0_param(ctx);
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT) != 1)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_time(param, (time_t)seconds_of(now->wall_ms));
	if (X509_verify_cert(ctx) != 1)
		return fault_of_openssl(fault_of(X509_STORE_CTX_get_error(ctx)));
	return TOKEN_FAULT_NONE;
}

/* From the card up to, and without, its root: nobody revokes a root but the site. */
static enum token_fault check_links(const struct trust *trust, STACK_OF(X509) * chain,
				    const struct moment *now, struct card_proof *proof) {
	enum token_fault fault = TOKEN_FAULT_NONE;
	int n = sk_X509_num(chain);

	if (n < 2)
		return TOKEN_FAULT_CHAIN;
	for (int i = 0; i + 1 < n && fault == TOKEN_FAULT_NONE; ++i) {
		X509 *issuer = sk_X509_value(chain, i + 1);

		fault = certificate_may_issue(issuer);
		if (fault == TOKEN_FAULT_NONE)
			fault = revocations_check(trust, sk_X509_value(chain, i), issuer, now,
						  proof);
	}
	return fault;
}

static enum token_fault check_with(const struct trust *trust, const struct anchors *anchors,
				   X509 *certificate, const struct moment *now,
				   struct card_proof *proof) {
	cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum token_fault fault;

	if (!anchors->store)
		return TOKEN_FAULT_CHAIN;
	fault = find_chain(anchors, ctx, certificate, now);
	if (fault == TOKEN_FAULT_NONE && !certificate_digest_is_strong(certificate))
		fault = TOKEN_FAULT_WEAK;
	if (fault == TOKEN_FAULT_NONE)
		fault = certificate_is_for_people(certificate);
	if (fault == TOKEN_FAULT_NONE)
		fault = check_links(trust, X509_STORE_CTX_get0_chain(ctx), now, proof);
	return fault;
}

enum token_fault trust_check(const struct trust *trust, X509 *certificate, const struct moment *now,
			     struct card_proof *proof) {
	enum token_fault fault = check_with(trust, &trust->site, certificate, now, proof);
	enum token_fault second;

	if (fault != TOKEN_FAULT_CHAIN || !trust->rules->service)
		return fault;
	second = check_with(trust, &trust->service, certificate, now, proof);
	proof->by_service = second == TOKEN_FAULT_NONE;
	return second;
}
