/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"

#define FILE_MOST (2ull << 30) /* bytes of the database, at most                 */
#define FILES_MOST 4096u       /* descriptors of the engine                      */
#define FILES_SUPERVISOR 256u
#define FILES_WRITER 64u

/* ---- privileges ------------------------------------------------------------------ */

static int drop_identity(uint32_t uid, uint32_t gid) {
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return -EPERM;
	return 0;
}

/* The bounding set can be emptied only by who has it; the others have nothing to lose. */
static int drop_capabilities_bound(void) {
	if (geteuid() != 0)
		return 0;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return -errno;
	return 0;
}

static int drop_capabilities(void) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}, {0}};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int sandbox_drop(uint32_t uid, uint32_t gid) {
	const struct rlimit no_core = {0, 0};
	int r;

	r = drop_capabilities_bound();
	if (r < 0)
		return r;
	r = drop_identity(uid, gid);
	if (r < 0)
		return r;
	r = drop_capabilities();
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return setrlimit(RLIMIT_CORE, &no_core) < 0 ? -errno : 0;
}

/* ---- limits ------------------------------------------------------------------------- */

/* Lowers, never raises. */
static int limit(__rlimit_resource_t what, rlim_t soft, rlim_t hard) {
	struct rlimit now;

	if (getrlimit(what, &now) < 0)
		return -errno;
	if (now.rlim_max > hard)
		now.rlim_max = hard;
	now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
	return setrlimit(what, &now) < 0 ? -errno : 0;
}

/* ---- filters ------------------------------------------------------------------------ */

enum who {
	SUPERVISOR = 1,
	ENGINE = 2,
	WRITER = 4,
	BOTH = SUPERVISOR | ENGINE, /* the supervisor's filter covers its children's  */
	ALL = SUPERVISOR | ENGINE | WRITER,
};

/* A call, under its name on any architecture; a name that this one lacks is passed over. */
struct allowed {
	const char *name;
	enum who who;
};

static const struct allowed allowed[] = {
	/* Files that are open: all three write, the writer into one of them. */
	{"read", ALL}, {"write", ALL}, {"pread64", ALL}, {"pwrite64", ALL}, {"close", ALL},
	{"fstat", ALL}, {"fstat64", ALL}, {"newfstatat", ALL}, {"fstatat64", ALL},
	{"statx", ALL}, {"fsync", ALL}, {"fdatasync", ALL}, {"fallocate", ALL},
	{"fstatfs", ALL}, {"fstatfs64", ALL}, {"fcntl", ALL}, {"fcntl64", ALL},
	{"openat", ALL}, {"lseek", ALL}, {"_llseek", ALL},
	{"readv", BOTH}, {"writev", BOTH}, {"ftruncate", BOTH}, {"ftruncate64", BOTH},
	{"flock", BOTH}, {"sync_file_range", BOTH}, {"fchmod", BOTH}, {"dup", BOTH},
	{"dup2", BOTH}, {"dup3", BOTH}, {"close_range", BOTH}, {"getdents64", BOTH},
	/* Names: SQLite and libraries that still use the older calls. */
	{"open", BOTH}, {"stat", BOTH}, {"stat64", BOTH}, {"lstat", BOTH}, {"lstat64", BOTH},
	{"access", BOTH}, {"faccessat", BOTH}, {"faccessat2", BOTH}, {"readlink", BOTH},
	{"readlinkat", BOTH}, {"getcwd", BOTH}, {"unlink", BOTH}, {"unlinkat", BOTH},
	{"rename", BOTH}, {"renameat", BOTH}, {"renameat2", BOTH}, {"linkat", BOTH},
	{"mkdir", BOTH}, {"mkdirat", BOTH}, {"fchmodat", BOTH}, {"umask", BOTH},
	{"statfs", BOTH}, {"statfs64", BOTH},
	/* Waiting. */
	{"poll", ALL}, {"ppoll", ALL}, {"ppoll_time64", ALL}, {"select", BOTH},
	{"pselect6", BOTH}, {"pselect6_time64", BOTH}, {"epoll_create1", BOTH},
	{"epoll_ctl", BOTH}, {"epoll_wait", BOTH}, {"epoll_pwait", BOTH}, {"epoll_pwait2", BOTH},
	{"eventfd2", BOTH}, {"pipe2", BOTH}, {"timerfd_create", BOTH},
	{"timerfd_settime", BOTH}, {"timerfd_settime64", BOTH}, {"timerfd_gettime", BOTH},
	{"signalfd4", BOTH}, {"nanosleep", ALL}, {"clock_nanosleep", ALL},
	{"clock_nanosleep_time64", ALL}, {"restart_syscall", ALL},
	/* Sockets that exist. */
	{"accept", BOTH}, {"accept4", BOTH}, {"sendmsg", BOTH}, {"recvmsg", BOTH},
	{"sendto", BOTH}, {"recvfrom", BOTH}, {"send", BOTH}, {"recv", BOTH},
	{"getsockopt", BOTH}, {"setsockopt", BOTH}, {"getsockname", BOTH},
	{"getpeername", BOTH}, {"shutdown", BOTH},
	/* Memory; new pages are in the table below. */
	{"brk", ALL}, {"munmap", ALL}, {"madvise", ALL}, {"mremap", BOTH}, {"mlock", BOTH},
	{"mlock2", BOTH}, {"munlock", BOTH}, {"msync", BOTH}, {"mincore", BOTH},
	{"membarrier", ALL}, {"memfd_create", BOTH},
	/* Threads that exist, and ends. */
	{"futex", ALL}, {"futex_time64", ALL}, {"set_robust_list", BOTH}, {"rseq", BOTH},
	{"sched_yield", ALL}, {"sched_getaffinity", BOTH}, {"getcpu", BOTH},
	{"exit", ALL}, {"exit_group", ALL}, {"set_tid_address", BOTH},
	{"rt_sigaction", ALL}, {"rt_sigprocmask", ALL}, {"rt_sigreturn", ALL}, {"sigreturn", ALL},
	{"sigaltstack", BOTH}, {"rt_sigtimedwait", BOTH},
	/* Who and when. */
	{"getpid", ALL}, {"gettid", ALL}, {"getppid", ALL}, {"getuid", ALL}, {"geteuid", ALL},
	{"getgid", ALL}, {"getegid", ALL}, {"getuid32", ALL}, {"geteuid32", ALL},
	{"getgid32", ALL}, {"getegid32", ALL}, {"clock_gettime", ALL},
	{"clock_gettime64", ALL}, {"clock_getres", ALL}, {"gettimeofday", ALL}, {"time", ALL},
	{"getrandom", ALL}, {"uname", BOTH}, {"sysinfo", BOTH}, {"getrusage", BOTH},
	{"getrlimit", BOTH}, {"ugetrlimit", BOTH},
	/* The supervisor's own: wait, end an engine, load the filters of its children. */
	{"wait4", SUPERVISOR}, {"waitid", SUPERVISOR}, {"kill", SUPERVISOR},
	{"tgkill", SUPERVISOR}, {"fork", SUPERVISOR}, {"seccomp", SUPERVISOR},
};

/*
 * Calls that answer "there is no such thing": libraries try them and know
 * another way. In the supervisor's filter clone3() is one, because its flags
 * cannot be looked at.
 */
static const struct allowed absent[] = {
	{"io_uring_setup", ALL},
	{"clone3", SUPERVISOR},
	{"futex_waitv", ALL},
	{"cachestat", ALL},
	{"mseal", ALL},
	/* SQLite, when it runs as root; it does not mind the answer. */
	{"fchown", BOTH},
	{"fchown32", BOTH},
};

/* A call that is allowed when one argument, under a mask, has one value. */
struct allowed_when {
	const char *name;
	enum who who;
	unsigned argument;
	uint64_t mask;
	uint64_t value;
};

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)
#define WHOLE UINT64_MAX
#define WHOLE_INT 0xffffffffull

static const struct allowed_when allowed_when[] = {
	{"mmap", ALL, 2, PROT_EXEC, 0},
	{"mmap2", ALL, 2, PROT_EXEC, 0},
	{"mprotect", ALL, 2, PROT_EXEC, 0},
	{"clone", SUPERVISOR, 0, NAMESPACES, 0},
	{"socketpair", SUPERVISOR, 0, WHOLE_INT, AF_UNIX},
	{"prlimit64", SUPERVISOR, 0, WHOLE_INT, 0},
	{"prlimit64", ENGINE, 2, WHOLE, 0},
	{"ioctl", BOTH, 1, WHOLE_INT, FIONBIO},
	{"ioctl", BOTH, 1, WHOLE_INT, FIONREAD},
	{"ioctl", BOTH, 1, WHOLE_INT, FIOCLEX},
	{"ioctl", BOTH, 1, WHOLE_INT, TCGETS},
	{"prctl", ALL, 0, WHOLE_INT, PR_SET_NAME},
	{"prctl", ALL, 0, WHOLE_INT, PR_SET_VMA},
	{"prctl", SUPERVISOR, 0, WHOLE_INT, PR_SET_PDEATHSIG},
	{"prctl", SUPERVISOR, 0, WHOLE_INT, PR_SET_NO_NEW_PRIVS},
	{"prctl", SUPERVISOR, 0, WHOLE_INT, PR_SET_SECCOMP},
	{"prctl", SUPERVISOR, 0, WHOLE_INT, PR_GET_SECCOMP},
};

/*
 * The same answer, for one value of an argument. The dictionary of passwords
 * looks its own user up, and the C library then tries to reach a name service
 * through a local socket: without one it reads /etc/passwd.
 */
static const struct allowed_when absent_when[] = {
	{"socket", BOTH, 0, WHOLE_INT, AF_UNIX},
};

static void release_filter(scmp_filter_ctx *filter) {
	if (*filter)
		seccomp_release(*filter);
}

static int add(scmp_filter_ctx filter, uint32_t action, const char *name,
               const struct scmp_arg_cmp *compare) {
	int call = seccomp_syscall_resolve_name(name);

	if (call < 0)
		return 0; /* not on this architecture */
	return seccomp_rule_add_array(filter, action, call, compare ? 1 : 0, compare);
}

static int add_when(scmp_filter_ctx filter, enum who who, uint32_t action,
                    const struct allowed_when *table, size_t n) {
	int r = 0;

	for (size_t i = 0; i < n && r == 0; ++i) {
		struct scmp_arg_cmp compare = {
			.arg = table[i].argument,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = table[i].mask,
			.datum_b = table[i].value,
		};

		if (table[i].who & who)
			r = add(filter, action, table[i].name, &compare);
	}
	return r;
}

static int add_tables(scmp_filter_ctx filter, enum who who) {
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && r == 0; ++i)
		if (allowed[i].who & who)
			r = add(filter, SCMP_ACT_ALLOW, allowed[i].name, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(absent) && r == 0; ++i)
		if (absent[i].who & who)
			r = add(filter, SCMP_ACT_ERRNO(ENOSYS), absent[i].name, NULL);
	if (r == 0)
		r = add_when(filter, who, SCMP_ACT_ALLOW, allowed_when, ARRAY_SIZE(allowed_when));
	if (r == 0)
		r = add_when(filter, who, SCMP_ACT_ERRNO(ENOSYS), absent_when,
			     ARRAY_SIZE(absent_when));
	return r;
}

/* abort() and raise() reach this process alone; kill() reaches nobody. */
static int add_raise(scmp_filter_ctx filter) {
	struct scmp_arg_cmp self = {
		.arg = 0,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = WHOLE_INT,
		.datum_b = (scmp_datum_t)getpid(),
	};

	return add(filter, SCMP_ACT_ALLOW, "tgkill", &self);
}

static int load_filter(enum who who) {
	cleanup_(release_filter) scmp_filter_ctx filter = NULL;
	int r;

	if (!sandbox_has_filter())
		return 0;
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r < 0)
		return r;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
	if (r < 0)
		return r;
	if (who == ENGINE) {
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
		if (r < 0)
			return r;
	}
	/* A tree instead of a list, where the library can; it changes the speed only. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_tables(filter, who);
	if (r < 0)
		return r;
	if (who != SUPERVISOR) {
		r = add_raise(filter);
		if (r < 0)
			return r;
	}
	return seccomp_load(filter);
}

static int limit_all(rlim_t files, rlim_t files_hard) {
	int r;

	r = limit(RLIMIT_CORE, 0, 0);
	if (r < 0)
		return r;
	r = limit(RLIMIT_FSIZE, FILE_MOST, FILE_MOST);
	if (r < 0)
		return r;
	/* A file that is too long is an error to be handled, not an end. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return -errno;
	return limit(RLIMIT_NOFILE, files, files_hard);
}

int sandbox_supervisor(void) {
	int r;

	r = limit_all(FILES_SUPERVISOR, FILES_MOST);
	return r < 0 ? r : load_filter(SUPERVISOR);
}

int sandbox_engine(void) {
	int r;

	r = limit_all(FILES_MOST, FILES_MOST);
	return r < 0 ? r : load_filter(ENGINE);
}

int sandbox_writer(void) {
	int r;

	r = limit_all(FILES_WRITER, FILES_WRITER);
	return r < 0 ? r : load_filter(WRITER);
}

bool sandbox_has_filter(void) {
#if defined(__SANITIZE_ADDRESS__)
	return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
	__has_feature(thread_sanitizer)
	return false;
#else
	return true;
#endif
#else
	return true;
#endif
}
