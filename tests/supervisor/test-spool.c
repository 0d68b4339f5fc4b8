/* SPDX-License-Identifier: Apache-2.0 */

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/spool-file.h"
#include "broker/spool.h"
#include "careward/result.h"
#include "common/cleanup.h"
#include "policy/decide.h"

static char dir[64];
static int state_fd;
static struct spool_feed *feed;
static pid_t writer;
static struct spool *spool;

static void pause_ms(long ms) {
	const struct timespec t = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&t, NULL);
}

static void writer_begin(rlim_t file_most) {
	const struct rlimit most = {file_most, file_most};

	writer = fork();
	if (writer != 0)
		return;
	(void)signal(SIGXFSZ, SIG_IGN);
	if (file_most != RLIM_INFINITY)
		(void)setrlimit(RLIMIT_FSIZE, &most);
	_exit(spool_writer_run(feed, state_fd));
}

static void writer_kill(void) {
	(void)kill(writer, SIGKILL);
	(void)waitpid(writer, NULL, 0);
	writer = 0;
}

static void set_up(void) {
	(void)snprintf(dir, sizeof(dir), "/tmp/careward-spool-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	state_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(state_fd, 0);
	ck_assert_int_eq(spool_feed_new(&feed), 0);
	ck_assert_int_eq(spool_open(state_fd, &spool), 0);
	writer = 0;
}

static void clean_up(void) {
	if (writer > 0)
		writer_kill();
	spool = spool_close(spool);
	feed = spool_feed_free(feed);
	(void)unlinkat(state_fd, SPOOL_NAME, 0);
	(void)unlinkat(state_fd, "other", 0);
	(void)rmdir(dir);
	(void)close(state_fd);
}

/* A record as a client makes it: through a ring. */
static struct spool_record record_make(uint64_t serial) {
	struct spool_record out = {.seat = 1, .seat_name = "main", .way = SPOOL_HUNG, .lost = 3};
	struct ring_record in = {
		.kind = RECORD_USE,
		.verdict = CW_ALLOW,
		.serial = serial,
		.action = "therapy.start",
	};
	struct ring *ring;
	uint32_t cursor = 0;
	int fd;

	ck_assert_int_eq(ring_make(&ring, &fd), 0);
	ck_assert(ring_write(ring, &in));
	ck_assert_int_eq(ring_next(ring, &cursor, &out.record), 1);
	ring_unmap(ring);
	(void)close(fd);
	return out;
}

static void push(uint64_t serial) {
	const struct spool_record record = record_make(serial);

	for (int i = 0; i < 20000 && !spool_feed_push(feed, &record); ++i)
		pause_ms(1);
}

static bool wait_durable(uint64_t n) {
	for (int i = 0; i < 20000 && spool_feed_durable(feed) < n; ++i)
		pause_ms(1);
	return spool_feed_durable(feed) >= n;
}

/* Loads, and expects the serials @from..@to in this order. */
static void expect(uint64_t from, uint64_t to) {
	struct spool_record record;

	ck_assert_int_eq(spool_load(spool), (int)(to + 1 - from));
	for (uint64_t i = from; i <= to; ++i) {
		ck_assert(spool_next(spool, &record));
		ck_assert_uint_eq(record.record.serial, i);
	}
	ck_assert(!spool_next(spool, &record));
}

static int file_open(void) {
	int fd = openat(state_fd, SPOOL_NAME, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(without_a_file_there_is_nothing_and_no_error) {
	ck_assert_int_eq(spool_load(spool), 0);
	ck_assert_int_eq(spool_reset(spool), 0);
}
END_TEST

START_TEST(records_come_back_as_they_were_and_in_order) {
	struct spool_record record, want = record_make(1);
	struct stat st;

	writer_begin(RLIM_INFINITY);
	for (uint64_t i = 1; i <= 300; ++i)
		push(i);
	ck_assert(wait_durable(300));
	ck_assert_int_eq(spool_load(spool), 300);
	ck_assert(spool_next(spool, &record));
	ck_assert_mem_eq(&record.record, &want.record, sizeof(want.record));
	ck_assert_uint_eq(record.seat, 1);
	ck_assert_uint_eq(record.way, SPOOL_HUNG);
	ck_assert_uint_eq(record.lost, 3);
	ck_assert_str_eq(record.seat_name, "main");
	expect(1, 300);
	ck_assert_int_eq(fstatat(state_fd, SPOOL_NAME, &st, 0), 0);
	ck_assert_int_eq(st.st_size, SPOOL_SIZE);
	ck_assert_int_ge(st.st_blocks * 512, SPOOL_SIZE);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(what_was_not_reset_comes_again_and_what_was_does_not) {
	struct spool_record record;

	writer_begin(RLIM_INFINITY);
	for (uint64_t i = 1; i <= 4; ++i)
		push(i);
	ck_assert(wait_durable(4));
	expect(1, 4);
	expect(1, 4);
	ck_assert_int_eq(spool_load(spool), 4);
	ck_assert(spool_next(spool, &record));
	ck_assert(spool_next(spool, &record));
	ck_assert_int_eq(spool_reset(spool), 0);
	expect(3, 4);
	ck_assert_int_eq(spool_reset(spool), 0);
	ck_assert_int_eq(spool_load(spool), 0);
}
END_TEST

START_TEST(a_full_file_delays_and_loses_nothing) {
	writer_begin(RLIM_INFINITY);
	for (uint64_t i = 1; i <= SPOOL_SLOTS + 100; ++i)
		push(i);
	ck_assert(wait_durable(SPOOL_SLOTS));
	ck_assert_uint_eq(spool_feed_waiting(feed), 100);
	expect(1, SPOOL_SLOTS);
	ck_assert_int_eq(spool_reset(spool), 0);
	ck_assert(wait_durable(SPOOL_SLOTS + 100));
	expect(SPOOL_SLOTS + 1, SPOOL_SLOTS + 100);
}
END_TEST

START_TEST(a_full_queue_refuses_and_does_not_wait) {
	const struct spool_record record = record_make(1);
	int n = 0;

	while (spool_feed_push(feed, &record))
		++n;
	ck_assert_int_eq(n, 128);
	ck_assert_uint_eq(spool_feed_waiting(feed), 128);
}
END_TEST

START_TEST(a_writer_that_is_killed_writes_again_and_numbers_go_on) {
	struct spool_record record;
	uint64_t before = 0;
	int n;

	for (uint64_t i = 1; i <= 60; ++i) {
		if (i % 20 == 1)
			writer_begin(RLIM_INFINITY);
		push(i);
		if (i % 20 == 0)
			writer_kill();
	}
	writer_begin(RLIM_INFINITY);
	spool_feed_stop(feed);
	ck_assert_int_eq(waitpid(writer, NULL, 0), writer);
	writer = 0;
	n = spool_load(spool);
	ck_assert_int_ge(n, 60);
	while (spool_next(spool, &record)) {
		/* The same again is fine; a gap is not. */
		ck_assert_uint_le(record.record.serial, before + 1);
		if (record.record.serial > before)
			before = record.record.serial;
	}
	ck_assert_uint_eq(before, 60);
}
END_TEST

/* RS-01: no room for the file yet; nothing that was handed over is gone. */
START_TEST(a_disk_without_room_is_tried_again) {
	writer_begin(4096);
	push(1);
	push(2);
	pause_ms(100);
	ck_assert_uint_eq(spool_feed_durable(feed), 0);
	writer_kill();
	writer_begin(RLIM_INFINITY);
	ck_assert(wait_durable(2));
	expect(1, 2);
}
END_TEST

/* A byte of each part of record 2 of 3. */
static const struct {
	const char *why;
	size_t at;
} tears[] = {
	{"magic", offsetof(struct spool_record, magic)},
	{"checksum", offsetof(struct spool_record, crc)},
	{"number", offsetof(struct spool_record, number)},
	{"seat", offsetof(struct spool_record, seat)},
	{"uid", offsetof(struct spool_record, peer_uid)},
	{"record", offsetof(struct spool_record, record)},
	{"last byte", sizeof(struct spool_record) - 1},
};

START_TEST(a_torn_record_is_passed_over_and_counted) {
	off_t at = (off_t)(SPOOL_FIRST + 2 * sizeof(struct spool_record) + tears[_i].at);
	struct spool_record record;
	uint8_t byte;
	int fd;

	writer_begin(RLIM_INFINITY);
	for (uint64_t i = 1; i <= 3; ++i)
		push(i);
	ck_assert(wait_durable(3));
	writer_kill();
	fd = file_open();
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	ck_assert_msg(spool_load(spool) == 2, "%s", tears[_i].why);
	ck_assert_uint_eq(spool_torn(spool), 1);
	ck_assert(spool_next(spool, &record));
	ck_assert_uint_eq(record.record.serial, 1);
	ck_assert(spool_next(spool, &record));
	ck_assert_uint_eq(record.record.serial, 3);
	/* A writer that finds it goes on behind it. */
	writer_begin(RLIM_INFINITY);
	push(4);
	ck_assert(wait_durable(4));
	ck_assert_int_eq(spool_reset(spool), 0);
	expect(4, 4);
	(void)close(fd);
}
END_TEST

START_TEST(a_header_that_cannot_be_believed_frees_nothing) {
	const uint64_t done = UINT64_MAX;
	int fd;

	writer_begin(RLIM_INFINITY);
	push(1);
	push(2);
	ck_assert(wait_durable(2));
	expect(1, 2);
	ck_assert_int_eq(spool_reset(spool), 0);
	fd = file_open();
	ck_assert_int_eq(pwrite(fd, &done, sizeof(done), offsetof(struct spool_header, done)), 8);
	(void)close(fd);
	expect(1, 2);
}
END_TEST

/* Nothing in a record that its maker could have made is believed unchecked. */
START_TEST(a_well_summed_record_that_is_no_record_is_refused) {
	struct spool_record record = record_make(1);
	int fd;

	writer_begin(RLIM_INFINITY);
	push(1);
	ck_assert(wait_durable(1));
	record.number = 2;
	if (_i == 0)
		record.seat = LIMIT_SEATS;
	if (_i == 1)
		memset(record.seat_name, 'x', sizeof(record.seat_name));
	if (_i == 2)
		record.record.kind = 77;
	if (_i == 3)
		record.number = 3; /* in slot 2 */
	spool_record_close(&record);
	fd = file_open();
	ck_assert_int_eq(pwrite(fd, &record, sizeof(record),
				(off_t)(SPOOL_FIRST + 2 * sizeof(record))),
			 (int)sizeof(record));
	(void)close(fd);
	expect(1, 1);
	ck_assert_uint_eq(spool_torn(spool), 1);
}
END_TEST

/* CF-01, CF-02 */
START_TEST(a_file_that_is_not_our_own_is_not_opened) {
	int fd;

	if (_i == 0)
		ck_assert_int_eq(symlinkat("other", state_fd, SPOOL_NAME), 0);
	if (_i == 1)
		ck_assert_int_eq(mkfifoat(state_fd, SPOOL_NAME, 0600), 0);
	if (_i >= 2) {
		fd = openat(state_fd, SPOOL_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fchmod(fd, _i == 2 ? 0660 : 0600), 0);
		(void)close(fd);
	}
	if (_i == 3)
		ck_assert_int_eq(linkat(state_fd, SPOOL_NAME, state_fd, "other", 0), 0);
	ck_assert_int_eq(spool_load(spool), -EPERM);
}
END_TEST

/* Records pour in while they are read and freed: each comes, none is jumped over. */
START_TEST(reading_and_freeing_while_it_is_written_jumps_over_nothing) {
	struct spool_record record;
	uint64_t want = 1;
	pid_t pusher;

	writer_begin(RLIM_INFINITY);
	pusher = fork();
	if (pusher == 0) {
		for (uint64_t i = 1; i <= 3000; ++i)
			push(i);
		_exit(0);
	}
	for (int i = 0; i < 20000 && want <= 3000; ++i) {
		ck_assert_int_ge(spool_load(spool), 0);
		while (spool_next(spool, &record)) {
			ck_assert_uint_eq(record.record.serial, want);
			++want;
		}
		ck_assert_int_eq(spool_reset(spool), 0);
		pause_ms(1);
	}
	ck_assert_uint_eq(want, 3001);
	ck_assert_int_eq(waitpid(pusher, NULL, 0), pusher);
}
END_TEST

static Suite *suite_new(void) {
	Suite *s = suite_create("spool");
	TCase *t = tcase_create("spool");

	tcase_add_checked_fixture(t, set_up, clean_up);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, without_a_file_there_is_nothing_and_no_error);
	tcase_add_test(t, records_come_back_as_they_were_and_in_order);
	tcase_add_test(t, what_was_not_reset_comes_again_and_what_was_does_not);
	tcase_add_test(t, a_full_file_delays_and_loses_nothing);
	tcase_add_test(t, a_full_queue_refuses_and_does_not_wait);
	tcase_add_test(t, a_writer_that_is_killed_writes_again_and_numbers_go_on);
	tcase_add_test(t, a_disk_without_room_is_tried_again);
	tcase_add_loop_test(t, a_torn_record_is_passed_over_and_counted, 0,
			    (int)ARRAY_SIZE(tears));
	tcase_add_test(t, a_header_that_cannot_be_believed_frees_nothing);
	tcase_add_loop_test(t, a_well_summed_record_that_is_no_record_is_refused, 0, 4);
	tcase_add_loop_test(t, a_file_that_is_not_our_own_is_not_opened, 0, 4);
	tcase_add_test(t, reading_and_freeing_while_it_is_written_jumps_over_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	SRunner *runner = srunner_create(suite_new());
	int n;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	n = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
