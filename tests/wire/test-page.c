/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "wire/memfd.h"
#include "wire/page.h"

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static struct policy_table table;
static struct state_page *page;
static bool sealed;
static int state_fd, policy_fd;

/* The least that is a valid table. */
static void table_make(void) {
	memset(&table, 0, sizeof(table));
	table.magic = POLICY_TABLE_MAGIC;
	table.version = POLICY_TABLE_VERSION;
	table.size = sizeof(table);
	table.generation = 3;
	table.n_actions = 2;
	table.n_roles = 1;
	table.n_contexts = 1;
	table.n_seats = 1;
	table.actions[0].kind = CW_KIND_ALWAYS;
	table.actions[1].kind = CW_KIND_CARE;
	table.actions[1].roles = 1;
	memcpy(table.action_names[0], "therapy.stop", sizeof("therapy.stop"));
	memcpy(table.action_names[1], "therapy.start", sizeof("therapy.start"));
	memcpy(table.role_names[0], "nurse", sizeof("nurse"));
	memcpy(table.context_names[0], "routine", sizeof("routine"));
	memcpy(table.seat_names[0], "main", sizeof("main"));
	table.contexts[0].idle_lock_ms = 300000;
	table.contexts[0].care = CW_ASSURANCE_CODE;
	table.contexts[0].guarded = CW_ASSURANCE_PASSWORD;
	table.checksum = policy_table_checksum(&table);
	ck_assert(policy_table_is_valid(&table));
}

static void setup(void) {
	table_make();
	ck_assert_int_eq(page_make_policy(&table, &policy_fd), 0);
	ck_assert_int_eq(page_make_state(&page, &sealed, &state_fd), 0);
	ck_assert(sealed);
}

static void teardown(void) {
	page_unmap_state(page);
	(void)close(state_fd);
	(void)close(policy_fd);
}

/* Publishes a state whose every word is @number, so that a torn copy shows. */
static void publish(uint64_t number) {
	struct policy_state state;
	uint64_t words[STATE_WORDS];

	for (size_t i = 0; i < STATE_WORDS; ++i)
		words[i] = number;
	memcpy(&state, words, sizeof(state));
	state_page_write(page, &state);
}

/* Return: the number of a state that is whole; 0: it is torn. */
static uint64_t state_number(const struct policy_state *state) {
	uint64_t words[STATE_WORDS];

	memcpy(words, state, sizeof(words));
	for (size_t i = 1; i < STATE_WORDS; ++i) {
		if (words[i] != words[0])
			return 0;
	}
	return words[0];
}

START_TEST(what_is_published_is_read) {
	const struct state_page *reader = NULL;
	struct policy_state state;

	ck_assert_int_eq(page_map_state(state_fd, &reader), 0);
	ck_assert_int_eq(state_page_read(reader, &state), -EBADMSG);
	for (uint64_t i = 1; i < 10; ++i) {
		publish(i);
		ck_assert_int_eq(state_page_read(reader, &state), 0);
		ck_assert_uint_eq(state_number(&state), i);
		ck_assert_uint_eq(page->index, i);
	}
	page_unmap_state_read(reader);
}
END_TEST

/*
 * A writer that stopped after @_i of its 19 stores: the slot's generation taken
 * away, 16 words, the new generation, the index.
 */
START_TEST(a_writer_that_stopped_anywhere_leaves_a_whole_state) {
	struct state_slot *slot = &page->slots[1];
	struct policy_state state;
	int step = 0;

	publish(1);
	publish(2);
	if (step++ < _i)
		slot->generation = 0;
	for (size_t i = 0; i < STATE_WORDS; ++i) {
		if (step++ < _i)
			slot->words[i] = 3;
	}
	if (step++ < _i)
		slot->generation = 3;
	if (step++ < _i)
		page->index = 3;
	ck_assert_int_eq(state_page_read(page, &state), 0);
	ck_assert_uint_eq(state_number(&state), _i == 19 ? 3 : 2);
	publish(4);
	ck_assert_int_eq(state_page_read(page, &state), 0);
	ck_assert_uint_eq(state_number(&state), 4);
}
END_TEST

START_TEST(generations_go_on_past_the_last_number) {
	struct policy_state state;

	publish(1);
	page->index = UINT64_MAX - 1;
	for (uint64_t i = 3; i < 7; ++i) {
		publish(i);
		ck_assert_int_eq(state_page_read(page, &state), 0);
		ck_assert_uint_eq(state_number(&state), i);
		ck_assert_uint_ne(page->index, 0);
	}
}
END_TEST

START_TEST(a_damaged_page_is_refused) {
	struct policy_state state = { .session = 77 };

	publish(1);
	publish(2);
	page->index = 0;
	ck_assert_int_eq(state_page_read(page, &state), -EBADMSG);
	page->index = 7;
	ck_assert_int_eq(state_page_read(page, &state), -EBADMSG);
	page->index = 2;
	page->magic = 1;
	ck_assert_int_eq(state_page_read(page, &state), -EBADMSG);
	page->magic = STATE_PAGE_MAGIC;
	page->version = 2;
	ck_assert_int_eq(state_page_read(page, &state), -EBADMSG);
	page->version = STATE_PAGE_VERSION;
	page->slots[0].generation = 0;
	ck_assert_int_eq(state_page_read(page, &state), -EBADMSG);
	ck_assert_uint_eq(state.session, 77);
}
END_TEST

/* Between two publications one copy is enough; a damaged page is refused all the same. */
START_TEST(what_was_read_is_read_again_when_there_is_a_newer_one) {
	struct policy_state state = { 0 };
	uint64_t generation = 0;

	ck_assert_int_eq(state_page_read_newer(page, &generation, &state), -EBADMSG);
	ck_assert_uint_eq(generation, 0);
	for (uint64_t i = 1; i < 6; ++i) {
		publish(i);
		ck_assert_int_eq(state_page_read_newer(page, &generation, &state), 0);
		ck_assert_uint_eq(state_number(&state), i);
		ck_assert_uint_eq(generation, i);
		memset(&state, 0x77, sizeof(state)); /* left as it is */
		ck_assert_int_eq(state_page_read_newer(page, &generation, &state), 0);
		ck_assert_uint_eq(state_number(&state), 0x7777777777777777u);
	}
	page->index = 9;
	ck_assert_int_eq(state_page_read_newer(page, &generation, &state), -EBADMSG);
	ck_assert_uint_eq(generation, 5);
	page->index = 5;
	page->magic = 1;
	ck_assert_int_eq(state_page_read_newer(page, &generation, &state), -EBADMSG);
}
END_TEST

/* A process that publishes without a pause, until it is killed or stopped. */
static pid_t writer_start(void) {
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		for (uint64_t i = 2;; ++i)
			publish(i);
	}
	return pid;
}

START_TEST(no_reader_ever_sees_a_torn_state) {
	const struct state_page *reader = NULL;
	struct policy_state state = { 0 };
	uint64_t last = 0, good = 0;
	pid_t pid;
	int status, r;

	ck_assert_int_eq(page_map_state(state_fd, &reader), 0);
	publish(1);
	pid = writer_start();
	for (unsigned i = 0; i < 200000; ++i) {
		r = state_page_read(reader, &state);
		ck_assert_msg(r == 0 || r == -EAGAIN, "a sound page was called damaged: %d", r);
		if (r < 0)
			continue;
		ck_assert_uint_ne(state_number(&state), 0);
		ck_assert_uint_ge(state_number(&state), last);
		last = state_number(&state);
		++good;
	}
	ck_assert_uint_gt(good, 1000);
	/* Stopped, and killed, wherever it is: whole, each time. */
	for (unsigned i = 0; i < 50; ++i) {
		ck_assert_int_eq(kill(pid, SIGSTOP), 0);
		ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
		ck_assert_int_eq(state_page_read(reader, &state), 0);
		ck_assert_uint_ne(state_number(&state), 0);
		ck_assert_int_eq(kill(pid, SIGCONT), 0);
	}
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(state_page_read(reader, &state), 0);
	ck_assert_uint_ne(state_number(&state), 0);
	page_unmap_state_read(reader);
}
END_TEST

START_TEST(another_process_reads_and_its_writes_kill_it) {
	const struct state_page *reader = NULL;
	struct policy_state state;
	int status;
	pid_t pid;

	publish(5);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		if (page_map_state(state_fd, &reader) < 0 || state_page_read(reader, &state) < 0 ||
		    state_number(&state) != 5)
			_exit(1);
		*(volatile uint32_t *)(uintptr_t)&reader->version = 9;
		_exit(2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
	ck_assert_uint_eq(page->version, STATE_PAGE_VERSION);
}
END_TEST

/* What somebody who was given a descriptor may try. Return: true when it worked. */

static bool map_works(int fd, int protection) {
	void *map = mmap(NULL, 4096, protection, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return false;
	(void)munmap(map, 4096);
	return true;
}

static int reopen(int fd) {
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

static bool map_writable(int fd) {
	return map_works(fd, PROT_READ | PROT_WRITE);
}

static bool map_then_protect(int fd) {
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	return map != MAP_FAILED && mprotect(map, 4096, PROT_READ | PROT_WRITE) == 0;
}

static bool map_then_remove(int fd) {
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	return map != MAP_FAILED && madvise(map, 4096, MADV_REMOVE) == 0;
}

static bool plain_write(int fd) {
	return write(fd, "x", 1) == 1 || pwrite(fd, "x", 1, 0) == 1;
}

static bool shrink(int fd) {
	return ftruncate(fd, 0) == 0;
}

static bool grow(int fd) {
	return ftruncate(fd, 1 << 20) == 0 || fallocate(fd, 0, 0, 1 << 20) == 0;
}

static bool punch(int fd) {
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
}

static bool new_seal(int fd) {
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0;
}

static bool executable(int fd) {
	return fchmod(fd, 0700) == 0 || map_works(fd, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static bool reopen_and_write(int fd) {
	cleanup_(close_fdp) int again = reopen(fd);

	return again >= 0 && (plain_write(again) || shrink(again) || grow(again) || punch(again));
}

static bool reopen_and_map(int fd) {
	cleanup_(close_fdp) int again = reopen(fd);

	return again >= 0 && (map_writable(again) || map_then_protect(again));
}

static bool reopen_and_seal(int fd) {
	cleanup_(close_fdp) int again = reopen(fd);

	return again >= 0 && new_seal(again);
}

static const struct {
	const char *why;
	bool (*works)(int fd);
} attacks[] = {
	{ "a writable mapping", map_writable },
	{ "a mapping that becomes writable", map_then_protect },
	{ "a mapping that loses its page", map_then_remove },
	{ "write", plain_write },
	{ "truncate to nothing", shrink },
	{ "make it longer", grow },
	{ "punch a hole", punch },
	{ "a new seal", new_seal },
	{ "make it executable", executable },
	{ "open it again and write", reopen_and_write },
	{ "open it again and map it", reopen_and_map },
	{ "open it again and seal it", reopen_and_seal },
};

/* In a child, as @uid. Return: 0 when the attack failed, as it should. */
static int attack(size_t i, int fd, uid_t uid) {
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (uid != 0 && (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
			_exit(99);
		_exit(attacks[i].works(fd) ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(nobody_who_holds_a_descriptor_can_write) {
	size_t i = (size_t)_i;

	publish(1);
	ck_assert_msg(attack(i, state_fd, 0) == 0, "state page, own uid: %s", attacks[i].why);
	ck_assert_msg(attack(i, policy_fd, 0) == 0, "policy page, own uid: %s", attacks[i].why);
	if (geteuid() == 0) {
		ck_assert_msg(attack(i, state_fd, 65534) == 0, "state page: %s", attacks[i].why);
		ck_assert_msg(attack(i, policy_fd, 65534) == 0, "policy page: %s", attacks[i].why);
	} else {
		(void)fprintf(stderr, "# SKIPPED as another uid, which needs root: %s\n",
		              attacks[i].why);
	}
	publish(2);
	ck_assert_uint_eq(page->index, 2);
}
END_TEST

START_TEST(another_uid_cannot_even_open_it_again) {
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		(void)fprintf(stderr, "# SKIPPED: opening again as another uid needs root\n");
		return;
	}
	pid = fork();
	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(9);
		_exit(reopen(state_fd) >= 0 || reopen(policy_fd) >= 0 ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(descriptors_are_read_only) {
	int fds[2] = { state_fd, policy_fd };
	struct stat st;

	for (int i = 0; i < 2; ++i) {
		ck_assert_int_eq(fcntl(fds[i], F_GETFL) & O_ACCMODE, O_RDONLY);
		ck_assert_int_eq(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		ck_assert_int_eq(fstat(fds[i], &st), 0);
		ck_assert_int_eq(st.st_mode & 07777, 0400);
		ck_assert_int_ge(fds[i], 3);
	}
}
END_TEST

START_TEST(a_page_made_with_low_descriptors_closed_is_not_among_them) {
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = -1;

		(void)close(0);
		(void)close(1);
		(void)close(2);
		_exit(page_make_policy(&table, &fd) == 0 && fd >= 3 && fcntl(0, F_GETFD) < 0 &&
		                      fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0
		              ? 0
		              : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_policy_page_is_mapped_as_it_was_made) {
	const struct policy_table *t = NULL;

	ck_assert_int_eq(page_map_policy(policy_fd, &t), 0);
	ck_assert_mem_eq(t, &table, sizeof(table));
	page_unmap_policy(t);
}
END_TEST

/* A page with the bytes of @t and @seals. */
static int policy_forge(const struct policy_table *t, int seals) {
	int fd = memfd_make("forged", sizeof(*t));

	ck_assert_int_ge(fd, 3);
	ck_assert_int_eq(pwrite(fd, t, sizeof(*t), 0), sizeof(*t));
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static const size_t fields[] = {
	offsetof(struct policy_table, magic),
	offsetof(struct policy_table, version),
	offsetof(struct policy_table, size),
	offsetof(struct policy_table, checksum),
	offsetof(struct policy_table, generation),
	offsetof(struct policy_table, device_hash),
	offsetof(struct policy_table, site_hash),
	offsetof(struct policy_table, n_actions),
	offsetof(struct policy_table, n_roles),
	offsetof(struct policy_table, n_signals),
	offsetof(struct policy_table, n_contexts),
	offsetof(struct policy_table, patient_signal),
	offsetof(struct policy_table, n_seats),
	offsetof(struct policy_table, actions),
	offsetof(struct policy_table, contexts),
	offsetof(struct policy_table, signals),
	offsetof(struct policy_table, action_names),
	offsetof(struct policy_table, role_names),
	offsetof(struct policy_table, signal_names),
	offsetof(struct policy_table, context_names),
	offsetof(struct policy_table, seat_names),
	sizeof(struct policy_table) - 1,
};

START_TEST(one_changed_byte_in_a_policy_is_refused) {
	const struct policy_table *t = NULL;
	static struct policy_table copy;

	for (unsigned bit = 0; bit < 8; ++bit) {
		cleanup_(close_fdp) int fd = -1;

		copy = table;
		((uint8_t *)&copy)[fields[_i]] ^= (uint8_t)(1u << bit);
		fd = policy_forge(&copy, ALL_SEALS);
		ck_assert_msg(page_map_policy(fd, &t) == -EBADMSG, "byte %zu", fields[_i]);
	}
}
END_TEST

START_TEST(a_wrong_policy_with_a_right_checksum_is_refused) {
	const struct policy_table *t = NULL;
	static struct policy_table copy;
	cleanup_(close_fdp) int fd = -1;

	copy = table;
	copy.contexts[0].care = 200;
	copy.checksum = policy_table_checksum(&copy);
	fd = policy_forge(&copy, ALL_SEALS);
	ck_assert_int_eq(page_map_policy(fd, &t), -EBADMSG);
}
END_TEST

START_TEST(a_page_that_lacks_a_seal_is_refused) {
	static const int each[] = { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL };
	const struct policy_table *t = NULL;
	const struct state_page *s = NULL;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(each); ++i) {
		fd = policy_forge(&table, ALL_SEALS & ~each[i]);
		ck_assert_int_eq(page_map_policy(fd, &t), -EPERM);
		(void)close(fd);
	}
	fd = policy_forge(&table, ALL_SEALS);
	ck_assert_int_eq(page_map_policy(fd, &t), 0);
	page_unmap_policy(t);
	ck_assert_int_eq(page_map_state(fd, &s), -EBADMSG);
	(void)close(fd);
	ck_assert_int_eq(page_map_policy(state_fd, &t), -EPERM);
	fd = memfd_make("unsealed", STATE_PAGE_SIZE);
	ck_assert_int_eq(page_map_state(fd, &s), -EPERM);
	(void)close(fd);
}
END_TEST

int main(void) {
	Suite *s = suite_create("page");
	TCase *t = tcase_create("page");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_published_is_read);
	tcase_add_loop_test(t, a_writer_that_stopped_anywhere_leaves_a_whole_state, 0, 20);
	tcase_add_test(t, generations_go_on_past_the_last_number);
	tcase_add_test(t, a_damaged_page_is_refused);
	tcase_add_test(t, what_was_read_is_read_again_when_there_is_a_newer_one);
	tcase_add_test(t, no_reader_ever_sees_a_torn_state);
	tcase_add_test(t, another_process_reads_and_its_writes_kill_it);
	tcase_add_loop_test(t, nobody_who_holds_a_descriptor_can_write, 0,
	                    (int)ARRAY_SIZE(attacks));
	tcase_add_test(t, another_uid_cannot_even_open_it_again);
	tcase_add_test(t, descriptors_are_read_only);
	tcase_add_test(t, a_page_made_with_low_descriptors_closed_is_not_among_them);
	tcase_add_test(t, a_policy_page_is_mapped_as_it_was_made);
	tcase_add_loop_test(t, one_changed_byte_in_a_policy_is_refused, 0, (int)ARRAY_SIZE(fields));
	tcase_add_test(t, a_wrong_policy_with_a_right_checksum_is_refused);
	tcase_add_test(t, a_page_that_lacks_a_seal_is_refused);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
