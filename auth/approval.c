/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "auth/copy.h"
#include "auth/approval.h"
#include "auth/entry.h"
#include "auth/layout.h"
#include "auth/receipt.h"
#include "auth/row.h"

#define KEY_LABEL    "approval key"
#define OWN_LEASE_MS 1000u

/* What is sealed in the row: when and how freshly, and the receipt itself. */
#define PLAIN_MAX  (8u + 1u + APPROVAL_RECEIPT_MAX)
#define SEALED_MAX (PLAIN_MAX + STORE_SEAL_OVERHEAD)

/* A row of `approvals`. */
struct approval_row {
	uint8_t nonce[16];
	int64_t state;
	int64_t account;
	int64_t session;
	int64_t seq;
	size_t n_sealed;
	uint8_t sealed[SEALED_MAX];
	uint8_t mac[32];
};

/* What the sealed column holds. */
struct approval_secret {
	uint64_t reauth_ms;
	uint8_t reauth_assurance;
	size_t n_receipt;
	uint8_t receipt[APPROVAL_RECEIPT_MAX];
};

int approval_seed(struct store *store, uint8_t ret_seed[32]) {
	struct keystore *ks = store_keys(store);

	return ks ? ks->ops->derive(ks, KEY_LABEL, ret_seed) : -EIO;
}

int approval_public_key(struct store *store, uint8_t ret_public_key[32]) {
	uint8_t seed[32];
	int r = approval_seed(store, seed);

	if (r == 0)
		r = receipt_public_key(seed, ret_public_key);
	explicit_bzero(seed, sizeof(seed));
	return r;
}

/*
 * Rows
 */

static int row_mac(struct store *store, const struct approval_row *row, uint8_t ret_mac[32]) {
	uint8_t columns[64 + SEALED_MAX];
	struct layout_writer w = { .p = columns, .capacity = sizeof(columns) };

	layout_put(&w, row->nonce, sizeof(row->nonce));
	layout_put64(&w, (uint64_t)row->state);
	layout_put64(&w, (uint64_t)row->account);
	layout_put64(&w, (uint64_t)row->session);
	layout_put64(&w, (uint64_t)row->seq);
	layout_put_blob(&w, row->sealed, row->n_sealed);
	return w.failed ? -EIO : store_mac(store, "approval row", columns, w.n, ret_mac);
}

#define APPROVAL_COLUMNS "nonce, state, account, session, seq, sealed, mac"

static int row_bind(sqlite3_stmt *stmt, const struct approval_row *row) {
	const int codes[] = {
		sqlite3_bind_blob(stmt, 1, row->nonce, sizeof(row->nonce), SQLITE_STATIC),
		sqlite3_bind_int64(stmt, 2, row->state),
		sqlite3_bind_int64(stmt, 3, row->account),
		sqlite3_bind_int64(stmt, 4, row->session),
		sqlite3_bind_int64(stmt, 5, row->seq),
		sqlite3_bind_blob(stmt, 6, row->sealed, (int)row->n_sealed, SQLITE_STATIC),
		sqlite3_bind_blob(stmt, 7, row->mac, sizeof(row->mac), SQLITE_STATIC),
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); ++i)
		if (codes[i] != SQLITE_OK)
			return -EIO;
	return 0;
}

/* The nonce is the key: a second row of the same nonce is an error. */
static int row_insert(struct store *store, struct approval_row *row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	int r = row_mac(store, row, row->mac);

	if (r == 0)
		r = store_prepare(store,
				  "INSERT INTO approvals (" APPROVAL_COLUMNS
				  ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
				  &stmt);
	if (r == 0)
		r = row_bind(stmt, row);
	return r < 0 ? r : sql_done(stmt);
}

/* From GIVEN to another state, never from any other. Return: 0; -ESTALE; -errno. */
static int row_leave_given(struct store *store, struct approval_row *row,
			   enum approval_state state) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	int r;

	row->state = state;
	r = row_mac(store, row, row->mac);
	if (r < 0)
		return r;
	r = store_prepare(
		store, "UPDATE approvals SET state = ?1, mac = ?2 WHERE nonce = ?3 AND state = ?4",
		&stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, row->state) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 2, row->mac, sizeof(row->mac), SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 3, row->nonce, sizeof(row->nonce), SQLITE_STATIC) !=
		    SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 4, APPROVAL_GIVEN) != SQLITE_OK)
		return -EIO;
	r = sql_done(stmt);
	if (r < 0)
		return r;
	return sqlite3_changes(sqlite3_db_handle(stmt)) == 1 ? 0 : -ESTALE;
}

/* Return: 0; -EBADMSG (length or MAC); -EIO. */
static int row_read(struct store *store, sqlite3_stmt *stmt, struct approval_row *ret_row) {
	struct approval_row row = {
		.state = sqlite3_column_int64(stmt, 1),
		.account = sqlite3_column_int64(stmt, 2),
		.session = sqlite3_column_int64(stmt, 3),
		.seq = sqlite3_column_int64(stmt, 4),
	};
	int n = sqlite3_column_bytes(stmt, 5);
	uint8_t mac[32];
	int r;

	if (sqlite3_column_bytes(stmt, 0) != (int)sizeof(row.nonce) || n <= 0 ||
	    (size_t)n > sizeof(row.sealed) || sqlite3_column_bytes(stmt, 6) != (int)sizeof(row.mac))
		return -EBADMSG;
	memcpy(row.nonce, sqlite3_column_blob(stmt, 0), sizeof(row.nonce));
	row.n_sealed = (size_t)n;
	memcpy(row.sealed, sqlite3_column_blob(stmt, 5), row.n_sealed);
	memcpy(row.mac, sqlite3_column_blob(stmt, 6), sizeof(row.mac));
	r = row_mac(store, &row, mac);
	if (r < 0)
		return r;
	if (!equal_32(mac, row.mac))
		return -EBADMSG;
	*ret_row = row;
	return 0;
}

/* Return: 0; -ENOENT; -EBADMSG; -EIO. */
static int row_load(struct store *store, const uint8_t nonce[16], struct approval_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	int r;

	r = store_prepare(store, "SELECT " APPROVAL_COLUMNS " FROM approvals WHERE nonce = ?1",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_blob(stmt, 1, nonce, 16, SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	return found ? row_read(store, stmt, ret_row) : -ENOENT;
}

static int row_seal(struct store *store, const struct approval_secret *secret,
		    struct approval_row *row) {
	uint8_t plain[PLAIN_MAX];
	struct layout_writer w = { .p = plain, .capacity = sizeof(plain) };

	layout_put64(&w, secret->reauth_ms);
	layout_put8(&w, secret->reauth_assurance);
	layout_put(&w, secret->receipt, secret->n_receipt);
	row->n_sealed = sizeof(row->sealed);
	if (w.failed)
		return -EINVAL;
	return store_seal(store, "approvals", row->seq, 1, plain, w.n, row->sealed, &row->n_sealed);
}

/* @ret_secret may hold anything after an error. */
static int row_unseal(struct store *store, const struct approval_row *row,
		      struct approval_secret *ret_secret) {
	struct layout_reader reader = { 0 };
	uint8_t plain[PLAIN_MAX];
	size_t n = sizeof(plain);
	int r;

	r = store_unseal(store, "approvals", row->seq, 1, row->sealed, row->n_sealed, plain, &n);
	if (r < 0)
		return r;
	reader = (struct layout_reader){ .p = plain, .n = n };
	ret_secret->reauth_ms = layout_get64(&reader);
	ret_secret->reauth_assurance = layout_get8(&reader);
	ret_secret->n_receipt = reader.n;
	if (ret_secret->n_receipt > sizeof(ret_secret->receipt))
		return -EBADMSG;
	layout_get(&reader, ret_secret->receipt, ret_secret->n_receipt);
	return layout_is_done(&reader) ? 0 : -EBADMSG;
}

/*
 * Giving
 */

int approval_pair(struct store *store, uint32_t first, uint32_t second) {
	if (second == first)
		return -EPERM;
	if (account_touched_by(store, first, second) != 0 ||
	    account_touched_by(store, second, first) != 0)
		return -EPERM;
	return 0;
}

/* Is all that is missing the confirmation? Return: 0; -EPERM. */
static int only_confirmation_is_missing(const struct policy_table *table, const struct seat *seat,
					uint32_t action, uint32_t second,
					const struct moment *now) {
	struct policy_state state;

	if (action >= table->n_actions || action >= POLICY_ACTIONS_MAX)
		return -EPERM;
	if (table->actions[action].confirm == CW_CONFIRM_SECOND_PERSON && second == 0)
		return -EPERM;
	seat_state(seat, table, now, OWN_LEASE_MS, &state);
	return policy_decide(table, &state, action, now->boot_ms) == CW_CONFIRM ? 0 : -EPERM;
}

/* What is approved, by whom, where. The times are those of giving. */
static void describe(struct receipt *receipt, struct store *store, const struct policy *policy,
		     const struct seat *seat, const struct approval_request *request,
		     const uint8_t nonce[16], const struct moment *now) {
	memset(receipt, 0, sizeof(*receipt));
	receipt->seat = (uint8_t)(seat->index + 1);
	receipt->session = seat->session.number;
	receipt->account = seat->session.account;
	receipt->assurance = (uint8_t)seat->session.reauth_assurance;
	receipt->boot_ms = now->boot_ms;
	receipt->wall_ms = now->wall_ms;
	receipt->trust = (uint8_t)now->trust;
	store_device_id(store, receipt->device);
	text_copy(receipt->action, sizeof(receipt->action),
		  policy->table.action_names[request->action]);
	memcpy(receipt->digest, request->digest, sizeof(receipt->digest));
	text_copy(receipt->object, sizeof(receipt->object), request->object);
	text_copy(receipt->words, sizeof(receipt->words), request->words);
	memcpy(receipt->nonce, nonce, sizeof(receipt->nonce));
	memcpy(receipt->boot_id, now->boot_id, sizeof(receipt->boot_id));
}

int approval_statement(struct store *store, const struct policy *policy, const struct seat *seat,
		       const struct approval_request *request, const uint8_t nonce[16],
		       uint32_t second, unsigned person, const struct moment *now,
		       uint8_t ret_statement[32]) {
	struct receipt receipt;

	if (request->action >= policy->table.n_actions || request->action >= POLICY_ACTIONS_MAX)
		return -EINVAL;
	describe(&receipt, store, policy, seat, request, nonce, now);
	receipt.second = second;
	return receipt_statement(&receipt, person, ret_statement);
}

/* Return: 0; -EPERM (one of them does not say yes to this); -EIO. */
static int take_signatures(struct receipt *receipt, const struct receipt_signature *signatures,
			   size_t n) {
	for (size_t i = 0; i < n; ++i) {
		const struct receipt_signature *s = &signatures[i];
		int r;

		if (s->person == 0 || s->person > RECEIPT_PERSONS ||
		    receipt->signatures[s->person - 1].person != 0)
			return -EPERM;
		if (memcmp(s->challenge.device, receipt->device, sizeof(receipt->device)) != 0 ||
		    memcmp(s->challenge.boot_id, receipt->boot_id, sizeof(receipt->boot_id)) != 0)
			return -EPERM;
		r = receipt_signature_check(receipt, s);
		if (r < 0)
			return r == -EBADMSG ? -EPERM : r;
		receipt->signatures[s->person - 1] = *s;
	}
	return 0;
}

/* "device" and "token" of one or two persons. */
static const char *signed_by(const struct receipt *receipt) {
	static const char *const words[2][2] = { { "device", "device,token" },
						 { "token,device", "token,token" } };
	bool first = receipt->signatures[0].person != 0;
	bool second = receipt->signatures[1].person != 0;

	if (receipt->second == 0)
		return first ? "token" : "device";
	return first || second ? words[first][second] : "device";
}

/* What is too large for a stack. */
struct giving {
	struct receipt receipt;
	struct approval_secret secret;
	struct approval_row row;
	uint8_t second_seat;
};

static void giving_free(struct giving *giving) {
	free(giving);
}

DEFINE_CLEANUP(struct giving *, giving_free)

/* The entry first, so that the head in the receipt covers it. */
static int give_entry(struct store *store, const struct policy *policy, const struct seat *seat,
		      const struct actor *actor, const struct giving *g, const struct moment *now,
		      uint64_t *ret_seq) {
	const struct receipt *receipt = &g->receipt;
	char nonce[33], where[8] = "", detail[LIMIT_NAME];
	struct journal_entry entry;
	int r;

	hex_encode(nonce, receipt->nonce, sizeof(receipt->nonce));
	if (g->second_seat != 0)
		(void)snprintf(where, sizeof(where), " at=%u", g->second_seat);
	(void)snprintf(detail, sizeof(detail), "nonce=%s by=%s%s", nonce, signed_by(receipt), where);
	flow_entry(&entry, seat, actor, now, EVENT_APPROVAL, OUTCOME_OK);
	entry.assurance = receipt->assurance;
	entry.target = receipt->second;
	entry.action = receipt->action;
	entry.object = receipt->object[0] != '\0' ? receipt->object : NULL;
	entry.text = receipt->words[0] != '\0' ? receipt->words : NULL;
	entry.context = seat_context(seat, &policy->table, now);
	entry.detail = detail;
	entry.has_digest = true;
	memcpy(entry.digest, receipt->digest, sizeof(entry.digest));
	r = journal_append(store, &entry);
	if (r < 0)
		return r;
	*ret_seq = entry.seq;
	return 0;
}

static int sign_receipt(struct store *store, struct giving *g) {
	uint8_t seed[32];
	int r = approval_seed(store, seed);

	if (r == 0)
		r = receipt_public_key(seed, g->receipt.device_key);
	if (r == 0)
		r = receipt_make(seed, &g->receipt, g->secret.receipt, &g->secret.n_receipt);
	explicit_bzero(seed, sizeof(seed));
	return r;
}

static int give_rows(struct store *store, const struct policy *policy, const struct seat *seat,
		     const struct actor *actor, struct giving *g, const struct moment *now) {
	struct journal_head head;
	uint64_t seq = 0;
	int r;

	r = give_entry(store, policy, seat, actor, g, now, &seq);
	if (r == 0)
		r = journal_head(store, &head);
	if (r < 0)
		return r;
	g->receipt.head_seq = head.seq;
	memcpy(g->receipt.head_hash, head.hash, sizeof(g->receipt.head_hash));
	r = sign_receipt(store, g);
	if (r < 0)
		return r;
	g->row.state = APPROVAL_GIVEN;
	g->row.account = g->receipt.account;
	g->row.session = (int64_t)g->receipt.session;
	g->row.seq = (int64_t)seq;
	memcpy(g->row.nonce, g->receipt.nonce, sizeof(g->row.nonce));
	r = row_seal(store, &g->secret, &g->row);
	return r < 0 ? r : row_insert(store, &g->row);
}

/* The receipt and its row, in one transaction. */
static int give(struct store *store, const struct policy *policy, const struct seat *seat,
		const struct actor *actor, struct giving *g, const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = give_rows(store, policy, seat, actor, g, now);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

int approval_give(struct store *store, const struct policy *policy, struct seat *seat,
		  const struct actor *actor, const struct approval_request *request,
		  const uint8_t nonce[16], uint32_t second, enum cw_assurance second_assurance,
		  uint8_t second_seat, const struct receipt_signature *signatures,
		  size_t n_signatures, const struct moment *now, uint8_t *ret_receipt,
		  size_t *ret_n_receipt) {
	cleanup_(giving_freep) struct giving *g = NULL;
	int r;

	r = only_confirmation_is_missing(&policy->table, seat, request->action, second, now);
	if (r == 0 && second != 0)
		r = approval_pair(store, seat->session.account, second);
	if (r < 0)
		return r;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->second_seat = second_seat;
	g->secret.reauth_ms = seat->session.reauth_ms;
	g->secret.reauth_assurance = (uint8_t)seat->session.reauth_assurance;
	describe(&g->receipt, store, policy, seat, request, nonce, now);
	g->receipt.second = second;
	g->receipt.second_assurance = second != 0 ? (uint8_t)second_assurance : 0;
	r = take_signatures(&g->receipt, signatures, n_signatures);
	if (r == 0)
		r = give(store, policy, seat, actor, g, now);
	if (r < 0)
		return r;

	/* Freshly once per object: the next approval asks again. */
	seat->session.reauth_ms = 0;
	seat->session.reauth_assurance = CW_ASSURANCE_NONE;
	memcpy(ret_receipt, g->secret.receipt, g->secret.n_receipt);
	*ret_n_receipt = g->secret.n_receipt;
	return 0;
}

/*
 * Redeeming
 */

struct redemption {
	struct store *store;
	const struct policy *policy;
	struct seat *seat;
	const struct moment *now;
	uint32_t action;
	const uint8_t *digest;
	struct receipt receipt;
	struct approval_row row;
	struct approval_secret secret;
};

/* Bound to whom, where, when and what. CW_REASON_NONE: it is the right one. */
static enum cw_reason binding_fault(const struct redemption *re) {
	const struct policy_table *t = &re->policy->table;
	const struct session *s = &re->seat->session;
	const struct receipt *receipt = &re->receipt;

	if (re->action >= t->n_actions || re->action >= POLICY_ACTIONS_MAX)
		return CW_REASON_UNKNOWN_ACTION;
	if (receipt->seat != re->seat->index + 1 || s->number == 0 ||
	    receipt->session != s->number || receipt->account != s->account)
		return CW_REASON_OTHER_SESSION;
	if (strcmp(receipt->action, t->action_names[re->action]) != 0 ||
	    !equal_32(receipt->digest, re->digest))
		return CW_REASON_CONFIRMATION;
	if (re->row.state != APPROVAL_GIVEN || receipt->boot_ms < s->void_ms)
		return CW_REASON_CONFIRMATION;
	if (memcmp(receipt->boot_id, re->now->boot_id, sizeof(receipt->boot_id)) != 0 ||
	    re->now->boot_ms < receipt->boot_ms ||
	    re->now->boot_ms - receipt->boot_ms > APPROVAL_VALID_MS)
		return CW_REASON_STALE;
	return CW_REASON_NONE;
}

/* Is the second person still somebody who may? */
static enum cw_reason second_fault(const struct redemption *re) {
	const struct policy_table *t = &re->policy->table;
	struct account second;

	if (re->receipt.second == 0)
		return CW_REASON_NONE;
	if (account_by_number(re->store, re->receipt.second, &second) < 0 ||
	    second.state != ACCOUNT_ENABLED || !account_is_valid(&second, re->now))
		return CW_REASON_ROLE;
	return seat_role_bits(t, second.roles, second.n_roles) & t->actions[re->action].roles
		       ? CW_REASON_NONE
		       : CW_REASON_ROLE;
}

/* The one place where a confirmation enters a state. */
static enum cw_verdict decide(const struct redemption *re, enum cw_reason *ret_reason) {
	const struct policy_table *t = &re->policy->table;
	struct policy_state state;
	enum cw_reason fault = binding_fault(re);

	if (fault == CW_REASON_NONE)
		fault = second_fault(re);
	if (fault != CW_REASON_NONE) {
		*ret_reason = fault;
		return CW_DENY;
	}
	seat_state(re->seat, t, re->now, OWN_LEASE_MS, &state);
	state.reauth_at = re->secret.reauth_ms;
	state.reauth_assurance = re->secret.reauth_assurance;
	state.confirmed = (uint16_t)(re->action + 1);
	state.confirmed_how =
		re->receipt.second != 0 ? CW_CONFIRM_SECOND_PERSON : CW_CONFIRM_SAME_PERSON;
	*ret_reason = policy_reason(t, &state, re->action, re->now->boot_ms);
	return policy_decide(t, &state, re->action, re->now->boot_ms);
}

static int redeem_entry(const struct redemption *re, const struct actor *actor,
			enum cw_verdict verdict, enum cw_reason reason, const char *detail) {
	const struct policy_table *t = &re->policy->table;
	struct journal_entry entry;

	flow_entry(&entry, re->seat, actor, re->now, EVENT_RECEIPT_USED,
		   verdict == CW_ALLOW ? OUTCOME_OK : OUTCOME_REFUSED);
	entry.reason = (uint8_t)reason;
	entry.target = re->receipt.second;
	entry.object = re->receipt.object[0] != '\0' ? re->receipt.object : NULL;
	entry.detail = detail;
	entry.has_digest = true;
	memcpy(entry.digest, re->digest, sizeof(entry.digest));
	if (re->action < t->n_actions && re->action < POLICY_ACTIONS_MAX)
		entry.action = t->action_names[re->action];
	entry.context = seat_context(re->seat, t, re->now);
	return journal_append(re->store, &entry);
}

/* One transaction: used, and the entry. */
static int redeem_rows(struct redemption *re, const struct actor *actor, enum cw_verdict verdict,
		       enum cw_reason reason) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	char nonce[33], detail[LIMIT_NAME];
	int r;

	hex_encode(nonce, re->receipt.nonce, sizeof(re->receipt.nonce));
	(void)snprintf(detail, sizeof(detail), "nonce=%s", nonce);
	r = store_begin(re->store);
	if (r < 0)
		return r;
	transaction = re->store;
	if (verdict == CW_ALLOW)
		r = row_leave_given(re->store, &re->row, APPROVAL_USED);
	if (r == 0)
		r = redeem_entry(re, actor, verdict, reason, detail);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(re->store);
}

/* Return: 0; -EBADMSG (not a receipt of this device); -EIO. */
static int redeem_open(struct redemption *re, const uint8_t *bytes, size_t n) {
	uint8_t public_key[32], device[16];
	int r;

	r = approval_public_key(re->store, public_key);
	if (r < 0)
		return -EIO;
	r = receipt_open(public_key, bytes, n, &re->receipt);
	if (r < 0)
		return r;
	store_device_id(re->store, device);
	if (memcmp(device, re->receipt.device, sizeof(device)) != 0)
		return -EBADMSG;
	r = row_load(re->store, re->receipt.nonce, &re->row);
	if (r == 0)
		r = row_unseal(re->store, &re->row, &re->secret);
	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? -EBADMSG : -EIO;
	return re->secret.n_receipt == n && memcmp(re->secret.receipt, bytes, n) == 0 ? 0
										      : -EBADMSG;
}

static void redemption_free(struct redemption *re) {
	free(re);
}

DEFINE_CLEANUP(struct redemption *, redemption_free)

bool approval_is_used(struct store *store, const uint8_t *receipt, size_t n_receipt) {
	cleanup_(redemption_freep) struct redemption *re = calloc(1, sizeof(*re));

	if (!re)
		return false;
	re->store = store;
	return redeem_open(re, receipt, n_receipt) == 0 && re->row.state == APPROVAL_USED;
}

int approval_redeem(struct store *store, const struct policy *policy, struct seat *seat,
		    const struct actor *actor, const uint8_t *receipt, size_t n_receipt,
		    uint32_t action, const uint8_t digest[32], const struct moment *now,
		    enum cw_verdict *ret_verdict, enum cw_reason *ret_reason) {
	cleanup_(redemption_freep) struct redemption *re = calloc(1, sizeof(*re));
	enum cw_reason reason = CW_REASON_CONFIRMATION;
	enum cw_verdict verdict;
	int r;

	*ret_verdict = CW_DENY;
	*ret_reason = CW_REASON_NOT_RECORDED;
	if (!re)
		return -EIO;
	re->store = store;
	re->policy = policy;
	re->seat = seat;
	re->now = now;
	re->action = action;
	re->digest = digest;
	r = redeem_open(re, receipt, n_receipt);
	if (r == -EBADMSG) {
		memset(&re->receipt, 0, sizeof(re->receipt));
		if (redeem_entry(re, actor, CW_DENY, reason, "not-a-receipt") < 0)
			return -EIO;
		*ret_reason = reason;
		return -EBADMSG;
	}
	if (r < 0)
		return -EIO;
	verdict = decide(re, &reason);
	if (redeem_rows(re, actor, verdict, reason) < 0)
		return -EIO;
	*ret_verdict = verdict;
	*ret_reason = reason;
	return 0;
}

/*
 * Voiding
 */

/* Finds one that is still given. Return: 1; 0 (none is left); -EBADMSG; -EIO. */
static int next_given(struct store *store, uint64_t session, struct approval_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	int r;

	r = store_prepare(store,
			  "SELECT " APPROVAL_COLUMNS
			  " FROM approvals WHERE session = ?1 AND state = ?2 LIMIT 1",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, (int64_t)session) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, APPROVAL_GIVEN) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0 || !found)
		return r;
	r = row_read(store, stmt, ret_row);
	return r < 0 ? r : 1;
}

/*
 * approval_void() - void what was given to a session and not used
 *
 * Inside the caller's transaction, which writes why. A damaged row is no longer
 * redeemable anyway and ends the search.
 *
 * Return: 0; -EIO.
 */
int approval_void(struct store *store, uint64_t session, const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct approval_row row;
	int r;

	(void)now;
	if (session == 0)
		return 0;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	while ((r = next_given(store, session, &row)) == 1) {
		r = row_leave_given(store, &row, APPROVAL_VOID);
		if (r < 0)
			return r;
	}
	if (r < 0 && r != -EBADMSG)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}
