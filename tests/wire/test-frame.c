/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "wire/frame.h"

#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

/* [1, 1, "x", BODY] and what else a packet may be. */
#define HEAD "\x84\x01\x01\x61x"
#define TEXT_31 "0123456789012345678901234567890"
#define TEXT_32 "01234567890123456789012345678901"

/* clang-format off */
static const struct {
	const char *why;
	const uint8_t *p;
	size_t n;
	int expect;
} packets[] = {
	{ "the smallest request", BYTES(HEAD "\xa0"), 0 },
	{ "a reply", BYTES("\x84\x02\x01\x61x\xa0"), 0 },
	{ "an event has the serial 0", BYTES("\x84\x03\x00\x61x\xa0"), 0 },
	{ "the longest forms of numbers and heads mean the same",
	  BYTES("\x9b\0\0\0\0\0\0\0\x04\x18\x01\x19\0\x01\x78\x01x\xb9\0\0"), 0 },
	{ "nothing at all", BYTES(""), -EBADMSG },
	{ "an array of three", BYTES("\x83\x01\x01\x61x"), -EBADMSG },
	{ "an array of five", BYTES("\x85\x01\x01\x61x\xa0\xa0"), -EBADMSG },
	{ "no array but a map", BYTES("\xa2\x61x\x01\x61y\xa0"), -EBADMSG },
	{ "an array of unknown length", BYTES("\x9f\x01\x01\x61x\xa0\xff"), -EBADMSG },
	{ "kind 0", BYTES("\x84\x00\x01\x61x\xa0"), -EBADMSG },
	{ "kind 4", BYTES("\x84\x04\x01\x61x\xa0"), -EBADMSG },
	{ "a kind that is 1 when cut to 32 bits",
	  BYTES("\x84\x1b\0\0\0\x01\0\0\0\x01\x01\x61x\xa0"), -EBADMSG },
	{ "a negative kind", BYTES("\x84\x20\x01\x61x\xa0"), -EBADMSG },
	{ "a request with the serial 0", BYTES("\x84\x01\x00\x61x\xa0"), -EBADMSG },
	{ "a reply with the serial 0", BYTES("\x84\x02\x00\x61x\xa0"), -EBADMSG },
	{ "an event with a serial", BYTES("\x84\x03\x01\x61x\xa0"), -EBADMSG },
	{ "a serial that is text", BYTES("\x84\x01\x61\x31\x61x\xa0"), -EBADMSG },
	{ "an empty name", BYTES("\x84\x01\x01\x60\xa0"), -EBADMSG },
	{ "a name of 31 bytes", BYTES("\x84\x01\x01\x78\x1f" TEXT_31 "\xa0"), 0 },
	{ "a name of 32 bytes", BYTES("\x84\x01\x01\x78\x20" TEXT_32 "\xa0"), -EBADMSG },
	{ "a name of bytes", BYTES("\x84\x01\x01\x41x\xa0"), -EBADMSG },
	{ "a name with a NUL", BYTES("\x84\x01\x01\x62x\0\xa0"), -EBADMSG },
	{ "a body that is an array", BYTES(HEAD "\x80"), -EBADMSG },
	{ "a body of unknown length", BYTES(HEAD "\xbf\xff"), -EBADMSG },
	{ "something follows", BYTES(HEAD "\xa0\x00"), -EBADMSG },
	{ "a second frame follows", BYTES(HEAD "\xa0" HEAD "\xa0"), -EBADMSG },
	{ "text of unknown length", BYTES(HEAD "\xa1\x61k\x7f\x61v\xff"), -EBADMSG },
	{ "bytes of unknown length", BYTES(HEAD "\xa1\x61k\x5f\x41v\xff"), -EBADMSG },
	{ "a break where a value should be", BYTES(HEAD "\xa1\x61k\xff"), -EBADMSG },
	{ "two keys", BYTES(HEAD "\xa2\x61k\x01\x61l\x02"), 0 },
	{ "a key twice", BYTES(HEAD "\xa2\x61k\x01\x61k\x02"), -EBADMSG },
	{ "a key twice, spelt with another head",
	  BYTES(HEAD "\xa2\x61k\x01\x78\x01k\x02"), -EBADMSG },
	{ "a key twice, further apart", BYTES(HEAD "\xa3\x61k\x01\x61l\x01\x61k\x02"), -EBADMSG },
	{ "a key twice in an inner map", BYTES(HEAD "\xa1\x61m\xa2\x61k\x01\x61k\x02"), -EBADMSG },
	{ "the same key in two maps", BYTES(HEAD "\xa1\x61k\xa1\x61k\x01"), 0 },
	{ "a key that is a number", BYTES(HEAD "\xa1\x01\x01"), -EBADMSG },
	{ "a key that is bytes", BYTES(HEAD "\xa1\x41k\x01"), -EBADMSG },
	{ "a key that is a map", BYTES(HEAD "\xa1\xa0\x01"), -EBADMSG },
	{ "a key with a NUL", BYTES(HEAD "\xa1\x62k\0\x01"), -EBADMSG },
	{ "a key of 32 bytes", BYTES(HEAD "\xa1\x78\x20" TEXT_32 "\x01"), -EBADMSG },
	{ "a key without a value", BYTES(HEAD "\xa1\x61k"), -EBADMSG },
	{ "nesting 6", BYTES(HEAD "\xa1\x61k\x81\x81\x81\x80"), 0 },
	{ "nesting 7", BYTES(HEAD "\xa1\x61k\x81\x81\x81\x81\x80"), -EBADMSG },
	{ "nesting 7 of maps", BYTES(HEAD "\xa1\x61k\xa1\x61k\xa1\x61k\xa1\x61k\xa1\x61k\xa0"),
	  -EBADMSG },
	{ "text that is not UTF-8", BYTES(HEAD "\xa1\x61k\x61\xff"), -EBADMSG },
	{ "text that is too long a form", BYTES(HEAD "\xa1\x61k\x62\xc0\x80"), -EBADMSG },
	{ "text that is half a surrogate", BYTES(HEAD "\xa1\x61k\x63\xed\xa0\x80"), -EBADMSG },
	{ "text beyond U+10FFFF", BYTES(HEAD "\xa1\x61k\x64\xf4\x90\x80\x80"), -EBADMSG },
	{ "text that ends inside a letter", BYTES(HEAD "\xa1\x61k\x62\xe2\x82"), -EBADMSG },
	{ "text with a euro", BYTES(HEAD "\xa1\x61k\x63\xe2\x82\xac"), 0 },
	{ "text with a NUL", BYTES(HEAD "\xa1\x61k\x62" "a\0"), -EBADMSG },
	{ "bytes with a NUL", BYTES(HEAD "\xa1\x61k\x42" "a\0"), 0 },
	{ "text of 2^64-1 bytes", BYTES(HEAD "\xa1\x61k\x7b\xff\xff\xff\xff\xff\xff\xff\xff"),
	  -EBADMSG },
	{ "bytes of 2^63 bytes", BYTES(HEAD "\xa1\x61k\x5b\x80\0\0\0\0\0\0\0"), -EBADMSG },
	{ "an array of 2^64-1 values", BYTES(HEAD "\xa1\x61k\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
	  -EBADMSG },
	{ "a map of 2^63 pairs: twice that is 0", BYTES(HEAD "\xbb\x80\0\0\0\0\0\0\0"), -EBADMSG },
	{ "an array of more values than bytes", BYTES(HEAD "\xa1\x61k\x98\xff\x01"), -EBADMSG },
	{ "a tag", BYTES(HEAD "\xa1\x61k\xc0\x01"), -EBADMSG },
	{ "undefined", BYTES(HEAD "\xa1\x61k\xf7"), -EBADMSG },
	{ "a half float", BYTES(HEAD "\xa1\x61k\xf9\x3c\0"), -EBADMSG },
	{ "a float", BYTES(HEAD "\xa1\x61k\xfa\x3f\x80\0\0"), -EBADMSG },
	{ "a double", BYTES(HEAD "\xa1\x61k\xfb\x3f\xf0\0\0\0\0\0\0"), -EBADMSG },
	{ "a simple value that nobody knows", BYTES(HEAD "\xa1\x61k\xe0"), -EBADMSG },
	{ "a reserved head", BYTES(HEAD "\xa1\x61k\x1c"), -EBADMSG },
	{ "a raw record's first byte", BYTES("\x01"), -EBADMSG },
};
/* clang-format on */

START_TEST(packets_are_judged) {
	cleanup_(free_bytesp) unsigned char *copy = malloc(packets[_i].n + 1);
	struct frame frame = { .serial = 77 };
	int r;

	/* Behind it lies memory that is not its own: a sanitizer sees a byte too many. */
	ck_assert_ptr_nonnull(copy);
	memcpy(copy + 1, packets[_i].p, packets[_i].n);
	r = frame_parse(copy + 1, packets[_i].n, &frame);
	ck_assert_msg(r == packets[_i].expect, "%s: gave %d, want %d", packets[_i].why, r,
	              packets[_i].expect);
	ck_assert_msg(r == 0 || frame.serial == 77, "%s: wrote on failure", packets[_i].why);
}
END_TEST

/* One of everything. Return: its length; 0: no room. */
static size_t sample(uint8_t *packet, size_t capacity) {
	struct frame_writer w;

	frame_begin(&w, packet, capacity, FRAME_REQUEST, 4711, "attempt.answer");
	frame_uint(&w, "attempt", UINT64_MAX);
	frame_int(&w, "low", INT64_MIN);
	frame_int(&w, "small", -1);
	frame_int(&w, "high", INT64_MAX);
	frame_bytes(&w, "value", "a\0b", 3);
	frame_text(&w, "text", "na\xc3\xafve");
	frame_text_n(&w, "part", "partly", 4);
	frame_bool(&w, "yes", true);
	frame_bool(&w, "no", false);
	frame_null(&w, "nothing");
	frame_open_array(&w, "names");
	for (int i = 0; i < 30; ++i)
		frame_text(&w, NULL, i % 2 ? "odd" : "even");
	frame_close(&w);
	frame_open_map(&w, "inner");
	frame_open_array(&w, "empty");
	frame_close(&w);
	frame_uint(&w, "n", 7);
	frame_close(&w);
	return frame_end(&w) == 0 ? w.n : 0;
}

START_TEST(numbers_are_read_back) {
	uint8_t packet[2048];
	struct frame frame;
	uint64_t u;
	int64_t i;
	bool b;

	ck_assert_int_eq(frame_parse(packet, sample(packet, sizeof(packet)), &frame), 0);
	ck_assert_int_eq(frame.kind, FRAME_REQUEST);
	ck_assert_uint_eq(frame.serial, 4711);
	ck_assert_str_eq(frame.name, "attempt.answer");
	ck_assert_int_eq(frame_get_uint(frame.body, "attempt", &u), 0);
	ck_assert(u == UINT64_MAX);
	ck_assert_int_eq(frame_get_int(frame.body, "attempt", &i), -EBADMSG);
	ck_assert_int_eq(frame_get_int(frame.body, "low", &i), 0);
	ck_assert(i == INT64_MIN);
	ck_assert_int_eq(frame_get_uint(frame.body, "low", &u), -EBADMSG);
	ck_assert_int_eq(frame_get_int(frame.body, "small", &i), 0);
	ck_assert_int_eq(i, -1);
	ck_assert_int_eq(frame_get_int(frame.body, "high", &i), 0);
	ck_assert(i == INT64_MAX);
	ck_assert_int_eq(frame_get_bool(frame.body, "yes", &b), 0);
	ck_assert(b);
	ck_assert_int_eq(frame_get_bool(frame.body, "no", &b), 0);
	ck_assert(!b);
	ck_assert_int_eq(frame_get_bool(frame.body, "nothing", &b), -EBADMSG);
	ck_assert(frame_has_null(frame.body, "nothing"));
	ck_assert(!frame_has_null(frame.body, "yes"));
	ck_assert_int_eq(frame_get_uint(frame.body, "absent", &u), -ENOENT);
}
END_TEST

START_TEST(strings_are_read_back) {
	uint8_t packet[2048];
	struct frame frame;
	struct secret secret = { 0 };
	const uint8_t *p;
	char text[16];
	size_t n;

	ck_assert_int_eq(frame_parse(packet, sample(packet, sizeof(packet)), &frame), 0);
	ck_assert_int_eq(frame_get_bytes(frame.body, "value", &p, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_mem_eq(p, "a\0b", 3);
	ck_assert_int_eq(frame_get_fixed(frame.body, "value", (uint8_t *)text, 3), 0);
	ck_assert_int_eq(frame_get_fixed(frame.body, "value", (uint8_t *)text, 4), -EBADMSG);
	ck_assert_int_eq(frame_get_secret(frame.body, "value", &secret), 0);
	ck_assert_uint_eq(secret.n, 3);
	ck_assert_int_eq(frame_get_secret(frame.body, "text", &secret), -EBADMSG);
	ck_assert_int_eq(frame_get_text(frame.body, "text", text, 7), 0);
	ck_assert_str_eq(text, "na\xc3\xafve");
	ck_assert_int_eq(frame_get_text(frame.body, "text", text, 6), -EBADMSG);
	ck_assert_int_eq(frame_get_text(frame.body, "part", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "part");
	ck_assert_int_eq(frame_get_text(frame.body, "value", text, sizeof(text)), -EBADMSG);
}
END_TEST

START_TEST(maps_and_arrays_are_walked) {
	uint8_t packet[2048];
	struct frame frame;
	struct frame_span span, item;
	uint64_t u;
	char text[16];
	size_t cursor = 0, count = 0;

	ck_assert_int_eq(frame_parse(packet, sample(packet, sizeof(packet)), &frame), 0);
	ck_assert_int_eq(frame_get_array(frame.body, "inner", &span), -EBADMSG);
	ck_assert_int_eq(frame_get_array(frame.body, "names", &span), 0);
	while (frame_next_item(span, &cursor, &item)) {
		ck_assert_int_eq(frame_item_text(item, text, sizeof(text)), 0);
		ck_assert_str_eq(text, count % 2 ? "odd" : "even");
		++count;
	}
	ck_assert_uint_eq(count, 30);
	ck_assert_int_eq(frame_get_map(frame.body, "names", &span), -EBADMSG);
	ck_assert_int_eq(frame_get_map(frame.body, "inner", &span), 0);
	ck_assert_int_eq(frame_get_uint(span, "n", &u), 0);
	ck_assert_uint_eq(u, 7);
	ck_assert_int_eq(frame_get_array(span, "empty", &item), 0);
	cursor = 0;
	ck_assert_int_eq(frame_next_item(item, &cursor, &span), 0);
}
END_TEST

START_TEST(a_frame_cut_at_any_byte_is_refused) {
	uint8_t packet[2048];
	struct frame frame;
	size_t n = sample(packet, sizeof(packet));

	ck_assert_uint_gt(n, 100);
	for (size_t cut = 1; cut < n; ++cut) {
		cleanup_(free_bytesp) unsigned char *copy = malloc(cut);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, packet, cut);
		ck_assert_msg(frame_parse(copy, cut, &frame) == -EBADMSG, "cut at %zu of %zu", cut,
		              n);
	}
}
END_TEST

START_TEST(a_buffer_too_small_by_any_number_of_bytes_is_told) {
	uint8_t packet[2048];
	size_t n = sample(packet, sizeof(packet));

	for (size_t room = 0; room < n; ++room) {
		memset(packet, 0xee, sizeof(packet));
		ck_assert_uint_eq(sample(packet, room), 0);
		ck_assert_msg(packet[room] == 0xee, "wrote behind %zu bytes", room);
	}
	ck_assert_uint_eq(sample(packet, n), n);
}
END_TEST

START_TEST(one_changed_bit_never_leads_out_of_the_packet) {
	uint8_t packet[2048];
	size_t n = sample(packet, sizeof(packet));

	for (size_t bit = 0; bit < n * 8; ++bit) {
		struct frame frame;
		struct frame_span value;
		char key[FRAME_NAME_MAX];
		size_t cursor = 0;

		packet[bit / 8] = (uint8_t)(packet[bit / 8] ^ 1u << bit % 8);
		if (frame_parse(packet, n, &frame) == 0) {
			while (frame_next_pair(frame.body, &cursor, key, &value))
				ck_assert(value.p > packet && value.p + value.n <= packet + n);
			ck_assert_uint_eq(cursor, frame.body.n);
		}
		packet[bit / 8] = (uint8_t)(packet[bit / 8] ^ 1u << bit % 8);
	}
}
END_TEST

/* Writes that must not become a frame. */

static void too_deep(struct frame_writer *w) {
	frame_open_map(w, "k");
	for (int i = 0; i < 4; ++i)
		frame_open_map(w, "k");
	for (int i = 0; i < 5; ++i)
		frame_close(w);
}

static void left_open(struct frame_writer *w) {
	frame_open_map(w, "k");
}

static void closed_too_often(struct frame_writer *w) {
	for (int i = 0; i < 3; ++i)
		frame_close(w);
}

static void key_in_array(struct frame_writer *w) {
	frame_open_array(w, "k");
	frame_uint(w, "l", 1);
	frame_close(w);
}

static void no_key_in_map(struct frame_writer *w) {
	frame_uint(w, NULL, 1);
}

static void long_key(struct frame_writer *w) {
	frame_uint(w, TEXT_32, 1);
}

static void bad_text(struct frame_writer *w) {
	frame_text(w, "k", "\xff");
}

static void no_text(struct frame_writer *w) {
	frame_text(w, "k", NULL);
}

static void nul_in_text(struct frame_writer *w) {
	frame_text_n(w, "k", "a\0b", 3);
}

static void many_keys(struct frame_writer *w) {
	char key[3] = "  ";

	for (unsigned i = 0; i <= FRAME_KEYS_MAX; ++i) {
		key[0] = (char)('a' + i / 10);
		key[1] = (char)('0' + i % 10);
		frame_uint(w, key, i);
	}
}

static const struct {
	const char *why;
	void (*write)(struct frame_writer *w);
} misuses[] = {
	{ "nesting 7", too_deep },
	{ "a map that is left open", left_open },
	{ "closed more than was opened", closed_too_often },
	{ "a key inside an array", key_in_array },
	{ "no key inside a map", no_key_in_map },
	{ "a key of 32 bytes", long_key },
	{ "text that is not UTF-8", bad_text },
	{ "no text", no_text },
	{ "text with a NUL", nul_in_text },
	{ "65 keys", many_keys },
};

START_TEST(a_writer_that_is_misused_gives_no_frame) {
	uint8_t packet[1024];
	struct frame_writer w;

	frame_begin(&w, packet, sizeof(packet), FRAME_REPLY, 1, "x");
	misuses[_i].write(&w);
	ck_assert_msg(frame_end(&w) == -EMSGSIZE, "%s gave a frame", misuses[_i].why);
	frame_begin(&w, packet, sizeof(packet), FRAME_REPLY, 1, TEXT_32);
	ck_assert_int_eq(frame_end(&w), -EMSGSIZE);
}
END_TEST

START_TEST(a_stranger_among_the_keys_is_named) {
	static const char *const known[] = { "k", "l", NULL };
	char key[FRAME_NAME_MAX] = "";
	struct frame frame;

	ck_assert_int_eq(frame_parse(BYTES(HEAD "\xa2\x61k\x01\x61l\x02"), &frame), 0);
	ck_assert(frame_only_keys(frame.body, known, key));
	ck_assert_int_eq(frame_parse(BYTES(HEAD "\xa2\x61k\x01\x61m\x02"), &frame), 0);
	ck_assert(!frame_only_keys(frame.body, known, key));
	ck_assert_str_eq(key, "m");
}
END_TEST

START_TEST(the_limit_of_a_frame_is_exact) {
	static uint8_t packet[LIMIT_FRAME + 64];
	static const uint8_t filler[LIMIT_FRAME];
	struct frame_writer w;
	struct frame frame;
	size_t over;

	frame_begin(&w, packet, sizeof(packet), FRAME_REQUEST, 1, "x");
	frame_bytes(&w, "k", filler, 16000);
	ck_assert_int_eq(frame_end(&w), 0);
	over = LIMIT_FRAME - w.n;
	frame_begin(&w, packet, sizeof(packet), FRAME_REQUEST, 1, "x");
	frame_bytes(&w, "k", filler, 16000 + over);
	ck_assert_int_eq(frame_end(&w), 0);
	ck_assert_uint_eq(w.n, LIMIT_FRAME);
	ck_assert_int_eq(frame_parse(packet, w.n, &frame), 0);
	frame_begin(&w, packet, sizeof(packet), FRAME_REQUEST, 1, "x");
	frame_bytes(&w, "k", filler, 16000 + over + 1);
	ck_assert_int_eq(frame_end(&w), -EMSGSIZE);
	ck_assert_int_eq(frame_parse(packet, w.n, &frame), -EBADMSG);
}
END_TEST

int main(void) {
	Suite *s = suite_create("frame");
	TCase *t = tcase_create("frame");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, packets_are_judged, 0, (int)ARRAY_SIZE(packets));
	tcase_add_test(t, numbers_are_read_back);
	tcase_add_test(t, strings_are_read_back);
	tcase_add_test(t, maps_and_arrays_are_walked);
	tcase_add_test(t, a_frame_cut_at_any_byte_is_refused);
	tcase_add_test(t, a_buffer_too_small_by_any_number_of_bytes_is_told);
	tcase_add_test(t, one_changed_bit_never_leads_out_of_the_packet);
	tcase_add_loop_test(t, a_writer_that_is_misused_gives_no_frame, 0,
	                    (int)ARRAY_SIZE(misuses));
	tcase_add_test(t, a_stranger_among_the_keys_is_named);
	tcase_add_test(t, the_limit_of_a_frame_is_exact);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
