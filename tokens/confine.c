/* SPDX-License-Identifier: Apache-2.0 */

#include "tokens/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

#define MEMORY_MOST (1ull << 30)   /* bytes of address space of a helper             */
#define FILE_MOST (16ull << 20)    /* bytes of a file that it writes                 */
#define FILES_MOST 64u
#define PROCESSES_MOST 128u        /* of the user: threads of all helpers at once    */

/* ---- who ---------------------------------------------------------------------------- */

static int become(const char *name, uint32_t uid, uint32_t gid) {
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return -errno;
	if (initgroups(name, gid) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	return setuid(0) == 0 || seteuid(0) == 0 || geteuid() == 0 ? -EPERM : 0;
}

int confine_identity(const char *name, uint32_t uid, uint32_t gid) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}, {0}};
	const struct rlimit no_core = {0, 0};
	int r = 0;

	if (geteuid() == 0)
		r = become(name, uid, gid);
	if (r < 0)
		return r;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	if (syscall(SYS_capset, &header, none) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* ---- limits ------------------------------------------------------------------------- */

/* Lowers, never raises. */
static int limit(__rlimit_resource_t what, rlim_t most) {
	struct rlimit now;

	if (getrlimit(what, &now) < 0)
		return -errno;
	if (now.rlim_max > most)
		now.rlim_max = most;
	now.rlim_cur = now.rlim_max;
	return setrlimit(what, &now) < 0 ? -errno : 0;
}

static int limits(bool has_own_user) {
	int r = limit(RLIMIT_CORE, 0);

	if (r == 0)
		r = limit(RLIMIT_NOFILE, FILES_MOST);
	if (r == 0)
		r = limit(RLIMIT_FSIZE, FILE_MOST);
	if (r == 0 && has_own_user)
		r = limit(RLIMIT_NPROC, PROCESSES_MOST);
	/* Sanitizers reserve the address space many times over. */
	if (r == 0 && confine_has_filter())
		r = limit(RLIMIT_AS, MEMORY_MOST);
	return r;
}

/* ---- the filter --------------------------------------------------------------------- */

/* Under their names on any architecture; one that this one lacks is passed over. */
static const char *const allowed[] = {
	/* Files and devices. */
	"read", "write", "pread64", "pwrite64", "readv", "writev", "close", "close_range", "open",
	"openat", "lseek", "_llseek", "fstat", "fstat64", "newfstatat", "fstatat64", "stat",
	"stat64", "lstat", "lstat64", "statx", "access", "faccessat", "faccessat2", "readlink",
	"readlinkat", "getcwd", "getdents", "getdents64", "fcntl", "fcntl64", "dup", "dup2", "dup3",
	"flock", "fsync", "fdatasync", "ftruncate", "ftruncate64", "fallocate", "fadvise64",
	"unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir",
	"umask", "fchmod", "statfs", "statfs64", "fstatfs", "fstatfs64", "inotify_init1",
	"inotify_add_watch", "inotify_rm_watch",
	/* Waiting. */
	"poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64",
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	"eventfd2", "pipe", "pipe2", "timerfd_create", "timerfd_settime", "timerfd_settime64",
	"timerfd_gettime", "nanosleep", "clock_nanosleep", "clock_nanosleep_time64",
	"restart_syscall", "pause",
	/*
	 * Sockets; which of them can be made is in the table below. No sendmsg(): whoever
	 * gets a descriptor closes it, and closing a device may take half a minute.
	 */
	"connect", "recvmsg", "sendto", "recvfrom", "send", "recv", "recvmmsg", "getsockopt",
	"setsockopt", "getsockname", "getpeername", "shutdown", "bind",
	/* Memory. Libraries are loaded: it may be executable. */
	"brk", "mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "mlock", "mlock2",
	"munlock", "msync", "mincore", "membarrier", "pkey_mprotect",
	/* Threads. */
	"futex", "futex_time64", "set_robust_list", "get_robust_list", "rseq", "set_tid_address",
	"arch_prctl", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler",
	"getcpu", "exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"sigreturn", "sigaltstack", "rt_sigtimedwait", "rt_sigsuspend",
	/* Who and when. */
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getuid32",
	"geteuid32", "getgid32", "getegid32", "getresuid", "getresgid", "getgroups", "getpgrp",
	"getpgid", "getsid", "clock_gettime", "clock_gettime64", "clock_getres", "gettimeofday",
	"time", "times", "getrandom", "uname", "sysinfo", "getrusage", "getrlimit", "ugetrlimit",
	"getpriority",
	/* Anything of a device; but see load_ioctl(). */
	"ioctl",
};

/* Libraries know another way, and take it when there is no such call. */
static const char *const absent[] = {
	"clone3", "io_uring_setup", "futex_waitv", "cachestat", "mseal",
};

struct allowed_when {
	const char *name;
	struct scmp_arg_cmp when[2];
	unsigned n;
};

#define MASKED(arg, mask, value) {(arg), SCMP_CMP_MASKED_EQ, (mask), (value)}
#define WHOLE_INT 0xffffffffull

static const struct allowed_when conditional[] = {
	{"clone", {MASKED(0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM)}, 1},
	{"socket", {MASKED(0, WHOLE_INT, AF_UNIX)}, 1},
	{"socketpair", {MASKED(0, WHOLE_INT, AF_UNIX)}, 1},
	/* Devices that come and go. */
	{"socket",
	 {MASKED(0, WHOLE_INT, AF_NETLINK), MASKED(2, WHOLE_INT, NETLINK_KOBJECT_UEVENT)}, 2},
	{"prctl", {MASKED(0, WHOLE_INT, PR_SET_NAME)}, 1},
	{"prctl", {MASKED(0, WHOLE_INT, PR_GET_NAME)}, 1},
	{"prctl", {MASKED(0, WHOLE_INT, PR_GET_DUMPABLE)}, 1},
	{"prctl", {MASKED(0, WHOLE_INT, PR_SET_VMA)}, 1},
	{"prlimit64", {MASKED(2, UINT64_MAX, 0)}, 1}, /* asks, and sets nothing      */
};

static void release_filter(scmp_filter_ctx *filter) {
	if (*filter)
		seccomp_release(*filter);
}

static int add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned n,
	       const struct scmp_arg_cmp *when) {
	int call = seccomp_syscall_resolve_name(name);

	if (call < 0)
		return 0; /* not on this architecture */
	return seccomp_rule_add_array(filter, action, call, n, when);
}

/* abort() and raise() reach this process alone. */
static int add_raise(scmp_filter_ctx filter) {
	struct scmp_arg_cmp self = MASKED(0, WHOLE_INT, (scmp_datum_t)getpid());

	return add(filter, SCMP_ACT_ALLOW, "tgkill", 1, &self);
}

static int add_tables(scmp_filter_ctx filter) {
	int r = add_raise(filter);

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && r == 0; ++i)
		r = add(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(absent) && r == 0; ++i)
		r = add(filter, SCMP_ACT_ERRNO(ENOSYS), absent[i], 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(conditional) && r == 0; ++i)
		r = add(filter, SCMP_ACT_ALLOW, conditional[i].name, conditional[i].n,
			conditional[i].when);
	return r;
}

/*
 * No typing into a terminal. A filter of its own: the kernel looks at the lower half
 * of the number alone, and "none that has these bits there" is no rule that allows.
 */
static int load_ioctl(void) {
	cleanup_(release_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const struct scmp_arg_cmp type = MASKED(1, WHOLE_INT, TIOCSTI);
	int r;

	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
	if (r == 0)
		r = add(filter, SCMP_ACT_ERRNO(EPERM), "ioctl", 1, &type);
	return r == 0 ? seccomp_load(filter) : r;
}

static int load_filter(void) {
	cleanup_(release_filter) scmp_filter_ctx filter = NULL;
	int r;

	if (!confine_has_filter())
		return 0;
	r = load_ioctl();
	if (r < 0)
		return r;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	/* Calls of another architecture have other numbers: whoever makes them is up to no good. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
	if (r == 0)
		r = add_tables(filter);
	return r == 0 ? seccomp_load(filter) : r;
}

int confine_helper(bool has_own_user) {
	int r = limits(has_own_user);

	if (r < 0)
		return r;
	/* A file that is too long is an error to be handled. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return -errno;
	return load_filter();
}

bool confine_has_filter(void) {
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
