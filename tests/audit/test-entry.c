/* SPDX-License-Identifier: Apache-2.0 */

/* The binary form: one spelling for each entry, and a strict reader. */

#undef NDEBUG

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "tests/audit/entry-cases.h"
#include "tests/audit/fixture.h"

static const uint8_t name_hash[32] = "hash of the name";
static const uint8_t text_hash[32] = "hash of the text";

/* Every field that there is. */
static struct journal_entry full_entry(void) {
	struct journal_entry e = fixture_entry(6);

	e.name = NULL;
	e.text = NULL;
	e.at.trust = CLOCK_SUSPICIOUS;
	return e;
}

static size_t full_body(uint8_t body[ENTRY_BODY_MAX]) {
	struct journal_entry e = full_entry();
	size_t n = 0;

	ck_assert_int_eq(entry_build(&e, name_hash, text_hash, body, &n), 0);
	return n;
}

/* By the tables of docs/journal.md, byte for byte. */
START_TEST(a_body_is_laid_out_as_published) {
	static const uint8_t head[46] = {
		1,    0x0a, 0x92, 0x01, 1, 1, 3, 1, 14, 1,                   /* version ... trust */
		0,    0,    0,    0,    0, 0, 0, 0,                          /* wall: see below   */
		0xf8, 0x2a, 0,    0,    0, 0, 0, 0,                          /* boot time         */
		0xb0, 0x07, 0,    0,    0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, /* boot id         */
		4,    0,    0,    0,                                         /* account           */
	};
	static const struct {
		unsigned tag, length;
	} fields[] = {
		{1,   4 },
                { 2,  4 },
                { 3,  8 },
                { 4,  16},
                { 5,  32},
                { 6,  32},
		{ 7,  13},
                { 8,  5 },
                { 9,  17},
                { 10, 17},
                { 11, 32},
                { 12, 32}
	};
	uint8_t body[ENTRY_BODY_MAX];
	size_t n = full_body(body), at = sizeof(head);
	uint64_t wall = (uint64_t)fixture_moment(6).wall_ms;

	ck_assert_uint_eq(get_le64(body + 10), wall);
	for (size_t i = 0; i < sizeof(head); ++i)
		ck_assert_msg(i - 10 < 8 || body[i] == head[i], "byte %zu is %02x, want %02x", i,
			      body[i], head[i]);
	for (size_t i = 0; i < ARRAY_SIZE(fields); ++i) {
		ck_assert_uint_eq(body[at], fields[i].tag);
		ck_assert_uint_eq(get_le16(body + at + 1), fields[i].length);
		at += 3 + fields[i].length;
	}
	ck_assert_uint_eq(at, n);
}
END_TEST

START_TEST(every_field_comes_back) {
	struct journal_entry e = full_entry(), back;
	struct entry_strings strings;
	struct entry_view view;
	uint8_t body[ENTRY_BODY_MAX];
	size_t n = full_body(body);

	ck_assert_int_eq(entry_parse(body, n, &view), 0);
	entry_from_view(&view, &strings, &back);
	ck_assert_int_eq(back.event, e.event);
	ck_assert_int_eq(back.outcome, e.outcome);
	ck_assert_uint_eq(back.seat, e.seat);
	ck_assert_uint_eq(back.assurance, e.assurance);
	ck_assert_uint_eq(back.factor, e.factor);
	ck_assert_uint_eq(back.flags, e.flags);
	ck_assert_uint_eq(back.reason, e.reason);
	ck_assert_int_eq(back.at.wall_ms, e.at.wall_ms);
	ck_assert_uint_eq(back.at.boot_ms, e.at.boot_ms);
	ck_assert_mem_eq(back.at.boot_id, e.at.boot_id, 16);
	ck_assert_int_eq(back.at.trust, e.at.trust);
	ck_assert_uint_eq(back.account, e.account);
	ck_assert_uint_eq(back.target, e.target);
	ck_assert_uint_eq(back.peer_uid, e.peer_uid);
	ck_assert_uint_eq(back.session, e.session);
	ck_assert(back.has_emergency && back.has_claim && back.has_digest);
	ck_assert_mem_eq(back.emergency, e.emergency, 16);
	ck_assert_mem_eq(back.claimed_boot_id, e.claimed_boot_id, 16);
	ck_assert_uint_eq(back.claimed_boot_ms, e.claimed_boot_ms);
	ck_assert_int_eq(back.claimed_wall_ms, e.claimed_wall_ms);
	ck_assert_mem_eq(back.digest, e.digest, 32);
	ck_assert_str_eq(back.action, e.action);
	ck_assert_str_eq(back.context, e.context);
	ck_assert_str_eq(back.object, e.object);
	ck_assert_str_eq(back.detail, e.detail);
	ck_assert_mem_eq(view.text_hash[TEXT_NAME], name_hash, 32);
	ck_assert_mem_eq(view.text_hash[TEXT_TEXT], text_hash, 32);
}
END_TEST

START_TEST(an_entry_without_anything_is_its_head) {
	struct journal_entry e = { .event = EVENT_LOCK, .peer_uid = UINT32_MAX, .action = "" },
			     back;
	struct entry_strings strings;
	struct entry_view view;
	uint8_t body[ENTRY_BODY_MAX];
	size_t n = 0;

	ck_assert_int_eq(entry_build(&e, NULL, NULL, body, &n), 0);
	ck_assert_uint_eq(n, ENTRY_HEAD);
	ck_assert_int_eq(entry_parse(body, n, &view), 0);
	entry_from_view(&view, &strings, &back);
	ck_assert_uint_eq(back.peer_uid, UINT32_MAX);
	ck_assert_ptr_null(back.action);
	ck_assert(!back.has_emergency && !back.has_claim && !back.has_digest);
}
END_TEST

/* JR-13, TM-01: no time is out of range. */
START_TEST(jr13_every_time_comes_back) {
	static const int64_t walls[] = { 0,
					 -1,
					 915148800000,
					 2147483647000,
					 2147483648000,
					 4294967296000,
					 253402300799000,
					 INT64_MAX,
					 INT64_MIN };
	struct journal_entry e = { .event = EVENT_LOCK, .peer_uid = 0, .has_claim = true };
	struct entry_view view;
	uint8_t body[ENTRY_BODY_MAX];
	size_t n = 0;

	e.at.wall_ms = walls[_i];
	e.claimed_wall_ms = walls[_i];
	e.at.boot_ms = UINT64_MAX;
	ck_assert_int_eq(entry_build(&e, NULL, NULL, body, &n), 0);
	ck_assert_int_eq(entry_parse(body, n, &view), 0);
	ck_assert_int_eq(view.fixed.at.wall_ms, walls[_i]);
	ck_assert_int_eq(view.fixed.claimed_wall_ms, walls[_i]);
	ck_assert_uint_eq(view.fixed.at.boot_ms, UINT64_MAX);
	ck_assert_uint_eq(view.fixed.peer_uid, 0);
}
END_TEST

/* Strings. */
static const struct {
	const char *why;
	const char *s;
	int expect;
} strings_table[] = {
	{"plain",			     "a",                0      },
	{ "umlauts",			  "B\xc3\xa4r",       0      },
	{ "four bytes",                       "\xf0\x9f\x92\x8a", 0      },
	{ "a lone continuation byte",         "a\x80",            -EINVAL},
	{ "a sequence that is cut",           "a\xc3",            -EINVAL},
	{ "a longer spelling of a slash",     "\xc0\xaf",         -EINVAL},
	{ "a surrogate",                      "\xed\xa0\x80",     -EINVAL},
	{ "above the last code point",        "\xf4\x90\x80\x80", -EINVAL},
	{ "a new line",                       "a\nb",             -EINVAL},
	{ "an escape",			"\x1b[2J",          -EINVAL},
	{ "delete",			   "\x7f",             -EINVAL},
	{ "a control character of two bytes", "\xc2\x9b",         -EINVAL},
};

START_TEST(a_string_is_good_utf8_without_controls) {
	struct journal_entry e = { .event = EVENT_USE, .peer_uid = UINT32_MAX };
	uint8_t body[ENTRY_BODY_MAX];
	size_t n = 77;
	int r;

	e.object = strings_table[_i].s;
	r = entry_build(&e, NULL, NULL, body, &n);
	ck_assert_msg(r == strings_table[_i].expect, "%s: %d", strings_table[_i].why, r);
	ck_assert(r == 0 || n == 77);
}
END_TEST

START_TEST(each_string_has_its_limit_to_the_byte) {
	static const size_t limits[] = { LIMIT_NAME, LIMIT_NAME, LIMIT_OBJECT, LIMIT_TEXT };
	struct journal_entry e = { .event = EVENT_USE, .peer_uid = UINT32_MAX };
	const char **const fields[] = { &e.action, &e.context, &e.object, &e.detail };
	uint8_t body[ENTRY_BODY_MAX];
	char s[LIMIT_TEXT + 1];
	size_t n = 0;

	memset(s, 'x', sizeof(s));
	s[limits[_i]] = '\0';
	*fields[_i] = s;
	ck_assert_int_eq(entry_build(&e, NULL, NULL, body, &n), -EINVAL);
	s[limits[_i] - 1] = '\0';
	ck_assert_int_eq(entry_build(&e, NULL, NULL, body, &n), 0);
	ck_assert_uint_eq(n, ENTRY_HEAD + 3 + limits[_i] - 1);
}
END_TEST

/* The reader. Each edit is of a body with all fields. */
struct edit {
	const char *why;
	size_t at; /* byte to set                    */
	uint8_t value;
	int cut; /* bytes taken off (or added) at the end */
	int expect;
};

#define FIRST_FIELD 46
static const struct edit edits[] = {
	{"untouched",		       0,               1,    0,  0       },
	{ "another version",                0,               2,    0,  -ENOTSUP},
	{ "version zero",                   0,               0,    0,  -ENOTSUP},
	{ "no event",		       2,               0x00, 0,  0       }, /* 0x0100 is an event */
	{ "an unknown trust of the clock",  9,               3,    0,  -EBADMSG},
	{ "an outcome of the future",       4,               200,  0,  0       },
	{ "a factor of the future",         7,               200,  0,  0       },
	{ "an unknown tag",                 FIRST_FIELD,     13,   0,  -EBADMSG},
	{ "tag zero",		       FIRST_FIELD,     0,    0,  -EBADMSG},
	{ "a tag twice",                    FIRST_FIELD + 7, 1,    0,  -EBADMSG},
	{ "tags in the wrong order",        FIRST_FIELD,     3,    0,  -EBADMSG},
	{ "a length one short",             FIRST_FIELD + 1, 3,    0,  -EBADMSG},
	{ "a length one long",              FIRST_FIELD + 1, 5,    0,  -EBADMSG},
	{ "a length out of sight",          FIRST_FIELD + 2, 0xff, 0,  -EBADMSG},
	{ "the default target spelled out", FIRST_FIELD + 3, 0,    0,  -EBADMSG},
	{ "one byte less",                  0,               1,    1,  -EBADMSG},
	{ "one byte more",                  0,               1,    -1, -EBADMSG},
};

START_TEST(the_reader_takes_one_spelling_only) {
	const struct edit *edit = &edits[_i];
	struct entry_view view;
	uint8_t body[ENTRY_BODY_MAX] = { 0 };
	size_t n = full_body(body);
	int r;

	body[edit->at] = edit->value;
	r = entry_parse(body, (size_t)((int)n - edit->cut), &view);
	ck_assert_msg(r == edit->expect, "%s: %d, want %d", edit->why, r, edit->expect);
}
END_TEST

START_TEST(defaults_are_never_spelled_out) {
	static const struct {
		uint8_t field[11];
		size_t n;
	} fields[] = {
		{{ 1, 4, 0 },                          7 },
                { { 2, 4, 0, 0xff, 0xff, 0xff, 0xff }, 7 },
		{ { 3, 8, 0 },                         11},
                { { 7, 0, 0 },                         3 },
		{ { 10, 0, 0 },                        3 },
	};
	struct journal_entry e = { .event = EVENT_USE, .peer_uid = UINT32_MAX };
	struct entry_view view;
	uint8_t body[ENTRY_BODY_MAX];
	size_t n = 0;

	ck_assert_int_eq(entry_build(&e, NULL, NULL, body, &n), 0);
	memcpy(body + n, fields[_i].field, fields[_i].n);
	ck_assert_int_eq(entry_parse(body, n + fields[_i].n, &view), -EBADMSG);
}
END_TEST

START_TEST(no_shorter_body_is_taken_for_the_whole) {
	struct entry_view view;
	uint8_t body[ENTRY_BODY_MAX];
	size_t n = full_body(body);
	unsigned good = 0;

	ck_assert_int_eq(entry_parse(body, 0, &view), -EBADMSG);
	for (size_t i = 1; i < n; ++i)
		good += entry_parse(body, i, &view) == 0;
	/* Only where a field ends: the hash over the body tells those. */
	ck_assert_uint_eq(good, 12);
}
END_TEST

START_TEST(any_byte_changed_still_has_one_spelling) {
	uint8_t body[ENTRY_BODY_MAX];
	size_t n = full_body(body);

	for (size_t i = 0; i < n; ++i) {
		for (unsigned bit = 0; bit < 8; ++bit) {
			body[i] = (uint8_t)(body[i] ^ (1u << bit));
			entry_property(body, n);
			body[i] = (uint8_t)(body[i] ^ (1u << bit));
		}
	}
}
END_TEST

START_TEST(the_corpus_of_the_fuzzer_holds) {
	const char *path = SOURCE_ROOT "/tests/fuzz/corpus/entry";
	DIR *dir = opendir(path);
	const struct dirent *d;
	unsigned n_files = 0;

	ck_assert_ptr_nonnull(dir);
	while ((d = readdir(dir)) != NULL) {
		uint8_t bytes[2048];
		int fd;
		ssize_t n;

		if (d->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		n = read(fd, bytes, sizeof(bytes));
		ck_assert_int_ge(n, 0);
		(void)close(fd);
		entry_property(bytes, (size_t)n);
		n_files++;
	}
	(void)closedir(dir);
	ck_assert_uint_ge(n_files, 5);
}
END_TEST

START_TEST(names_and_ids_of_events_are_one_to_one) {
	unsigned n = 0;

#define X(id, symbol, name)                                                                        \
	ck_assert_str_eq(audit_event_name(id), name);                                              \
	ck_assert_uint_eq(audit_event_by_name(name), id);                                          \
	n++;
	AUDIT_EVENTS(X)
#undef X
	for (unsigned id = 0; id < 70000; ++id)
		if (strcmp(audit_event_name(id), "unknown") != 0)
			n--;
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(audit_event_by_name("unknown"), 0);
	ck_assert_uint_eq(audit_event_by_name(NULL), 0);
	ck_assert_str_eq(audit_outcome_name(OUTCOME_LOCKED), "locked");
	ck_assert_str_eq(audit_outcome_name(OUTCOME_N), "unknown");
	ck_assert_str_eq(audit_outcome_name(UINT32_MAX), "unknown");
}
END_TEST

int main(void) {
	Suite *suite = suite_create("entry");
	TCase *tc = tcase_create("entry");

	tcase_add_test(tc, a_body_is_laid_out_as_published);
	tcase_add_test(tc, every_field_comes_back);
	tcase_add_test(tc, an_entry_without_anything_is_its_head);
	tcase_add_loop_test(tc, jr13_every_time_comes_back, 0, 9);
	tcase_add_loop_test(tc, a_string_is_good_utf8_without_controls, 0,
			    (int)ARRAY_SIZE(strings_table));
	tcase_add_loop_test(tc, each_string_has_its_limit_to_the_byte, 0, 4);
	tcase_add_loop_test(tc, the_reader_takes_one_spelling_only, 0, (int)ARRAY_SIZE(edits));
	tcase_add_loop_test(tc, defaults_are_never_spelled_out, 0, 5);
	tcase_add_test(tc, no_shorter_body_is_taken_for_the_whole);
	tcase_add_test(tc, any_byte_changed_still_has_one_spelling);
	tcase_add_test(tc, the_corpus_of_the_fuzzer_holds);
	tcase_add_test(tc, names_and_ids_of_events_are_one_to_one);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
