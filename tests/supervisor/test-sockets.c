/* SPDX-License-Identifier: Apache-2.0 */

/* Where the seats come from, and the sockets they get. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/listen.h"
#include "broker/sandbox.h"
#include "broker/seats.h"
#include "common/cleanup.h"

static char dir[64];
static int dirfd_;

static void set_up(void) {
	(void)snprintf(dir, sizeof(dir), "/tmp/careward-sockets-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dirfd_, 0);
}

static void clean_up(void) {
	static const char *const names[] = {"main", ".main.new", "seats", "seats.new", "other"};

	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		(void)unlinkat(dirfd_, names[i], 0);
	(void)rmdir(dir);
	(void)close(dirfd_);
}

/* ---- seats ------------------------------------------------------------------------------ */

static int find_two(const char *config_path, uint32_t gid, struct seats *ret_seats) {
	*ret_seats = (struct seats){
		.n = 2,
		.seats = {
			{.name = "main", .gid = gid, .mode = 0660},
			{.name = "service-2", .gid = gid, .mode = 0600, .one_user = 1, .uid = 7},
		},
	};
	return 0;
}

static int find_none(const char *config_path, uint32_t gid, struct seats *ret_seats) {
	return -EINVAL;
}

static int find_crash(const char *config_path, uint32_t gid, struct seats *ret_seats) {
	(void)raise(SIGKILL);
	return 0;
}

static int find_never(const char *config_path, uint32_t gid, struct seats *ret_seats) {
	(void)pause();
	return -EINTR;
}

static int find_bad_name(const char *config_path, uint32_t gid, struct seats *ret_seats) {
	(void)find_two(config_path, gid, ret_seats);
	(void)snprintf(ret_seats->seats[1].name, LIMIT_NAME, "../up");
	return 0;
}

static void ask(int (*find)(const char *, uint32_t, struct seats *), struct seats *ret_seats) {
	seats_ask(find, dir, dirfd_, geteuid(), getegid(), find == find_never ? 100 : 20000,
		  ret_seats);
	ck_assert(seats_are_valid(ret_seats));
}

static int (*const useless[])(const char *, uint32_t, struct seats *) = {
	find_none, find_crash, find_never, find_bad_name,
};

START_TEST(without_any_word_there_is_one_seat_main) {
	struct seats seats;

	ask(useless[_i], &seats);
	ck_assert_uint_eq(seats.source, SEATS_DEFAULT);
	ck_assert_uint_eq(seats.n, 1);
	ck_assert_str_eq(seats.seats[0].name, "main");
	ck_assert_uint_eq(seats.seats[0].mode, 0660);
}
END_TEST

START_TEST(the_last_known_seats_serve_when_the_file_does_not) {
	struct seats seats;

	ask(find_two, &seats);
	ck_assert_uint_eq(seats.source, SEATS_DEVICE);
	ck_assert_uint_eq(seats.n, 2);
	ask(useless[_i], &seats);
	ck_assert_uint_eq(seats.source, SEATS_LAST);
	ck_assert_uint_eq(seats.n, 2);
	ck_assert_str_eq(seats.seats[1].name, "service-2");
	ck_assert_uint_eq(seats.seats[1].uid, 7);
}
END_TEST

/* CF-05 */
START_TEST(half_a_file_of_seats_is_no_file) {
	struct seats seats;
	int fd;

	ask(find_two, &seats);
	fd = openat(dirfd_, "seats", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	if (_i == 0)
		ck_assert_int_eq(ftruncate(fd, 100), 0);
	if (_i == 1)
		ck_assert_int_eq(ftruncate(fd, 0), 0);
	if (_i == 2)
		ck_assert_int_eq(pwrite(fd, "X", 1, 20), 1);
	(void)close(fd);
	ck_assert_int_eq(seats_load(dirfd_, &seats), -EBADMSG);
	ask(find_none, &seats);
	ck_assert_uint_eq(seats.source, SEATS_DEFAULT);
}
END_TEST

static const struct {
	const char *why;
	const char *first, *second;
	uint32_t n, mode, one_user;
} bad_seats[] = {
	{"no seat", "main", "b", 0, 0660, 0},
	{"too many", "main", "b", LIMIT_SEATS + 1, 0660, 0},
	{"the same name twice", "main", "main", 2, 0660, 0},
	{"a name that leaves the directory", "main", "../b", 2, 0660, 0},
	{"a name with a slash", "main", "a/b", 2, 0660, 0},
	{"a name that hides", "main", ".b", 2, 0660, 0},
	{"no name", "main", "", 2, 0660, 0},
	{"a capital", "main", "B", 2, 0660, 0},
	{"a set-uid socket", "main", "b", 2, 04660, 0},
	{"a flag that is none", "main", "b", 2, 0660, 2},
};

START_TEST(seats_out_of_range_are_refused) {
	struct seats seats = {.n = bad_seats[_i].n};

	for (int i = 0; i < 2; ++i) {
		seats.seats[i].mode = bad_seats[_i].mode;
		seats.seats[i].one_user = bad_seats[_i].one_user;
	}
	(void)snprintf(seats.seats[0].name, LIMIT_NAME, "%s", bad_seats[_i].first);
	(void)snprintf(seats.seats[1].name, LIMIT_NAME, "%s", bad_seats[_i].second);
	seats_close(&seats);
	ck_assert_msg(!seats_are_valid(&seats), "%s", bad_seats[_i].why);
}
END_TEST

/* ---- sockets ---------------------------------------------------------------------------- */

static struct seat_socket seat_main(void) {
	return (struct seat_socket){.name = "main", .gid = getegid(), .mode = 0660};
}

static int connect_to_main(void) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/main", dir);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	(void)close(fd);
	return -errno;
}

/* CF-15 */
START_TEST(a_socket_has_the_mode_that_was_asked_for_whatever_the_umask) {
	static const mode_t masks[] = {0, 077, 0777};
	struct seat_socket seat = seat_main();
	cleanup_(close_fdp) int fd = -1;
	struct stat st;

	(void)umask(masks[_i]);
	ck_assert_int_eq(listen_bind(dir, &seat, geteuid(), &fd), 0);
	ck_assert_uint_eq(umask(022), masks[_i]);
	ck_assert_int_eq(fstatat(dirfd_, "main", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_int_lt(fstatat(dirfd_, ".main.new", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
}
END_TEST

START_TEST(a_client_gets_through_once_it_listens_and_sees_who_does) {
	struct seat_socket seat = seat_main();
	cleanup_(close_fdp) int fd = -1;
	cleanup_(close_fdp) int client = -1;
	struct ucred peer;
	socklen_t n = sizeof(peer);

	ck_assert_int_eq(listen_bind(dir, &seat, geteuid(), &fd), 0);
	ck_assert_int_eq(connect_to_main(), -ECONNREFUSED);
	ck_assert_int_eq(listen_begin(fd), 0);
	client = connect_to_main();
	ck_assert_int_ge(client, 0);
	ck_assert_int_eq(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &n), 0);
	ck_assert_uint_eq(peer.uid, geteuid());
}
END_TEST

/* What root binds and somebody else listens on belongs, for the client, to the latter. */
START_TEST(a_client_sees_the_uid_that_listens_not_the_one_that_binds) {
	struct seat_socket seat = seat_main();
	cleanup_(close_fdp) int fd = -1;
	cleanup_(close_fdp) int client = -1;
	struct ucred peer;
	socklen_t n = sizeof(peer);
	int status;
	pid_t pid;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(listen_bind(dir, &seat, 65534, &fd), 0);
	pid = fork();
	if (pid == 0)
		_exit(sandbox_drop(65534, 65534) == 0 && listen_begin(fd) == 0 ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	client = connect_to_main();
	ck_assert_int_ge(client, 0);
	ck_assert_int_eq(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &n), 0);
	ck_assert_uint_eq(peer.uid, 65534);
}
END_TEST

START_TEST(an_old_socket_is_replaced_and_its_leftovers_too) {
	struct seat_socket seat = seat_main();
	cleanup_(close_fdp) int old = -1;
	cleanup_(close_fdp) int fd = -1;
	cleanup_(close_fdp) int client = -1;

	ck_assert_int_eq(listen_bind(dir, &seat, geteuid(), &old), 0);
	ck_assert_int_eq(listen_begin(old), 0);
	/* As if a broker had died in the middle. */
	ck_assert_int_eq(renameat(dirfd_, "main", dirfd_, ".main.new"), 0);
	ck_assert_int_eq(listen_bind(dir, &seat, geteuid(), &fd), 0);
	ck_assert_int_eq(listen_begin(fd), 0);
	client = connect_to_main();
	ck_assert_int_ge(client, 0);
	ck_assert_int_ge(accept(fd, NULL, NULL), 0);
	ck_assert_int_lt(accept(old, NULL, NULL), 0);
}
END_TEST

START_TEST(what_is_no_socket_of_ours_is_left_alone) {
	struct seat_socket seat = seat_main();
	struct stat before, after;
	int fd = -1;

	if (_i == 0)
		ck_assert_int_eq(close(openat(dirfd_, "main", O_CREAT | O_WRONLY, 0600)), 0);
	if (_i == 1)
		ck_assert_int_eq(symlinkat("other", dirfd_, "main"), 0);
	if (_i == 2)
		ck_assert_int_eq(mkfifoat(dirfd_, "main", 0600), 0);
	if (_i == 3) {
		if (geteuid() != 0)
			return;
		ck_assert_int_eq(listen_bind(dir, &seat, geteuid(), &fd), 0);
		ck_assert_int_eq(fchownat(dirfd_, "main", 4711, 4711, 0), 0);
		(void)close(fd);
		fd = -1;
	}
	ck_assert_int_eq(fstatat(dirfd_, "main", &before, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(listen_bind(dir, &seat, geteuid(), &fd), -EEXIST);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(fstatat(dirfd_, "main", &after, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
}
END_TEST

START_TEST(a_directory_that_others_write_to_is_refused) {
	struct seat_socket seat = seat_main();
	int fd = -1;

	ck_assert_int_eq(fchmod(dirfd_, 0777), 0);
	ck_assert_int_eq(listen_bind(dir, &seat, geteuid(), &fd), -EPERM);
	ck_assert_int_eq(fchmod(dirfd_, 0700), 0);
}
END_TEST

START_TEST(a_path_that_no_socket_can_have_is_an_error) {
	struct seat_socket seat = seat_main();
	char path[128];
	int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/././././././././.", dir);
	memset(seat.name, 'a', sizeof(seat.name) - 1);
	ck_assert_int_eq(listen_bind(path, &seat, geteuid(), &fd), -ENAMETOOLONG);
	ck_assert_int_eq(listen_bind("/nowhere/at/all", &seat, geteuid(), &fd), -ENOENT);
}
END_TEST

static Suite *suite_new(void) {
	Suite *s = suite_create("sockets");
	TCase *t = tcase_create("sockets");

	tcase_add_checked_fixture(t, set_up, clean_up);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, without_any_word_there_is_one_seat_main, 0,
			    (int)ARRAY_SIZE(useless));
	tcase_add_loop_test(t, the_last_known_seats_serve_when_the_file_does_not, 0,
			    (int)ARRAY_SIZE(useless));
	tcase_add_loop_test(t, half_a_file_of_seats_is_no_file, 0, 3);
	tcase_add_loop_test(t, seats_out_of_range_are_refused, 0, (int)ARRAY_SIZE(bad_seats));
	tcase_add_loop_test(t, a_socket_has_the_mode_that_was_asked_for_whatever_the_umask, 0, 3);
	tcase_add_test(t, a_client_gets_through_once_it_listens_and_sees_who_does);
	tcase_add_test(t, a_client_sees_the_uid_that_listens_not_the_one_that_binds);
	tcase_add_test(t, an_old_socket_is_replaced_and_its_leftovers_too);
	tcase_add_loop_test(t, what_is_no_socket_of_ours_is_left_alone, 0, 4);
	tcase_add_test(t, a_directory_that_others_write_to_is_refused);
	tcase_add_test(t, a_path_that_no_socket_can_have_is_an_error);
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
