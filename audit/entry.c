/* SPDX-License-Identifier: Apache-2.0 */

/* Spelling and reading the body of an entry. */

#include <errno.h>
#include <string.h>

#include <utf8proc.h>

#include "audit/entry.h"
#include "common/bytes.h"
#include "common/cleanup.h"

/* Offsets of the head. */
enum {
	AT_VERSION = 0,
	AT_FLAGS = 1,
	AT_EVENT = 2,
	AT_OUTCOME = ENTRY_OUTCOME_AT,
	AT_SEAT = 5,
	AT_ASSURANCE = 6,
	AT_FACTOR = 7,
	AT_REASON = 8,
	AT_TRUST = 9,
	AT_WALL = 10,
	AT_BOOT_MS = 18,
	AT_BOOT_ID = 26,
	AT_ACCOUNT = 42,
};
_Static_assert(AT_ACCOUNT + 4 == ENTRY_HEAD, "the head has no gap");

/* A field: tag (1 byte), length (2 bytes), value. */
#define FIELD_HEAD 3u

/* Lengths that a field may have. */
static const struct {
	uint16_t least;
	uint16_t most;
} lengths[TAG_N] = {
	[TAG_TARGET] = {4,   4               },
	[TAG_PEER_UID] = { 4,  4               },
	[TAG_SESSION] = { 8,  8               },
	[TAG_EMERGENCY] = { 16, 16              },
	[TAG_CLAIM] = { 32, 32              },
	[TAG_DIGEST] = { 32, 32              },
	[TAG_ACTION] = { 1,  LIMIT_NAME - 1  },
	[TAG_CONTEXT] = { 1,  LIMIT_NAME - 1  },
	[TAG_OBJECT] = { 1,  LIMIT_OBJECT - 1},
	[TAG_DETAIL] = { 1,  LIMIT_TEXT - 1  },
	[TAG_NAME_HASH] = { 32, 32              },
	[TAG_TEXT_HASH] = { 32, 32              },
};
_Static_assert(ENTRY_HEAD + 12 * FIELD_HEAD + 4 + 4 + 8 + 16 + 32 + 32 + 63 + 63 + 127 + 511 + 64 <=
		       ENTRY_BODY_MAX,
	       "the longest entry fits");

bool entry_text_is_good(const uint8_t *p, size_t n, size_t limit, bool multiline) {
	size_t i = 0;

	if (n == 0 || n >= limit)
		return false;
	while (i < n) {
		utf8proc_int32_t c = p[i];

		if (c >= 0x80) {
			utf8proc_ssize_t step =
				utf8proc_iterate(p + i, (utf8proc_ssize_t)(n - i), &c);

			if (step <= 0)
				return false;
			i += (size_t)step;
		} else {
			++i;
		}
		if (multiline && (c == '\n' || c == '\t'))
			continue;
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

struct builder {
	uint8_t *p;
	size_t n;
	int error;
};

static void put_field(struct builder *b, enum entry_tag tag, const void *value, size_t n) {
	if (n < lengths[tag].least || n > lengths[tag].most) {
		b->error = -EINVAL;
		return;
	}
	b->p[b->n] = (uint8_t)tag;
	put_le16(b->p + b->n + 1, (uint16_t)n);
	memcpy(b->p + b->n + FIELD_HEAD, value, n);
	b->n += FIELD_HEAD + n;
}

static void put_number(struct builder *b, enum entry_tag tag, uint64_t value, uint64_t none) {
	uint8_t bytes[8];

	if (value == none)
		return;
	put_le64(bytes, value);
	put_field(b, tag, bytes, lengths[tag].most);
}

static void put_string(struct builder *b, enum entry_tag tag, const char *s) {
	size_t n = s ? strnlen(s, ENTRY_BODY_MAX) : 0;

	if (n == 0)
		return;
	if (!entry_text_is_good((const uint8_t *)s, n, lengths[tag].most + 1u, false))
		b->error = -EINVAL;
	else
		put_field(b, tag, s, n);
}

static void put_claim(struct builder *b, const struct journal_entry *entry) {
	uint8_t claim[32];

	memcpy(claim, entry->claimed_boot_id, 16);
	put_le64(claim + 16, entry->claimed_boot_ms);
	put_le64(claim + 24, (uint64_t)entry->claimed_wall_ms);
	put_field(b, TAG_CLAIM, claim, sizeof(claim));
}

static void put_head(uint8_t *p, const struct journal_entry *entry) {
	p[AT_VERSION] = ENTRY_VERSION;
	p[AT_FLAGS] = entry->flags;
	put_le16(p + AT_EVENT, (uint16_t)entry->event);
	p[AT_OUTCOME] = (uint8_t)entry->outcome;
	p[AT_SEAT] = entry->seat;
	p[AT_ASSURANCE] = entry->assurance;
	p[AT_FACTOR] = entry->factor;
	p[AT_REASON] = entry->reason;
	p[AT_TRUST] = (uint8_t)entry->at.trust;
	put_le64(p + AT_WALL, (uint64_t)entry->at.wall_ms);
	put_le64(p + AT_BOOT_MS, entry->at.boot_ms);
	memcpy(p + AT_BOOT_ID, entry->at.boot_id, 16);
	put_le32(p + AT_ACCOUNT, entry->account);
}

int entry_build(const struct journal_entry *entry, const uint8_t *name_hash,
		const uint8_t *text_hash, uint8_t ret_body[static ENTRY_BODY_MAX], size_t *ret_n) {
	struct builder b = { .p = ret_body, .n = ENTRY_HEAD };

	if (entry->event == EVENT_NONE || (unsigned)entry->event > UINT16_MAX ||
	    (unsigned)entry->outcome > UINT8_MAX || (unsigned)entry->at.trust > CLOCK_TRUSTED)
		return -EINVAL;
	put_head(ret_body, entry);
	put_number(&b, TAG_TARGET, entry->target, 0);
	put_number(&b, TAG_PEER_UID, entry->peer_uid, UINT32_MAX);
	put_number(&b, TAG_SESSION, entry->session, 0);
	if (entry->has_emergency)
		put_field(&b, TAG_EMERGENCY, entry->emergency, 16);
	if (entry->has_claim)
		put_claim(&b, entry);
	if (entry->has_digest)
		put_field(&b, TAG_DIGEST, entry->digest, 32);
	put_string(&b, TAG_ACTION, entry->action);
	put_string(&b, TAG_CONTEXT, entry->context);
	put_string(&b, TAG_OBJECT, entry->object);
	put_string(&b, TAG_DETAIL, entry->detail);
	if (name_hash)
		put_field(&b, TAG_NAME_HASH, name_hash, 32);
	if (text_hash)
		put_field(&b, TAG_TEXT_HASH, text_hash, 32);
	if (b.error == 0)
		*ret_n = b.n;
	return b.error;
}

static int take_head(const uint8_t *p, struct journal_entry *e) {
	if (p[AT_TRUST] > CLOCK_TRUSTED || get_le16(p + AT_EVENT) == 0)
		return -EBADMSG;
	e->flags = p[AT_FLAGS];
	e->event = (enum audit_event)get_le16(p + AT_EVENT);
	e->outcome = (enum audit_outcome)p[AT_OUTCOME];
	e->seat = p[AT_SEAT];
	e->assurance = p[AT_ASSURANCE];
	e->factor = p[AT_FACTOR];
	e->reason = p[AT_REASON];
	e->at.trust = (enum clock_trust)p[AT_TRUST];
	e->at.wall_ms = (int64_t)get_le64(p + AT_WALL);
	e->at.boot_ms = get_le64(p + AT_BOOT_MS);
	memcpy(e->at.boot_id, p + AT_BOOT_ID, 16);
	e->account = get_le32(p + AT_ACCOUNT);
	e->peer_uid = UINT32_MAX;
	return 0;
}

/* The value of a field of the right length. Return: 0; -EBADMSG. */
static int take_field(struct entry_view *view, enum entry_tag tag, const uint8_t *p, size_t n) {
	struct journal_entry *e = &view->fixed;

	switch (tag) {
	case TAG_TARGET:
		e->target = get_le32(p);
		return e->target == 0 ? -EBADMSG : 0;
	case TAG_PEER_UID:
		e->peer_uid = get_le32(p);
		return e->peer_uid == UINT32_MAX ? -EBADMSG : 0;
	case TAG_SESSION:
		e->session = get_le64(p);
		return e->session == 0 ? -EBADMSG : 0;
	case TAG_EMERGENCY:
		e->has_emergency = true;
		memcpy(e->emergency, p, 16);
		return 0;
	case TAG_CLAIM:
		e->has_claim = true;
		memcpy(e->claimed_boot_id, p, 16);
		e->claimed_boot_ms = get_le64(p + 16);
		e->claimed_wall_ms = (int64_t)get_le64(p + 24);
		return 0;
	case TAG_DIGEST:
		e->has_digest = true;
		memcpy(e->digest, p, 32);
		return 0;
	case TAG_ACTION:
		view->action.p = p;
		view->action.n = n;
		break;
	case TAG_CONTEXT:
		view->context.p = p;
		view->context.n = n;
		break;
	case TAG_OBJECT:
		view->object.p = p;
		view->object.n = n;
		break;
	case TAG_DETAIL:
		view->detail.p = p;
		view->detail.n = n;
		break;
	case TAG_NAME_HASH:
		view->text_hash[TEXT_NAME] = p;
		return 0;
	case TAG_TEXT_HASH:
		view->text_hash[TEXT_TEXT] = p;
		return 0;
	case TAG_N:
	default:
		return -EBADMSG;
	}
	return entry_text_is_good(p, n, lengths[tag].most + 1u, false) ? 0 : -EBADMSG;
}

int entry_parse(const uint8_t *body, size_t n, struct entry_view *ret_view) {
	struct entry_view view = { 0 };
	unsigned last = 0;
	size_t at = ENTRY_HEAD;

	if (n < 1)
		return -EBADMSG;
	if (body[AT_VERSION] != ENTRY_VERSION)
		return -ENOTSUP;
	if (n < ENTRY_HEAD || n > ENTRY_BODY_MAX || take_head(body, &view.fixed) < 0)
		return -EBADMSG;
	while (at < n) {
		unsigned tag = body[at];
		size_t n_value;

		if (n - at < FIELD_HEAD || tag <= last || tag >= TAG_N)
			return -EBADMSG;
		n_value = get_le16(body + at + 1);
		at += FIELD_HEAD;
		if (n_value > n - at || n_value < lengths[tag].least || n_value > lengths[tag].most)
			return -EBADMSG;
		if (take_field(&view, (enum entry_tag)tag, body + at, n_value) < 0)
			return -EBADMSG;
		at += n_value;
		last = tag;
	}
	*ret_view = view;
	return 0;
}

static const char *terminated(const uint8_t *p, size_t n, char *room) {
	if (!p)
		return NULL;
	memcpy(room, p, n);
	room[n] = '\0';
	return room;
}

void entry_from_view(const struct entry_view *view, struct entry_strings *strings,
		     struct journal_entry *ret_entry) {
	*ret_entry = view->fixed;
	ret_entry->action = terminated(view->action.p, view->action.n, strings->action);
	ret_entry->context = terminated(view->context.p, view->context.n, strings->context);
	ret_entry->object = terminated(view->object.p, view->object.n, strings->object);
	ret_entry->detail = terminated(view->detail.p, view->detail.n, strings->detail);
}
