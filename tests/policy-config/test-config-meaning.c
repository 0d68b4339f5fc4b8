/* SPDX-License-Identifier: Apache-2.0 */
/* Every key does something, in the unit that it is documented in (CF-10). */
#undef NDEBUG
#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <careward/result.h>

#include "common/cleanup.h"
#include "policy/decide.h"
#include "support.h"

#define AT(f) offsetof(struct policy, f), sizeof(((struct policy *)0)->f)
#define SETTING(f) AT(settings.f)
#define TOKENS(f) SETTING(tokens.f)
#define CARD SITE, "tokens.smartcard", 0
#define ACTION(i, f) AT(table.actions[i].f)
#define CONTEXT(i, f) AT(table.contexts[i].f)
#define ROLE(i) (1u << (i))

enum { THERAPY_START, THERAPY_STOP, SETTINGS_DISPLAY, SOFTWARE_UPDATE, FIRST_BUILTIN };
enum { NURSE, BIOMED, REVIEWER, ADMIN };

/* What a key changes: it has another value in the base. Text: .text is expected. */
static const struct {
	struct change change[6];
	size_t offset, size;
	uint64_t number;
	const char *text;
} meanings[] = {
	{ { { DEVICE, "device", 0, "model", "\"Two words\"" } }, SETTING(device_model), 0,
	  "Two words" },
	{ { { DEVICE, "device", 0, "maker", "\"M\303\274ller\"" } }, SETTING(device_maker), 0,
	  "M\303\274ller" },
	{ { { DEVICE, "device", 0, "isolation", "\"optional\"" } }, SETTING(isolation_required), 0,
	  NULL },
	{ { { DEVICE, "seats", 0, "name", "\"left\"" }, { DEVICE, "signals", 0, "seat", "\"left\"" },
	    { DEVICE, "signals", 1, "seat", "\"left\"" }, { DEVICE, "readers", 0, "seat", "\"left\"" },
	    { DEVICE, "readers", 1, "seat", "\"left\"" },
	    { DEVICE, "readers", 2, "seat", "\"left\"" } }, AT(table.seat_names[0]), 0, "left" },
	{ { { DEVICE, "seats", 0, "group", "\"pump-ui\"" } }, SETTING(seats[0].group), 0, "pump-ui" },
	{ { { DEVICE, "seats", 0, "user", "\"other\"" } }, SETTING(seats[0].user), 0, "other" },
	{ { { DEVICE, "seats", 0, "mode", "\"0600\"" } }, SETTING(seats[0].mode), 0600, NULL },
	{ { { DEVICE, "signals", 1, "name", "\"lamp\"" } }, AT(table.signal_names[1]), 0, "lamp" },
	{ { { DEVICE, "signals", 1, "seat", "\"b\"" }, { DEVICE, "seats", 1, "name", "\"b\"" } },
	  AT(table.signals[1].seat), 1, NULL },
	{ { { DEVICE, "signals", 1, "ttl", "20" } }, AT(table.signals[1].ttl_ms), 20000, NULL },
	{ { { DEVICE, "", 0, "patient", "\"standby\"" } }, AT(table.patient_signal), 2, NULL },
	{ { { DEVICE, "minimum", 0, "care", "\"none\"" },
	    { SITE, "contexts", 1, "care", "\"none\"" } }, CONTEXT(1, care), CW_ASSURANCE_NONE, NULL },
	{ { { DEVICE, "actions", 0, "name", "\"therapy.begin\"" } }, AT(table.action_names[0]), 0,
	  "therapy.begin" },
	{ { { DEVICE, "actions", 0, "kind", "\"guarded\"" } }, ACTION(0, kind), CW_KIND_GUARDED,
	  NULL },
	{ { { DEVICE, "actions", SETTINGS_DISPLAY, "assurance", "\"strong\"" } },
	  ACTION(SETTINGS_DISPLAY, assurance), CW_ASSURANCE_STRONG, NULL },
	{ { { DEVICE, "actions", SOFTWARE_UPDATE, "assurance", "\"password\"" } },
	  ACTION(SOFTWARE_UPDATE, assurance), CW_ASSURANCE_PASSWORD, NULL },
	{ { { DEVICE, "actions", SOFTWARE_UPDATE, "confirm", "\"second-person\"" } },
	  ACTION(SOFTWARE_UPDATE, confirm), CW_CONFIRM_SECOND_PERSON, NULL },
	{ { { DEVICE, "actions", SOFTWARE_UPDATE, "fresh", "30" } },
	  ACTION(SOFTWARE_UPDATE, fresh_ms), 30000, NULL },
	{ { { DEVICE, "actions", SOFTWARE_UPDATE, "only_when", "[ \"!patient\" ]" } },
	  ACTION(SOFTWARE_UPDATE, when_false), 1, NULL },
	{ { { DEVICE, "actions", SOFTWARE_UPDATE, "only_when", "[ \"standby\" ]" } },
	  ACTION(SOFTWARE_UPDATE, when_true), 2, NULL },
	{ { { DEVICE, "actions", THERAPY_START, "witness", "true" } },
	  ACTION(THERAPY_START, witness), 1, NULL },
	{ { { DEVICE, "actions", 4, "name", "\"careward.export\"" },
	    { DEVICE, "actions", 4, "kind", "\"sensitive\"" } },
	  ACTION(FIRST_BUILTIN + POLICY_EXPORT, kind), CW_KIND_SENSITIVE, NULL },
	{ { { SITE, "site", 0, "name", "\"Elsewhere\"" } }, SETTING(site_name), 0, "Elsewhere" },
	{ { { SITE, "roles", NURSE, "name", "\"carer\"" },
	    { SITE, "roles", ADMIN, "creates", "[ \"carer\" ]" } }, AT(table.role_names[0]), 0,
	  "carer" },
	{ { { SITE, "roles", BIOMED, "inherits", "[ \"nurse\" ]" } }, ACTION(THERAPY_START, roles),
	  ROLE(NURSE) | ROLE(BIOMED), NULL },
	{ { { SITE, "roles", BIOMED, "inherits", "[ \"nurse\" ]" } },
	  SETTING(roles[BIOMED].inherits), ROLE(NURSE) | ROLE(BIOMED), NULL },
	{ { { SITE, "roles", NURSE, "allow", "[ \"therapy.*\", \"settings.display\" ]" } },
	  ACTION(SETTINGS_DISPLAY, roles), ROLE(NURSE) | ROLE(BIOMED), NULL },
	{ { { SITE, "roles", BIOMED, "deny", "[ \"settings.display\" ]" } },
	  ACTION(SETTINGS_DISPLAY, roles), 0, NULL },
	{ { { SITE, "roles", ADMIN, "creates", "[ \"nurse\" ]" } }, SETTING(roles[ADMIN].creates),
	  ROLE(NURSE), NULL },
	{ { { SITE, "roles", ADMIN, "creates_for", "12" } }, SETTING(roles[ADMIN].creates_for_s),
	  43200, NULL },
	{ { { SITE, "contexts", 1, "name", "\"night\"" } }, AT(table.context_names[1]), 0, "night" },
	{ { { SITE, "contexts", 1, "when", "[ \"!patient\", \"standby\" ]" } },
	  CONTEXT(1, when_false), 1, NULL },
	{ { { SITE, "contexts", 1, "care", "\"badge\"" } }, CONTEXT(1, care), CW_ASSURANCE_BADGE,
	  NULL },
	{ { { SITE, "contexts", 1, "guarded", "\"strong\"" } }, CONTEXT(1, guarded),
	  CW_ASSURANCE_STRONG, NULL },
	{ { { SITE, "contexts", 1, "idle_lock", "1800" } }, CONTEXT(1, idle_lock_ms), 1800000, NULL },
	{ { { SITE, "contexts", 1, "removal_locks", "false" } }, CONTEXT(1, removal_locks), 0, NULL },
	{ { { SITE, "contexts", 1, "alone", "true" } }, CONTEXT(1, alone), 1, NULL },
	{ { { SITE, "actions", 0, "name", "\"settings.display\"" },
	    { SITE, "actions", 0, "assurance", "\"strong\"" } },
	  ACTION(SETTINGS_DISPLAY, assurance), CW_ASSURANCE_STRONG, NULL },
	{ { { SITE, "actions", 0, "name", "\"careward.accounts\"" },
	    { SITE, "actions", 0, "kind", "\"sensitive\"" } }, ACTION(FIRST_BUILTIN, kind),
	  CW_KIND_SENSITIVE, NULL },
	{ { { SITE, "actions", 0, "name", "\"software.update\"" },
	    { SITE, "actions", 0, "confirm", "\"second-person\"" } },
	  ACTION(SOFTWARE_UPDATE, confirm), CW_CONFIRM_SECOND_PERSON, NULL },
	{ { { SITE, "actions", 0, "name", "\"software.update\"" },
	    { SITE, "actions", 0, "fresh", "10" } }, ACTION(SOFTWARE_UPDATE, fresh_ms), 10000, NULL },
	{ { { SITE, "actions", 0, "name", "\"software.update\"" },
	    { SITE, "actions", 0, "only_when", "[ \"standby\" ]" } },
	  ACTION(SOFTWARE_UPDATE, when_true), 2, NULL },
	{ { { SITE, "actions", 0, "name", "\"therapy.start\"" },
	    { SITE, "actions", 0, "witness", "true" } }, ACTION(THERAPY_START, witness), 1, NULL },
	{ { { SITE, "passwords", 0, "min_length", "8" } }, SETTING(passwords.min_length), 8, NULL },
	{ { { SITE, "passwords", 0, "min_length_privileged", "20" } },
	  SETTING(passwords.min_length_privileged), 20, NULL },
	{ { { SITE, "passwords", 0, "min_classes", "3" } }, SETTING(passwords.min_classes), 3, NULL },
	{ { { SITE, "passwords", 0, "history", "24" } }, SETTING(passwords.history), 24, NULL },
	{ { { SITE, "passwords", 0, "max_age", "365" } }, SETTING(passwords.max_age_s), 31536000,
	  NULL },
	{ { { SITE, "passwords", 0, "max_age", "3650" } }, SETTING(passwords.max_age_s), 315360000,
	  NULL },
	{ { { SITE, "passwords", 0, "min_age", "2" } }, SETTING(passwords.min_age_s), 172800, NULL },
	{ { { SITE, "passwords", 0, "one_time_valid", "24" } }, SETTING(passwords.one_time_valid_s),
	  86400, NULL },
	{ { { SITE, "passwords", 0, "dictionary", "false" } }, SETTING(passwords.dictionary), 0,
	  NULL },
	{ { { SITE, "passwords", 0, "argon2_memory", "19456" } },
	  SETTING(passwords.argon2_memory_kib), 19456, NULL },
	{ { { SITE, "passwords", 0, "argon2_passes", "2" } }, SETTING(passwords.argon2_passes), 2,
	  NULL },
	{ { { SITE, "lockout", 0, "free_tries", "3" } }, SETTING(lockout.free_tries), 3, NULL },
	{ { { SITE, "lockout", 0, "first", "30" } }, SETTING(lockout.first_ms), 30000, NULL },
	{ { { SITE, "lockout", 0, "longest", "86400" } }, SETTING(lockout.longest_ms), 86400000,
	  NULL },
	{ { { SITE, "lockout", 0, "disable_at", "50" } }, SETTING(lockout.disable_at), 50, NULL },
	{ { { SITE, "lockout", 0, "code_tries", "2" } }, SETTING(lockout.code_tries), 2, NULL },
	{ { { SITE, "break_glass", 0, "reasons", "[ \"One\", \"Two\" ]" } },
	  SETTING(break_glass.reasons[1]), 0, "Two" },
	{ { { SITE, "break_glass", 0, "reasons", "[ \"One\", \"Two\" ]" } },
	  SETTING(break_glass.n_reasons), 2, NULL },
	{ { { SITE, "break_glass", 0, "still_needed", "60" } }, SETTING(break_glass.still_needed_s),
	  60, NULL },
	{ { { SITE, "break_glass", 0, "patient_gone", "900" } },
	  SETTING(break_glass.patient_gone_s), 900, NULL },
	{ { { SITE, "break_glass", 0, "review_due", "24" } }, SETTING(break_glass.review_due_s),
	  86400, NULL },
	{ { { SITE, "journal", 0, "min_days", "180" } }, SETTING(journal.min_days), 180, NULL },
	{ { { SITE, "journal", 0, "max_days", "1095" } }, SETTING(journal.max_days), 1095, NULL },
	{ { { SITE, "journal", 0, "epoch", "30" } }, SETTING(journal.epoch_s), 30, NULL },
	{ { { SITE, "journal", 0, "epoch_entries", "64" } }, SETTING(journal.epoch_entries), 64,
	  NULL },
	{ { { SITE, "", 0, "reauth_fresh", "60" } }, SETTING(reauth_fresh_s), 60, NULL },
	{ { { SITE, "", 0, "reauth_fresh", "60" } }, ACTION(SOFTWARE_UPDATE, fresh_ms), 60000, NULL },
	{ { { SITE, "", 0, "prompt_timeout", "30" } }, SETTING(prompt_timeout_s), 30, NULL },
	{ { { SITE, "tokens", 0, "deadline", "60" } }, TOKENS(deadline_ms), 60000, NULL },
	{ { { CARD, "module", "\"/opt/card/x.so\"" } }, TOKENS(smartcard.module), 0,
	  "/opt/card/x.so" },
	{ { { CARD, "environment", "[ \"OPENSC_CONF=/etc/opensc.conf\", \"A=b=c\" ]" } },
	  TOKENS(smartcard.environment[1]), 0, "A=b=c" },
	{ { { CARD, "environment", "[ \"A=\", \"B=\" ]" } }, TOKENS(smartcard.n_environment), 2,
	  NULL },
	{ { { SITE, "tokens.smartcard.authorities", 0, "file", "\"root-2.pem\"" } },
	  TOKENS(smartcard.authorities[0].file), 0, "root-2.pem" },
	{ { { SITE, "tokens.smartcard.authorities", 0, "sha256",
	      "\"FEdcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210\"" } },
	  TOKENS(smartcard.authorities[0].sha256), 0x1032547698badcfe, NULL },
	{ { { SITE, "tokens.smartcard.authorities", 1, "file", "\"b.pem\"" },
	    { SITE, "tokens.smartcard.authorities", 1, "sha256",
	      "\"0000000000000000000000000000000000000000000000000000000000000001\"" } },
	  TOKENS(smartcard.n_authorities), 2, NULL },
	{ { { CARD, "revocation_lists", "[ \"a.crl\", \"b.crl\" ]" } }, TOKENS(smartcard.lists[1]),
	  0, "b.crl" },
	{ { { CARD, "revocation_lists", "[ \"a.crl\", \"b.crl\" ]" } }, TOKENS(smartcard.n_lists),
	  2, NULL },
	{ { { SITE, "tokens.smartcard.revocation", 0, "missing", "\"record\"" } },
	  TOKENS(smartcard.missing), REVOCATION_RECORD, NULL },
	{ { { SITE, "tokens.smartcard.revocation", 0, "stale", "\"record\"" } },
	  TOKENS(smartcard.stale), REVOCATION_RECORD, NULL },
	{ { { CARD, "min_rsa_bits", "3072" } }, TOKENS(smartcard.min_rsa_bits), 3072, NULL },
	{ { { CARD, "recognise", "\"key\"" } }, TOKENS(smartcard.by_key), 1, NULL },
	{ { { CARD, "enrolled_without_authority", "true" }, { CARD, "recognise", "\"key\"" } },
	  TOKENS(smartcard.enrolled_without_chain), 1, NULL },
	{ { { CARD, "service", "true" } }, TOKENS(smartcard.service), 1, NULL },
	{ { { SITE, "tokens.security_key", 0, "rp", "\"clinic.example\"" } },
	  TOKENS(security_key.rp), 0, "clinic.example" },
	{ { { SITE, "tokens.security_key", 0, "verification", "\"never\"" } },
	  TOKENS(security_key.verification), KEY_VERIFY_NEVER, NULL },
	{ { { SITE, "tokens.security_key", 0, "aaguids",
	      "[ \"00112233445566778899aabbccddeeff\", \"2fc0579f-8113-47ea-b116-bb5a8db9202a\" ]" } },
	  TOKENS(security_key.aaguids[1]), 0xea4713819f57c02f, NULL },
	{ { { SITE, "tokens.security_key", 0, "aaguids",
	      "[ \"00112233445566778899aabbccddeeff\" ]" } }, TOKENS(security_key.attested), 1,
	  NULL },
	{ { { SITE, "tokens.security_key", 0, "synced", "true" } }, TOKENS(security_key.synced), 1,
	  NULL },
	{ { { SITE, "tokens.badge", 0, "tap_out", "false" } }, TOKENS(badge.tap_out), 0, NULL },
	{ { { SITE, "tokens.badge", 0, "tap_out", "true" } }, TOKENS(badge.on), 1, NULL },
	{ { { SITE, "tokens.badge", 0, "code_digits", "4" } }, TOKENS(badge.code_digits), 4, NULL },
	{ { { SITE, "tokens.badge", 0, "code_digits", "6" } }, TOKENS(badge.code_digits), 6, NULL },
	{ { { SITE, "tokens.smartcard", 0, NULL, NULL } }, TOKENS(smartcard.on), 0, NULL },
	{ { { SITE, "tokens.security_key", 0, NULL, NULL } }, TOKENS(security_key.on), 0, NULL },
	{ { { DEVICE, "readers", 1, "kind", "\"wedge\"" } }, TOKENS(readers[1].kind), READER_WEDGE,
	  NULL },
	{ { { DEVICE, "readers", 1, "kind", "\"key-socket\"" } }, TOKENS(readers[1].kind),
	  READER_KEY_SOCKET, NULL },
	{ { { DEVICE, "readers", 1, "seat", "\"b\"" }, { DEVICE, "seats", 1, "name", "\"b\"" } },
	  TOKENS(readers[1].seats), 1u << 1, NULL },
	{ { { DEVICE, "readers", 1, "seat", NULL }, { DEVICE, "seats", 1, "name", "\"b\"" } },
	  TOKENS(readers[1].seats), 3, NULL },
	{ { { DEVICE, "readers", 1, "path", "\"/dev/ttyUSB0\"" } }, TOKENS(readers[1].path), 0,
	  "/dev/ttyUSB0" },
	{ { { DEVICE, "readers", 1, "form", "\"wiegand\"" } }, TOKENS(readers[1].form),
	  BADGE_WIEGAND, NULL },
	{ { { DEVICE, "readers", 1, "speed", "115200" } }, TOKENS(readers[1].speed), 115200, NULL },
	{ { { DEVICE, "readers", 3, "kind", "\"pcsc\"" }, { DEVICE, "readers", 3, "seat", "\"main\"" },
	    { DEVICE, "readers", 3, "path", "\"Reader 7\"" } }, TOKENS(n_readers), 4, NULL },
	{ { { DEVICE, "service_authority", 0, "file", "\"m2.pem\"" } },
	  TOKENS(service_authority.file), 0, "m2.pem" },
	{ { { DEVICE, "service_authority", 0, "sha256",
	      "\"fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210\"" } },
	  TOKENS(service_authority.sha256), 0x1032547698badcfe, NULL },
	{ { { PLACE, "place", 0, "inventory", "\"P-2\"" } }, SETTING(inventory), 0, "P-2" },
	{ { { PLACE, "place", 0, "ward", "\"Ward 3\"" } }, SETTING(ward), 0, "Ward 3" },
	{ { { PLACE, "place", 0, "room", "\"312\"" } }, SETTING(room), 0, "312" },
	{ { { PLACE, "place", 0, "place", "\"ambulance\"" } }, SETTING(place), 0, "ambulance" },
};

static uint64_t number_at(const struct policy *p, size_t offset, size_t size) {
	uint64_t number = 0;

	/* Little-endian, as every machine that this is built for. */
	memcpy(&number, (const char *)p + offset, size <= sizeof(number) ? size : sizeof(number));
	return number;
}

START_TEST(key_does_what_it_says) {
	struct result before = compile_with(NULL, 0);
	size_t n = 1;
	struct result after;
	const char *key = meanings[_i].change[0].key ? meanings[_i].change[0].key
	                                             : meanings[_i].change[0].section;

	while (n < 6 && meanings[_i].change[n].key)
		n++;
	after = compile_with(meanings[_i].change, n);
	ck_assert_msg(after.r == 0, "%s: %s", key, all_messages(after.messages));
	if (meanings[_i].text) {
		ck_assert_str_eq((const char *)after.policy + meanings[_i].offset,
		                 meanings[_i].text);
		ck_assert_str_ne((const char *)before.policy + meanings[_i].offset,
		                 meanings[_i].text);
	} else {
		uint64_t was = number_at(before.policy, meanings[_i].offset, meanings[_i].size);
		uint64_t is = number_at(after.policy, meanings[_i].offset, meanings[_i].size);

		ck_assert_msg(is == meanings[_i].number, "%s is %lu, not %lu", key, (unsigned long)is,
		              (unsigned long)meanings[_i].number);
		ck_assert_msg(is != was, "%s: the base has it, too", key);
	}
	result_done(&before);
	result_done(&after);
}
END_TEST

/* Return: true when a row above changes that key. */
static bool has_meaning(enum file file, const char *section, const char *key) {
	for (size_t i = 0; i < ARRAY_SIZE(meanings); ++i)
		for (size_t k = 0; k < 6; ++k) {
			const struct change *c = &meanings[i].change[k];

			if (c->key && c->file == file && strcmp(c->section, section) == 0 &&
			    strcmp(c->key, key) == 0)
				return true;
		}
	return false;
}

START_TEST(every_key_has_a_row_above) {
	for (int file = 0; file < N_FILES; ++file) {
		struct sections all = all_sections((enum file)file);

		for (uint32_t i = 0; i < all.n; ++i)
			for (uint32_t k = 0; k < all.list[i]->n_keys; ++k) {
				const struct key *key = &all.list[i]->keys[k];
				const char *path = section_path((enum file)file, all.list[i]);

				if (!key->section && strcmp(key->name, "end") != 0)
					ck_assert_msg(has_meaning((enum file)file, path, key->name),
					              "%s.%s", path, key->name);
			}
	}
}
END_TEST

/* docs/configuration.md and the requirements name these; a slip here is a slip there. */
static const struct {
	const char *what;
	size_t offset, size;
	uint64_t number;
} defaults[] = {
	{ "isolation", SETTING(isolation_required), 1 },
	{ "mode of a seat", SETTING(seats[0].mode), 0660 },
	{ "time to live of a signal", AT(table.signals[0].ttl_ms), 10000 },
	{ "no patient signal", AT(table.patient_signal), 0 },
	{ "assurance of guarded", ACTION(SETTINGS_DISPLAY, assurance), CW_ASSURANCE_PASSWORD },
	{ "assurance of sensitive", ACTION(SOFTWARE_UPDATE, assurance), CW_ASSURANCE_STRONG },
	{ "confirmation of sensitive", ACTION(SOFTWARE_UPDATE, confirm), CW_CONFIRM_SAME_PERSON },
	{ "freshness of sensitive", ACTION(SOFTWARE_UPDATE, fresh_ms), 120000 },
	{ "care in a context", CONTEXT(0, care), CW_ASSURANCE_PASSWORD },
	{ "guarded in a context", CONTEXT(0, guarded), CW_ASSURANCE_PASSWORD },
	{ "idle lock", CONTEXT(0, idle_lock_ms), 300000 },
	{ "taking the token locks", CONTEXT(0, removal_locks), 1 },
	{ "nobody is alone", CONTEXT(0, alone), 0 },
	{ "minimum length", SETTING(passwords.min_length), 12 },
	{ "minimum length, privileged", SETTING(passwords.min_length_privileged), 15 },
	{ "classes", SETTING(passwords.min_classes), 0 },
	{ "history", SETTING(passwords.history), 5 },
	{ "greatest age", SETTING(passwords.max_age_s), 0 },
	{ "least age", SETTING(passwords.min_age_s), 0 },
	{ "one-time password", SETTING(passwords.one_time_valid_s), 72 * 3600 },
	{ "dictionary", SETTING(passwords.dictionary), 1 },
	{ "memory of Argon2id", SETTING(passwords.argon2_memory_kib), 65536 },
	{ "passes of Argon2id", SETTING(passwords.argon2_passes), 3 },
	{ "free tries", SETTING(lockout.free_tries), 5 },
	{ "first wait", SETTING(lockout.first_ms), 300000 },
	{ "longest wait", SETTING(lockout.longest_ms), 3600000 },
	{ "disabled at", SETTING(lockout.disable_at), 100 },
	{ "tries of a code", SETTING(lockout.code_tries), 3 },
	{ "still needed", SETTING(break_glass.still_needed_s), 600 },
	{ "patient gone", SETTING(break_glass.patient_gone_s), 300 },
	{ "review due", SETTING(break_glass.review_due_s), 72 * 3600 },
	{ "reasons", SETTING(break_glass.n_reasons), 0 },
	{ "kept at least", SETTING(journal.min_days), 90 },
	{ "kept at most", SETTING(journal.max_days), 365 },
	{ "epoch", SETTING(journal.epoch_s), 60 },
	{ "entries of an epoch", SETTING(journal.epoch_entries), 256 },
	{ "deadline of a helper", TOKENS(deadline_ms), 10000 },
	{ "no environment", TOKENS(smartcard.n_environment), 0 },
	{ "no list of revoked cards refuses", TOKENS(smartcard.missing), REVOCATION_REFUSE },
	{ "a stale list refuses", TOKENS(smartcard.stale), REVOCATION_REFUSE },
	{ "least RSA key", TOKENS(smartcard.min_rsa_bits), 2048 },
	{ "recognised by issuer and serial", TOKENS(smartcard.by_key), 0 },
	{ "an authority is always asked", TOKENS(smartcard.enrolled_without_chain), 0 },
	{ "no authority of the maker", TOKENS(smartcard.service), 0 },
	{ "keys ask for their PIN", TOKENS(security_key.verification), KEY_VERIFY_REQUIRED },
	{ "any make of key", TOKENS(security_key.attested), 0 },
	{ "keys that can be copied do not count", TOKENS(security_key.synced), 0 },
	{ "badges are off", TOKENS(badge.on), 0 },
	{ "one's own badge again locks", TOKENS(badge.tap_out), 1 },
	{ "no codes", TOKENS(badge.code_digits), 0 },
	{ "speed of a line", TOKENS(readers[1].speed), 9600 },
	{ "form of a badge", TOKENS(readers[1].form), BADGE_HEX },
	{ "re-authentication", SETTING(reauth_fresh_s), 120 },
	{ "prompt", SETTING(prompt_timeout_s), 60 },
};

START_TEST(silence_means_the_default) {
	struct result result = compile_with(NULL, 0);

	ck_assert_msg(number_at(result.policy, defaults[_i].offset, defaults[_i].size) ==
	                      defaults[_i].number, "%s is %lu", defaults[_i].what,
	              (unsigned long)number_at(result.policy, defaults[_i].offset,
	                                       defaults[_i].size));
	result_done(&result);
}
END_TEST

START_TEST(place_may_be_absent) {
	struct result base = compile_with(NULL, 0);
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct policy_source device = { "d", base.text[DEVICE], strlen(base.text[DEVICE]) };
	struct policy_source site = { "s", base.text[SITE], strlen(base.text[SITE]) };
	struct policy_source nothing = { "p", NULL, 0 };
	struct policy *p = NULL;

	ck_assert_int_eq(policy_compile(&device, &site, &nothing, 1, m, &p), 0);
	ck_assert_str_eq(p->settings.place, "hospital");
	ck_assert_str_eq(p->settings.inventory, "");
	p = policy_free(p);
	ck_assert_int_eq(policy_compile(&nothing, &site, &nothing, 1, m, &p), -EINVAL);
	ck_assert_ptr_nonnull(find_message(m, POLICY_ERROR, "there is no device.cfg"));
	ck_assert_int_eq(policy_compile(&device, &nothing, &nothing, 1, m, &p), -EINVAL);
	ck_assert_ptr_nonnull(find_message(m, POLICY_ERROR, "there is no site.cfg"));
	ck_assert_ptr_null(p);
	free(m);
	result_done(&base);
}
END_TEST

START_TEST(builtin_actions_are_the_last_ones_and_ask_for_a_password) {
	struct result result = compile_with(NULL, 0);
	const struct policy_table *t = &result.policy->table;

	ck_assert_uint_eq(t->n_actions, FIRST_BUILTIN + POLICY_N_BUILTINS);
	for (uint32_t i = 0; i < POLICY_N_BUILTINS; ++i) {
		const struct policy_action *a = &t->actions[FIRST_BUILTIN + i];
		bool sensitive = i == POLICY_CONFIG || i == POLICY_RECOVER;

		ck_assert_str_eq(t->action_names[FIRST_BUILTIN + i], policy_builtin_names[i]);
		ck_assert_uint_eq(policy_builtin_index(t, (enum policy_builtin)i),
		                  FIRST_BUILTIN + i);
		ck_assert_uint_eq(a->kind, sensitive ? CW_KIND_SENSITIVE : CW_KIND_GUARDED);
		ck_assert_uint_eq(a->assurance, CW_ASSURANCE_PASSWORD);
		ck_assert_uint_eq(a->confirm, sensitive ? CW_CONFIRM_SAME_PERSON : 0);
	}
	result_done(&result);
}
END_TEST

START_TEST(table_is_sealed_with_hashes_and_checksum) {
	struct result one = compile_with(NULL, 0), two = compile_with(NULL, 0);
	struct change change = { SITE, "", 0, "prompt_timeout", "30" };
	struct result other = compile_with(&change, 1);

	ck_assert_mem_eq(one.policy, two.policy, sizeof(*one.policy));
	ck_assert_uint_eq(one.policy->table.magic, POLICY_TABLE_MAGIC);
	ck_assert_uint_eq(one.policy->table.version, POLICY_TABLE_VERSION);
	ck_assert_uint_eq(one.policy->table.size, sizeof(struct policy_table));
	ck_assert_uint_eq(one.policy->table.generation, 7);
	ck_assert_uint_eq(one.policy->table.checksum, policy_table_checksum(&one.policy->table));
	ck_assert(policy_table_is_valid(&one.policy->table));
	ck_assert_mem_eq(one.policy->table.device_hash, other.policy->table.device_hash, 32);
	ck_assert_mem_ne(one.policy->table.site_hash, other.policy->table.site_hash, 32);
	ck_assert_uint_ne(one.policy->table.checksum, other.policy->table.checksum);
	result_done(&one);
	result_done(&two);
	result_done(&other);
}
END_TEST

/* By another implementation than ours. */
START_TEST(site_hash_is_sha256_of_the_file) {
	struct result base = compile_with(NULL, 0);
	FILE *f = fopen("site-hash.tmp", "we");
	char command_output[80] = "", ours[65];
	FILE *sum;

	ck_assert_ptr_nonnull(f);
	(void)fputs(base.text[SITE], f);
	(void)fclose(f);
	sum = popen("sha256sum site-hash.tmp", "re");
	ck_assert_ptr_nonnull(sum);
	ck_assert_ptr_nonnull(fgets(command_output, sizeof(command_output), sum));
	(void)pclose(sum);
	(void)remove("site-hash.tmp");
	for (int i = 0; i < 32; ++i)
		(void)snprintf(ours + 2 * i, 3, "%02x", base.policy->table.site_hash[i]);
	ck_assert_msg(strncmp(ours, command_output, 64) == 0, "%s, not %s", ours, command_output);
	result_done(&base);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("config-meaning");
	TCase *tc = tcase_create("meaning");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, key_does_what_it_says, 0, (int)ARRAY_SIZE(meanings));
	tcase_add_test(tc, every_key_has_a_row_above);
	tcase_add_loop_test(tc, silence_means_the_default, 0, (int)ARRAY_SIZE(defaults));
	tcase_add_test(tc, place_may_be_absent);
	tcase_add_test(tc, builtin_actions_are_the_last_ones_and_ask_for_a_password);
	tcase_add_test(tc, table_is_sealed_with_hashes_and_checksum);
	tcase_add_test(tc, site_hash_is_sha256_of_the_file);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
