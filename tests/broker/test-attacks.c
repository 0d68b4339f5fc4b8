/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/*
 * What a process with the user interface's uid may try. Each attack runs in a
 * child that has become that uid; it returns 0 when it was refused.
 */

static struct caller ui;
static pid_t engine;

static int open_database(void) {
	char path[256];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/careward.db", world.state);
	fd = open(path, O_RDONLY);
	return fd < 0 && errno == EACCES ? 0 : 1;
}

static int open_key(void) {
	char path[256];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/device.key", world.state);
	fd = open(path, O_RDONLY);
	return fd < 0 && errno == EACCES ? 0 : 1;
}

static int trace_engine(void) {
	return ptrace(PTRACE_ATTACH, engine, NULL, NULL) < 0 && errno == EPERM ? 0 : 1;
}

static int read_memory(void) {
	char path[64];
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)engine);
	fd = open(path, O_RDONLY);
	return fd < 0 ? 0 : 1;
}

static int read_maps(void) {
	char path[64];
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)engine);
	fd = open(path, O_RDONLY);
	return fd < 0 ? 0 : 1;
}

static int list_descriptors(void) {
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/3", (int)engine);
	return open(path, O_RDWR) < 0 ? 0 : 1;
}

static int kill_engine(void) {
	return kill(engine, SIGKILL) < 0 && errno == EPERM ? 0 : 1;
}

static int squat_socket(void) {
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/main", world.run);
	if (unlink(a.sun_path) == 0)
		return 1;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return 2;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/other", world.run);
	return bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? 3 : 0;
}

/* The pages came as descriptors: map writable, write, grow, seal, reopen. */
static int write_page(int fd) {
	char path[64];
	int again = -1;
	int r = 0;

	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED)
		r |= 1;
	if (pwrite(fd, "x", 1, 0) >= 0)
		r |= 2;
	if (ftruncate(fd, 0) == 0 || ftruncate(fd, 1 << 20) == 0)
		r |= 4;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	if (again >= 0 && pwrite(again, "x", 1, 0) >= 0)
		r |= 8;
	if (again >= 0 &&
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) != MAP_FAILED)
		r |= 16;
	if (mprotect((void *)(uintptr_t)ui.page, 4096, PROT_READ | PROT_WRITE) == 0)
		r |= 32;
	return r;
}

static int write_policy_page(void) {
	return write_page(ui.fds[0]);
}

static int write_state_page(void) {
	return write_page(ui.fds[1]);
}

static const struct {
	const char *why;
	int (*attack)(void);
} attacks[] = {
	{ "opens the database", open_database },
	{ "opens the device key", open_key },
	{ "traces the engine", trace_engine },
	{ "reads the engine's memory", read_memory },
	{ "reads the engine's maps", read_maps },
	{ "takes the engine's descriptors", list_descriptors },
	{ "kills the engine", kill_engine },
	{ "squats the socket", squat_socket },
	{ "writes to the policy page", write_policy_page },
	{ "writes to the state page", write_state_page },
};

/* LK-09, and everything else that is not its own. */
START_TEST(the_user_interfaces_uid_gets_nowhere) {
	world_start(&world);
	caller_open(&ui, &world, "main");
	engine = world_engine(&world);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); ++i) {
		int status = 0;
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			if (setresgid(UI_UID, UI_UID, UI_UID) < 0 ||
			    setresuid(UI_UID, UI_UID, UI_UID) < 0)
				_exit(99);
			_exit(attacks[i].attack());
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		              "a process of the user interface's uid %s (status %x)", attacks[i].why,
		              (unsigned)status);
	}
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	caller_close(&ui);
}
END_TEST

/* Even root's writable mapping is refused by the seals. */
START_TEST(the_seals_of_the_pages_hold_for_root_as_well) {
	world_start(&world);
	caller_open(&ui, &world, "main");
	ck_assert_int_eq(write_policy_page(), 0);
	ck_assert_int_eq(write_state_page(), 0);
	caller_close(&ui);
}
END_TEST

/* What the engine may do is little: no capability, no new privileges, a filter. */
static void status_line(pid_t pid, const char *key, char *ret, size_t n) {
	char path[64], line[256];
	FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ret[0] = '\0';
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			snprintf(ret, n, "%s", line + strlen(key));
	fclose(f);
}

START_TEST(engine_and_supervisor_have_no_privilege) {
	static const char *const capabilities[] = { "CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapBnd:\t",
						    "CapAmb:\t" };
	pid_t pids[2];
	char value[128];

	world_start(&world);
	pids[0] = world.pid;
	pids[1] = world_engine(&world);
	for (size_t p = 0; p < 2; ++p) {
		for (size_t i = 0; i < 5; ++i) {
			status_line(pids[p], capabilities[i], value, sizeof(value));
			ck_assert_msg(strncmp(value, "0000000000000000", 16) == 0, "%s%s",
			              capabilities[i], value);
		}
		status_line(pids[p], "NoNewPrivs:\t", value, sizeof(value));
		ck_assert_int_eq(value[0], '1');
		status_line(pids[p], "Seccomp:\t", value, sizeof(value));
		ck_assert_int_eq(value[0], TEST_HAS_FILTER ? '2' : '0');
		status_line(pids[p], "Uid:\t", value, sizeof(value));
		ck_assert_msg(strncmp(value, "65534\t65534\t65534\t65534", 23) == 0, "uid %s", value);
	}
}
END_TEST

int main(void) {
	const TTest *const as_root[] = {
		the_user_interfaces_uid_gets_nowhere,
		the_seals_of_the_pages_hold_for_root_as_well,
		engine_and_supervisor_have_no_privilege,
	};

	if (!world_has_two_uids()) {
		puts("1..0 # SKIP needs root: broker and user interface under different uids");
		return 0;
	}
	return RUN_TESTS("broker attacks", as_root);
}
