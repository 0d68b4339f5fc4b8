/* SPDX-License-Identifier: Apache-2.0 */

/* The form of the file: magic, salt, nonce, AES-256-GCM of a signed list. */

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "auth/approval.h"
#include "auth/layout.h"
#include "auth/token-file.h"
#include "auth/token-row.h"

#define MAGIC 8u
#define NONCE 12u
#define TAG 16u
#define SIGNATURE 64u
#define HEAD (MAGIC + TOKEN_FILE_SALT + NONCE)
#define PASSPHRASE_MIN 12u
#define FORMAT 1u

static const uint8_t magic[MAGIC] = "CWTOKENS";
static const char domain[] = "careward tokens 1";

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

/*
 * The key
 */

int token_file_job(const struct secret *passphrase, const uint8_t salt[TOKEN_FILE_SALT],
		   struct password_job *ret_job) {
	int r;

	explicit_bzero(ret_job, sizeof(*ret_job));
	r = password_prepare(passphrase, &ret_job->candidate);
	if (r < 0 || ret_job->candidate.n < PASSPHRASE_MIN) {
		secret_wipe(&ret_job->candidate);
		return -EINVAL;
	}
	ret_job->kind = PASSWORD_JOB_MAKE;
	/* The least memory that any device has for hashing, so that all get the same key. */
	ret_job->cost = (struct argon2_cost){ .memory_kib = 19456, .passes = 8, .lanes = 1 };
	memcpy(ret_job->salt, salt, TOKEN_FILE_SALT);
	return 0;
}

int token_file_salt(const uint8_t *file, size_t n, uint8_t ret_salt[TOKEN_FILE_SALT]) {
	if (n <= HEAD + TAG || n > TOKEN_FILE_MAX || memcmp(file, magic, MAGIC) != 0)
		return -EBADMSG;
	memcpy(ret_salt, file + MAGIC, TOKEN_FILE_SALT);
	return 0;
}

/*
 * Sealing. The head is authenticated with the rest.
 */

static int seal(const uint8_t key[32], uint8_t *file, size_t n_plain) {
	cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *p = file + HEAD;
	int n = 0, last = 0;

	if (!ctx ||
	    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, file + HEAD - NONCE) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, file, HEAD) != 1 ||
	    EVP_EncryptUpdate(ctx, p, &n, p, (int)n_plain) != 1 ||
	    EVP_EncryptFinal_ex(ctx, p + n, &last) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, p + n_plain) != 1)
		return -EIO;
	return 0;
}

static int unseal(const uint8_t key[32], uint8_t *file, size_t n) {
	cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t n_plain = n - HEAD - TAG;
	uint8_t *p = file + HEAD;
	int done = 0, last = 0;

	if (!ctx ||
	    EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, file + HEAD - NONCE) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &done, file, HEAD) != 1 ||
	    EVP_DecryptUpdate(ctx, p, &done, p, (int)n_plain) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, p + n_plain) != 1)
		return -EIO;
	if (EVP_DecryptFinal_ex(ctx, p + n_plain, &last) == 1)
		return 0;
	explicit_bzero(p, n_plain);
	return -EKEYREJECTED;
}

/*
 * Signing: SHA-256 of the domain, its NUL, and the list
 */

static int digest_of(const uint8_t *p, size_t n, uint8_t ret_digest[32]) {
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();

	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(hash, domain, sizeof(domain)) != 1 ||
	    EVP_DigestUpdate(hash, p, n) != 1 || EVP_DigestFinal_ex(hash, ret_digest, NULL) != 1)
		return -EIO;
	return 0;
}

static int sign(const uint8_t seed[32], const uint8_t *p, size_t n, uint8_t *ret_signature) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n_signature = SIGNATURE;
	uint8_t digest[32];
	int r = digest_of(p, n, digest);

	if (r < 0)
		return r;
	if (!key || !ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, ret_signature, &n_signature, digest, sizeof(digest)) != 1)
		return -EIO;
	return n_signature == SIGNATURE ? 0 : -EIO;
}

static int verify(const uint8_t public_key[32], const uint8_t *p, size_t n,
		  const uint8_t *signature) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[32];
	int r = digest_of(p, n, digest);

	if (r < 0)
		return r;
	if (!key || !ctx || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return -EIO;
	return EVP_DigestVerify(ctx, signature, SIGNATURE, digest, sizeof(digest)) == 1 ? 0
											 : -EBADMSG;
}

/*
 * Writing
 */

struct writing {
	struct store *store;
	struct layout_writer w;
	const struct account *account;
	uint32_t n;
};

static int put_token(const struct token *token, void *userdata) {
	struct writing *writing = userdata;
	struct layout_writer *w = &writing->w;
	uint8_t plain[TOKEN_PLAIN_MAX];
	size_t n;

	if (token->factor == CW_FACTOR_CODE)
		return 0;
	if (writing->n >= TOKEN_FILE_RECORDS)
		return -E2BIG;
	n = token_encode(token, plain);
	layout_put_text(w, writing->account->person, sizeof(writing->account->person));
	layout_put_text(w, writing->account->name, sizeof(writing->account->name));
	layout_put8(w, token->disabled ? AUTHENTICATOR_DISABLED : AUTHENTICATOR_ENABLED);
	layout_put_blob(w, plain, n);
	explicit_bzero(plain, sizeof(plain));
	++writing->n;
	return n == 0 ? -EBADMSG : w->failed ? -E2BIG : 0;
}

/* Nobody who has left, and nothing of an account that is not believed. */
static int put_account(const struct account *account, void *userdata) {
	struct writing *writing = userdata;

	if (account->state != ACCOUNT_ENABLED && account->state != ACCOUNT_DISABLED)
		return 0;
	writing->account = account;
	return token_list(writing->store, account->number, put_token, writing);
}

static int put_head(struct store *store, const struct moment *now, struct layout_writer *w,
		    struct token_file *head) {
	struct journal_head journal;
	int r;

	store_device_id(store, head->device);
	head->wall_ms = now->wall_ms;
	r = approval_public_key(store, head->key);
	if (r == 0)
		r = journal_head(store, &journal);
	if (r < 0)
		return r;
	head->generation = journal.seq; /* each export is an entry: the next is greater */
	layout_put8(w, FORMAT);
	layout_put(w, head->device, sizeof(head->device));
	layout_put(w, head->key, sizeof(head->key));
	layout_put64(w, head->generation);
	layout_put64(w, (uint64_t)head->wall_ms);
	return 0;
}

int token_file_write(struct store *store, const struct moment *now, const uint8_t key[32],
		     const uint8_t salt[TOKEN_FILE_SALT], const uint8_t nonce[12],
		     uint8_t *ret_file, size_t *ret_n, struct token_file *ret_head) {
	struct writing writing = {
		.store = store,
		.w = { .p = ret_file + HEAD, .capacity = TOKEN_FILE_MAX - HEAD - SIGNATURE - TAG },
	};
	struct token_file head = { 0 };
	uint8_t seed[32];
	size_t at_count;
	int r;

	memcpy(ret_file, magic, MAGIC);
	memcpy(ret_file + MAGIC, salt, TOKEN_FILE_SALT);
	memcpy(ret_file + MAGIC + TOKEN_FILE_SALT, nonce, NONCE);
	r = put_head(store, now, &writing.w, &head);
	at_count = writing.w.n;
	layout_put32(&writing.w, 0);
	if (r == 0)
		r = account_list(store, 0, UINT32_MAX, put_account, &writing);
	if (r < 0 || writing.w.failed)
		return r < 0 ? r : -E2BIG;
	head.n = writing.n;
	put_le32(writing.w.p + at_count, head.n);
	r = approval_seed(store, seed);
	if (r == 0)
		r = sign(seed, writing.w.p, writing.w.n, writing.w.p + writing.w.n);
	explicit_bzero(seed, sizeof(seed));
	if (r == 0)
		r = seal(key, ret_file, writing.w.n + SIGNATURE);
	if (r < 0)
		return r;
	*ret_n = HEAD + writing.w.n + SIGNATURE + TAG;
	*ret_head = head;
	return 0;
}

/*
 * Reading
 */

static int get_record(struct layout_reader *r, struct token_record *ret_record) {
	uint8_t state;
	uint32_t n;

	layout_get_text(r, ret_record->person, sizeof(ret_record->person));
	layout_get_text(r, ret_record->name, sizeof(ret_record->name));
	state = layout_get8(r);
	n = layout_get32(r);
	if (r->failed || n > r->n || token_decode(r->p, n, &ret_record->token) < 0)
		return -EBADMSG;
	r->p += n;
	r->n -= n;
	if ((state != AUTHENTICATOR_ENABLED && state != AUTHENTICATOR_DISABLED) ||
	    ret_record->token.factor == CW_FACTOR_CODE)
		return -EBADMSG;
	ret_record->token.disabled = state == AUTHENTICATOR_DISABLED;
	return 0;
}

static int get_head(struct layout_reader *r, struct token_file *head) {
	if (layout_get8(r) != FORMAT)
		return -EBADMSG;
	layout_get(r, head->device, sizeof(head->device));
	layout_get(r, head->key, sizeof(head->key));
	head->generation = layout_get64(r);
	head->wall_ms = (int64_t)layout_get64(r);
	head->n = layout_get32(r);
	return r->failed || head->n > TOKEN_FILE_RECORDS ? -EBADMSG : 0;
}

/* What token_file_open() leaves: the length of the list, then the list. */
static struct layout_reader list_of(const uint8_t *file) {
	return (struct layout_reader){ .p = file + HEAD, .n = get_le32(file) };
}

int token_file_each(const uint8_t *file, int (*each)(const struct token_record *record, void *data),
		    void *data) {
	struct layout_reader reader = list_of(file);
	struct token_file head = { 0 };
	int r = get_head(&reader, &head);

	for (uint32_t i = 0; r == 0 && i < head.n; ++i) {
		cleanup_(token_record_wipe) struct token_record record = { 0 };

		r = get_record(&reader, &record);
		if (r == 0 && each)
			r = each(&record, data);
	}
	return r != 0 ? r : layout_is_done(&reader) ? 0 : -EBADMSG;
}

int token_file_open(const uint8_t key[32], uint8_t *file, size_t n, struct token_file *ret_head) {
	uint8_t salt[TOKEN_FILE_SALT];
	struct layout_reader reader;
	struct token_file head = { 0 };
	size_t n_list;
	int r = token_file_salt(file, n, salt);

	if (r < 0 || n < HEAD + SIGNATURE + TAG)
		return -EBADMSG;
	r = unseal(key, file, n);
	if (r < 0)
		return r;
	n_list = n - HEAD - TAG - SIGNATURE;
	put_le32(file, (uint32_t)n_list);
	reader = list_of(file);
	r = get_head(&reader, &head);
	if (r == 0)
		r = verify(head.key, file + HEAD, n_list, file + HEAD + n_list);
	if (r == 0)
		r = token_file_each(file, NULL, NULL);
	if (r < 0)
		return r;
	*ret_head = head;
	return 0;
}
