/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/compile.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/cleanup.h"
#include "policy/names.h"

/* The value of a hexadecimal digit. Return: 0 to 15; -EINVAL. */
static int digit_of(char c) {
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return p ? (int)(p - digits) : -EINVAL;
}

/* @n_bytes from hexadecimal digits; a dash between two of them is skipped. */
static int bytes_of(const char *text, uint8_t *ret_bytes, size_t n_bytes) {
	size_t n_digits = 0;

	for (; *text; ++text) {
		int digit = digit_of(*text);

		if (*text == '-')
			continue;
		if (digit < 0 || n_digits >= 2 * n_bytes)
			return -EINVAL;
		if (n_digits % 2 == 0)
			ret_bytes[n_digits / 2] = (uint8_t)(digit << 4);
		else
			ret_bytes[n_digits / 2] |= (uint8_t)digit;
		n_digits++;
	}
	return n_digits == 2 * n_bytes ? 0 : -EINVAL;
}

/* The grammar has looked at the digits. */
static void compile_pin(const struct parsed_pin *pin, struct pinned_file *out) {
	memcpy(out->file, pin->file, sizeof(out->file));
	if (bytes_of(pin->sha256, out->sha256, sizeof(out->sha256)) < 0)
		memset(out, 0, sizeof(*out)); /* refused already */
}

int policy_pinned_matches(const struct pinned_file *pin, const void *bytes, size_t n) {
	static const uint8_t none[32];
	uint8_t sha256[32];
	unsigned n_sha256 = 0;

	if (!pin->file[0] || CRYPTO_memcmp(pin->sha256, none, sizeof(none)) == 0)
		return -EINVAL;
	if (EVP_Digest(bytes, n, sha256, &n_sha256, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	return CRYPTO_memcmp(pin->sha256, sha256, sizeof(sha256)) == 0 ? 0 : -EBADMSG;
}

/* What a kind of reader needs, and what has no meaning for it. */
static const struct {
	bool needs_path; /* of a device or socket               */
	bool no_path;
	bool badges;     /* it reads badges, so form has a meaning */
	bool line;       /* it is a line, so speed has a meaning   */
} kinds[READER_N_KINDS] = {
	[READER_PCSC] = { .badges = true },
	[READER_SERIAL] = { .needs_path = true, .badges = true, .line = true },
	[READER_WEDGE] = { .badges = true }, /* without a path: into the seat's application */
	[READER_USB_KEY] = { .no_path = true },
	[READER_KEY_SOCKET] = { .needs_path = true },
};

static const char *kind_name(uint8_t kind) {
	for (const struct word *w = parse_reader_words; w->name; ++w)
		if (w->value == kind)
			return w->name;
	return "unknown";
}

static void check_reader(const struct reader *r, const struct parsed_reader *p) {
	static const uint32_t speeds[] = { 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200 };
	const char *remedy = parse_remedy_path(p->path), *kind = kind_name(p->kind);
	bool known = false;

	if (p->kind == READER_NONE || p->kind >= READER_N_KINDS)
		return; /* refused by the grammar */
	if ((kinds[p->kind].needs_path || (p->kind == READER_WEDGE && p->path[0])) && remedy)
		refuse(r, p->item.line, "path of a reader of kind \"%s\" is \"%.70s\"; %s", kind,
		       p->path, remedy);
	if (kinds[p->kind].no_path && p->path[0])
		refuse(r, p->item.line, "path has no meaning for a reader of kind \"%s\"; leave it "
		       "out", kind);
	if (!kinds[p->kind].badges && p->form != BADGE_HEX)
		refuse(r, p->item.line, "form has no meaning for a reader of kind \"%s\", which "
		       "reads no badges; leave it out", kind);
	if (!kinds[p->kind].line && p->speed != 9600)
		refuse(r, p->item.line, "speed has no meaning for a reader of kind \"%s\"; leave it "
		       "out", kind);
	for (size_t i = 0; i < ARRAY_SIZE(speeds); ++i)
		known |= speeds[i] == p->speed;
	if (!known)
		refuse(r, p->item.line, "speed is %u; lines run at 1200, 2400, 4800, 9600, 19200, "
		       "38400, 57600 or 115200 bits a second", p->speed);
}

/* Readers that type into an application are told apart by its seat. */
static bool is_same_reader(const struct parsed_reader *a, const struct parsed_reader *b) {
	if (a->kind != b->kind || strcmp(a->path, b->path) != 0)
		return false;
	return a->kind != READER_WEDGE || a->path[0] || strcmp(a->seat, b->seat) == 0;
}

void compile_readers(struct compile *c) {
	const struct policy_table *t = &c->p->table;
	const struct reader *r = &c->device_file.r;
	struct token_rules *rules = &c->p->settings.tokens;
	const uint32_t every = (1u << t->n_seats) - 1;

	for (uint32_t i = 0; i < c->device.n_readers; ++i) {
		const struct parsed_reader *p = &c->device.readers[i];
		int seat = policy_seat_index(t, p->seat);

		check_reader(r, p);
		if (seat < 0 && p->seat[0])
			refuse(r, p->item.line, "unknown seat \"%s\"; seats lists them" NEAREST_FORMAT,
			       p->seat,
			       NEAREST_ARGS(policy_nearest(p->seat, t->seat_names, t->n_seats)));
		for (uint32_t k = 0; k < i; ++k)
			if (is_same_reader(&c->device.readers[k], p))
				refuse(r, p->item.line, "this reader stands here for the second time; "
				       "the first is on line %u", c->device.readers[k].item.line);
		rules->readers[i] = (struct reader_rules){
			.kind = (enum reader_kind)p->kind,
			.seats = !p->seat[0] ? every : seat < 0 ? 0 : 1u << seat,
			.form = (enum badge_form)p->form,
			.speed = p->kind == READER_SERIAL ? p->speed : 0,
		};
		memcpy(rules->readers[i].path, p->path, sizeof(rules->readers[i].path));
		rules->n_readers = i + 1;
	}
	if (c->device.service_authority.item.line)
		compile_pin(&c->device.service_authority, &rules->service_authority);
}

/* Names with which a library, or the loader, is led to other code or other files. */
static const char *const dangerous[] = {
	"LD_*",       "GLIBC_TUNABLES", "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES",
	"LOCALDOMAIN", "LOCPATH",       "MALLOC_*",   "NIS_PATH",    "NLSPATH",
	"OPENSSL_*",  "RESOLV_HOST_CONF", "RES_OPTIONS", "TMPDIR",   "TZDIR",
	"PATH",
};

static bool is_dangerous(const char *name, size_t n) {
	for (size_t i = 0; i < ARRAY_SIZE(dangerous); ++i) {
		size_t most = strlen(dangerous[i]);
		bool begins = dangerous[i][most - 1] == '*';

		if (begins ? n >= most - 1 && strncmp(name, dangerous[i], most - 1) == 0
		           : n == most && strncmp(name, dangerous[i], n) == 0)
			return true;
	}
	return false;
}

/* Tabs pass the file's own check, and the controls behind 0xc2 are valid UTF-8. */
static bool has_controls(const char *text) {
	const unsigned char *p = (const unsigned char *)text;

	for (; *p; ++p)
		if (*p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			return true;
	return false;
}

/* Return: NULL when @text is a good NAME=value; what would be right. */
static const char *environment_remedy(const char *text) {
	size_t n = strcspn(text, "=");

	if (text[n] != '=' || n == 0 || isdigit((unsigned char)text[0]))
		return "write NAME=value";
	for (size_t i = 0; i < n; ++i)
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return "write NAME=value; a name has letters, digits and _";
	if (is_dangerous(text, n))
		return "this name leads a library to other code; leave it out";
	if (has_controls(text + n))
		return "a value has no control characters";
	return strlen(text) < TOKEN_ENVIRONMENT_TEXT ? NULL
	                                             : "write less than TOKEN_ENVIRONMENT_TEXT (256) bytes";
}

static bool same_name(const char *a, const char *b) {
	size_t n = strcspn(a, "=");

	return n == strcspn(b, "=") && strncmp(a, b, n) == 0;
}

/* An array of texts: each has to pass @remedy and to differ from those before. */
static void check_texts(const struct compile *c, const config_setting_t *array, const char *key,
                        const char *(*remedy)(const char *),
                        bool (*same)(const char *, const char *)) {
	const struct compile_file *f = &c->site_file;
	int n = array ? config_setting_length(array) : 0;

	for (int i = 0; i < n; ++i) {
		const char *text = config_setting_get_string_elem(array, i);
		const char *right = remedy(text);

		if (right)
			refuse(&f->r, element_line(f->source, array, i), "%s: \"%.70s\"; %s", key, text,
			       right);
		for (int k = 0; k < i && !right; ++k)
			if (same(text, config_setting_get_string_elem(array, k)))
				refuse(&f->r, element_line(f->source, array, i),
				       "%s: \"%.70s\" stands here for the second time; keep one", key,
				       text);
	}
}

static bool same_text(const char *a, const char *b) {
	return strcmp(a, b) == 0;
}

static const char *list_remedy(const char *text) {
	if (strlen(text) >= LIMIT_NAME)
		return "write at most 63 bytes";
	return parse_remedy_file(text);
}

static const char *aaguid_remedy(const char *text) {
	static const uint8_t dashes[] = { 8, 13, 18, 23 };
	uint8_t bytes[16];
	bool uuid = strlen(text) == 36;

	for (size_t i = 0; i < sizeof(dashes) && uuid; ++i)
		uuid = text[dashes[i]] == '-';
	if ((uuid || strlen(text) == 32) && bytes_of(text, bytes, sizeof(bytes)) == 0)
		return NULL;
	return "write 32 hexadecimal digits, or 8-4-4-4-12 of them";
}

static bool same_aaguid(const char *a, const char *b) {
	uint8_t one[16], other[16];

	return bytes_of(a, one, sizeof(one)) == 0 && bytes_of(b, other, sizeof(other)) == 0 &&
	       memcmp(one, other, sizeof(one)) == 0;
}

static void copy_texts(const config_setting_t *array, char *out, size_t size, uint32_t most,
                       uint32_t *ret_n) {
	int n = array ? config_setting_length(array) : 0;

	for (int i = 0; i < n && (uint32_t)i < most; ++i) {
		const char *text = config_setting_get_string_elem(array, i);

		if (strlen(text) < size)
			memcpy(out + (size_t)i * size, text, strlen(text) + 1);
		*ret_n = (uint32_t)i + 1;
	}
}

/* What would make a card useless, or somebody else's card as good. */
static void check_smartcard(const struct compile *c) {
	const struct parsed_smartcard *p = &c->site.tokens.smartcard;
	const struct smartcard_rules *s = &c->p->settings.tokens.smartcard;
	const struct {
		bool wrong;
		const char *text;
	} rules[] = {
		{ s->n_authorities == 0 && !s->enrolled_without_chain,
		  "tokens.smartcard has no authorities, so no card counts; name them, or let enrolled "
		  "keys count by themselves: enrolled_without_authority = true" },
		{ s->enrolled_without_chain && !s->by_key,
		  "tokens.smartcard.enrolled_without_authority needs recognise = \"key\"; anybody can "
		  "make a certificate with the issuer and serial of another one" },
		{ s->n_authorities > 0 && s->n_lists == 0 && s->missing == REVOCATION_REFUSE,
		  "tokens.smartcard has no revocation_lists, so no card counts; name them, or say "
		  "revocation = { missing = \"record\"; }" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); ++i)
		if (rules[i].wrong)
			refuse(&c->site_file.r, p->item.line, "%s", rules[i].text);
	for (uint32_t i = 0; i < p->n_authorities; ++i)
		for (uint32_t k = 0; k < i; ++k)
			if (strcmp(p->authorities[i].file, p->authorities[k].file) == 0)
				refuse(&c->site_file.r, p->authorities[i].item.line,
				       "authority \"%s\" stands here for the second time; keep one",
				       p->authorities[i].file);
}

static void compile_smartcard(struct compile *c) {
	const struct parsed_smartcard *p = &c->site.tokens.smartcard;
	struct smartcard_rules *s = &c->p->settings.tokens.smartcard;

	s->on = p->item.line != 0;
	s->min_rsa_bits = p->min_rsa_bits;
	s->missing = (enum revocation_rule)p->revocation.missing;
	s->stale = (enum revocation_rule)p->revocation.stale;
	s->by_key = p->by_key != 0;
	s->enrolled_without_chain = p->enrolled_without_chain != 0;
	s->service = p->service != 0;
	if (!s->on)
		return;
	memcpy(s->module, p->module, sizeof(s->module));
	check_texts(c, p->environment, "tokens.smartcard.environment", environment_remedy, same_name);
	copy_texts(p->environment, s->environment[0], sizeof(s->environment[0]),
	           TOKEN_ENVIRONMENT_MAX, &s->n_environment);
	check_texts(c, p->lists, "tokens.smartcard.revocation_lists", list_remedy, same_text);
	copy_texts(p->lists, s->lists[0], sizeof(s->lists[0]), TOKEN_LISTS_MAX, &s->n_lists);
	for (uint32_t i = 0; i < p->n_authorities; ++i)
		compile_pin(&p->authorities[i], &s->authorities[i]);
	s->n_authorities = p->n_authorities;
	check_smartcard(c);
}

static void compile_security_key(struct compile *c) {
	const struct parsed_security_key *p = &c->site.tokens.security_key;
	struct security_key_rules *s = &c->p->settings.tokens.security_key;
	int n = p->aaguids ? config_setting_length(p->aaguids) : 0;

	s->on = p->item.line != 0;
	s->verification = (enum key_verification)p->verification;
	s->synced = p->synced != 0;
	memcpy(s->rp, p->rp, sizeof(s->rp));
	check_texts(c, p->aaguids, "tokens.security_key.aaguids", aaguid_remedy, same_aaguid);
	for (int i = 0; i < n && i < (int)TOKEN_AAGUIDS_MAX; ++i) {
		(void)bytes_of(config_setting_get_string_elem(p->aaguids, i), s->aaguids[i],
		               sizeof(s->aaguids[i]));
		s->n_aaguids = (uint32_t)i + 1;
	}
	/* An empty list would let nobody enrol; it is the same as none. */
	s->attested = s->n_aaguids > 0;
}

void compile_tokens(struct compile *c) {
	const struct parsed_badge *badge = &c->site.tokens.badge;
	struct token_rules *rules = &c->p->settings.tokens;

	rules->deadline_ms = c->site.tokens.deadline_ms;
	compile_smartcard(c);
	compile_security_key(c);
	rules->badge.on = badge->item.line != 0;
	rules->badge.tap_out = badge->tap_out != 0;
	rules->badge.code_digits = badge->code_digits;
	if (badge->code_digits > 0 && badge->code_digits < 4)
		refuse(&c->site_file.r, badge->item.line, "tokens.badge.code_digits is %u; it must be "
		       "4, 5 or 6, or 0 for no codes", badge->code_digits);
}
