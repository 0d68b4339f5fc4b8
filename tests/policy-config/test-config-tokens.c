/* SPDX-License-Identifier: Apache-2.0 */
/* What site.cfg may say about tokens, device.cfg about readers, and what is worth a warning. */
#undef NDEBUG
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "support.h"

#define CARD SITE, "tokens.smartcard", 0
#define AUTHORITY(i) SITE, "tokens.smartcard.authorities", (i)
#define KEY SITE, "tokens.security_key", 0
#define BADGE SITE, "tokens.badge", 0
#define READER(i) DEVICE, "readers", (i)
#define DIGEST "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X250 X50 X50 X50 X50 X50
#define ENVIRONMENT(text) { { CARD, "environment", "[ \"" text "\" ]" } }
#define WRITE_NAME "tokens.smartcard.environment: "
#define OTHER_CODE "this name leads a library to other code; leave it out"

/* Each is an error in the file of the first change. */
static const struct {
	const char *why;
	struct change change[4];
	const char *fragment;
	bool at_key; /* at the line of the first change; otherwise at that of its group */
} errors[] = {
	/* The module. */
	{ "CD-28 a module by its name alone", { { CARD, "module", "\"opensc-pkcs11.so\"" } },
	  "tokens.smartcard.module is \"opensc-pkcs11.so\"; write the whole path, from / on", true },
	{ "CD-28 a module from the folder where somebody stands", { { CARD, "module", "\"./x.so\"" } },
	  "write the whole path", true },
	{ "CD-28 a module by a detour", { { CARD, "module", "\"/usr/lib/../../tmp/x.so\"" } },
	  "write the path without //, /./ and /../", true },
	{ "CD-28 a detour at the end", { { CARD, "module", "\"/usr/lib/..\"" } },
	  "write the path without", true },
	{ "CD-28 a dot on the way", { { CARD, "module", "\"/usr/./x.so\"" } },
	  "write the path without", true },
	{ "CD-28 an empty step", { { CARD, "module", "\"//x.so\"" } }, "write the path without",
	  true },
	{ "CD-28 a folder", { { CARD, "module", "\"/usr/lib/\"" } }, "write the path without", true },
	{ "CD-28 the root", { { CARD, "module", "\"/\"" } }, "write the path without", true },
	{ "CD-28 a path of 256 bytes", { { CARD, "module", "\"/" X250 "xxxxx\"" } },
	  "tokens.smartcard.module must have 1 to 255 bytes", true },
	{ "CD-03 no module at all", { { CARD, "module", NULL } },
	  "tokens.smartcard.module is missing", false },

	/* Its environment. */
	{ "CD-28 the loader is led to other code", ENVIRONMENT("LD_PRELOAD=/tmp/x.so"),
	  WRITE_NAME "\"LD_PRELOAD=/tmp/x.so\"; " OTHER_CODE, true },
	{ "CD-28 another variable of the loader", ENVIRONMENT("LD_AUDIT=/tmp/x.so"), OTHER_CODE,
	  true },
	{ "CD-28 the loader's own prefix", ENVIRONMENT("LD_=1"), OTHER_CODE, true },
	{ "CD-28 converters of characters", ENVIRONMENT("GCONV_PATH=/tmp"), OTHER_CODE, true },
	{ "CD-28 tuned memory", ENVIRONMENT("MALLOC_CHECK_=0"), OTHER_CODE, true },
	{ "CD-28 tuned library", ENVIRONMENT("GLIBC_TUNABLES=glibc.malloc.check=0"), OTHER_CODE,
	  true },
	{ "CD-28 a folder for scratch files", ENVIRONMENT("TMPDIR=/tmp"), OTHER_CODE, true },
	{ "CD-28 where programs are", ENVIRONMENT("PATH=/tmp"), OTHER_CODE, true },
	{ "CD-28 engines of OpenSSL", ENVIRONMENT("OPENSSL_ENGINES=/tmp"), OTHER_CODE, true },
	{ "CD-28 a configuration of OpenSSL", ENVIRONMENT("OPENSSL_CONF=/tmp/x"), OTHER_CODE, true },
	{ "CD-28 locales from elsewhere", ENVIRONMENT("LOCPATH=/tmp"), OTHER_CODE, true },
	{ "CD-28 texts from elsewhere", ENVIRONMENT("NLSPATH=/tmp/%N"), OTHER_CODE, true },
	{ "a name without a value", ENVIRONMENT("OPENSC_CONF"), "\"OPENSC_CONF\"; write NAME=value",
	  true },
	{ "a value without a name", ENVIRONMENT("=x"), "write NAME=value", true },
	{ "nothing", ENVIRONMENT(""), "write NAME=value", true },
	{ "a name with a blank", ENVIRONMENT("A B=x"), "a name has letters, digits and _", true },
	{ "a name that begins with a digit", ENVIRONMENT("1A=x"), "write NAME=value", true },
	{ "a tab in a value", ENVIRONMENT("A=x\ty"), "a value has no control characters", true },
	{ "a control character of Unicode in a value", ENVIRONMENT("A=x\302\233y"),
	  "a value has no control characters", true },
	{ "256 bytes", ENVIRONMENT("A=" X250 "xxxx"), "less than TOKEN_ENVIRONMENT_TEXT (256) bytes",
	  true },
	{ "a name twice", { { CARD, "environment", "[ \"A=1\", \"B=1\", \"A=2\" ]" } },
	  "\"A=2\" stands here for the second time; keep one", true },
	{ "seventeen variables",
	  { { CARD, "environment",
	      "[ \"A=\", \"B=\", \"C=\", \"D=\", \"E=\", \"F=\", \"G=\", \"H=\", \"I=\", \"J=\", "
	      "\"K=\", \"L=\", \"M=\", \"N=\", \"O=\", \"P=\", \"Q=\" ]" } },
	  "more than TOKEN_ENVIRONMENT_MAX (16)", true },

	/* Authorities and lists. */
	{ "CD-02 a switch that looks at no authority", { { CARD, "check_chain", "false" } },
	  "unknown key \"check_chain\" in tokens.smartcard", true },
	{ "CD-02 no authority", { { SITE, "tokens.smartcard.authorities", 0, NULL, NULL } },
	  "tokens.smartcard has no authorities, so no card counts", false },
	{ "CD-16 somebody else's certificate with the same serial",
	  { { CARD, "enrolled_without_authority", "true" } },
	  "enrolled_without_authority needs recognise = \"key\"", false },
	{ "CD-16 recognised by a name in the certificate", { { CARD, "recognise", "\"subject\"" } },
	  "tokens.smartcard.recognise is \"subject\"; it must be \"issuer-serial\" or \"key\"", true },
	{ "CD-19 no list, and nothing said about it", { { CARD, "revocation_lists", NULL } },
	  "tokens.smartcard has no revocation_lists, so no card counts", false },
	{ "CD-19 a missing list that is passed over in silence",
	  { { SITE, "tokens.smartcard.revocation", 0, "missing", "\"ignore\"" } },
	  "tokens.smartcard.revocation.missing is \"ignore\"; it must be \"refuse\" or \"record\"",
	  true },
	{ "CD-20 a short RSA key", { { CARD, "min_rsa_bits", "1024" } },
	  "tokens.smartcard.min_rsa_bits is 1024; it must be from 2048 to 4096 bits", true },
	{ "an authority by its path", { { AUTHORITY(0), "file", "\"/etc/ssl/ca.pem\"" } },
	  "write the name of a file beside this one", true },
	{ "an authority in the folder above", { { AUTHORITY(0), "file", "\"..\"" } },
	  "write the name of a file beside this one", true },
	{ "a hidden file", { { AUTHORITY(0), "file", "\".ca.pem\"" } },
	  "write the name of a file beside this one", true },
	{ "an authority with a blank", { { AUTHORITY(0), "file", "\"a b.pem\"" } },
	  "write the name of a file beside this one", true },
	{ "an authority without its digest", { { AUTHORITY(0), "sha256", NULL } },
	  "tokens.smartcard.authorities.sha256 is missing; it has no default", false },
	{ "63 digits",
	  { { AUTHORITY(0), "sha256",
	      "\"123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"" } },
	  "write the 64 hexadecimal digits that sha256sum prints", true },
	{ "65 digits",
	  { { AUTHORITY(0), "sha256",
	      "\"a0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"" } },
	  "tokens.smartcard.authorities.sha256 must have 1 to 64 bytes", true },
	{ "a letter that is no digit",
	  { { AUTHORITY(0), "sha256",
	      "\"g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"" } },
	  "write the 64 hexadecimal digits", true },
	{ "an authority twice",
	  { { AUTHORITY(1), "file", "\"site.pem\"" }, { AUTHORITY(1), "sha256", DIGEST } },
	  "authority \"site.pem\" stands here for the second time", false },
	{ "a list by its path", { { CARD, "revocation_lists", "[ \"../a.crl\" ]" } },
	  "tokens.smartcard.revocation_lists: \"../a.crl\"; write the name of a file", true },
	{ "a list twice", { { CARD, "revocation_lists", "[ \"a.crl\", \"a.crl\" ]" } },
	  "\"a.crl\" stands here for the second time", true },
	{ "a name of 64 bytes",
	  { { CARD, "revocation_lists", "[ \"" X50 "xxxxxxxxxx.crl\" ]" } }, "at most 63 bytes", true },
	{ "nine lists",
	  { { CARD, "revocation_lists", "[ \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", "
	                                "\"9\" ]" } },
	  "more than TOKEN_LISTS_MAX (8)", true },

	/* No switch of others exists here, whatever it is called. */
	{ "CD-31 a factor that a name of a service skips", { { CARD, "card_only", "true" } },
	  "unknown key \"card_only\" in tokens.smartcard", true },
	{ "CD-32 a log with the PIN in it", { { CARD, "debug", "true" } },
	  "unknown key \"debug\" in tokens.smartcard", true },
	{ "FD-12 success without a key", { { KEY, "nouserok", "true" } },
	  "unknown key \"nouserok\" in tokens.security_key", true },

	/* Security keys. */
	{ "FD-04 no name of the site", { { KEY, "rp", NULL }, { KEY, "synced", "false" } },
	  "tokens.security_key.rp is missing; it has no default", false },
	{ "FD-04 a name with a scheme", { { KEY, "rp", "\"https://keys.test\"" } },
	  "tokens.security_key.rp is \"https://keys.test\"; write a name like keys.hospital.example",
	  true },
	{ "FD-04 a name in capitals", { { KEY, "rp", "\"Keys.test\"" } }, "write a name like", true },
	{ "FD-04 a name with a port", { { KEY, "rp", "\"keys.test:443\"" } }, "write a name like",
	  true },
	{ "FD-04 an address", { { KEY, "rp", "\"10.0.0.1\"" } }, "write a name like", true },
	{ "FD-04 an empty label", { { KEY, "rp", "\"keys..test\"" } }, "write a name like", true },
	{ "FD-04 a dot at the end", { { KEY, "rp", "\"keys.test.\"" } }, "write a name like", true },
	{ "FD-04 a dash at the beginning", { { KEY, "rp", "\"-keys.test\"" } }, "write a name like",
	  true },
	{ "FD-04 a dash before a dot", { { KEY, "rp", "\"keys-.test\"" } }, "write a name like", true },
	{ "FD-04 a label of 64", { { KEY, "rp", "\"" X50 "xxxxxxxxxxxxxx.test\"" } },
	  "write a name like", true },
	{ "FD-25 verification misspelled", { { KEY, "verificaton", "\"required\"" } },
	  "unknown key \"verificaton\" in tokens.security_key; did you mean \"verification\"?", true },
	{ "FD-25 verification is yes", { { KEY, "verification", "\"yes\"" } },
	  "tokens.security_key.verification is \"yes\"; it must be \"required\" or \"never\"", true },
	{ "FD-25 verification is a number", { { KEY, "verification", "1" } },
	  "tokens.security_key.verification must be \"required\" or \"never\", with the quotes", true },
	{ "FD-25 synced in quotes", { { KEY, "synced", "\"false\"" } },
	  "tokens.security_key.synced must be true or false, without quotes", true },
	{ "FD-25 a group misspelled", { { SITE, "tokens", 0, "securitykey", "{ rp = \"x\"; }" } },
	  "unknown key \"securitykey\" in tokens; did you mean \"security_key\"?", true },
	{ "FD-24 31 digits", { { KEY, "aaguids", "[ \"0112233445566778899aabbccddeeff\" ]" } },
	  "write 32 hexadecimal digits, or 8-4-4-4-12 of them", true },
	{ "FD-24 dashes elsewhere",
	  { { KEY, "aaguids", "[ \"2fc0-579f8113-47ea-b116-bb5a8db9202a\" ]" } },
	  "write 32 hexadecimal digits", true },
	{ "FD-24 letters that are no digits",
	  { { KEY, "aaguids", "[ \"zfc0579f-8113-47ea-b116-bb5a8db9202a\" ]" } },
	  "write 32 hexadecimal digits", true },
	{ "FD-24 one make in two spellings",
	  { { KEY, "aaguids", "[ \"2fc0579f-8113-47ea-b116-bb5a8db9202a\", "
	                      "\"2FC0579f811347eab116bb5a8db9202a\" ]" } },
	  "stands here for the second time", true },

	/* Badges and readers. */
	{ "a code of three digits", { { BADGE, "code_digits", "3" } },
	  "tokens.badge.code_digits is 3; it must be 4, 5 or 6, or 0 for no codes", false },
	{ "a code of one digit", { { BADGE, "code_digits", "1" } }, "it must be 4, 5 or 6", false },
	{ "a code of seven digits", { { BADGE, "code_digits", "7" } },
	  "tokens.badge.code_digits is 7; it must be from 0 to 6 digits", true },
	{ "badges simply on", { { SITE, "tokens", 0, "badge", "true" },
	                        { SITE, "tokens.badge", 0, NULL, NULL } },
	  "tokens.badge must be a group: { key = value; ... }", true },
	{ "a reader at an unknown seat", { { READER(0), "seat", "\"mian\"" } },
	  "unknown seat \"mian\"; seats lists them; did you mean \"main\"?", false },
	{ "an unknown kind of reader", { { READER(0), "kind", "\"usbkey\"" } },
	  "readers.kind is \"usbkey\"; it must be \"pcsc\", \"serial\", \"wedge\", \"usb-key\" or "
	  "\"key-socket\"; did you mean \"usb-key\"?", true },
	{ "a line without its device", { { READER(1), "path", NULL } },
	  "path of a reader of kind \"serial\" is \"\"; write the whole path", false },
	{ "a line by a detour", { { READER(1), "path", "\"/dev/../tmp/x\"" } },
	  "path of a reader of kind \"serial\" is \"/dev/../tmp/x\"; write the path without", false },
	{ "a wedge by a detour", { { READER(2), "kind", "\"wedge\"" },
	                           { READER(2), "path", "\"/dev/../tmp/x\"" } },
	  "path of a reader of kind \"wedge\" is \"/dev/../tmp/x\"; write the path without", false },
	{ "a socket by its name", { { READER(2), "kind", "\"key-socket\"" },
	                            { READER(2), "path", "\"key\"" } },
	  "path of a reader of kind \"key-socket\" is \"key\"; write the whole path", false },
	{ "a path of USB", { { READER(0), "path", "\"/dev/hidraw0\"" } },
	  "path has no meaning for a reader of kind \"usb-key\"", false },
	{ "a form of security keys", { { READER(0), "form", "\"decimal\"" } },
	  "form has no meaning for a reader of kind \"usb-key\", which reads no badges", false },
	{ "a speed of PC/SC", { { READER(2), "speed", "19200" } },
	  "speed has no meaning for a reader of kind \"pcsc\"", false },
	{ "a speed that no line has", { { READER(1), "speed", "9601" } },
	  "speed is 9601; lines run at 1200", false },
	{ "a reader twice", { { READER(3), "kind", "\"pcsc\"" }, { READER(3), "seat", "\"main\"" } },
	  "this reader stands here for the second time; the first is on line", false },
	{ "nine readers",
	  { { READER(8), "kind", "\"serial\"" }, { READER(8), "seat", "\"main\"" } },
	  "more readers than TOKEN_READERS_MAX (8)", false },
	{ "the maker's authority without its digest",
	  { { DEVICE, "service_authority", 0, "sha256", NULL } },
	  "service_authority.sha256 is missing", false },
};

static size_t count_changes(const struct change *change, size_t most) {
	size_t n = 0;

	while (n < most && change[n].section)
		n++;
	return n;
}

START_TEST(mistake_is_refused) {
	struct result result =
		compile_with(errors[_i].change, count_changes(errors[_i].change, 4));
	const struct policy_message *m =
		find_message(result.messages, POLICY_ERROR, errors[_i].fragment);

	ck_assert_msg(result.r < 0, "%s: accepted", errors[_i].why);
	ck_assert_msg(m != NULL, "%s: no \"%s\" in: %s", errors[_i].why, errors[_i].fragment,
	              all_messages(result.messages));
	ck_assert_str_eq(m->file, file_names[errors[_i].change[0].file]);
	ck_assert_msg(m->line > 0, "%s: no line", errors[_i].why);
	if (errors[_i].at_key)
		ck_assert_msg(m->line == result.line, "%s: line %u, not %u", errors[_i].why, m->line,
		              result.line);
	result_done(&result);
}
END_TEST

/* What stands just inside of the limits is taken, and taken as it stands. */
static const struct {
	const char *why;
	struct change change[4];
} good[] = {
	{ "CD-28 a name that only looks like a detour", { { CARD, "module", "\"/a/..b/c..so\"" } } },
	{ "CD-28 a path of 255 bytes", { { CARD, "module", "\"/" X250 "xxxx\"" } } },
	{ "255 bytes of environment", ENVIRONMENT("A=" X250 "xxx") },
	{ "a name that only begins like PATH", ENVIRONMENT("PATHS=/x") },
	{ "a name that only contains LD_", ENVIRONMENT("OLD_=/x") },
	{ "the variables of modules that we know",
	  { { CARD, "environment", "[ \"SOFTHSM2_CONF=/x\", \"OPENSC_CONF=/x\", "
	                           "\"PCSCLITE_CSOCK_NAME=/x\" ]" } } },
	{ "a site without a PKI",
	  { { CARD, "enrolled_without_authority", "true" }, { CARD, "recognise", "\"key\"" },
	    { SITE, "tokens.smartcard.authorities", 0, NULL, NULL },
	    { CARD, "revocation_lists", NULL } } },
	{ "a name of one label", { { KEY, "rp", "\"clinic\"" } } },
	{ "a label of 63", { { KEY, "rp", "\"" X50 "xxxxxxxxxxxxx.test\"" } } },
	{ "a label that begins with digits", { { KEY, "rp", "\"3.ward\"" } } },
	{ "no token at all", { { SITE, "tokens", 0, NULL, NULL } } },
	{ "two cards' readers by name",
	  { { READER(2), "path", "\"Reader A\"" }, { READER(3), "kind", "\"pcsc\"" },
	    { READER(3), "seat", "\"main\"" }, { READER(3), "path", "\"Reader B\"" } } },
};

START_TEST(what_is_right_is_taken) {
	struct result result = compile_with(good[_i].change, count_changes(good[_i].change, 4));

	ck_assert_msg(result.r == 0, "%s: %s", good[_i].why, all_messages(result.messages));
	result_done(&result);
}
END_TEST

START_TEST(a_group_that_is_absent_is_off_and_an_empty_badge_is_on) {
	static const char both[] = "{ badge = { }; }";
	struct change none = { SITE, "tokens", 0, NULL, NULL };
	struct change change[2] = { { SITE, "", 0, "tokens", both },
		                    { SITE, "tokens", 0, NULL, NULL } };
	struct result off = compile_with(&none, 1), on = compile_with(change, 2);
	const struct token_rules *t = &off.policy->settings.tokens;

	ck_assert(!t->smartcard.on && !t->security_key.on && !t->badge.on);
	ck_assert_uint_eq(t->deadline_ms, 10000);
	t = &on.policy->settings.tokens;
	ck_assert(!t->smartcard.on && !t->security_key.on && t->badge.on);
	ck_assert(t->badge.tap_out && t->badge.code_digits == 0);
	result_done(&off);
	result_done(&on);
}
END_TEST

static const struct {
	const char *why;
	struct change change[4];
	const char *fragment;
} warnings[] = {
	{ "cards, and nothing that reads them",
	  { { READER(2), "kind", "\"wedge\"" }, { READER(2), "path", "\"/dev/input/a\"" } },
	  "tokens.smartcard is on, but device.cfg has no reader of kind \"pcsc\"" },
	{ "security keys, and nothing that reads them", { { READER(0), "kind", "\"pcsc\"" },
	                                                  { READER(0), "path", "\"A\"" } },
	  "tokens.security_key is on, but device.cfg has no reader of kind \"usb-key\"" },
	{ "badges, and nothing that reads them", { { BADGE, "tap_out", "true" },
	                                           { DEVICE, "readers", 0, NULL, NULL } },
	  "tokens.badge is on, but device.cfg has no reader of kind \"pcsc\", \"serial\" or "
	  "\"wedge\"" },
	{ "PO-16 an action that nobody's token opens", { { SITE, "tokens", 0, NULL, NULL } },
	  "\"software.update\" asks for \"strong\", which no token of this site proves; nobody can do "
	  "it" },
	{ "PO-16 keys without PIN are not strong",
	  { { SITE, "tokens.smartcard", 0, NULL, NULL }, { KEY, "verification", "\"never\"" } },
	  "\"software.update\" asks for \"strong\"" },
	{ "PO-16 a context that nobody's token opens",
	  { { SITE, "tokens", 0, NULL, NULL }, { SITE, "contexts", 1, "guarded", "\"strong\"" } },
	  "context \"acute\" asks for \"strong\", which no token of this site proves" },
	{ "badges, and care for nothing",
	  { { BADGE, "tap_out", "true" }, { SITE, "contexts", 1, "care", "\"none\"" },
	    { DEVICE, "minimum", 0, "care", "\"none\"" } },
	  "context \"acute\" asks nothing for care although there are badges" },
	{ "a code, and no badges", { { SITE, "contexts", 1, "care", "\"code\"" } },
	  "context \"acute\" asks for a code, and nobody has one" },
	{ "a code, and badges without", { { SITE, "contexts", 1, "care", "\"code\"" },
	                                  { BADGE, "tap_out", "true" } },
	  "context \"acute\" asks for a code, and nobody has one" },
	{ "FD-01 keys without PIN", { { KEY, "verification", "\"never\"" } },
	  "security keys are asked for no PIN" },
	{ "keys that can be copied", { { KEY, "synced", "true" } },
	  "security keys that can be copied (synced = true) count" },
	{ "CD-19 no list, on record",
	  { { SITE, "tokens.smartcard.revocation", 0, "missing", "\"record\"" } },
	  "revocation.missing is \"record\"" },
	{ "CD-19 an old list, on record",
	  { { SITE, "tokens.smartcard.revocation", 0, "stale", "\"record\"" } },
	  "revocation.stale is \"record\"" },
	{ "technicians without the maker's word",
	  { { CARD, "service", "true" }, { DEVICE, "service_authority", 0, NULL, NULL } },
	  "tokens.smartcard.service is true, but device.cfg names no service_authority" },
	{ "technicians without a role", { { CARD, "service", "true" } },
	  "tokens.smartcard.service is true, but there is no role \"service\"" },
};

START_TEST(doubt_is_a_warning) {
	struct result result =
		compile_with(warnings[_i].change, count_changes(warnings[_i].change, 4));

	ck_assert_msg(result.r == 0, "%s: %s", warnings[_i].why, all_messages(result.messages));
	ck_assert_msg(find_message(result.messages, POLICY_WARNING, warnings[_i].fragment) != NULL,
	              "%s: no \"%s\" in: %s", warnings[_i].why, warnings[_i].fragment,
	              all_messages(result.messages));
	result_done(&result);
}
END_TEST

START_TEST(codes_and_badges_that_fit_bring_no_warning) {
	static const struct change change[] = { { SITE, "contexts", 1, "care", "\"code\"" },
		                                { BADGE, "code_digits", "5" } };
	struct result result = compile_with(change, 2);

	ck_assert_msg(result.r == 0 && result.messages->n == 0, "%s",
	              all_messages(result.messages));
	result_done(&result);
}
END_TEST

/* The digest of "abc" is in FIPS 180-4. */
START_TEST(a_pinned_file_is_that_content_and_no_other) {
	static const uint8_t abc[32] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae,
		0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61,
		0xf2, 0x00, 0x15, 0xad,
	};
	struct pinned_file pin = { .file = "abc.pem" };

	ck_assert_int_eq(policy_pinned_matches(&pin, "abc", 3), -EINVAL);
	memcpy(pin.sha256, abc, sizeof(abc));
	ck_assert_int_eq(policy_pinned_matches(&pin, "abc", 3), 0);
	ck_assert_int_eq(policy_pinned_matches(&pin, "abd", 3), -EBADMSG);
	ck_assert_int_eq(policy_pinned_matches(&pin, "abc", 2), -EBADMSG);
	ck_assert_int_eq(policy_pinned_matches(&pin, "", 0), -EBADMSG);
	for (size_t i = 0; i < 256; ++i) {
		struct pinned_file other = pin;

		other.sha256[i / 8] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_eq(policy_pinned_matches(&other, "abc", 3), -EBADMSG);
	}
	pin.file[0] = '\0';
	ck_assert_int_eq(policy_pinned_matches(&pin, "abc", 3), -EINVAL);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("config-tokens");
	TCase *tc = tcase_create("tokens");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, mistake_is_refused, 0, (int)ARRAY_SIZE(errors));
	tcase_add_loop_test(tc, what_is_right_is_taken, 0, (int)ARRAY_SIZE(good));
	tcase_add_test(tc, a_group_that_is_absent_is_off_and_an_empty_badge_is_on);
	tcase_add_loop_test(tc, doubt_is_a_warning, 0, (int)ARRAY_SIZE(warnings));
	tcase_add_test(tc, codes_and_badges_that_fit_bring_no_warning);
	tcase_add_test(tc, a_pinned_file_is_that_content_and_no_other);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
