/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every system call that there is, under each filter: the page says what becomes of it
 *
 * Calls are made for real, in children, and yet nothing happens: before the filter
 * a child loads one of its own, which turns any call with a mark in its last
 * argument into an error. So a call ends the child, is refused by the filter under
 * test, or comes through to the mark. docs/security.md lists what comes through,
 * and nothing else may.
 *
 *   test-syscalls          is the page right? (TAP)
 *   test-syscalls --print  the rows of the page, as this build has them
 */

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/sandbox.h"
#include "common/cleanup.h"
#include "tokens/confine.h"

#define N_CALLS 600u     /* the kernel's numbers, and some that it may give out */
#define MARK 0x5ca1ab1eu /* in the last argument: do not do it                  */
#define COME_THROUGH E2BIG

enum answer {
	NOT_ASKED = 0,
	DEADLY,
	REFUSED,
	ALLOWED,
};

/* With which arguments. A call that depends on them is in `hints`. */
enum pattern {
	ZEROS,
	ONES,
	HINT,
	N_PATTERNS,
};

/* What the parent sees of a child that ends in the middle. */
struct seen {
	unsigned at;
	uint8_t answer[N_CALLS];
};

static struct seen *seen;

static int helper(void) {
	return confine_helper(false);
}

static const struct {
	const char *name;
	int (*load)(void);
	enum answer otherwise; /* what becomes of all that is not on the page */
} filters[] = {
	{"supervisor", sandbox_supervisor, DEADLY},
	{"engine", sandbox_engine, DEADLY},
	{"spool writer", sandbox_writer, DEADLY},
	{"token helper", helper, REFUSED},
};

/* Arguments with which a filter lets a call through, if it does at all. */
static const struct {
	const char *name;
	unsigned long a[4];
} hints[] = {
	{"ioctl", {0, FIONREAD}},
	{"prctl", {PR_SET_NAME}},
	{"socketpair", {AF_UNIX}},
	{"socket", {AF_NETLINK, 0, NETLINK_KOBJECT_UEVENT}},
	{"clone", {CLONE_THREAD | CLONE_VM}},
	{"tgkill", {0}}, /* itself: filled in by the child */
	{"prlimit64", {0}},
};

static char *name_of(unsigned call) {
	return seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)call);
}

/* Return: false when there is nothing to try. */
static bool arguments(unsigned call, enum pattern pattern, unsigned long ret_a[5]) {
	char *name = pattern == HINT ? name_of(call) : NULL;
	bool found = pattern != HINT;

	memset(ret_a, pattern == ONES ? 0xff : 0, 5 * sizeof(*ret_a));
	for (size_t i = 0; name && i < ARRAY_SIZE(hints); ++i) {
		if (strcmp(name, hints[i].name) != 0)
			continue;
		memcpy(ret_a, hints[i].a, sizeof(hints[i].a));
		if (strcmp(name, "tgkill") == 0)
			ret_a[0] = (unsigned long)getpid();
		found = true;
	}
	free(name);
	return found;
}

static int load_mark(void) {
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | COME_THROUGH),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static long call_marked(long call, const unsigned long a[5]) {
	errno = 0;
	return syscall(call, a[0], a[1], a[2], a[3], a[4], MARK);
}

/* With a last argument of its own: the register may still hold the mark. */
static _Noreturn void leave(int status) {
	for (;;)
		(void)syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* In the child: from @seen->at on, until one is deadly. */
static _Noreturn void call_them(size_t filter, enum pattern pattern, unsigned end) {
	unsigned long a[5];

	if (sandbox_drop(geteuid(), getegid()) < 0 || load_mark() < 0 || filters[filter].load() < 0)
		_exit(77);
	for (; seen->at < end; ++seen->at) {
		if (!arguments(seen->at, pattern, a))
			continue;
		if (call_marked((long)seen->at, a) != -1)
			leave(78); /* it was done: neither of the two filters held */
		seen->answer[seen->at] = errno == COME_THROUGH ? ALLOWED : REFUSED;
	}
	leave(0);
}

/* Check's own asserts work in its tests only, and --print is none. */
#define must(is_so, ...)                                                                           \
	do {                                                                                       \
		if (!(is_so)) {                                                                    \
			(void)fprintf(stderr, __VA_ARGS__);                                        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/*
 * uretprobe() and uprobe() of newer kernels are never filtered: they belong to the
 * kernel's own trampoline, and end by SIGILL whoever calls them from elsewhere.
 */
static bool is_never_filtered(unsigned call) {
#ifdef __x86_64__
	return call == 335 || call == 336;
#else
	return false;
#endif
}

static bool is_deadly(unsigned call, int signal) {
	return signal == SIGSYS || (signal == SIGILL && is_never_filtered(call));
}

/* Fills @seen: all numbers, with one pattern. */
static void ask(size_t filter, enum pattern pattern) {
	int status = 1;

	memset(seen, 0, sizeof(*seen));
	while (status != 0) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (pid == 0)
			call_them(filter, pattern, N_CALLS);
		must(waitpid(pid, &status, 0) == pid, "waitpid");
		if (status == 0)
			break;
		must(WIFSIGNALED(status) && is_deadly(seen->at, WTERMSIG(status)),
			      "%s: call %u ended with status %x", filters[filter].name, seen->at,
			      (unsigned)status);
		seen->answer[seen->at++] = DEADLY;
	}
}

/* How the page calls it. */
enum class {
	CLASS_NEVER,  /* deadly, or refused where nothing is deadly */
	CLASS_ALWAYS, /* allowed                                    */
	CLASS_WHEN,   /* allowed, with some arguments               */
	CLASS_ABSENT, /* "no such call"                             */
	N_CLASSES,
};

static const char *const class_names[N_CLASSES] = {
	[CLASS_ALWAYS] = "allowed",
	[CLASS_WHEN] = "with some arguments",
	[CLASS_ABSENT] = "no such call",
};

static enum class class_of(size_t filter, const uint8_t answers[N_PATTERNS]) {
	bool all = answers[ZEROS] == ALLOWED && answers[ONES] == ALLOWED;

	for (int p = 0; p < N_PATTERNS; ++p)
		if (answers[p] == ALLOWED)
			return all ? CLASS_ALWAYS : CLASS_WHEN;
	for (int p = 0; p < N_PATTERNS; ++p)
		if (answers[p] == REFUSED && filters[filter].otherwise == DEADLY)
			return CLASS_ABSENT;
	return CLASS_NEVER;
}

static void classify(size_t filter, enum class ret_class[N_CALLS]) {
	static uint8_t answers[N_CALLS][N_PATTERNS];

	for (int p = 0; p < N_PATTERNS; ++p) {
		ask(filter, (enum pattern)p);
		for (unsigned n = 0; n < N_CALLS; ++n)
			answers[n][p] = seen->answer[n];
	}
	for (unsigned n = 0; n < N_CALLS; ++n) {
		ret_class[n] = class_of(filter, answers[n]);
		must(answers[n][ZEROS] != NOT_ASKED && answers[n][ONES] != NOT_ASKED,
			      "call %u was not made", n);
		if (is_never_filtered(n))
			ret_class[n] = CLASS_NEVER;
		else if (ret_class[n] == CLASS_NEVER)
			must(answers[n][ZEROS] == filters[filter].otherwise &&
					      answers[n][ONES] == filters[filter].otherwise,
				      "%s: call %u", filters[filter].name, n);
	}
}

/* ---- the page ------------------------------------------------------------------------------- */

/* The row "| filter | class | `a` `b` |" of the page. Return: whether it is there. */
static bool row_of(const char *filter, const char *class, char *row, size_t n_row) {
	cleanup_(close_filep) FILE *page = fopen(SOURCE_ROOT "/docs/security.md", "re");
	char begin[64];

	ck_assert_ptr_nonnull(page);
	(void)snprintf(begin, sizeof(begin), "| %s | %s |", filter, class);
	while (fgets(row, (int)n_row, page))
		if (strncmp(row, begin, strlen(begin)) == 0)
			return true;
	return false;
}

static void compare_row(size_t filter, enum class class, const enum class found[N_CALLS]) {
	static char row[8192];
	char quoted[64];
	unsigned listed = 0, expected = 0;
	bool there = row_of(filters[filter].name, class_names[class], row, sizeof(row));

	for (unsigned n = 0; n < N_CALLS; ++n) {
		char *name = name_of(n);

		(void)snprintf(quoted, sizeof(quoted), "`%s`", name ? name : "?");
		if (found[n] == class)
			ck_assert_msg(strstr(row, quoted) != NULL, "%s, %s: %s is not on the page",
				      filters[filter].name, class_names[class], quoted);
		expected += found[n] == class;
		free(name);
	}
	for (const char *p = row; (p = strchr(p, '`')) != NULL; ++p)
		listed++;
	ck_assert_msg(there == (expected > 0) && listed == 2 * expected,
		      "%s, %s: the page lists %u calls, the filter has %u", filters[filter].name,
		      class_names[class], listed / 2, expected);
}

START_TEST(each_call_is_as_the_page_says) {
	static enum class found[N_CALLS];

	if (!sandbox_has_filter() || !confine_has_filter())
		return;
	classify((size_t)_i, found);
	if (seccomp_arch_native() != SCMP_ARCH_X86_64)
		return; /* the page has the names of one architecture */
	for (int c = CLASS_NEVER + 1; c < N_CLASSES; ++c)
		compare_row((size_t)_i, (enum class)c, found);
}
END_TEST

/* ---- numbers of other architectures ------------------------------------------------------- */

#ifdef __x86_64__
static void call_x32(unsigned n) {
	static const unsigned long none[5];

	(void)call_marked((long)(0x40000000u + n), none);
}
static void call_i386(unsigned n) {
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(n), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
			 : "memory", "r8", "r9", "r10", "r11");
}

static void deadly_in(size_t filter, void (*act)(unsigned), unsigned n, const char *what) {
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_drop(geteuid(), getegid()) < 0 || filters[filter].load() < 0)
			_exit(77);
		act(n);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* A kernel without the old way ends it by SIGSEGV. */
	ck_assert_msg(WIFSIGNALED(status), "%s: %s call %u: status %x", filters[filter].name, what,
		      n, (unsigned)status);
}
#endif

START_TEST(no_number_of_another_architecture_comes_through) {
	if (!sandbox_has_filter() || !confine_has_filter())
		return;
#ifdef __x86_64__
	for (unsigned n = 0; n < N_CALLS; n += 13) {
		deadly_in((size_t)_i, call_x32, n, "x32");
		deadly_in((size_t)_i, call_i386, n, "i386");
	}
#endif
}
END_TEST

static void print(void) {
	static enum class found[N_CALLS];

	for (size_t f = 0; f < ARRAY_SIZE(filters); ++f) {
		classify(f, found);
		for (int c = CLASS_NEVER + 1; c < N_CLASSES; ++c) {
			unsigned n_found = 0;

			for (unsigned n = 0; n < N_CALLS; ++n) {
				char *name = found[n] == (enum class)c ? name_of(n) : NULL;

				if (name && n_found++ == 0)
					(void)printf("| %s | %s |", filters[f].name, class_names[c]);
				if (name)
					(void)printf(" `%s`", name);
				free(name);
			}
			(void)printf("%s", n_found ? " |\n" : "");
		}
	}
}

static Suite *suite_new(void) {
	Suite *s = suite_create("syscalls");
	TCase *t = tcase_create("syscalls");

	tcase_set_timeout(t, 240);
	tcase_add_loop_test(t, each_call_is_as_the_page_says, 0, (int)ARRAY_SIZE(filters));
	tcase_add_loop_test(t, no_number_of_another_architecture_comes_through, 0,
			    (int)ARRAY_SIZE(filters));
	suite_add_tcase(s, t);
	return s;
}

int main(int argc, char **argv) {
	SRunner *runner;
	int n;

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		return EXIT_FAILURE;
	if (argc == 2 && strcmp(argv[1], "--print") == 0) {
		print();
		return EXIT_SUCCESS;
	}
	runner = srunner_create(suite_new());
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	n = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
