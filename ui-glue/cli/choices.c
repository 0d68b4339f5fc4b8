/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/cli/choices.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct choice {
	const char *line;  /* as the broker wrote it                                     */
	size_t n;
	size_t n_number;   /* of its own number and a blank; 0: it has none              */
	char number[8];    /* as it is shown                                             */
};

static bool choice_at(const char *text, unsigned index, struct choice *ret) {
	char front[16];
	size_t n;

	for (unsigned i = 0; i < index && *text != '\0'; ++i) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	if (*text == '\0' || index >= CHOICES_MAX)
		return false;
	*ret = (struct choice){ .line = text, .n = strcspn(text, "\n") };
	(void)snprintf(ret->number, sizeof(ret->number), "%u", index + 1);
	n = (size_t)snprintf(front, sizeof(front), "%u ", index + 1);
	if (ret->n > n && strncmp(text, front, n) == 0)
		ret->n_number = n;
	return true;
}

bool choices_line(const char *text, unsigned index, char *ret_line, size_t size) {
	struct choice c;

	if (!choice_at(text, index, &c))
		return false;
	(void)snprintf(ret_line, size, "  %s  %.*s", c.number, (int)(c.n - c.n_number),
	               c.line + c.n_number);
	return true;
}

static bool is_meant(const struct choice *c, const struct secret *answer) {
	const char *typed = (const char *)answer->bytes, *words = c->line + c->n_number;
	size_t n_words = c->n - c->n_number;

	if (answer->n == strlen(c->number) && memcmp(typed, c->number, answer->n) == 0)
		return true;
	return answer->n == n_words && strncasecmp(typed, words, n_words) == 0;
}

void choices_answer(const char *text, struct secret *answer) {
	struct choice c;

	for (unsigned i = 0; choice_at(text, i, &c); ++i)
		if (is_meant(&c, answer)) {
			if (c.n_number > 0)
				(void)secret_set(answer, c.number, strlen(c.number));
			else
				(void)secret_set(answer, c.line, c.n);
			return;
		}
}
