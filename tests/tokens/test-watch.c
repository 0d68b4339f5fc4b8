/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers that write lines or keys, and security keys that come and go
 *
 * The serial reader and the wedge are pseudo terminals; what the kernel says of
 * USB devices is a folder of our own.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "common/bytes.h"
#include "tests/tokens/watching.h"
#include "tokens/watch.h"

static struct watching w;
static char folder[] = "/tmp/careward-watch-XXXXXX";
static int master = -1;

static void rest_ms(unsigned ms) {
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *where) {
	return remove(path);
}

static void setup(void) {
	(void)snprintf(folder, sizeof(folder), "/tmp/careward-watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	w = (struct watching){ .rules = { .n_readers = 1, .badge.on = true } };
}

static void teardown(void) {
	(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if (master >= 0)
		(void)close(master);
	master = -1;
}

static void set_path(uint32_t reader, const char *path) {
	(void)snprintf(w.rules.readers[reader].path, TOKEN_PATH_MAX, "%s", path);
}

/* A terminal as reader 0; its other end is `master`. */
static void open_terminal(enum reader_kind kind, enum badge_form form) {
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	w.rules.readers[0].kind = kind;
	w.rules.readers[0].form = form;
	set_path(0, ptsname(master));
}

static void type(const char *p, size_t n) {
	ck_assert_int_eq(write(master, p, n), (ssize_t)n);
}

#define TYPE(s) type(s, sizeof(s) - 1)

static void need_badge(const char *id) {
	struct token_sight sight = watching_need(&w, TOKEN_SIGHT_BADGE);
	char hex[2 * TOKEN_BADGE_MAX + 1];

	hex_encode(hex, sight.id, sight.n_id);
	ck_assert_str_eq(hex, id);
	ck_assert_uint_eq(sight.reader, 0);
}

/* The watcher has its terminal when it is raw. */
static void wait_raw(void) {
	struct termios t;

	for (;;) {
		ck_assert_int_eq(tcgetattr(master, &t), 0);
		if (!(t.c_lflag & ICANON))
			return;
		rest_ms(5);
	}
}

START_TEST(a_serial_reader_is_read_line_by_line) {
	open_terminal(READER_SERIAL, BADGE_HEX);
	watching_start(&w);
	wait_raw();
	TYPE("DEADBEEF\r\n");
	need_badge("deadbeef");
	TYPE("\x02" "0BADCAFE" "\x03");
	need_badge("0badcafe");
	TYPE("\n\r\n\r1234\n");
	need_badge("1234");
	/* In two parts, as they come from a wire. */
	TYPE("AB");
	rest_ms(100);
	TYPE("CD\r");
	need_badge("abcd");
	TYPE("11\r22\r33\r");
	need_badge("11");
	need_badge("22");
	need_badge("33");
	watching_stop(&w);
}
END_TEST

START_TEST(a_wedge_on_a_terminal_is_read_the_same) {
	open_terminal(READER_WEDGE, BADGE_WIEGAND);
	watching_start(&w);
	wait_raw();
	TYPE("123,45678\n");
	need_badge("7bb26e");
	watching_stop(&w);
}
END_TEST

START_TEST(rubbish_is_dropped_and_the_next_badge_counts) {
	static const char *const rubbish[] = { "GARBAGE\r", "\xff\xfe\xfd\r", "\x1b[2J\r", "00000000\r",
		                               "DEAD BEEF FF F\r", "-1\r" };
	char longer[300];

	open_terminal(READER_SERIAL, BADGE_HEX);
	watching_start(&w);
	wait_raw();
	for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); ++i)
		type(rubbish[i], strlen(rubbish[i]));
	/* The end of a line that is too long is no badge either. */
	memset(longer, '1', sizeof(longer));
	type(longer, sizeof(longer));
	TYPE("\r");
	TYPE("DEADBEEF\r");
	need_badge("deadbeef");
	/* Half a line without end is forgotten after a second. */
	TYPE("1234");
	rest_ms(2200);
	TYPE("5678\r");
	need_badge("5678");
	watching_stop(&w);
}
END_TEST

START_TEST(a_badge_that_stays_or_bounces_is_told_once) {
	open_terminal(READER_SERIAL, BADGE_HEX);
	watching_start(&w);
	wait_raw();
	for (unsigned i = 0; i < 12; ++i) {
		TYPE("DEADBEEF\r");
		rest_ms(150);
	}
	need_badge("deadbeef");
	watching_need_none(&w, 100);
	/* Another one is another tap at once, and so is the first again. */
	TYPE("11\r");
	need_badge("11");
	TYPE("DEADBEEF\r");
	need_badge("deadbeef");
	rest_ms(2000);
	TYPE("DEADBEEF\r");
	need_badge("deadbeef");
	watching_stop(&w);
}
END_TEST

START_TEST(without_badges_at_the_site_no_line_is_told) {
	open_terminal(READER_SERIAL, BADGE_HEX);
	w.rules.badge.on = false;
	watching_start(&w);
	wait_raw();
	TYPE("DEADBEEF\r");
	watching_need_none(&w, 500);
	watching_stop(&w);
}
END_TEST

START_TEST(CD_30_a_serial_reader_that_is_unplugged_comes_back) {
	char path[64];

	open_terminal(READER_SERIAL, BADGE_HEX);
	(void)snprintf(path, sizeof(path), "%s/reader", folder);
	ck_assert_int_eq(symlink(ptsname(master), path), 0);
	set_path(0, path);
	watching_start(&w);
	wait_raw();
	/* In this order: the number of a closed terminal may be somebody else's at once. */
	ck_assert_int_eq(unlink(path), 0);
	(void)close(master);
	ck_assert_uint_eq(watching_need(&w, TOKEN_SIGHT_READER_GONE).reader, 0);
	watching_need_none(&w, 2200);
	open_terminal(READER_SERIAL, BADGE_HEX);
	ck_assert_int_eq(symlink(ptsname(master), path), 0);
	(void)watching_need(&w, TOKEN_SIGHT_READER_BACK);
	TYPE("DEADBEEF\r");
	need_badge("deadbeef");
	watching_stop(&w);
}
END_TEST

/* Another one is there before anybody looks: what was said to the old one is void all the same. */
START_TEST(CD_30_a_reader_that_is_exchanged_at_once_is_told_as_well) {
	char path[64], next[64];
	int old = -1;

	open_terminal(READER_SERIAL, BADGE_HEX);
	(void)snprintf(path, sizeof(path), "%s/reader", folder);
	(void)snprintf(next, sizeof(next), "%s/next", folder);
	ck_assert_int_eq(symlink(ptsname(master), path), 0);
	set_path(0, path);
	watching_start(&w);
	wait_raw();
	old = master;
	open_terminal(READER_SERIAL, BADGE_HEX);
	ck_assert_int_eq(symlink(ptsname(master), next), 0);
	ck_assert_int_eq(rename(next, path), 0);
	(void)close(old);
	ck_assert_uint_eq(watching_need(&w, TOKEN_SIGHT_READER_GONE).reader, 0);
	(void)watching_need(&w, TOKEN_SIGHT_READER_BACK);
	TYPE("DEADBEEF\r");
	need_badge("deadbeef");
	watching_stop(&w);
}
END_TEST

START_TEST(CD_30_what_is_no_terminal_is_no_reader) {
	char path[64];
	FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "%s/file", folder);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	(void)fputs("DEADBEEF\n", f);
	(void)fclose(f);
	w.rules.readers[0].kind = READER_SERIAL;
	set_path(0, path);
	watching_start(&w);
	(void)watching_need(&w, TOKEN_SIGHT_READER_GONE);
	watching_need_none(&w, 1200);
	watching_stop(&w);
}
END_TEST

/* Type, code, value: what the kernel writes for one press of a key. */
static bool press(struct wedge *wedge, struct line *line, uint16_t code) {
	const struct input_event down = { .type = EV_KEY, .code = code, .value = 1 };
	const struct input_event held = { .type = EV_KEY, .code = code, .value = 2 };
	const struct input_event up = { .type = EV_KEY, .code = code, .value = 0 };
	const struct input_event end = { .type = EV_SYN, .code = SYN_REPORT };
	bool whole = wedge_take(wedge, line, &down);

	ck_assert(!wedge_take(wedge, line, &held));
	ck_assert(!wedge_take(wedge, line, &up));
	ck_assert(!wedge_take(wedge, line, &end));
	return whole;
}

static void hold(struct wedge *wedge, struct line *line, uint16_t code, int value) {
	const struct input_event event = { .type = EV_KEY, .code = code, .value = value };

	ck_assert(!wedge_take(wedge, line, &event));
}

START_TEST(keys_are_letters_digits_and_signs) {
	static const uint16_t keys[] = { KEY_1, KEY_0, KEY_A, KEY_Z, KEY_COMMA, KEY_MINUS, KEY_KP7,
		                         KEY_DOT, KEY_SLASH, KEY_SPACE };
	struct wedge wedge = { .shift = { false } };
	struct line line = { .n = 0 };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); ++i)
		ck_assert(!press(&wedge, &line, keys[i]));
	hold(&wedge, &line, KEY_RIGHTSHIFT, 1);
	ck_assert(!press(&wedge, &line, KEY_A));
	ck_assert(!press(&wedge, &line, KEY_SEMICOLON));
	hold(&wedge, &line, KEY_RIGHTSHIFT, 0);
	ck_assert(!press(&wedge, &line, KEY_F1));
	ck_assert(!press(&wedge, &line, KEY_A));
	ck_assert(press(&wedge, &line, KEY_ENTER));
	ck_assert_uint_eq(line.n, 13);
	ck_assert_int_eq(memcmp(line.bytes, "10az,-7./ A:a", 13), 0);
	line_clear(&line);
	ck_assert(!press(&wedge, &line, KEY_ENTER));
	ck_assert(!press(&wedge, &line, KEY_5));
	ck_assert(press(&wedge, &line, KEY_KPENTER));
}
END_TEST

START_TEST(lost_keys_spoil_their_line_alone) {
	const struct input_event lost = { .type = EV_SYN, .code = SYN_DROPPED };
	struct wedge wedge = { .shift = { false } };
	struct line line = { .n = 0 };

	ck_assert(!press(&wedge, &line, KEY_1));
	hold(&wedge, &line, KEY_LEFTSHIFT, 1);
	ck_assert(!wedge_take(&wedge, &line, &lost));
	ck_assert(!press(&wedge, &line, KEY_2));
	ck_assert(!press(&wedge, &line, KEY_ENTER));
	ck_assert(!press(&wedge, &line, KEY_3));
	ck_assert(press(&wedge, &line, KEY_ENTER));
	ck_assert_uint_eq(line.n, 1);
	ck_assert_uint_eq(line.bytes[0], '3');
}
END_TEST

START_TEST(a_line_holds_128_bytes_and_not_one_more) {
	struct line line = { .n = 0 };

	for (unsigned i = 0; i < 128; ++i)
		ck_assert(!line_take(&line, 'A'));
	ck_assert(line_take(&line, '\n'));
	ck_assert_uint_eq(line.n, 128);
	line_clear(&line);
	for (unsigned i = 0; i < 129; ++i)
		ck_assert(!line_take(&line, 'A'));
	ck_assert(!line_take(&line, '\n'));
	ck_assert(!line_take(&line, 'B'));
	ck_assert(line_take(&line, '\n'));
	ck_assert_uint_eq(line.n, 1);
}
END_TEST

static const uint8_t fido[] = { 0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01, 0xc0 };
/* A keyboard that has the same bytes as data of another item, and cut at the end. */
static const uint8_t keyboard[] = { 0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x27, 0x06, 0xd0,
	                            0xf1, 0x00, 0xfe, 0x04, 0x00, 0x06, 0xd0,
	                            0xf1, 0x00, 0x06, 0xd0 };

START_TEST(CD_30_it_says_again_and_again_that_it_is_alive) {
	open_terminal(READER_SERIAL, BADGE_HEX);
	watching_start(&w);
	while (w.beats < 2)
		rest_ms(20);
	watching_need_none(&w, 0);
	watching_stop(&w);
}
END_TEST

START_TEST(security_keys_are_told_from_other_devices) {
	hid_plug(folder, "hidraw0", keyboard, sizeof(keyboard));
	hid_plug(folder, "hidraw1", fido, sizeof(fido));
	w.rules.readers[0].kind = READER_USB_KEY;
	set_path(0, folder);
	watching_start(&w);
	ck_assert_str_eq(watching_need(&w, TOKEN_SIGHT_KEY_IN).name, "hidraw1");
	watching_need_none(&w, 600);
	hid_unplug(folder, "hidraw1");
	ck_assert_str_eq(watching_need(&w, TOKEN_SIGHT_KEY_OUT).name, "hidraw1");
	/* The number is given anew, to something else. */
	hid_plug(folder, "hidraw2", fido, sizeof(fido));
	ck_assert_str_eq(watching_need(&w, TOKEN_SIGHT_KEY_IN).name, "hidraw2");
	hid_unplug(folder, "hidraw0");
	watching_need_none(&w, 600);
	watching_stop(&w);
}
END_TEST

START_TEST(a_key_behind_a_socket_is_there_as_long_as_the_socket) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/key", folder);
	w.rules.readers[0].kind = READER_KEY_SOCKET;
	set_path(0, address.sun_path);
	watching_start(&w);
	watching_need_none(&w, 600);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	(void)watching_need(&w, TOKEN_SIGHT_KEY_IN);
	ck_assert_int_eq(unlink(address.sun_path), 0);
	(void)watching_need(&w, TOKEN_SIGHT_KEY_OUT);
	(void)close(fd);
	watching_stop(&w);
}
END_TEST

START_TEST(more_readers_than_there_can_be_are_refused) {
	w.rules.n_readers = TOKEN_READERS_MAX + 1;
	ck_assert_int_eq(token_watch(&w.rules, -1, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(without_readers_there_is_nothing_to_tell) {
	w.rules.n_readers = 0;
	watching_start(&w);
	watching_need_none(&w, 300);
	watching_stop(&w);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_serial_reader_is_read_line_by_line);
	tcase_add_test(tc, a_wedge_on_a_terminal_is_read_the_same);
	tcase_add_test(tc, rubbish_is_dropped_and_the_next_badge_counts);
	tcase_add_test(tc, a_badge_that_stays_or_bounces_is_told_once);
	tcase_add_test(tc, without_badges_at_the_site_no_line_is_told);
	tcase_add_test(tc, CD_30_a_serial_reader_that_is_unplugged_comes_back);
	tcase_add_test(tc, CD_30_a_reader_that_is_exchanged_at_once_is_told_as_well);
	tcase_add_test(tc, CD_30_what_is_no_terminal_is_no_reader);
	tcase_add_test(tc, keys_are_letters_digits_and_signs);
	tcase_add_test(tc, lost_keys_spoil_their_line_alone);
	tcase_add_test(tc, a_line_holds_128_bytes_and_not_one_more);
	tcase_add_test(tc, CD_30_it_says_again_and_again_that_it_is_alive);
	tcase_add_test(tc, security_keys_are_told_from_other_devices);
	tcase_add_test(tc, a_key_behind_a_socket_is_there_as_long_as_the_socket);
	tcase_add_test(tc, more_readers_than_there_can_be_are_refused);
	tcase_add_test(tc, without_readers_there_is_nothing_to_tell);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
