/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "common/cleanup.h"
#include "tokens/trust.h"

DEFINE_CLEANUP(ASN1_INTEGER *, ASN1_INTEGER_free)
DEFINE_CLEANUP(BIO *, BIO_free)
DEFINE_CLEANUP(CRL_DIST_POINTS *, CRL_DIST_POINTS_free)
DEFINE_CLEANUP(X509_CRL *, X509_CRL_free)

void revocations_end(struct revocations *list) {
	ISSUING_DIST_POINT_free(list->scope);
	ASN1_OCTET_STRING_free(list->scope_bytes);
	free(list->serials);
	*list = (struct revocations){ 0 };
}

/*
 * Reading
 */

static int no_password(char *buffer, int size, int writing, void *userdata) {
	return -1;
}

static X509_CRL *parse(const struct trust_file *file) {
	cleanup_(BIO_freep) BIO *bio = NULL;
	const uint8_t *at = file->bytes;
	X509_CRL *crl;

	if (file->bytes[0] != 0x30) {
		bio = BIO_new_mem_buf(file->bytes, (int)file->n);
		return bio ? PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL) : NULL;
	}
	crl = d2i_X509_CRL(NULL, &at, (long)file->n);
	if (crl && at != file->bytes + file->n) {
		X509_CRL_free(crl);
		return NULL;
	}
	return crl;
}

/* Extensions that say more than a list of numbers, and that we do not understand. */
static const char *judge_extensions(X509_CRL *crl) {
	for (int i = 0; i < X509_CRL_get_ext_count(crl); ++i) {
		X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

		if (nid == NID_delta_crl)
			return "says only what changed: a whole list is needed";
		if (X509_EXTENSION_get_critical(extension) && nid != NID_crl_number &&
		    nid != NID_authority_key_identifier && nid != NID_issuing_distribution_point)
			return "has a critical extension that is not known here";
	}
	return NULL;
}

static const char *judge_digest(const X509_CRL *crl) {
	int digest = NID_undef;

	if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &digest, NULL) != 1 ||
	    (digest != NID_sha256 && digest != NID_sha384 && digest != NID_sha512))
		return "is signed by an algorithm that is not taken";
	return NULL;
}

/* What part of the authority's certificates it speaks of. */
static const char *read_scope(X509_CRL *crl, struct revocations *list) {
	int at = X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1);
	const ISSUING_DIST_POINT *scope;

	if (at < 0)
		return NULL;
	list->scope = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
	list->scope_bytes =
		ASN1_OCTET_STRING_dup(X509_EXTENSION_get_data(X509_CRL_get_ext(crl, at)));
	scope = list->scope;
	if (!scope || !list->scope_bytes)
		return "has a scope that cannot be read";
	if (scope->onlysomereasons || scope->indirectCRL > 0 || scope->onlyattr > 0 ||
	    (scope->distpoint && scope->distpoint->type != 0))
		return "speaks for some reasons or for other authorities only";
	return NULL;
}

static const char *read_head(X509_CRL *crl, struct revocations *list) {
	cleanup_(ASN1_INTEGER_freep) ASN1_INTEGER *number = NULL;

	if (X509_CRL_get_version(crl) != X509_CRL_VERSION_2)
		return "is not of version 2";
	if (!time_to_ms(X509_CRL_get0_lastUpdate(crl), &list->from_ms) ||
	    !time_to_ms(X509_CRL_get0_nextUpdate(crl), &list->to_ms) ||
	    list->to_ms <= list->from_ms)
		return "does not say until when it holds";
	number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	if (number)
		(void)serial_of(number, &list->number);
	return read_scope(crl, list);
}

static bool entry_is_plain(const X509_REVOKED *entry) {
	const STACK_OF(X509_EXTENSION) *extensions = X509_REVOKED_get0_extensions(entry);

	for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i)
		if (X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(extensions, i)))
			return false;
	return true;
}

/* Numbers alone: a hundred bytes of OpenSSL become 21 of ours. */
static const char *read_serials(X509_CRL *crl, struct revocations *list) {
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
	int n = sk_X509_REVOKED_num(entries);

	if (n <= 0)
		return NULL;
	list->serials = calloc((size_t)n, sizeof(*list->serials));
	if (!list->serials)
		return "does not fit into memory";
	for (int i = 0; i < n; ++i) {
		const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);

		if (!entry_is_plain(entry))
			return "has an entry with a critical extension";
		/* A number that none of ours may have needs no place. */
		if (serial_of(X509_REVOKED_get0_serialNumber(entry), &list->serials[list->n]))
			++list->n;
	}
	qsort(list->serials, list->n, sizeof(*list->serials), serial_compare);
	return NULL;
}

/* Which authorities' keys signed it: a name alone proves nothing. */
static uint64_t find_issuers(const struct trust *trust, X509_CRL *crl) {
	uint64_t issuers = 0;

	for (size_t i = 0; i < trust->n_authorities; ++i) {
		X509 *authority = trust->authorities[i];

		if (X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(crl)) ==
			    0 &&
		    (X509_get_key_usage(authority) & KU_CRL_SIGN) != 0 &&
		    X509_CRL_verify(crl, X509_get0_pubkey(authority)) == 1)
			issuers |= (uint64_t)1 << i;
	}
	return issuers;
}

/*
 * Taking
 */

static bool is_same_scope(const struct revocations *a, const struct revocations *b) {
	if (a->issuers != b->issuers || !a->scope_bytes != !b->scope_bytes)
		return false;
	return !a->scope_bytes || ASN1_OCTET_STRING_cmp(a->scope_bytes, b->scope_bytes) == 0;
}

static bool is_older(const struct revocations *list, const struct revocations *than) {
	return list->from_ms < than->from_ms || (list->number.n > 0 && than->number.n > 0 &&
						 serial_compare(&list->number, &than->number) < 0);
}

/* Moves @list into its place. Return: NULL, or what is wrong. */
static const char *keep(struct trust *trust, struct revocations *list) {
	size_t i = 0;

	while (i < trust->n_lists && !is_same_scope(&trust->lists[i], list))
		++i;
	if (i < trust->n_lists && is_older(list, &trust->lists[i]))
		return "is older than the list that it would replace";
	if (i == TRUST_LISTS_MAX)
		return "is one too many";
	if (i == trust->n_lists)
		++trust->n_lists;
	revocations_end(&trust->lists[i]);
	trust->lists[i] = *list;
	*list = (struct revocations){ 0 };
	return NULL;
}

static const char *take(struct trust *trust, const struct trust_file *file) {
	cleanup_(X509_CRL_freep) X509_CRL *crl = NULL;
	cleanup_(revocations_end) struct revocations list = { 0 };
	const char *wrong;

	if (file->n == 0 || file->n > TRUST_LIST_MAX)
		return "is empty, or longer than 64 MiB";
	crl = parse(file);
	if (!crl)
		return "is not a revocation list";
	wrong = judge_digest(crl);
	if (wrong)
		return wrong;
	list.issuers = find_issuers(trust, crl);
	if (list.issuers == 0)
		return "is not signed by any of the authorities";
	wrong = judge_extensions(crl);
	if (!wrong)
		wrong = read_head(crl, &list);
	if (!wrong)
		wrong = read_serials(crl, &list);
	return wrong ? wrong : keep(trust, &list);
}

int trust_set_lists(struct trust *trust, const struct trust_file *lists, size_t n_lists,
		    char *ret_message) {
	int taken = 0, r = 0;

	ERR_clear_error();
	for (size_t i = 0; i < n_lists; ++i) {
		const char *wrong = take(trust, &lists[i]);

		ERR_clear_error();
		if (!wrong)
			++taken;
		else if (r == 0)
			r = trust_refuse(ret_message, lists[i].name, wrong);
	}
	return r < 0 ? r : taken;
}

/*
 * Looking up
 */

static bool names_meet(const GENERAL_NAMES *a, const GENERAL_NAMES *b) {
	for (int i = 0; i < sk_GENERAL_NAME_num(a); ++i)
		for (int k = 0; k < sk_GENERAL_NAME_num(b); ++k)
			if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(a, i),
					     sk_GENERAL_NAME_value(b, k)) == 0)
				return true;
	return false;
}

/* A list for one place of distribution speaks of the certificates that name it. */
static enum token_fault is_at(X509 *certificate, const DIST_POINT_NAME *place, bool *ret_is) {
	cleanup_(CRL_DIST_POINTS_freep) CRL_DIST_POINTS *points = NULL;
	int critical = -1;

	points = X509_get_ext_d2i(certificate, NID_crl_distribution_points, &critical, NULL);
	/* -1: it names none. Anything else that gives nothing could not be read. */
	if (!points && critical != -1)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	for (int i = 0; i < sk_DIST_POINT_num(points); ++i) {
		const DIST_POINT *point = sk_DIST_POINT_value(points, i);

		*ret_is |= point->distpoint && point->distpoint->type == 0 &&
			   names_meet(point->distpoint->name.fullname, place->name.fullname);
	}
	return TOKEN_FAULT_NONE;
}

static enum token_fault speaks_of(const struct revocations *list, X509 *certificate,
				  bool *ret_speaks) {
	bool is_authority = (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
	const ISSUING_DIST_POINT *scope = list->scope;

	*ret_speaks = false;
	if (scope &&
	    ((scope->onlyuser > 0 && is_authority) || (scope->onlyCA > 0 && !is_authority)))
		return TOKEN_FAULT_NONE;
	if (scope && scope->distpoint)
		return is_at(certificate, scope->distpoint, ret_speaks);
	*ret_speaks = true;
	return TOKEN_FAULT_NONE;
}

/* The bit of an authority: chains are made of the very objects that we hold. */
static uint64_t bits_of(const struct trust *trust, const X509 *issuer) {
	uint64_t bits = 0;

	for (size_t i = 0; i < trust->n_authorities; ++i)
		if (trust->authorities[i] == issuer)
			bits |= (uint64_t)1 << i;
	return bits;
}

/* Zero refuses: only the rule that says "record" lets it pass, and it shows. */
static enum token_fault apply(enum revocation_rule rule, enum token_fault fault,
			      bool *ret_recorded) {
	if (rule != REVOCATION_RECORD)
		return fault;
	*ret_recorded = true;
	return TOKEN_FAULT_NONE;
}

enum token_fault revocations_check(const struct trust *trust, X509 *certificate, X509 *issuer,
				   const struct moment *now, struct card_proof *proof) {
	uint64_t bits = bits_of(trust, issuer);
	bool is_known = false, is_fresh = false, speaks;
	enum token_fault fault;
	struct serial serial;

	if (!serial_of(X509_get0_serialNumber(certificate), &serial))
		return TOKEN_FAULT_CHAIN;
	for (size_t i = 0; i < trust->n_lists; ++i) {
		const struct revocations *list = &trust->lists[i];

		if ((list->issuers & bits) == 0)
			continue;
		fault = speaks_of(list, certificate, &speaks);
		if (fault != TOKEN_FAULT_NONE)
			return fault;
		if (!speaks)
			continue;
		if (list->n > 0 &&
		    bsearch(&serial, list->serials, list->n, sizeof(serial), serial_compare))
			return TOKEN_FAULT_REVOKED;
		is_known = true;
		is_fresh |= now->wall_ms < list->to_ms;
	}
	if (!is_known)
		return apply(trust->rules->missing, TOKEN_FAULT_LIST_MISSING, &proof->list_missing);
	if (!is_fresh)
		return apply(trust->rules->stale, TOKEN_FAULT_LIST_STALE, &proof->list_stale);
	return TOKEN_FAULT_NONE;
}
