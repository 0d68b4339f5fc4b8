/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <pwquality.h>
#include <stdio.h>

#include "auth/password.h"
#include "auth/row.h"
#include "auth/stack.h"
#include "auth/text.h"
#include "common/cleanup.h"

#define MIN_LENGTH_FLOOR 8u /* characters, whatever the site says               */
#define WORD_MIN 4u         /* characters of a name that may not be contained   */
#define OLD_DIFFERENCE 4    /* characters that must differ from the old one     */

/* What the quality library wants: a C string. Wiped with its frame. */
struct password_string {
	char text[SECRET_MAX + 1];
};

static void password_string_wipe(struct password_string *s) {
	explicit_bzero(s, sizeof(*s));
}

static void password_string_set(struct password_string *s, const struct secret *secret) {
	size_t n = secret->n < SECRET_MAX ? secret->n : SECRET_MAX;

	memcpy(s->text, secret->bytes, n);
	s->text[n] = '\0';
}

DEFINE_CLEANUP(pwquality_settings_t *, pwquality_free_settings)

uint32_t password_least(const struct password_rules *rules, bool privileged) {
	uint32_t n = rules->min_length;

	if (privileged && rules->min_length_privileged > n)
		n = rules->min_length_privileged;
	return n < MIN_LENGTH_FLOOR ? MIN_LENGTH_FLOOR : n;
}

static uint32_t count_classes(const struct text *text) {
	bool seen[4] = { false };

	for (size_t i = 0; i < text->n; ++i) {
		enum text_class class = text_classify(text->points[i]);

		if (class == TEXT_LOWER)
			seen[0] = true;
		else if (class == TEXT_UPPER)
			seen[1] = true;
		else if (class == TEXT_DIGIT)
			seen[2] = true;
		else
			seen[3] = true;
	}
	return (uint32_t)seen[0] + seen[1] + seen[2] + seen[3];
}

static bool contains(const struct text *all, const int32_t *part, size_t n_part) {
	return n_part > 0 && n_part <= all->n &&
	       memmem(all->points, all->n * sizeof(*part), part, n_part * sizeof(*part)) != NULL;
}

static bool is_word_letter(int32_t point) {
	enum text_class class = text_classify(point);

	return class != TEXT_SPACE && class != TEXT_OTHER && class != TEXT_FORBIDDEN;
}

/*
 * Does @all contain @words as a whole, or one of the words that it is made of?
 * Parts shorter than WORD_MIN are let through: "Li" is in too many good ones.
 */
static own_frame_ bool contains_words(const struct text *all, const char *words) {
	struct text text;
	size_t begin = 0;

	if (!words || text_decode((const uint8_t *)words, strlen(words), TEXT_BARE, &text) < 0)
		return false;
	if (text.n >= WORD_MIN && contains(all, text.points, text.n))
		return true;

	for (size_t i = 0; i <= text.n; ++i) {
		if (i < text.n && is_word_letter(text.points[i]))
			continue;
		if (i - begin >= WORD_MIN && contains(all, text.points + begin, i - begin))
			return true;
		begin = i + 1;
	}
	return false;
}

static own_frame_ enum password_fault check_names(const struct secret *prepared,
						  const struct account *account,
						  const char *const *device, size_t n_device) {
	cleanup_(text_wipe) struct text bare = { 0 };

	if (text_decode(prepared->bytes, prepared->n, TEXT_BARE, &bare) < 0)
		return PASSWORD_BAD_TEXT;
	if (account && (contains_words(&bare, account->name) ||
	                contains_words(&bare, account->display) ||
	                contains_words(&bare, account->person)))
		return PASSWORD_LIKE_NAME;
	for (size_t i = 0; i < n_device; ++i)
		if (contains_words(&bare, device[i]))
			return PASSWORD_LIKE_NAME;
	return PASSWORD_GOOD;
}

static own_frame_ enum password_fault check_old(const struct secret *prepared,
						const struct secret *old) {
	cleanup_(text_wipe) struct text bare = { 0 };
	cleanup_(text_wipe) struct text bare_old = { 0 };

	if (text_decode(prepared->bytes, prepared->n, TEXT_BARE, &bare) < 0 ||
	    text_decode(old->bytes, old->n, TEXT_BARE, &bare_old) < 0)
		return PASSWORD_BAD_TEXT;
	if (contains(&bare, bare_old.points, bare_old.n) ||
	    contains(&bare_old, bare.points, bare.n))
		return PASSWORD_LIKE_OLD;
	return PASSWORD_GOOD;
}

/* What the library finds, in our words. What is not here means: could not check. */
static const struct {
	int error;
	enum password_fault fault;
} quality_faults[] = {
	{ PWQ_ERROR_SAME_PASSWORD,     PASSWORD_LIKE_OLD      },
	{ PWQ_ERROR_CASE_CHANGES_ONLY, PASSWORD_LIKE_OLD      },
	{ PWQ_ERROR_TOO_SIMILAR,       PASSWORD_LIKE_OLD      },
	{ PWQ_ERROR_ROTATED,           PASSWORD_LIKE_OLD      },
	{ PWQ_ERROR_USER_CHECK,        PASSWORD_LIKE_NAME     },
	{ PWQ_ERROR_GECOS_CHECK,       PASSWORD_LIKE_NAME     },
	{ PWQ_ERROR_BAD_WORDS,         PASSWORD_LIKE_NAME     },
	{ PWQ_ERROR_PALINDROME,        PASSWORD_IN_DICTIONARY },
	{ PWQ_ERROR_MAX_CONSECUTIVE,   PASSWORD_IN_DICTIONARY },
	{ PWQ_ERROR_MAX_SEQUENCE,      PASSWORD_IN_DICTIONARY },
	{ PWQ_ERROR_CRACKLIB_CHECK,    PASSWORD_IN_DICTIONARY },
	{ PWQ_ERROR_MIN_LENGTH,        PASSWORD_TOO_SHORT     },
};

static enum password_fault fault_of(int quality) {
	if (quality >= 0)
		return PASSWORD_GOOD;
	for (size_t i = 0; i < ARRAY_SIZE(quality_faults); ++i)
		if (quality_faults[i].error == quality)
			return quality_faults[i].fault;
	return PASSWORD_UNCHECKED;
}

/* Settings of our own: the library's file in /etc is not read. NULL: no memory. */
static pwquality_settings_t *quality_settings(bool dictionary) {
	static const struct {
		int setting;
		int value;
	} values[] = {
		{ PWQ_SETTING_DIFF_OK,      OLD_DIFFERENCE },
		{ PWQ_SETTING_MIN_LENGTH,   6              }, /* ours is stricter */
		{ PWQ_SETTING_DIG_CREDIT,   0              },
		{ PWQ_SETTING_UP_CREDIT,    0              },
		{ PWQ_SETTING_LOW_CREDIT,   0              },
		{ PWQ_SETTING_OTH_CREDIT,   0              },
		{ PWQ_SETTING_MIN_CLASS,    0              },
		{ PWQ_SETTING_MAX_REPEAT,   5              },
		{ PWQ_SETTING_MAX_SEQUENCE, 6              },
		{ PWQ_SETTING_GECOS_CHECK,  0              }, /* no look into /etc/passwd */
		{ PWQ_SETTING_USER_CHECK,   1              },
	};
	cleanup_(pwquality_free_settingsp) pwquality_settings_t *settings = NULL;
	pwquality_settings_t *done;

	settings = pwquality_default_settings();
	if (!settings)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(values); ++i)
		if (pwquality_set_int_value(settings, values[i].setting, values[i].value) != 0)
			return NULL;
	if (pwquality_set_int_value(settings, PWQ_SETTING_DICT_CHECK, dictionary ? 1 : 0) != 0)
		return NULL;
	done = settings;
	settings = NULL; /* handed over */
	return done;
}

/*
 * Two passwords whose answers are known, checked after every real one. A
 * dictionary that cannot be read refuses the good one; one that is empty or cut
 * off takes the bad one. They also overwrite what the library and the dictionary
 * keep in static buffers, so they are as long as a password can be.
 */
static own_frame_ bool dictionary_works(pwquality_settings_t *settings, size_t n) {
	static const char fill[] = "Vq7#tZ-w2Lk9!hRx4@mPd6%sBn8&gFy3";
	struct password_string good;
	void *ignored = NULL;

	for (size_t i = 0; i < n && i < SECRET_MAX; ++i)
		good.text[i] = fill[(i + i / (sizeof(fill) - 1)) % (sizeof(fill) - 1)];
	good.text[n < SECRET_MAX ? n : SECRET_MAX] = '\0';

	return pwquality_check(settings, good.text, good.text + n / 2, "nobody", &ignored) !=
	               PWQ_ERROR_CRACKLIB_CHECK &&
	       pwquality_check(settings, good.text, NULL, NULL, &ignored) >= 0 &&
	       pwquality_check(settings, "password", NULL, NULL, &ignored) ==
	               PWQ_ERROR_CRACKLIB_CHECK;
}

static own_frame_ enum password_fault check_quality(const struct password_rules *rules,
						    const struct secret *prepared,
						    const struct secret *old,
						    const struct account *account) {
	cleanup_(password_string_wipe) struct password_string text = { 0 };
	cleanup_(password_string_wipe) struct password_string old_text = { 0 };
	cleanup_(pwquality_free_settingsp) pwquality_settings_t *settings = NULL;
	enum password_fault fault;
	void *ignored = NULL;

	settings = quality_settings(rules->dictionary);
	if (!settings)
		return PASSWORD_UNCHECKED;
	password_string_set(&text, prepared);
	if (old)
		password_string_set(&old_text, old);

	fault = fault_of(pwquality_check(settings, text.text, old ? old_text.text : NULL,
	                                 account && account->name[0] ? account->name : NULL,
	                                 &ignored));
	if (!dictionary_works(settings, prepared->n) && rules->dictionary &&
	    (fault == PASSWORD_GOOD || fault == PASSWORD_IN_DICTIONARY))
		return PASSWORD_UNCHECKED;
	return fault;
}

enum password_fault password_check(const struct password_rules *rules,
                                   const struct secret *prepared, const struct secret *old,
                                   const struct account *account, const char *const *device,
                                   size_t n_device, bool privileged) {
	cleanup_(text_wipe) struct text text = { 0 };
	enum password_fault fault;

	if (prepared->n > LIMIT_PASSWORD)
		return PASSWORD_TOO_LONG;
	if (text_decode(prepared->bytes, prepared->n, TEXT_NFC, &text) < 0)
		return PASSWORD_BAD_TEXT;
	for (size_t i = 0; i < text.n; ++i)
		if (text_classify(text.points[i]) == TEXT_FORBIDDEN)
			return PASSWORD_BAD_TEXT;
	if (text.n < password_least(rules, privileged))
		return PASSWORD_TOO_SHORT;
	if (count_classes(&text) < rules->min_classes)
		return PASSWORD_CLASSES;

	fault = check_names(prepared, account, device, n_device);
	if (fault == PASSWORD_GOOD && old && old->n > 0)
		fault = check_old(prepared, old);
	if (fault == PASSWORD_GOOD) {
		fault = check_quality(rules, prepared, old && old->n > 0 ? old : NULL, account);
		stack_wipe();
	}
	return fault;
}
