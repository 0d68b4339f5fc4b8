/* SPDX-License-Identifier: Apache-2.0 */
/* What site.cfg says about tokens, and device.cfg about their readers. */
#include <string.h>

#include "policy/parse.h"
#include "policy/parse-keys.h"

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* libconfig gives octets; one of them above 0x7f is in none of the sets below. */
static bool is_made_of(const char *text, const char *letters) {
	return text[0] != '\0' && text[strspn(text, letters)] == '\0';
}

const char *parse_remedy_path(const char *text) {
	size_t n = strlen(text);

	if (text[0] != '/')
		return "write the whole path, from / on";
	for (const char *p = text; (p = strchr(p, '/')) != NULL; ++p) {
		size_t segment = strcspn(p + 1, "/");

		if (segment == 0 || strncmp(p + 1, ".", segment) == 0 ||
		    strncmp(p + 1, "..", segment) == 0)
			return "write the path without //, /./ and /../";
	}
	return n > 1 ? NULL : "name a file";
}

const char *parse_remedy_file(const char *text) {
	if (!is_made_of(text, DIGITS LOWER UPPER "._-") || text[0] == '.')
		return "write the name of a file beside this one: a-z A-Z 0-9 . _ -, no path";
	return NULL;
}

static const char *remedy_sha256(const char *text) {
	if (strlen(text) != 64 || !is_made_of(text, DIGITS "abcdefABCDEF"))
		return "write the 64 hexadecimal digits that sha256sum prints";
	return NULL;
}

/* RFC 1123, in lower case; an address is no name. */
static const char *remedy_host(const char *text) {
	static const char remedy[] = "write a name like keys.hospital.example: labels of a-z 0-9 - "
				     "with single dots between";
	bool digits_only = true;

	for (const char *p = text;; p += 1) {
		size_t n = strcspn(p, ".");

		if (n == 0 || n > 63 || strspn(p, DIGITS LOWER "-") < n || p[0] == '-' ||
		    p[n - 1] == '-')
			return remedy;
		digits_only = strspn(p, DIGITS) >= n;
		p += n;
		if (*p == '\0')
			break;
	}
	return digits_only ? remedy : NULL;
}

static const struct word revocation_words[] = {
	{ "refuse", REVOCATION_REFUSE }, { "record", REVOCATION_RECORD }, { NULL, 0 },
};

static const struct word recognise_words[] = { { "issuer-serial", 0 }, { "key", 1 }, { NULL, 0 } };

static const struct word verification_words[] = {
	{ "required", KEY_VERIFY_REQUIRED }, { "never", KEY_VERIFY_NEVER }, { NULL, 0 },
};

const struct word parse_reader_words[] = {
	{ "pcsc", READER_PCSC },       { "serial", READER_SERIAL },
	{ "wedge", READER_WEDGE },     { "usb-key", READER_USB_KEY },
	{ "key-socket", READER_KEY_SOCKET }, { NULL, 0 },
};

static const struct word form_words[] = {
	{ "hex", BADGE_HEX },         { "hex-reversed", BADGE_HEX_REVERSED },
	{ "decimal", BADGE_DECIMAL }, { "decimal-reversed", BADGE_DECIMAL_REVERSED },
	{ "wiegand", BADGE_WIEGAND }, { "text", BADGE_TEXT },
	{ NULL, 0 },
};

#define ITEM struct parsed_pin
static const struct key pin_keys[] = {
	{ .name = "file", .type = KEY_TEXT, .required = true, .remedy = parse_remedy_file,
	  FIELD(file) },
	{ .name = "sha256", .type = KEY_TEXT, .required = true, .remedy = remedy_sha256,
	  FIELD(sha256) },
};
#undef ITEM

static const struct section authority_section = SECTION("tokens.smartcard.authorities", pin_keys);
const struct section parse_service_authority = SECTION("service_authority", pin_keys);

#define ITEM struct parsed_smartcard
static const struct key revocation_keys[] = {
	{ .name = "missing", .type = KEY_WORD, .words = revocation_words,
	  .fallback = REVOCATION_REFUSE, MEMBER(revocation, missing) },
	{ .name = "stale", .type = KEY_WORD, .words = revocation_words,
	  .fallback = REVOCATION_REFUSE, MEMBER(revocation, stale) },
};

static const struct section revocation_section =
	SECTION("tokens.smartcard.revocation", revocation_keys);

static const struct key smartcard_keys[] = {
	{ .name = "module", .type = KEY_TEXT, .required = true, .remedy = parse_remedy_path,
	  FIELD(module) },
	{ .name = "environment", .type = KEY_TEXTS, .max = TOKEN_ENVIRONMENT_MAX,
	  .limit = "TOKEN_ENVIRONMENT_MAX", FIELD(environment) },
	{ .name = "authorities", .section = &authority_section,
	  LIST(authorities, n_authorities, struct parsed_pin, TOKEN_AUTHORITIES_MAX) },
	{ .name = "revocation_lists", .type = KEY_TEXTS, .max = TOKEN_LISTS_MAX,
	  .limit = "TOKEN_LISTS_MAX", FIELD(lists) },
	{ .name = "revocation", .section = &revocation_section, GROUP(revocation) },
	{ .name = "min_rsa_bits", .type = KEY_INT, .min = 2048, .max = 4096, .fallback = 2048,
	  .unit = "bits", FIELD(min_rsa_bits) },
	{ .name = "recognise", .type = KEY_WORD, .words = recognise_words, .fallback = 0,
	  FIELD(by_key) },
	{ .name = "enrolled_without_authority", .type = KEY_BOOL, .fallback = 0,
	  FIELD(enrolled_without_chain) },
	{ .name = "service", .type = KEY_BOOL, .fallback = 0, FIELD(service) },
};
#undef ITEM

#define ITEM struct parsed_security_key
static const struct key security_key_keys[] = {
	{ .name = "rp", .type = KEY_TEXT, .required = true, .remedy = remedy_host, FIELD(rp) },
	{ .name = "verification", .type = KEY_WORD, .words = verification_words,
	  .fallback = KEY_VERIFY_REQUIRED, FIELD(verification) },
	{ .name = "aaguids", .type = KEY_TEXTS, .max = TOKEN_AAGUIDS_MAX,
	  .limit = "TOKEN_AAGUIDS_MAX", FIELD(aaguids) },
	{ .name = "synced", .type = KEY_BOOL, .fallback = 0, FIELD(synced) },
};
#undef ITEM

#define ITEM struct parsed_badge
static const struct key badge_keys[] = {
	{ .name = "tap_out", .type = KEY_BOOL, .fallback = 1, FIELD(tap_out) },
	{ .name = "code_digits", .type = KEY_INT, .min = 0, .max = 6, .fallback = 0,
	  .unit = "digits", FIELD(code_digits) },
};
#undef ITEM

static const struct section smartcard_section = SECTION("tokens.smartcard", smartcard_keys);
static const struct section security_key_section =
	SECTION("tokens.security_key", security_key_keys);
static const struct section badge_section = SECTION("tokens.badge", badge_keys);

#define ITEM struct parsed_tokens
static const struct key tokens_keys[] = {
	{ .name = "deadline", .type = KEY_INT, .min = 2, .max = 60, .fallback = 10, SECONDS_AS_MS,
	  FIELD(deadline_ms) },
	{ .name = "smartcard", .section = &smartcard_section, GROUP(smartcard) },
	{ .name = "security_key", .section = &security_key_section, GROUP(security_key) },
	{ .name = "badge", .section = &badge_section, GROUP(badge) },
};
#undef ITEM

const struct section parse_tokens = SECTION("tokens", tokens_keys);

#define ITEM struct parsed_reader
static const struct key reader_keys[] = {
	{ .name = "kind", .type = KEY_WORD, .required = true, .words = parse_reader_words,
	  FIELD(kind) },
	{ .name = "seat", .type = KEY_NAME, FIELD(seat) },
	{ .name = "path", .type = KEY_TEXT, FIELD(path) },
	{ .name = "form", .type = KEY_WORD, .words = form_words, .fallback = BADGE_HEX,
	  FIELD(form) },
	{ .name = "speed", .type = KEY_INT, .min = 1200, .max = 115200, .fallback = 9600,
	  .unit = "bits a second", FIELD(speed) },
};
#undef ITEM

const struct section parse_readers = SECTION("readers", reader_keys);
