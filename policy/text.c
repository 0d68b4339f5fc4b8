/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/text.h"

#include <stdint.h>
#include <string.h>

#include "common/limits.h"

/* Bytes of the well-formed character at @p of @n bytes; 0: it is not one. */
static size_t character_size(const unsigned char *p, size_t n) {
	static const struct {
		unsigned char first, last; /* range of the first byte    */
		unsigned char low, high;   /* range of the second byte   */
		size_t size;
	} forms[] = {
		{ 0x00, 0x7f, 0x00, 0xff, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); ++i) {
		size_t size = forms[i].size;

		if (p[0] < forms[i].first || p[0] > forms[i].last)
			continue;
		if (size > n)
			return 0;
		if (size > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))
			return 0;
		for (size_t k = 2; k < size; ++k)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return size;
	}
	return 0;
}

bool text_is_utf8(const char *text, size_t n) {
	const unsigned char *p = (const unsigned char *)text;

	while (n > 0) {
		size_t size = character_size(p, n);

		if (size == 0)
			return false;
		p += size;
		n -= size;
	}
	return true;
}

/* A position in the text. Everything below moves it forward, never back. */
struct scan {
	const struct reader *r;
	const char *p;
	const char *end;
	uint32_t line;
	uint32_t depth;
	uint32_t n_settings;
	bool after_string;
};

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '*';
}

static char peek(const struct scan *s, size_t ahead) {
	return (size_t)(s->end - s->p) > ahead ? s->p[ahead] : '\0';
}

static bool skip_comment(struct scan *s) {
	uint32_t begun = s->line;

	if (*s->p == '#' || peek(s, 1) == '/') {
		while (s->p < s->end && *s->p != '\n')
			s->p++;
		return true;
	}
	for (s->p += 2; s->p < s->end; s->p++) {
		if (*s->p == '\n')
			s->line++;
		if (*s->p == '*' && peek(s, 1) == '/') {
			s->p += 2;
			return true;
		}
	}
	refuse(s->r, begun, "this comment never ends; close it with */");
	return false;
}

static bool skip_string(struct scan *s) {
	if (s->after_string) {
		refuse(s->r, s->line, "two texts follow each other; put a comma between them");
		return false;
	}
	for (s->p++; s->p < s->end && *s->p != '\n'; s->p++) {
		if (*s->p == '"') {
			s->p++;
			s->after_string = true;
			return true;
		}
		if (*s->p != '\\')
			continue;
		s->p++;
		if (s->p < s->end && (*s->p == '"' || *s->p == '\\'))
			continue;
		refuse(s->r, s->line, "a backslash may stand before \" and \\ only");
		return false;
	}
	refuse(s->r, s->line, "this text has no closing quote on its line");
	return false;
}

/* Only what reads the same to everybody: 0, 12, -12; not 012, 0x12, 12L, 1.5. */
static bool skip_number(struct scan *s) {
	const char *begin = s->p;
	size_t n_digits = 0, n;

	if (*s->p == '-')
		s->p++;
	while (is_digit(peek(s, n_digits)))
		n_digits++;
	n = n_digits;
	while (is_letter(peek(s, n)) || is_digit(peek(s, n)) || peek(s, n) == '.' ||
	       peek(s, n) == '-' || peek(s, n) == '+')
		n++;
	if (n == n_digits && n_digits > 0 && n_digits <= TEXT_DIGITS_MAX &&
	    (n_digits == 1 || *s->p != '0')) {
		s->p += n;
		return true;
	}
	n += (size_t)(s->p - begin);
	refuse(s->r, s->line,
	       "%.*s is not a number here; write a whole decimal number of at most %u digits",
	       (int)(n > 32 ? 32 : n), begin, TEXT_DIGITS_MAX);
	return false;
}

static bool skip_bracket(struct scan *s) {
	if (strchr("([{", *s->p))
		s->depth++;
	else if (s->depth > 0)
		s->depth--;
	s->p++;
	if (s->depth <= TEXT_DEPTH_MAX)
		return true;
	refuse(s->r, s->line, "more brackets inside brackets than TEXT_DEPTH_MAX (%u)",
	       TEXT_DEPTH_MAX);
	return false;
}

/* One token, comment or space. Return: false after adding an error. */
static bool scan_step(struct scan *s) {
	char c = *s->p;
	bool after_string = s->after_string;

	if (c == '\n')
		s->line++;
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
		s->p++;
		return true;
	}
	if (c == '#' || (c == '/' && (peek(s, 1) == '/' || peek(s, 1) == '*')))
		return skip_comment(s);
	if (c == '"')
		return skip_string(s);
	s->after_string = false;
	if (after_string && (is_letter(c) || is_digit(c))) {
		refuse(s->r, s->line, "something is missing between the text and %c; a comma or ;?",
		       c);
		return false;
	}
	if (is_digit(c) || c == '-' || c == '+' || c == '.')
		return skip_number(s);
	if (is_letter(c)) {
		while (is_letter(peek(s, 0)) || is_digit(peek(s, 0)) || peek(s, 0) == '-')
			s->p++;
		return true;
	}
	if (c != '\0' && strchr("()[]{}", c))
		return skip_bracket(s);
	if ((c == '=' || c == ':') && ++s->n_settings > TEXT_SETTINGS_MAX) {
		refuse(s->r, s->line, "more settings than TEXT_SETTINGS_MAX (%u)",
		       TEXT_SETTINGS_MAX);
		return false;
	}
	if (c == '@') {
		refuse(s->r, s->line, "@include is not allowed; one file holds everything");
		return false;
	}
	s->p++;
	return true;
}

static uint32_t line_of(const char *p, const char *at) {
	uint32_t line = 1;

	for (; p < at; ++p)
		line += *p == '\n';
	return line;
}

/* Bytes that no text file holds. */
static bool bytes_check(const struct reader *r, const char *text, size_t n) {
	for (size_t i = 0; i < n; ++i) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != 0x7f)
			continue;
		if (c == '\n' || c == '\t' || c == '\r')
			continue;
		refuse(r, line_of(text, text + i),
		       "byte 0x%02x is not text; the file may be damaged, restore it", c);
		return false;
	}
	for (size_t i = 0; i < n;) {
		size_t size = character_size((const unsigned char *)text + i, n - i);

		if (size == 0) {
			refuse(r, line_of(text, text + i), "not UTF-8; save the file as UTF-8");
			return false;
		}
		i += size;
	}
	return true;
}

/* libconfig looks for @include at the start of any line, so we do too. */
static bool includes_check(const struct reader *r, const char *text, size_t n) {
	uint32_t line = 1;
	bool at_start = true;

	for (size_t i = 0; i < n; ++i) {
		if (text[i] == '@' && at_start && n - i >= 8 && !memcmp(text + i, "@include", 8)) {
			refuse(r, line, "@include is not allowed; one file holds everything");
			return false;
		}
		line += text[i] == '\n';
		if (text[i] == '\n')
			at_start = true;
		else if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
			at_start = false;
	}
	return true;
}

bool text_check(const struct reader *r, const char *p, size_t n) {
	struct scan s = { .r = r, .p = p, .end = p + n, .line = 1 };

	if (n == 0) {
		refuse(r, 0, "the file is empty; start from a profile in config/");
		return false;
	}
	if (n > LIMIT_CONFIG) {
		refuse(r, 0, "the file is larger than LIMIT_CONFIG (%u bytes)", LIMIT_CONFIG);
		return false;
	}
	if (!bytes_check(r, p, n) || !includes_check(r, p, n))
		return false;
	while (s.p < s.end)
		if (!scan_step(&s))
			return false;
	return true;
}
