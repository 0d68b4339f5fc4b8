/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/digits.h"

#include <string.h>

/* How long no other key may come, for one to stand alone. */
static int64_t alone_ms(const struct digits *d) {
	bool tapped = d->presented_ms != 0 && d->typed_ms - d->presented_ms < DIGITS_TAPPED_MS;

	return tapped ? DIGITS_TAPPED_ALONE_MS : DIGITS_ALONE_MS;
}

static bool is_row(const struct digits *d, int64_t now_ms) {
	return d->typed_ms != 0 && now_ms - d->typed_ms <= alone_ms(d);
}

void digits_wipe(struct digits *d) {
	explicit_bzero(d->ahead, sizeof(d->ahead));
	d->n = 0;
	d->held = 0;
	d->in_row = false;
	d->typed_ms = 0;
}

void digits_presented(struct digits *d, int64_t now_ms) {
	d->presented_ms = now_ms > 0 ? now_ms : 1;
}

bool digits_typed(struct digits *d, char digit, int64_t now_ms) {
	d->in_row = is_row(d, now_ms);
	/* Slow fingers: the code goes on, however long it takes. */
	if (d->in_row && alone_ms(d) == DIGITS_TAPPED_ALONE_MS)
		d->presented_ms = now_ms;
	if (!d->in_row)
		digits_wipe(d);
	d->held = d->in_row ? 0 : digit;
	d->typed_ms = now_ms > 0 ? now_ms : 1;
	if (d->n < sizeof(d->ahead))
		d->ahead[d->n++] = digit;
	return d->in_row;
}

bool digits_other(struct digits *d, bool is_enter, int64_t now_ms) {
	bool in_row = d->n > 0 && is_row(d, now_ms);

	if (is_enter && !in_row)
		return false;
	/* A letter among digits: a password. Nothing asks for digits of one. */
	if (!is_enter)
		digits_wipe(d);
	d->held = 0;
	d->in_row = in_row;
	d->typed_ms = now_ms > 0 ? now_ms : 1;
	return is_enter;
}

char digits_due(struct digits *d, int64_t now_ms) {
	char due = d->held;

	if (d->typed_ms == 0 || is_row(d, now_ms))
		return 0;
	/* Nobody has asked for them. */
	digits_wipe(d);
	return due;
}

size_t digits_claim(struct digits *d, char *ret_digits, size_t room) {
	size_t n = d->n < room ? d->n : room;

	memcpy(ret_digits, d->ahead, n);
	digits_wipe(d);
	return n;
}
