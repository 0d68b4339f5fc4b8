/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Under each filter: what must be deadly is, and what the broker needs lives
 *
 * Every case runs in a child. A deadly one must end by SIGSYS: a mere error
 * could come from missing rights.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>
#include <uv.h>

#include "broker/sandbox.h"
#include "common/cleanup.h"

static char dir[64];
static int state_fd;
static int listener = -1;
static int pair[2];

static void set_up(void) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(dir, sizeof(dir), "/tmp/careward-sandbox-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	state_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(state_fd, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void clean_up(void) {
	static const char *const names[] = {"s", "f", "g", "d.db", "d.db-wal", "d.db-shm",
					    "d.db-journal"};

	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		(void)unlinkat(state_fd, names[i], 0);
	(void)rmdir(dir);
	(void)close(state_fd);
	(void)close(listener);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* ---- what must be deadly ------------------------------------------------------------------ */

static void do_execve(void) {
	char *const none[] = {NULL};

	/* A program would end by the next forbidden call, whether this one is or not. */
	(void)execve("/nowhere", none, none);
}
static void do_ptrace(void) {
	(void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}
static void do_socket_inet(void) {
	(void)socket(AF_INET, SOCK_STREAM, 0);
}
static void do_socket_unix(void) {
	(void)socket(AF_UNIX, SOCK_STREAM, 0);
}
static void do_socket_netlink(void) {
	(void)socket(AF_NETLINK, SOCK_RAW, 0);
}
static void do_connect(void) {
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};

	(void)connect(listener, (struct sockaddr *)&address, sizeof(address));
}
static void do_bind(void) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)bind(listener, (struct sockaddr *)&address, sizeof(address));
}
static void do_fork(void) {
	if (fork() == 0)
		_exit(0);
}
static void do_namespace(void) {
	(void)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
}
static void do_unshare(void) {
	(void)unshare(CLONE_NEWUSER);
}
static void do_mount(void) {
	(void)mount("none", "/mnt", "tmpfs", 0, NULL);
}
static void do_chroot(void) {
	(void)!chroot("/");
}
static void do_kill_other(void) {
	(void)kill(getppid(), 0);
}
static void do_tgkill_other(void) {
	(void)syscall(SYS_tgkill, getppid(), getppid(), 0);
}
static void do_mmap_exec(void) {
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void do_mprotect_exec(void) {
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static void do_pkey_mprotect(void) {
	(void)syscall(SYS_pkey_mprotect, NULL, 0, PROT_EXEC, -1);
}
static void do_setuid(void) {
	(void)!setuid(0);
}
static void do_chown(void) {
	(void)!fchownat(state_fd, "s", 0, 0, 0);
}
static void do_bpf(void) {
	(void)syscall(SYS_bpf, 0, NULL, 0);
}
static void do_perf(void) {
	(void)syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0);
}
static void do_keyctl(void) {
	(void)syscall(SYS_keyctl, 0, 0);
}
static void do_vm_read(void) {
	(void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}
static void do_settime(void) {
	struct timeval now = {0};

	(void)settimeofday(&now, NULL);
}
static void do_module(void) {
	(void)syscall(SYS_init_module, NULL, 0, "");
}
static void do_reboot(void) {
	(void)syscall(SYS_reboot, 0, 0, 0, NULL);
}
static void do_terminal_input(void) {
	(void)syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
}
static void do_dumpable(void) {
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
static void do_limits_of_other(void) {
	struct rlimit limit = {1, 1};

	(void)prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL);
}
static void do_limits(void) {
	struct rlimit limit = {64, 64};

	(void)setrlimit(RLIMIT_NOFILE, &limit);
}
static void do_clone_thread(void) {
	(void)syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, NULL, NULL, NULL, NULL);
}
static void do_clone3(void) {
	(void)syscall(SYS_clone3, NULL, 0);
}
static void do_socketpair_inet(void) {
	int ends[2];

	(void)socketpair(AF_INET, SOCK_STREAM, 0, ends);
}
static void do_listen(void) {
	(void)listen(listener, 1);
}
static void do_accept(void) {
	(void)accept4(listener, NULL, NULL, 0);
}
static void do_unlink(void) {
	(void)unlinkat(state_fd, "s", 0);
}

enum filter {
	ON_SUPERVISOR = 1,
	ON_ENGINE = 2,
	ON_WRITER = 4,
	ON_ALL = 7,
};

static const struct {
	const char *why;
	void (*act)(void);
	enum filter filters;
} deadly[] = {
	{"execute a program", do_execve, ON_ALL},
	{"look into the parent", do_ptrace, ON_ALL},
	{"read the parent's memory", do_vm_read, ON_ALL},
	{"an internet socket", do_socket_inet, ON_ALL},
	{"a local socket", do_socket_unix, ON_WRITER},
	{"a netlink socket", do_socket_netlink, ON_ALL},
	{"a pair of internet sockets", do_socketpair_inet, ON_ALL},
	{"connect", do_connect, ON_ALL},
	{"bind", do_bind, ON_ALL},
	{"listen", do_listen, ON_ALL},
	{"a process", do_fork, ON_ENGINE | ON_WRITER},
	{"a thread", do_clone_thread, ON_ENGINE | ON_WRITER},
	{"a process, the new way", do_clone3, ON_ENGINE | ON_WRITER},
	{"a namespace", do_namespace, ON_ALL},
	{"leave a namespace", do_unshare, ON_ALL},
	{"mount", do_mount, ON_ALL},
	{"another root directory", do_chroot, ON_ALL},
	{"signal another", do_kill_other, ON_ENGINE | ON_WRITER},
	{"signal another's thread", do_tgkill_other, ON_ENGINE | ON_WRITER},
	{"memory to execute", do_mmap_exec, ON_ALL},
	{"make memory executable", do_mprotect_exec, ON_ALL},
	{"make memory executable with a key", do_pkey_mprotect, ON_ALL},
	{"become root", do_setuid, ON_ALL},
	{"give files away", do_chown, ON_ALL},
	{"bpf", do_bpf, ON_ALL},
	{"measure others", do_perf, ON_ALL},
	{"kernel keys", do_keyctl, ON_ALL},
	{"set the clock", do_settime, ON_ALL},
	{"a kernel module", do_module, ON_ALL},
	{"reboot", do_reboot, ON_ALL},
	{"type into a terminal", do_terminal_input, ON_ALL},
	{"be dumpable again", do_dumpable, ON_ALL},
	{"change another's limits", do_limits_of_other, ON_ALL},
	{"change its own limits", do_limits, ON_ENGINE | ON_WRITER},
	{"take a connection", do_accept, ON_WRITER},
	{"remove a file", do_unlink, ON_WRITER},
};

static int load(enum filter filter) {
	if (filter == ON_SUPERVISOR)
		return sandbox_supervisor();
	return filter == ON_ENGINE ? sandbox_engine() : sandbox_writer();
}

/* Runs @act in a child under a filter. Return: the child's wait status. */
static int play(enum filter filter, void (*act)(void)) {
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (sandbox_drop(geteuid(), getegid()) < 0 || load(filter) < 0)
			_exit(77);
		act();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(what_is_not_needed_is_deadly) {
	for (unsigned f = ON_SUPERVISOR; f <= ON_WRITER; f <<= 1) {
		int status;

		if (!(deadly[_i].filters & f) || !sandbox_has_filter())
			continue;
		status = play((enum filter)f, deadly[_i].act);
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
			      "%s under filter %u: status %x", deadly[_i].why, f,
			      (unsigned)status);
	}
}
END_TEST

/* ---- what must live ------------------------------------------------------------------------- */

static void need(bool it) {
	if (!it)
		_exit(1);
}

static void do_files(void) {
	char byte = 1;
	int fd = openat(state_fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	need(fd >= 0 && pwrite(fd, &byte, 1, 10) == 1 && pread(fd, &byte, 1, 10) == 1);
	need(fallocate(fd, 0, 0, 8192) == 0 && fsync(fd) == 0 && fdatasync(fd) == 0);
	need(fstat(fd, &st) == 0 && st.st_size == 8192 && lseek(fd, 5, SEEK_SET) == 5);
	need(fstatat(state_fd, "f", &st, 0) == 0 && close(fd) == 0);
}
static void do_names(void) {
	int fd = openat(state_fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	need(fd >= 0 && ftruncate(fd, 10) == 0 && fchmod(fd, 0600) == 0);
	need(renameat(state_fd, "f", state_fd, "g") == 0);
	need(unlinkat(state_fd, "g", 0) == 0 && fsync(state_fd) == 0);
}
static void do_clocks(void) {
	struct timespec t = {.tv_nsec = 1000};
	uint8_t bytes[16];

	need(clock_gettime(CLOCK_BOOTTIME, &t) == 0);
	need(syscall(SYS_clock_gettime, CLOCK_REALTIME, &t) == 0);
	t = (struct timespec){.tv_nsec = 1000};
	need(nanosleep(&t, NULL) == 0);
	need(getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes));
}
static void do_memory(void) {
	void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED && madvise(p, 1 << 20, MADV_HUGEPAGE) <= 0);
	(void)mlock(p, 4096);
	need(mprotect(p, 4096, PROT_READ) == 0 && munmap(p, 1 << 20) == 0);
	p = malloc(1 << 22);
	need(p != NULL);
	memset(p, 1, 1 << 22);
	free(p);
}
/* A page as the engine publishes it: sealed, and opened again for reading only. */
static void do_pages(void) {
	char path[32];
	int fd = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int again;

	need(fd >= 0 && ftruncate(fd, 4096) == 0 && fchmod(fd, 0400) == 0);
	need(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	need(again >= 0 && fcntl(again, F_GET_SEALS) > 0);
}
static void do_sockets(void) {
	struct ucred peer;
	socklen_t n = sizeof(peer);
	char byte = 1;
	struct iovec part = {&byte, 1};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

	need(accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0 && errno == EAGAIN);
	need(sendmsg(pair[0], &header, MSG_NOSIGNAL) == 1);
	need(recvmsg(pair[1], &header, 0) == 1);
	need(send(pair[0], &byte, 1, MSG_NOSIGNAL) == 1 && recv(pair[1], &byte, 1, 0) == 1);
	need(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0);
	/* The pair is shared with the other cases. */
	need(shutdown(pair[0], 99) < 0 && errno == EINVAL);
}
static void do_waiting(void) {
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int event_fd = eventfd(1, EFD_CLOEXEC);
	int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	struct itimerspec when = {.it_value = {.tv_nsec = 1}};
	int ends[2];

	need(epoll >= 0 && event_fd >= 0 && timer >= 0 && pipe2(ends, O_CLOEXEC) == 0);
	need(timerfd_settime(timer, 0, &when, NULL) == 0);
	need(epoll_ctl(epoll, EPOLL_CTL_ADD, event_fd, &event) == 0);
	need(epoll_wait(epoll, &event, 1, 1000) == 1);
}
/* What the dictionary of passwords does; a name service would be reached by a socket. */
static void do_own_name(void) {
	(void)getpwuid(getuid());
}
/* The engine's way to a database, from nothing to closed. */
static void do_sqlite(void) {
	char path[96];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof(path), "%s/d.db", dir);
	need(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
	     SQLITE_OK);
	need(sqlite3_exec(db,
			  "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			  "CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b BLOB);"
			  "BEGIN IMMEDIATE; INSERT INTO t(b) VALUES(randomblob(20000)); COMMIT;"
			  "SELECT count(*) FROM t; PRAGMA wal_checkpoint(TRUNCATE);"
			  "DELETE FROM t; VACUUM; PRAGMA integrity_check;",
			  NULL, NULL, NULL) == SQLITE_OK);
	need(sqlite3_close(db) == SQLITE_OK);
}
static void on_timer(uv_timer_t *timer) {
	uv_stop(timer->loop);
}
static void on_poll(uv_poll_t *handle, int status, int events) {
}
static void do_uv(void) {
	uv_loop_t loop;
	uv_timer_t timer;
	uv_async_t async;
	uv_poll_t poll_listener;

	need(uv_loop_init(&loop) == 0 && uv_timer_init(&loop, &timer) == 0);
	need(uv_async_init(&loop, &async, NULL) == 0 && uv_async_send(&async) == 0);
	need(uv_poll_init(&loop, &poll_listener, listener) == 0);
	need(uv_poll_start(&poll_listener, UV_READABLE, on_poll) == 0);
	need(uv_timer_start(&timer, on_timer, 1, 0) == 0);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
}
/* What the C library tries before it reads the list of users. */
static void do_no_local_socket(void) {
	if (!sandbox_has_filter())
		return;
	need(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) < 0 && errno == ENOSYS);
}
static void do_supervise(void) {
	int status, ends[2];
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			(void)poll(NULL, 0, 1000);
	}
	need(pid > 0 && kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
}
static void *thread(void *argument) {
	return argument;
}
/* What an engine does before it loads its own: a thread, then the filter. */
static void do_become_engine(void) {
	pthread_t worker;
	void *got;

	need(pthread_create(&worker, NULL, thread, dir) == 0);
	need(pthread_join(worker, &got) == 0 && got == dir);
	need(sandbox_engine() == 0);
	do_sqlite();
	do_uv();
}
static void do_become_writer(void) {
	need(sandbox_writer() == 0);
	do_files();
}
static void do_limits_read(void) {
	struct rlimit limit;

	need(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0);
	need(getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_max == 2ull << 30);
	need(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max <= 4096);
}

static const struct {
	const char *why;
	void (*act)(void);
	enum filter filters;
} lively[] = {
	{"files that the journal is made of", do_files, ON_ALL},
	{"names of files", do_names, ON_SUPERVISOR | ON_ENGINE},
	{"clocks and randomness", do_clocks, ON_ALL},
	{"memory", do_memory, ON_SUPERVISOR | ON_ENGINE},
	{"pages", do_pages, ON_SUPERVISOR | ON_ENGINE},
	{"sockets that exist", do_sockets, ON_SUPERVISOR | ON_ENGINE},
	{"waiting", do_waiting, ON_SUPERVISOR | ON_ENGINE},
	{"the name of its own user", do_own_name, ON_SUPERVISOR | ON_ENGINE},
	{"SQLite with a WAL", do_sqlite, ON_SUPERVISOR | ON_ENGINE},
	{"libuv", do_uv, ON_SUPERVISOR | ON_ENGINE},
	{"be told that there are no local sockets", do_no_local_socket, ON_SUPERVISOR | ON_ENGINE},
	{"fork, kill, wait", do_supervise, ON_SUPERVISOR},
	{"the engine's filter on top", do_become_engine, ON_SUPERVISOR},
	{"the writer's filter on top", do_become_writer, ON_SUPERVISOR},
	{"limits", do_limits_read, ON_SUPERVISOR | ON_ENGINE},
};

START_TEST(what_is_needed_lives) {
	for (unsigned f = ON_SUPERVISOR; f <= ON_WRITER; f <<= 1) {
		int status;

		if (!(lively[_i].filters & f))
			continue;
		status = play((enum filter)f, lively[_i].act);
		ck_assert_msg(status == 0, "%s under filter %u: status %x", lively[_i].why, f,
			      (unsigned)status);
	}
}
END_TEST

/* Two threads, then the filter: it holds in both. */
static _Atomic int loaded;

static void *forbidden(void *argument) {
	int ends[2];

	while (!loaded)
		(void)sched_yield();
	/* The supervisor's filter would allow it. */
	(void)socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
	return NULL;
}

static void do_worker(void) {
	pthread_t worker;

	if (pthread_create(&worker, NULL, forbidden, NULL) != 0 || sandbox_engine() != 0)
		_exit(78);
	loaded = 1;
	(void)pthread_join(worker, NULL);
}

START_TEST(the_worker_is_under_the_filter_too) {
	int status;

	if (!sandbox_has_filter())
		return;
	status = play(ON_SUPERVISOR, do_worker);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

static void do_abort(void) {
	abort();
}

START_TEST(an_abort_is_still_an_abort) {
	for (unsigned f = ON_SUPERVISOR; f <= ON_WRITER; f <<= 1) {
		int status = play((enum filter)f, do_abort);

		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}
END_TEST

/* ---- privileges ----------------------------- */

static uint64_t status_hex(const char *name) {
	cleanup_(close_filep) FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	size_t n = strlen(name);

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return strtoull(line + n + 1, NULL, 16);
	return UINT64_MAX;
}

static void drop_and_look(uint32_t uid) {
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		need(sandbox_drop(uid, uid) == 0);
		need(geteuid() == uid && getegid() == uid && getgroups(0, NULL) == 0);
		need(status_hex("CapEff") == 0 && status_hex("CapPrm") == 0);
		need(status_hex("CapInh") == 0 && status_hex("CapAmb") == 0);
		need(status_hex("CapBnd") == 0 && status_hex("NoNewPrivs") == 1);
		need(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
		need(setuid(0) < 0 || uid == 0);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(what_root_drops_is_gone) {
	if (geteuid() != 0)
		return;
	drop_and_look(65534);
	drop_and_look(0);
}
END_TEST

static Suite *suite_new(void) {
	Suite *s = suite_create("sandbox");
	TCase *t = tcase_create("sandbox");

	tcase_add_checked_fixture(t, set_up, clean_up);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, what_is_not_needed_is_deadly, 0, (int)ARRAY_SIZE(deadly));
	tcase_add_loop_test(t, what_is_needed_lives, 0, (int)ARRAY_SIZE(lively));
	tcase_add_test(t, the_worker_is_under_the_filter_too);
	tcase_add_test(t, an_abort_is_still_an_abort);
	tcase_add_test(t, what_root_drops_is_gone);
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
