/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Control bytes, and the C1 controls behind 0xc2, never reach a terminal. */
static void make_printable(char *text) {
	unsigned char *p = (unsigned char *)text;

	for (; *p; ++p) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

/* A text that was cut does not end in the middle of a character. */
static void trim_partial(char *text, size_t size) {
	size_t n = strlen(text);

	if (n + 1 < size)
		return;
	while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
		text[--n] = '\0';
	if (n > 0 && (unsigned char)text[n - 1] >= 0xc0)
		text[n - 1] = '\0';
}

__attribute__((format(printf, 4, 0))) static void
add(const struct reader *r, enum policy_severity severity, uint32_t line, const char *format,
    va_list args) {
	struct policy_messages *all = r->messages;
	struct policy_message *m;

	if (severity == POLICY_ERROR)
		all->n_errors++;
	if (all->n >= POLICY_MESSAGES_MAX)
		return;

	m = &all->list[all->n++];
	m->severity = severity;
	m->line = line;
	(void)snprintf(m->file, sizeof(m->file), "%s", r->path);
	(void)vsnprintf(m->text, sizeof(m->text), format, args);
	trim_partial(m->file, sizeof(m->file));
	trim_partial(m->text, sizeof(m->text));
	make_printable(m->file);
	make_printable(m->text);
}

void refuse(const struct reader *r, uint32_t line, const char *format, ...) {
	va_list args;

	va_start(args, format);
	add(r, POLICY_ERROR, line, format, args);
	va_end(args);
}

void warn(const struct reader *r, uint32_t line, const char *format, ...) {
	va_list args;

	va_start(args, format);
	add(r, POLICY_WARNING, line, format, args);
	va_end(args);
}
