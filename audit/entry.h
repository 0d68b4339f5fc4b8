/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_ENTRY_H
#define AUDIT_ENTRY_H

/*
 * The binary form of an entry: docs/journal.md, "Body"
 *
 * A fixed little-endian head, then fields with tag and length in ascending
 * order. There is exactly one spelling of each entry: what parses builds again
 * to the same bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/journal.h"

#define ENTRY_VERSION    1u
#define ENTRY_HEAD       46u   /* bytes before the first field      */
#define ENTRY_BODY_MAX   1024u /* no entry is longer               */
#define ENTRY_OUTCOME_AT 4u    /* offset of the outcome in the head */

enum entry_tag {
	TAG_TARGET = 1,
	TAG_PEER_UID,
	TAG_SESSION,
	TAG_EMERGENCY,
	TAG_CLAIM,
	TAG_DIGEST,
	TAG_ACTION,
	TAG_CONTEXT,
	TAG_OBJECT,
	TAG_DETAIL,
	TAG_NAME_HASH,
	TAG_TEXT_HASH,
	TAG_N,
};

/* Which free text: the column `what` of the table texts. */
enum entry_text {
	TEXT_NAME = 1,
	TEXT_TEXT,
	TEXT_N,
};

/* An entry as it stands in the body. Pointers are borrowed from there. */
struct entry_view {
	struct journal_entry fixed; /* all but the six strings and seq           */
	struct {
		const uint8_t *p; /* NULL: absent; not terminated              */
		size_t n;
	} action, context, object, detail;
	const uint8_t *text_hash[TEXT_N]; /* by enum entry_text; NULL: absent    */
};

/* Room for the strings of a view, terminated. */
struct entry_strings {
	char action[LIMIT_NAME];
	char context[LIMIT_NAME];
	char object[LIMIT_OBJECT];
	char detail[LIMIT_TEXT];
};

/*
 * entry_build() - spell an entry
 * @entry:      name and text are not looked at: their hashes are
 * @name_hash:  NULL: no name
 * @text_hash:  NULL: no text
 *
 * Return: 0; -EINVAL (a string too long or not UTF-8, or with control
 * characters; event 0 or above 65535; clock trust unknown).
 */
int entry_build(const struct journal_entry *entry, const uint8_t *name_hash,
		const uint8_t *text_hash, uint8_t ret_body[static ENTRY_BODY_MAX], size_t *ret_n);

/*
 * entry_parse() - read a body, strictly
 *
 * Return: 0; -ENOTSUP (another version); -EBADMSG (anything else that
 * entry_build() would not have written).
 */
int entry_parse(const uint8_t *body, size_t n, struct entry_view *ret_view);

/*
 * entry_from_view() - make an entry with terminated strings
 * @strings:  the strings of the entry live there
 *
 * seq, name and text are left 0 and NULL.
 */
void entry_from_view(const struct entry_view *view, struct entry_strings *strings,
		     struct journal_entry *ret_entry);

/* True for 1 to @limit - 1 bytes of UTF-8; @multiline allows new lines and tabs. */
bool entry_text_is_good(const uint8_t *p, size_t n, size_t limit, bool multiline);

#endif
