/* SPDX-License-Identifier: Apache-2.0 */
/* The login history, one page at a time. */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>

#include "common/moment.h"

#define HISTORY_MAX 50u

/* Bits of "flags", as the journal's page says. */
#define HISTORY_CLAIMED 0x01u
#define HISTORY_LATE    0x02u

int cw_history(struct cw *cw, uint64_t before, uint32_t n,
	       void (*each)(const struct cw_history_entry *entry, void *userdata), void *userdata) {
	struct frame_writer w;
	int r;

	if (!each || n == 0 || n > HISTORY_MAX)
		return -EINVAL;
	if (cw->each)
		return -EBUSY;
	frame_start(cw, &w, "history");
	if (before > 0)
		frame_uint(&w, "before", before);
	frame_uint(&w, "n", n);
	r = request_send(cw, &w, PENDING_HISTORY, 0, NULL);
	if (r < 0)
		return r;
	cw->each = each;
	cw->each_userdata = userdata;
	return 0;
}

/* What is absent stays empty; what is there has to be right. */

static bool take_uint(struct frame_span map, const char *key, uint64_t max, uint64_t *value) {
	int r = frame_get_uint(map, key, value);

	if (r == -ENOENT)
		*value = 0;
	return r == -ENOENT || (r == 0 && *value <= max);
}

/* Longer text than the screen has room for is cut, not refused. */
static bool take_text(struct frame_span map, const char *key, char *value, size_t room) {
	char text[LIMIT_TEXT];
	int r = frame_get_text(map, key, text, sizeof(text));

	if (r == 0)
		text_fit(value, room, text);
	return r == 0 || r == -ENOENT;
}

static bool take_time(struct frame_span map, const char *key, int64_t *value) {
	int r = frame_get_int(map, key, value);

	return r == 0 || r == -ENOENT;
}

static bool entry_read(struct frame_span map, struct cw_history_entry *entry) {
	uint64_t trust, assurance, flags, account, target;
	bool good;

	memset(entry, 0, sizeof(*entry));
	good = take_uint(map, "seq", UINT64_MAX, &entry->seq) &&
	       take_time(map, "wall_ms", &entry->wall_ms) &&
	       take_uint(map, "trust", CLOCK_TRUSTED, &trust) &&
	       take_uint(map, "assurance", CW_N_ASSURANCES - 1, &assurance) &&
	       take_uint(map, "flags", UINT32_MAX, &flags) &&
	       take_uint(map, "account", UINT32_MAX, &account) &&
	       take_uint(map, "target", UINT32_MAX, &target) &&
	       take_text(map, "event", entry->event, sizeof(entry->event)) &&
	       take_text(map, "outcome", entry->outcome, sizeof(entry->outcome)) &&
	       take_text(map, "action", entry->action, sizeof(entry->action)) &&
	       take_text(map, "object", entry->object, sizeof(entry->object)) &&
	       take_text(map, "name", entry->name, sizeof(entry->name)) &&
	       take_text(map, "who", entry->name, sizeof(entry->name)) &&
	       take_text(map, "text", entry->text, sizeof(entry->text));
	if (!good)
		return false;
	entry->clock_trusted = trust == CLOCK_TRUSTED;
	entry->assurance = (uint8_t)assurance;
	entry->claimed = (flags & HISTORY_CLAIMED) != 0;
	entry->late = (flags & HISTORY_LATE) != 0;
	entry->account = (uint32_t)account;
	entry->target = (uint32_t)target;
	return true;
}

int history_take(struct cw *cw, const struct frame *frame) {
	void (*each)(const struct cw_history_entry *entry, void *userdata) = cw->each;
	struct frame_span entries, item;
	size_t cursor = 0;
	int r = 0;

	cw->each = NULL;
	if (!each)
		return 0;
	if (frame && frame_get_array(frame->body, "entries", &entries) < 0)
		r = -EBADMSG;
	while (frame && r == 0 && frame_next_item(entries, &cursor, &item)) {
		if (entry_read(item, &cw->entry))
			each(&cw->entry, cw->each_userdata);
		else
			r = -EBADMSG;
	}
	each(NULL, cw->each_userdata);
	return r;
}
