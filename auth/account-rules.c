/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sqlite3.h>

#include "auth/row.h"
#include "auth/text.h"

/* '.', '-', '_' and '@': never a slash, a blank, a quote or a control character. */
static bool is_name_sign(int32_t point) {
	return point == '.' || point == '-' || point == '_' || point == '@';
}

static bool is_name_point(int32_t point, bool first) {
	switch (text_classify(point)) {
	case TEXT_LOWER:
	case TEXT_UPPER:
	case TEXT_LETTER:
	case TEXT_DIGIT:
		return true;
	case TEXT_MARK:
		return !first;
	case TEXT_OTHER:
		return !first && is_name_sign(point);
	case TEXT_SPACE:
	case TEXT_FORBIDDEN:
	case TEXT_N_CLASSES:
		break;
	}
	return false;
}

/* NFC, then folded and NFC again: what is canonically equal becomes the same. */
static int fold_name(const uint8_t *name, size_t n_name, struct text *ret_text) {
	uint8_t composed[4 * TEXT_CODE_POINTS];
	size_t n;
	int r;

	r = text_decode(name, n_name, TEXT_NFC, ret_text);
	if (r < 0)
		return r;
	r = text_encode(ret_text, composed, sizeof(composed), &n);
	if (r < 0)
		return r;
	return text_decode(composed, n, TEXT_FOLDED, ret_text);
}

int account_normalise(const char *name, size_t n_name, char ret_name[static LIMIT_NAME]) {
	uint8_t folded[LIMIT_NAME];
	struct text text;
	size_t n;

	/* No normal form is shorter than a quarter of what was typed. */
	if (n_name == 0 || n_name > (size_t)4 * LIMIT_NAME || memchr(name, 0, n_name))
		return -EINVAL;
	if (fold_name((const uint8_t *)name, n_name, &text) < 0)
		return -EINVAL;
	for (size_t i = 0; i < text.n; ++i)
		if (!is_name_point(text.points[i], i == 0))
			return -EINVAL;
	if (text_encode(&text, folded, LIMIT_NAME - 1, &n) < 0 || n == 0)
		return -EINVAL;

	memcpy(ret_name, folded, n);
	ret_name[n] = '\0';
	return 0;
}

/*
 * account_is_valid() - is it within its validity?
 *
 * A clock that is not trusted expires nobody. One that runs ahead is an upper
 * bound of the true time: what has not begun by it has not begun.
 */
bool account_is_valid(const struct account *account, const struct moment *now) {
	bool may_be_behind = now->trust == CLOCK_UNKNOWN;
	bool may_be_ahead = now->trust != CLOCK_TRUSTED;

	if (!may_be_behind && account->valid_from_ms != 0 && now->wall_ms < account->valid_from_ms)
		return false;
	if (!may_be_ahead && account->valid_until_ms != 0 &&
	    now->wall_ms >= account->valid_until_ms)
		return false;
	return true;
}

/* Events by which somebody has a hand in how another is recognised, or may do. */
static bool is_touch(enum audit_event event) {
	return event == EVENT_ACCOUNT_CREATED || event == EVENT_ACCOUNT_RESET ||
	       event == EVENT_ACCOUNT_ROLES || event == EVENT_TOKEN_ENROLLED ||
	       event == EVENT_CODE_CHANGED;
}

struct touch {
	uint32_t number;
	uint32_t by;
};

static int look_for_touch(const struct journal_entry *entry, void *userdata) {
	const struct touch *touch = userdata;

	return entry->target == touch->number && entry->account == touch->by &&
	       is_touch(entry->event);
}

static int journal_has_touch(struct store *store, struct touch *touch) {
	struct journal_filter filter = {
		.account = touch->number,
		.event_from = EVENT_ACCOUNT_CREATED,
		.event_to = 399,
	};

	for (;;) {
		uint64_t next = 0;
		int r = journal_query(store, &filter, LIMIT_HISTORY_PAGE, look_for_touch, touch,
		                      &next);

		if (r != 0)
			return r < 0 ? -EIO : 1;
		if (next == 0)
			return 0;
		filter.before = next;
	}
}

int account_touched_by(struct store *store, uint32_t number, uint32_t by) {
	struct touch touch = { .number = number, .by = by };
	struct account account;
	struct password password;
	int r;

	if (by == number || by == 0)
		return 1; /* nobody is independent of himself; 0 is nobody */
	r = account_by_number(store, number, &account);
	if (r < 0)
		return -EIO;
	if (account.created_by == by)
		return 1;

	/* The journal forgets after its longest time; the rows do not. */
	r = password_load(store, number, &password);
	if (r < 0 && r != -ENOENT)
		return -EIO;
	if (r == 0 && password.set_by == by) {
		explicit_bzero(&password, sizeof(password));
		return 1;
	}
	explicit_bzero(&password, sizeof(password));
	r = account_has_token_of(store, number, by);
	if (r != 0)
		return r;
	return journal_has_touch(store, &touch);
}
