/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "policy/decide.h"
#include "wire/memfd.h"
#include "wire/ring.h"

static struct ring *ring;
static int fd;

static void setup(void) {
	ck_assert_int_eq(ring_make(&ring, &fd), 0);
}

static void teardown(void) {
	ring_unmap(ring);
	(void)close(fd);
}

static struct ring_record use(uint64_t serial) {
	struct ring_record record = { .kind = RECORD_USE, .verdict = CW_ALLOW, .serial = serial };

	record.reason = CW_REASON_EMERGENCY;
	memset(record.emergency, 7, sizeof(record.emergency));
	memcpy(record.action, "therapy.start", sizeof("therapy.start"));
	return record;
}

static bool put(uint64_t serial) {
	struct ring_record record = use(serial);

	return ring_write(ring, &record);
}

/* Reads the whole ring through a second mapping. Return: number of records. */
static unsigned count(unsigned *ret_bad) {
	const struct ring *other = NULL;
	struct ring_record record;
	uint32_t cursor = 0;
	unsigned n = 0;
	int r;

	*ret_bad = 0;
	ck_assert_int_eq(ring_map(fd, &other), 0);
	while ((r = ring_next(other, &cursor, &record)) != 0) {
		if (r == 1)
			++n;
		else
			++*ret_bad;
	}
	ring_unmap(other);
	return n;
}

START_TEST(a_record_is_read_by_another_mapping) {
	struct ring_record record = use(1), read;
	const struct ring *other = NULL;
	uint32_t cursor = 0;

	ck_assert(ring_write(ring, &record));
	ck_assert_int_eq(ring_map(fd, &other), 0);
	ck_assert_int_eq(ring_next(other, &cursor, &read), 1);
	ck_assert_mem_eq(&read, &record, sizeof(read));
	ck_assert_int_eq(ring_next(other, &cursor, &read), 0);
	ring_unmap(other);
}
END_TEST

START_TEST(a_full_ring_keeps_what_it_has_and_counts_the_rest) {
	struct ring_record record = use(1000), read = { 0 };
	uint32_t cursor = 0;
	unsigned bad;

	for (uint64_t i = 1; i <= LIMIT_RING_RECORDS; ++i)
		ck_assert(put(i));
	for (unsigned i = 0; i < 300; ++i)
		ck_assert(!put(2000 + i));
	ck_assert_uint_eq(count(&bad), LIMIT_RING_RECORDS);
	ck_assert_uint_eq(ring->lost, 300);
	ring_release(ring, record.emergency, 17);
	ck_assert_uint_eq(count(&bad), LIMIT_RING_RECORDS - 1);
	ck_assert(ring_write(ring, &record));
	ck_assert(!put(1001));
	while (read.serial != 1000)
		ck_assert_int_eq(ring_next(ring, &cursor, &read), 1);
	ck_assert_uint_eq(read.lost, 255);
	ck_assert_uint_eq(bad, 0);
}
END_TEST

START_TEST(what_is_lost_is_never_forgotten) {
	struct ring_record record = use(1000);

	for (uint64_t i = 0; i < LIMIT_RING_RECORDS; ++i)
		ck_assert(put(1 + i));
	ring->lost = UINT64_MAX;
	ck_assert(!put(1000));
	ck_assert_uint_eq(ring->lost, UINT64_MAX);
	ck_assert(!ring_write(ring, &record));
	ck_assert_uint_eq(record.lost, 255);
}
END_TEST

START_TEST(only_what_was_named_is_released) {
	uint8_t other[16] = { 9 };
	struct ring_record record = use(0);
	unsigned bad;

	for (uint64_t i = 1; i <= 3; ++i)
		ck_assert(put(i));
	ring_release(ring, other, 2);
	ring_release(ring, record.emergency, 4);
	ck_assert_uint_eq(count(&bad), 3);
	ring_release(ring, record.emergency, 2);
	ring_release(ring, record.emergency, 2);
	ck_assert_uint_eq(count(&bad), 2);
}
END_TEST

START_TEST(one_changed_byte_anywhere_is_not_believed) {
	unsigned bad;

	ck_assert(put(1));
	for (size_t i = 0; i < sizeof(struct ring_record); ++i) {
		uint8_t *byte = (uint8_t *)&ring->slots[0].record + i;

		*byte ^= 0x10;
		ck_assert_msg(count(&bad) == 0 && bad == 1, "byte %zu", i);
		*byte ^= 0x10;
	}
	ck_assert_uint_eq(count(&bad), 1);
}
END_TEST

/* A hostile client writes a right checksum, too. */
static const struct {
	const char *why;
	size_t offset;
	uint8_t value;
} lies[] = {
	{ "kind 0", offsetof(struct ring_record, kind), 0 },
	{ "kind 5", offsetof(struct ring_record, kind), 5 },
	{ "a verdict that is none", offsetof(struct ring_record, verdict), 0xa4 },
	{ "a reason beyond the last", offsetof(struct ring_record, reason), CW_N_REASONS },
	{ "serial 0", offsetof(struct ring_record, serial), 0 },
	{ "a hole that is not zero", offsetof(struct ring_record, zero), 1 },
	{ "an action that does not end", offsetof(struct ring_record, action) + 63, 'x' },
	{ "something behind the end of an action", offsetof(struct ring_record, action) + 40, 'x' },
	{ "an action that is not UTF-8", offsetof(struct ring_record, action), 0xff },
	{ "a name that does not end", offsetof(struct ring_record, name) + 63, 'x' },
	{ "an object that does not end", offsetof(struct ring_record, object) + 127, 'x' },
	{ "a text that does not end", offsetof(struct ring_record, text) + 151, 'x' },
};

START_TEST(a_lie_with_a_right_checksum_is_not_believed) {
	struct ring_record record = use(1);

	ck_assert(ring_write(ring, &record));
	ck_assert(ring_record_is_valid(&record));
	((uint8_t *)&record)[lies[_i].offset] = lies[_i].value;
	record.crc = policy_crc32((const uint8_t *)&record, sizeof(record) - 4, 0);
	ck_assert_msg(!ring_record_is_valid(&record), "%s", lies[_i].why);
}
END_TEST

static const struct {
	const char *why;
	size_t offset, size;
} fields[] = {
	{ "action", offsetof(struct ring_record, action), LIMIT_NAME },
	{ "name", offsetof(struct ring_record, name), LIMIT_NAME },
	{ "object", offsetof(struct ring_record, object), LIMIT_OBJECT },
	{ "text", offsetof(struct ring_record, text), 152 },
};

START_TEST(a_text_that_fills_its_field_is_not_believed) {
	struct ring_record record = use(1);
	char *field = (char *)&record + fields[_i].offset;

	ck_assert(ring_write(ring, &record));
	memset(field, 'x', fields[_i].size - 1);
	field[fields[_i].size - 1] = 0;
	record.crc = policy_crc32((const uint8_t *)&record, sizeof(record) - 4, 0);
	ck_assert_msg(ring_record_is_valid(&record), "%s", fields[_i].why);
	field[fields[_i].size - 1] = 'x';
	record.crc = policy_crc32((const uint8_t *)&record, sizeof(record) - 4, 0);
	ck_assert_msg(!ring_record_is_valid(&record), "%s", fields[_i].why);
}
END_TEST

static int foreign(int seals, size_t size) {
	int other = memfd_make("foreign", size);

	ck_assert_int_ge(other, 3);
	if (size >= sizeof(struct ring))
		ck_assert_int_eq(pwrite(other, ring, sizeof(struct ring), 0), sizeof(struct ring));
	ck_assert_int_eq(fcntl(other, F_ADD_SEALS, seals), 0);
	return other;
}

START_TEST(a_foreign_descriptor_is_refused) {
	static const struct {
		const char *why;
		int seals;
		long more;
		int expect;
	} cases[] = {
		{ "no seal", 0, 0, -EPERM },
		{ "it could shrink", F_SEAL_GROW | F_SEAL_SEAL, 0, -EPERM },
		{ "it could grow", F_SEAL_SHRINK | F_SEAL_SEAL, 0, -EPERM },
		{ "its seals could change", F_SEAL_SHRINK | F_SEAL_GROW, 0, -EPERM },
		{ "a byte short", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, -1, -EBADMSG },
		{ "a byte long", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, 1, -EBADMSG },
		{ "as it should be", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, 0, 0 },
	};
	const struct ring *other = NULL;
	int pipes[2];

	for (size_t i = 0; i < ARRAY_SIZE(cases); ++i) {
		size_t size = (size_t)((long)sizeof(struct ring) + cases[i].more);
		cleanup_(close_fdp) int it = foreign(cases[i].seals, size);
		int r = ring_map(it, &other);

		ck_assert_msg(r == cases[i].expect, "%s: gave %d", cases[i].why, r);
		if (r == 0)
			ring_unmap(other);
	}
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(ring_map(pipes[0], &other), -EPERM);
	ck_assert_int_eq(ring_map(-1, &other), -EBADF);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}
END_TEST

START_TEST(memory_cannot_be_taken_away_from_the_reader) {
	const struct ring *other = NULL;
	void *map;

	ck_assert(put(1));
	ck_assert_int_eq(ring_map(fd, &other), 0);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192), -1);
	map = mmap(NULL, sizeof(struct ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_msg(map == MAP_FAILED, "who gets the descriptor can write");
	ck_assert_uint_eq(other->magic, RING_MAGIC);
	ring_unmap(other);
}
END_TEST

START_TEST(a_ring_outlives_the_process_that_wrote_it) {
	unsigned bad;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(put(1) && put(2) ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(count(&bad), 2);
}
END_TEST

int main(void) {
	Suite *s = suite_create("ring");
	TCase *t = tcase_create("ring");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_record_is_read_by_another_mapping);
	tcase_add_test(t, a_full_ring_keeps_what_it_has_and_counts_the_rest);
	tcase_add_test(t, what_is_lost_is_never_forgotten);
	tcase_add_test(t, only_what_was_named_is_released);
	tcase_add_test(t, one_changed_byte_anywhere_is_not_believed);
	tcase_add_loop_test(t, a_lie_with_a_right_checksum_is_not_believed, 0,
	                    (int)ARRAY_SIZE(lies));
	tcase_add_loop_test(t, a_text_that_fills_its_field_is_not_believed, 0,
			    (int)ARRAY_SIZE(fields));
	tcase_add_test(t, a_foreign_descriptor_is_refused);
	tcase_add_test(t, memory_cannot_be_taken_away_from_the_reader);
	tcase_add_test(t, a_ring_outlives_the_process_that_wrote_it);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
